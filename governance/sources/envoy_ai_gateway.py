"""Envoy AI Gateway's access log as JSON, for model and MCP routes.

The operator chooses the names in the log; those of the gateway's documentation are read. `null` and `-` mean "none". A
call of an MCP tool is a request with the operation `tool`; other MCP messages and plain HTTP traffic are ignored. The
gateway names its backend by a path, which says who served the request and not which provider ran the model.

Each request is one attempt too, by which circuit breakers are judged: the flag `UO` says that one was open and kept the
call back, a call that has met a host says that it was closed. Without either the state is not known.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from governance.formats.conversions import US_PER_MS
from governance.formats.fields import Aliases, Fields
from governance.formats.llm_requests import HTTP_ERROR, error_status, http_status, provider_name
from governance.formats.request_rows import ALWAYS, end_after, fills, finished, identity, needed_time, object_of
from governance.formats.rows import Row
from governance.sources import Ignored, Rows, Source

TEXT_NAMES: dict[str, tuple[str, ...]] = {
    "response_id": ("gen_ai.response.id",),
    "trace_id": ("trace_id", "gen_ai.trace_id"),
    "session_id": ("session.id", "mcp.session.id"),
    "model_requested": ("gen_ai.request.model",),
    "model_served": ("gen_ai.response.model", "gen_ai.request.model_override"),
    "route_name": ("route_name",),
}
TOKEN_NAMES: dict[str, tuple[str, ...]] = {
    "input_tokens": ("gen_ai.usage.input_tokens",),
    "cache_read_tokens": ("gen_ai.usage.cached_input_tokens", "gen_ai.usage.cache_read.input_tokens"),
    "cache_write_tokens": ("gen_ai.usage.cache_creation_input_tokens", "gen_ai.usage.cache_creation.input_tokens"),
    "output_tokens": ("gen_ai.usage.output_tokens",),
    "reasoning_tokens": ("gen_ai.usage.reasoning_tokens", "gen_ai.usage.reasoning.output_tokens"),
}
OTHER_NAMES: dict[str, tuple[str, ...]] = {
    "request_id": ("x-request-id",),
    "start_time": ("start_time",),
    "duration": ("duration",),
    "backend": ("gen_ai.provider.name",),
    "mcp_backend": ("mcp.provider.name",),
    "total_tokens": ("gen_ai.usage.total_tokens",),
    "path": ("x-envoy-origin-path", "path", ":path"),
    "method": ("mcp.method.name",),
    "tool": ("mcp.tool.name",),
    "flags": ("response_flags",),
    "error": ("upstream_transport_failure_reason", "connection_termination_details"),
    "details": ("response_code_details",),
    "host": ("upstream_host",),
}
KEYS = frozenset({"start_time", "response_code"})
_ALIASES = Aliases(TEXT_NAMES | TOKEN_NAMES | OTHER_NAMES)
# the end of the path that the caller used -> operation; source: the gateway's list of endpoints
OPERATIONS = {
    "/chat/completions": "chat",
    "/messages": "chat",
    "/responses": "chat",
    "/completions": "completion",
    "/embeddings": "embedding",
    "/images/generations": "image",
    "/rerank": "rank",
    "/audio/speech": "speech",
    "/audio/transcriptions": "transcription",
}
# Envoy's response flags; source: Envoy, access log usage, %RESPONSE_FLAGS%
TIMEOUTS = frozenset({"UT", "SI", "DT", "UMSDR"})
CANCELLED = frozenset({"DC", "DR"})
OVERFLOW = "UO"  # a circuit breaker was open, so that nothing was sent


class EnvoyAiGatewaySource(Source):
    """Access-log lines with the gateway's `gen_ai.` or `mcp.` fields."""

    name: ClassVar[str] = "envoy-ai-gateway"
    title: ClassVar[str] = "Envoy AI Gateway access log"
    fills: ClassVar[tuple[str, ...]] = fills(
        requests=(
            *(*ALWAYS, "request_id", "end_ts", "latency_us", "provider", "service_name", *TEXT_NAMES, *TOKEN_NAMES),
            *("http_status", "error_type", "tags"),
        ),
        attempts=(
            *("attempt_uid", "request_uid", "attempt_no", "kind", "name", "provider", "model", "start_ts"),
            *("latency_us", "status", "http_status", "error_type", "breaker_state"),
        ),
    )
    verified: ClassVar[str] = (
        "one model and one MCP record of the gateway's documentation; failures, overrides and cached tokens on made "
        "records only"
    )

    def recognises(self, value: Mapping[str, Any]) -> bool:
        return value.keys() >= KEYS and any(key.startswith(("gen_ai.", "mcp.")) for key in value)

    def rows(self, record: Any) -> Rows | Ignored:
        value = {key: item for key, item in object_of(record).items() if item not in ("-", "")}
        fields = Fields(value, _ALIASES)
        operation = _operation(fields)
        if isinstance(operation, Ignored):
            return operation
        latency_us = fields.microseconds("duration", US_PER_MS)
        start = needed_time(fields, "start_time")
        row = identity(self.name, fields.text("request_id"), record) | {"operation": operation}
        row |= {"start_ts": start, "end_ts": end_after(start, latency_us), "latency_us": latency_us}
        row |= {column: fields.text(column) for column in TEXT_NAMES}
        row |= {column: fields.tokens(column) for column in TOKEN_NAMES}
        row |= _backend(fields) | _result(fields, value)
        tool = fields.text("tool")
        row["tags"] = None if tool is None else {"mcp.tool.name": tool}
        made = finished(row, fields, {}, fields.tokens("total_tokens"))
        attempt = _attempt(row, fields)
        return made if attempt is None else Rows({**made.tables, "attempts": [attempt]})


