"""What strangers or mistaken people put on the command line: each is refused in words, and none is a bug."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from governance.cli import main
from tests.logbooks import Logbook, logbook

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


@pytest.fixture
def book(tmp_path: Path) -> Logbook:
    made = logbook(tmp_path)
    made.read("log.csv", "id,at,score,decision\nr1,2026-07-01T10:00:00Z,0.5,yes\n")
    return made


def said(book: Logbook, capsys: pytest.CaptureFixture[str], words: Sequence[str]) -> str:
    with pytest.raises(SystemExit) as left:
        main([*words, "--workspace", str(book.workspace.root)])
    assert left.value.code == 2
    out = capsys.readouterr()
    assert out.out == ""
    assert not any(sign in out.err for sign in "\x1b\u202e\x07")
    return out.err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["explain", os.fsdecode(b"\xff\xfe")], "this is not UTF-8 text"),
        (["explain", "a\x1b[31mb\u202e"], "no request has this id"),
        (["explain", "'; DROP TABLE requests; --"], "no request has this id"),
        (["model", "show", "x\x07"], "no model is registered"),
        (["check", "../nope", "--window", "2026-07"], "../nope: there is no such file or folder"),
        (["check", "nope.yaml", "--window", "2026-07"], "nope.yaml: there is no such file or folder"),
        (["check", "xyz", "--window", "2026-07"], "there are cost, credit-decisions, llm-assistant, model-operations"),
        (["prompt", "register", "/", "--name", "a", "--version", "1"], "this is a folder, not a file"),
        (["price", "add", "/"], "this is a folder, not a file"),
        (["price", "add", __file__], "price tables of genai-prices and of LiteLLM can be read"),
        (["mapping", "init", "/"], "it is a folder: name a file in it"),
    ],
)
def test_odd_words(book: Logbook, capsys: pytest.CaptureFixture[str], words: Sequence[str], told: str) -> None:
    assert told in " ".join(said(book, capsys, words).split())


def test_a_very_long_word_does_not_fill_the_screen(book: Logbook, capsys: pytest.CaptureFixture[str]) -> None:
    err = said(book, capsys, ["explain", "x" * 100_000])
    assert len(err) < 3_000
    assert err.endswith("trace or decision id will do\n")


def test_a_mapping_goes_into_a_folder(book: Logbook, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["mapping", "init", str(book.folder / "log.csv"), "--to", str(book.folder)])
    assert left.value.code == 0
    assert (book.folder / "log.mapping.yaml").is_file()
    capsys.readouterr()


def test_a_full_disk_is_said_and_leaves_nothing_half_written(
    book: Logbook, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever a step meets it: the table is written by pyarrow, which says so in an error of its own."""

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "Error writing bytes to file. Detail: [errno 28] No space left on device")

    log, form = book.write("more.csv", "id,at\nr7,2026-07-01T10:00:00Z\n"), book.folder / "mapping.yaml"
    form.write_text("source: t\ncolumns: {request_id: id, start_ts: at, model: {constant: m}}\n", encoding="utf-8")
    before = book.digest()
    with monkeypatch.context() as patched:
        patched.setattr("governance.storage.parquet_files.pq.ParquetWriter", full)
        for dry in ([], ["--dry-run"]):
            err = said(book, capsys, ["ingest", str(log), "--mapping", str(form), *dry])
            assert err.startswith("error: there is no room left on the disk")
    assert book.digest() == before
    assert book.verifies()


@pytest.mark.parametrize("option", ["--html", "--pdf", "--notebook"])
def test_a_file_that_cannot_be_written(book: Logbook, capsys: pytest.CaptureFixture[str], option: str) -> None:
    """It is a folder here; a disk that is read-only says no in the same way."""
    folder = book.folder / "folder"
    folder.mkdir()
    assert "the file cannot be written" in said(book, capsys, ["explain", "r1", option, str(folder)])


def test_who_reads_no_further_is_no_failure() -> None:
    """`governance sources --columns | head -1` must not look like a failed check."""
    program = "import sys; from governance.cli import main; main(['sources', '--columns'])"
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as run:
        assert run.stdout is not None
        run.stdout.readline()
        run.stdout.close()
        assert run.stderr is not None
        assert run.stderr.read() == b""
    assert run.returncode == 0
