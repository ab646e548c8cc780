"""Files -> records: each row of the list of hard cases has one documented outcome."""

from __future__ import annotations

import bz2
import gzip
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.errors import GovernanceError, NotFoundError, SourceError
from governance.records import Record, open_log, records
from governance.records import record as limits
from governance.records.json_texts import json_sequence
from governance.records.streams import lines

LINE = '{"id": "a"}\n'


def read(folder: Path, name: str, content: bytes | str) -> list[Record]:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return list(records(open_log(path)))


def outcome(found: list[Record]) -> list[Any]:
    """The value of each record that could be read, the reason of each other."""
    return [record.reason if record.value is None else record.value for record in found]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param(b'\xef\xbb\xbf{"id": "a"}\n', [{"id": "a"}], id="byte order mark"),
        pytest.param(b'{"id": "a"}\r\n{"id": "b"}\r\n', [{"id": "a"}, {"id": "b"}], id="CRLF"),
        pytest.param(b'\n{"id": "a"}\n\n  \n{"id": "b"}\n\n', [{"id": "a"}, {"id": "b"}], id="blank lines"),
        pytest.param(b'{"id": "\xff"}\n' + LINE.encode(), ["bad_utf8", {"id": "a"}], id="bad UTF-8"),
        pytest.param(LINE.encode() + b'{"id": 1, "id": 2}\n', [{"id": "a"}, "duplicate_key"], id="key twice"),
        pytest.param(b'{"a": {"b": 1, "b": 1}}\n', ["duplicate_key"], id="key twice inside"),
        pytest.param(b'{"id": "\\ud800"}\n', ["bad_utf8"], id="lone surrogate"),
        pytest.param(b'{"id": "\\ud83d\\ude00"}\n', [{"id": "\U0001f600"}], id="surrogate pair"),
        pytest.param(b'{"id": "x\\u0000y"}\n', [{"id": "x\0y"}], id="NUL"),
        pytest.param(b"[1, 2]\n", ["not_an_object", "not_an_object"], id="array of numbers"),
        pytest.param(b"[]\n" + LINE.encode(), ["not_an_object", {"id": "a"}], id="an array on the first line"),
        pytest.param(LINE.encode() + b"[1]\n", [{"id": "a"}, "not_an_object"], id="an array on a line"),
        pytest.param(LINE.encode() + b"7\n", [{"id": "a"}, "not_an_object"], id="a number on a line"),
        pytest.param(b'{"a":' + b"[" * 63 + b"]" * 63 + b"}\n", None, id="64 deep"),
        pytest.param(b'{"a":' + b"[" * 64 + b"]" * 64 + b"}\n", ["too_deep"], id="65 deep"),
        pytest.param(
            b'{"a":' + b"[" * 100_000 + b"\n" + LINE.encode(), ["too_deep", {"id": "a"}], id="a bomb of brackets"
        ),
        pytest.param(
            b'{"a":' + b"1" * 5_000 + b"}\n" + LINE.encode(), ["out_of_range", {"id": "a"}], id="5,000 digits"
        ),
        pytest.param(b'{"a":1e99999999999999999999}\n', ["out_of_range"], id="an exponent beyond any decimal"),
        pytest.param(LINE.encode() + b'{"id": "b', [{"id": "a"}, "truncated"], id="last line cut"),
        pytest.param(
            LINE.encode() + b'{"id": "b\n' + LINE.encode(), [{"id": "a"}, "bad_json", {"id": "a"}], id="cut inside"
        ),
        pytest.param(b'"b": 1}\n' + LINE.encode(), ["bad_json", {"id": "a"}], id="begins in the middle of a record"),
        pytest.param(b"{bad\n{worse\n" + LINE.encode(), ["bad_json", "bad_json", {"id": "a"}], id="first lines broken"),
        pytest.param(b'{"A": 1, "a": 2}\n', [{"A": 1, "a": 2}], id="keys that differ in case"),
        pytest.param(b'{"a": 18446744073709551617}\n', [{"a": 18446744073709551617}], id="beyond 64 bits"),
    ],
)
def test_json_lines(tmp_path: Path, content: bytes, expected: list[Any] | None) -> None:
    found = outcome(read(tmp_path, "log.jsonl", content))
    if expected is None:
        assert len(found) == 1
        assert isinstance(found[0], dict)
    else:
        assert found == expected


def test_numbers_keep_their_digits(tmp_path: Path) -> None:
    (found,) = outcome(
        read(tmp_path, "log.jsonl", '{"a": 0.1000, "b": 9007199254740993, "c": 1.7951636933717343e18}\n')
    )
    assert found == {"a": Decimal("0.1000"), "b": 9007199254740993, "c": Decimal("1.7951636933717343e18")}


