"""LiteLLM's spend logs become requests; two versions of LiteLLM log the same call as the same request."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from governance.records import parse_json
from governance.sources import Row, Rows
from governance.sources.litellm_spend import SOURCE
from governance.tables import CANONICAL

HERE = Path(__file__).resolve().parent
VERSIONS = ("litellm_spend_older.json", "litellm_spend_newer.json")


def recorded(name: str) -> dict[str, Any]:
    value: dict[str, Any] = parse_json((HERE / name).read_text(encoding="utf-8"))
    return value


def read(record: dict[str, Any]) -> Rows:
    made = SOURCE.rows(record)
    assert isinstance(made, Rows)
    return made


def request_of(record: dict[str, Any]) -> Row:
    (row,) = read(record).tables["requests"]
    return dict(row)


@pytest.mark.parametrize("name", VERSIONS)
def test_the_columns_are_those_of_the_file(name: str) -> None:
    expected = {
        "request_uid": "litellm-spend:chatcmpl-2283081b-dc89-41f6-93e6-d4f914774027",
        "request_id": "chatcmpl-2283081b-dc89-41f6-93e6-d4f914774027",
        "source": "litellm-spend",
        "session_id": "1234567890",
        "operation": "chat",
        "provider": "openai",
        "model_served": "gpt-4o",
        "model_requested": None,
        "start_ts": datetime(2025, 1, 24, 9, 20, 46, 847371, tzinfo=UTC),
        "latency_us": 4583,
        "ttft_us": None,
        "input_tokens": 10,
        "output_tokens": 20,
        "cost_reported": Decimal("0.000225"),
        "status": "ok",
        "cache_status": "disabled",
        "user_id": None,
        "team": None,
        "end_user_id": None,
        "tags": None,
        "fallbacks": None,
        "input_state": "absent",
        "output_state": "absent",
        "quality_flags": ["tz_assumed"],
    }
    row = request_of(recorded(name))
    assert {column: row[column] for column in expected} == expected


def test_both_versions_of_one_call_become_the_same_rows() -> None:
    older, newer = map(recorded, VERSIONS)
    assert older != newer
    assert read(older).tables == read(newer).tables


@pytest.mark.parametrize("name", VERSIONS)
def test_they_are_recognised(name: str) -> None:
    assert SOURCE.recognises(recorded(name))


def test_a_standard_logging_payload_is_not_one() -> None:
    assert not SOURCE.recognises(recorded("litellm.json"))


MADE: dict[str, Any] = recorded(VERSIONS[1]) | {
    "litellm_call_id": "call-9",
    "trace_id": "t-9",
    "cache_hit": "True",
    "completionStartTime": "2025-01-24 09:20:46.850000",
    "user": "u-9",
    "team_id": "team-9",
    "organization_id": "org-9",
    "end_user": "person-9",
    "request_tags": '["prod"]',
    "model_group": "smart",
    "model_parameters": {"temperature": 0},
    "messages": '[{"role": "user", "content": "litellm_truncated"}]',
    "response": '{"id": "chatcmpl-p", "choices": [{"finish_reason": "stop"}]}',
    "status": "failure",
    "metadata": json.dumps(
        {
            "attempted_fallbacks": 1,
            "attempted_retries": 0,
            "original_model_group": "cheap",
            "is_silent_experiment": False,
            "user_api_key_project_id": "p-9",
            "routing_decision": {"routed_model": "m", "cause": "llm_classifier"},
            "prompt_management_metadata": {"prompt_id": "greeting", "prompt_version": "2"},
            "error_information": {"error_class": "RateLimitError", "error_code": "429", "error_message": "slow down"},
            "guardrail_information": [
                {"guardrail_name": "g", "guardrail_mode": "pre_call", "guardrail_status": "not_run"}
                | {"guardrail_action": "none", "risk_score": 1, "duration": 1}
            ],
            "eval_information": {"eval_name": "tone", "overall_score": 72.5, "passed": True, "judge_model": "gpt-4o"},
            "usage_object": {
                "prompt_tokens_details": {"cached_tokens": 5, "cache_creation_tokens": 1},
                "completion_tokens_details": {"reasoning_tokens": 7},
            },
        }
    ),
}


@pytest.mark.parametrize(
    ("evaluation", "expected"),
    [
        ({"eval_name": "tone", "overall_score": 72.5, "passed": True}, [(72.5, "passed")]),
        ({"eval_name": "tone", "passed": False, "overall_score": None}, [(None, "failed")]),
        ({"eval_name": "tone", "overall_score": 0}, [(0.0, None)]),
        ({"eval_name": "tone"}, []),
        ({"overall_score": 72.5}, []),
        ("x", []),
        (None, []),
    ],
)
def test_an_evaluation_is_an_assessment(evaluation: object, expected: list[tuple[float | None, str | None]]) -> None:
    record = MADE | {"metadata": json.dumps({"eval_information": evaluation})}
    made = SOURCE.rows(record)
    assert isinstance(made, Rows)
    found = list(made.tables.get("assessments", ()))
    assert [(row["score"], row["label"]) for row in found] == expected
    (request,) = made.tables["requests"]
    assert {row["target_id"] for row in found} <= {request["request_uid"]}
    assert {row["created_ts"] for row in found} <= {request["end_ts"]}


def test_nested_metadata_is_read() -> None:
    expected = {
        "status": "error",
        "http_status": 429,
        "error_type": "RateLimitError",
        "cache_status": "exact_hit",
        "retries": 0,
        "fallbacks": 1,
        "fallback_from": "cheap",
        "route_cause": "llm_classifier",
        "cache_read_tokens": 5,
        "cache_write_tokens": 1,
        "reasoning_tokens": 7,
        "ttft_us": 2629,
        "team": "team-9",
        "business_unit": "org-9",
        "user_id": "u-9",
        "tags": {"prod": "true"},
        "input_state": "truncated",
        "output_state": "complete",
        "response_id": "chatcmpl-p",
        "finish_reasons": ["stop"],
        "is_shadow": False,
    }
    row = request_of(MADE)
    assert {column: row[column] for column in expected} == expected


def test_what_it_fills_is_what_it_says() -> None:
    filled = {
        f"{table}.{column}"
        for record in (MADE, *map(recorded, VERSIONS))
        for table, rows in read(record).tables.items()
        for row in rows
        for column, value in row.items()
        if value is not None
    }
    assert filled == set(SOURCE.fills)


def test_rows_name_canonical_columns_only() -> None:
    for table, rows in read(MADE).tables.items():
        assert all(set(row) <= set(CANONICAL[table].names) for row in rows)
