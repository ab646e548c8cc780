"""Filters of keys: no key that a file holds is ever missed, and the file is read as any other."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.engines.duckdb import Engine
from governance.identities.key_filters import BLOCK_BYTES, block_of, filter_of, may_hold
from governance.identities.keys import key_of
from governance.storage.segments import KEY_FILTER
from tests.logbooks import MAPPING, logbook

KEYS = st.integers(0, (1 << 64) - 1)


def may_be_in(made: bytes, key: int) -> bool:
    start = block_of(key, len(made))
    return may_hold(made[start : start + BLOCK_BYTES], key)


@given(st.lists(KEYS | st.sampled_from([0, (1 << 64) - 1, 1 << 32]), min_size=1, max_size=200))
def test_every_key_is_held(keys: list[int]) -> None:
    made = filter_of(np.array(sorted(keys), np.uint64))
    assert len(made) % BLOCK_BYTES == 0
    assert all(may_be_in(made, key) for key in keys)


def test_of_a_thousand_others_few_are_taken_for_held() -> None:
    made = filter_of(np.sort(np.array([key_of(f"held {number}") for number in range(20_000)], np.uint64)))
    wrong = sum(may_be_in(made, key_of(f"other {number}")) for number in range(20_000))
    assert 20 < wrong < 160  # 80 are expected; none at all would be a filter of something else
    assert len(made) == pytest.approx(20_000 * 1.5, rel=0.01)


def test_what_is_cut_short_tells_nothing() -> None:
    assert may_hold(b"", 7)
    assert may_hold(bytes(BLOCK_BYTES - 1), 7)
    assert not may_hold(bytes(BLOCK_BYTES), 7)


def test_it_lies_between_the_rows_and_the_footer_of_each_index(tmp_path: Path) -> None:
    book = logbook(tmp_path)
    line = {"id": "r1", "at": "2026-07-01T00:00:00Z", "score": 0.5, "decision": "yes"}
    book.read("log.jsonl", "".join(json.dumps(line | {"id": f"r{number}"}) + "\n" for number in range(3000)), MAPPING)
    reviews = "source: s\ntable: reviews\ncolumns: {request_id: id, requested_ts: at, outcome: o}\n"
    book.read("side.csv", "id,at,o\nr1,2026-08-01T00:00:00Z,good\n", reviews)
    for table in ("index", "side-index"):
        (segment,) = book.snapshot.segments[table]
        path = book.snapshot.path(segment)
        keys = pq.read_table(path).column("key").to_pylist()
        assert segment.key_filter is not None
        at, size = segment.key_filter
        made = path.read_bytes()[at : at + size]
        assert made == filter_of(np.array(keys, np.uint64))
        with Engine() as engine:
            assert [row[0] for row in engine.rows(f"SELECT key FROM read_parquet('{path}')")] == keys
    entries = [file.facts for entry in book.snapshot.entries for file in entry.files]
    assert sum(KEY_FILTER in facts for facts in entries) == 2
    assert book.verifies()
