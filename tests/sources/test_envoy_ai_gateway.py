"""Envoy AI Gateway: model lines and MCP tool calls become requests; `-` and null are nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from governance.sources import Ignored, UnreadableError
from governance.sources.envoy_ai_gateway import SOURCE
from tests.sources.reading import fates, request_of, rows_of, sample, told

MODEL_LINE, MCP_LINE = sample("envoy_ai_gateway.jsonl")
# made by hand: a line with every field that an operator may configure
MADE: dict[str, Any] = MODEL_LINE | {
    "gen_ai.provider.name": "aws.bedrock",
    "gen_ai.request.model_override": "nova-micro",
    "gen_ai.response.id": "chatcmpl-1",
    "gen_ai.usage.cached_input_tokens": 10,
    "gen_ai.usage.cache_creation_input_tokens": 3,
    "gen_ai.usage.reasoning_tokens": 2,
    "session.id": "s-1",
    "trace_id": "5b8efff798038103d269b633813fc60c",
}
TOOL_LINE = MCP_LINE | {"mcp.tool.name": "search", "mcp.session.id": "m-1"}
FAILED = MADE | {"response_code": 503, "response_flags": "UF", "upstream_transport_failure_reason": "TLS error"}
OVERFLOWED = MADE | {"response_code": 503, "response_flags": "UO", "upstream_host": None}
VALUES = [MODEL_LINE, MCP_LINE, MADE, TOOL_LINE, FAILED, OVERFLOWED]


def test_a_recorded_model_line() -> None:
    expected = {
        "request_uid": "envoy-ai-gateway:83b63da3-45a9-4196-98b8-1a7f697d6d8d",
        "operation": "chat",
        "start_ts": datetime(2025, 8, 30, 16, 51, 37, 894_000, tzinfo=UTC),
        "end_ts": datetime(2025, 8, 30, 16, 51, 39, 420_000, tzinfo=UTC),
        "latency_us": 1_526_000,
        "model_requested": "gpt-4o-mini",
        "model_served": None,
        "provider": None,
        "service_name": "default/tars/route/aigw-run/rule/0/ref/0",
        "route_name": "httproute/default/aigw-run/rule/0/match/0/*",
        "input_tokens": 15,
        "output_tokens": 7,
        "http_status": 200,
        "status": "ok",
        "error_type": None,
        "input_state": "absent",
        "quality_flags": [],
    }
    assert told(request_of(SOURCE, MODEL_LINE), expected) == expected


def test_a_recorded_tool_call() -> None:
    expected = {
        "operation": "tool",
        "latency_us": 653_000,
        "service_name": "context7",
        "model_requested": None,
        "input_tokens": None,
        "tags": None,
    }
    assert told(request_of(SOURCE, MCP_LINE), expected) == expected


def test_configured_fields_are_read() -> None:
    expected = {
        "provider": "aws.bedrock",
        "service_name": None,
        "model_served": "nova-micro",
        "response_id": "chatcmpl-1",
        "session_id": "s-1",
        "trace_id": "5b8efff798038103d269b633813fc60c",
        "cache_read_tokens": 10,
        "cache_write_tokens": 3,
        "reasoning_tokens": 2,
    }
    assert told(request_of(SOURCE, MADE), expected) == expected
    assert told(request_of(SOURCE, TOOL_LINE), {"tags": 0, "session_id": 0}) == {
        "tags": {"mcp.tool.name": "search"},
        "session_id": "m-1",
    }


@pytest.mark.parametrize("method", ["initialize", "tools/list", "notifications/initialized"])
def test_other_mcp_messages_are_ignored(method: str) -> None:
    assert fates(SOURCE, MCP_LINE | {"mcp.method.name": method}) == [Ignored(f"MCP {method}")]


def test_plain_traffic_is_ignored() -> None:
    plain = {key: None if key.startswith(("gen_ai.", "mcp.")) else item for key, item in MODEL_LINE.items()}
    assert fates(SOURCE, plain) == [Ignored("not a model request")]


@pytest.mark.parametrize(
    ("code", "flags", "expected"),
    [
        pytest.param(200, "-", ("ok", 200, None), id="answered"),
        pytest.param(429, "-", ("error", 429, "via_upstream"), id="rate limit"),
        pytest.param(503, "UF,URX", ("error", 503, "UF,URX"), id="upstream failed"),
        pytest.param(504, "UT", ("timeout", 504, "UT"), id="upstream was slow"),
        pytest.param(408, "-", ("timeout", 408, "via_upstream"), id="timeout by code"),
        pytest.param(0, "DC", ("cancelled", None, "DC"), id="the caller left"),
        pytest.param(0, "-", ("incomplete", None, "via_upstream"), id="no answer"),
    ],
)
def test_status_by_code_and_flags(code: int, flags: str, expected: tuple[object, ...]) -> None:
    row = request_of(SOURCE, MODEL_LINE | {"response_code": code, "response_flags": flags})
    assert (row["status"], row["http_status"], row["error_type"]) == expected


def test_the_reason_of_the_transport_comes_first() -> None:
    assert request_of(SOURCE, FAILED)["error_type"] == "TLS error"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/v1/chat/completions?beta=true", "chat"),
        ("/anthropic/v1/messages", "chat"),
        ("/v1/completions", "completion"),
        ("/v1/embeddings", "embedding"),
        ("/v1/unknown", "inference"),
    ],
)
def test_operation_by_path(path: str, expected: str) -> None:
    assert request_of(SOURCE, MODEL_LINE | {"x-envoy-origin-path": path})["operation"] == expected


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        pytest.param({"start_time": "-"}, "missing_value", id="no start"),
        pytest.param({"duration": "fast"}, "type_mismatch", id="duration in words"),
        pytest.param({"duration": 1e300}, "out_of_range", id="duration beyond time"),
    ],
)
def test_what_cannot_be_read_is_refused(given: dict[str, Any], reason: str) -> None:
    (error,) = fates(SOURCE, MODEL_LINE | given)
    assert isinstance(error, UnreadableError)
    assert error.reason == reason


@pytest.mark.parametrize(
    ("changed", "state", "status"),
    [
        ({}, "closed", "ok"),
        ({"response_code": 503, "response_flags": "UO", "upstream_host": "-"}, "open", "blocked"),
        ({"response_code": 503, "response_flags": "UF,URX"}, "closed", "error"),
        ({"response_code": 503, "response_flags": "NR", "upstream_host": None}, None, None),
    ],
)
def test_the_state_of_the_breaker_is_told_by_flag_and_host(
    changed: dict[str, Any], state: str | None, status: str | None
) -> None:
    rows = rows_of(SOURCE, MODEL_LINE | changed)
    (request,), attempts = rows["requests"], rows.get("attempts", [])
    expected = {"breaker_state": state, "status": status, "request_uid": request["request_uid"], "kind": "primary"}
    assert [told(attempt, expected) for attempt in attempts] == ([expected] if state else [])
    assert request["status"] == ("ok" if not changed else "error")  # what the caller met
