"""What a run knows of the keys in a store: nothing that is there goes unasked, and the index is not read in vain."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.identities import bloom, known_keys
from governance.identities.bloom import BloomFilter
from tests.logbooks import Logbook, logbook

MAPPING = "source: t\ncolumns: {request_id: id, start_ts: {constant: 2026-07-01T00:00:00Z}, user_id: u}\n"


@given(st.lists(st.integers(0, 2**64 - 1)), st.lists(st.integers(0, 2**64 - 1)))
def test_what_was_added_is_always_known(first: list[int], second: list[int]) -> None:
    """Keys of one word among them: of equal places only one is written at once."""
    known = BloomFilter()
    crowded = [key >> 40 << 40 for key in second]
    for part in (first, second, crowded):
        known.add(np.array(part, np.uint64))
    assert known.may_hold(np.array([*first, *second, *crowded], np.uint64)).all()


def test_hardly_anything_else_is_known() -> None:
    drawn = np.random.default_rng(1).integers(0, 2**64, (2, 1_000_000), np.uint64)
    known = BloomFilter()
    known.add(drawn[0])
    assert known.may_hold(drawn[1]).sum() < 10


@pytest.fixture
def book(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Logbook:
    monkeypatch.setattr("governance.batches.BATCH_RECORDS", 3)
    return logbook(tmp_path)


def lines(*ids: str, user: str = "a") -> str:
    return "".join(f'{{"id": "{name}", "u": "{user}"}}\n' for name in ids)


def test_repeats_of_other_batches_are_found(book: Logbook) -> None:
    report = book.read("a.jsonl", lines("a", "b", "c", "a", "d", "e", "f", "b", "a"), MAPPING)
    assert (report.stored, report.duplicates, report.conflicts) == (6, 3, 0)


def test_repeats_of_the_store_are_found_in_every_batch(book: Logbook) -> None:
    """The first batch asks the index, the second fills the filter from it."""
    book.read("a.jsonl", lines(*"abcdefghi"), MAPPING)
    report = book.read("b.jsonl", lines(*"1a2") + lines(*"3b4", user="other") + lines(*"5c6") + lines(*"1b5"), MAPPING)
    assert (report.stored, report.duplicates, report.conflicts) == (7, 5, 1)
    assert book.verifies()


def test_the_index_is_read_for_what_may_be_there_alone(book: Logbook, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    stored = known_keys._stored

    def counted(*given: Any) -> Any:
        asked.append(len(given[3]) if given[2] else 0)  # keys, where there are files
        return stored(*given)

    monkeypatch.setattr(known_keys, "_stored", counted)
    book.read("a.jsonl", lines(*"abcdefghi"), MAPPING)
    assert asked == [0, 0, 0]
    asked.clear()
    book.read("b.jsonl", lines(*"123", *"45a", *"678"), MAPPING)
    assert asked == [3, 1, 0]


def test_compiled_or_not_the_filter_has_the_same_bits() -> None:
    from governance.compiled import filters  # its import is what makes the filter use it

    keys = np.random.default_rng(4).integers(0, 1 << 63, 50_000).astype(np.uint64) << np.uint64(1)
    asked = np.concatenate((keys[:100], np.arange(1_000, dtype=np.uint64) << np.uint64(44)))
    made = []
    for is_loaded in (True, False):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(bloom, "is_loaded", lambda is_loaded=is_loaded: is_loaded)
            known = BloomFilter()
            known.add(keys)
            known.add(keys[:7])
            made.append((known._words, known.may_hold(asked)))
    assert (made[0][0] == made[1][0]).all()
    assert (made[0][1] == made[1][1]).all()
    assert made[0][1][:100].all()
    assert filters.add_keys is not None
