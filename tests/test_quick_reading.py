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
from governance.mapped import alike, numerals, quotes, reading, written
from governance.mapped import lines as subject
from governance.mapped import rows as rows_of_csv
from governance.mapped.chunks import Chunk, RecordChunk
from governance.mapped.lines import LinesChunk, LinesReader
from governance.mapped.reading import chunks_of
from governance.mapped.scans import Wanted
from governance.records import json_lines, open_log, streams
from governance.records import stretches as cutting
from governance.records.streams import lines
from governance.records.stretches import Stretch, stretches

CELLS = {"a": "t0", "b": "t1", "c.d": "t2"}
WANTED = Wanted(frozenset(CELLS), takes_all=False, exact=frozenset("b"))
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
    '{"a":1,"a":null}',
    '{"a":1,"new":null,"new":null}',
    '{"a":null,"b":null}',
    '{"a":null, "a": null}',
    '{"a":inf}',
    '{"a":-NAN,"b":1}',
    '{"a":[nan],"b":1}',
    '{"a":["nan ",NaN],"b":"inf"}',
    '{"a":[1e-7,0.00001,0.0001,-0,-0.0]}',
    '{"a":[0.12345678901234567890,0.1234567890123456,1795163693371734303]}',
    '{"a":[1E5,1e400],"b":[12345678901234567.0]}',
    '{"a":["\\u0001\\u001f\\u007f\\u2028\\/\\b"]}',
    '{"a":[1.50,"x, 1e5"],"b":"1.50"}',
    '{"a":{},"b":{ }}',
    '{"a":"{}","b":"{"}',
    '{"a":[{"c":1,"c":2}]}',
    '{"a":[{}],"b":"[{"}',
    "\x0c",
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


def by_grammar(patch: pytest.MonkeyPatch) -> None:
    """Lines are read by a grammar however small their file is."""
    patch.setattr(subject, "COMPILED_FROM", 0)
    patch.setattr(subject, "COMPILED_FROM_WITH_OBJECTS", 0)


@contextmanager
def read(content: bytes) -> Iterator[tuple[Stretch, Engine]]:
    parts = stretches(lambda _: [content], 10_000)
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
    """NaN and Infinity are written in two ways, which mean the same; whole numbers may stand for their texts."""

    def as_text(cell: Any) -> Any:
        text = str(cell) if type(cell) is int else cell
        return text.lower().replace("inity", "") if isinstance(text, str) else text

    return [{name: as_text(cell) for name, cell in row.items()} for row in rows]


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.sampled_from(ODD), min_size=1, max_size=6),
    st.integers(0, 40),
    st.randoms(use_true_random=False),
    st.booleans(),
    st.booleans(),
    st.sampled_from([-1.0, 1.0]),
)
def test_lines_of_json(odd: list[str], usual: int, dice: Any, ends: bool, has_ids: bool, unlike: float) -> None:
    texts = [*odd, *[PLAIN] * usual]
    dice.shuffle(texts)
    content = ("\n".join(texts) + "\n" * ends).encode()
    if not content.strip():
        return
    with read(content) as (stretch, engine), pytest.MonkeyPatch.context() as patch:
        patch.setattr(subject, "MAX_UNLIKE", unlike)
        by_grammar(patch)
        quick = told(LinesReader(engine, WANTED, len(content)).chunk(stretch, 7), engine, has_ids=has_ids)
        strict = told(RecordChunk(list(json_lines(lines([content]))), 7, is_by_bytes=True), engine, has_ids=has_ids)
    assert quick[0] == strict[0]
    assert plain(quick[1]) == plain(strict[1])
    assert quick[2] == strict[2]


