"""Spans become requests, whatever generation of names they use; the expected figures stand in the spans' own bodies."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

import pytest

from governance.records import parse_json
from governance.sources import Ignored, Row, Rows, UnreadableError
from governance.sources.otlp import SOURCE
from governance.tables import CANONICAL
from tests.sources.reading import fates, rows_of, sample

HERE = Path(__file__).resolve().parent
TRACE, SPAN = "5b8efff798038103d269b633813fc60c", "eee19b7ec3c1b174"
START, END = 1_782_000_000_123_456_789, 1_782_000_001_623_456_788


def value_of(plain: object) -> dict[str, object]:
    """A plain value as an AnyValue message."""
    if isinstance(plain, bool):
        return {"boolValue": plain}
    if isinstance(plain, int):
        return {"intValue": str(plain)}
    if isinstance(plain, float):
        return {"doubleValue": plain}
    if isinstance(plain, list):
        return {"arrayValue": {"values": [value_of(item) for item in plain]}}
    if isinstance(plain, dict):
        return {"kvlistValue": {"values": listed(plain)}}
    return {"stringValue": plain}


def listed(attributes: dict[str, Any]) -> list[dict[str, object]]:
    return [{"key": key, "value": value_of(plain)} for key, plain in attributes.items()]


def span_of(attributes: dict[str, Any], **members: object) -> dict[str, Any]:
    times = {"startTimeUnixNano": str(START), "endTimeUnixNano": str(END)}
    return {"traceId": TRACE, "spanId": SPAN, **times, "attributes": listed(attributes), **members}


def export_of(*spans: object, resource: dict[str, Any] | None = None) -> dict[str, Any]:
    group = {"resource": {"attributes": listed(resource or {})}, "scopeSpans": [{"scope": {}, "spans": list(spans)}]}
    exact: dict[str, Any] = parse_json(json.dumps({"resourceSpans": [group]}))
    return exact


def read(span: object, resource: dict[str, Any] | None = None) -> Rows | Ignored:
    (record,) = SOURCE.split(export_of(span, resource=resource))
    return SOURCE.rows(record)


def request_of(span: object, resource: dict[str, Any] | None = None) -> Row:
    made = read(span, resource)
    assert isinstance(made, Rows)
    (row,) = made.tables["requests"]
    return dict(row)


def payloads_of(span: object) -> dict[str, Row]:
    made = read(span)
    assert isinstance(made, Rows)
    return {row["role"]: dict(row) for row in made.tables["payloads"]}


def recorded_spans() -> list[Any]:
    lines = (HERE / "otlp_openinference_spans.jsonl").read_text(encoding="utf-8").splitlines()
    records = [json.loads(line) for line in lines]
    ids = {"traceId": TRACE, "spanId": SPAN, "startTimeUnixNano": str(START), "endTimeUnixNano": str(END)}
    return [pytest.param(record["span"] | ids, id=record["file"]) for record in records]


def body_in(span: dict[str, Any], key: str) -> Any:
    texts = [pair["value"]["stringValue"] for pair in span["attributes"] if pair["key"] == key]
    return json.loads(texts[0]) if texts else {}


@pytest.mark.parametrize("span", recorded_spans())
class TestRecordedSpans:
    def test_tokens_are_those_of_the_response_body(self, span: dict[str, Any]) -> None:
        usage = body_in(span, "output.value").get("usage") or {}
        row = request_of(span)
        assert row["input_tokens"] == usage.get("prompt_tokens")
        assert row["output_tokens"] == usage.get("completion_tokens")
        assert row["cache_read_tokens"] == (usage.get("prompt_tokens_details") or {}).get("cached_tokens")
        assert row["reasoning_tokens"] == (usage.get("completion_tokens_details") or {}).get("reasoning_tokens")
        assert row["quality_flags"] == []

    def test_models_are_those_of_the_bodies(self, span: dict[str, Any]) -> None:
        row = request_of(span)
        assert row["model_requested"] == body_in(span, "input.value")["model"]
        assert row["model_served"] == body_in(span, "output.value").get("model")

    def test_reasons_and_response_id_are_those_of_the_response_body(self, span: dict[str, Any]) -> None:
        body = body_in(span, "output.value")
        row = request_of(span)
        assert row["response_id"] == body.get("id")
        assert row["finish_reasons"] == ([choice["finish_reason"] for choice in body.get("choices", [])] or None)

    def test_status_is_that_of_the_span(self, span: dict[str, Any]) -> None:
        row = request_of(span)
        is_ok = span["status"]["code"] == "STATUS_CODE_OK"
        assert row["status"] == ("ok" if is_ok else "error")
        assert row["error_type"] == (None if is_ok else "openai.BadRequestError")
        assert row["output_state"] == ("complete" if is_ok else "absent")
        assert ("error" in payloads_of(span)) is not is_ok

    def test_operation_is_that_of_the_interface_called(self, span: dict[str, Any]) -> None:
        interfaces = {"ChatCompletion": "chat", "Completion": "completion", "CreateEmbeddings": "embedding"}
        assert request_of(span)["operation"] == interfaces.get(span["name"], "image")

    def test_bodies_are_kept_byte_for_byte(self, span: dict[str, Any]) -> None:
        bodies = payloads_of(span)
        for role, key in (("request", "input.value"), ("response", "output.value")):
            texts = [pair["value"]["stringValue"] for pair in span["attributes"] if pair["key"] == key]
            assert [bodies[role]["body"] for _ in texts] == texts


class TestOneSpanInTwoForms:
    def rows(self) -> tuple[Row, Row]:
        names = ("otlp_pair_genai.json", "otlp_pair_openinference.json")
        first, second = (json.loads((HERE / name).read_text(encoding="utf-8")) for name in names)
        return request_of(span_of(first)), request_of(span_of(second))

    def test_they_agree_in_every_column_that_both_carry(self) -> None:
        genai, openinference = self.rows()
        both = [column for column in genai if genai[column] is not None and openinference[column] is not None]
        assert {column: genai[column] for column in both} == {column: openinference[column] for column in both}
        assert set(genai) - set(both) >= {"response_id"}

    def test_the_figures_are_the_published_ones(self) -> None:
        for row in self.rows():
            assert (row["input_tokens"], row["output_tokens"]) == (97, 52)
            assert (row["provider"], row["operation"]) == ("openai", "chat")
            assert (row["model_requested"], row["model_served"]) == ("gpt-4", "gpt-4-0613")
            assert row["parameters"] == {"temperature": "0.5", "top_p": "0.9", "max_tokens": "200"}
            assert row["finish_reasons"] == ["stop"]

    def test_their_bodies_are_the_same(self) -> None:
        names = ("otlp_pair_genai.json", "otlp_pair_openinference.json")
        first, second = (payloads_of(span_of(json.loads((HERE / name).read_text(encoding="utf-8")))) for name in names)
        assert {role: row["sha256"] for role, row in first.items()} == {
            role: row["sha256"] for role, row in second.items()
        }


OLD_GENAI = {
    "gen_ai.system": "az.ai.openai",
    "gen_ai.operation.name": "text_completion",
    "gen_ai.request.model": "gpt-35",
    "gen_ai.response.model": "gpt-35-0613",
    "gen_ai.usage.prompt_tokens": 7,
    "gen_ai.usage.completion_tokens": 3,
    "gen_ai.prompt": "2+2=",
    "gen_ai.completion": "4",
}
NEW_GENAI = {
    "gen_ai.provider.name": "aws.bedrock",
    "gen_ai.operation.name": "chat",
    "gen_ai.request.model": "claude",
    "gen_ai.request.seed": 7,
    "gen_ai.request.stop_sequences": ["END"],
    "gen_ai.response.time_to_first_chunk": 0.0625,
    "gen_ai.usage.input_tokens": 100,
    "gen_ai.usage.cache_read.input_tokens": 60,
    "gen_ai.usage.cache_creation.input_tokens": 30,
    "gen_ai.usage.output_tokens": 50,
    "gen_ai.usage.reasoning.output_tokens": 20,
    "gen_ai.usage.cost": 0.00022500000000000002,
    "gen_ai.response.finish_reasons": ["stop", "length"],
    "gen_ai.conversation.id": "c-1",
    "gen_ai.prompt.name": "greeting",
    "gen_ai.system_instructions": '[{"type":"text","content":"Be kind."}]',
    "gen_ai.input.messages": '[{"role":"user"}]',
    "gen_ai.output.messages": '[{"role":"assistant"}]',
    "user.id": "u-1",
}
VLLM = {
    "gen_ai.request.id": "cmpl-9",
    "gen_ai.response.model": "llama",
    "gen_ai.usage.prompt_tokens": 12,
    "gen_ai.usage.completion_tokens": 30,
    "gen_ai.request.temperature": 1.0,
    "gen_ai.request.n": 1,
    "gen_ai.latency.time_in_queue": 0.0015,
    "gen_ai.latency.time_to_first_token": 0.25,
    "gen_ai.latency.e2e": 1.5,
}
OPENINFERENCE = {
    "openinference.span.kind": "LLM",
    "llm.provider": "google",
    "llm.system": "vertexai",
    "llm.request.model_name": "gemini-pro",
    "llm.response.model_name": "gemini-flash",
    "llm.token_count.prompt": 10,
    "llm.token_count.completion": 5,
    "llm.token_count.total": 15,
    "llm.token_count.prompt_details.cache_write": 4,
    "llm.cost.total": 0.5,
    "llm.finish_reason": "stop",
    "llm.prompt_template.version": "v3",
    "prompt.id": "p-1",
    "session.id": "s-1",
    "user.id": "u-2",
    "metadata": '{"business_unit": "retail", "team": "chat", "n": 1.50, "nested": {"a": 1}}',
    "tag.tags": ["prod", "eu"],
    "llm.input_messages.0.message.role": "user",
    "llm.input_messages.0.message.content": "__REDACTED__",
    "llm.output_messages.0.message.content": "Hello",
}
MLFLOW = {
    "mlflow.spanType": '"CHAT_MODEL"',
    "mlflow.llm.model": '"gpt-4"',
    "mlflow.llm.provider": '"openai"',
    "mlflow.llm.cost": '{"total_cost": 0.001}',
    "mlflow.chat.tokenUsage": '{"input_tokens": 9, "output_tokens": 4, "cache_read_input_tokens": 2}',
    "mlflow.spanInputs": '{"model": "gpt-4", "temperature": 0.5, "messages": []}',
    "mlflow.spanOutputs": '{"a": NaN}',
}
VERCEL = {
    "ai.operationId": "ai.streamText.doStream",
    "ai.model.id": "gpt-4o",
    "ai.model.provider": "openai.chat",
    "ai.response.id": "chatcmpl-1",
    "ai.response.model": "gpt-4o-2024",
    "ai.response.finishReason": "stop",
    "ai.response.msToFirstChunk": 12.5,
    "ai.response.text": "Hi",
    "ai.prompt.messages": '[{"role":"user"}]',
    "ai.usage.promptTokens": 3,
    "ai.usage.completionTokens": 2,
    "ai.settings.temperature": 0,
    "ai.telemetry.metadata.userId": "u-3",
}
GENERATIONS = [
    pytest.param(
        OLD_GENAI,
        {
            "operation": "completion",
            "provider": "azure.ai.openai",
            "input_tokens": 7,
            "output_tokens": 3,
            "model_requested": "gpt-35",
            "model_served": "gpt-35-0613",
            "input_state": "complete",
            "output_state": "complete",
            "cost_reported": None,
            "cost_currency": None,
        },
        id="GenAI 1.36",
    ),
    pytest.param(
        NEW_GENAI,
        {
            "operation": "chat",
            "provider": "aws.bedrock",
            "input_tokens": 100,
            "cache_read_tokens": 60,
            "cache_write_tokens": 30,
            "output_tokens": 50,
            "reasoning_tokens": 20,
            "cost_reported": Decimal("0.000225"),
            "cost_currency": "USD",
            "ttft_us": 62_500,
            "finish_reasons": ["stop", "length"],
            "parameters": {"seed": "7", "stop": '["END"]'},
            "session_id": "c-1",
            "prompt_name": "greeting",
            "user_id": "u-1",
        },
        id="GenAI",
    ),
    pytest.param(
        VLLM,
        {
            "operation": "completion",
            "provider": None,
            "client_request_id": "cmpl-9",
            "model_served": "llama",
            "input_tokens": 12,
            "output_tokens": 30,
            "queue_us": 1_500,
            "ttft_us": 250_000,
            "latency_us": 1_499_999,
            "parameters": {"temperature": "1", "n": "1"},
            "input_state": "absent",
        },
        id="vLLM",
    ),
    pytest.param(
        OPENINFERENCE,
        {
            "operation": "chat",
            "provider": "gcp.vertex_ai",
            "model_requested": "gemini-pro",
            "model_served": "gemini-flash",
            "input_tokens": 10,
            "cache_write_tokens": 4,
            "output_tokens": 5,
            "cost_reported": Decimal("0.5"),
            "finish_reasons": ["stop"],
            "prompt_name": "p-1",
            "prompt_version": "v3",
            "session_id": "s-1",
            "user_id": "u-2",
            "business_unit": "retail",
            "team": "chat",
            "tags": {"business_unit": "retail", "team": "chat", "n": "1.5", "prod": "true", "eu": "true"},
            "input_state": "redacted",
            "output_state": "complete",
        },
        id="OpenInference",
    ),
    pytest.param(
        MLFLOW,
        {
            "operation": "chat",
            "provider": "openai",
            "model_requested": "gpt-4",
            "model_served": "gpt-4",
            "input_tokens": 9,
            "cache_read_tokens": 2,
            "output_tokens": 4,
            "cost_reported": Decimal("0.001"),
            "parameters": {"temperature": "0.5"},
            "input_state": "complete",
        },
        id="MLflow",
    ),
    pytest.param(
        VERCEL,
        {
            "operation": "chat",
            "provider": "openai.chat",
            "model_requested": "gpt-4o",
            "model_served": "gpt-4o-2024",
            "response_id": "chatcmpl-1",
            "input_tokens": 3,
            "output_tokens": 2,
            "ttft_us": 12_500,
            "finish_reasons": ["stop"],
            "parameters": {"temperature": "0"},
            "user_id": "u-3",
        },
        id="Vercel AI",
    ),
]


@pytest.mark.parametrize(("attributes", "expected"), GENERATIONS)
def test_each_generation_of_names_is_read(attributes: dict[str, Any], expected: Row) -> None:
    row = request_of(span_of(attributes))
    assert {column: row[column] for column in expected} == expected
    assert row["quality_flags"] == []


def test_system_instructions_belong_to_the_request_body() -> None:
    body = json.loads(payloads_of(span_of(NEW_GENAI))["request"]["body"])
    assert body == {"messages": [{"role": "user"}], "system_instructions": [{"type": "text", "content": "Be kind."}]}


class TestIdentityAndTime:
    def test_ids_and_times_are_exact(self) -> None:
        row = request_of(span_of(NEW_GENAI, traceId=TRACE.upper(), spanId=SPAN.upper(), parentSpanId=""))
        assert row["request_uid"] == f"otlp:{TRACE}:{SPAN}"
        assert (row["request_id"], row["trace_id"], row["span_id"]) == (SPAN, TRACE, SPAN)
        assert (row["parent_span_id"], row["id_origin"]) == (None, "native")
        assert row["start_ts"] == datetime(2026, 6, 21, 0, 0, 0, 123456, tzinfo=UTC)
        assert row["end_ts"] == datetime(2026, 6, 21, 0, 0, 1, 623456, tzinfo=UTC)
        assert row["latency_us"] == (END - START) // 1000 == 1_499_999

    def test_base64_ids_and_numeric_times_say_the_same(self) -> None:
        ids = {
            "traceId": base64.b64encode(bytes.fromhex(TRACE)).decode(),
            "spanId": base64.b64encode(bytes.fromhex(SPAN)).decode(),
        }
        other = span_of(NEW_GENAI, **ids, startTimeUnixNano=START, endTimeUnixNano=END)
        assert request_of(other) == request_of(span_of(NEW_GENAI))

    def test_snake_case_names_say_the_same(self) -> None:
        camel = span_of(NEW_GENAI)
        names = {"traceId": "trace_id", "spanId": "span_id"}
        names |= {"startTimeUnixNano": "start_time_unix_nano", "endTimeUnixNano": "end_time_unix_nano"}
        assert request_of({names.get(name, name): value for name, value in camel.items()}) == request_of(camel)

    def test_a_span_without_ids_is_known_by_its_content(self) -> None:
        first, again = (request_of(span_of(OLD_GENAI, traceId="", spanId="")) for _ in range(2))
        other = request_of(span_of(OLD_GENAI | {"gen_ai.prompt": "2+3="}, traceId="", spanId=""))
        assert first == again
        assert (first["id_origin"], first["request_id"], first["trace_id"]) == ("content_hash", None, None)
        assert first["request_uid"].startswith("otlp:")
        assert len(first["request_uid"]) == len("otlp:") + 32
        assert first["request_uid"] != other["request_uid"]

    def test_a_span_that_ends_before_it_starts_has_no_latency(self) -> None:
        row = request_of(span_of(NEW_GENAI, startTimeUnixNano=str(END), endTimeUnixNano=str(START)))
        assert row["latency_us"] is None
        assert row["quality_flags"] == ["negative_latency"]

    def test_a_span_without_an_end_is_incomplete(self) -> None:
        row = request_of(span_of(VLLM, endTimeUnixNano="0"))
        assert (row["end_ts"], row["latency_us"], row["status"]) == (None, 1_500_000, "incomplete")

    def test_the_first_token_event_gives_the_time_to_first_token(self) -> None:
        event = {"name": "First Token Stream Event", "timeUnixNano": str(START + 7_000_999)}
        assert request_of(span_of(OPENINFERENCE, events=[event]))["ttft_us"] == 7_000

    @pytest.mark.parametrize(
        ("start", "reason"),
        [
            pytest.param(None, "missing_value", id="none"),
            pytest.param("", "missing_value", id="empty"),
            pytest.param("0", "missing_value", id="zero"),
            pytest.param("yesterday", "bad_time", id="words"),
            pytest.param("-5", "bad_time", id="negative"),
            pytest.param("1.5", "bad_time", id="fraction"),
            pytest.param("NaN", "bad_time", id="not a number"),
            pytest.param("9" * 30, "bad_time", id="too large"),
            pytest.param({"a": 1}, "bad_time", id="object"),
        ],
    )
    def test_a_start_that_is_no_time_is_refused(self, start: object, reason: str) -> None:
        with pytest.raises(UnreadableError) as caught:
            read(span_of(NEW_GENAI, startTimeUnixNano=start))
        assert caught.value.reason == reason
        assert "startTimeUnixNano" in caught.value.detail


class TestStatus:
    @pytest.mark.parametrize(
        ("attributes", "code", "expected"),
        [
            pytest.param({}, None, ("ok", None, None), id="unset"),
            pytest.param({}, 1, ("ok", None, None), id="number OK"),
            pytest.param({}, "STATUS_CODE_ERROR", ("error", None, None), id="name ERROR"),
            pytest.param({}, 2, ("error", None, None), id="number ERROR"),
            pytest.param({"error.type": "timeout"}, 2, ("timeout", None, "timeout"), id="timeout"),
            pytest.param({"error.type": "429"}, 2, ("error", 429, "429"), id="HTTP code as type"),
            pytest.param(
                {"error.type": "asyncio.CancelledError"}, 0, ("cancelled", None, "asyncio.CancelledError"), id="x"
            ),
            pytest.param({"error.type": "content_filter"}, 2, ("blocked", None, "content_filter"), id="blocked"),
            pytest.param({"http.response.status_code": 504}, None, ("timeout", 504, None), id="gateway timeout"),
            pytest.param({"http.response.status_code": 200}, None, ("ok", 200, None), id="HTTP ok"),
        ],
    )
    def test_code_and_error_give_the_status(
        self, attributes: dict[str, Any], code: object, expected: tuple[object, ...]
    ) -> None:
        row = request_of(span_of(OLD_GENAI | attributes, status={"code": code}))
        assert (row["status"], row["http_status"], row["error_type"]) == expected


class TestOddValues:
    @pytest.mark.parametrize(
        ("attributes", "flag"),
        [
            pytest.param({"gen_ai.usage.cache_read.input_tokens": 101}, "cache_exceeds_input", id="cache"),
            pytest.param({"gen_ai.usage.reasoning.output_tokens": 51}, "reasoning_exceeds_output", id="reasoning"),
            pytest.param({"gen_ai.usage.total_tokens": 149}, "total_differs", id="total"),
            pytest.param({"gen_ai.usage.output_tokens": -1}, "negative_tokens", id="negative"),
            pytest.param({"gen_ai.usage.cost": "NaN"}, "nonfinite", id="nan"),
            pytest.param({"metadata": '{"a": '}, "bad_nested_json", id="json"),
            pytest.param({"user.id": "a\0b"}, "nul_removed", id="nul"),
        ],
    )
    def test_they_are_flagged(self, attributes: dict[str, Any], flag: str) -> None:
        assert request_of(span_of(NEW_GENAI | attributes))["quality_flags"] == [flag]

    def test_a_repeated_attribute_and_dropped_ones_are_flagged(self) -> None:
        span = span_of(NEW_GENAI, droppedAttributesCount=2)
        span["attributes"] += listed({"user.id": "u-9"})
        row = request_of(span)
        assert row["quality_flags"] == ["attributes_dropped", "repeated_attribute"]
        assert row["user_id"] == "u-9"

    @pytest.mark.parametrize(
        ("attributes", "reason"),
        [
            pytest.param({"gen_ai.usage.cost": 1e6}, "out_of_range", id="cost"),
            pytest.param({"gen_ai.usage.input_tokens": "many"}, "type_mismatch", id="words"),
            pytest.param({"gen_ai.usage.input_tokens": 12.7}, "type_mismatch", id="fraction"),
            pytest.param({"gen_ai.usage.input_tokens": 2**63}, "out_of_range", id="65 bits"),
            pytest.param({"gen_ai.usage.input_tokens": "1e9999"}, "out_of_range", id="huge"),
        ],
    )
    def test_what_no_column_can_hold_is_refused(self, attributes: dict[str, Any], reason: str) -> None:
        with pytest.raises(UnreadableError) as caught:
            read(span_of(NEW_GENAI | attributes))
        assert caught.value.reason == reason

    def test_attributes_of_another_form_are_refused(self) -> None:
        with pytest.raises(UnreadableError, match="type_mismatch"):
            read(span_of({}) | {"attributes": ["a"]})

    def test_content_is_no_code_and_stays_as_it_is(self) -> None:
        hostile = "'; DROP TABLE requests; -- {{7*7}} <script> =1+1"
        span = span_of(OLD_GENAI | {"gen_ai.prompt": hostile, "gen_ai.request.model": hostile})
        assert request_of(span)["model_requested"] == hostile
        assert payloads_of(span)["request"]["body"] == hostile


class TestWhatIsNoRequest:
    @pytest.mark.parametrize(
        ("attributes", "reason"),
        [
            pytest.param({"http.request.method": "POST"}, "not a model request", id="web"),
            pytest.param({"openinference.span.kind": "TOOL"}, "tool span", id="tool"),
            pytest.param({"openinference.span.kind": "CHAIN", "input.value": "x"}, "chain span", id="chain"),
            pytest.param({"openinference.span.kind": "RETRIEVER"}, "retrieval span", id="retriever"),
            pytest.param({"openinference.span.kind": "GUARDRAIL"}, "guardrail span", id="guardrail"),
            pytest.param({"gen_ai.operation.name": "execute_tool"}, "tool span", id="execute_tool"),
            pytest.param({"gen_ai.operation.name": "invoke_agent"} | VLLM, "agent span", id="agent with tokens"),
            pytest.param({"traceloop.span.kind": "workflow"}, "workflow span", id="traceloop"),
            pytest.param({"mlflow.spanType": '"RETRIEVER"'}, "retrieval span", id="mlflow"),
            pytest.param({"ai.operationId": "ai.streamText"}, "ai.streamtext span", id="outer Vercel span"),
        ],
    )
    def test_it_is_ignored_by_its_kind(self, attributes: dict[str, Any], reason: str) -> None:
        assert read(span_of(attributes)) == Ignored(reason)

    def test_the_example_of_the_specification_is_none(self) -> None:
        value = json.loads((HERE / "otlp_trace.json").read_text(encoding="utf-8"))
        assert SOURCE.recognises(value)
        assert [SOURCE.rows(record) for record in SOURCE.split(value)] == [Ignored("not a model request")]

    def test_other_log_records_and_metrics_are_none(self) -> None:
        logs = {"resourceLogs": [{"scopeLogs": [{"logRecords": [{"timeUnixNano": "1"}]}]}]}
        metrics = {"resourceMetrics": [{"scopeMetrics": [{"metrics": [{"name": "a"}, {"name": "b"}]}]}]}
        assert [SOURCE.rows(record) for record in SOURCE.split(logs)] == [Ignored("log record")]
        assert [SOURCE.rows(record) for record in SOURCE.split(metrics)] == [Ignored("metric")] * 2


class TestFiles:
    def test_each_span_is_a_record_with_its_resource(self) -> None:
        resource = {"service.name": "loans", "deployment.environment.name": "prod", "cloud.region": "eu-west-1"}
        value = export_of(span_of(OLD_GENAI), span_of(VLLM, spanId="0" * 15 + "1"), resource=resource)
        made = [SOURCE.rows(record) for record in SOURCE.split(value)]
        rows = [row for one in made if isinstance(one, Rows) for row in one.tables["requests"]]
        assert [row["service_name"] for row in rows] == ["loans", "loans"]
        assert [row["environment"] for row in rows] == ["prod", "prod"]
        assert [row["region"] for row in rows] == ["eu-west-1", "eu-west-1"]

    def test_a_malformed_part_is_one_record_and_its_neighbours_are_read(self) -> None:
        records = list(SOURCE.split(export_of("no span", span_of(OLD_GENAI))))
        with pytest.raises(UnreadableError):
            SOURCE.rows(records[0])
        assert isinstance(SOURCE.rows(records[1]), Rows)

    def test_a_line_of_another_format_is_one_broken_record(self) -> None:
        (record,) = SOURCE.split({"level": "info"})
        with pytest.raises(UnreadableError, match="missing_value"):
            SOURCE.rows(record)

    def test_an_export_without_spans_has_no_records(self) -> None:
        assert list(SOURCE.split({"resourceSpans": []})) == []

    @pytest.mark.parametrize("value", [{}, {"id": "1", "call_type": "x"}, {"resourceSpans": "text"}])
    def test_other_formats_are_not_recognised(self, value: dict[str, Any]) -> None:
        assert not SOURCE.recognises(value)


def evaluation_of(**members: object) -> dict[str, Any]:
    attributes = {"gen_ai.evaluation.name": "helpful", "gen_ai.evaluation.score.value": 0.75}
    attributes |= {"gen_ai.evaluation.score.label": "good", "gen_ai.response.id": "chatcmpl-1"}
    log = {"eventName": "gen_ai.evaluation.result", "timeUnixNano": str(START), "attributes": listed(attributes)}
    return {"resourceLogs": [{"scopeLogs": [{"logRecords": [log | members]}]}]}


def test_an_evaluation_event_is_an_assessment() -> None:
    (record,) = SOURCE.split(evaluation_of())
    made = SOURCE.rows(record)
    assert isinstance(made, Rows)
    (row,) = made.tables["assessments"]
    assert row["assessment_id"].startswith("otlp:")
    assert (row["target_id"], row["name"], row["score"], row["label"]) == ("chatcmpl-1", "helpful", 0.75, "good")
    assert row["created_ts"] == datetime(2026, 6, 21, 0, 0, 0, 123456, tzinfo=UTC)


def test_an_evaluation_event_without_a_time_is_refused() -> None:
    (record,) = SOURCE.split(evaluation_of(timeUnixNano=""))
    with pytest.raises(UnreadableError, match="missing_value"):
        SOURCE.rows(record)


def test_an_evaluation_among_the_events_of_a_span_is_of_that_span() -> None:
    attributes = {"gen_ai.evaluation.name": "helpful", "gen_ai.evaluation.score.value": 0.75}
    event = {"name": "gen_ai.evaluation.result", "timeUnixNano": str(END), "attributes": listed(attributes)}
    made = read(span_of({"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"}, events=[event]))
    assert isinstance(made, Rows)
    (row,) = made.tables["assessments"]
    assert (row["target_id"], row["name"], row["score"]) == (SPAN, "helpful", 0.75)
    assert row["created_ts"] == datetime(2026, 6, 21, 0, 0, 1, 623456, tzinfo=UTC)


class TestAnnotations:
    """OpenInference's annotations; made from its specification."""

    ONE: ClassVar = {
        "annotations.0.annotation.name": "hallucination",
        "annotations.0.annotation.score": 1,
        "annotations.0.annotation.label": "hallucinated",
        "annotations.0.annotation.annotator_kind": "LLM",
    }

    def scores(self, attributes: dict[str, Any], **members: object) -> list[Row]:
        made = read(span_of(attributes, **members))
        assert isinstance(made, Rows)
        return list(made.tables["assessments"])

    def test_one_on_a_request_stands_beside_it(self) -> None:
        made = read(span_of({"openinference.span.kind": "LLM", "llm.model_name": "m"} | self.ONE))
        assert isinstance(made, Rows)
        assert len(list(made.tables["requests"])) == 1
        (row,) = made.tables["assessments"]
        expected = {"target_id": SPAN, "name": "hallucination", "score": 1.0, "label": "hallucinated"}
        assert row | expected | {"annotator_kind": "llm"} == row
        assert row["created_ts"] == datetime(2026, 6, 21, 0, 0, 1, 623456, tzinfo=UTC)

    def test_those_of_trace_and_session_are_about_them(self) -> None:
        attributes = {
            "openinference.span.kind": "CHAIN",
            "session.id": "s-1",
            "trace.evaluations.0.evaluation.name": "solved",
            "trace.evaluations.0.evaluation.score": 0.5,
            "session.annotations.3.annotation.name": "mood",
            "session.annotations.3.annotation.label": "calm",
            "session.annotations.3.annotation.annotator_kind": "HUMAN",
        }
        found = {row["name"]: (row["target_id"], row["annotator_kind"]) for row in self.scores(attributes)}
        assert found == {"solved": (TRACE, None), "mood": ("s-1", "human")}

    def test_an_evaluator_judges_what_it_links_to(self) -> None:
        link = {"traceId": TRACE, "spanId": "aaaaaaaaaaaaaaaa"}
        evaluator = {"openinference.span.kind": "EVALUATOR"} | self.ONE
        assert [row["target_id"] for row in self.scores(evaluator, links=[link])] == ["aaaaaaaaaaaaaaaa"]
        assert [row["target_id"] for row in self.scores(evaluator, links=[link, link])] == [SPAN]

    def test_one_without_a_name_is_none(self) -> None:
        assert read(span_of({"openinference.span.kind": "TOOL", "annotations.0.annotation.score": 1})) == Ignored(
            "tool span"
        )


