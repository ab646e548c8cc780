"""The quick readers of lines give what the strict parser gives, record by record, whatever a line holds."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance import batches
from governance.engines.duckdb import Engine
from governance.mapped import lines as subject
from governance.mapped import quotes, reading
from governance.mapped import rows as rows_of_csv
from governance.mapped.chunks import Chunk, RecordChunk
from governance.mapped.lines import LinesChunk, LinesReader
from governance.mapped.reading import chunks_of
from governance.records import json_lines, open_log, streams
from governance.records import stretches as cutting
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


ROWS = ["x,1", "y,2", ",", "x", "x,1,2", "", "  ", " x , 1 ", "é,€", "x,NA", "x,1\r", "a\tb,c", "x,'1'", "\x0b", "\r\r"]
QUOTED = [
    '"x",1',
    '"x,y","1"',
    '"two\nlines",1',
    '"two\r\nlines","and, more\n\n"',
    '"say ""yes""",""',
    '"",""',
    '""""',
    '"""","\n"',
    'five",1',
    'five" by five",1',
    '"five" by five,1',
    '"x" ,1',
    ' "x",1',
    '"never closed,1',
    '"closed later,1\nx,"',
    'x,"',
    '"x",1,"2"',
    '"one\n',
    "lone\rreturn,1",
    '"return\rinside",1',
    "nul\0,1",
    '"nul\0",1',
    '"é\n€",1',
    '"",',
    '""',
    "x,1\r",
    '"x"\r',
    '"x",1\r',
    "\udcff,1",
    '"\udcff",1',
    "back\\slash\x01\x7f,😀",
]


HEADERS = [("a,b", ","), ("a;b", ";"), ('"a"|"b"', "|"), ("a\tb", "\t"), ('"a\n\nb",é', ","), ("\ufeffa,b", ",")]


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with Engine() as made:
        yield made


def chunked(path: Path, engine: Engine, *, has_ids: bool) -> tuple[int, list[Any], list[Any], list[Any]]:
    """Records, texts, rejected ones and where the readable ones stand, of a whole file."""
    count = 0
    rows: list[Any] = []
    rejected: list[Any] = []
    origins: list[Any] = []
    seen: Counter[str] | None = None if has_ids else Counter()
    cells = CELLS | {"é": "t3"}
    for chunk in chunks_of(open_log(path), engine, {"b"}):
        texts = chunk.texts(engine, cells, ("", "NA"), seen).sort_by("row_no").to_pylist() if chunk.readable else []
        found = chunk.sources(engine, [row["row_no"] for row in texts]) if texts else {}
        rows += texts
        origins += [(number, *found[number]) for number in sorted(found)]
        rejected += [
            (item.number, item.offset, item.raw, item.reason, item.detail, item.row_no) for item in chunk.rejected
        ]
        count += chunk.records
    return count, rows, sorted(rejected), origins


def strictly(path: Path, engine: Engine, *, has_ids: bool) -> tuple[int, list[Any], list[Any], list[Any]]:
    """The same by the strict parser alone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading, "rows_chunk", lambda *_, **__: None)
        return chunked(path, engine, has_ids=has_ids)


def same(path: Path, engine: Engine, *, has_ids: bool, records: int = 10_000, size: int = 1 << 20) -> None:
    """Whether both ways give the same, however the file is cut."""
    with pytest.MonkeyPatch.context() as patch:
        strict = strictly(path, engine, has_ids=has_ids)
        patch.setattr(batches, "BATCH_RECORDS", records)
        patch.setattr(cutting, "STRETCH_BYTES", size)
        patch.setattr(cutting, "BLOCK", size)
        patch.setattr(streams, "BLOCK", size)
        patch.setattr(rows_of_csv, "_LONGEST", 30)
        patch.setattr(quotes, "_LEAST", 16)
        patch.setattr(quotes, "_BLOCK", 64)
        assert chunked(path, engine, has_ids=has_ids) == strict


@settings(deadline=None, max_examples=120)
@given(
    st.lists(st.sampled_from([*ROWS, *QUOTED]), min_size=1, max_size=6),
    st.lists(st.sampled_from(["x,1", '"y, or ""z""",2', '"line\nbreak",3', '"é",4']), max_size=40),
    st.sampled_from(HEADERS),
    st.randoms(use_true_random=False),
    st.booleans(),
    st.booleans(),
    st.sampled_from([(10_000, 1 << 20), (7, 1 << 20), (10_000, 64), (3, 200)]),
)
def test_rows_of_csv(
    tmp_path_factory: pytest.TempPathFactory,
    engine: Engine,
    odd: list[str],
    usual: list[str],
    header: tuple[str, str],
    dice: Any,
    ends: bool,
    has_ids: bool,
    cut: tuple[int, int],
) -> None:
    names, by = header
    rows = [*odd, *usual]
    dice.shuffle(rows)
    content = "\n".join([names, *(row.replace(",", by) for row in rows)]) + "\n" * ends
    path = tmp_path_factory.mktemp("rows") / "log.csv"
    path.write_bytes(content.encode("utf-8", "surrogateescape"))
    same(path, engine, has_ids=has_ids, records=cut[0], size=cut[1])


@settings(deadline=None, max_examples=100)
@given(
    st.lists(st.lists(st.text(st.sampled_from('ab ,"\n\ré€\\\t\0'), max_size=5), min_size=2, max_size=2), max_size=30),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    st.integers(2, 80),
)
def test_tables_as_they_are_written(
    tmp_path_factory: pytest.TempPathFactory, engine: Engine, rows: list[list[str]], quoting: Any, size: int
) -> None:
    path = tmp_path_factory.mktemp("rows") / "log.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, quoting=quoting, lineterminator="\n").writerows([["a", "b"], *rows])
    same(path, engine, has_ids=False, size=size)


@given(st.text(st.sampled_from('a,"\n\r é'), max_size=40), st.integers(1, 3))
@settings(deadline=None, max_examples=150)
def test_any_characters(tmp_path_factory: pytest.TempPathFactory, engine: Engine, text: str, width: int) -> None:
    path = tmp_path_factory.mktemp("rows") / "log.csv"
    path.write_text(",".join("abc"[:width]) + "\n" + text, newline="")
    same(path, engine, has_ids=False, size=64)


@pytest.mark.parametrize("odd", [*ROWS, *QUOTED])
def test_one_odd_row_among_many(odd: str, tmp_path: Path, engine: Engine) -> None:
    """Read quickly for sure."""
    path = tmp_path / "log.csv"
    usual = ["x,1", '"y, or ""z""",2', '"line\nbreak",3'] * 10
    content = "\n".join(["a,b", *usual, odd, *usual, ""])
    path.write_bytes(content.encode("utf-8", "surrogateescape"))
    assert all(isinstance(chunk, LinesChunk) for chunk in chunks_of(open_log(path), engine, set()))
    same(path, engine, has_ids=False)
