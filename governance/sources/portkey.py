"""Portkey's log export: one JSON line per request.

Costs are in US cents. A cache that answers by meaning says `SEMANTIC HIT`. Whether a fallback target answered is not in
the export, only that the request ran under a configuration with fallbacks (`mode`), which is kept as the route's cause.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, ClassVar

from governance.formats.conversions import US_PER_MS, as_text, money
from governance.formats.fields import Aliases, Fields
from governance.formats.genai_names import PARAMETERS
from governance.formats.llm_requests import (
    HTTP_ERROR,
    Bodies,
    body_text,
    error_status,
    http_status,
    parameter_names,
    provider_name,
    sampling_parameters,
)
from governance.formats.provider_usage import reported_usage
from governance.formats.request_rows import ALWAYS, end_after, fills, finished, identity, needed_time, object_of
from governance.formats.rows import Row
from governance.sources import Ignored, Rows, Source, UnreadableError

TEXT_NAMES: dict[str, tuple[str, ...]] = {
    "trace_id": ("trace_id",),
    "response_id": ("response.body#id", "response#body.id"),
    "model_requested": ("request.body#model", "request#body.model"),
    "model_served": ("ai_model",),
    "prompt_name": ("prompt_slug",),
    "prompt_version": ("prompt_version_id",),
    "route_name": ("config",),
    "route_cause": ("mode",),
    "user_id": ("virtual_key",),
    "environment": ("tags#environment", "tags#_environment"),
    "end_user_id": ("tags#_user",),
    "team": ("tags#team",),
    "business_unit": ("tags#business_unit",),
    "project": ("tags#project",),
}
OTHER_NAMES: dict[str, tuple[str, ...]] = {
    "id": ("id",),
    "created_at": ("created_at",),
    "provider": ("ai_org",),
    "input_tokens": ("req_units",),
    "output_tokens": ("res_units",),
    "total_tokens": ("total_units",),
    "cents": ("cost",),
    "currency": ("cost_currency",),
    "response_ms": ("response_time",),
    "is_success": ("is_success",),
    "cache_status": ("cache_status",),
    "retries": ("retry_success_count",),
    "url": ("request_url",),
    "finish_reasons": ("response.body#choices.*.finish_reason", "response#body.choices.*.finish_reason"),
    "error_type": ("response.body#error.type", "response#body.error.type"),
}
KEYS = frozenset({"created_at", "ai_org", "ai_model"})
ONE_OF = frozenset({"req_units", "is_success", "response_time", "cache_status"})
CACHE = {"semantic hit": "semantic_hit", "hit": "exact_hit", "miss": "miss", "disabled": "disabled"}
OPERATIONS = {
    "/chat/completions": "chat",
    "/messages": "chat",
    "/completions": "completion",
    "/embeddings": "embedding",
}
CENTS = Decimal(100)
_ALIASES = Aliases(TEXT_NAMES | OTHER_NAMES | parameter_names(PARAMETERS, ("request.body", "asked")))


class PortkeySource(Source):
    """Lines of an export; bodies are members of `request` and `response`, or columns named `request.body`."""

    name: ClassVar[str] = "portkey"
    title: ClassVar[str] = "Portkey log export"
    fills: ClassVar[tuple[str, ...]] = fills(
        requests=(
            *(*ALWAYS, "request_id", "end_ts", "latency_us", "provider", *TEXT_NAMES, "parameters"),
            *("input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens"),
            *("cost_reported", "cost_currency", "http_status", "error_type", "finish_reasons", "retries"),
            *("cache_status", "tags"),
        ),
        payloads=Bodies.columns,
    )
    verified: ClassVar[str] = "made from the published field list; no real record was at hand"

    def recognises(self, value: Mapping[str, Any]) -> bool:
        return value.keys() >= KEYS and not value.keys().isdisjoint(ONE_OF)

    def rows(self, record: Any) -> Rows | Ignored:
        value = object_of(record)
        asked, answer = _body(value, "request"), _body(value, "response")
        tags = _metadata(value)
        fields = Fields({**value, "tags": tags, "asked": asked}, _ALIASES)
        latency_us = fields.microseconds("response_ms", US_PER_MS)
        start = needed_time(fields, "created_at")
        row = identity(self.name, fields.text("id"), value) | {"start_ts": start, "latency_us": latency_us}
        row |= {column: fields.text(column) for column in TEXT_NAMES} | _cost(fields) | _result(fields, value)
        row |= reported_usage(_decoded(fields, value, "response")).columns()
        row |= {name: count for name in ("input_tokens", "output_tokens") if (count := fields.tokens(name)) is not None}
        row |= {"provider": provider_name(fields.text("provider")), "end_ts": end_after(start, latency_us)}
        row["parameters"] = sampling_parameters(fields, PARAMETERS)
        row["operation"] = _operation(fields)
        row["tags"] = {key: fields.cleaned(item, "metadata") for key, item in tags.items()} or None
        bodies = {"request": body_text(asked), "response": body_text(answer)}
        return finished(row, fields, bodies, fields.tokens("total_tokens"))


SOURCE = PortkeySource()


def _body(value: Mapping[str, Any], half: str) -> Any:
    holder = value.get(half)
    inner = holder.get("body") if isinstance(holder, Mapping) else None
    return value.get(f"{half}.body") if inner is None else inner


def _decoded(fields: Fields, value: Mapping[str, Any], half: str) -> Any:
    """A body as an object, also where it is JSON text."""
    holder = value.get(half)
    inner = holder.get("body") if isinstance(holder, Mapping) else None
    return fields.nested(f"{half}.body") if inner is None else inner


def _metadata(value: Mapping[str, Any]) -> dict[str, str]:
    """Custom metadata: an object, or a list of keys beside a list of values."""
    holder = value.get("metadata")
    if isinstance(holder, Mapping) and not isinstance(holder.get("key"), list):
        return {key: as_text(item) for key, item in holder.items() if not isinstance(item, Mapping | list)}
    inner = holder if isinstance(holder, Mapping) else {}
    keys, values = inner.get("key", value.get("metadata.key")), inner.get("value", value.get("metadata.value"))
    if not isinstance(keys, list) or not isinstance(values, list):
        return {}
    return {as_text(key): as_text(item) for key, item in zip(keys, values, strict=False)}


def _cost(fields: Fields) -> Row:
    cents = fields.decimal("cents")
    if cents is None:
        return {"cost_reported": None, "cost_currency": None}
    if cents and cents.adjusted() > 12:  # noqa: PLR2004  (before dividing, which would keep 28 digits of 1e999999)
        raise UnreadableError("out_of_range", "cost is more than a request can cost")
    return {"cost_reported": money(cents / CENTS, "cost"), "cost_currency": fields.text("currency") or "USD"}


def _result(fields: Fields, value: Mapping[str, Any]) -> Row:
    code = http_status(value.get("response_status_code"))
    is_success = fields.boolean("is_success")
    error_type = fields.text("error_type")
    failed = is_success is False or (is_success is None and code is not None and code >= HTTP_ERROR)
    return {
        "status": error_status(error_type, code) if failed else "ok" if is_success or code else "incomplete",
        "http_status": code,
        "error_type": error_type if failed else None,
        "finish_reasons": fields.texts("finish_reasons"),
        "retries": fields.whole("retries"),
        "cache_status": CACHE.get((fields.text("cache_status") or "").lower()),
    }


def _operation(fields: Fields) -> str:
    path = (fields.text("url") or "").partition("?")[0]
    return next((operation for end, operation in OPERATIONS.items() if path.endswith(end)), "inference")
