"""Portkey's export, on records made by hand from its published list of fields; none recorded was at hand."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from governance.sources import UnreadableError
from governance.sources.portkey import SOURCE
from tests.sources.reading import fates, request_of, rows_of, told

ASKED = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Hi"}], "temperature": 0.5}
ANSWERED = {
    "id": "chatcmpl-1",
    "choices": [{"finish_reason": "stop"}],
    "usage": {
        "prompt_tokens": 100,
        "completion_tokens": 20,
        "total_tokens": 120,
        "prompt_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 10},
        "completion_tokens_details": {"reasoning_tokens": 8},
    },
}
NESTED: dict[str, Any] = {
    "id": "p-1",
    "created_at": "2026-07-01T10:00:00.000Z",
    "request": {"body": ASKED},
    "response": {"body": ANSWERED},
    "is_success": 1,
    "ai_org": "openai",
    "ai_model": "gpt-4o-2024-08-06",
    "req_units": 100,
    "res_units": 20,
    "total_units": 120,
    "cost": 1.25,
    "cost_currency": "USD",
    "request_url": "https://api.openai.com/v1/chat/completions",
    "response_status_code": 200,
    "response_time": 1500,
    "cache_status": "MISS",
    "retry_success_count": 2,
    "trace_id": "t-1",
    "mode": "FALLBACK",
    "virtual_key": "vk-1",
    "config": "pc-1",
    "prompt_slug": "greeting",
    "prompt_version_id": "3",
    "metadata": {
        "key": ["team", "business_unit", "project", "_user", "environment"],
        "value": ["cards", "retail", "bot", "person-1", "production"],
    },
}
FLAT = {key: item for key, item in NESTED.items() if key not in {"request", "response", "metadata"}} | {
    "request.body": json.dumps(ASKED),
    "response.body": json.dumps(ANSWERED),
    "metadata.key": NESTED["metadata"]["key"],
    "metadata.value": NESTED["metadata"]["value"],
}
FAILED = NESTED | {
    "id": "p-2",
    "is_success": 0,
    "response_status_code": 429,
    "response": {"body": {"error": {"type": "rate_limit_exceeded"}}},
}
VALUES = [NESTED, FLAT, FAILED]


@pytest.mark.parametrize("value", [NESTED, FLAT], ids=["nested", "flat"])
def test_every_column_in_both_forms(value: dict[str, Any]) -> None:
    expected = {
        "request_uid": "portkey:p-1",
        "operation": "chat",
        "start_ts": datetime(2026, 7, 1, 10, tzinfo=UTC),
        "latency_us": 1_500_000,
        "response_id": "chatcmpl-1",
        "trace_id": "t-1",
        "provider": "openai",
        "model_requested": "gpt-4o",
        "model_served": "gpt-4o-2024-08-06",
        "prompt_name": "greeting",
        "prompt_version": "3",
        "parameters": {"temperature": "0.5"},
        "input_tokens": 100,
        "cache_read_tokens": 60,
        "cache_write_tokens": 10,
        "output_tokens": 20,
        "reasoning_tokens": 8,
        "cost_reported": Decimal("0.0125"),
        "cost_currency": "USD",
        "status": "ok",
        "http_status": 200,
        "retries": 2,
        "cache_status": "miss",
        "route_name": "pc-1",
        "route_cause": "FALLBACK",
        "user_id": "vk-1",
        "end_user_id": "person-1",
        "team": "cards",
        "business_unit": "retail",
        "project": "bot",
        "environment": "production",
        "finish_reasons": ["stop"],
        "input_state": "complete",
        "quality_flags": [],
    }
    assert told(request_of(SOURCE, value), expected) == expected
    assert len(rows_of(SOURCE, value)["payloads"]) == 2


@pytest.mark.parametrize(
    ("word", "expected"),
    [("SEMANTIC HIT", "semantic_hit"), ("HIT", "exact_hit"), ("MISS", "miss"), ("DISABLED", "disabled"), ("", None)],
)
def test_cache_status(word: str, expected: str | None) -> None:
    assert request_of(SOURCE, NESTED | {"cache_status": word})["cache_status"] == expected


def test_a_failure() -> None:
    expected = {"status": "error", "http_status": 429, "error_type": "rate_limit_exceeded"}
    assert told(request_of(SOURCE, FAILED), expected) == expected


def test_cents_that_no_request_can_cost_are_refused() -> None:
    for cost in (1e9, 1e300):
        (error,) = fates(SOURCE, NESTED | {"cost": cost})
        assert isinstance(error, UnreadableError)
        assert error.reason == "out_of_range"


def test_no_cost_is_not_zero() -> None:
    assert told(request_of(SOURCE, NESTED | {"cost": None}), {"cost_reported": 0, "cost_currency": 0}) == {
        "cost_reported": None,
        "cost_currency": None,
    }