@pytest.mark.parametrize("unlike", [-1.0, 1.0], ids=["engine", "grammar"])
@pytest.mark.parametrize("odd", ODD)
def test_one_odd_line_among_many(odd: str, unlike: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read quickly for sure, so that the line is among those that the engine, or a grammar, saw."""
    monkeypatch.setattr(subject, "_SAMPLED", 3)
    monkeypatch.setattr(subject, "MAX_UNLIKE", unlike)
    by_grammar(monkeypatch)
    content = "\n".join([*[PLAIN] * 20, odd, *[PLAIN] * 20, ""]).encode()
    with read(content) as (stretch, engine):
        chunk = LinesReader(engine, WANTED, len(content)).chunk(stretch, 0)
        assert isinstance(chunk, LinesChunk)
        quick = told(chunk, engine)
        strict = told(RecordChunk(list(json_lines(lines([content]))), 0, is_by_bytes=True), engine)
    assert (quick[0], plain(quick[1]), quick[2]) == (strict[0], plain(strict[1]), strict[2])


def test_lines_with_nothing_that_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    by_grammar(monkeypatch)
    content = b"".join(b'{"x":[{"y":%s}]}\n' % (b"01" if number == 70 else b"%d" % number) for number in range(100))
    with read(content) as (stretch, engine):
        chunk = LinesReader(engine, WANTED, len(content)).chunk(stretch, 0)
        assert isinstance(chunk, LinesChunk)
        quick = told(chunk, engine)
        strict = told(RecordChunk(list(json_lines(lines([content]))), 0, is_by_bytes=True), engine)
    assert quick == strict


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


Told = tuple[int, list[Any], list[Any], list[Any]]


def chunked(path: Path, engine: Engine, *, has_ids: bool, wanted: Wanted = WANTED) -> Told:
    """Records, texts, rejected ones and where the readable ones stand, of a whole file."""
    count = 0
    rows: list[Any] = []
    rejected: list[Any] = []
    origins: list[Any] = []
    seen: Counter[str] | None = None if has_ids else Counter()
    cells = {name: f"t{place}" for place, name in enumerate(sorted(wanted.names | {"é"}))}
    for chunk in chunks_of(open_log(path), engine, wanted):
        texts = chunk.texts(engine, cells, ("", "NA"), seen).sort_by("row_no").to_pylist() if chunk.readable else []
        found = chunk.sources(engine, [row["row_no"] for row in texts]) if texts else {}
        rows += texts
        origins += [(number, *found[number]) for number in sorted(found)]
        rejected += [
            (item.number, item.offset, item.raw, item.reason, item.detail, item.row_no) for item in chunk.rejected
        ]
        count += chunk.records
    return count, rows, sorted(rejected), origins


class StrictReader:
    def __init__(self, *_: object) -> None:
        pass

    def chunk(self, stretch: Stretch, before: int) -> Chunk:
        return RecordChunk(list(json_lines(stretch.given())), before, is_by_bytes=True)


def strictly(path: Path, engine: Engine, *, has_ids: bool, wanted: Wanted) -> Told:
    """The same by the strict parser alone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading, "rows_chunk", lambda *_, **__: None)
        patch.setattr(reading, "LinesReader", StrictReader)
        return chunked(path, engine, has_ids=has_ids, wanted=wanted)


def same(
    path: Path, engine: Engine, *, has_ids: bool, records: int = 10_000, size: int = 1 << 20, wanted: Wanted = WANTED
) -> None:
    """Whether both ways give the same, however the file is cut."""
    with pytest.MonkeyPatch.context() as patch:
        strict = strictly(path, engine, has_ids=has_ids, wanted=wanted)
        patch.setattr(batches, "BATCH_RECORDS", records)
        patch.setattr(cutting, "STRETCH_BYTES", size)
        patch.setattr(cutting, "BLOCK", size)
        patch.setattr(streams, "BLOCK", size)
        patch.setattr(rows_of_csv, "_LONGEST", 30)
        patch.setattr(quotes, "_LEAST", 16)
        patch.setattr(quotes, "_BLOCK", 64)
        patch.setattr(numerals, "_AT_ONCE", 100)
        patch.setattr(alike, "_FEWEST", 3)
        patch.setattr(alike, "_MOST", 3)
        patch.setattr(written, "_MOST_DIFFERENT", 4)
        patch.setattr(written, "_SPARE", 1)
        quick = chunked(path, engine, has_ids=has_ids, wanted=wanted)
    assert quick[0] == strict[0]
    assert plain(quick[1]) == plain(strict[1])
    assert quick[2:] == strict[2:]


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
    assert all(isinstance(chunk, LinesChunk) for chunk in chunks_of(open_log(path), engine, WANTED))
    same(path, engine, has_ids=False)


