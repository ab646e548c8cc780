"""OpenTelemetry traces as OTLP/JSON: spans of model requests, in five generations of attribute names.

Spans come in exports, one by one, or as the SDK for Python prints them. Prompts and answers stand in attributes of a
span or in its events. Evaluations and OpenInference's annotations become assessments, also those on other spans.

An event `gen_ai.client.inference.operation.details` among the logs tells of the span whose ids it bears, in whichever
order they come: its bodies belong to that request. Until the span comes (a sampled trace never brings it) the event is
the request, flagged `span_missing`, at the time at which it ended; so it is for good without such ids. An event for a
single message (1.36 and older) holds a part of the prompt or of the answer: it is kept as a body of its own.

A span that is no model request (a tool, a retrieval, an agent's step, a web call) is ignored and counted by its kind:
its tokens are those of the model requests under it, so that counting both would count twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from governance.formats.conversions import NS_PER_US, US_PER_MS, US_PER_S, as_text, canonical_json, hex_id, sha256_of
from governance.formats.fields import Fields
from governance.formats.genai_names import (
    OPERATIONS,
    PARAMETERS,
    SIGNS_OF_A_REQUEST,
    TEXT_NAMES,
    TOKEN_NAMES,
)
from governance.formats.llm_requests import (
    HTTP_ERROR,
    Bodies,
    body_text,
    error_status,
    http_status,
    provider_name,
    sampling_parameters,
    token_flags,
)
from governance.formats.protojson import (
    any_value,
    attributes,
    events,
    is_otlp,
    member,
    split,
    status_message,
    status_name,
)
from governance.formats.sdk_spans import is_sdk_span
from governance.formats.times import at_nanoseconds, nanoseconds
from governance.sources import Ignored, Many, Meaning, Row, Rows, Source, UnreadableError
from governance.spans import assessments
from governance.spans.assessments import EVALUATION, assessed, evaluation
from governance.spans.columns import read_spans
from governance.spans.events import CHOICE, DETAILS, ROLES, TELLING, message_said, told_in_events
from governance.spans.kinds import SaidByBody, body_operation, kind_word, span_kind
from governance.spans.meanings import span_meaning
from governance.spans.names import ALIASES, INSTRUCTIONS, MESSAGES, PARTS, WHOLE_REQUESTS, first_token_us, is_encoded
from governance.tables import SPAN_MISSING

_ALWAYS = ("request_uid", "source", "request_id", "id_origin", "operation", "start_ts", "status", "n_decisions")


def _request(columns: Iterable[str]) -> tuple[str, ...]:
    return tuple(f"requests.{column}" for column in columns)


class OtlpSource(Source):
    """Spans in the forms of OpenTelemetry GenAI (current and old), vLLM, OpenInference, MLflow and Vercel AI."""

    name: ClassVar[str] = "otlp"
    title: ClassVar[str] = "OpenTelemetry traces (OTLP/JSON): GenAI, vLLM, OpenInference, MLflow, Vercel AI spans"
    fills: ClassVar[tuple[str, ...]] = (
        *_request((*_ALWAYS, "trace_id", "span_id", "parent_span_id", "end_ts", "latency_us", "ttft_us", "queue_us")),
        *_request(("provider", *TEXT_NAMES, *TOKEN_NAMES, "parameters", "cost_reported", "cost_currency")),
        *_request(("http_status", "error_type", "finish_reasons", "tags", "input_state", "output_state")),
        *_request(("quality_flags",)),
        *(f"payloads.{column}" for column in Bodies.columns),
        *(f"assessments.{column}" for column in assessments.COLUMNS),
    )
    verified: ClassVar[str] = (
        "12 OpenInference spans recorded by Envoy AI Gateway (attributes only), one span in its OpenTelemetry and its "
        "OpenInference form, the OTLP example files, three made spans as the SDK printed them; vLLM, MLflow, Vercel AI "
        "and old GenAI names, events and annotations on made spans only"
    )

    def recognises(self, value: Mapping[str, Any]) -> bool:
        """Whether the object is an OTLP export of spans, logs or metrics."""
        return is_otlp(value)

    def split(self, value: Mapping[str, Any]) -> Iterable[Any]:
        """One record per span, log record or metric, each with the attributes of its resource."""
        return split(value)

    def many(self, records: Sequence[Any]) -> Many:
        """The requests of spans that look alike, and what is none of them."""
        return read_spans(records, self.name)

    def meaning(self, form: Mapping[str, Any]) -> Meaning | None:
        """What exports mean that hold the same spans but for their values; an SDK's own print is read one by one."""
        return span_meaning(list(split(form)), self.name) if is_otlp(form) and not is_sdk_span(form) else None

    def rows(self, record: Any) -> Rows | Ignored:
        """A request with its bodies, an assessment for an evaluation event, or the kind of another record."""
        if not isinstance(record, Mapping):
            raise UnreadableError("not_an_object", "the record is not one that this source has split off")
        if "span" in record:
            return _span_rows(record["span"], attributes(record["resource"]))
        if "log_record" in record:
            return _log_rows(record["log_record"], record["resource"])
        if "metric" in record:
            return Ignored("metric")
        raise UnreadableError("missing_value", "neither resourceSpans nor resourceLogs nor resourceMetrics")


