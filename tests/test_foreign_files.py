"""Files that are no log as they are: each is refused with what it is, and messages with their length are read."""

from __future__ import annotations

import errno
import gzip
import io
import json
import os
import struct
import tarfile
import zipfile
from pathlib import Path

import pyarrow as pa
import pytest

from governance.errors import SourceError
from governance.records import open_log, records
from governance.records.streams import limit_of
from tests.sources.reading import HERE

LINE = b'{"id": "a"}\n'
TEXT = LINE.decode()


def zipped() -> bytes:
    found = io.BytesIO()
    with zipfile.ZipFile(found, "w") as archive:
        archive.writestr("../log.jsonl", LINE * 50)
    return found.getvalue()


def tarred(mode: str) -> bytes:
    found = io.BytesIO()
    with tarfile.open(fileobj=found, mode=mode) as archive:  # type: ignore[call-overload]
        member = tarfile.TarInfo("/etc/log.jsonl")
        member.size = len(LINE)
        archive.addfile(member, io.BytesIO(LINE))
    return found.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("log.jsonl", TEXT.encode("utf-16"), "text in UTF-16,"),
        ("log.jsonl", TEXT.encode("utf-16-le"), "text in UTF-16LE"),
        ("log.csv", "id,at\n1,2\n".encode("utf-16-be"), "text in UTF-16BE"),
        ("log.jsonl", TEXT.encode("utf-32"), "text in UTF-32"),
        ("logs.zip", zipped(), "archive (zip"),
        ("logs.tar", tarred("w"), "archive (tar)"),
        ("logs.tar.gz", tarred("w:gz"), "archive (tar)"),
        ("log.jsonl.gz", gzip.compress(gzip.compress(LINE)), "compressed twice"),
        ("log.jsonl.xz", b"\xfd7zXZ\0" + bytes(20), "compressed by xz"),
        ("log.db", b"SQLite format 3\0" + bytes(84), "SQLite"),
        ("chart.png", b"\x89PNG\r\n\x1a\n" + bytes(20), "a picture"),
        ("spans.bin", struct.pack(">I", 3) + b"\n\x01x", "binary messages"),
    ],
)
def test_what_is_no_log_is_refused_by_what_it_is(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(SourceError, match="the file is") as refused:
        open_log(path)
    assert said in refused.value.what
    assert refused.value.hint


def test_a_pipe_a_circle_of_links_and_a_file_of_others_are_told_with_a_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading, writing = os.pipe()
    os.write(writing, LINE)
    os.close(writing)
    with pytest.raises(SourceError, match="cannot be read") as refused:
        open_log(Path(f"/dev/fd/{reading}"), "pipe")
    os.close(reading)
    assert "governance ingest -" in (refused.value.hint or "")
    circle = tmp_path / "circle.jsonl"
    circle.symlink_to(circle)
    with pytest.raises(SourceError, match="symbolic links") as refused:
        open_log(circle)
    assert "leads back" in (refused.value.hint or "")

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    other = tmp_path / "other.jsonl"
    other.write_bytes(LINE)
    monkeypatch.setattr(Path, "open", refuse)  # tests may run as root, who may read all
    with pytest.raises(SourceError, match="Permission denied") as refused:
        open_log(other)
    assert "right to read" in (refused.value.hint or "")


SPANS = json.loads((HERE / "otlp_trace.json").read_text())
ONE, TWO = (json.dumps(SPANS | {"n": number}).encode() for number in (1, 2))


def message(body: bytes, *, is_compressed: bool) -> bytes:
    content = pa.compress(body, codec="zstd", asbytes=True) if is_compressed else body
    return struct.pack(">I", len(content)) + content


@pytest.mark.parametrize("is_compressed", [False, True])
class TestMessages:
    def test_each_message_is_a_record(self, tmp_path: Path, is_compressed: bool) -> None:
        path = tmp_path / "spans.json"
        path.write_bytes(message(ONE, is_compressed=is_compressed) + message(TWO, is_compressed=is_compressed))
        log = open_log(path)
        found = list(records(log))
        assert (log.form, [record.value for record in found]) == ("jsonl", [json.loads(ONE), json.loads(TWO)])
        assert [record.raw for record in found] == [ONE, TWO]
        assert log.meter.bytes == log.bytes

    def test_what_a_cut_file_still_holds_is_read(self, tmp_path: Path, is_compressed: bool) -> None:
        path = tmp_path / "spans.json"
        whole = message(ONE, is_compressed=is_compressed) + message(TWO, is_compressed=is_compressed)
        for cut in (2, 20):
            path.write_bytes(whole[:-cut])
            first, rest = records(open_log(path))
            assert (first.value, rest.reason) == (json.loads(ONE), "truncated")
            assert TWO.startswith(rest.raw)

    def test_a_bomb_is_stopped(self, tmp_path: Path, is_compressed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("governance.records.streams.FREE_BYTES", 300_000)
        monkeypatch.setattr("governance.records.streams.MAX_EXPANSION", 10)
        path = tmp_path / "spans.json"
        path.write_bytes(message(b"{" + b" " * 1_000_000 + b"}", is_compressed=is_compressed))
        (found,) = records(open_log(path))
        assert (found.reason == "too_long") == (limit_of(path.stat().st_size) < 1_000_000)