SOURCE = EnvoyAiGatewaySource()


def _operation(fields: Fields) -> str | Ignored:
    method = fields.text("method")
    if method is not None:
        return "tool" if method == "tools/call" else Ignored(f"MCP {method}")
    if fields.raw("model_requested") is None and fields.raw("input_tokens") is None:
        return Ignored("not a model request")
    path = (fields.text("path") or "").partition("?")[0]
    return next((operation for end, operation in OPERATIONS.items() if path.endswith(end)), "inference")


def _backend(fields: Fields) -> Row:
    name = fields.text("backend")
    is_path = name is not None and "/" in name
    served_by = name if is_path else fields.text("mcp_backend")
    return {"provider": None if is_path else provider_name(name), "service_name": served_by}


def _result(fields: Fields, value: Mapping[str, Any]) -> Row:
    code = http_status(value.get("response_code"))
    flags = _flags(fields)
    if flags & TIMEOUTS:
        status = "timeout"
    elif flags & CANCELLED:
        status = "cancelled"
    elif code is None:
        status = "incomplete"  # Envoy logs 0 where no response was sent
    else:
        status = "ok" if code < HTTP_ERROR else error_status(None, code)
    error_type = None if status == "ok" else fields.text("error") or fields.text("flags") or fields.text("details")
    return {"status": status, "http_status": code, "error_type": error_type}


def _flags(fields: Fields) -> set[str]:
    return set((fields.text("flags") or "").split(","))


def _attempt(row: Row, fields: Fields) -> Row | None:
    """The call to the backend, where the log tells the state of its breaker."""
    is_open = OVERFLOW in _flags(fields)
    if not is_open and fields.text("host") is None:
        return None
    backend = row["service_name"]
    return {
        "attempt_uid": f"{row['request_uid']}#0",
        "attempt_no": 0,
        "kind": "tool" if row["operation"] == "tool" else "primary",
        "name": backend,
        "provider": row["provider"] or backend,  # breakers are the backends', whoever stands behind them
        "model": row["model_served"] or row["model_requested"],
        "breaker_state": "open" if is_open else "closed",
        "status": "blocked" if is_open else row["status"],  # the caller met an error, the backend no call
        **{name: row[name] for name in ("request_uid", "start_ts", "latency_us", "http_status", "error_type")},
    }