SOURCE = OtlpSource()


def _span_rows(span: Mapping[str, Any], resource: Mapping[str, Any]) -> Rows | Ignored:
    own = attributes(span.get("attributes"))
    if span.get("events"):
        own = told_in_events(events(span)) | own
    fields = Fields({**resource, **own}, ALIASES, is_encoded)
    scores = list(assessed(span, own, fields.text("session_id"), SOURCE.name))
    made = _request_rows(_identity(span), span, own, fields)
    if not scores:
        return made
    return Rows({**(made.tables if isinstance(made, Rows) else {}), "assessments": scores})


def _request_rows(
    identity: Row, span: Mapping[str, Any], own: Mapping[str, Any], fields: Fields, *, is_ended: bool = False
) -> Rows | Ignored:
    """A request with its bodies, or what kind of span it is instead.

    Args:
        identity: Its ids.
        span: The span; or the times of an event that is told at the end of a request.
        own: Its attributes.
        fields: Its attributes, and those of its resource.
        is_ended: Whether it is known to have ended, though the span does not say when.
    """
    operation = _operation(own, fields, str(span.get("name") or ""))
    if isinstance(operation, Ignored):
        return operation
    row = identity | {"operation": operation, "source": SOURCE.name, "n_decisions": 0}
    row |= _times(span, fields)
    row |= {column: fields.text(column) for column in TEXT_NAMES}
    row |= {column: fields.tokens(column) for column in TOKEN_NAMES}
    row |= _cost(fields) | _result(span, fields, is_ended=is_ended or row["end_ts"] is not None)
    row["provider"] = provider_name(fields.text("provider"), fields.text("llm_system"))
    row["parameters"] = sampling_parameters(fields, PARAMETERS)
    row["tags"] = {**fields.scalars("metadata"), **fields.labels("labels")} or None
    bodies = Bodies(row["request_uid"], row["start_ts"])
    row["input_state"] = bodies.add("request", _body("request_body", fields, own))
    row["output_state"] = bodies.add("response", _body("response_body", fields, own))
    bodies.add("error", _error_text(span, own))
    odd = fields.flags | token_flags(row, fields.tokens("total_tokens")) | bodies.flags | _span_flags(span)
    row["quality_flags"] = sorted(odd)
    return Rows({"requests": [row]} | ({"payloads": bodies.rows} if bodies.rows else {}))


def _span_flags(span: Mapping[str, Any]) -> set[str]:
    listed = span.get("attributes")
    is_repeated = isinstance(listed, list) and len({pair["key"] for pair in listed}) < len(listed)
    is_dropped = as_text(member(span, "droppedAttributesCount") or 0) != "0"
    return {
        flag for flag, is_set in (("repeated_attribute", is_repeated), ("attributes_dropped", is_dropped)) if is_set
    }


def _operation(own: Mapping[str, Any], fields: Fields, span_name: str) -> str | Ignored:
    """The operation of a model request, or what the span is instead."""
    words = {name: kind_word(own.get(name)) for name in OPERATIONS}
    kind = span_kind(words, is_like_a_request=any(own.get(name) is not None for name in SIGNS_OF_A_REQUEST))
    if isinstance(kind, SaidByBody):
        return body_operation(fields.raw, fields.text, own, span_name) or kind.otherwise
    return kind


def _identity(span: Mapping[str, Any]) -> Row:
    trace_id, span_id = hex_id(member(span, "traceId"), 16), hex_id(member(span, "spanId"), 8)
    is_native = trace_id is not None and span_id is not None
    return {
        "request_uid": f"otlp:{trace_id}:{span_id}" if is_native else f"otlp:{sha256_of(canonical_json(span))[:32]}",
        "id_origin": "native" if is_native else "content_hash",
        "request_id": span_id,
        "trace_id": trace_id,
        "span_id": span_id,
        "parent_span_id": hex_id(member(span, "parentSpanId"), 8),
    }


def _times(span: Mapping[str, Any], fields: Fields) -> Row:
    start = nanoseconds(member(span, "startTimeUnixNano"), "startTimeUnixNano")
    end = nanoseconds(member(span, "endTimeUnixNano"), "endTimeUnixNano")
    if start is None:
        raise UnreadableError("missing_value", "startTimeUnixNano is not set")
    latency_us = fields.microseconds("latency_s", US_PER_S) if end is None else (end - start) // NS_PER_US
    if end is not None and end < start:
        fields.flags.add("negative_latency")
        latency_us = None
    return {
        "start_ts": at_nanoseconds(start),
        "end_ts": None if end is None else at_nanoseconds(end),
        "latency_us": latency_us,
        "ttft_us": _time_to_first_token(span, start, fields),
        "queue_us": fields.microseconds("queue_s", US_PER_S),
    }


