"""Keys of ids: one by one and by the column they are the same, and they are spread."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from governance.identities.keys import key_of, keys_of, order_of

TEXTS = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=40))


@given(TEXTS, st.integers(0, 3))
def test_a_column_has_the_keys_of_its_texts(texts: list[str], skipped: int) -> None:
    column = pa.array(texts, pa.string()).slice(skipped)
    assert keys_of(column).tolist() == [key_of(text) for text in texts[skipped:]]


def test_keys_are_what_stores_hold_already() -> None:
    """A changed function would find nothing in a store that was written before."""
    assert [key_of(text) for text in ("", "a", "chatcmpl-123456789", "12345678")] == [
        17665956581633026203,
        14207751051340994894,
        277062591503052776,
        6837973656582566846,
    ]


def test_lengths_and_positions_count() -> None:
    texts = ["", "\0", "\0\0", "a", "a\0", "12345678", "1234567812345678", "87654321", "123456781", "é", "e"]
    assert len(set(keys_of(pa.array(texts)).tolist())) == len(texts)


def test_numbered_ids_do_not_collide() -> None:
    texts = [f"req-{number}" for number in range(200_000)]
    assert len(set(keys_of(pa.array(texts)).tolist())) == len(texts)


@given(st.lists(st.integers(0, 2**64 - 1) | st.integers(0, 3) | st.integers(2**63, 2**63 + 3)))
def test_the_order_is_that_of_a_stable_sort(keys: list[int]) -> None:
    """Keys that share their first bits among them, and keys that are equal."""
    found = np.array(keys, np.uint64)
    assert order_of(found).tolist() == np.argsort(found, kind="stable").tolist()


def test_many_keys_are_ordered_too() -> None:
    drawn = np.random.default_rng(1).integers(0, 2**64, 100_000, np.uint64)
    drawn[::7] = drawn[0]
    assert np.array_equal(order_of(drawn), np.argsort(drawn, kind="stable"))
