"""Stretches: together they are the file, cut at line ends, in the same places each time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.records import stretches as subject
from governance.records.streams import CutShortError
from governance.records.stretches import Rest, Stretch, stretches

CONTENT = st.lists(st.sampled_from([b"a", b"\n", b"bc\n", b"\n\n", b"0123456789"]), max_size=60).map(b"".join)


def blocks(content: bytes, size: int, *, is_broken: bool = False) -> Iterator[bytes]:
    yield from (content[start : start + size] for start in range(0, len(content), size))
    if is_broken:
        raise CutShortError("truncated", "it breaks off")


def read(found: Iterator[bytes], records: int) -> list[tuple[int, int, bytes]]:
    parts = []
    for part in stretches(lambda _: found, records):
        if isinstance(part, Stretch):
            with part.sealed() as path:
                assert Path(path).read_bytes() == part.data.tobytes()
            ends = part.ends.tolist()
            content = [part.line(start, end) for start, end in zip([0, *ends[:-1]], ends, strict=True)]
            assert b"".join(content) == part.data.tobytes()
            assert len(content) <= records
            parts.append((part.number, part.offset, part.data.tobytes()))
        else:
            parts += [(line.number - 1, line.offset, line.raw) for line in part.found]
    return parts


@given(CONTENT, st.integers(1, 7), st.integers(1, 5), st.integers(4, 40), st.booleans())
def test_they_are_the_file(content: bytes, size: int, records: int, capacity: int, is_broken: bool) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(subject, "STRETCH_BYTES", capacity)
        parts = read(blocks(content, size, is_broken=is_broken), records)
        again = read(blocks(content, size, is_broken=is_broken), records)
    assert b"".join(raw for _, _, raw in parts) == content
    assert parts == again
    lines = offset = 0
    for number, at, raw in parts:
        assert (number, at) == (lines, offset)
        lines, offset = lines + raw.count(b"\n"), offset + len(raw)


def test_a_line_that_no_stretch_can_hold_is_left_to_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "STRETCH_BYTES", 8)
    first, rest = stretches(lambda _: blocks(b"ab\n" + b"c" * 100 + b"\nd\n", 3), 10)
    assert isinstance(first, Stretch)
    assert isinstance(rest, Rest)
    assert [line.raw for line in rest.found] == [b"c" * 100 + b"\n", b"d\n"]


def test_where_a_file_breaks_off_there_is_a_broken_line() -> None:
    first, rest = stretches(lambda _: blocks(b"ab\ncd", 2, is_broken=True), 10)
    assert isinstance(first, Stretch)
    assert isinstance(rest, Rest)
    (line,) = rest.found
    assert (line.number, line.offset, line.raw, line.reason) == (2, 3, b"cd", "truncated")
