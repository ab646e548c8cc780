"""OTLP/JSON as plain values: spans, log records and metrics with the attributes of their resource.

Written as proto3 JSON says, and as real exporters deviate from it: names in camel or snake case, enums as numbers or
names, 64-bit integers as text or numbers. Source: opentelemetry-proto, docs/specification.md, "JSON Protobuf Encoding".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from functools import cache
from typing import Any

from governance.formats.conversions import brief
from governance.formats.rows import UnreadableError
from governance.formats.sdk_spans import as_messages, is_sdk_span

# what a file holds: the list on top, its groups, the records in a group, and the name of one record
SIGNALS = (
    ("resourceSpans", ("scopeSpans", "instrumentationLibrarySpans"), "spans", "span"),
    ("resourceLogs", ("scopeLogs", "instrumentationLibraryLogs"), "logRecords", "log_record"),
    ("resourceMetrics", ("scopeMetrics", "instrumentationLibraryMetrics"), "metrics", "metric"),
)
_SPAN_MEMBERS = frozenset({"kind", "spanId", "span_id", "startTimeUnixNano", "start_time_unix_nano"})
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


@cache
def _snake(name: str) -> str:
    return _HUMP.sub("_", name).lower()


def member(message: Mapping[str, Any], name: str) -> Any:
    """The member of a message by its camel-case name, however it is written; None if absent."""
    value = message.get(name)
    return message.get(_snake(name)) if value is None else value


def is_otlp(value: Mapping[str, Any]) -> bool:
    """Whether the object is an OTLP export of spans, logs or metrics, or one span, also as an SDK prints it."""
    return _is_export(value) or _bare_span(value) is not None or is_sdk_span(value)


def _is_export(value: Mapping[str, Any]) -> bool:
    return any(isinstance(member(value, top), list) for top, *_ in SIGNALS)


def _bare_span(value: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """A span that was taken out of its export: by itself, or as the member `span` of what holds it."""
    span = value.get("span", value)
    if not isinstance(span, Mapping) or "name" not in span or span.keys().isdisjoint(_SPAN_MEMBERS):
        return None
    listed = span.get("attributes")
    is_listed = (
        isinstance(listed, list) and listed and isinstance(listed[0], dict) and listed[0].keys() >= {"key", "value"}
    )
    return span if is_listed else None


def split(value: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The records of an export: `{"resource": attributes, "scope": name, "span" | "log_record" | "metric": message}`.

    A part that is not formed as the specification says is a record too, under the name `malformed`.
    """
    found = [(signal, listed) for signal in SIGNALS if (listed := member(value, signal[0])) is not None]
    if not any(isinstance(listed, list) for _, listed in found):
        if is_sdk_span(value):
            printed, resource = as_messages(value)
            yield {"resource": resource, "scope": None, "span": printed}
            return
        span = _bare_span(value)
        yield (
            {"malformed": value} if span is None else {"resource": _attribute_list(value.get("resource")), "span": span}
        )
        return
    for (_, groups, records, name), listed in found:
        for resource_group in _messages(listed):
            if not isinstance(resource_group, dict):
                yield {"malformed": resource_group}
                continue
            attributes_of_all = _attribute_list(member(resource_group, "resource"))
            for key in groups:
                for scope_group in _messages(member(resource_group, key)):
                    yield from _records(scope_group, attributes_of_all, records, name)


def _records(group: Any, resource: Any, records: str, name: str) -> Iterator[dict[str, Any]]:
    if not isinstance(group, dict):
        yield {"malformed": group}
        return
    scope = group.get("scope")
    scope_name = scope.get("name") if isinstance(scope, dict) else None
    for message in _messages(member(group, records)):
        kind = name if isinstance(message, dict) else "malformed"
        yield {"resource": resource, "scope": scope_name, kind: message}


def _messages(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _attribute_list(holder: Any) -> Any:
    return holder.get("attributes") if isinstance(holder, dict) else None


def attributes(listed: Any) -> dict[str, Any]:
    """A list of key-value messages as a dict; a key that stands twice has its last value.

    Raises:
        UnreadableError: `type_mismatch`, not a list of key-value messages.
    """
    if listed is None:
        return {}
    pairs = listed if isinstance(listed, list) else [listed]
    if all(isinstance(pair, dict) and isinstance(pair.get("key"), str) for pair in pairs):
        return {pair["key"]: any_value(pair.get("value")) for pair in pairs}
    raise UnreadableError("type_mismatch", f"attributes are not a list of keys and values: {brief(listed)}")


def any_value(value: Any) -> Any:
    """What an AnyValue message holds: text, truth value, int, Decimal, list, dict, or None.

    Bytes stay base64 text; an integer stays text where it is no integer, for the column that reads it to judge.
    """
    if not isinstance(value, dict):
        return value
    for name, read in KINDS_OF_VALUE.items():
        if (held := member(value, name)) is not None:
            return read(held)
    return None


def _whole(value: object) -> object:
    return int(value) if isinstance(value, str) and re.fullmatch(r"-?\d{1,20}", value, re.ASCII) else value


def _double(value: object) -> object:
    return Decimal(str(value)) if isinstance(value, float) else value


def _values(message: object) -> list[Any]:
    return [any_value(item) for item in _messages(message.get("values"))] if isinstance(message, Mapping) else []


KINDS_OF_VALUE: dict[str, Callable[[Any], Any]] = {
    "stringValue": str,
    "bytesValue": str,
    "intValue": _whole,
    "doubleValue": _double,
    "boolValue": bool,
    "arrayValue": _values,
    "kvlistValue": lambda message: attributes(message.get("values")) if isinstance(message, Mapping) else {},
}


def events(span: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The events of a span, without malformed ones."""
    return [event for event in _messages(span.get("events")) if isinstance(event, Mapping)]


def status_name(span: Mapping[str, Any]) -> str:
    """UNSET, OK or ERROR."""
    status = span.get("status")
    code = status.get("code") if isinstance(status, Mapping) else None
    word = str(code).upper().removeprefix("STATUS_CODE_")
    return {"1": "OK", "2": "ERROR"}.get(word, word if word in {"OK", "ERROR"} else "UNSET")


def status_message(span: Mapping[str, Any]) -> str | None:
    """What the status says in words."""
    status = span.get("status")
    message = status.get("message") if isinstance(status, Mapping) else None
    return message if isinstance(message, str) and message else None
