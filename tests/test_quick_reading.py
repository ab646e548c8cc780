"""The quick readers of lines give what the strict parser gives, record by record, whatever a line holds."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance.engines.duckdb import Engine
from governance.mapped import lines as subject
from governance.mapped.chunks import Chunk, RecordChunk
from governance.mapped.lines import LinesChunk, LinesReader
from governance.mapped.rows import rows_chunk
from governance.records import csv_records, json_lines, layout_of, open_log
from governance.records.streams import lines
from governance.records.stretches import Stretch, stretches

CELLS = {"a": "t0", "b": "t1", "c.d": "t2"}
PLAIN = json.dumps({"a": "x", "b": 1})
ODD = [
    '{"a":1.50,"b":-0.0}',
    '{"a":1e3,"b":1E+5}',
    '{"a":1e-7,"b":123456789012345678}',
    '{"a":12345678901234567890123,"b":18446744073709551616}',
    '{"a":true,"b":null}',
    '{"a":null,"a":1}',
    '{"a":1,"a":2}',
    '{"a" :1,"a":2}',
    '{"a":"x","a":"y","b":"\\u0022:"}',
    '{"a":"x","a":"y","b":"\\":n"}',
    '{"a":"x","a":"y","b":":n"}',
    '{"a":1,}',
    '{"a":[1,],"b":2}',
    '{"a":[1 , 2],"b":[]}',
    '{ "a" : 1 , "b" : "x" }',
    '{"a":"say \\"b\\":1","b":"{"}',
    '{"a":"}","b":"[[["}',
    '{"a":{"c":1},"b":{"a":1,"a":2}}',
    '{"c":{"d":5},"a":1}',
    '{"c.d":6,"a":1}',
    '{"new":1,"a":2}',
    '{"A":1,"a":2}',
    '{"a":"x\\u0000y"}',
    '{"a":"\\ud800"}',
    '{"a":"é\\u00e9"}',
    '{"a":"tab\\t","b":"\\\\"}',
    '{"a":"raw\ttab"}',
    '{"a":NaN,"b":-Infinity}',
    "[1]",
    "5",
    "null",
    "{}",
    "",
    "   ",
    "not json",
    '{"a":1} x',
    '{"a":1}{"b":2}',
    '{"a":"x"',
    '{"a":01}',
    "{'a':1}",
    '{"a":' + "[" * 70 + "]" * 70 + "}",
    '{"a":""}',
    '{"a":"NA"}',
]


@contextmanager
def read(content: bytes) -> Iterator[tuple[Stretch, Engine]]:
    parts = stretches([content], 10_000)
    with Engine() as engine:
        for part in parts:
            assert isinstance(part, Stretch)
            yield part, engine
            return


def told(chunk: Chunk, engine: Engine, *, has_ids: bool = True) -> tuple[Any, ...]:
    texts = chunk.texts(engine, CELLS, ("", "NA"), None if has_ids else Counter()) if chunk.readable else None
    rows = [] if texts is None else texts.sort_by("row_no").to_pylist()
    rejected = [(item.number, item.offset, item.raw, item.reason, item.row_no) for item in chunk.rejected]
    return chunk.records, rows, sorted(rejected)


def plain(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """NaN and Infinity are written in two ways, which mean the same."""
    return [
        {name: cell.lower().replace("inity", "") if isinstance(cell, str) else cell for name, cell in row.items()}
        for row in rows
    ]


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.sampled_from(ODD), min_size=1, max_size=6),
    st.integers(0, 40),
    st.randoms(use_true_random=False),
    st.booleans(),
    st.booleans(),
)
def test_lines_of_json(odd: list[str], usual: int, dice: Any, ends: bool, has_ids: bool) -> None:
    texts = [*odd, *[PLAIN] * usual]
    dice.shuffle(texts)
    content = ("\n".join(texts) + "\n" * ends).encode()
    if not content.strip():
        return
    with read(content) as (stretch, engine):
        quick = told(LinesReader(engine, {"b"}).chunk(stretch, 7), engine, has_ids=has_ids)
        strict = told(RecordChunk(list(json_lines(lines([content]))), 7, is_by_bytes=True), engine, has_ids=has_ids)
    assert quick[0] == strict[0]
    assert plain(quick[1]) == plain(strict[1])
    assert quick[2] == strict[2]


@pytest.mark.parametrize("odd", ODD)
def test_one_odd_line_among_many(odd: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read quickly for sure, so that the line is among those that the engine saw."""
    monkeypatch.setattr(subject, "_SAMPLED", 3)
    content = "\n".join([*[PLAIN] * 20, odd, *[PLAIN] * 20, ""]).encode()
    with read(content) as (stretch, engine):
        chunk = LinesReader(engine, {"b"}).chunk(stretch, 0)
        assert isinstance(chunk, LinesChunk)
        quick = told(chunk, engine)
        strict = told(RecordChunk(list(json_lines(lines([content]))), 0, is_by_bytes=True), engine)
    assert (quick[0], plain(quick[1]), quick[2]) == (strict[0], plain(strict[1]), strict[2])


ROWS = ["x,1", "y,2", ",", "x", "x,1,2", "", "  ", " x , 1 ", "é,€", "x,NA", "x,1\r", "a\tb,c", "x,'1'"]


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.sampled_from(ROWS), min_size=1, max_size=6), st.integers(0, 30), st.booleans(), st.sampled_from(",;|")
)
def test_rows_of_csv(tmp_path_factory: pytest.TempPathFactory, odd: list[str], usual: int, ends: bool, by: str) -> None:
    content = ("\n".join(["a,b", "u,1", *odd, *["v,2"] * usual]).replace(",", by) + "\n" * ends).encode()
    path = tmp_path_factory.mktemp("rows") / "log.csv"
    path.write_bytes(content)
    layout = layout_of(open_log(path))
    assert layout is not None
    with read(content) as (stretch, engine):
        chunk = rows_chunk(stretch, layout, 3, has_header=True)
        strict = told(RecordChunk(list(csv_records(lines([content]), "log.csv")), 3), engine)
        if chunk is not None:
            assert told(chunk, engine) == strict
        elif b"\r" not in content:
            assert len(strict[2]) > 0.3 * strict[0]  # nothing else is left to the parser


@pytest.mark.parametrize("content", ['a,b\n"x",1\n', "a,b\nx,1\0\n", "a,b\nx\ry,1\n", "a\tb\nx\t1\n", "a\nx\n"])
def test_rows_that_only_the_parser_reads(tmp_path: Path, content: str) -> None:
    path = tmp_path / "log.csv"
    path.write_bytes(content.encode())
    layout = layout_of(open_log(path))
    assert layout is not None
    with read(content.encode()) as (stretch, _):
        assert rows_chunk(stretch, layout, 0, has_header=True) is None
