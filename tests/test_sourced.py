"""Records -> batches: inputs of decisions, halves that are joined, and a balance that always holds."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar

from governance import batches
from governance.batches import Batch
from governance.input_types import DOUBLE, Types
from governance.records import Record
from governance.sourced import JOINED, source_batches
from governance.sources import Halved, Ignored, InputRow, Rows, UnreadableError

if TYPE_CHECKING:
    import pytest

AT = datetime(2026, 7, 1, tzinfo=UTC)


class Calls(Halved):
    """A made format: `{"id", "ask" | "answer", "inputs"}`, an ask and its answer joined by their id."""

    name: ClassVar[str] = "calls"
    title: ClassVar[str] = "made"
    fills: ClassVar[tuple[str, ...]] = ()
    verified: ClassVar[str] = "made"

    def recognises(self, value: Mapping[str, Any]) -> bool:
        return "id" in value

    def key(self, record: Any) -> str | None:
        key: str | None = record.get("id")
        return key

    def join(self, first: Any, second: Any) -> Any | None:
        return {**first, **second} if ("ask" in first) != ("ask" in second) else None

    def kept(self, record: Any) -> str | None:
        return json.dumps(record)

    def recalled(self, kept: str) -> Any:
        return json.loads(kept)

    def rows(self, record: Any) -> Rows | Ignored:
        if record.get("ask") == "noise":
            return Ignored("noise")
        if record.get("ask") == "bad":
            raise UnreadableError("missing_value", "bad")
        uid = f"calls:{record.get('id')}"
        row = {"request_uid": uid, "source": "calls", "id_origin": "native", "operation": "predict", "start_ts": AT}
        row |= {"status": "ok" if "ask" in record and "answer" in record else "incomplete", "n_decisions": 1}
        row |= {"input_state": "absent", "output_state": "absent", "quality_flags": []}
        outcome = {"outcome_id": uid, "target_id": uid, "name": "truth", "value": "1"}
        inputs = InputRow(f"{uid}#0", AT, "1", record["inputs"]) if "inputs" in record else None
        return Rows({"requests": [row], "outcomes": [outcome]}, {"m": [inputs]} if inputs else {})


def read(*values: dict[str, Any], known: Types | None = None) -> list[Batch]:
    records = [Record(number, None, str(value).encode(), value) for number, value in enumerate(values, 1)]
    found = list(source_batches(records, Calls(), known, AT))
    for batch in found:
        stored = {number for table in batch.tables.values() for number in table.column("row_no").to_pylist()}
        assert batch.records == len(stored) + len(batch.rejected) + batch.ignored.total()
    assert sum(batch.records for batch in found) == len(values)
    return found


def column(batch: Batch, table: str, name: str) -> list[Any]:
    values: list[Any] = batch.tables[table].column(name).to_pylist()
    return values


def test_two_halves_are_one_request() -> None:
    (batch,) = read({"id": "a", "ask": 1}, {"id": "b", "ask": 1}, {"id": "b", "answer": 1}, {"id": "a", "answer": 1})
    assert column(batch, "requests", "request_uid") == ["calls:b", "calls:a"]
    assert column(batch, "requests", "status") == ["ok", "ok"]
    assert column(batch, "requests", "row_no") == [2, 1]
    assert batch.ignored == {JOINED: 2}


def test_a_half_alone_is_read_when_the_file_ends() -> None:
    first, rest = read({"id": "a", "ask": 1}, {"ask": 2})
    assert (first.records, rest.records) == (1, 1)
    assert column(rest, "requests", "status") == ["incomplete"]
    assert column(rest, "requests", "row_no") == [1]


def test_the_same_half_twice_is_two_records() -> None:
    first, rest = read({"id": "a", "ask": 1}, {"id": "a", "ask": 2})
    assert (first.records, rest.records) == (1, 1)


def test_both_halves_of_what_cannot_be_read_are_kept() -> None:
    (batch,) = read({"id": "a", "ask": "bad"}, {"id": "a", "answer": 1})
    assert [(rejection.number, rejection.reason) for rejection in batch.rejected] == [
        (1, "missing_value"),
        (2, "missing_value"),
    ]
    assert not batch.tables


def test_both_halves_of_noise_are_ignored() -> None:
    (batch,) = read({"id": "a", "ask": "noise"}, {"id": "a", "answer": 1})
    assert batch.ignored == {"noise": 2}


def test_halves_too_far_apart_are_read_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "BATCH_RECORDS", 2)
    asks = [{"id": name, "ask": 1} for name in "abcd"]
    found = read(*asks, {"id": "a", "answer": 1}, {"id": "d", "answer": 1})
    statuses = {
        uid: status
        for batch in found
        if batch.tables
        for uid, status in zip(
            column(batch, "requests", "request_uid"), column(batch, "requests", "status"), strict=True
        )
    }
    assert statuses["calls:d"] == "ok"
    assert statuses["calls:b"] == "incomplete"


class TestInputs:
    def test_they_are_typed_beside_the_tables(self) -> None:
        (batch,) = read(
            {"inputs": {"age": 40}}, {"inputs": {"age": "NaN", "name": "x"}}, {"inputs": {"age": None, "name": ""}}
        )
        (inputs,) = batch.features
        assert inputs.model == "m"
        assert inputs.rows.column("age").to_pylist() == [40.0, None, None]
        assert inputs.rows.column("name").to_pylist() == [None, "x", None]
        assert batch.types == {"m": {"1": {"age": DOUBLE, "name": "VARCHAR"}}}
        assert column(batch, "requests", "quality_flags") == [[], ["nonfinite"], []]

    def test_a_value_that_does_not_fit_sends_its_record_to_quarantine(self) -> None:
        (batch,) = read({"inputs": {"age": "old"}}, {"inputs": {"age": 1}}, known={"m": {"1": {"age": DOUBLE}}})
        (rejection,) = batch.rejected
        assert (rejection.number, rejection.reason, rejection.raw) == (
            1,
            "type_mismatch",
            b"{'inputs': {'age': 'old'}}",
        )
        assert column(batch, "requests", "row_no") == [2]
        assert [inputs.rows.num_rows for inputs in batch.features] == [1]

    def test_so_do_both_halves_of_a_pair(self) -> None:
        halves: Iterable[dict[str, Any]] = ({"id": "a", "ask": 1}, {"id": "a", "answer": 1, "inputs": {"age": "old"}})
        (batch,) = read(*halves, known={"m": {"1": {"age": DOUBLE}}})
        assert [rejection.number for rejection in batch.rejected] == [1, 2]
        assert batch.ignored == {}


def test_an_outcome_that_does_not_say_when_it_became_known_is_known_when_it_is_read() -> None:
    (batch,) = read({"ask": 1})
    assert column(batch, "outcomes", "known_ts") == [AT]
