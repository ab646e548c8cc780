"""How far `ingest` has come: what watchers are told, what a terminal shows, and what Ctrl-C leaves."""

from __future__ import annotations

import gzip
import os
import pty
import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from governance import ingestion
from governance.cli import main
from governance.cli.progress import Display, drawn
from governance.cli.session import Session
from governance.engines.duckdb import Engine
from governance.errors import StoppedError
from governance.progress import Progress, Stage, Tally
from tests.logbooks import MAPPING, NOW, Logbook, logbook


@pytest.fixture
def book(tmp_path: Path) -> Logbook:
    return logbook(tmp_path)


def table(count: int, prefix: str = "r") -> str:
    rows = "".join(f"{prefix}{n},2026-07-01T10:00:00Z,0.5,approved\n" for n in range(count))
    return f"id,at,score,decision\n{rows}"


def watched(book: Logbook, *paths: Path) -> list[Progress]:
    told: list[Progress] = []
    mapping = book.write("mapping.yaml", MAPPING)
    ingestion.ingest(book.workspace, [str(path) for path in paths], now=NOW, mapping=mapping, observe=told.append)
    return told


def test_watchers_are_told_bytes_and_records_after_each_batch(book: Logbook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("governance.batches.BATCH_RECORDS", 100)
    first, second = book.write("a.csv", table(250)), book.write("b.csv.gz", gzip.compress(table(50, "s").encode()))
    sizes = [first.stat().st_size, second.stat().st_size]
    told = watched(book, first, second)
    assert {(step.files, step.total_bytes) for step in told} == {(2, sum(sizes))}
    looked = [(step.number, step.bytes) for step in told if step.stage is Stage.LOOKING]
    assert looked == [(1, 0), (2, sizes[0])]
    read = [(Path(step.file).name, step.number, step.records, step.new) for step in told if step.stage is Stage.READING]
    assert read == [
        ("a.csv", 1, 0, 0),
        ("a.csv", 1, 100, 100),
        ("a.csv", 1, 200, 200),
        ("a.csv", 1, 250, 250),
        ("b.csv.gz", 2, 0, 250),
        ("b.csv.gz", 2, 50, 300),
    ]
    positions = [step.bytes for step in told if step.stage is Stage.READING]
    assert positions == sorted(positions)
    assert positions[-1] == sum(sizes)
    again = watched(book, first, second)
    assert [(step.records, step.new) for step in again if step.stage is Stage.READING] == [
        (0, 0),
        (250, 0),
        (0, 0),
        (50, 0),
    ]


def test_a_resumed_file_counts_as_new_only_what_was_not_in() -> None:
    told: list[Progress] = []
    tally = Tally(told.append, Stage.READING, [1_000])
    tally.begin("log.csv")
    tally.resume(200)
    tally.advance(100, 100)
    tally.advance(300, 300)
    assert [(step.bytes, step.records, step.new) for step in told] == [
        (0, 0, 0),
        (0, 200, 0),
        (100, 200, 0),
        (300, 300, 100),
    ]


@pytest.mark.parametrize("form", ["jsonl", "csv", "parquet", "zst"])
def test_every_form_tells_its_bytes(book: Logbook, form: str) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [{"id": f"r{n}", "at": "2026-07-01T10:00:00Z", "score": 0.5, "decision": "approved"} for n in range(20)]
    if form == "parquet":
        path = book.folder / "log.parquet"
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif form == "zst":
        path = book.folder / "log.csv.zst"
        with pa.output_stream(str(path), compression="zstd") as out:
            out.write(table(20).encode())
    else:
        import json

        path = book.write(f"log.{form}", table(20) if form == "csv" else "".join(json.dumps(r) + "\n" for r in rows))
    assert watched(book, path)[-1].bytes == path.stat().st_size


class TestStopped:
    def test_it_says_what_is_in(self) -> None:
        display = Display(None)
        assert "begins again" in str(display.stopped().hint)
        display.show(Progress(Stage.READING, "x/b.csv", 3, 5, 10, 100, 1_200, 1_200))
        stopped = display.stopped()
        assert (stopped.what, stopped.where, stopped.exit_code) == ("interrupted", "x/b.csv", 130)
        assert stopped.hint == (
            "2 of 5 files are in as a whole, and 1,200 records of this one are in; the same command goes on from there"
        )
        display.show(Progress(Stage.READING, "a.csv", 1, 1, 10, 100, 1, 1))
        assert str(display.stopped().hint).startswith("1 record of this one is in;")

    def test_control_c_becomes_that(self, capsys: pytest.CaptureFixture[str]) -> None:
        def read() -> None:
            with drawn(Session()) as display:
                display.show(Progress(Stage.READING, "a.csv", 1, 1, 0, 9, 7, 7))
                raise KeyboardInterrupt

        with pytest.raises(StoppedError) as caught:
            read()
        assert str(caught.value.hint).startswith("7 records")
        assert capsys.readouterr() == ("", "")

    @pytest.mark.parametrize("place", ["while the line is taken away", "while the summary is printed"])
    def test_when_all_is_in_it_says_so(
        self, book: Logbook, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], place: str
    ) -> None:
        def interrupted(*_given: object, **_options: object) -> None:
            raise KeyboardInterrupt

        if place == "while the summary is printed":
            monkeypatch.setattr("governance.cli.ingestion_view.show", interrupted)
        else:
            monkeypatch.setattr("sys.stderr.isatty", lambda: True)
            monkeypatch.setattr("rich.progress.Progress.__exit__", interrupted)
        mapping = book.write("mapping.yaml", MAPPING)
        given = ["ingest", str(book.write("log.csv", table(20))), "--mapping", str(mapping)]
        with pytest.raises(SystemExit) as caught:
            main([*given, "--workspace", str(book.workspace.root)])
        assert caught.value.code == 130
        said = capsys.readouterr().err
        assert "all of these files are in; only what is printed about it was cut short" in said
        assert book.values("SELECT count(*) FROM requests") == [20]

    def test_while_the_engine_runs(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """DuckDB says something of its own after SIGINT, which was taken for a mistake of the program."""

        class Interrupted:
            def execute(self, sql: str) -> None:
                raise RuntimeError(sql)

        with Engine() as engine:
            monkeypatch.setattr(engine, "connection", Interrupted())
            with pytest.raises(KeyboardInterrupt):
                engine.rows("Query interrupted")
            with pytest.raises(RuntimeError, match="anything else"):
                engine.rows("anything else")
            monkeypatch.undo()


def on_terminal(book: Logbook, *arguments: str) -> tuple[int, list[str]]:
    """Exit code, and every state of the lines that a terminal of 80 columns showed."""
    terminal, inside = pty.openpty()
    command = [sys.executable, "-m", "governance", "--workspace", str(book.workspace.root), *arguments]
    surroundings = os.environ | {"TERM": "xterm", "COLUMNS": "80", "LINES": "24"}
    process = subprocess.Popen(command, stdin=inside, stdout=inside, stderr=inside, env=surroundings)
    os.close(inside)
    shown = b""
    with suppress(OSError):  # Linux ends the terminal of a process that has gone with an error
        while block := os.read(terminal, 65_536):
            shown += block
    os.close(terminal)
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode())
    return process.wait(), [line for line in re.split(r"[\r\n]+", text) if line.strip()]


@pytest.mark.slow
def test_a_terminal_shows_a_line_and_then_the_result_alone(book: Logbook) -> None:
    mapping = book.write("mapping.yaml", MAPPING)
    log = book.write("a_log_with_a_name_that_is_longer_than_the_line_has_room_for.csv", table(60_000))
    other = book.write("b.csv", table(10, "s"))
    code, lines = on_terminal(book, "ingest", str(log), str(other), "--mapping", str(mapping))
    assert code == 0
    assert any(line.startswith("1/2 a_log_with") and "MB" in line for line in lines)
    assert max(map(len, lines)) <= 80
    assert lines[-1].startswith("Ledger:")


def test_it_is_silent_where_nobody_watches(book: Logbook) -> None:
    mapping = book.write("mapping.yaml", MAPPING)
    log = book.write("a.csv", table(10))
    command = [sys.executable, "-m", "governance", "--workspace", str(book.workspace.root), "ingest", str(log)]
    done = subprocess.run([*command, "--mapping", str(mapping)], check=True, capture_output=True, text=True)
    assert done.stderr == ""
    assert "a.csv" in done.stdout
