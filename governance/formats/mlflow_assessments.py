"""MLflow's assessments, of a trace or as the table of an evaluation: feedback and expectations."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from governance.formats.conversions import as_text, canonical_json, hex_id, number, sha256_of
from governance.formats.fields import Aliases, Fields
from governance.formats.request_rows import at_milliseconds
from governance.formats.rows import Ignored, Row, Rows, UnreadableError
from governance.formats.times import moment

NAMES = {
    "assessment_id": ("assessment_id",),
    "name": ("assessment_name", "name"),
    "span_id": ("span_id",),
    "target": ("trace_id", "request_id", "evaluation_id"),
    "annotator": ("source#source_id",),
    "kind": ("source#source_type",),
    "created": ("create_time", "timestamp"),
    "created_ms": ("create_time_ms", "timestamp_ms"),
    "feedback": ("feedback#value", "boolean_value", "numeric_value", "string_value"),
    "expectation": ("expectation#value", "expectation#serialized_value.value"),
}
ANNOTATORS = {"HUMAN": "human", "LLM_JUDGE": "llm", "AI_JUDGE": "llm", "CODE": "code"}
ASSESSMENT_COLUMNS = (
    *("assessment_id", "target_id", "name", "score", "label", "annotator_kind", "annotator", "created_ts"),
)
OUTCOME_COLUMNS = ("outcome_id", "target_id", "name", "value", "value_num", "known_ts")
TABLE = frozenset({"evaluation_id", "name", "source", "timestamp"})
_ALIASES = Aliases(NAMES)
_TRACE = re.compile(r"tr-([0-9a-fA-F]{32})")


def trace_hex(logged: Any) -> str | None:
    """The id of a trace as hex: MLflow writes `tr-` and hex, protobuf base64."""
    written = as_text(logged).strip() if logged is not None else ""
    prefixed = _TRACE.fullmatch(written)
    return hex_id(prefixed[1] if prefixed else written, 16)


def is_table(value: Mapping[str, Any]) -> bool:
    """Whether the object is the assessment table of an evaluation: columns, and rows of values."""
    columns = value.get("columns")
    return isinstance(columns, list) and isinstance(value.get("data"), list) and set(map(as_text, columns)) >= TABLE


def table_rows(value: Mapping[str, Any]) -> list[Any]:
    """The rows of the table by column; a row that is shorter was written before the last columns were added."""
    columns = [as_text(column) for column in value["columns"]]
    return [
        {"assessment": dict(zip(columns, row, strict=False)), "trace_id": None} if isinstance(row, list) else row
        for row in value["data"]
    ]


def assessed(logged: Mapping[str, Any], trace_id: Any, source: str) -> Rows | Ignored:
    """The assessment of feedback, or the outcome that an expectation states.

    Args:
        logged: One assessment.
        trace_id: Trace that it was found in, where it does not say one.
        source: Name of the source, for ids.

    Raises:
        UnreadableError: It has no name, no time, or nothing that it is about.
    """
    if logged.get("valid") is False:
        return Ignored("assessment that another has replaced")
    fields = Fields(logged, _ALIASES)
    target = hex_id(fields.text("span_id"), 8) or trace_hex(fields.text("target")) or trace_hex(trace_id)
    name, created = fields.text("name"), _created(fields)
    if target is None or name is None or created is None:
        raise UnreadableError("missing_value", "an assessment needs a name, a time, and what it is about")
    expected = fields.raw("expectation")
    if expected is not None:
        return Rows({"outcomes": [_outcome(logged, target, name, expected, created, source)]})
    value = fields.raw("feedback")
    if value is None:
        return Ignored("assessment without a value")
    row: Row = {
        "assessment_id": f"{source}:{fields.text('assessment_id') or sha256_of(canonical_json(logged))[:32]}",
        "target_id": target,
        "name": name,
        "score": _score(value),
        "label": None if _is_number(value) else as_text(value),
        "annotator_kind": ANNOTATORS.get((fields.text("kind") or "").upper()),
        "annotator": fields.text("annotator"),
        "created_ts": created,
    }
    return Rows({"assessments": [row]})


def _created(fields: Fields) -> datetime | None:
    """When it was made: a calendar time, or milliseconds since 1970."""
    value, ms = fields.raw("created"), fields.raw("created_ms")
    if value is None and ms is None:
        return None
    if isinstance(value, str):
        return moment(value, "create_time").at
    return at_milliseconds(ms if value is None else value, "create_time")


def _is_number(value: Any) -> bool:
    return not isinstance(value, bool | str | Mapping | list)


def _score(value: Any) -> float | None:
    """Numbers as they are, true as 1 and false as 0; words have no score."""
    if isinstance(value, bool):
        return float(value)
    exact = number(value, "value") if _is_number(value) else None
    return None if exact is None or exact.is_nan() else float(exact)


def _outcome(logged: Any, target: str, name: str, value: Any, known: datetime, source: str) -> Row:
    return {
        "outcome_id": f"{source}:{sha256_of(canonical_json(logged))[:32]}",
        "target_id": target,
        "name": name,
        "value": as_text(value),
        "value_num": _score(value),
        "known_ts": known,
    }