def _time_to_first_token(span: Mapping[str, Any], start: int, fields: Fields) -> int | None:
    for column, unit_us in (("ttft_s", US_PER_S), ("ttft_ms", US_PER_MS)):
        if (measured := fields.microseconds(column, unit_us)) is not None:
            return measured
    return first_token_us(span, start)


def _cost(fields: Fields) -> Row:
    cost = fields.money("cost_reported")
    return {"cost_reported": cost, "cost_currency": None if cost is None else "USD"}


def _result(span: Mapping[str, Any], fields: Fields, *, is_ended: bool) -> Row:
    error_type = fields.text("error_type")
    code = http_status(fields.raw("http_status"), error_type)
    status = "ok" if is_ended else "incomplete"
    if status_name(span) == "ERROR" or error_type or (code or 0) >= HTTP_ERROR:
        status = error_status(error_type, code)
    reasons = fields.texts("finish_reasons")
    return {"status": status, "http_status": code, "error_type": error_type, "finish_reasons": reasons}


def _body(column: str, fields: Fields, own: Mapping[str, Any]) -> str | None:
    """A body: one attribute that holds it whole, else the attributes that hold its messages one by one."""
    body = body_text(fields.raw(column))
    if body is None:
        parts = {key: own[key] for key in own if PARTS[column].match(key)}
        return canonical_json(parts) if parts else None
    if column == "request_body" and INSTRUCTIONS in own and not any(own.get(key) for key in WHOLE_REQUESTS):
        parts = {"messages": MESSAGES, "system_instructions": INSTRUCTIONS}
        return canonical_json({part: fields.nested(key) for part, key in parts.items()})
    return body


def _error_text(span: Mapping[str, Any], own: Mapping[str, Any]) -> str | None:
    return status_message(span) or body_text(own.get("exception.message"))


def _log_rows(log: Mapping[str, Any], resource: Any) -> Rows | Ignored:
    """What an event says: an evaluation of an earlier answer, or the details of a request."""
    own = attributes(log.get("attributes"))
    event = member(log, "eventName") or own.get("event.name")
    if event == EVALUATION:
        return Rows({"assessments": [evaluation(log, own, SOURCE.name)]})
    if event not in (DETAILS, CHOICE, *ROLES):
        return Ignored("event of a span" if isinstance(event, str) and event in TELLING else "log record")
    said = any_value(log.get("body"))
    own = {**said, **own} if isinstance(said, Mapping) else own
    identity = _identity(log)
    if event != DETAILS:
        return _loose_message(log, identity, event, own)
    times = {name: at for name in ("timeUnixNano", "observedTimeUnixNano") if (at := member(log, name))}
    span = {"startTimeUnixNano": next(iter(times.values()), None), "endTimeUnixNano": None, "name": event}
    fields = Fields({**attributes(resource), **own}, ALIASES, is_encoded)
    made = _request_rows(identity, span, own, fields, is_ended=True)
    if identity["id_origin"] != "native":
        return made
    if isinstance(made, Ignored):
        return _loose_bodies(log, identity["request_uid"], own)
    (row,) = made.tables["requests"]
    return Rows({**made.tables, "requests": [row | {"quality_flags": sorted({*row["quality_flags"], SPAN_MISSING})}]})


def _loose_bodies(log: Mapping[str, Any], request_uid: str, own: Mapping[str, Any]) -> Rows | Ignored:
    """The bodies that an event holds; the span whose ids it bears is the request."""
    fields, bodies = Fields(own, ALIASES, is_encoded), Bodies(request_uid, at_nanoseconds(_logged_at(log)))
    for role in ("request", "response"):
        bodies.add(role, _body(f"{role}_body", fields, own))
    return Rows({"payloads": bodies.rows}) if bodies.rows else Ignored("details of a request without its bodies")


def _loose_message(log: Mapping[str, Any], identity: Row, event: str, own: Mapping[str, Any]) -> Rows | Ignored:
    """One message of a prompt, or one choice of an answer; the span whose ids it bears is the request."""
    said = message_said(event, own)
    if said is None or identity["id_origin"] != "native":
        return Ignored("message without its content" if said is None else "message without the ids of a span")
    at, role = _logged_at(log), "response" if event == CHOICE else "request"
    bodies = Bodies(identity["request_uid"], at_nanoseconds(at))
    bodies.add(role, said)
    place = sha256_of(f"{at} {event} {said}")[:16]  # a span has many of them, also at one moment
    return Rows({"payloads": [row | {"payload_id": f"{row['payload_id']}#{place}"} for row in bodies.rows]})


def _logged_at(log: Mapping[str, Any]) -> int:
    """When an event was logged, in nanoseconds."""
    for name in ("timeUnixNano", "observedTimeUnixNano"):
        if at := nanoseconds(member(log, name), name):
            return at
    raise UnreadableError("missing_value", "timeUnixNano is not set")
