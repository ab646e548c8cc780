"""The terminal view of an explanation: what decided, why, under which rules, what it cost, and the proof."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from governance.cli.screen import VERDICT_STYLES, Cell, Column, Screen
from governance.display import ABSENT, SIGNS, moment, money, number, visible
from governance.wording import all_of, words

if TYPE_CHECKING:
    from governance.workspace import Office

SHOWN_INPUTS = 8  # chosen here: what fits a screen beside the rest; --json has all
BAR = 12
_INPUTS = (
    Column("input", may_fold=True),
    Column("value", is_right=True, may_fold=True),
    Column("effect", is_right=True),
    Column(),
)
_LATENCY = {"latency_us": "in all", "ttft_us": "to first token", "queue_us": "in a queue"}
_GRADES = {
    "reproduced": "the contributions add up to the logged score",
    "attributed": "contributions are known, but no score was logged to compare them with",
    "unequal": "the contributions do NOT add up to the logged score: they explain another model or other inputs",
    "record": "the record alone; there are no contributions",
}


def show(screen: Screen, document: Mapping[str, Any], reader: str, office: Office) -> None:
    """Prints one explanation for an engineer, the person concerned, who is told whom to ask, or an auditor."""
    if reader == "subject":
        _subject(screen, document, office)
        return
    _head(screen, document)
    _contributions(screen, document)
    _reasons(screen, document["reasons"])
    _changes(screen, document["changes"])
    _request(screen, document)
    _people(screen, document)
    _rules(screen, document)
    _missing(screen, document["missing"])
    _proof(screen, document["proof"], whole=reader == "auditor")
    _listed(screen, "Explanations of it that were read before", [_reading(one) for one in document["readings"] or ()])


def _section(screen: Screen, title: str) -> None:
    screen.line()
    screen.line(Cell(title, "bold"))


def _pairs(screen: Screen, pairs: Iterable[tuple[str, object]]) -> None:
    """Names and values below each other; those without a value are left out."""
    known = [(name, visible(str(value))) for name, value in pairs if value is not None and value != ""]
    screen.table([Column(), Column(may_fold=True)], [(Cell(name, "dim"), Cell(text)) for name, text in known])


def _head(screen: Screen, document: Mapping[str, Any]) -> None:
    decision = document["decision"]
    outcome = {True: "favourable", False: "adverse", None: None}[document["favourable"]]
    title = f"{document['decision_id'] or document['request_uid']}"
    screen.line(Cell(visible(title), "bold"))
    by = document["decided_by"]
    model = " ".join(str(part) for part in (document["model"], document["model_version"]) if part)
    _pairs(
        screen,
        [
            ("decided", f"{decision} ({outcome})" if outcome else decision),
            ("before", document["decision_before"]),
            ("decided by", f"{by['stage'] or 'nothing'}: {by['evidence']}"),
            ("time", document["time"].replace("T", " ").replace("Z", " UTC")),
            ("score", _score(document)),
            ("confidence", None if document["confidence"] is None else number(document["confidence"])),
            ("model", model or None),
        ],
    )


def _score(document: Mapping[str, Any]) -> str | None:
    if document["score"] is None:
        return None
    limit = document["threshold"]
    return f"{document['score']:.6g}" + (f", threshold {limit:.6g}" if limit is not None else "")


def _contributions(screen: Screen, document: Mapping[str, Any]) -> None:
    explanation = document["explanation"]
    if explanation is None:
        return
    origin = "stored" if explanation["stored"] else "computed now, not at decision time"
    _section(screen, f"Why: contributions to the {explanation['output_space']} ({explanation['method']}, {origin})")
    stage = document["decided_by"]["stage"]
    if stage != "model":
        screen.line(Cell(f"They explain the model's score, which is not what decided: the {stage} did.", "yellow"))
    parts = explanation["contributions"]
    largest = max((abs(part["contribution"]) for part in parts), default=0.0) or 1.0
    rows = [_row("base value", "", explanation["base_value"])]
    for part in parts[:SHOWN_INPUTS]:
        bar = _bar(part["contribution"], largest)
        rows.append(_row(visible(part["feature"]), _value(part["value"]), part["contribution"], bar))
    rest = parts[SHOWN_INPUTS:]
    if rest:
        rows.append(_row(f"{len(rest)} others", "", sum(part["contribution"] for part in rest)))
    rows.append(_row("output", "", explanation["output_value"], style="bold"))
    screen.table(_INPUTS, rows)
    grade = "reproduced" if explanation["equals_logged_score"] else "unequal"
    if explanation["equals_logged_score"] is None:
        grade = "attributed"
    error = explanation["score_error"]
    text = _GRADES[grade] + (f" (error {error:.1e})" if error is not None else "")
    screen.line(Cell(text, "red" if grade == "unequal" else ""))


def _row(name: str, value: str, effect: float, bar: Cell = Cell(""), style: str = "") -> list[Cell]:
    """One line of the contributions; an effect has its sign, always."""
    return [*(Cell(text, style) for text in (name, value, f"{effect:+.4f}")), bar]


def _bar(contribution: float, largest: float) -> Cell:
    """A bar; the sign says what the colour says."""
    length = max(1, round(BAR * abs(contribution) / largest))
    sign, style = ("▲", "red") if contribution > 0 else ("▼", "blue")
    return Cell(sign + "█" * length, style)


def _value(value: Any) -> str:
    if value is None:
        return ABSENT
    return number(value) if isinstance(value, int | float) and not isinstance(value, bool) else visible(str(value))


def _reasons(screen: Screen, reasons: Sequence[Mapping[str, Any]]) -> None:
    if not reasons:
        return
    _section(screen, "Principal reasons")
    for reason in reasons:
        name = reason.get("text") or reason.get("group") or reason.get("rule")
        rule = f" (rule {reason['rule']})" if reason.get("rule") else ""
        screen.line(f"{reason['rank']}. {visible(str(name))}{visible(rule)}")


def _changes(screen: Screen, known: Mapping[str, Any] | None) -> None:
    if known is None:
        return
    _section(screen, "What would have changed the result")
    for one in known["found"]:
        screen.line(visible(f"score {one['score']:.6g} if {all_of(one)}"))
    scored = f"{known['candidates']} combinations scored by the same version of the model"
    screen.line(f"{scored}{'' if known['found'] else '; none would have led to another result'}")


def _request(screen: Screen, document: Mapping[str, Any]) -> None:
    request = document["request"]
    _section(screen, "Request")
    latency = [f"{_LATENCY[name]} {value / 1000:,.0f} ms" for name, value in document["latency_us"].items()]
    tokens = [
        f"{request[name]:,} {name.removesuffix('_tokens')}"
        for name in ("input_tokens", "output_tokens")
        if name in request
    ]
    cost = document["cost_usd"]
    requested, served = request.get("model_requested"), request.get("model_served")
    _pairs(
        screen,
        [
            ("id", request.get("request_id")),
            ("trace", request.get("trace_id")),
            ("status", request.get("status") if request.get("status") != "ok" else None),
            ("error", request.get("error_type")),
            ("asked for", requested if requested != served else None),
            ("served by", served if document["decision_id"] is None else None),
            ("prompt", " ".join(str(request[n]) for n in ("prompt_name", "prompt_version") if n in request)),
            ("route", request.get("route_cause")),
            ("fallbacks", request.get("fallbacks") or None),
            ("cache", request.get("cache_status")),
            ("latency", ", ".join(latency)),
            ("tokens", ", ".join(tokens)),
            ("cost", None if cost is None else money(cost, "USD")),
            ("unit", request.get("business_unit")),
        ],
    )


def _people(screen: Screen, document: Mapping[str, Any]) -> None:
    if document["reviews"]:
        _section(screen, "Reviews by people")
    for review in document["reviews"]:
        done = _time(review["completed_ts"]) if review["completed_ts"] else "not completed"
        late = _before_effect(review)
        screen.line(visible(f"{review['outcome'] or 'open'} by {review['reviewer'] or 'unknown'}, {done}{late}"))
    _listed(screen, "Notices to the person", [_notice(row) for row in document["notices"]])
    _listed(
        screen,
        "Outcomes known later",
        [f"{r['name']} = {r['value']}, known {_time(r['known_ts'])}" for r in document["outcomes"]],
    )
    judged = [f"{r['name']} {r['score']} by {r['annotator'] or r['annotator_kind']}" for r in document["assessments"]]
    _listed(screen, "Assessments", judged)
    _listed(screen, "Guardrails", [f"{r['guardrail']}: {r['verdict']}" for r in document["guardrails"]])
    calls = [f"{r['kind']} {r['model'] or r['name'] or ''}: {r['status']}" for r in document["attempts"]]
    _listed(screen, "Upstream calls", calls)


def _reading(one: Mapping[str, Any]) -> str:
    return f"{_time(one['at'])} by {one['by']}, for {one['for']} (entry {one['entry']})"


def _notice(row: Mapping[str, Any]) -> str:
    sent = f"sent {_time(row['sent_ts'])}" if row["sent_ts"] else f"not sent by {_time(row['noted_ts'])}"
    opened = f", open since {_time(row['opened_ts'])}" if row["opened_ts"] else ""
    return f"{row['name']}: {sent}{opened}"


def _time(text: str) -> str:
    """A time of the document as people read it."""
    return f"{moment(datetime.fromisoformat(text))} UTC"


def _listed(screen: Screen, title: str, lines: Sequence[str]) -> None:
    if lines:
        _section(screen, title)
    for line in lines:
        screen.line(visible(line))


def _before_effect(review: Mapping[str, Any]) -> str:
    if review["effective_ts"] is None or review["completed_ts"] is None:
        return ""
    return ", before effect" if review["completed_ts"] <= review["effective_ts"] else ", AFTER it took effect"


def _rules(screen: Screen, document: Mapping[str, Any]) -> None:
    if document["policies"]:
        _section(screen, "Policies in force at that time")
    for policy in document["policies"]:
        approved = f", approved by {policy['approved_by']}" if policy.get("approved_by") else ", not approved"
        screen.line(visible(f"{policy['policy']} version {policy['version']} ({policy['sha256'][:12]}){approved}"))
    shown = [finding for finding in document["findings"] if finding["verdict"] != "passed"]
    passed = len(document["findings"]) - len(shown)
    if document["findings"]:
        _section(screen, f"Findings that this record belongs to ({passed} passed)")
    for finding in shown[:10]:
        verdict = finding["verdict"]
        text = f"{finding['check']} [{words(finding['subject'])}]: {finding['reason'] or verdict}"
        screen.line(Cell(SIGNS[verdict].mark, VERDICT_STYLES[verdict]), f" {visible(text)}")
    if len(shown) > 10:  # noqa: PLR2004 - a screen
        screen.line(Cell(f"  and {len(shown) - 10} more in --json", "dim"))


def _missing(screen: Screen, missing: Sequence[Mapping[str, str]]) -> None:
    if missing:
        _section(screen, "What is not known")
    for item in missing:
        screen.line(f"{visible(item['what'])}: {visible(item['why'])}")


def _proof(screen: Screen, proof: Mapping[str, Any], *, whole: bool) -> None:
    _section(screen, "Proof")
    ledger = proof["ledger"]
    screen.line(f"{len(proof['files'])} files read, each with the digest that the ledger names")
    screen.line(f"ledger {ledger['size']} entries, root {ledger['root']}", fold=False)
    screen.line(f"source file {proof['file_sha256'][:16]}, record {proof['row_no']}")
    if proof["conflicts"]:
        again = f"the record came {proof['conflicts'] + 1} times with different content"
        screen.line(Cell(f"{again}; what came first is explained, the rest is kept as conflicts", "bold"))
    for file in proof["files"] if whole else ():
        screen.line(f"  entry {file['entry']}: {file['path']}", fold=False)


def _subject(screen: Screen, document: Mapping[str, Any], office: Office) -> None:
    """The letter to the person concerned."""
    from governance.letter import letter

    own = letter(document, office)
    screen.line(Cell(visible(f"About your request of {own.day}"), "bold"))
    screen.line(visible(own.outcome))
    screen.line(own.role)
    for part in own.parts:
        _section(screen, part.title)
        if part.lead:
            screen.line(part.lead)
        for place, line in enumerate(part.lines, 1):
            mark = f"{place}. " if part.is_ranked else "- " if len(part.lines) > 1 or part.lead else ""
            screen.line(visible(f"{mark}{line}"))
        if part.close:
            screen.line(part.close)
