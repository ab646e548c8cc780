"""Kong Gateway's log with AI plugins: one line per HTTP request, with a block for each AI plugin that ran.

The proxy plugin's block is the request itself, each of its `tries` an attempt: the first is the primary one, the others
are retries by the balancer, which Kong makes only where the one before has failed. How long a try took is not logged. A
transformer's block is a call of its own that Kong made around it: an attempt of the kind `sub_call`. Kong computes a
cost from prices that its operator configured, in a currency that the log does not name: it is kept without one, and
flagged.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar

from governance.formats.conversions import US_PER_MS, as_text, clean, look_up
from governance.formats.fields import Aliases, Fields
from governance.formats.llm_requests import HTTP_ERROR, Bodies, body_text, error_status, http_status, provider_name
from governance.formats.request_rows import ALWAYS, at_milliseconds, end_after, fills, finished, identity, object_of
from governance.formats.rows import Row
from governance.sources import Ignored, Rows, Source, UnreadableError

TEXT_NAMES: dict[str, tuple[str, ...]] = {
    "service_name": ("service#name",),
    "route_name": ("route#name",),
    "user_id": ("consumer#custom_id", "consumer#username", "consumer#id"),
    "response_id": ("response_body#id",),
}
OTHER_NAMES: dict[str, tuple[str, ...]] = {
    "id": ("request#id",),
    "latency_ms": ("latencies#request",),
    "traceparent": ("request#headers.traceparent",),
    "path": ("request#uri",),
    "workspace": ("workspace_name", "workspace"),
}
PLUGIN_NAMES: dict[str, tuple[str, ...]] = {
    "provider": ("meta#provider_name",),
    "model_requested": ("meta#request_model",),
    "model_served": ("meta#response_model",),
    "input_tokens": ("usage#prompt_tokens",),
    "output_tokens": ("usage#completion_tokens",),
    "total_tokens": ("usage#total_tokens",),
    "cost": ("usage#cost",),
    "latency_ms": ("meta#llm_latency",),
    "cache_status": ("cache#cache_status",),
}
PROXIES = ("ai-proxy", "ai-proxy-advanced", "proxy")
UNSPECIFIED = "UNSPECIFIED"  # the plugin's word for a model or provider that it does not know
CACHE = {"hit": "semantic_hit", "miss": "miss", "refresh": "miss", "bypass": "disabled"}
OPERATIONS = {
    "chat": "chat",
    "messages": "chat",
    "responses": "chat",
    "completions": "completion",
    "embeddings": "embedding",
}
_ALIASES = Aliases(TEXT_NAMES | OTHER_NAMES)
_PLUGIN_ALIASES = Aliases(PLUGIN_NAMES)
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}", re.IGNORECASE)


class KongSource(Source):
    """Lines of any Kong log plugin (file, HTTP, TCP) for routes with AI plugins."""

    name: ClassVar[str] = "kong"
    title: ClassVar[str] = "Kong Gateway log with AI plugins"
    fills: ClassVar[tuple[str, ...]] = fills(
        requests=(
            *(*ALWAYS, "request_id", "trace_id", "end_ts", "latency_us", "provider", "model_requested", "model_served"),
            *(*TEXT_NAMES, "input_tokens", "output_tokens", "cost_reported", "http_status", "retries", "cache_status"),
            "tags",
        ),
        attempts=(
            *("attempt_uid", "request_uid", "attempt_no", "kind", "name", "provider", "model", "start_ts"),
            *("latency_us", "status", "http_status", "input_tokens", "output_tokens", "cost_reported"),
        ),
        payloads=Bodies.columns,
    )
    verified: ClassVar[str] = (
        "the AI blocks that Kong's own tests expect of two plugins, in a made envelope; payloads, cache and retries on "
        "made records only"
    )

    def recognises(self, value: Mapping[str, Any]) -> bool:
        blocks = value.get("ai")
        if not isinstance(blocks, Mapping) or not blocks:
            return isinstance(value.get("latencies"), Mapping) and value.keys() >= {"tries", "started_at"}
        return any(isinstance(look_up(block, ("meta",)), Mapping) for block in blocks.values())

    def rows(self, record: Any) -> Rows | Ignored:
        value = object_of(record)
        raw = value.get("ai")
        blocks = (
            {str(name): block for name, block in raw.items() if isinstance(block, Mapping)}
            if isinstance(raw, Mapping)
            else {}
        )
        if not blocks:
            return Ignored("not a model request")
        main = next((name for name in PROXIES if name in blocks), next(iter(blocks)))
        block = blocks[main]
        answer = look_up(block, ("payload", "response"))
        fields = Fields({**value, "response_body": answer}, _ALIASES)
        plugin = Fields(block, _PLUGIN_ALIASES)
        row = identity(self.name, fields.text("id"), value) | _times(value, fields)
        row |= {column: fields.text(column) for column in TEXT_NAMES} | _answered(plugin) | _result(value)
        row["trace_id"] = _trace_of(fields)
        row["operation"] = _operation(fields)
        workspace = fields.text("workspace")
        row["tags"] = None if workspace is None else {"workspace": workspace}
        tries = _tries(row, value)
        others = [(name, other) for name, other in blocks.items() if name != main]
        attempts = tries + [
            _sub_call(row, number, name, other) for number, (name, other) in enumerate(others, len(tries) or 1)
        ]
        fields.flags |= plugin.flags | ({"currency_unknown"} if row["cost_reported"] is not None else set())
        bodies = {"request": body_text(look_up(block, ("payload", "request"))), "response": body_text(answer)}
        made = finished(row, fields, bodies, plugin.tokens("total_tokens"))
        return Rows({**made.tables, "attempts": attempts}) if attempts else made


SOURCE = KongSource()


def _times(value: Mapping[str, Any], fields: Fields) -> Row:
    started = value.get("started_at")
    if started is None:
        raise UnreadableError("missing_value", "started_at is not set")
    start = at_milliseconds(started, "started_at")
    latency_us = fields.microseconds("latency_ms", US_PER_MS)
    return {"start_ts": start, "end_ts": end_after(start, latency_us), "latency_us": latency_us}


def _named(fields: Fields, column: str) -> str | None:
    name = fields.text(column)
    return None if name == UNSPECIFIED else name


def _answered(plugin: Fields) -> Row:
    return {
        "provider": provider_name(_named(plugin, "provider")),
        "model_requested": _named(plugin, "model_requested"),
        "model_served": _named(plugin, "model_served"),
        "input_tokens": plugin.tokens("input_tokens"),
        "output_tokens": plugin.tokens("output_tokens"),
        "cost_reported": plugin.money("cost"),
        "cache_status": CACHE.get((plugin.text("cache_status") or "").lower()),
    }


def _result(value: Mapping[str, Any]) -> Row:
    code = http_status(look_up(value, ("response", "status")))
    tries = value.get("tries")
    status = "incomplete" if code is None else "ok" if code < HTTP_ERROR else error_status(None, code)
    return {
        "status": status,
        "http_status": code,
        "retries": len(tries) - 1 if isinstance(tries, list) and tries else None,
    }


def _operation(fields: Fields) -> str:
    """By the end of the path, where the route keeps that of the provider's interface."""
    steps = (fields.text("path") or "").partition("?")[0].split("/")
    return next((OPERATIONS[step] for step in steps if step in OPERATIONS), "inference")


