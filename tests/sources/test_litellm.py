"""LiteLLM's payloads become requests, bodies and guardrail verdicts; all but the recorded payload is made by hand."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from governance.records import parse_json
from governance.sources import Row, Rows, UnreadableError
from governance.sources.litellm import SOURCE
from governance.tables import CANONICAL

HERE = Path(__file__).resolve().parent
RECORDED = (HERE / "litellm.json").read_text(encoding="utf-8")

MADE: dict[str, Any] = {
    "id": "chatcmpl-7",
    "litellm_call_id": "call-7",
    "trace_id": "t-7",
    "session_id": "s-7",
    "call_type": "acompletion",
    "stream": True,
    "status": "success",
    "status_fields": {"llm_api_status": "success", "guardrail_status": "success"},
    "custom_llm_provider": "azure",
    "startTime": 1782000000.123456,
    "completionStartTime": 1782000000.223457,
    "endTime": 1782000001.123459,
    "model": "gpt-4o",
    "model_group": "smart",
    "prompt_tokens": 100,
    "completion_tokens": 50,
    "total_tokens": 150,
    "response_cost": 0.00022500000000000002,
    "cache_hit": False,
    "request_tags": ["prod", "eu"],
    "end_user": "person-1",
    "model_parameters": {"temperature": 0.5, "max_tokens": 20, "stop": "END"},
    "messages": [{"role": "user", "content": "Hello"}],
    "response": {
        "id": "chatcmpl-provider",
        "choices": [{"finish_reason": "stop"}],
        "usage": {
            "prompt_tokens_details": {"cached_tokens": 60},
            "cache_creation_input_tokens": 30,
            "completion_tokens_details": {"reasoning_tokens": 20},
        },
    },
    "metadata": {
        "user_api_key_hash": "h-1",
        "user_api_key_user_id": "u-1",
        "user_api_key_team_alias": "cards",
        "user_api_key_org_alias": "retail",
        "user_api_key_project_alias": "bot",
        "attempted_retries": 2,
        "attempted_fallbacks": 1,
        "original_model_group": "cheap",
        "routing_decision": {"routed_model": "gpt-4o", "cause": "health_failover"},
        "prompt_management_metadata": {"prompt_id": "greeting", "prompt_version": 3},
        "spend_logs_metadata": {"cost_center": 42},
        "requester_metadata": {"channel": "web"},
        "is_silent_experiment": True,
    },
    "guardrail_information": [
        {"guardrail_name": "pii", "guardrail_mode": "pre_call", "guardrail_status": "success"}
        | {"masked_entity_count": {"EMAIL": 2}, "duration": 0.0125, "guardrail_action": "mask"},
        {"guardrail_name": "toxic", "guardrail_mode": "post_call", "guardrail_status": "guardrail_flagged"}
        | {"confidence_score": 0.75},
    ],
    "hidden_params": {},
}
FAILED = {
    "id": "chatcmpl-8",
    "status": "failure",
    "cache_hit": None,
    "error_str": "litellm.Timeout: took too long",
    "error_information": {"error_class": "Timeout", "error_code": "408", "error_message": "took too long"},
    "response": {},
}


def read(record: dict[str, Any]) -> Rows:
    made = SOURCE.rows(parse_json(json.dumps(record)))
    assert isinstance(made, Rows)
    return made


def request_of(record: dict[str, Any]) -> Row:
    (row,) = read(record).tables["requests"]
    return dict(row)


def made(**other: object) -> dict[str, Any]:
    """The made record with other values at the top, and inside `metadata` where the name starts with `metadata_`."""
    inside = {name.removeprefix("metadata_"): value for name, value in other.items() if name.startswith("metadata_")}
    top = {name: value for name, value in other.items() if not name.startswith("metadata_")}
    return MADE | {"metadata": MADE["metadata"] | inside} | top


class TestTheRecordedPayload:
    def test_it_is_recognised(self) -> None:
        assert SOURCE.recognises(parse_json(RECORDED))

    def test_its_columns_are_those_of_the_file(self) -> None:
        row = request_of(json.loads(RECORDED))
        expected = {
            "request_uid": "litellm:chatcmpl-2299b6a2-82a3-465a-b47c-04e685a2227f",
            "response_id": "chatcmpl-2299b6a2-82a3-465a-b47c-04e685a2227f",
            "operation": "chat",
            "provider": "openai",
            "model_served": "gpt-4o",
            "model_requested": None,
            "start_ts": datetime(2025, 1, 24, 9, 20, 46, 847371, tzinfo=UTC),
            "end_ts": datetime(2025, 1, 24, 9, 20, 46, 851954, tzinfo=UTC),
            "latency_us": 4583,
            "ttft_us": None,
            "input_tokens": 10,
            "output_tokens": 20,
            "cache_read_tokens": None,
            "cost_reported": Decimal("0.000225"),
            "cost_currency": "USD",
            "status": "ok",
            "finish_reasons": ["stop"],
            "cache_status": None,
            "retries": None,
            "fallbacks": None,
            "end_user_id": None,
            "tags": None,
            "input_state": "complete",
            "output_state": "complete",
            "quality_flags": ["tz_assumed"],
        }
        assert {column: row[column] for column in expected} == expected

    def test_its_bodies_are_kept(self) -> None:
        bodies = {row["role"]: row for row in read(json.loads(RECORDED)).tables["payloads"]}
        assert set(bodies) == {"request", "response"}
        assert json.loads(bodies["request"]["body"]) == [{"role": "user", "content": "Hello, world!"}]
        assert json.loads(bodies["response"]["body"]) == json.loads(RECORDED)["response"]


def test_every_column_of_a_full_payload() -> None:
    expected = {
        "request_uid": "litellm:chatcmpl-7",
        "source": "litellm",
        "request_id": "chatcmpl-7",
        "client_request_id": "call-7",
        "response_id": "chatcmpl-provider",
        "id_origin": "native",
        "trace_id": "t-7",
        "session_id": "s-7",
        "operation": "chat",
        "start_ts": datetime(2026, 6, 21, 0, 0, 0, 123456, tzinfo=UTC),
        "end_ts": datetime(2026, 6, 21, 0, 0, 1, 123459, tzinfo=UTC),
        "latency_us": 1_000_003,
        "ttft_us": 100_001,
        "provider": "azure.ai.openai",
        "model_requested": "smart",
        "model_served": "gpt-4o",
        "prompt_name": "greeting",
        "prompt_version": "3",
        "parameters": {"temperature": "0.5", "max_tokens": "20", "stop": '["END"]'},
        "input_tokens": 100,
        "cache_read_tokens": 60,
        "cache_write_tokens": 30,
        "output_tokens": 50,
        "reasoning_tokens": 20,
        "cost_reported": Decimal("0.000225"),
        "cost_currency": "USD",
        "status": "ok",
        "http_status": None,
        "error_type": None,
        "finish_reasons": ["stop"],
        "retries": 2,
        "fallbacks": 1,
        "fallback_from": "cheap",
        "route_name": "gpt-4o",
        "route_cause": "health_failover",
        "cache_status": "miss",
        "is_shadow": True,
        "user_id": "u-1",
        "end_user_id": "person-1",
        "team": "cards",
        "business_unit": "retail",
        "project": "bot",
        "tags": {"channel": "web", "cost_center": "42", "prod": "true", "eu": "true"},
        "input_state": "complete",
        "output_state": "complete",
        "n_decisions": 0,
        "quality_flags": [],
    }
    assert request_of(MADE) == expected


def test_guardrails_give_verdicts() -> None:
    first, second = read(MADE).tables["guardrails"]
    assert first == {
        "guardrail_id": "litellm:chatcmpl-7#0",
        "request_uid": "litellm:chatcmpl-7",
        "start_ts": datetime(2026, 6, 21, 0, 0, 0, 123456, tzinfo=UTC),
        "guardrail": "pii",
        "stage": "pre",
        "verdict": "modify",
        "action": "mask",
        "score": None,
        "latency_us": 12_500,
    }
    assert (second["guardrail"], second["stage"], second["verdict"], second["score"]) == ("toxic", "post", "warn", 0.75)


class TestEncodings:
    def test_metadata_and_tags_as_json_text_say_the_same(self) -> None:
        text = MADE | {"metadata": json.dumps(MADE["metadata"]), "request_tags": json.dumps(MADE["request_tags"])}
        assert request_of(text) == request_of(MADE)

    def test_json_text_in_json_text_says_the_same(self) -> None:
        text = MADE | {"metadata": json.dumps(json.dumps(MADE["metadata"]))}
        assert request_of(text) == request_of(MADE)

    @pytest.mark.parametrize(
        "times",
        [
            pytest.param(("1782000000.123456", "1782000000.223457", "1782000001.123459"), id="text of seconds"),
            pytest.param(
                ("2026-06-21T00:00:00.123456Z", "2026-06-21T02:00:00.223457+02:00", "2026-06-21 00:00:01.123459Z"),
                id="ISO with zone",
            ),
        ],
    )
    def test_each_form_of_time_says_the_same(self, times: tuple[str, str, str]) -> None:
        start, first, end = times
        assert request_of(made(startTime=start, completionStartTime=first, endTime=end)) == request_of(MADE)

    def test_a_double_says_the_same_as_its_decimal_text(self) -> None:
        unparsed = SOURCE.rows(MADE)
        assert isinstance(unparsed, Rows)
        assert unparsed.tables["requests"] == [request_of(MADE)]

    def test_metadata_that_is_no_json_is_flagged_and_the_rest_is_read(self) -> None:
        row = request_of(MADE | {"metadata": '{"user_api_key_user_id": '})
        assert (row["user_id"], row["input_tokens"], row["quality_flags"]) == (None, 100, ["bad_nested_json"])


class TestIds:
    def test_a_cache_hit_is_a_request_of_its_own(self) -> None:
        row = request_of(made(id="chatcmpl-7_cache_hit1782000000.5", response={}, cache_hit=None))
        assert row["request_uid"] == "litellm:chatcmpl-7_cache_hit1782000000.5"
        assert (row["response_id"], row["cache_status"]) == ("chatcmpl-7", "exact_hit")

    def test_empty_texts_are_none(self) -> None:
        row = request_of(made(trace_id="", session_id="", end_user="", model_group="", litellm_call_id=""))
        names = ("trace_id", "session_id", "end_user_id", "model_requested", "client_request_id")
        assert [row[name] for name in names] == [None] * 5

    def test_a_payload_without_id_is_known_by_its_content(self) -> None:
        first, again, other = (request_of(made(id="", user=user)) for user in ("a", "a", "b"))
        assert first["request_uid"] == again["request_uid"] != other["request_uid"]
        assert (first["id_origin"], first["request_id"]) == ("content_hash", None)

    def test_a_key_in_clear_is_not_stored(self) -> None:
        row = request_of(made(metadata_user_api_key_user_id=None, metadata_user_api_key_hash="sk-12345"))
        assert len(row["user_id"]) == 64
        assert row["quality_flags"] == ["secret_hashed"]

    @pytest.mark.parametrize(
        ("given", "expected"),
        [
            pytest.param({}, ("cards", "retail"), id="organisation"),
            pytest.param({"metadata_user_api_key_org_alias": None}, ("cards", "cards"), id="team stands in"),
            pytest.param(
                {"metadata_user_api_key_org_alias": None, "metadata_user_api_key_team_alias": None},
                (None, None),
                id="neither",
            ),
        ],
    )
    def test_team_and_business_unit(self, given: dict[str, Any], expected: tuple[str | None, str | None]) -> None:
        row = request_of(made(**given))
        assert (row["team"], row["business_unit"]) == expected


class TestStatus:
    @pytest.mark.parametrize(
        ("given", "expected"),
        [
            pytest.param({}, ("ok", None, None), id="success"),
            pytest.param(FAILED, ("timeout", 408, "Timeout"), id="timeout"),
            pytest.param(
                FAILED | {"error_information": {"error_class": "RateLimitError", "error_code": 429}},
                ("error", 429, "RateLimitError"),
                id="rate limit",
            ),
            pytest.param(
                FAILED | {"error_information": {"error_class": "ContentPolicyViolationError", "error_code": "400"}},
                ("blocked", 400, "ContentPolicyViolationError"),
                id="content policy",
            ),
            pytest.param({"status": None} | {"error_str": "x"}, ("error", None, None), id="old payload with an error"),
            pytest.param({"status": None}, ("ok", None, None), id="old payload"),
            pytest.param({"status": None, "endTime": None}, ("incomplete", None, None), id="no end"),
            pytest.param(
                {"status_fields": {"guardrail_status": "guardrail_intervened"}}, ("blocked", None, None), id="blocked"
            ),
            pytest.param(
                {"guardrail_information": {"guardrail_name": "g", "guardrail_status": "guardrail_intervened"}},
                ("blocked", None, None),
                id="blocked by the verdict",
            ),
        ],
    )
    def test_it_follows_from_what_is_logged(self, given: dict[str, Any], expected: tuple[object, ...]) -> None:
        row = request_of(made(**given))
        assert (row["status"], row["http_status"], row["error_type"]) == expected

    def test_an_unknown_word_is_refused(self) -> None:
        with pytest.raises(UnreadableError, match="unmapped_value"):
            read(made(status="maybe"))

    def test_the_error_text_is_a_body(self) -> None:
        bodies = {row["role"]: row["body"] for row in read(made(**FAILED)).tables["payloads"]}
        assert bodies["error"] == "litellm.Timeout: took too long"
        assert "response" not in bodies
        assert request_of(made(**FAILED))["output_state"] == "absent"


class TestValues:
    @pytest.mark.parametrize(
        ("logged", "expected"),
        [
            pytest.param(True, "exact_hit", id="true"),
            pytest.param("True", "exact_hit", id="text True"),
            pytest.param(False, "miss", id="false"),
            pytest.param("False", "miss", id="text False"),
            pytest.param("None", None, id="text None"),
            pytest.param(None, None, id="null"),
        ],
    )
    def test_cache_hit(self, logged: object, expected: str | None) -> None:
        assert request_of(made(cache_hit=logged))["cache_status"] == expected

    def test_caching_that_is_off_is_no_miss(self) -> None:
        assert request_of(made(cache_hit="None", cache_key="Cache OFF"))["cache_status"] == "disabled"

    def test_no_cost_is_not_zero(self) -> None:
        row = request_of(made(response_cost=None))
        assert (row["cost_reported"], row["cost_currency"]) == (None, None)

    def test_a_cost_that_could_not_be_computed_is_not_zero(self) -> None:
        row = request_of(made(response_cost=0, response_cost_failure_debug_info={"error_str": "no price"}))
        assert (row["cost_reported"], row["quality_flags"]) == (None, ["cost_unknown"])

    def test_a_free_call_costs_zero(self) -> None:
        assert request_of(made(response_cost=0))["cost_reported"] == 0

    @pytest.mark.parametrize(
        ("given", "expected"),
        [
            pytest.param({"stream": False}, None, id="no stream"),
            pytest.param({"completionStartTime": MADE["endTime"]}, None, id="first token with the last"),
            pytest.param({"completionStartTime": None}, None, id="not logged"),
            pytest.param({"completionStartTime": 1781999999}, None, id="before the start"),
        ],
    )
    def test_time_to_first_token_needs_a_stream(self, given: dict[str, Any], expected: int | None) -> None:
        assert request_of(made(**given))["ttft_us"] == expected

    def test_fallbacks_known_to_be_none_name_no_model(self) -> None:
        row = request_of(made(metadata_attempted_fallbacks=0))
        assert (row["fallbacks"], row["fallback_from"]) == (0, None)

    def test_an_end_before_the_start_gives_no_latency(self) -> None:
        row = request_of(made(endTime=1782000000))
        assert (row["latency_us"], row["quality_flags"]) == (None, ["negative_latency"])

    def test_latency_is_the_logged_one_where_no_end_is(self) -> None:
        assert request_of(made(endTime=None, response_time=0.5))["latency_us"] == 500_000

    @pytest.mark.parametrize(
        ("given", "reason"),
        [
            pytest.param({"startTime": None}, "missing_value", id="no start"),
            pytest.param({"startTime": "soon"}, "bad_time", id="start in words"),
            pytest.param({"startTime": 1.7e20}, "bad_time", id="start far away"),
            pytest.param({"call_type": ""}, "missing_value", id="no call type"),
            pytest.param({"response_cost": 1_000_000}, "out_of_range", id="cost"),
            pytest.param({"prompt_tokens": 0.5}, "type_mismatch", id="half a token"),
            pytest.param({"cache_hit": "perhaps"}, "type_mismatch", id="cache hit"),
        ],
    )
    def test_what_cannot_be_read_is_refused(self, given: dict[str, Any], reason: str) -> None:
        with pytest.raises(UnreadableError) as caught:
            read(made(**given))
        assert caught.value.reason == reason

    def test_what_is_no_object_is_refused(self) -> None:
        with pytest.raises(UnreadableError, match="not_an_object"):
            SOURCE.rows([1])

    def test_an_unknown_guardrail_status_is_an_error_of_the_guardrail(self) -> None:
        given = made(guardrail_information=[{"guardrail_name": "g", "guardrail_status": "odd"}])
        (verdict,) = read(given).tables["guardrails"]
        assert verdict["verdict"] == "error"
        assert request_of(given)["quality_flags"] == ["unknown_guardrail_status"]


class TestBodies:
    @pytest.mark.parametrize(
        ("messages", "state"),
        [
            pytest.param([{"role": "user", "content": "redacted-by-litellm"}], "redacted", id="redacted"),
            pytest.param("He...(litellm_truncated 900 chars)...o", "truncated", id="truncated"),
            pytest.param("{}", "absent", id="empty text"),
            pytest.param({}, "absent", id="empty object"),
            pytest.param(None, "absent", id="null"),
        ],
    )
    def test_their_state_is_told_from_their_markers(self, messages: object, state: str) -> None:
        assert request_of(made(messages=messages))["input_state"] == state


@pytest.mark.parametrize(
    "other",
    [{}, {"resourceSpans": []}, {"request_id": "1", "call_type": "x", "startTime": 1, "spend": 0, "model": "m"}],
)
def test_other_formats_are_not_recognised(other: dict[str, Any]) -> None:
    assert not SOURCE.recognises(other)


def all_tables() -> list[Rows]:
    return [read(json.loads(RECORDED)), read(MADE), read(made(**FAILED))]


def test_what_it_fills_is_what_it_says() -> None:
    filled = {
        f"{table}.{column}"
        for rows_of_one in all_tables()
        for table, rows in rows_of_one.tables.items()
        for row in rows
        for column, value in row.items()
        if value is not None
    }
    assert filled == set(SOURCE.fills)


def test_rows_name_canonical_columns_and_all_required_ones() -> None:
    added = {"file_sha256", "row_no", "is_conflict"}  # by ingestion
    for rows_of_one in all_tables():
        for table, rows in rows_of_one.tables.items():
            required = {column.name for column in CANONICAL[table].columns if column.required} - added
            for row in rows:
                assert set(row) <= set(CANONICAL[table].names)
                assert {column for column in required if row.get(column) is None} == set()
