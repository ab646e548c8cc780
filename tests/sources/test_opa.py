"""OPA's decision log: each event is a request to a policy and the decision of a rule."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from governance.sources import Ignored, UnreadableError
from governance.sources.opa import SOURCE
from tests.sources.reading import fates, request_of, rows_of, sample, told, values_in

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PLAIN, ERASED, MASKED = sample("opa_upload.json")
# made by hand: two bundles, a trace, an error
MADE: dict[str, Any] = PLAIN | {
    "labels": {"environment": "production", "app": "bot"},
    "bundles": {"limits": {"revision": "r-2"}, "authz": {"revision": "r-1"}},
    "trace_id": "5b8efff798038103d269b633813fc60c",
    "span_id": "eee19b7ec3c1b174",
    "metrics": {"timer_server_handler_ns": 574_087},
    "input": {"attributes": {"request": {"http": {"id": "x-1"}}}},
}
FAILED = {key: item for key, item in MADE.items() if key != "result"} | {
    "error": {"code": "internal_error", "message": "x"}
}
VALUES = [PLAIN, ERASED, MASKED, MADE, FAILED]


def decision_of(value: dict[str, Any]) -> dict[str, Any]:
    (row,) = rows_of(SOURCE, value)["decisions"]
    return row


def test_an_uploaded_event() -> None:
    expected = {
        "decision_id": "opa:4ca636c1-55e4-417a-b1d8-4aceb67960d1#0",
        "request_uid": "opa:4ca636c1-55e4-417a-b1d8-4aceb67960d1",
        "decision_ts": datetime(2018, 1, 1, tzinfo=UTC),
        "model": "authz",
        "model_version": "W3sibCI6InN5cy9jYXRhbG9nIiwicyI6NDA3MX1d",
        "decision": "true",
        "deciding_stage": "rule",
        "rule_id": "http/example/authz/allow",
        "operation": "policy",
        "item_index": 0,
    }
    assert told(decision_of(PLAIN), expected) == expected
    assert request_of(SOURCE, PLAIN)["n_decisions"] == 1


def test_a_truth_value_and_its_text_say_the_same() -> None:
    assert decision_of(PLAIN)["decision"] == decision_of(ERASED)["decision"] == "true"


@pytest.mark.parametrize("value", [ERASED, MASKED], ids=["erased", "masked"])
def test_what_was_taken_out_makes_the_body_redacted(value: dict[str, Any]) -> None:
    tables = rows_of(SOURCE, value)
    expected = {"input_state": "redacted", "output_state": "complete"}
    assert told(tables["requests"][0], expected) == expected
    assert {row["role"]: row["state"] for row in tables["payloads"]} == {"request": "redacted", "response": "complete"}


def test_two_events_with_one_id_stay_two_contents() -> None:
    first, second = rows_of(SOURCE, ERASED), rows_of(SOURCE, MASKED)
    assert first["requests"][0]["request_uid"] == second["requests"][0]["request_uid"]
    assert first["payloads"] != second["payloads"]


def test_a_recorded_console_line(shared_data: Callable[[str], Path]) -> None:
    (value,) = values_in(shared_data("samples/opa/decision_log_console_llm_gateway.jsonl"))
    assert SOURCE.recognises(value)
    expected = {
        "start_ts": datetime(2026, 1, 5, 20, 54, 47, 366_619, tzinfo=UTC),
        "client_request_id": "7c0f0f833eef36062b3fe9d11f8ade7e",
        "trace_id": "7c0f0f833eef36062b3fe9d11f8ade7e",
        "latency_us": 574,
        "model_version": None,
    }
    assert told(request_of(SOURCE, value), expected) == expected
    told_by_rule = {"decision": "true", "rule_id": "data.authz", "model": None}
    assert told(decision_of(value), told_by_rule) == told_by_rule


def test_other_lines_of_the_console_are_ignored() -> None:
    assert fates(SOURCE, {"level": "info", "msg": "Received request.", "time": "x"}) == [Ignored("server log line")]


def test_several_bundles_are_named_in_order() -> None:
    row = decision_of(MADE)
    assert (row["model"], row["model_version"], row["environment"]) == ("authz+limits", "r-1+r-2", "production")


def test_an_old_revision_is_the_version() -> None:
    row = decision_of({key: item for key, item in PLAIN.items() if key != "bundles"} | {"revision": "r-0"})
    assert (row["model"], row["model_version"]) == (None, "r-0")


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        pytest.param({"allow": False, "reason": []}, "false", id="allow"),
        pytest.param({"decision": "review"}, "review", id="decision"),
        pytest.param({"request_body": {"prompt": "secret"}}, None, id="another object may hold content"),
        pytest.param([1], "[1]", id="list"),
        pytest.param(None, None, id="null"),
    ],
)
def test_the_decision_in_a_result(result: object, expected: str | None) -> None:
    assert decision_of(PLAIN | {"result": result})["decision"] == expected


def test_an_error_is_a_request_without_a_decision() -> None:
    tables = rows_of(SOURCE, FAILED)
    assert "decisions" not in tables
    expected = {"status": "error", "error_type": "internal_error", "n_decisions": 0}
    assert told(tables["requests"][0], expected) == expected


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        pytest.param({"timestamp": None}, "missing_value", id="no time"),
        pytest.param({"path": None}, "missing_value", id="no rule"),
        pytest.param({"timestamp": "late"}, "bad_time", id="time in words"),
    ],
)
def test_what_cannot_be_read_is_refused(given: dict[str, Any], reason: str) -> None:
    (error,) = fates(SOURCE, PLAIN | given)
    assert isinstance(error, UnreadableError)
    assert error.reason == reason
