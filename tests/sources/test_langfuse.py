"""Langfuse's export: generations become requests, scores assessments; tokens in the inclusive convention."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, ClassVar

import pytest

from governance.envelopes import contents
from governance.sources import Ignored, Rows, UnreadableError
from governance.sources.langfuse import SOURCE
from tests.sources.reading import exact, fates, request_of, rows_of, sample, told

# put together by hand from the export's columns, of the newer form with user and session
MADE: dict[str, Any] = {
    "id": "o-1",
    "trace_id": "t-1",
    "project_id": "p-1",
    "environment": "production",
    "type": "GENERATION",
    "parent_observation_id": "o-0",
    "start_time": "2026-07-01T10:00:00.000000Z",
    "end_time": "2026-07-01T10:00:02.500000Z",
    "completion_start_time": "2026-07-01T10:00:00.250000Z",
    "name": "answer",
    "metadata": {"team": "cards", "business_unit": "retail", "nested": {"a": 1}},
    "level": "DEFAULT",
    "input": [{"role": "user", "content": "Hello"}],
    "output": {"role": "assistant", "content": "Hi"},
    "provided_model_name": "claude-sonnet-5",
    "model_parameters": '{"temperature": 0.5}',
    "usage_details": {
        "input": 16,
        "cache_read_input_tokens": 13637,
        "input_cache_creation": 7049,
        "output": 311,
        "output_reasoning_tokens": 33,
        "total": 21046,
    },
    "cost_details": {"total": 0.0125},
    "total_cost": 0.0125,
    "prompt_name": "greeting",
    "prompt_version": 3,
    "user_id": "u-1",
    "session_id": "s-1",
    "service_name": "support-bot",
    "tags": ["eu"],
}
FAILED = MADE | {"id": "o-2", "level": "ERROR", "status_message": "rate limited", "end_time": None, "output": None}
SCORE: dict[str, Any] = {
    "id": "sc-1",
    "timestamp": "2026-07-02T08:00:00.000Z",
    "project_id": "p-1",
    "trace_id": "t-1",
    "observation_id": "o-1",
    "session_id": None,
    "dataset_run_id": None,
    "name": "helpful",
    "value": 1,
    "source": "ANNOTATION",
    "data_type": "CATEGORICAL",
    "string_value": "yes",
    "author_user_id": "annotator-1",
    "comment": "fine",
}
TRACE: dict[str, Any] = {
    "id": "t-1",
    "timestamp": "2026-07-01T10:00:00Z",
    "release": None,
    "session_id": "s-1",
    "tags": [],
    "name": "x",
}
VALUES = [*sample("langfuse_observations.jsonl"), MADE, FAILED, SCORE]


def test_the_export_becomes_requests() -> None:
    first, second = (request_of(SOURCE, value) for value in sample("langfuse_observations.jsonl"))
    expected = {
        "request_uid": "langfuse:00000000-0000-4000-8000-000000000002",
        "trace_id": "00000000-0000-4000-8000-0000000000a0",
        "operation": "chat",
        "start_ts": datetime(2026, 1, 1, tzinfo=UTC),
        "end_ts": datetime(2026, 1, 1, 0, 0, 5, 500_000, tzinfo=UTC),
        "latency_us": 5_500_000,
        "ttft_us": 1_000_000,
        "model_served": "gpt-3.5-turbo",
        "prompt_name": "generation-prompt",
        "prompt_version": "1",
        "input_tokens": 100,
        "output_tokens": 200,
        "cost_reported": Decimal("42.5"),
        "cost_currency": "USD",
        "status": "ok",
    }
    assert told(second, expected) == expected
    assert (first["input_tokens"], first["output_tokens"], first["latency_us"]) == (1234, 5678, 0)


def test_a_row_that_contradicts_itself_is_flagged() -> None:
    """Its parts cost 300, it says 42.5; times without a zone are taken as UTC."""
    first, second = (request_of(SOURCE, value) for value in sample("langfuse_observations.jsonl"))
    assert first["quality_flags"] == ["tz_assumed"]
    assert second["quality_flags"] == ["cost_differs", "tz_assumed"]


def test_every_column_of_a_full_observation() -> None:
    expected = {
        "request_uid": "langfuse:o-1",
        "request_id": "o-1",
        "id_origin": "native",
        "trace_id": "t-1",
        "parent_span_id": "o-0",
        "session_id": "s-1",
        "environment": "production",
        "service_name": "support-bot",
        "user_id": "u-1",
        "team": "cards",
        "business_unit": "retail",
        "project": "p-1",
        "parameters": {"temperature": "0.5"},
        "input_tokens": 16 + 13637 + 7049,
        "cache_read_tokens": 13637,
        "cache_write_tokens": 7049,
        "output_tokens": 311 + 33,
        "reasoning_tokens": 33,
        "cost_reported": Decimal("0.0125"),
        "ttft_us": 250_000,
        "tags": {"team": "cards", "business_unit": "retail", "eu": "true"},
        "input_state": "complete",
        "quality_flags": [],
    }
    assert told(request_of(SOURCE, MADE), expected) == expected


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        pytest.param(
            {"input": 40, "input_cached_tokens": 60, "output": 5}, (100, 60, None, 5, None), id="OpenAI's names"
        ),
        pytest.param(
            {"input": 40, "input_audio": 10, "output": 5, "output_audio": 2}, (50, None, None, 7, None), id="audio"
        ),
        pytest.param({"input": 0, "output": 0}, (0, None, None, 0, None), id="zero is known"),
        pytest.param({"total": 7}, (None, None, None, None, None), id="only a total"),
        pytest.param(None, (None, None, None, None, None), id="none"),
    ],
)
def test_usage_details_become_inclusive_counts(usage: object, expected: tuple[int | None, ...]) -> None:
    row = request_of(SOURCE, MADE | {"usage_details": usage})
    names = ("input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens")
    assert tuple(row[name] for name in names) == expected


def test_an_error_keeps_its_message_as_a_body() -> None:
    tables = rows_of(SOURCE, FAILED)
    assert told(tables["requests"][0], {"status": "", "output_state": ""}) == {
        "status": "error",
        "output_state": "absent",
    }
    assert {row["role"]: row["body"] for row in tables["payloads"]}["error"] == "rate limited"


def test_one_without_an_end_is_incomplete() -> None:
    row = request_of(SOURCE, MADE | {"end_time": None})
    assert (row["status"], row["latency_us"]) == ("incomplete", None)


def test_an_embedding_is_a_request() -> None:
    assert request_of(SOURCE, MADE | {"type": "EMBEDDING"})["operation"] == "embedding"


@pytest.mark.parametrize("kind", ["SPAN", "EVENT", "AGENT", "TOOL", "CHAIN", "RETRIEVER", "EVALUATOR", "GUARDRAIL"])
def test_other_observations_are_ignored_by_kind(kind: str) -> None:
    assert fates(SOURCE, MADE | {"type": kind}) == [Ignored(f"{kind.lower()} observation")]


def test_a_trace_is_ignored() -> None:
    assert SOURCE.recognises(TRACE)
    assert fates(SOURCE, TRACE) == [Ignored("trace")]


class TestScores:
    def test_an_annotation_is_an_assessment_by_a_human(self) -> None:
        (row,) = rows_of(SOURCE, SCORE)["assessments"]
        assert row == {
            "assessment_id": "langfuse:sc-1",
            "target_id": "o-1",
            "name": "helpful",
            "score": 1.0,
            "label": "yes",
            "annotator_kind": "human",
            "annotator": "annotator-1",
            "created_ts": datetime(2026, 7, 2, 8, tzinfo=UTC),
        }

    @pytest.mark.parametrize(("source", "kind"), [("EVAL", "llm"), ("API", None)])
    def test_others_by_who_gave_them(self, source: str, kind: str | None) -> None:
        (row,) = rows_of(SOURCE, SCORE | {"source": source})["assessments"]
        assert row["annotator_kind"] == kind

    @pytest.mark.parametrize(
        ("without", "target"), [(("observation_id",), "t-1"), (("observation_id", "trace_id"), "s-1")]
    )
    def test_it_is_about_the_nearest_thing_that_it_names(self, without: tuple[str, ...], target: str) -> None:
        score = SCORE | {"session_id": "s-1"} | dict.fromkeys(without)
        assert rows_of(SOURCE, score)["assessments"][0]["target_id"] == target

    def test_a_score_of_a_dataset_run_is_ignored(self) -> None:
        score = SCORE | {"observation_id": None, "trace_id": None, "dataset_run_id": "r-1"}
        assert fates(SOURCE, score) == [Ignored("score of a dataset run")]


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        pytest.param({"start_time": None}, "missing_value", id="no start"),
        pytest.param({"start_time": "yesterday"}, "bad_time", id="start in words"),
        pytest.param({"type": ""}, "missing_value", id="no type"),
        pytest.param({"usage_details": {"input": "many"}}, "type_mismatch", id="tokens in words"),
        pytest.param({"total_cost": 1e9}, "out_of_range", id="cost"),
    ],
)
def test_what_cannot_be_read_is_refused(given: dict[str, Any], reason: str) -> None:
    (error,) = fates(SOURCE, MADE | given)
    assert isinstance(error, UnreadableError)
    assert error.reason == reason


class TestApi:
    """Answers of the public API, made by hand from its reference."""

    OBSERVATION: ClassVar[dict[str, Any]] = {
        "id": "o-1",
        "traceId": "t-1",
        "type": "GENERATION",
        "name": "answer",
        "startTime": "2026-07-01T10:00:00.000Z",
        "endTime": "2026-07-01T10:00:02.500Z",
        "completionStartTime": "2026-07-01T10:00:00.250Z",
        "model": "gpt-4o",
        "modelParameters": {"temperature": 0.5},
        "input": [{"role": "user", "content": "Hello"}],
        "output": {"role": "assistant", "content": "Hi"},
        "usage": {"input": 100, "output": 20, "total": 120, "unit": "TOKENS"},
        "usageDetails": {"input": 60, "input_cached_tokens": 40, "output": 20, "total": 120},
        "costDetails": {"total": 0.0012},
        "calculatedTotalCost": 0.0012,
        "level": "ERROR",
        "statusMessage": "too slow",
        "parentObservationId": "o-0",
        "promptName": "greeting",
        "promptVersion": 3,
        "environment": "production",
    }

    def test_an_observation(self) -> None:
        row = request_of(SOURCE, exact(self.OBSERVATION))
        expected = {
            "request_id": "o-1",
            "trace_id": "t-1",
            "parent_span_id": "o-0",
            "model_served": "gpt-4o",
            "input_tokens": 100,
            "cache_read_tokens": 40,
            "output_tokens": 20,
            "cost_reported": Decimal("0.0012"),
            "latency_us": 2_500_000,
            "ttft_us": 250_000,
            "prompt_name": "greeting",
            "prompt_version": "3",
            "parameters": {"temperature": "0.5"},
            "status": "error",
            "output_state": "complete",
        }
        assert told(row, expected) == expected

    def test_an_older_server_has_the_usage_alone(self) -> None:
        older = {name: value for name, value in self.OBSERVATION.items() if name != "usageDetails"}
        row = request_of(SOURCE, exact(older))
        assert (row["input_tokens"], row["output_tokens"], row["cache_read_tokens"]) == (100, 20, None)

    def test_a_page(self) -> None:
        span = {"id": "s", "traceId": "t-1", "type": "SPAN", "startTime": "2026-07-01T10:00:00Z", "usageDetails": {}}
        page = {"data": [self.OBSERVATION, span], "meta": {"page": 1, "limit": 50, "totalItems": 2, "totalPages": 1}}
        assert [type(SOURCE.rows(record)) for record in contents(page, SOURCE)] == [Rows, Ignored]

    def test_a_score_and_a_trace(self) -> None:
        score = {
            "id": "s-1",
            "traceId": "t-1",
            "observationId": "o-1",
            "name": "helpful",
            "value": 0.5,
            "source": "API",
            "dataType": "NUMERIC",
            "timestamp": "2026-07-01T11:00:00Z",
            "authorUserId": None,
        }
        trace: dict[str, Any] = {
            "id": "t-1",
            "timestamp": "2026-07-01T10:00:00Z",
            "release": None,
            "sessionId": None,
            "tags": [],
        }
        assert SOURCE.recognises(score)
        assert SOURCE.recognises(trace)
        made = SOURCE.rows(score)
        assert isinstance(made, Rows)
        (row,) = made.tables["assessments"]
        assert (row["target_id"], row["name"], row["score"]) == ("o-1", "helpful", 0.5)
        assert SOURCE.rows(trace) == Ignored("trace")
