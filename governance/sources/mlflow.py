"""MLflow traces as JSON, alone or inside a chat response, and the assessments of its evaluations.

A trace becomes one record per span and per assessment. As with other traces, the spans of model calls are the requests
(their tokens are what is paid for); a chain, tool or retriever around them is ignored and counted by its kind.

    info + data.spans     current traces: ids in base64, times in nanoseconds, each attribute a JSON text; and those of
                          MLflow 2 (context.span_id, start_time)
    databricks_output     schema 2 inside a chat response: the attributes are one JSON text, the trace id may be empty
    columns + data        `_assessments.json` of an evaluation; rows may be shorter than the columns

An *expectation* is what an answer should have been: it becomes an outcome. *Feedback* becomes an assessment.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar

from governance.formats.conversions import as_text, canonical_json, decode_json, hex_id, look_up
from governance.formats.fields import Aliases, Fields
from governance.formats.genai_names import PARAMETERS
from governance.formats.llm_requests import Bodies, body_text, parameter_names, provider_name, sampling_parameters
from governance.formats.mlflow_assessments import (
    ASSESSMENT_COLUMNS,
    OUTCOME_COLUMNS,
    assessed,
    is_table,
    table_rows,
    trace_hex,
)
from governance.formats.request_rows import ALWAYS, elapsed_us, fills, finished, identity, object_of
from governance.formats.rows import Row
from governance.formats.times import at_nanoseconds, nanoseconds
from governance.sources import Ignored, Rows, Source, UnreadableError

TEXT_NAMES: dict[str, tuple[str, ...]] = {
    "response_id": ("mlflow.spanOutputs#id", "response_id"),
    "client_request_id": ("client_request_id",),
    "session_id": ("mlflow.trace.session",),
    "user_id": ("mlflow.trace.user",),
    "model_requested": ("mlflow.spanInputs#model", "invocation_params#model_name", "invocation_params#model"),
    "model_served": ("mlflow.llm.model", "mlflow.spanOutputs#model"),
    "prompt_name": ("mlflow.linkedPrompts#*.name",),
    "prompt_version": ("mlflow.linkedPrompts#*.version",),
}
TOKEN_NAMES: dict[str, tuple[str, ...]] = {
    "input_tokens": ("mlflow.chat.tokenUsage#input_tokens", "mlflow.spanOutputs#usage.prompt_tokens"),
    "cache_read_tokens": ("mlflow.chat.tokenUsage#cache_read_input_tokens",),
    "cache_write_tokens": ("mlflow.chat.tokenUsage#cache_creation_input_tokens",),
    "output_tokens": ("mlflow.chat.tokenUsage#output_tokens", "mlflow.spanOutputs#usage.completion_tokens"),
}
OTHER_NAMES: dict[str, tuple[str, ...]] = {
    "kind": ("mlflow.spanType",),
    "provider": ("mlflow.llm.provider",),
    "total_tokens": ("mlflow.chat.tokenUsage#total_tokens",),
    "cost_reported": ("mlflow.llm.cost#total_cost",),
    "finish_reasons": ("mlflow.spanOutputs#choices.*.finish_reason",),
    "messages": ("mlflow.spanInputs#messages",),
    "prompt": ("mlflow.spanInputs#prompt", "mlflow.spanInputs#prompts"),
    "error_type": ("exception.type",),
    "tags": ("tags",),
}
OPERATIONS = {"llm": "", "chat_model": "chat", "embedding": "embedding"}

_ALIASES = Aliases(
    TEXT_NAMES | TOKEN_NAMES | OTHER_NAMES | parameter_names(PARAMETERS, ("mlflow.spanInputs", "invocation_params"))
)


class MlflowSource(Source):
    """Trace documents (one, or one per line), chat responses that hold a trace, and assessment tables."""

    name: ClassVar[str] = "mlflow"
    title: ClassVar[str] = "MLflow traces (also inside a chat response) and assessments"
    fills: ClassVar[tuple[str, ...]] = fills(
        requests=(
            *(*ALWAYS, "request_id", "trace_id", "span_id", "parent_span_id", "end_ts", "latency_us", "provider"),
            *(*TEXT_NAMES, *TOKEN_NAMES, "parameters", "cost_reported", "cost_currency", "error_type"),
            *("finish_reasons", "tags"),
        ),
        payloads=Bodies.columns,
        assessments=ASSESSMENT_COLUMNS,
        outcomes=OUTCOME_COLUMNS,
    )
    verified: ClassVar[str] = (
        "one recorded trace of schema 2 inside a chat response and one recorded assessment table; traces of MLflow 3, "
        "their tokens, cost, prompts, feedback and expectations on made records only"
    )

    def recognises(self, value: Mapping[str, Any]) -> bool:
        if isinstance(value.get("info"), Mapping) and isinstance(look_up(value, ("data", "spans")), list):
            return True
        return isinstance(look_up(value, ("databricks_output", "trace", "spans")), list) or is_table(value)

    def split(self, value: Mapping[str, Any]) -> Iterable[Any]:
        if is_table(value):
            return table_rows(value)
        return list(_parts(value)) or [{"empty": True}]

    def rows(self, record: Any) -> Rows | Ignored:
        part = object_of(record)
        if "span" in part:
            return _span(object_of(part["span"]), part["trace"])
        if "assessment" in part:
            return assessed(object_of(part["assessment"]), part["trace_id"], SOURCE.name)
        return Ignored("trace without spans")


SOURCE = MlflowSource()


def _parts(value: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """One record per span and per assessment, each with what the trace says about all of them."""
    raw = value.get("info")
    info = raw if isinstance(raw, Mapping) else {}
    inner = look_up(value, ("databricks_output", "trace", "spans"))
    spans = look_up(value, ("data", "spans")) if inner is None else inner
    metadata = info.get("trace_metadata") or info.get("request_metadata")
    trace = {
        "trace_id": info.get("trace_id") or info.get("request_id"),
        "client_request_id": info.get("client_request_id"),
        "response_id": value.get("id") if inner is not None else None,
        "metadata": _pairs(metadata) | _pairs(info.get("tags")),
    }
    for span in spans if isinstance(spans, list) else ():
        yield {"span": span, "trace": trace}
    assessments = info.get("assessments")
    for assessment in assessments if isinstance(assessments, list) else ():
        yield {"assessment": assessment, "trace_id": trace["trace_id"]}


def _pairs(logged: Any) -> dict[str, Any]:
    """Tags as an object, also where MLflow 2 lists keys and values."""
    if isinstance(logged, Mapping):
        return dict(logged)
    pairs = [pair for pair in logged if isinstance(pair, Mapping)] if isinstance(logged, list) else []
    return {pair["key"]: pair.get("value") for pair in pairs if isinstance(pair.get("key"), str)}


def _span(span: Mapping[str, Any], trace: Mapping[str, Any]) -> Rows | Ignored:
    shared = trace["metadata"]
    own = _decoded(span.get("attributes"))
    tags = {key: value for key, value in shared.items() if not key.startswith("mlflow.")}
    ids = {key: trace[key] for key in ("client_request_id", "response_id")}
    fields = Fields(shared | ids | _exception(span) | own | {"tags": tags}, _ALIASES, encoded=lambda _: True)
    operation = _operation(fields)
    if isinstance(operation, Ignored):
        return operation
    row = _identity(span, trace["trace_id"]) | {"operation": operation} | _times(span, fields)
    row |= {column: fields.text(column) for column in TEXT_NAMES}
    row |= {column: fields.tokens(column) for column in TOKEN_NAMES}
    cost = fields.money("cost_reported")
    row |= {"cost_reported": cost, "cost_currency": None if cost is None else "USD"}
    row["provider"] = provider_name(fields.text("provider"))
    row["parameters"] = sampling_parameters(fields, PARAMETERS)
    row["finish_reasons"] = fields.texts("finish_reasons")
    row["tags"] = fields.scalars("tags") or None
    failed = _status_word(span) == "ERROR"
    row["status"] = "error" if failed else "ok" if row["end_ts"] else "incomplete"
    row["error_type"] = fields.text("error_type") if failed else None
    names = {"request": "mlflow.spanInputs", "response": "mlflow.spanOutputs"}
    bodies = {role: body_text(fields.nested(name)) for role, name in names.items()}
    bodies["error"] = body_text(_status_message(span)) if failed else None
    return finished(row, fields, bodies, fields.tokens("total_tokens"))


def _decoded(attributes: Any) -> dict[str, Any]:
    """The attributes; those of schema 2 are one JSON text."""
    if isinstance(attributes, str) and attributes:
        try:
            attributes = decode_json(attributes)
        except ValueError as error:
            raise UnreadableError("bad_json", "the attributes of a span are no JSON") from error
    if attributes is None or attributes == "":
        return {}
    if not isinstance(attributes, Mapping):
        raise UnreadableError("type_mismatch", "the attributes of a span are no object")
    return dict(attributes)


def _exception(span: Mapping[str, Any]) -> dict[str, Any]:
    events = span.get("events")
    for event in events if isinstance(events, list) else ():
        if isinstance(event, Mapping) and event.get("name") == "exception":
            return _decoded(event.get("attributes"))
    return {}


def _operation(fields: Fields) -> str | Ignored:
    kind = (fields.text("kind") or "").lower()
    if kind in OPERATIONS:
        if OPERATIONS[kind]:
            return OPERATIONS[kind]
        return "completion" if fields.raw("prompt") and not fields.raw("messages") else "chat"
    if kind in {"", "unknown"} and (fields.raw("model_served") or fields.raw("input_tokens") is not None):
        return "inference"
    return Ignored(f"{kind} span" if kind not in {"", "unknown"} else "not a model request")


def _identity(span: Mapping[str, Any], trace_id: Any) -> Row:
    found = look_up(span, ("context", "span_id")) or span.get("span_id")
    parent = span.get("parent_id") or span.get("parent_span_id")
    span_id = hex_id(found, 8)
    trace = trace_hex(trace_id) or hex_id(look_up(span, ("context", "trace_id")) or span.get("trace_id"), 16)
    # a span id is unique in its trace only, unless it is itself a UUID
    is_unique = span_id is not None and (trace is not None or len(span_id) > 16)  # noqa: PLR2004  (8 bytes in hex)
    native = f"{trace}:{span_id}" if trace else span_id
    row = identity(SOURCE.name, native if is_unique else None, span)
    return row | {
        "request_id": span_id,
        "trace_id": trace,
        "span_id": span_id,
        "parent_span_id": hex_id(parent, 8),
    }


def _times(span: Mapping[str, Any], fields: Fields) -> Row:
    start = nanoseconds(_first(span, "start_time_unix_nano", "start_time"), "start_time_unix_nano")
    end = nanoseconds(_first(span, "end_time_unix_nano", "end_time"), "end_time_unix_nano")
    if start is None:
        raise UnreadableError("missing_value", "start_time_unix_nano is not set")
    latency_us = elapsed_us(at_nanoseconds(start), None if end is None else at_nanoseconds(end), fields)
    if latency_us is not None and end is not None:
        latency_us = (end - start) // 1000  # of the nanoseconds, before each is cut to microseconds
    return {
        "start_ts": at_nanoseconds(start),
        "end_ts": None if end is None else at_nanoseconds(end),
        "latency_us": latency_us,
    }


def _first(span: Mapping[str, Any], *names: str) -> Any:
    return next((span[name] for name in names if span.get(name) is not None), None)


def _status_word(span: Mapping[str, Any]) -> str:
    code = look_up(span, ("status", "code")) or look_up(span, ("status", "status_code")) or span.get("status_code")
    return as_text(code or "").upper().removeprefix("STATUS_CODE_")


def _status_message(span: Mapping[str, Any]) -> Any:
    message = look_up(span, ("status", "message")) or span.get("status_message")
    return message if isinstance(message, str) else canonical_json(message) if message else None