def test_a_record_keeps_its_place_and_its_bytes(tmp_path: Path) -> None:
    found = read(tmp_path, "log.jsonl", b'\n{"a": 1}\n{bad}\n\xff\n')
    assert [(record.number, record.offset, record.raw) for record in found] == [
        (2, 1, b'{"a": 1}'),
        (3, 10, b"{bad}"),
        (4, 16, b"\xff"),
    ]


def test_a_line_that_is_too_long_is_cut_and_the_next_one_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("governance.records.streams.MAX_RECORD_BYTES", 100)
    exact = b'{"id": "' + b"x" * 89 + b'"}\n'
    assert len(exact) == 100
    found = read(tmp_path, "log.jsonl", exact + exact.replace(b"x", b"xx") + LINE.encode() + b"y" * 500)
    assert [record.reason for record in found] == [None, "too_long", None, "too_long"]
    assert [len(record.raw) for record in found] == [99, 100, 11, 100]
    assert found[2].offset == 100 + 189


def test_a_first_line_of_many_blocks_is_still_a_line(tmp_path: Path) -> None:
    long = json.dumps({"id": "a", "text": "x" * 1_000_000}) + "\n"
    assert [record.value["id"] for record in read(tmp_path, "log.json", long + LINE) if record.value] == ["a", "a"]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param('[{"a": 1},\n{"a": 2}]\n', [{"a": 1}, {"a": 2}], id="array"),
        pytest.param("[]", [], id="empty array"),
        pytest.param('\ufeff[\r\n  {"a": 1}\r\n]', [{"a": 1}], id="BOM and CRLF"),
        pytest.param('{\n  "a": 1\n}\n', [{"a": 1}], id="pretty object"),
        pytest.param('{\n  "a": 1\n}\n{\n  "a": 2\n}', [{"a": 1}, {"a": 2}], id="pretty objects, one after the other"),
        pytest.param('[{"a": 1}, {"a": 1, "a": 2}, {"a": 3}]', [{"a": 1}, "duplicate_key", {"a": 3}], id="key twice"),
        pytest.param('[{"a": 1}, {"a":', [{"a": 1}, "truncated"], id="cut inside an element"),
        pytest.param('[{"a": 1},', [{"a": 1}, "truncated"], id="cut behind a comma"),
        pytest.param('[{"a": 1}', [{"a": 1}, "truncated"], id="cut behind an element"),
        pytest.param('[{"a": 1} {"a": 2}]', [{"a": 1}, "bad_json"], id="no comma"),
        pytest.param('[{"a": 1},]', [{"a": 1}, "bad_json"], id="comma before the end"),
        pytest.param('[{"a": 1}] x', [{"a": 1}, "bad_json"], id="more behind the end"),
        pytest.param('[{"a": tru}, {"a": 1}]', ["bad_json"], id="the rest behind a broken element is one record"),
        pytest.param('[{"a": ' + "[" * 100_000, ["too_deep"], id="a bomb of brackets"),
        pytest.param('[{"a": ' + "1" * 5_000 + '}, {"a": 1}]', ["out_of_range"], id="5,000 digits"),
    ],
)
def test_json_documents(tmp_path: Path, content: str, expected: list[Any]) -> None:
    assert outcome(read(tmp_path, "log.json", content)) == expected


def test_bad_utf8_spoils_one_element_of_an_array(tmp_path: Path) -> None:
    found = read(tmp_path, "log.json", b'[{"a": "\xff"}, {"a": "\xc3\xa9"}]')
    assert outcome(found) == ["bad_utf8", {"a": "é"}]
    assert [(record.offset, record.raw) for record in found] == [(1, b'{"a": "\xff"}'), (13, b'{"a": "\xc3\xa9"}')]


@given(
    st.lists(st.dictionaries(st.text(max_size=3), st.integers() | st.text() | st.none(), max_size=3), max_size=8),
    st.integers(1, 20),
)
def test_an_array_reads_the_same_whatever_its_blocks(values: list[dict[str, Any]], size: int) -> None:
    content = json.dumps(values, ensure_ascii=False, indent=1).encode()
    blocks = [content[start : start + size] for start in range(0, len(content), size)]
    found = list(json_sequence(blocks))
    assert [record.value for record in found] == values
    assert all(content[record.offset or 0 :].startswith(record.raw) for record in found)


