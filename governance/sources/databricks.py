"""Databricks inference tables: the payload table of a serving endpoint, in its first two forms.

    chat, completion, embedding bodies    a request
    dataframe_records with assessments    assessments by people (the review app's endpoint), about another request
    dataframe_records, dataframe_split,   a request with one decision per record
    instances, inputs

Request and response are JSON texts. `timestamp_ms` (or `request_time`) is when the request was received; a `date` that
says another day is flagged. A body that was too large is logged as null with an error code: its state is *truncated*.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

from governance.formats.conversions import US_PER_MS, as_text, canonical_json, look_up, number, sha256_of
from governance.formats.decision_rows import DECISION_COLUMNS, predicted
from governance.formats.fields import Aliases, Fields
from governance.formats.genai_names import PARAMETERS
from governance.formats.llm_requests import (
    HTTP_ERROR,
    Bodies,
    body_text,
    error_status,
    http_status,
    parameter_names,
    sampling_parameters,
)
from governance.formats.provider_usage import reported_usage
from governance.formats.request_rows import (
    ALWAYS,
    at_milliseconds,
    end_after,
    fills,
    finished,
    identity,
    needed_time,
    object_of,
)
from governance.formats.rows import Row
from governance.sources import Ignored, Rows, Source, UnreadableError

TEXT_NAMES: dict[str, tuple[str, ...]] = {
    "client_request_id": ("client_request_id",),
    "response_id": ("response#id",),
    "session_id": ("request#databricks_options.conversation_id", "request#custom_inputs.session_id"),
    "model_requested": ("request#model",),
    "model_served": ("response#model", "request_metadata#model_name"),
    "model_version": ("request_metadata#model_version", "served_entity_id"),
    "service_name": ("request_metadata#endpoint_name",),
    "user_id": ("requester",),
}
OTHER_NAMES: dict[str, tuple[str, ...]] = {
    "id": ("databricks_request_id",),
    "milliseconds": ("timestamp_ms",),
    "request_time": ("request_time",),
    "date": ("date", "request_date"),
    "duration_ms": ("execution_time_ms", "execution_duration_ms"),
    "finish_reasons": ("response#choices.*.finish_reason",),
    "error_type": ("response#error_code", "response#error.type"),
    "sampling": ("sampling_fraction",),
    "total_tokens": ("response#usage.total_tokens",),
}
TIMES = frozenset({"timestamp_ms", "request_time"})
RATINGS = ("text_assessments", "retrieval_assessments")
PREDICTIVE = ("dataframe_records", "dataframe_split", "instances", "inputs")
TOO_LARGE = {"request": "MAX_REQUEST_SIZE_EXCEEDED", "response": "MAX_RESPONSE_SIZE_EXCEEDED"}
_ALIASES = Aliases(TEXT_NAMES | OTHER_NAMES | parameter_names(PARAMETERS, ("request",)))


class DatabricksSource(Source):
    """Rows of a payload table, exported as JSON, CSV or Parquet."""

    name: ClassVar[str] = "databricks"
    title: ClassVar[str] = "Databricks inference table (payload)"
    fills: ClassVar[tuple[str, ...]] = fills(
        requests=(
            *(*ALWAYS, "request_id", "end_ts", "latency_us", *TEXT_NAMES, "parameters"),
            *("input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens"),
            *("http_status", "error_type", "finish_reasons", "tags"),
        ),
        decisions=(*DECISION_COLUMNS, "model", "model_version"),
        features=("decision_id", "decision_ts"),
        payloads=Bodies.columns,
        assessments=(
            *("assessment_id", "target_id", "name", "score", "label", "annotator_kind", "annotator", "created_ts"),
        ),
    )
    verified: ClassVar[str] = (
        "five recorded rows of a chat endpoint and its review app in the older form; the newer form, tokens and "
        "predictions on made records only"
    )

    def recognises(self, value: Mapping[str, Any]) -> bool:
        return "databricks_request_id" in value and not value.keys().isdisjoint(TIMES)

    def rows(self, record: Any) -> Rows | Ignored:
        value = object_of(record)
        fields = Fields(value, _ALIASES)
        at = _time(fields)
        code = http_status(value.get("status_code"))
        asked, answer = fields.nested("request"), fields.nested("response")
        if _is_assessed(asked) and (code is None or code < HTTP_ERROR):
            return _assessments(asked["dataframe_records"], fields, at)
        row = identity(self.name, fields.text("id"), value) | _times(fields, at) | _result(fields, code)
        row |= {column: fields.text(column) for column in TEXT_NAMES} | reported_usage(answer).columns()
        row |= {"operation": _operation(asked)}
        row["parameters"] = sampling_parameters(fields, PARAMETERS)
        sampled = fields.decimal("sampling")
        row["tags"] = None if sampled in {None, 1} else {"sampling_fraction": as_text(sampled)}
        bodies = {half: body_text(value.get(half)) for half in ("request", "response")}
        is_predicted = row["operation"] == "predict" and row["status"] == "ok"
        model = (row["model_served"], row["model_version"])
        found = predicted(row, (asked, answer) if is_predicted else (None, None), at, model, fields.flags)
        made = _truncated(finished(row, fields, bodies, fields.tokens("total_tokens")), value)
        return Rows({**made.tables, "decisions": found.decisions}, found.features) if found.decisions else made


SOURCE = DatabricksSource()


def _time(fields: Fields) -> datetime:
    ms = fields.raw("milliseconds")
    at = needed_time(fields, "request_time") if ms is None else at_milliseconds(ms, "timestamp_ms")
    day = fields.text("date")
    if day is not None and day[:10] != at.date().isoformat():
        fields.flags.add("date_differs")
    return at


def _times(fields: Fields, start: datetime) -> Row:
    latency_us = fields.microseconds("duration_ms", US_PER_MS)
    return {"start_ts": start, "end_ts": end_after(start, latency_us), "latency_us": latency_us}


def _result(fields: Fields, code: int | None) -> Row:
    error_type = fields.text("error_type")
    failed = code is not None and code >= HTTP_ERROR
    return {
        "status": error_status(error_type, code) if failed else "incomplete" if code is None else "ok",
        "http_status": code,
        "error_type": error_type if failed else None,
        "finish_reasons": fields.texts("finish_reasons"),
    }


def _operation(asked: Any) -> str:
    if not isinstance(asked, Mapping):
        return "inference"
    if "messages" in asked:
        return "chat"
    if "prompt" in asked:
        return "completion"
    if isinstance(asked.get("input"), str | list):
        return "embedding"
    return "predict" if any(name in asked for name in PREDICTIVE) else "inference"


def _is_assessed(asked: Any) -> bool:
    records = look_up(asked, ("dataframe_records",))
    found = records if isinstance(records, list) else []
    return any(isinstance(record, Mapping) and any(name in record for name in RATINGS) for record in found)


def _assessments(records: list[Any], fields: Fields, at: datetime) -> Rows | Ignored:
    """One assessment per rating; what else a reviewer wrote has no column."""
    rows = []
    for record in records:
        if not isinstance(record, Mapping):
            raise UnreadableError("type_mismatch", "an element of dataframe_records is no object")
        target = record.get("request_id")
        if target is None:
            raise UnreadableError("missing_value", "an assessment does not name the request that it is about")
        for kind in RATINGS:
            listed = record.get(kind)
            for place, rated in enumerate(listed if isinstance(listed, list) else ()):
                ratings = look_up(rated, ("ratings",))
                for name, rating in ratings.items() if isinstance(ratings, Mapping) else ():
                    rows.append(_rated(fields, at, record, f"{kind}#{place}", name, rating))
    return Rows({"assessments": rows}) if rows else Ignored("assessment without a rating")


def _rated(fields: Fields, at: datetime, record: Mapping[str, Any], place: str, name: str, rating: Any) -> Row:
    value = look_up(rating, ("value",)) if isinstance(rating, Mapping) else rating
    exact = (
        None
        if isinstance(value, str | Mapping | list) or value is None
        else number(int(value) if isinstance(value, bool) else value, name)
    )
    content = canonical_json([fields.text("id"), as_text(record["request_id"]), place, name])
    annotator = look_up(record, ("source", "id"))
    return {
        "assessment_id": f"{SOURCE.name}:{sha256_of(content)[:32]}",
        "target_id": fields.cleaned(as_text(record["request_id"]), "request_id"),
        "name": fields.cleaned(name, "name"),
        "score": None if exact is None or exact.is_nan() else float(exact),
        "label": None if value is None else fields.cleaned(as_text(value), "value"),
        "annotator_kind": "human",
        "annotator": None if annotator is None else fields.cleaned(as_text(annotator), "source"),
        "created_ts": at,
    }


def _truncated(made: Rows, value: Mapping[str, Any]) -> Rows:
    """The rows with the state `truncated` for each body that was too large to be logged."""
    codes = value.get("logging_error_codes")
    logged = [as_text(code) for code in codes] if isinstance(codes, list) else []
    lost = [half for half, code in TOO_LARGE.items() if code in logged]
    if not lost:
        return made
    names = {"request": "input_state", "response": "output_state"}
    request = dict(next(iter(made.tables["requests"]))) | {names[half]: "truncated" for half in lost}
    return Rows({**made.tables, "requests": [request]})