class TestMessagesInEvents:
    """Content in the events of a span; made from the conventions, and as Azure's SDKs and Strands write it."""

    SPAN: ClassVar = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"}

    def bodies(self, *events: tuple[str, dict[str, Any]]) -> dict[str, Any]:
        members = [{"name": name, "attributes": listed(attributes)} for name, attributes in events]
        made = read(span_of(self.SPAN, events=members))
        assert isinstance(made, Rows)
        (self.request,) = made.tables["requests"]
        return {row["role"]: row["body"] for row in made.tables["payloads"]}

    def test_one_event_for_each_message(self) -> None:
        found = self.bodies(
            ("gen_ai.system.message", {"content": "Be brief.", "gen_ai.system": "openai"}),
            ("gen_ai.user.message", {"content": "Hi"}),
            ("gen_ai.choice", {"index": 0, "finish_reason": "stop", "message": "Hello"}),
        )
        assert json.loads(found["request"]) == [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Hi"},
        ]
        assert json.loads(found["response"]) == [{"index": 0, "finish_reason": "stop", "message": "Hello"}]
        assert self.request["finish_reasons"] == ["stop"]
        assert (self.request["input_state"], self.request["output_state"]) == ("complete", "complete")

    def test_messages_as_json_in_an_attribute(self) -> None:
        found = self.bodies(
            ("gen_ai.user.message", {"gen_ai.event.content": '{"role": "user", "content": "Hi"}'}),
            ("gen_ai.choice", {"gen_ai.event.content": '{"message": {"content": "Hello"}, "finish_reason": "stop"}'}),
            ("gen_ai.choice", {"gen_ai.event.content": "no JSON"}),
        )
        assert json.loads(found["request"]) == [{"role": "user", "content": "Hi"}]
        assert json.loads(found["response"])[1] == {"content": "no JSON"}
        assert self.request["finish_reasons"] == ["stop"]

    def test_all_in_one_event(self) -> None:
        details = {
            "gen_ai.input.messages": '[{"role": "user", "parts": [{"type": "text", "content": "Hi"}]}]',
            "gen_ai.output.messages": '[{"role": "assistant", "parts": [], "finish_reason": "stop"}]',
            "gen_ai.response.id": "chatcmpl-1",
        }
        found = self.bodies(("gen_ai.client.inference.operation.details", details))
        assert found == {"request": details["gen_ai.input.messages"], "response": details["gen_ai.output.messages"]}
        assert (self.request["response_id"], self.request["finish_reasons"]) == ("chatcmpl-1", ["stop"])

    def test_what_the_span_says_itself_counts(self) -> None:
        event = {"name": "gen_ai.content.prompt", "attributes": listed({"gen_ai.prompt": "from the event"})}
        made = read(span_of(self.SPAN | {"gen_ai.prompt": "from the span"}, events=[event]))
        assert isinstance(made, Rows)
        assert [row["body"] for row in made.tables["payloads"]] == ["from the span"]


