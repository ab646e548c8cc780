"""KServe and Seldon: a call and its answer are one request, wherever they stand in the file."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from governance.batches import Batch
from governance.records import Record
from governance.sourced import JOINED, source_batches
from governance.sources import Ignored, Row
from governance.sources.kserve import SOURCE, Pair
from tests.sources.reading import exact, exact_of, fates, request_of, sample, told

ASKED, ANSWERED = sample("kserve_pair.jsonl")
# made by hand: a Seldon pair with V2 tensors, and a pair of KServe's blob store
TRACEPARENT = "00-90bdf848647d50283394155d2df58f19-84dacdfdf07cadfc-00"
V2_ASKED: dict[str, Any] = {
    "specversion": "0.3",
    "type": "io.seldon.serving.inference.request",
    "id": "event-1",
    "requestid": "s-1",
    "modelid": "iris",
    "inferenceservicename": "iris-service",
    "namespace": "prod",
    "endpoint": "canary",
    "time": "2026-07-01T10:00:00.000000500Z",
    "traceparent": TRACEPARENT,
    "data": {"inputs": [{"name": "age", "shape": [2, 1], "datatype": "INT32", "data": [40, 20]}]},
}
V2_ANSWERED = V2_ASKED | {
    "type": "io.seldon.serving.inference.response",
    "id": "event-2",
    "time": "2026-07-01T10:00:00.001000499Z",
    "data": {
        "model_name": "iris",
        "model_version": "v7",
        "outputs": [
            {"name": "predict", "shape": [2], "datatype": "INT64", "data": [1, 0]},
            {"name": "predict_proba", "shape": [2, 2], "datatype": "FP64", "data": [0.25, 0.75, 0.5, 0.5]},
        ],
    },
}


def blob(half: str, body: object, at: str) -> dict[str, Any]:
    return {
        "id": "b-1",
        "reqType": f"org.kubeflow.serving.inference.{half}",
        "inferenceService": "credit",
        "namespace": "prod",
        "component": "predictor",
        "endpoint": "",
        "bytes": base64.b64encode(json.dumps(body).encode()).decode(),
        "contentType": "application/json",
        "occurrenceTime": at,
        "metadata": json.dumps({"traceparent": TRACEPARENT}),
    }


BLOBS = [
    blob("request", {"instances": [[1]]}, "2026-07-01T10:00:00Z"),
    blob("response", {"predictions": [0.5]}, "2026-07-01T10:00:01Z"),
]
PAIRS = [(ASKED, ANSWERED), (V2_ASKED, V2_ANSWERED), tuple(BLOBS)]
VALUES = [ASKED, ANSWERED, V2_ASKED, V2_ANSWERED, *BLOBS]


def read(*values: dict[str, Any]) -> list[Batch]:
    return list(source_batches([Record(i, None, b"", exact_of(value)) for i, value in enumerate(values, 1)], SOURCE))


def only(batch: Batch, table: str) -> list[Row]:
    rows: list[Row] = batch.tables[table].to_pylist()
    return rows


@pytest.mark.parametrize("values", [(ASKED, ANSWERED), (ANSWERED, ASKED)], ids=["in order", "answer first"])
def test_the_recorded_pair_is_one_request_with_two_decisions(values: tuple[dict[str, Any], ...]) -> None:
    (batch,) = read(*values)
    (row,) = only(batch, "requests")
    expected = {
        "request_uid": "kserve:0009174a-24a8-4603-b098-09c8799950e9",
        "operation": "predict",
        "start_ts": datetime(2021, 4, 10, 0, 23, 26, 78_952, tzinfo=UTC),
        "end_ts": datetime(2021, 4, 10, 0, 23, 26, 80_736, tzinfo=UTC),
        "latency_us": 1783,
        "trace_id": "90bdf848647d50283394155d2df58f19",
        "service_name": "sklearn-iris",
        "model_served": "sklearn-iris",
        "model_version": None,
        "experiment_arm": None,
        "status": "ok",
        "n_decisions": 2,
        "tags": [("namespace", "default")],
        "quality_flags": [],
    }
    assert told(row, expected) == expected
    assert [(item["decision"], item["item_index"]) for item in only(batch, "decisions")] == [("1", 0), ("1", 1)]
    (inputs,) = batch.features
    assert inputs.rows.select(["column_0", "column_3"]).to_pylist() == [
        {"column_0": 6.8, "column_3": 1.4},
        {"column_0": 6.0, "column_3": 1.6},
    ]
    assert (batch.records, batch.ignored) == (2, {JOINED: 1})


def test_a_seldon_pair_with_tensors() -> None:
    """Half a microsecond on each side: the latency is that of the nanoseconds."""
    (batch,) = read(V2_ASKED, V2_ANSWERED)
    (row,) = only(batch, "requests")
    expected = {
        "request_id": "s-1",
        "latency_us": 999,
        "experiment_arm": "canary",
        "model_version": "v7",
        "model_served": "iris",
    }
    assert told(row, expected) == expected
    assert [(item["decision"], item["confidence"], item["model"]) for item in only(batch, "decisions")] == [
        ("1", 0.75, "iris"),
        ("0", 0.5, "iris"),
    ]
    assert [inputs.rows.column("age").to_pylist() for inputs in batch.features] == [[40.0, 20.0]]
    assert batch.types == {"iris": {"v7": {"age": "DOUBLE"}}}


def test_records_of_the_blob_store_are_joined_as_well() -> None:
    (batch,) = read(*BLOBS)
    (row,) = only(batch, "requests")
    expected = {
        "request_uid": "kserve:b-1",
        "latency_us": 1_000_000,
        "trace_id": TRACEPARENT.split("-")[1],
        "service_name": "credit",
    }
    assert told(row, expected) == expected
    assert [item["score"] for item in only(batch, "decisions")] == [0.5]


def test_a_request_without_an_answer_is_incomplete() -> None:
    (rest,) = read(ASKED)
    (row,) = only(rest, "requests")
    expected = {"status": "incomplete", "end_ts": None, "latency_us": None, "n_decisions": 0, "output_state": "absent"}
    assert told(row, expected) == expected
    assert not rest.features


def test_an_answer_without_its_request_is_kept() -> None:
    (rest,) = read(ANSWERED)
    (row,) = only(rest, "requests")
    expected = {"status": "ok", "input_state": "absent", "quality_flags": ["request_missing"], "n_decisions": 2}
    assert told(row, expected) == expected
    assert len(only(rest, "decisions")) == 2


def test_an_event_without_an_id_stands_alone() -> None:
    """Seldon leaves it out where the client sent none."""
    nameless = [{key: item for key, item in half.items() if key != "id"} for half in (ASKED, ANSWERED)]
    (batch,) = read(*nameless)
    assert {(row["id_origin"], row["status"]) for row in only(batch, "requests")} == {
        ("content_hash", "incomplete"),
        ("content_hash", "ok"),
    }


def test_a_transformer_before_the_predictor_is_a_request_of_its_own() -> None:
    transformer = [half | {"component": "transformer"} for half in (ASKED, ANSWERED)]
    (batch,) = read(*transformer, ASKED, ANSWERED)
    uid = "kserve:0009174a-24a8-4603-b098-09c8799950e9"
    assert [row["request_uid"] for row in only(batch, "requests")] == [f"{uid}:transformer", uid]


def test_an_answer_before_its_request_by_the_clock_has_no_latency() -> None:
    (batch,) = read(ASKED | {"time": "2021-04-10T00:23:27Z"}, ANSWERED)
    (row,) = only(batch, "requests")
    assert (row["latency_us"], row["quality_flags"]) == (None, ["negative_latency"])


def test_other_events_are_ignored() -> None:
    feedback = V2_ASKED | {"type": "io.seldon.serving.inference.feedback"}
    assert SOURCE.recognises(feedback)
    assert fates(SOURCE, feedback) == [Ignored("event that is no request or answer")]


def test_two_requests_are_no_pair() -> None:
    assert SOURCE.join(ASKED, ASKED) is None
    assert SOURCE.join(ASKED, ANSWERED) == Pair(ASKED, ANSWERED)


def test_a_binary_body_is_kept() -> None:
    event = {key: item for key, item in ASKED.items() if key != "data"} | {
        "data_base64": base64.b64encode(b"\xff").decode()
    }
    assert request_of(SOURCE, exact(event))["input_state"] == "complete"