NESTED = [
    '{"id":1,"f":{"age":3,"sex":"f","deep":{"x":1.50}},"l":[1,2],"m":{}}',
    '{"id":2,"f":{"age":4,"sex":null,"deep":{"x":2}},"l":[],"m":{}}',
    '{ "id": 3, "f": { "sex": "m", "age": 5, "deep": { "x": 0.25 } }, "m": { } }',
    '{"id":4,"f":{"age":6,"deep":null},"l":["a, b"],"e":null}',
]
ODD_NESTED = [
    '{"id":1,"f":{"age":3,"age":4}}',
    '{"id":1,"f":{"age":3},"f":{"sex":"f"}}',
    '{"id":1,"f":{"age":3,"age":null}}',
    '{"id":1,"f":{"age":null,"sex":1},"age":null}',
    '{"id":1,"f":{"age":3,"new":4}}',
    '{"id":1,"f":{"age":3,"new":null,"new":null}}',
    '{"id":1,"f":{"age":3,"deep":{"x":1,"x":2}}}',
    '{"id":1,"f":{"age":{"x":1}}}',
    '{"id":1,"f":{"age":{"x":1,"x":2},"deep":5}}',
    '{"id":1,"f":5}',
    '{"id":1,"f":"{"}',
    '{"id":1,"f":"\\":{"}',
    '{"id":1,"f":"{\\"age\\":3}"}',
    '{"id":5,"f":5,"m":{"x":1,"x":2}}',
    '{"id":1,"f":"text","l":[{"a":1,"a":2}]}',
    '{"id":1,"f":[],"l":{"a":1}}',
    '{"id":1,"f":{},"l":{},"m":{}}',
    '{"id":1,"f":null}',
    '{"id":1,"f.age":7}',
    '{"id":1,"f.age":7,"f":{"age":8}}',
    '{"id":1,"f.age":null,"f":{"age":8}}',
    '{"id":1,"f":{"deep.x":9}}',
    '{"id":1,"f":{"deep":{"x":9}},"f.deep":{"x":10}}',
    '{"id":1,"f":{"Age":3,"age":4}}',
    '{"id":1,"f":{"age":1e-7,"sex":0.12345678901234567890}}',
    '{"id":1,"f":{"age":[0.00001]}}',
    '{"id":1,"f":{"age":3,}}',
    '{"id":1,"f":{"age":3}},',
    '{"id":1,"f":{"age":"{}"},"m":"{"}',
    '{"id":1,"f":{"age":"say \\"sex\\":1"}}',
    '{"id":1,"f":{"age":nan}}',
    '{"id":1,"f":{"age":"\\u0000"}}',
    '{"id":1,"f":{"age":"\\u001f é \\u2028"}}',
    '{"id":1,"f":{"age":"\\ud800"}}',
    '{"id":1,"f":{"age" :1}}',
    '{"id":1,"m":{"x":1}}',
    '{"id":1,"e":{"x":1}}',
    '{"id":1,"f":' + '{"age":' * 70 + "1" + "}" * 71,
    '{"id":1,"f":{"age":3}',
    '{"id":1,"f":{"":3}}',
    '{"id":1,"f":{"é":3,"a\\"b":"\\\\"}}',
    '{"f":{"age":3},"id":-0}',
    "{}",
]
FEW = frozenset({"id", "f.age", "f.deep.x", "l", "m", "e", "nothing.there"})
READINGS = [
    Wanted(FEW, takes_all=False, exact=frozenset({"f.age"})),
    Wanted(FEW | {"f"}, takes_all=False, exact=frozenset()),
    Wanted(FEW | {"f.deep"}, takes_all=False, exact=frozenset()),
]


