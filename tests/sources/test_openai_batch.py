"""Batch output: lines in any order become requests at the batch tier; a line without a time cannot be placed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from governance.sources import UnreadableError
from governance.sources.openai_batch import SOURCE
from tests.sources.reading import fates, request_of, rows_of, sample, told, values_in

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

# made by hand: a Responses body with every count, and a line of an error file whose body says when
MADE: dict[str, Any] = {
    "id": "batch_req_1",
    "custom_id": "row-1",
    "response": {
        "status_code": 200,
        "request_id": "req_1",
        "body": {
            "id": "resp_1",
            "object": "response",
            "created_at": 1782000000,
            "model": "gpt-5",
            "usage": {
                "input_tokens": 9703,
                "input_tokens_details": {"cached_tokens": 8576, "cache_write_tokens": 3},
                "output_tokens": 638,
                "output_tokens_details": {"reasoning_tokens": 576},
                "total_tokens": 10341,
            },
        },
    },
    "error": None,
}
FAILED: dict[str, Any] = {
    "id": "batch_req_2",
    "custom_id": "row-2",
    "response": {"status_code": 400, "body": {"created": 1782000000, "error": {"code": "content_policy_violation"}}},
    "error": {"code": "content_policy_violation", "message": "refused"},
}
EXPIRED = {
    "id": "batch_req_3",
    "custom_id": "row-3",
    "response": None,
    "error": {"code": "batch_expired", "message": "x"},
}
VALUES = [*sample("openai_batch.jsonl"), MADE, FAILED]


def test_a_recorded_line() -> None:
    (value,) = sample("openai_batch.jsonl")
    expected = {
        "request_uid": "openai-batch:batch_req_403hYy7nMxrxXFWXiwvoLG1q",
        "client_request_id": "request-1",
        "response_id": "chatcmpl-A1Efhv97EZNQeHKSLPnTmZex20gf2",
        "operation": "chat",
        "provider": "openai",
        "model_served": "gpt-4o-mini-2024-07-18",
        "start_ts": datetime(2024, 8, 28, 15, 14, 49, tzinfo=UTC),
        "latency_us": None,
        "input_tokens": 24,
        "output_tokens": 8,
        "cache_read_tokens": None,
        "parameters": {"service_tier": "batch"},
        "http_status": 200,
        "status": "ok",
        "finish_reasons": ["stop"],
        "input_state": "absent",
        "output_state": "complete",
        "quality_flags": [],
    }
    assert told(request_of(SOURCE, value), expected) == expected


def test_lines_in_another_order_keep_their_own_ids(shared_data: Callable[[str], Path]) -> None:
    values = values_in(shared_data("samples/openai_batch/batch_output_docs_out_of_order.jsonl"))
    rows = [request_of(SOURCE, value) for value in values]
    assert [(row["client_request_id"], row["input_tokens"]) for row in rows] == [("request-2", 22), ("request-1", 20)]


def test_a_responses_body_counts_as_well() -> None:
    expected = {
        "operation": "chat",
        "input_tokens": 9703,
        "cache_read_tokens": 8576,
        "cache_write_tokens": 3,
        "output_tokens": 638,
        "reasoning_tokens": 576,
        "quality_flags": [],
    }
    assert told(request_of(SOURCE, MADE), expected) == expected


def test_a_failure_with_a_time_is_a_request() -> None:
    expected = {"status": "blocked", "http_status": 400, "error_type": "content_policy_violation"}
    assert told(request_of(SOURCE, FAILED), expected) == expected
    assert {row["role"] for row in rows_of(SOURCE, FAILED)["payloads"]} == {"response", "error"}


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(EXPIRED, id="expired"),
        pytest.param(
            MADE | {"response": {"status_code": 200, "body": {"object": "list", "data": [], "model": "e"}}},
            id="embeddings",
        ),
    ],
)
def test_a_line_without_a_time_goes_to_quarantine(value: dict[str, Any]) -> None:
    assert SOURCE.recognises(value)
    (error,) = fates(SOURCE, value)
    assert isinstance(error, UnreadableError)
    assert (error.reason, error.detail) == ("missing_value", "created is not set")
