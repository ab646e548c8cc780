"""Kong's log: the AI blocks are those that Kong's own tests expect; the envelope around them is made by hand."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from governance.sources import Ignored, UnreadableError
from governance.sources.kong import SOURCE
from tests.sources.reading import fates, request_of, rows_of, sample, told

PROXY, TRANSFORMER = (value["ai"] for value in sample("kong_ai_blocks.jsonl"))
ENVELOPE: dict[str, Any] = {
    "started_at": 1_782_000_000_123,
    "latencies": {"request": 1500, "kong": 20, "proxy": 1480, "receive": 1},
    "request": {
        "id": "k-1",
        "uri": "/openai/v1/chat/completions?x=1",
        "headers": {"traceparent": "00-5b8efff798038103d269b633813fc60c-eee19b7ec3c1b174-01"},
    },
    "response": {"status": 200},
    "tries": [{"code": 502}, {"code": 200}],
    "service": {"name": "llm"},
    "route": {"name": "chat"},
    "consumer": {"username": "bot"},
    "workspace_name": "retail",
}
LINE = ENVELOPE | {"ai": PROXY}
WITH_BODIES = {
    "ai-proxy": PROXY["ai-proxy"]
    | {"payload": {"request": '{"messages": []}', "response": '{"id": "chatcmpl-1"}'}, "cache": {"cache_status": "Hit"}}
}
BOTH = ENVELOPE | {"ai": {**TRANSFORMER, **WITH_BODIES}}
VALUES = [LINE, BOTH]


def test_a_block_alone_is_recognised_and_has_no_time() -> None:
    for value in sample("kong_ai_blocks.jsonl"):
        assert SOURCE.recognises(value)
        (error,) = fates(SOURCE, value)
        assert isinstance(error, UnreadableError)
        assert error.detail == "started_at is not set"


def test_every_column_of_a_line() -> None:
    expected = {
        "request_uid": "kong:k-1",
        "operation": "chat",
        "start_ts": datetime(2026, 6, 21, 0, 0, 0, 123_000, tzinfo=UTC),
        "latency_us": 1_500_000,
        "trace_id": "5b8efff798038103d269b633813fc60c",
        "provider": "openai",
        "model_requested": "gpt-3.5-turbo",
        "model_served": "gpt-3.5-turbo-0613",
        "input_tokens": 25,
        "output_tokens": 12,
        "cost_reported": Decimal("0.00037"),
        "service_name": "llm",
        "route_name": "chat",
        "user_id": "bot",
        "http_status": 200,
        "status": "ok",
        "retries": 1,
        "cache_status": None,
        "tags": {"workspace": "retail"},
        "quality_flags": ["currency_unknown"],
    }
    assert told(request_of(SOURCE, LINE), expected) == expected
    assert "cost_currency" not in request_of(SOURCE, LINE)


def test_a_transformer_beside_the_proxy_is_an_attempt() -> None:
    tables = rows_of(SOURCE, BOTH)
    expected: dict[str, Any] = {
        "cache_status": "semantic_hit",
        "response_id": "chatcmpl-1",
        "model_requested": "gpt-3.5-turbo",
    }
    assert told(tables["requests"][0], expected) == expected
    *_, attempt = tables["attempts"]
    expected = {
        "attempt_uid": "kong:k-1#ai-request-transformer",
        "attempt_no": 2,
        "kind": "sub_call",
        "name": "ai-request-transformer",
        "model": "gpt-3.5-turbo-0613",
        "latency_us": 1000,
        "status": "ok",
        "input_tokens": 25,
    }
    assert told(attempt, expected) == expected
    assert {row["role"] for row in tables["payloads"]} == {"request", "response"}


def test_each_try_of_the_balancer_is_an_attempt() -> None:
    """The members of a try are those of Kong's own log; these tries are made."""
    tries = [
        {"balancer_start": 1_782_000_000_125, "balancer_latency": 0, "ip": "10.0.0.1", "port": 443},
        {"balancer_start": 1_782_000_000_525, "balancer_latency": 0, "ip": "10.0.0.2", "port": 443},
    ]
    tries[0] |= {"state": "failed", "code": 504}
    first, second = rows_of(SOURCE, LINE | {"tries": tries})["attempts"]
    expected: dict[str, Any] = {
        "attempt_uid": "kong:k-1#try0",
        "request_uid": "kong:k-1",
        "attempt_no": 0,
        "kind": "primary",
        "name": "10.0.0.1:443",
        "provider": "openai",
        "model": "gpt-3.5-turbo",
        "start_ts": datetime(2026, 6, 21, 0, 0, 0, 125_000, tzinfo=UTC),
        "status": "timeout",
        "http_status": 504,
    }
    assert told(first, expected) == expected
    expected = {"attempt_no": 1, "kind": "retry", "name": "10.0.0.2:443", "status": "ok", "http_status": 200}
    assert told(second, expected) == expected


@pytest.mark.parametrize(
    ("tries", "expected"),
    [
        ([{}], [("primary", "ok", 200)]),
        ([{}, {}], [("primary", "error", None), ("retry", "ok", 200)]),
        ([{"state": "next"}, {"state": "failed"}], [("primary", "error", None), ("retry", "error", None)]),
        ([{"code": 502}], [("primary", "error", 502)]),
        ([], []),
        (None, []),
        ("x", []),
        (["x"], []),
    ],
)
def test_how_a_try_ended(tries: object, expected: list[tuple[str, str, int | None]]) -> None:
    found = rows_of(SOURCE, LINE | {"tries": tries}).get("attempts", [])
    assert [(row["kind"], row["status"], row["http_status"]) for row in found] == expected


def test_a_model_that_the_plugin_does_not_know_is_none() -> None:
    assert request_of(SOURCE, ENVELOPE | {"ai": TRANSFORMER})["model_requested"] is None


@pytest.mark.parametrize(
    ("word", "expected"), [("Hit", "semantic_hit"), ("Miss", "miss"), ("Bypass", "disabled"), ("x", None)]
)
def test_cache_status(word: str, expected: str | None) -> None:
    block = {"ai-proxy": PROXY["ai-proxy"] | {"cache": {"cache_status": word}}}
    assert request_of(SOURCE, ENVELOPE | {"ai": block})["cache_status"] == expected


@pytest.mark.parametrize(
    ("code", "expected"), [(200, "ok"), (429, "error"), (504, "timeout"), (None, "incomplete"), (0, "incomplete")]
)
def test_status_by_code(code: int | None, expected: str) -> None:
    assert request_of(SOURCE, LINE | {"response": {"status": code}})["status"] == expected


def test_a_line_without_ai_is_ignored() -> None:
    assert SOURCE.recognises(ENVELOPE)
    assert fates(SOURCE, ENVELOPE) == [Ignored("not a model request")]
