"""MLflow: model spans become requests, feedback assessments, expectations outcomes."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from governance.sources import Ignored, UnreadableError
from governance.sources.mlflow import SOURCE
from tests.sources.reading import fates, request_of, rows_of, sample, told, values_in

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TRACE, SPAN, PARENT = "5b8efff798038103d269b633813fc60c", "eee19b7ec3c1b174", "aaa19b7ec3c1b174"
START, END = 1_782_000_000_123_456_789, 1_782_000_001_623_456_788


def base64_of(written: str) -> str:
    return base64.b64encode(bytes.fromhex(written)).decode()


def encoded(**attributes: object) -> dict[str, str]:
    """Attributes as MLflow writes them: each value a JSON text; `__` in a name stands for a dot."""
    return {name.replace("__", "."): json.dumps(value) for name, value in attributes.items()}


# made by hand in the form of MLflow 3: ids in base64, times as whole numbers of nanoseconds
MODEL_SPAN: dict[str, Any] = {
    "trace_id": base64_of(TRACE),
    "span_id": base64_of(SPAN),
    "parent_span_id": base64_of(PARENT),
    "name": "Completions",
    "start_time_unix_nano": START,
    "end_time_unix_nano": END,
    "status": {"code": "STATUS_CODE_OK", "message": ""},
    "attributes": encoded(
        mlflow__spanType="CHAT_MODEL",
        mlflow__spanInputs={"model": "gpt-4o", "messages": [{"role": "user", "content": "Hi"}], "temperature": 0.5},
        mlflow__spanOutputs={"id": "chatcmpl-1", "choices": [{"finish_reason": "stop"}], "model": "gpt-4o-2024-08-06"},
        mlflow__llm__model="gpt-4o-2024-08-06",
        mlflow__llm__provider="azure",
        mlflow__llm__cost={"input_cost": 0.001, "output_cost": 0.002, "total_cost": 0.003},
        mlflow__chat__tokenUsage={
            "input_tokens": 97,
            "output_tokens": 52,
            "total_tokens": 149,
            "cache_read_input_tokens": 40,
            "cache_creation_input_tokens": 30,
        },
    ),
}
CHAIN = MODEL_SPAN | {"span_id": base64_of(PARENT), "attributes": encoded(mlflow__spanType="CHAIN")}
FEEDBACK: dict[str, Any] = {
    "assessment_id": "a-1",
    "assessment_name": "correct",
    "trace_id": f"tr-{TRACE}",
    "source": {"source_type": "HUMAN", "source_id": "reviewer-1"},
    "create_time": "2026-07-02T08:00:00.000Z",
    "feedback": {"value": True},
    "valid": True,
}
EXPECTATION = FEEDBACK | {
    "assessment_id": "a-2",
    "assessment_name": "answer",
    "feedback": None,
    "expectation": {"value": 42},
}
MADE: dict[str, Any] = {
    "info": {
        "trace_id": f"tr-{TRACE}",
        "client_request_id": "c-1",
        "request_time": "2026-06-21T00:00:00.123Z",
        "state": "OK",
        "trace_metadata": {"mlflow.trace.session": "s-1", "mlflow.trace.user": "u-1"},
        "tags": {
            "mlflow.linkedPrompts": '[{"name": "greeting", "version": "3"}]',
            "mlflow.traceName": "bot",
            "team": "cards",
        },
        "assessments": [FEEDBACK, EXPECTATION, FEEDBACK | {"feedback": {"value": 0.75}}],
    },
    "data": {"spans": [CHAIN, MODEL_SPAN]},
}
FAILED_SPAN = MODEL_SPAN | {
    "status": {"code": "STATUS_CODE_ERROR", "message": "took too long"},
    "events": [{"name": "exception", "attributes": {"exception.type": "APITimeoutError", "exception.message": "x"}}],
}
VALUES = [*sample("mlflow_assessments.json"), MADE, {**MADE, "data": {"spans": [FAILED_SPAN]}}]


def of_span(**changes: object) -> dict[str, Any]:
    return {"info": MADE["info"] | {"assessments": []}, "data": {"spans": [MODEL_SPAN | changes]}}


def test_a_recorded_trace_inside_a_response(shared_data: Callable[[str], Path]) -> None:
    """Schema 2: the attributes are one JSON text, the trace id is empty, the times have nanoseconds."""
    (value,) = values_in(shared_data("samples/mlflow/trace_schema_v2_response.json"))
    assert SOURCE.recognises(value)
    chain, _ = fates(SOURCE, value)
    assert chain == Ignored("chain span")
    expected = {
        "request_uid": "mlflow:cb8124ef-3938-41fb-8559-1ab63087f93e",
        "id_origin": "native",
        "trace_id": None,
        "parent_span_id": "ec0d493e-f07a-4ea6-9ea3-c25995baf9e6",
        "response_id": "12345",
        "operation": "completion",
        "start_ts": datetime(2024, 4, 16, 1, 10, 21, 508_729, tzinfo=UTC),
        "latency_us": 2486,
        "model_requested": "gpt-3.5-turbo-instruct",
        "input_tokens": None,
        "status": "ok",
        "input_state": "complete",
        "output_state": "complete",
    }
    row = request_of(SOURCE, value)
    assert told(row, expected) == expected
    assert row["parameters"] == {
        "temperature": "0.9",
        "top_p": "1",
        "max_tokens": "256",
        "frequency_penalty": "0",
        "presence_penalty": "0",
        "n": "1",
    }


def test_a_recorded_table_with_a_row_shorter_than_its_columns() -> None:
    (row,) = rows_of(SOURCE, sample("mlflow_assessments.json")[0])["assessments"]
    expected = {
        "target_id": "1202cbc411024e22861acd934e6c751a",
        "name": "overall_assessment",
        "score": None,
        "label": "yes",
        "annotator_kind": "human",
        "annotator": "reviewer-1@example.com",
        "created_ts": datetime(2024, 6, 25, 5, 47, 24, 852_000, tzinfo=UTC),
    }
    assert told(row, expected) == expected


def test_every_column_of_a_full_trace() -> None:
    expected = {
        "request_uid": f"mlflow:{TRACE}:{SPAN}",
        "request_id": SPAN,
        "trace_id": TRACE,
        "span_id": SPAN,
        "parent_span_id": PARENT,
        "client_request_id": "c-1",
        "response_id": "chatcmpl-1",
        "session_id": "s-1",
        "user_id": "u-1",
        "operation": "chat",
        "start_ts": datetime(2026, 6, 21, 0, 0, 0, 123_456, tzinfo=UTC),
        "end_ts": datetime(2026, 6, 21, 0, 0, 1, 623_456, tzinfo=UTC),
        "latency_us": 1_499_999,
        "provider": "azure.ai.openai",
        "model_requested": "gpt-4o",
        "model_served": "gpt-4o-2024-08-06",
        "prompt_name": "greeting",
        "prompt_version": "3",
        "parameters": {"temperature": "0.5"},
        "input_tokens": 97,
        "cache_read_tokens": 40,
        "cache_write_tokens": 30,
        "output_tokens": 52,
        "cost_reported": Decimal("0.003"),
        "cost_currency": "USD",
        "status": "ok",
        "finish_reasons": ["stop"],
        "tags": {"team": "cards"},
        "quality_flags": [],
    }
    assert told(request_of(SOURCE, MADE), expected) == expected


class TestSpans:
    def test_nan_in_json_text_is_no_crash(self) -> None:
        attributes = MODEL_SPAN["attributes"] | {"mlflow.spanOutputs": '{"a": NaN}'}
        (body,) = (
            row for row in rows_of(SOURCE, of_span(attributes=attributes))["payloads"] if row["role"] == "response"
        )
        assert body["body"] == '{"a":"NaN"}'

    def test_a_failed_span_says_what_failed(self) -> None:
        tables = rows_of(SOURCE, {**MADE, "data": {"spans": [FAILED_SPAN]}})
        assert told(tables["requests"][0], {"status": "", "error_type": ""}) == {
            "status": "error",
            "error_type": "APITimeoutError",
        }
        assert {row["role"]: row["body"] for row in tables["payloads"]}["error"] == "took too long"

    def test_a_span_that_has_not_ended_is_incomplete(self) -> None:
        row = request_of(SOURCE, of_span(end_time_unix_nano=None))
        assert (row["status"], row["end_ts"], row["latency_us"]) == ("incomplete", None, None)

    @pytest.mark.parametrize(
        ("kind", "expected"),
        [("LLM", "chat"), ("CHAT_MODEL", "chat"), ("EMBEDDING", "embedding"), ("UNKNOWN", "inference")],
    )
    def test_model_spans_are_requests(self, kind: str, expected: str) -> None:
        attributes = MODEL_SPAN["attributes"] | encoded(mlflow__spanType=kind)
        assert request_of(SOURCE, of_span(attributes=attributes))["operation"] == expected

    @pytest.mark.parametrize("kind", ["CHAIN", "AGENT", "TOOL", "RETRIEVER", "PARSER"])
    def test_others_are_ignored_by_kind(self, kind: str) -> None:
        attributes = encoded(mlflow__spanType=kind)
        assert fates(SOURCE, of_span(attributes=attributes)) == [Ignored(f"{kind.lower()} span")]

    def test_a_trace_of_mlflow_2_is_read(self) -> None:
        span = {key: value for key, value in MODEL_SPAN.items() if not key.endswith(("_id", "_nano", "status"))}
        span |= {
            "context": {"span_id": SPAN, "trace_id": TRACE},
            "start_time": START,
            "end_time": END,
            "status_code": "OK",
        }
        info = {"request_id": f"tr-{TRACE}", "tags": [{"key": "team", "value": "cards"}]}
        row = request_of(SOURCE, {"info": info, "data": {"spans": [span]}})
        assert (row["request_uid"], row["latency_us"], row["tags"]) == (
            f"mlflow:{TRACE}:{SPAN}",
            1_499_999,
            {"team": "cards"},
        )

    def test_a_trace_without_spans_is_ignored(self) -> None:
        assert fates(SOURCE, {"info": {}, "data": {"spans": []}}) == [Ignored("trace without spans")]


class TestAssessments:
    def test_feedback_is_about_the_trace(self) -> None:
        first, second = rows_of(SOURCE, MADE)["assessments"]
        assert first == {
            "assessment_id": "mlflow:a-1",
            "target_id": TRACE,
            "name": "correct",
            "score": 1.0,
            "label": "true",
            "annotator_kind": "human",
            "annotator": "reviewer-1",
            "created_ts": datetime(2026, 7, 2, 8, tzinfo=UTC),
        }
        assert (second["score"], second["label"]) == (0.75, None)

    def test_an_expectation_is_an_outcome(self) -> None:
        (row,) = rows_of(SOURCE, MADE)["outcomes"]
        expected = {"target_id": TRACE, "name": "answer", "value": "42", "value_num": 42.0}
        assert told(row, expected) == expected
        assert row["known_ts"] == datetime(2026, 7, 2, 8, tzinfo=UTC)

    def test_one_of_a_span_is_about_that_span(self) -> None:
        given = MADE | {"info": MADE["info"] | {"assessments": [FEEDBACK | {"span_id": SPAN}]}}
        assert rows_of(SOURCE, given)["assessments"][0]["target_id"] == SPAN

    @pytest.mark.parametrize(
        ("given", "reason"),
        [
            pytest.param({"valid": False}, "assessment that another has replaced", id="replaced"),
            pytest.param({"feedback": {"error": "x"}}, "assessment without a value", id="no value"),
        ],
    )
    def test_what_says_nothing_is_ignored(self, given: dict[str, Any], reason: str) -> None:
        value = {"info": {"assessments": [FEEDBACK | given]}, "data": {"spans": []}}
        assert fates(SOURCE, value) == [Ignored(reason)]

    def test_milliseconds_and_calendar_times_say_the_same(self) -> None:
        in_ms = FEEDBACK | {"create_time": None, "create_time_ms": 1_782_979_200_000}
        value = {"info": {"assessments": [FEEDBACK, in_ms]}, "data": {"spans": []}}
        first, second = rows_of(SOURCE, value)["assessments"]
        assert first["created_ts"] == second["created_ts"]


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        pytest.param({"start_time_unix_nano": None}, "missing_value", id="no start"),
        pytest.param({"start_time_unix_nano": "soon"}, "bad_time", id="start in words"),
        pytest.param({"attributes": "{"}, "bad_json", id="attributes cut"),
        pytest.param({"attributes": [1]}, "type_mismatch", id="attributes as a list"),
    ],
)
def test_what_cannot_be_read_is_refused(given: dict[str, Any], reason: str) -> None:
    (error,) = fates(SOURCE, of_span(**given))
    assert isinstance(error, UnreadableError)
    assert error.reason == reason
