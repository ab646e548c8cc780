"""Records that came twice word for word are told as by their fingerprints."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance.identities import deduplication
from governance.identities.repeats import Repeats, repeats
from tests.logbooks import logbook

MAPPING = """\
source: desk
columns: {request_id: id, start_ts: at, model: model, decision: decision, score: score, finish_reasons: ends}
features: [debt, owner]
"""
LINES = st.lists(
    st.tuples(st.sampled_from("abc"), st.sampled_from([0.5, 0.25]), st.sampled_from(["yes", "no"]), st.integers(0, 1)),
    min_size=1,
    max_size=12,
)


def table(**columns: Any) -> pa.Table:
    rows = len(columns["request_uid"])
    return pa.table({"row_no": pa.array(range(1, rows + 1), pa.int64()), **columns})


@pytest.mark.parametrize(
    ("column", "same"),
    [
        (pa.array([0.0, -0.0]), False),
        (pa.array([float("nan")] * 2), True),
        (pa.array([None, 1.0]), False),
        (pa.array([None, "x"]), False),
        (pa.array(["x", "x"]).dictionary_encode(), True),
        (pa.array(["x", None]).dictionary_encode(), False),
        (pa.array([["a"], ["a"]]), True),
        (pa.array([["a"], ["a", "b"]]), False),
        (pa.array([[("k", "v")], [("k", "w")]], pa.map_(pa.string(), pa.string())), False),
    ],
)
def test_each_kind_of_column(column: pa.Array, same: bool) -> None:
    found = repeats([table(request_uid=["u", "u"], value=column)], np.arange(2), {"row_no"})
    assert (found.numbers.tolist(), found.left.tolist()) == (([2], []) if same else ([], [0, 1]))


def test_tables_in_another_order_are_left() -> None:
    first = table(request_uid=["u", "u"])
    found = repeats([first, first.take([1, 0])], np.arange(2), {"row_no"})
    assert (found.numbers.tolist(), found.left.tolist()) == ([], [0, 1])


@settings(deadline=None, max_examples=25)
@given(LINES)
def test_the_same_is_stored_either_way(tmp_path_factory: pytest.TempPathFactory, lines: list[Any]) -> None:
    names = ("id", "score", "decision", "debt")
    rows = [
        dict(zip(names, line, strict=True)) | {"at": "2026-07-01T10:00:00Z", "model": "m", "ends": "stop", "owner": "o"}
        for line in lines
    ]
    text = "".join(json.dumps(row) + "\n" for row in rows)
    assert told(tmp_path_factory.mktemp("quick"), text) == slowly(tmp_path_factory.mktemp("slow"), text)


def told(folder: Path, text: str) -> Any:
    book = logbook(folder)
    counts = book.read("log.jsonl", text, MAPPING).counts()
    return counts, book.values("SELECT row_no FROM requests ORDER BY row_no")


def slowly(folder: Path, text: str) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(deduplication, "repeats", lambda _, places, __: Repeats(np.empty(0, np.int64), places))
        return told(folder, text)
