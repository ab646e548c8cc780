"""SageMaker: captures become requests with decisions and inputs, ground truth becomes outcomes."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from governance.ingestion import ingest
from governance.records import Record
from governance.sourced import source_batches
from governance.sources import Rows, UnreadableError
from governance.sources.sagemaker import SOURCE
from tests.logbooks import NOW, logbook
from tests.sources.reading import exact, fates, request_of, rows_of, sample, told

AT = datetime(2026, 7, 1, tzinfo=UTC)
# made by hand: a capture in base64 with what the API adds, one without an answer, a batch of truths
MADE: dict[str, Any] = {
    "captureData": {
        "endpointInput": {
            "observedContentType": "text/csv",
            "mode": "INPUT",
            "data": base64.b64encode(b"40,x\n20,y").decode(),
            "encoding": "BASE64",
        },
        "endpointOutput": {
            "observedContentType": "application/json",
            "data": '{"predictions": [[0.25, 0.75], [1, 0]]}',
            "encoding": "JSON",
        },
    },
    "eventMetadata": {
        "eventId": "e-1",
        "inferenceId": "i-1",
        "customAttributes": ["channel=web", "plain"],
        "inferenceTime": "2026-07-01T10:00:00Z",
    },
    "eventVersion": "0",
}
UNANSWERED = MADE | {"captureData": {"endpointInput": MADE["captureData"]["endpointInput"]}}
TRUTHS = {
    "groundTruthData": {"data": "1\n0\nunknown", "encoding": "CSV"},
    "eventMetadata": {"eventId": "e-1"},
    "eventVersion": "0",
}
VALUES = [*sample("sagemaker_json.jsonl"), MADE, UNANSWERED, sample("sagemaker_actuals.jsonl")[0], TRUTHS]


def test_one_capture_in_json_is_three_decisions() -> None:
    tables = rows_of(SOURCE, sample("sagemaker_json.jsonl")[0])
    expected = {
        "request_uid": "sagemaker:12b73486-e916-45de-9d82-7fa23d4a39a6",
        "start_ts": datetime(2019, 11, 24, 7, 30, 50, tzinfo=UTC),
        "latency_us": None,
        "model_served": None,
        "n_decisions": 3,
        "status": "ok",
        "input_state": "complete",
    }
    assert told(tables["requests"][0], expected) == expected
    assert [(row["item_index"], row["score"], row["decision"]) for row in tables["decisions"]] == [
        (0, 3.5, None),
        (1, 4.0, None),
        (2, 5.5, None),
    ]


def test_their_inputs_are_called_by_place() -> None:
    records = [Record(number, None, b"", value) for number, value in enumerate(sample("sagemaker_json.jsonl"), 1)]
    (batch,) = source_batches(records, SOURCE)
    (inputs,) = batch.features
    assert inputs.model == ""
    assert inputs.rows.column("column_0").to_pylist() == [1.0, 2.0, 5.0] * 2


class TestTheRecordedCsv:
    """44 captures whose time is an unfilled template, and 44 truths with the same ids."""

    def test_a_template_is_no_time(self) -> None:
        errors = [error for value in sample("sagemaker_csv.jsonl") for error in fates(SOURCE, value)]
        assert len(errors) == 44
        assert {error.reason for error in errors if isinstance(error, UnreadableError)} == {"bad_time"}

    def test_with_a_time_each_is_a_score_of_seven_inputs(self) -> None:
        value = sample("sagemaker_csv.jsonl")[0]
        value["eventMetadata"]["inferenceTime"] = "2026-07-01T10:00:00Z"
        (made,) = fates(SOURCE, value)
        assert isinstance(made, Rows)
        (decision,) = made.tables["decisions"]
        assert told(decision, {"score": 0, "score_digits": 0}) == {"score": 0.302709460258, "score_digits": 12}
        (inputs,) = made.features[""]
        assert list(inputs.values.values()) == [9, 45, 45, 42, 7, 5, 0]

    def test_each_truth_is_about_one_capture(self) -> None:
        captures = [value["eventMetadata"]["eventId"] for value in sample("sagemaker_csv.jsonl")]
        outcomes = [row for value in sample("sagemaker_actuals.jsonl") for row in rows_of(SOURCE, value)["outcomes"]]
        assert [row["target_id"] for row in outcomes] == captures
        assert {row["name"] for row in outcomes} == {"ground_truth"}
        assert [row["value_num"] for row in outcomes][:11] == [1.0] * 10 + [0.0]


def test_every_column_of_a_full_capture() -> None:
    tables = rows_of(SOURCE, MADE)
    expected = {"client_request_id": "i-1", "tags": {"channel": "web", "custom_1": "plain"}, "n_decisions": 2}
    assert told(tables["requests"][0], expected) == expected
    assert [(row["decision"], row["confidence"]) for row in tables["decisions"]] == [
        ("[0.25,0.75]", 0.75),
        ("[1,0]", 1.0),
    ]


@pytest.mark.parametrize(
    ("name", "endpoint", "variant"),
    [
        ("s3://bucket/capture/churn-v2/AllTraffic/2026/07/01/10/30-00-123-abc.jsonl", "churn-v2", "AllTraffic"),
        ("churn-v2/blue/2026/07/01/10/a.jsonl", "churn-v2", "blue"),
        ("C:\\logs\\churn-v2\\blue\\2026\\07\\01\\10\\a.jsonl.gz", "churn-v2", "blue"),
        ("captured-data.jsonl", None, None),
        ("2026/07/01/10/a.jsonl", None, None),
        ("churn-v2/blue/2026/07/01/a.jsonl", None, None),
        ("<b>/blue/2026/07/01/10/a.jsonl", None, None),
    ],
)
def test_endpoint_and_variant_stand_in_the_path(name: str, endpoint: str | None, variant: str | None) -> None:
    (made,) = fates(SOURCE.within(name), MADE)
    assert isinstance(made, Rows)
    (request,) = made.tables["requests"]
    expected = {"service_name": endpoint, "model_served": endpoint, "model_version": None, "experiment_arm": variant}
    assert {column: request.get(column) for column in expected} == expected
    assert {row["model"] for row in made.tables["decisions"]} == {endpoint}
    assert list(made.features) == [endpoint or ""]


def test_they_are_read_from_the_path_of_the_file_that_is_ingested(tmp_path: Path) -> None:
    book = logbook(tmp_path)
    folder = tmp_path / "capture" / "churn" / "AllTraffic" / "2026" / "07" / "01" / "10"
    folder.mkdir(parents=True)
    bad = MADE | {"eventMetadata": {"eventId": "e-2", "inferenceTime": "{%s}"}}
    (folder / "a.jsonl").write_text(f"{json.dumps(MADE)}\n{json.dumps(bad)}\n", encoding="utf-8")
    (report,) = ingest(book.workspace, [str(tmp_path / "capture")], now=NOW).files
    assert (report.stored, report.quarantined) == (1, 1)
    assert book.values("SELECT DISTINCT model FROM decisions") == ["churn"]
    assert book.values("SELECT experiment_arm FROM requests") == ["AllTraffic"]


def test_a_capture_without_an_answer_is_incomplete() -> None:
    expected = {"status": "incomplete", "n_decisions": 0, "output_state": "absent"}
    assert told(request_of(SOURCE, UNANSWERED), expected) == expected


def test_truths_of_several_items_are_about_each() -> None:
    rows = rows_of(SOURCE, TRUTHS)["outcomes"]
    assert [(row["target_id"], row["value"], row["value_num"]) for row in rows] == [
        ("sagemaker:e-1#0", "1", 1.0),
        ("sagemaker:e-1#1", "0", 0.0),
        ("sagemaker:e-1#2", "unknown", None),
    ]


def test_a_truth_is_known_when_it_is_read() -> None:
    (batch,) = source_batches([Record(1, None, b"", exact(TRUTHS))], SOURCE, now=AT)
    assert batch.tables["outcomes"].column("known_ts").to_pylist() == [AT] * 3


@pytest.mark.parametrize(
    "data", ["not base64!", base64.b64encode(b"\xff\xd8\xff").decode()], ids=["broken", "an image"]
)
def test_binary_bodies_are_kept_and_not_decoded(data: str) -> None:
    capture = MADE["captureData"] | {"endpointInput": MADE["captureData"]["endpointInput"] | {"data": data}}
    (made,) = fates(SOURCE, MADE | {"captureData": capture})
    assert isinstance(made, Rows)
    assert made.features == {}
    assert next(iter(made.tables["payloads"]))["body"] == data


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        pytest.param(MADE | {"eventMetadata": {"eventId": "e"}}, "missing_value", id="no time"),
        pytest.param(
            MADE | {"captureData": MADE["captureData"] | {"endpointOutput": {"data": "{", "encoding": "JSON"}}},
            "bad_json",
            id="json",
        ),
        pytest.param(TRUTHS | {"eventMetadata": {}}, "missing_value", id="truth about nothing"),
    ],
)
def test_what_cannot_be_read_is_refused(value: dict[str, Any], reason: str) -> None:
    error = next(iter(fates_of(value)))
    assert error.reason == reason


def fates_of(value: dict[str, Any]) -> list[UnreadableError]:
    return [error for error in fates(SOURCE, value) if isinstance(error, UnreadableError)]