@settings(deadline=None, max_examples=150)
@given(
    st.lists(st.sampled_from([*ODD_NESTED, *ODD]), max_size=6),
    st.lists(st.sampled_from(NESTED), min_size=1, max_size=40),
    st.randoms(use_true_random=False),
    st.booleans(),
    st.sampled_from(READINGS),
    st.sampled_from([(10_000, 1 << 20), (7, 1 << 20), (10_000, 300)]),
    st.sampled_from([3, 50]),
    st.sampled_from([-1.0, 1.0]),
)
def test_nested_lines(
    tmp_path_factory: pytest.TempPathFactory,
    engine: Engine,
    odd: list[str],
    usual: list[str],
    dice: Any,
    has_ids: bool,
    wanted: Wanted,
    cut: tuple[int, int],
    sampled: int,
    unlike: float,
) -> None:
    rows = [*odd, *usual]
    dice.shuffle(rows)
    path = tmp_path_factory.mktemp("rows") / "log.jsonl"
    path.write_text("\n".join([*usual[:1], *rows]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(subject, "_SAMPLED", sampled)
        patch.setattr(subject, "MAX_UNLIKE", unlike)
        by_grammar(patch)
        same(path, engine, has_ids=has_ids, records=cut[0], size=cut[1], wanted=wanted)


@pytest.mark.parametrize("wanted", READINGS[:2])
@pytest.mark.parametrize("odd", ODD_NESTED)
@pytest.mark.parametrize("usual", [NESTED * 10, NESTED[:1] * 30], ids=["engine", "grammar"])
def test_one_odd_nested_line_among_many(
    odd: str, wanted: Wanted, usual: list[str], tmp_path: Path, engine: Engine
) -> None:
    """Read quickly for sure."""
    path = tmp_path / "log.jsonl"
    path.write_text("\n".join([*usual, odd, *usual, ""]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(subject, "_SAMPLED", 8)
        patch.setattr(subject, "MAX_UNLIKE", 0.1)
        by_grammar(patch)
        assert all(isinstance(chunk, LinesChunk) for chunk in chunks_of(open_log(path), engine, wanted))
        same(path, engine, has_ids=True, wanted=wanted)


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.floats(),
    st.text(st.sampled_from('ab{}[]":,\\é\n\0')),
)


def within(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    held = st.lists(inner, max_size=3), st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
    return st.one_of(SCALARS, *held)


VALUES = within(within(SCALARS))


@settings(deadline=None, max_examples=150)
@given(
    st.lists(st.dictionaries(st.sampled_from(["a", "b", "c", "c.b"]), VALUES, max_size=4), min_size=1, max_size=20),
    st.booleans(),
    st.booleans(),
)
def test_any_objects(
    tmp_path_factory: pytest.TempPathFactory, engine: Engine, found: list[dict[str, Any]], spaced: bool, whole: bool
) -> None:
    path = tmp_path_factory.mktemp("rows") / "log.jsonl"
    by = (", ", ": ") if spaced else (",", ":")
    path.write_text("".join(json.dumps(value, separators=by, ensure_ascii=spaced) + "\n" for value in found))
    names = {"a", "b", "c", "c.b", "a.b", "b.c.a"} if whole else {"c.b", "a.b", "b.c.a"}
    same(path, engine, has_ids=False, wanted=Wanted(frozenset(names), takes_all=False, exact=frozenset("b")))


LINE = '{"id":"a%d","n":%d,"x":%s,"t":"%s","in":{"b":%s}}\n'
VALUES_OF_LINES = [
    "0.5",
    "-3",
    "7",
    "1e3",
    "null",
    "true",
    "0.00001",
    "1.50",
    "123456789012345678901",
    "-0",
    "01",
    "[1]",
]
VALUES_OF_LINES += ["", " 5", "{}", "1,", "1.", "-", ".5", "0.00012", "-0.0", "1.0", "12345678901234.25", "NaN", "}"]
TEXTS_OF_LINES = ["plain", "", "é", r"say \"hi\"", r"\\", r"\n", r"\u0000", r"\ud800", r"\ud83d\ude00", r"\x", "NA"]
TEXTS_OF_LINES += ["a,b:{}", "\x01", "\x7f", "\udcff", r"ends\\", r"ends\\\"", '","t":"', r"\\\u0000", r"\\u0000"]


@settings(deadline=None, max_examples=300)
@given(
    st.lists(
        st.tuples(st.sampled_from(VALUES_OF_LINES), st.sampled_from(TEXTS_OF_LINES), st.sampled_from(VALUES_OF_LINES)),
        min_size=1,
        max_size=30,
    ),
    st.booleans(),
    st.sampled_from(["\n", "\r\n", "\n\n"]),
    st.sampled_from([(10_000, 1 << 20), (7, 1 << 20), (10_000, 300)]),
    st.booleans(),
)
def test_lines_that_are_written_alike(
    tmp_path_factory: pytest.TempPathFactory,
    engine: Engine,
    found: list[tuple[str, str, str]],
    spaced: bool,
    end: str,
    cut: tuple[int, int],
    is_typed: bool,
) -> None:
    lines = ["".join(LINE % (7, 8, "0.5", "x", "1")), *(LINE % (place, place, *row) for place, row in enumerate(found))]
    if spaced:
        lines = [line.replace('":', '" : ', 3) for line in lines]
    path = tmp_path_factory.mktemp("rows") / "log.jsonl"
    path.write_bytes("".join(lines).replace("\n", end).encode("utf-8", "surrogateescape"))
    typed = {"wholes": frozenset({"n", "x", "in.b"}), "repeated": frozenset({"id", "t", "x"})} if is_typed else {}
    wanted = Wanted(frozenset({"id", "n", "x", "t", "in.b"}), takes_all=False, exact=frozenset(), **typed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(subject, "MAX_UNLIKE", 1.0)
        by_grammar(patch)
        same(path, engine, has_ids=True, records=cut[0], size=cut[1], wanted=wanted)


LISTED = '{"id":"a%d","l":%s,"in":{"m":%s,"t":"%s"},"n":%d}\n'
LISTS = [
    "[]",
    "[1,2]",
    r'[{"role":"user","content":"say [\"hi\"] "}]',
    '[ {"a" : [1.50, null]} , "]["]',
    "[[[]],[[1]]]",
]
LISTS += [
    '["é"]',
    '[{"a":1,"a":2}]',
    "[1,]",
    "[",
    "]",
    "[]]",
    "[1],[2]",
    "null",
    "7",
    '"text"',
    '"["',
    '"]"',
    "{}",
    "][",
]
LISTS += ['{"x":[]}', "[NaN]", r'["\ud800"]', r'["\u0000\u001f\/"]', "[1] ", " [1]", r'["a\\"]', "[" * 60 + "]" * 60]
LISTS += ["[" * 70 + "]" * 70, '["a"],"x":["b"]', '["\x01"]', '["\udcff"]', "['a']"]
LISTS += ["[12345678901234567890123,0.12345678901234567890,1e400,1E5]"]


@settings(deadline=None, max_examples=300)
@given(
    st.lists(
        st.tuples(st.sampled_from(LISTS), st.sampled_from(LISTS), st.sampled_from([*TEXTS_OF_LINES, "[", "]", "[x]"])),
        min_size=1,
        max_size=30,
    ),
    st.booleans(),
    st.sampled_from([(10_000, 1 << 20), (7, 1 << 20), (10_000, 300)]),
)
def test_lines_with_lists(
    tmp_path_factory: pytest.TempPathFactory,
    engine: Engine,
    found: list[tuple[str, str, str]],
    has_ids: bool,
    cut: tuple[int, int],
) -> None:
    path = tmp_path_factory.mktemp("rows") / "log.jsonl"
    lines = [LISTED % (0, "[]", '["x",{"a":1}]', "t", 0), *(LISTED % (n, *row, n) for n, row in enumerate(found))]
    path.write_bytes("".join(lines).encode("utf-8", "surrogateescape"))
    wanted = Wanted(frozenset({"id", "in.m", "in.t", *("l" * has_ids)}), takes_all=False, exact=frozenset())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(subject, "MAX_UNLIKE", 1.0)
        by_grammar(patch)
        same(path, engine, has_ids=has_ids, records=cut[0], size=cut[1], wanted=wanted)


def test_lists_of_objects_are_read_quickly(tmp_path: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    by_grammar(monkeypatch)
    path = tmp_path / "log.jsonl"
    messages = '[ {"role": "user", "content": "is [this] \\"a list\\"?"}, {"role": "tool", "n": 1.50} ]'
    path.write_text("".join(LISTED % (place, messages, "[" + "1," * place + "1]", "x", place) for place in range(50)))
    wanted = Wanted(frozenset({"l", "in.m"}), takes_all=False, exact=frozenset())
    (chunk,) = chunks_of(open_log(path), engine, wanted)
    assert isinstance(chunk, LinesChunk)
    assert chunk.texts(engine, {"l": "t0", "in.m": "t1"}, (), None).slice(2, 1).to_pylist() == [
        {
            "row_no": 3,
            "nul_removed": False,
            "t0": '[{"role":"user","content":"is [this] \\"a list\\"?"},{"role":"tool","n":1.5}]',
            "t1": "[1,1,1]",
        }
    ]


def test_lines_of_one_program_need_no_engine(tmp_path: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    by_grammar(monkeypatch)
    monkeypatch.setattr(subject, "scanned", lambda *_: pytest.fail("the engine was asked"))
    path = tmp_path / "log.jsonl"
    path.write_text("".join(LINE % (place, place, place / 8, r"it's \"it\"", place) for place in range(500)))
    wanted = Wanted(frozenset({"id", "x", "t", "in.b"}), takes_all=False, exact=frozenset({"x"}))
    (chunk,) = chunks_of(open_log(path), engine, wanted)
    texts = chunk.texts(engine, {"id": "t0", "x": "t1", "t": "t2", "in.b": "t3"}, (), None)
    assert texts.slice(499, 1).select(["t0", "t1", "t2", "t3"]).to_pylist() == [
        {"t0": "a499", "t1": "62.375", "t2": 'it\'s "it"', "t3": "499"}
    ]