@given(st.binary(max_size=200), st.integers(1, 20))
def test_lines_put_together_are_the_file(content: bytes, size: int) -> None:
    blocks = [content[start : start + size] for start in range(0, len(content), size)]
    found = list(lines(blocks))
    assert b"".join(line.raw for line in found) == content
    assert [line.offset for line in found] == [
        len(b"".join(line.raw for line in found[:place])) for place in range(len(found))
    ]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param("id,b\n1,2\n", [{"id": "1", "b": "2"}], id="commas"),
        pytest.param("id;b\n1;2,5\n", [{"id": "1", "b": "2,5"}], id="semicolons"),
        pytest.param("id\tb\n1\t2\n", [{"id": "1", "b": "2"}], id="tabs"),
        pytest.param("id|b\n1|2\n", [{"id": "1", "b": "2"}], id="bars"),
        pytest.param("id\n1\n2\n", [{"id": "1"}, {"id": "2"}], id="one column"),
        pytest.param("id\n1;2\n", [{"id": "1;2"}], id="one column, other delimiters in it"),
        pytest.param('"a,b";c\n1;2\n', [{"a,b": "1", "c": "2"}], id="a comma inside a quoted name"),
        pytest.param("\ufeffid,b\r\n1,2\r\n", [{"id": "1", "b": "2"}], id="BOM and CRLF"),
        pytest.param("\n\nid,b\n\n1,2\n\n", [{"id": "1", "b": "2"}], id="blank lines"),
        pytest.param('id,b\n1,"x\ny"\n2,z\n', [{"id": "1", "b": "x\ny"}, {"id": "2", "b": "z"}], id="quoted line end"),
        pytest.param('id,b\n1,"say ""hi"""\n', [{"id": "1", "b": 'say "hi"'}], id="doubled quotes"),
        pytest.param("id,b\n00123,1e5\n", [{"id": "00123", "b": "1e5"}], id="texts that look like numbers"),
        pytest.param("id,b\n1,2,3\n4,5\n", ["bad_csv", {"id": "4", "b": "5"}], id="a cell too many"),
        pytest.param("id,b\n1\n4,5\n", ["bad_csv", {"id": "4", "b": "5"}], id="a cell too few"),
        pytest.param("id,b\n1,2\n3", [{"id": "1", "b": "2"}, "truncated"], id="last line cut"),
        pytest.param('id,b\n1,"open\n2,x\n', ["bad_csv", {"id": "2", "b": "x"}], id="a quote that is never closed"),
        pytest.param('id,b\n1,"x"y\n2,z\n', ["bad_csv", {"id": "2", "b": "z"}], id="text behind a quote"),
        pytest.param('id,b\n1,"a\n2,"b"c\n3,d\n', ["bad_csv", "bad_csv", {"id": "3", "b": "d"}], id="two broken lines"),
        pytest.param("id,b\n", [], id="a header alone"),
        pytest.param('id,b\n1,"' + "x" * 200_000 + '"\n', [{"id": "1", "b": "x" * 200_000}], id="a long cell"),
    ],
)
def test_csv(tmp_path: Path, content: str, expected: list[Any]) -> None:
    assert outcome(read(tmp_path, "log.csv", content)) == expected


def test_bad_utf8_in_csv_spoils_its_row_alone(tmp_path: Path) -> None:
    found = read(tmp_path, "log.csv", b'id,b\n1,"x\n\xff"\n2,y\n3,\xe9\n')
    assert outcome(found) == ["bad_utf8", {"id": "2", "b": "y"}, "bad_utf8"]
    assert found[0].raw == b'1,"x\n\xff"\n'


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"id,id\n1,2\n", "names the column 'id' twice"),
        (b"id,\n1,2\n", "leaves a column without a name"),
        (b"id,b\r1,2\r", "header cannot be read"),
        (b"id,\xff\n1,2\n", "header is not UTF-8"),
        ("id,b\n1,2\n".encode("utf-16"), "text in UTF-16, not in UTF-8"),
        (b"", "the file is empty"),
        (b"\n \n", "nothing but blank lines"),
    ],
)
def test_a_table_without_a_usable_header_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    with pytest.raises(SourceError, match=said) as caught:
        read(tmp_path, "log.csv", content)
    assert caught.value.hint


def test_a_table_named_as_json_is_refused(tmp_path: Path) -> None:
    for name in ("log.json", "log.jsonl", "log.ndjson", "log.jsonl.gz"):
        content = b"id,b\n1,2\n"
        with pytest.raises(SourceError, match="named as JSON, but its first line is not JSON"):
            read(tmp_path, name, gzip.compress(content) if name.endswith("gz") else content)
    assert outcome(read(tmp_path, "export.json.csv", "id,b\n1,2\n")) == [{"id": "1", "b": "2"}]


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no such file"):
        open_log(tmp_path / "none.csv")
    with pytest.raises(GovernanceError, match="cannot be read"):
        open_log(tmp_path)


