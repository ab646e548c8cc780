"""Databricks inference tables: chat requests, assessments of the review app, refused calls, predictions."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import pytest

from governance.sources import UnreadableError
from governance.sources.databricks import SOURCE
from tests.sources.reading import fates, request_of, rows_of, told, values_in

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

# made by hand: the newer columns, with a chat and with a table of records
CHAT: dict[str, Any] = {
    "request_date": "2026-07-01",
    "databricks_request_id": "d-1",
    "client_request_id": "c-1",
    "request_time": "2026-07-01T10:00:00.000Z",
    "status_code": 200,
    "sampling_fraction": 0.5,
    "execution_duration_ms": 1500,
    "request": json.dumps(
        {"model": "llama", "messages": [{"role": "user", "content": "Hi"}], "temperature": 0.5}
        | {"databricks_options": {"conversation_id": "s-1"}}
    ),
    "response": json.dumps(
        {
            "id": "chatcmpl-1",
            "model": "llama-3",
            "choices": [{"finish_reason": "stop"}],
            "usage": {
                "prompt_tokens": 10,
                "completion_tokens": 5,
                "total_tokens": 15,
                "prompt_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 1},
                "completion_tokens_details": {"reasoning_tokens": 2},
            },
        }
    ),
    "logging_error_codes": [],
    "served_entity_id": "entity-7",
    "requester": "u-1",
}
PREDICTED = CHAT | {
    "databricks_request_id": "d-2",
    "request": json.dumps({"dataframe_records": [{"age": 40}, {"age": 20}]}),
    "response": json.dumps({"predictions": [{"prediction": "approved", "probability": 0.75}, 0.25]}),
    "request_metadata": {"model_name": "credit", "model_version": "4", "endpoint_name": "credit-prod"},
}
SHARES = PREDICTED | {"response": json.dumps({"predictions": [[0.2, 0.8], [0.5, 0.5]]})}
FAILED = CHAT | {
    "databricks_request_id": "d-3",
    "status_code": "429",
    "response": '{"error_code": "REQUEST_LIMIT_EXCEEDED"}',
}
RATED = CHAT | {
    "request": json.dumps(
        {
            "dataframe_records": [
                {
                    "request_id": "d-1",
                    "source": {"id": "expert-1"},
                    "text_assessments": [{"ratings": {"good": {"value": True}}}],
                }
            ]
        }
    )
}
OLDER = CHAT | {
    "databricks_request_id": "d-4",
    "request_time": None,
    "timestamp_ms": 1_782_000_000_123,
    "date": "2026-06-21",
}
VALUES = [OLDER, CHAT, PREDICTED, SHARES, FAILED, RATED]


@pytest.fixture(scope="module")
def recorded(shared_data: Callable[[str], Path]) -> list[dict[str, Any]]:
    return values_in(shared_data("samples/databricks/inference_table_payload.jsonl"))


def test_five_rows_are_two_requests_and_six_assessments(recorded: list[dict[str, Any]]) -> None:
    """The rows' own test counts one request; a refused call is one as well here, because someone made it."""
    assert all(SOURCE.recognises(value) for value in recorded)
    tables = [rows_of(SOURCE, value) for value in recorded]
    assert [sorted(table) for table in tables] == [
        ["payloads", "requests"],
        ["assessments"],
        ["assessments"],
        ["payloads", "requests"],
        ["assessments"],
    ]
    assert sum(len(table.get("assessments", ())) for table in tables) == 6


def test_a_recorded_chat(recorded: list[dict[str, Any]]) -> None:
    expected = {
        "request_uid": "databricks:12345",
        "operation": "chat",
        "start_ts": datetime(2021, 1, 1, tzinfo=UTC),
        "latency_us": 37_000,
        "session_id": "123456",
        "response_id": "12345",
        "http_status": 200,
        "status": "ok",
        "tags": None,
        "quality_flags": ["date_differs"],
    }
    assert told(request_of(SOURCE, recorded[0]), expected) == expected


def test_a_recorded_refusal(recorded: list[dict[str, Any]]) -> None:
    expected = {"operation": "inference", "http_status": 404, "status": "error", "output_state": "absent"}
    assert told(request_of(SOURCE, recorded[3]), expected) == expected