class TestPrintedSpans:
    """`otel_console.json` is what the SDK's console exporter wrote."""

    def test_each_is_read_like_a_span_of_an_export(self) -> None:
        chat, agent, failed = sample("otel_console.json")
        assert [SOURCE.recognises(value) for value in (chat, agent, failed)] == [True] * 3
        request = request_row(chat)
        expected: Row = {
            "request_uid": "otlp:c29de2d9ee796f36d72d4ed98f091a10:5e99bed2f0d0b79b",
            "parent_span_id": "ce54c9f4ad6778ce",
            "start_ts": datetime(2026, 11, 20, 20, 35, 1, 685033, tzinfo=UTC),
            "latency_us": 10_275,
            "service_name": "desk",
            "environment": "prod",
            "provider": "openai",
            "model_served": "gpt-4o-2024-08-06",
            "input_tokens": 14,
            "output_tokens": 6,
            "finish_reasons": ["stop"],
            "parameters": {"temperature": "0.2"},
            "status": "ok",
            "input_state": "complete",
        }
        assert request | expected == request
        assert fates(SOURCE, agent) == [Ignored("agent span")]
        expected = {"status": "timeout", "error_type": "TimeoutError", "parent_span_id": None}
        assert request_row(failed) | expected == request_row(failed)

    def test_a_time_without_a_zone_is_no_time(self) -> None:
        chat = sample("otel_console.json")[0] | {"start_time": "2026-11-20T20:35:01.685033"}
        (fate,) = fates(SOURCE, chat)
        assert isinstance(fate, UnreadableError)
        assert fate.reason == "bad_time"

    def test_nanoseconds_are_kept(self) -> None:
        times = {"start_time": "2026-11-20T20:35:01.000000900Z", "end_time": "2026-11-20T20:35:01.000001100Z"}
        assert request_row(sample("otel_console.json")[0] | times)["latency_us"] == 0


