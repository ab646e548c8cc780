"""Batches that are made while the one before is stored come in their order, and so do errors."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing

import pytest

from governance.batches import Batch, ahead


def test_the_next_batch_is_made_while_one_is_stored() -> None:
    made = threading.Event()

    def batches() -> Iterator[Batch]:
        yield Batch(records=1)
        made.set()
        yield Batch(records=2)

    seen = []
    for batch in ahead(batches()):
        assert made.wait(10)
        seen.append(batch.records)
    assert seen == [1, 2]


def test_an_error_comes_where_its_batch_would() -> None:
    def batches() -> Iterator[Batch]:
        yield Batch(records=1)
        raise ValueError("broken here")

    found = ahead(batches())
    assert next(found).records == 1
    with pytest.raises(ValueError, match="broken here"):
        next(found)


def test_who_stops_early_leaves_nobody_at_work() -> None:
    before = threading.active_count()
    with closing(ahead(Batch(records=number) for number in range(5))) as found:
        assert next(found).records == 0
    assert threading.active_count() == before
