"""What the ledger writes down has one spelling, and bytes of any other form are refused in words."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.proof.entries import Entry, Pending, canonical, entry_bytes, is_canonical

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


@given(JSON_VALUES)
def test_canonical_has_one_spelling(value: Any) -> None:
    raw = canonical(value)
    assert json.loads(raw) == value
    assert is_canonical(raw)
    for other in (raw + b" ", b" " + raw, json.dumps(value, indent=1).encode()):
        assert not is_canonical(other) or other == raw


@pytest.mark.parametrize(
    "raw", [b'{"a":1,"a":1}', b'{"b":1,"a":1}', b'"\\u0041"', b"1.0", b"1e3", b"NaN", b'"\\ud800"']
)
def test_other_spellings(raw: bytes) -> None:
    assert not is_canonical(raw)


ENTRY: dict[str, Any] = {
    "at": "2026-07-01T12:00:00.000000Z",
    "facts": {},
    "files": [],
    "kind": "x",
    "number": 1,
    "prev": "0" * 64,
}
FILE: dict[str, Any] = {"bytes": 0, "facts": {}, "path": "a/b", "sha256": "0" * 64}


def test_an_entry_is_read_as_it_was_written() -> None:
    raw = canonical(ENTRY | {"files": [FILE]})
    entry = Entry.from_bytes(raw)
    again = entry_bytes(
        number=entry.number, kind=entry.kind, at=entry.at, facts=entry.facts, files=entry.files, prev=entry.prev
    )
    assert (again, entry.raw) == (raw, raw)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"number": -1}, "number"),
        ({"number": True}, "number"),
        ({"number": "1"}, "number"),
        ({"kind": 1}, "kind"),
        ({"at": "2026-07-01T12:00:00Z"}, "time"),
        ({"at": "2026-02-30T12:00:00.000000Z"}, "day"),
        ({"prev": "0" * 63}, "prev"),
        ({"facts": []}, "facts"),
        ({"files": {}}, "files"),
        ({"files": [FILE | {"path": "../b"}]}, "path"),
        ({"files": [FILE | {"sha256": "x"}]}, "digest"),
        ({"files": [FILE | {"bytes": -1}]}, "size"),
        ({"files": [FILE | {"more": 1}]}, "exactly bytes, facts, path, sha256"),
        ({"more": 1}, "exactly at, facts, files, kind, number, prev"),
    ],
)
def test_entries_of_another_form(change: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        Entry.from_bytes(json.dumps(ENTRY | change).encode())


def pending(**change: Any) -> bytes:
    entry = canonical(ENTRY | {"files": [FILE]}).decode()
    return canonical({"checkpoint": "note", "entry": entry, "staged": ["a/.tmp-b"]} | change)


def test_a_pending_write_is_read_as_it_was_written() -> None:
    raw = pending()
    assert Pending.from_bytes(raw).raw() == raw


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (pending(checkpoint=1), "spelled"),
        (pending() + b"\n", "spelled"),
        (pending(entry=json.dumps(ENTRY | {"files": [FILE]})), "another spelling"),
        (pending(staged=[]), "another spelling"),
        (pending(staged={}), "another spelling"),
        (pending(staged=["a/b"]), "outside"),
        (pending(staged=["../.tmp-b"]), "outside"),
        (pending(staged=[1]), "outside"),
    ],
)
def test_pending_writes_of_another_form(raw: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        Pending.from_bytes(raw)