def _trace_of(fields: Fields) -> str | None:
    found = _TRACEPARENT.fullmatch(fields.text("traceparent") or "")
    return found[1].lower() if found else None


def _tries(row: Row, value: Mapping[str, Any]) -> list[Row]:
    """The calls to the model that the balancer made; source: Kong/kong kong/runloop/balancer, `tries` of its log."""
    listed = value.get("tries")
    tries = [each for each in listed if isinstance(each, Mapping)] if isinstance(listed, list) else []
    return [_try(row, number, each, is_last=number == len(tries) - 1) for number, each in enumerate(tries)]


def _try(row: Row, number: int, logged: Mapping[str, Any], *, is_last: bool) -> Row:
    code = http_status(logged.get("code"))
    is_answer = is_last and logged.get("state") is None and (code is None or code < HTTP_ERROR)
    started = logged.get("balancer_start")
    host = ":".join(as_text(logged[name]) for name in ("ip", "port") if logged.get(name) is not None)
    return {
        "attempt_uid": f"{row['request_uid']}#try{number}",
        "request_uid": row["request_uid"],
        "attempt_no": number,
        "kind": "retry" if number else "primary",
        "name": clean(host, "ip") or None,
        "provider": row["provider"],
        "model": row["model_requested"],
        "start_ts": row["start_ts"] if started is None else at_milliseconds(started, "balancer_start"),
        "status": row["status"] if is_answer else error_status(None, code),
        "http_status": row["http_status"] if is_answer else code,
    }


def _sub_call(row: Row, place: int, name: str, block: Mapping[str, Any]) -> Row:
    plugin = Fields(block, _PLUGIN_ALIASES)
    answered = _answered(plugin)
    return {
        "attempt_uid": f"{row['request_uid']}#{name}",
        "request_uid": row["request_uid"],
        "attempt_no": place,
        "kind": "sub_call",
        "name": name,
        "provider": answered["provider"],
        "model": answered["model_served"],
        "start_ts": row["start_ts"],
        "latency_us": plugin.microseconds("latency_ms", US_PER_MS),
        "status": "ok" if answered["output_tokens"] is not None else "incomplete",
        **{column: answered[column] for column in ("input_tokens", "output_tokens", "cost_reported")},
    }
