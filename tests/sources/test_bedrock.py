"""Bedrock's invocation log: tokens with the cached ones, streamed answers, records without bodies."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from governance.sources import UnreadableError
from governance.sources.bedrock import SOURCE
from tests.sources.reading import exact, fates, request_of, rows_of, told, values_in

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PROFILE = "arn:aws:bedrock:eu-west-1:111122223333:inference-profile/eu.anthropic.claude-sonnet-4-20250514-v1:0"
# made by hand from the log's fields: a Converse call with every count, and one that failed
MADE: dict[str, Any] = {
    "schemaType": "ModelInvocationLog",
    "schemaVersion": "1.0",
    "timestamp": "2026-07-01T10:00:00Z",
    "accountId": "111122223333",
    "identity": {"arn": "arn:aws:sts::111122223333:assumed-role/bot/s-1"},
    "region": "eu-west-1",
    "inferenceRegion": "eu-north-1",
    "requestId": "r-1",
    "operation": "ConverseStream",
    "modelId": PROFILE,
    "requestMetadata": {
        "team": "cards",
        "costCentre": "retail",
        "project": "bot",
        "sessionId": "s-9",
        "traceId": "t-9",
        "environment": "production",
    },
    "input": {
        "inputContentType": "application/json",
        "inputBodyJson": {
            "messages": [{"role": "user", "content": [{"text": "Hi"}]}],
            "inferenceConfig": {"temperature": 0.5, "maxTokens": 20},
        },
        "inputTokenCount": 10,
        "cacheReadInputTokenCount": 1000,
        "cacheWriteInputTokenCount": 500,
    },
    "output": {
        "outputContentType": "application/json",
        "outputBodyJson": [
            {"id": "msg-1"},
            {"stopReason": "end_turn"},
            {"metadata": {"metrics": {"latencyMs": 1250}}},
            {"amazon-bedrock-invocationMetrics": {"firstByteLatency": 300}},
        ],
        "outputTokenCount": 44,
    },
}
FAILED = MADE | {"requestId": "r-2", "errorCode": "ThrottlingException", "status": 429, "output": {}}
# a model whose own answer reports reasoning, in a log without counts
REASONED = MADE | {
    "requestId": "r-3",
    "input": {},
    "output": {
        "outputBodyJson": {
            "usage": {"input_tokens": 3, "output_tokens": 9, "output_tokens_details": {"thinking_tokens": 5}}
            | {"cache_read_input_tokens": 7}
        }
    },
}
VALUES = [MADE, FAILED, REASONED]


def test_an_agent_turn_is_two_requests(shared_data: Callable[[str], Path]) -> None:
    first, second = values_in(shared_data("samples/bedrock/invocation_log_converse_pair.json"))
    assert SOURCE.recognises(first)
    expected = {
        "request_uid": "bedrock:req-1",
        "operation": "chat",
        "provider": "aws.bedrock",
        "model_requested": "anthropic.claude-sonnet-4",
        "model_served": "anthropic.claude-sonnet-4",
        "region": "us-west-2",
        "session_id": "kagent-abc",
        "user_id": "arn:aws:sts::111122223333:assumed-role/kagent-agent/sess-1",
        "start_ts": datetime(2026, 6, 11, 10, tzinfo=UTC),
        "latency_us": None,
        "input_tokens": None,
        "finish_reasons": ["tool_use"],
        "tags": {"session": "kagent-abc"},
    }
    assert told(request_of(SOURCE, first), expected) == expected
    assert request_of(SOURCE, second)["finish_reasons"] == ["end_turn"]


class TestStreamAndMetadataOnly:
    def test_a_stream_is_read_once_its_time_is_one(self, shared_data: Callable[[str], Path]) -> None:
        streamed, _ = values_in(shared_data("samples/bedrock/invocation_log_stream_and_metadata_only.jsonl"))
        (error,) = fates(SOURCE, streamed)
        assert isinstance(error, UnreadableError)
        assert (error.reason, error.detail) == ("bad_time", "timestamp is no time: 'xxxxxxxxxxxx'")
        expected = {
            "operation": "completion",
            "latency_us": 864_000,
            "ttft_us": 864_000,
            "input_tokens": 7,
            "output_tokens": 11,
            "finish_reasons": ["FINISH"],
            "parameters": {"temperature": "0", "top_p": "0.9", "max_tokens": "2048", "stop": '["User:"]'},
        }
        assert told(request_of(SOURCE, streamed | {"timestamp": "2026-07-01T00:00:00Z"}), expected) == expected

    def test_a_record_without_bodies_has_counts(self, shared_data: Callable[[str], Path]) -> None:
        _, bare = values_in(shared_data("samples/bedrock/invocation_log_stream_and_metadata_only.jsonl"))
        expected = {
            "input_tokens": 1,
            "output_tokens": 8,
            "input_state": "absent",
            "output_state": "absent",
            "status": "ok",
        }
        assert told(request_of(SOURCE, bare), expected) == expected


def test_every_column_of_a_full_record() -> None:
    expected = {
        "request_uid": "bedrock:r-1",
        "response_id": "msg-1",
        "trace_id": "t-9",
        "session_id": "s-9",
        "environment": "production",
        "region": "eu-north-1",
        "team": "cards",
        "business_unit": "retail",
        "project": "bot",
        "model_requested": PROFILE,
        "model_served": "eu.anthropic.claude-sonnet-4-20250514-v1:0",
        "latency_us": 1_250_000,
        "end_ts": datetime(2026, 7, 1, 10, 0, 1, 250_000, tzinfo=UTC),
        "ttft_us": 300_000,
        "input_tokens": 1510,
        "cache_read_tokens": 1000,
        "cache_write_tokens": 500,
        "output_tokens": 44,
        "parameters": {"temperature": "0.5", "max_tokens": "20"},
        "finish_reasons": ["end_turn"],
        "status": "ok",
        "quality_flags": [],
    }
    assert told(request_of(SOURCE, MADE), expected) == expected


def test_counts_in_the_answer_stand_in_for_those_of_the_log() -> None:
    row = request_of(SOURCE, REASONED)
    assert (row["input_tokens"], row["cache_read_tokens"], row["reasoning_tokens"]) == (10, 7, 5)


@pytest.mark.parametrize(
    ("model", "served"),
    [
        pytest.param(
            "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-pro-v1:0", "amazon.nova-pro-v1:0", id="model"
        ),
        pytest.param("arn:aws:bedrock:us-east-1:1:application-inference-profile/x7", None, id="own profile hides it"),
        pytest.param("apac.amazon.nova-micro-v1:0", "apac.amazon.nova-micro-v1:0", id="plain"),
    ],
)
def test_what_answered_is_in_the_arn(model: str, served: str | None) -> None:
    row = request_of(SOURCE, MADE | {"modelId": model})
    assert (row["model_requested"], row["model_served"]) == (model, served)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param(FAILED, ("error", 429, "ThrottlingException"), id="throttled"),
        pytest.param(
            MADE | {"errorCode": "ModelTimeoutException"}, ("timeout", None, "ModelTimeoutException"), id="timeout"
        ),
        pytest.param(
            MADE | {"output": {"outputBodyJson": {"stopReason": "guardrail_intervened"}}},
            ("blocked", None, None),
            id="guardrail",
        ),
    ],
)
def test_status(given: dict[str, Any], expected: tuple[object, ...]) -> None:
    row = request_of(SOURCE, given)
    assert (row["status"], row["http_status"], row["error_type"]) == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param(
            {"operation": "InvokeModel", "modelId": "amazon.titan-embed-text-v2:0", "input": {}},
            "embedding",
            id="embedding",
        ),
        pytest.param(
            {"operation": "InvokeModel", "input": {"inputBodyJson": {"prompt": "x"}}}, "completion", id="prompt"
        ),
        pytest.param(
            {"operation": "InvokeModel", "input": {"inputBodyJson": {"messages": [1]}}}, "chat", id="messages"
        ),
        pytest.param({"operation": "InvokeModel", "input": {}}, "inference", id="not known"),
    ],
)
def test_operation(given: dict[str, Any], expected: str) -> None:
    assert request_of(SOURCE, MADE | {"modelId": "m"} | given)["operation"] == expected


def test_a_body_in_the_bucket_is_absent_and_flagged() -> None:
    row = request_of(SOURCE, MADE | {"input": {"inputBodyS3Path": "s3://bucket/key", "inputTokenCount": 9}})
    assert (row["input_state"], row["quality_flags"]) == ("absent", ["body_elsewhere"])


def test_bodies_are_kept() -> None:
    assert {row["role"] for row in rows_of(SOURCE, MADE)["payloads"]} == {"request", "response"}


def test_what_the_log_does_not_count_the_answer_does() -> None:
    """Each of input and output by itself: some records count the input alone."""
    counted = {"inputTokens": 10, "outputTokens": 5, "totalTokens": 15}
    given = MADE | {"output": {"outputBodyJson": {"usage": counted}}}
    row = request_of(SOURCE, exact(given))
    assert (row["input_tokens"], row["cache_read_tokens"], row["output_tokens"]) == (1510, 1000, 5)


@pytest.mark.parametrize(
    "chunk",
    [{"type": "message_delta", "delta": {"stop_reason": "end_turn"}}, {"messageStop": {"stopReason": "end_turn"}}],
    ids=["InvokeModel", "Converse"],
)
def test_why_a_stream_ended(chunk: dict[str, Any]) -> None:
    answer = [{"contentBlockDelta": {"delta": {"text": "Hi"}}}, chunk]
    given = MADE | {"output": {"outputBodyJson": answer}}
    assert request_of(SOURCE, exact(given))["finish_reasons"] == ["end_turn"]