MANY = b"".join(b'{"id": %d, "square": %d}\n' % (place, place * place) for place in range(50_000))


def packed(form: str, content: bytes) -> bytes:
    match form:
        case "gz":
            return gzip.compress(content)
        case "bz2":
            return bz2.compress(content)
        case _:
            return bytes(pa.Codec("zstd").compress(content, asbytes=True))


@pytest.mark.parametrize("form", ["gz", "bz2", "zst"])
class TestCompressed:
    def test_whole_and_in_several_parts(self, tmp_path: Path, form: str) -> None:
        parts = packed(form, MANY) + packed(form, b'{"id": "last"}\n')
        found = read(tmp_path, f"log.jsonl.{form}", parts)
        assert len(found) == 50_001
        assert found[-1].value == {"id": "last"}
        assert found[-1].offset == len(MANY)

    def test_what_a_cut_file_still_holds_is_read(self, tmp_path: Path, form: str) -> None:
        whole = packed(form, MANY)
        found = read(tmp_path, f"log.jsonl.{form}", whole[: len(whole) * 9 // 10])
        *good, last = found
        assert last.reason == "truncated"
        assert len(good) > 1_000 if form != "bz2" else good is not None
        assert [record.value["id"] for record in good if record.value] == list(range(len(good)))
        assert MANY[last.offset or 0 :].startswith(last.raw)

    def test_what_follows_the_end_is_one_broken_record(self, tmp_path: Path, form: str) -> None:
        found = read(tmp_path, f"log.jsonl.{form}", packed(form, LINE.encode() * 3) + b"garbage")
        if form != "bz2":  # Python's bz2 ignores what follows
            assert found[-1].reason == "truncated"

    def test_a_bomb_is_stopped(self, tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("governance.records.streams.FREE_BYTES", 1 << 20)
        bomb = packed(form, b'{"a": "' + b"x" * 30_000_000)
        found = read(tmp_path, f"log.jsonl.{form}", bomb)
        assert [record.reason for record in found] == ["too_long"]
        assert len(found[0].raw) <= limits.MAX_RECORD_BYTES


def test_a_file_that_only_looks_compressed_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="cannot be opened"):
        read(tmp_path, "log.jsonl.gz", b"\x1f\x8bnonsense")


def parquet(path: Path, table: pa.Table, **options: Any) -> Path:
    pq.write_table(table, path, **options)
    return path


def test_parquet_rows(tmp_path: Path) -> None:
    path = parquet(tmp_path / "log.parquet", pa.table({"id": ["a", None], "n": [1, 2]}))
    assert outcome(list(records(open_log(path)))) == [{"id": "a", "n": 1}, {"id": None, "n": 2}]


def test_a_cut_parquet_file_is_refused_and_a_damaged_one_read_as_far_as_it_goes(tmp_path: Path) -> None:
    table = pa.table({"id": [f"request {place}" for place in range(20_000)]})
    path = parquet(tmp_path / "log.parquet", table, row_group_size=5_000, use_dictionary=False, compression="none")
    content = path.read_bytes()
    with pytest.raises(SourceError, match="Parquet file cannot be read"):
        read(tmp_path, "cut.parquet", content[:-100])
    spot = content.index(b"request 12000")
    start = content.rindex(b"request 10000", 0, spot) - 60
    found = read(tmp_path, "damaged.parquet", content[:start] + b"\xff" * 60 + content[start + 60 :])
    assert found[-1].reason == "truncated"
    assert len(found) > 5_000


def test_a_parquet_file_that_is_compressed_as_a_whole_is_refused(tmp_path: Path) -> None:
    path = parquet(tmp_path / "log.parquet", pa.table({"id": ["a"]}))
    with pytest.raises(SourceError, match="compressed as a whole"):
        read(tmp_path, "log.parquet.gz", gzip.compress(path.read_bytes()))


def test_two_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    path = parquet(tmp_path / "log.parquet", pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"]))
    with pytest.raises(SourceError, match="two columns are called 'a'"):
        list(records(open_log(path)))


def test_five_kilobytes_of_parquet_do_not_become_gigabytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A dictionary of one long text makes many rows of it cost nothing on the disk."""
    monkeypatch.setattr("governance.records.streams.FREE_BYTES", 64 << 20)
    text = pa.DictionaryArray.from_arrays(pa.array([0] * 200_000, pa.int32()), pa.array(["x" * 100_000]))
    path = parquet(tmp_path / "bomb.parquet", pa.table({"id": text}))
    assert path.stat().st_size < 200_000
    read_bytes = 0
    last = None
    for last in records(open_log(path)):
        read_bytes += len(last.raw)
    assert last is not None
    assert last.reason == "too_long"
    assert read_bytes < 80 << 20