def request_row(value: dict[str, Any]) -> Row:
    found: Row = rows_of(SOURCE, value)["requests"][0]
    return found


def all_tables() -> list[Rows]:
    resource = {"service.name": "loans", "deployment.environment": "prod", "cloud.region": "eu", "enduser.id": "e"}
    more = {"project": "p", "error.type": "500"}
    made = [parameter.values[0] for parameter in GENERATIONS]
    spans = [span_of(attributes | more, parentSpanId=SPAN) for attributes in made if isinstance(attributes, dict)]
    spans.append(span_of({"openinference.span.kind": "TOOL"} | TestAnnotations.ONE))
    records = [*SOURCE.split(export_of(*spans, resource=resource)), *SOURCE.split(evaluation_of())]
    return [rows for record in records if isinstance(rows := SOURCE.rows(record), Rows)]


def test_what_it_fills_is_what_it_says() -> None:
    filled = {
        f"{table}.{column}"
        for made in all_tables()
        for table, rows in made.tables.items()
        for row in rows
        for column, value in row.items()
        if value is not None
    }
    assert filled == set(SOURCE.fills)


def test_rows_name_canonical_columns_and_all_required_ones() -> None:
    added = {"file_sha256", "row_no", "is_conflict"}  # by ingestion
    for made in all_tables():
        for table, rows in made.tables.items():
            required = {column.name for column in CANONICAL[table].columns if column.required} - added
            for row in rows:
                assert set(row) <= set(CANONICAL[table].names)
                assert {column for column in required if row.get(column) is None} == set()
