"""Why: how the contributions of the inputs lead to the score, whether they do, and the principal reasons."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from governance import charts
from governance.blocks import AnyBlock, Bullets, Cell, Code, Column, Table, notice, paragraph, section
from governance.blocks.prose import Tone
from governance.display import number
from governance.drawings import Step
from governance.wording import all_of

Document: TypeAlias = Mapping[str, Any]
GRADES: dict[str, tuple[Tone, str]] = {
    "reproduced": ("good", "The contributions add up to the logged score."),
    "attributed": ("info", "Contributions are known, but no score was logged to compare them with."),
    "unequal": (
        "bad",
        "The contributions do NOT add up to the logged score: they explain another model or other inputs.",
    ),
    "record": ("info", "There is the record alone; no contributions of inputs are known."),
}


def contributions(document: Document) -> list[AnyBlock]:
    """How the inputs lead from the base value to the output, and whether that is the logged score."""
    tone, words = GRADES[document["grade"]]
    explanation = document["explanation"]
    if explanation is None:
        return [notice(tone, words)]
    by = document["decided_by"]["stage"]
    context = (
        []
        if by in ("model", None)
        else [notice("warn", f"The {by} decided; the contributions below are context, not the cause.")]
    )
    error = explanation["score_error"]
    fit = "" if error is None else f" Largest difference {error:.1e}, allowed {explanation['score_tolerance']:.1e}."
    return [
        section(
            "Why",
            *context,
            notice(tone, f"{words}{fit}"),
            _waterfall(document),
            _table(explanation),
            _method(explanation),
        )
    ]


def _waterfall(document: Document) -> AnyBlock:
    explanation = document["explanation"]
    steps = [
        Step(part["feature"], _value(part["value"]), part["contribution"]) for part in explanation["contributions"]
    ]
    title = f"From the base value to the output ({explanation['output_space']})"
    unit = explanation["output_space"]
    return charts.waterfall(title, explanation["base_value"], steps, explanation["output_value"], unit=unit)


def _table(explanation: Mapping[str, Any]) -> Table:
    columns = (Column("input"), Column("value"), Column("contribution", "number", digits=6))
    rows = tuple(
        (part["feature"], _value(part["value"]), part["contribution"]) for part in explanation["contributions"]
    )
    first: tuple[Cell, ...] = ("base value", None, explanation["base_value"])
    return Table(
        "Contributions of the inputs", columns, (first, *rows), totals=("output", None, explanation["output_value"])
    )


def _method(explanation: Mapping[str, Any]) -> AnyBlock:
    origin = (
        f"stored, computed {explanation['computed']}" if explanation["stored"] else "computed now, not at decision time"
    )
    background = explanation["background_sha256"]
    return paragraph(
        f"How explained: {explanation['method']}, {explanation['library']}, {origin}; additivity error "
        f"{explanation['additivity_error']:.1e}. Model ",
        Code(str(explanation["artefact_sha256"])[:16]),
        *((", background ", Code(background[:16])) if background else (", no background",)),
        ".",
        role="method",
    )


def _value(value: object) -> str:
    if value is None:
        return "missing"
    return number(value) if isinstance(value, int | float) and not isinstance(value, bool) else str(value)


def reasons(document: Document) -> list[AnyBlock]:
    """The principal reasons, in order."""
    if not document["reasons"]:
        return []
    items = tuple((_reason(reason),) for reason in document["reasons"])
    return [section("Principal reasons", Bullets(items, numbered=True))]


def changes(document: Document) -> list[AnyBlock]:
    """What would have changed an adverse result, as the model itself says."""
    known = document["changes"]
    if known is None:
        return []
    said = f"{known['candidates']} combinations of what the card says a person can change were scored by the same "
    said += "version of the model; rules and people, who may come before or after it, were not asked."
    columns = (Column("if"), Column("score", "number", digits=6), Column("threshold", "number", digits=6))
    rows = tuple((all_of(one), one["score"], known["threshold"]) for one in known["found"])
    found = Table("Changes with which the score is on the other side", columns, rows)
    none = notice("info", f"None would have led to the other side of the threshold {number(known['threshold'])}.")
    return [section("What would have changed the result", found if rows else none, paragraph(said, role="method"))]


def _reason(reason: Mapping[str, Any]) -> str:
    name = reason.get("text") or reason.get("group") or reason.get("rule")
    return f"{name} (rule {reason['rule']})" if reason.get("rule") else str(name)
