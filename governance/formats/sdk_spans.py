"""Spans as OpenTelemetry's SDK for Python prints them (its console exporter, `ReadableSpan.to_json`), as OTLP messages.

    context.trace_id, context.span_id, parent_id   hex after `0x`
    start_time, end_time, events[].timestamp       ISO 8601
    attributes, resource.attributes                an object of plain values

Source: open-telemetry/opentelemetry-python opentelemetry-sdk, sdk/trace/__init__.py, `to_json`.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from governance.formats.times import iso_nanoseconds


def is_sdk_span(value: Mapping[str, Any]) -> bool:
    """Whether the object is such a span."""
    context, attributes = value.get("context"), value.get("attributes")
    return (
        isinstance(context, Mapping)
        and context.keys() >= {"trace_id", "span_id"}
        and value.keys() >= {"name", "kind", "start_time"}
        and (attributes is None or isinstance(attributes, Mapping))
    )


def as_messages(value: Mapping[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The span, and the attributes of its resource, as an export has them.

    Args:
        value: For which `is_sdk_span` holds.
    """
    context, status, resource = value["context"], value.get("status"), value.get("resource")
    said = status if isinstance(status, Mapping) else {}
    span = {
        "traceId": _hex(context["trace_id"]),
        "spanId": _hex(context["span_id"]),
        "parentSpanId": _hex(value.get("parent_id")),
        "name": value["name"],
        "startTimeUnixNano": iso_nanoseconds(value["start_time"]),
        "endTimeUnixNano": iso_nanoseconds(value.get("end_time")),
        "attributes": _listed(value.get("attributes")),
        "events": [_event(event) for event in _objects(value.get("events"))],
        "links": [_link(link) for link in _objects(value.get("links"))],
        "status": {"code": said.get("status_code"), "message": said.get("description")},
    }
    held = resource.get("attributes") if isinstance(resource, Mapping) else None
    return {name: item for name, item in span.items() if item not in (None, [])}, _listed(held)


def _event(event: Mapping[str, Any]) -> dict[str, Any]:
    at = iso_nanoseconds(event.get("timestamp"))
    return {"name": event.get("name"), "timeUnixNano": at, "attributes": _listed(event.get("attributes"))}


def _link(link: Mapping[str, Any]) -> dict[str, Any]:
    context = link.get("context")
    ids = context if isinstance(context, Mapping) else {}
    return {"traceId": _hex(ids.get("trace_id")), "spanId": _hex(ids.get("span_id"))}


def _objects(listed: Any) -> list[Mapping[str, Any]]:
    return [each for each in listed if isinstance(each, Mapping)] if isinstance(listed, list) else []


def _hex(written: Any) -> Any:
    return written.removeprefix("0x") if isinstance(written, str) else written


def _listed(attributes: Any) -> list[dict[str, Any]]:
    held = attributes if isinstance(attributes, Mapping) else {}
    return [{"key": key, "value": _message(value)} for key, value in held.items() if value is not None]


def _message(value: Any) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": value}
    if isinstance(value, float | Decimal):
        return {"doubleValue": value}
    if isinstance(value, list):
        return {"arrayValue": {"values": [_message(item) for item in value]}}
    return {"kvlistValue": {"values": _listed(value)}} if isinstance(value, Mapping) else {"stringValue": value}