def test_recorded_assessments_are_about_other_requests(recorded: list[dict[str, Any]]) -> None:
    rows = [row for value in recorded for row in rows_of(SOURCE, value).get("assessments", ())]
    assert [(row["target_id"], row["name"], row["score"], row["annotator"]) for row in rows] == [
        ("24680", "harmful", 1.0, "user-1"),
        ("35209", "relevant", 0.0, "expert-1"),
        ("35209", "relevant", 1.0, "expert-1"),
        ("729962", "faithfulness", 0.0, "expert-2"),
        ("729962", "relevant", 0.0, "expert-2"),
        ("729962", "faithful", 1.0, "expert-2"),
    ]
    assert len({row["assessment_id"] for row in rows}) == 6


def test_every_column_of_the_newer_form() -> None:
    expected = {
        "request_uid": "databricks:d-1",
        "client_request_id": "c-1",
        "start_ts": datetime(2026, 7, 1, 10, tzinfo=UTC),
        "latency_us": 1_500_000,
        "session_id": "s-1",
        "model_requested": "llama",
        "model_served": "llama-3",
        "model_version": "entity-7",
        "user_id": "u-1",
        "parameters": {"temperature": "0.5"},
        "input_tokens": 10,
        "cache_read_tokens": 4,
        "cache_write_tokens": 1,
        "output_tokens": 5,
        "reasoning_tokens": 2,
        "finish_reasons": ["stop"],
        "tags": {"sampling_fraction": "0.5"},
        "quality_flags": [],
    }
    assert told(request_of(SOURCE, CHAT), expected) == expected


def test_a_row_of_parquet_says_the_same() -> None:
    """Arrow gives times as datetimes and maps as lists of pairs."""
    typed = PREDICTED | {
        "request_time": datetime(2026, 7, 1, 10, tzinfo=UTC),
        "request_date": date(2026, 7, 1),
        "request_metadata": list(PREDICTED["request_metadata"].items()),
    }
    assert SOURCE.rows(typed) == SOURCE.rows(PREDICTED)


def test_milliseconds_are_the_time_of_the_older_form() -> None:
    row = request_of(SOURCE, OLDER)
    assert (row["start_ts"], row["quality_flags"]) == (datetime(2026, 6, 21, 0, 0, 0, 123_000, tzinfo=UTC), [])


def test_predictions_are_decisions() -> None:
    tables = rows_of(SOURCE, PREDICTED)
    expected = {"operation": "predict", "n_decisions": 2, "service_name": "credit-prod"}
    assert told(tables["requests"][0], expected) == expected
    first, second = tables["decisions"]
    assert first == {
        "decision_id": "databricks:d-2#0",
        "request_uid": "databricks:d-2",
        "request_id": "d-2",
        "source": "databricks",
        "item_index": 0,
        "decision_ts": datetime(2026, 7, 1, 10, tzinfo=UTC),
        "operation": "predict",
        "model": "credit",
        "model_version": "4",
        "decision": "approved",
        "score": 0.75,
        "score_digits": 2,
        "confidence": None,
    }
    assert (second["decision"], second["score"], second["item_index"]) == (None, 0.25, 1)


def test_shares_of_classes_give_a_confidence() -> None:
    assert [row["confidence"] for row in rows_of(SOURCE, SHARES)["decisions"]] == [0.8, 0.5]


def test_a_failure_has_no_decisions() -> None:
    failed = PREDICTED | {"status_code": 500}
    assert "decisions" not in rows_of(SOURCE, failed)
    expected = {"status": "error", "http_status": 429, "error_type": "REQUEST_LIMIT_EXCEEDED"}
    assert told(request_of(SOURCE, FAILED), expected) == expected


def test_a_body_that_was_too_large_is_truncated() -> None:
    row = request_of(SOURCE, CHAT | {"response": None, "logging_error_codes": ["MAX_RESPONSE_SIZE_EXCEEDED"]})
    assert (row["input_state"], row["output_state"]) == ("complete", "truncated")


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        pytest.param({"request_time": None}, "missing_value", id="no time"),
        pytest.param({"request_time": "late"}, "bad_time", id="time in words"),
        pytest.param({"timestamp_ms": 1e30}, "bad_time", id="time beyond the calendar"),
        pytest.param({"execution_duration_ms": "long"}, "type_mismatch", id="duration in words"),
        pytest.param(
            {"request": '{"dataframe_records": [{"text_assessments": []}]}'},
            "missing_value",
            id="assessment of nothing",
        ),
    ],
)
def test_what_cannot_be_read_is_refused(given: dict[str, Any], reason: str) -> None:
    (error,) = fates(SOURCE, CHAT | given)
    assert isinstance(error, UnreadableError)
    assert error.reason == reason
