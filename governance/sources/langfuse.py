"""Langfuse's scheduled export: observations (generations become requests) and scores (become assessments).

What its public API answers (pages of observations, scores or traces, names in camel case) is read as well.

Tokens: Langfuse takes the cached tokens out of `input` and the reasoning out of `output` and counts them under names of
their own. Whatever count has "input" in its name is part of the input, as in its own dashboards, and so for "output".

A score of the source ANNOTATION is a person's, yet no review: it does not say that a decision was looked at before it
took effect, nor what became of it. It is an assessment by a human.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar

from governance.formats.conversions import US_PER_S, as_text, number, whole
from governance.formats.fields import Aliases, Fields
from governance.formats.genai_names import PARAMETERS
from governance.formats.llm_requests import Bodies, body_text, parameter_names, sampling_parameters
from governance.formats.request_rows import (
    ALWAYS,
    elapsed_us,
    fills,
    finished,
    identity,
    needed_time,
    object_of,
    time_of,
)
from governance.formats.rows import Row
from governance.sources import Ignored, Rows, Source, UnreadableError

TEXT_NAMES: dict[str, tuple[str, ...]] = {
    "trace_id": ("trace_id",),
    "parent_span_id": ("parent_observation_id",),
    "session_id": ("session_id",),
    "environment": ("environment",),
    "service_name": ("service_name",),
    "model_served": ("provided_model_name",),
    "prompt_name": ("prompt_name",),
    "prompt_version": ("prompt_version",),
    "user_id": ("user_id",),
    "team": ("metadata#team",),
    "business_unit": ("metadata#business_unit",),
    "project": ("project_id",),
}
OTHER_NAMES: dict[str, tuple[str, ...]] = {
    "id": ("id",),
    "start_time": ("start_time",),
    "end_time": ("end_time",),
    "completion_start_time": ("completion_start_time",),
    "latency": ("latency",),
    "time_to_first_token": ("time_to_first_token",),
    "level": ("level",),
    "total_cost": ("total_cost",),
    "cost_of_parts": ("cost_details#total",),
    "metadata": ("metadata",),
    "labels": ("tags",),
}
SCORE_NAMES: dict[str, tuple[str, ...]] = {
    "id": ("id",),
    "timestamp": ("timestamp",),
    "target": ("observation_id", "trace_id", "session_id"),
    "name": ("name",),
    "value": ("value",),
    "string_value": ("string_value",),
    "source": ("source",),
    "annotator": ("author_user_id",),
}
OBSERVATION = frozenset({"id", "trace_id", "type", "start_time"})
ONE_OF = frozenset({"usage_details", "provided_model_name", "parent_observation_id"})
SCORE = frozenset({"id", "name", "value", "source", "data_type", "timestamp"})
TRACE = frozenset({"id", "timestamp", "release", "session_id", "tags"})
OPERATIONS = {"GENERATION": "chat", "EMBEDDING": "embedding"}
ANNOTATORS = {"ANNOTATION": "human", "EVAL": "llm"}  # API: anybody's program, or a user's feedback

_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_OF_API = frozenset({"startTime", "dataType", "sessionId"})  # one of them is in each thing that the API answers
_RENAMED = {"model": "provided_model_name", "calculated_total_cost": "total_cost"}  # the API's names -> the export's
_ALIASES = Aliases(TEXT_NAMES | OTHER_NAMES | parameter_names(PARAMETERS, ("model_parameters",)))
_SCORE_ALIASES = Aliases(SCORE_NAMES)


class LangfuseSource(Source):
    """Rows of the observations and scores export as JSON; traces are ignored, their observations say it all."""

    name: ClassVar[str] = "langfuse"
    title: ClassVar[str] = "Langfuse blob-storage export, or answers of its API: observations and scores"
    fills: ClassVar[tuple[str, ...]] = fills(
        requests=(
            *ALWAYS,
            *("request_id", "end_ts", "latency_us", "ttft_us", *TEXT_NAMES, "parameters", "tags"),
            *("input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens"),
            *("cost_reported", "cost_currency"),
        ),
        payloads=Bodies.columns,
        assessments=(
            *("assessment_id", "target_id", "name", "score", "label", "annotator_kind", "annotator", "created_ts"),
        ),
    )
    verified: ClassVar[str] = (
        "two observations put together from Langfuse's own column list and test values, none recorded; scores, cached "
        "and reasoning tokens on made records only"
    )

    def recognises(self, value: Mapping[str, Any]) -> bool:
        keys = _exported(value).keys()
        return (keys >= OBSERVATION and not keys.isdisjoint(ONE_OF)) or keys >= SCORE or keys >= TRACE

    def rows(self, record: Any) -> Rows | Ignored:
        value = _exported(object_of(record))
        if value.keys() >= SCORE:
            return _score(value)
        if value.keys() >= TRACE and "type" not in value:
            return Ignored("trace")
        kind = as_text(value.get("type") or "").upper()
        if not kind:
            raise UnreadableError("missing_value", "type is not set")
        if kind not in OPERATIONS:
            return Ignored(f"{kind.lower()} observation")
        return _observation(value, OPERATIONS[kind])


SOURCE = LangfuseSource()


def _exported(value: Mapping[str, Any]) -> Mapping[str, Any]:
    """A thing that the API answered under the names of the export; others as they are."""
    if _OF_API.isdisjoint(value):
        return value
    named = {_HUMP.sub("_", name).lower(): held for name, held in value.items()}
    found = {_RENAMED.get(name, name): held for name, held in named.items()}
    usage = found.get("usage")
    if not found.get("usage_details") and isinstance(usage, Mapping):
        found["usage_details"] = {name: usage[name] for name in ("input", "output", "total") if name in usage}
    return found


def _observation(value: Mapping[str, Any], operation: str) -> Rows:
    fields = Fields(value, _ALIASES)
    row = identity(SOURCE.name, fields.text("id"), value) | {"operation": operation} | _times(fields)
    row |= {column: fields.text(column) for column in TEXT_NAMES}
    tokens, total = _tokens(fields.nested("usage_details"))
    row |= tokens | _cost(fields)
    row["parameters"] = sampling_parameters(fields, PARAMETERS)
    row["tags"] = {**fields.scalars("metadata"), **fields.labels("labels")} or None
    is_error = (fields.text("level") or "").upper() == "ERROR"
    row["status"] = "error" if is_error else "incomplete" if row["latency_us"] is None else "ok"
    message = body_text(value.get("status_message")) if is_error else None
    bodies = {"request": body_text(value.get("input")), "response": body_text(value.get("output")), "error": message}
    return finished(row, fields, bodies, total)


def _times(fields: Fields) -> Row:
    start, end, first = needed_time(fields, "start_time"), time_of(fields, "end_time"), None
    latency_us = elapsed_us(start, end, fields)
    ttft_us = fields.microseconds("time_to_first_token", US_PER_S)
    if ttft_us is None and (first := time_of(fields, "completion_start_time")) is not None:
        ttft_us = elapsed_us(start, first, fields)
    if end is None:
        latency_us = fields.microseconds("latency", US_PER_S)
    return {"start_ts": start, "end_ts": end, "latency_us": latency_us, "ttft_us": ttft_us}


def _tokens(details: Any) -> tuple[Row, int | None]:
    """The counts in the inclusive convention, and the total as logged.

    Source: the sums over `usage_details` in langfuse/langfuse, dashboards and queries.
    """
    counts = details if isinstance(details, Mapping) else {}
    read = {
        str(name).lower(): number(count, f"usage_details.{name}") for name, count in counts.items() if count is not None
    }
    known = {name: whole(count, f"usage_details.{name}") for name, count in read.items() if not count.is_nan()}
    into = {
        name: count for name, count in known.items() if "input" in name or ("cache" in name and "output" not in name)
    }
    cached = {name: count for name, count in into.items() if "cache" in name}
    written = {name: count for name, count in cached.items() if "creation" in name or "write" in name}
    out = {name: count for name, count in known.items() if "output" in name}
    row: Row = {
        "input_tokens": _sum(into),
        "cache_read_tokens": _sum({name: count for name, count in cached.items() if name not in written}),
        "cache_write_tokens": _sum(written),
        "output_tokens": _sum(out),
        "reasoning_tokens": _sum({name: count for name, count in out.items() if "reason" in name}),
    }
    return row, known.get("total")


def _sum(counts: Mapping[str, int]) -> int | None:
    return sum(counts.values()) if counts else None


def _cost(fields: Fields) -> Row:
    """The cost that Langfuse shows, in USD; flagged where its parts say another."""
    cost, parts = fields.money("total_cost"), fields.money("cost_of_parts")
    if cost is not None and parts not in {None, cost}:
        fields.flags.add("cost_differs")
    return {"cost_reported": cost, "cost_currency": None if cost is None else "USD"}


def _score(value: Mapping[str, Any]) -> Rows | Ignored:
    fields = Fields(value, _SCORE_ALIASES)
    target, name, score_id = fields.text("target"), fields.text("name"), fields.text("id")
    if target is None and value.get("dataset_run_id"):
        return Ignored("score of a dataset run")
    if target is None or name is None or score_id is None:
        raise UnreadableError("missing_value", "a score needs an id, a name, and what it is about")
    score = fields.decimal("value")
    row: Row = {
        "assessment_id": f"{SOURCE.name}:{score_id}",
        "target_id": target,
        "name": name,
        "score": None if score is None else float(score),
        "label": fields.text("string_value"),
        "annotator_kind": ANNOTATORS.get((fields.text("source") or "").upper()),
        "annotator": fields.text("annotator"),
        "created_ts": needed_time(fields, "timestamp"),
    }
    return Rows({"assessments": [row]})
