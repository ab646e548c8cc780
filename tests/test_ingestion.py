"""A run of `ingest`: resumed when killed, alone when it writes, nothing half stored when the input is wrong."""

from __future__ import annotations

import io
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from governance import ingestion
from governance.errors import BusyError, GovernanceError, NotFoundError, PolicyError, SourceError
from governance.storage.store import Store
from tests.logbooks import MAPPING, NOW, Logbook, logbook

CSV = "id,at,score,decision\nr1,2026-07-01T10:00:00Z,0.5,yes\nr2,2026-07-02T10:00:00Z,0.7,no\n"


@pytest.fixture
def book(tmp_path: Path) -> Logbook:
    return logbook(tmp_path)


def many(rows: int) -> str:
    lines = [f"r{place},2026-07-{1 + place % 4:02d}T10:00:00Z,0.{place % 10},yes" for place in range(rows)]
    return "\n".join(["id,at,score,decision", *lines, "bad,never,1,yes"]) + "\n"


def command(book: Logbook, *arguments: str, batch: int | None = None) -> list[str]:
    """The command line in a process of its own, with small batches if asked."""
    small = f"import governance.batches as b; b.BATCH_RECORDS = {batch}; " if batch else ""
    run = f"{small}from governance.cli import main; import sys; sys.exit(main(sys.argv[1:]))"
    return [sys.executable, "-c", run, "--workspace", str(book.workspace.root), *arguments]


def ingest_command(book: Logbook, path: Path, batch: int | None = None) -> list[str]:
    mapping = book.write("mapping.yaml", MAPPING)
    return command(book, "ingest", str(path), "--mapping", str(mapping), "--json", batch=batch)


class TestInterrupted:
    @pytest.mark.slow
    def test_a_killed_run_is_taken_up_where_it_ended(self, book: Logbook) -> None:
        """Ten kills at random moments, each followed by `verify`; then a run to the end, with nothing twice."""
        path = book.write("log.csv", many(600))
        dice = random.Random(3)
        killed = 0
        for _ in range(10):
            process = subprocess.Popen(ingest_command(book, path, batch=20), stdout=subprocess.DEVNULL)
            deadline = time.monotonic() + 60
            before = len(self._entries(book))
            while process.poll() is None and len(self._entries(book)) < before + 1 and time.monotonic() < deadline:
                time.sleep(0.005)
            time.sleep(dice.random() * 0.2)
            process.kill()
            killed += process.wait() == -signal.SIGKILL
            assert book.verifies()
        assert killed >= 5
        done = subprocess.run(ingest_command(book, path, batch=20), check=True, capture_output=True, text=True)
        report = json.loads(done.stdout)
        assert report["records"] == 601
        assert report["stored"] + report["duplicates"] == 600
        assert (report["quarantined"], report["conflicts"]) == (1, 0)
        self._is_whole(book)

    @staticmethod
    def _entries(book: Logbook) -> list[Path]:
        return list((book.workspace.store / "ledger").glob("0*.json"))

    @staticmethod
    def _is_whole(book: Logbook) -> None:
        assert book.verifies()
        assert book.rows("SELECT count(*) AS n, count(DISTINCT request_uid) AS ids FROM requests") == [
            {"n": 600, "ids": 600}
        ]
        assert len(book.quarantine()) == 1
        (entry,) = book.snapshot.of_kind("file")
        assert entry.facts["counts"]["records"] == 601

    def test_control_c_stops_cleanly(self, book: Logbook) -> None:
        path = book.write("log.csv", many(600))
        process = subprocess.Popen(
            ingest_command(book, path, batch=60), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        while process.poll() is None and len(self._entries(book)) < 3:
            time.sleep(0.005)
        process.send_signal(signal.SIGINT)
        document, said = process.communicate(timeout=60)
        assert process.returncode == 130
        assert json.loads(document)["error"]["what"] == "interrupted"
        assert said == ""
        assert book.verifies()
        done = subprocess.run(ingest_command(book, path, batch=60), check=True, capture_output=True, text=True)
        assert json.loads(done.stdout)["duplicates"] > 0
        self._is_whole(book)

    def test_a_run_that_is_resumed_counts_each_record_once(
        self, book: Logbook, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("governance.batches.BATCH_RECORDS", 100)
        path = book.write("log.csv", many(600))
        commit = ingestion._Run._commit

        def failing(run: ingestion._Run, kind: str, facts: dict[str, object], staged: list[object]) -> None:
            if facts.get("number") == 3:
                raise KeyboardInterrupt
            commit(run, kind, facts, staged)

        with monkeypatch.context() as patch:
            patch.setattr(ingestion._Run, "_commit", failing)
            with pytest.raises(KeyboardInterrupt):
                book.ingest(path)
        assert book.values("SELECT count(*) FROM requests") == [300]
        report = book.ingest(path)
        assert (report.records, report.stored, report.duplicates, report.quarantined) == (601, 300, 300, 1)
        assert (report.first, report.last) == ("2026-07-01T10:00:00.000000Z", "2026-07-04T10:00:00.000000Z")
        self._is_whole(book)
        again = book.ingest(path)
        assert (again.stored, again.duplicates, again.quarantined) == (0, 600, 1)


def test_a_second_writer_is_refused_at_once_and_told_who_writes(book: Logbook) -> None:
    path = book.write("log.csv", CSV)
    with Store(book.workspace.store).writing(book.workspace.key, NOW):
        start = time.monotonic()
        with pytest.raises(BusyError, match=rf"written by process {os.getpid()} on "):
            book.ingest(path)
        assert time.monotonic() - start < 1
    assert book.ingest(path).stored == 2


def test_a_reader_neither_waits_nor_sees_a_half(book: Logbook) -> None:
    book.read("a.csv", CSV)
    reader = book.snapshot
    with Store(book.workspace.store).writing(book.workspace.key, NOW):
        assert book.values("SELECT count(*) FROM requests") == [2]
    book.read("b.csv", CSV.replace("r1", "r3"))
    assert len(reader.entries) < len(book.snapshot.entries)
    assert book.values("SELECT count(*) FROM requests") == [3]


@pytest.mark.parametrize(
    ("name", "content", "error", "said"),
    [
        ("missing.csv", None, NotFoundError, "there is no such file"),
        ("empty.csv", b"", SourceError, "the file is empty"),
        ("table.jsonl", b"id,at\n1,2\n", SourceError, "named as JSON"),
        ("twice.csv", b"id,id,at,score,decision\n1,2,3,4,5\n", SourceError, "names the column 'id' twice"),
        ("other.csv", b"identifier,at,score,decision\n1,2,3,4\n", SourceError, "no column 'id'"),
        ("cut.parquet", b"PAR1 and nothing else", SourceError, "Parquet file cannot be read"),
        ("none-*.csv", None, NotFoundError, "no file fits the pattern"),
        ("folder", None, SourceError, "the folder holds no files"),
    ],
)
def test_nothing_is_stored_by_half(
    book: Logbook, name: str, content: bytes | None, error: type[GovernanceError], said: str
) -> None:
    """A mistake in the last of three files is found before the first is stored."""
    before = book.digest()
    (book.folder / "folder").mkdir()
    good = [book.write("a.csv", CSV), book.write("b.csv", CSV.replace("r1", "r3"))]
    bad = book.folder / name if content is None else book.write(name, content)
    with pytest.raises(error, match=said) as caught:
        book.ingest(*good, bad)
    assert caught.value.where
    assert caught.value.where.startswith(str(bad))
    assert caught.value.hint
    assert book.digest() == before


def test_an_unknown_format_and_wrong_names_are_refused(book: Logbook) -> None:
    path = book.write("log.csv", CSV)
    before = book.digest()

    def run(source: str | None = None, mapping: Path | None = None) -> None:
        ingestion.ingest(book.workspace, [str(path)], now=NOW, source=source, mapping=mapping)

    with pytest.raises(SourceError, match="format of this file is not recognised"):
        run()
    with pytest.raises(SourceError, match="no source is called 'otlpp'"):
        run(source="otlpp")
    with pytest.raises(SourceError, match="cannot both be given"):
        run(source="otlp", mapping=book.write("mapping.yaml", MAPPING))
    with pytest.raises(NotFoundError, match="the mapping cannot be read"):
        run(mapping=book.folder / "none.yaml")
    with pytest.raises(PolicyError) as caught:
        run(
            mapping=book.write(
                "wrong.yaml", MAPPING.replace("score: score", "scor: score") + "feature: [a]\nsource: 7\n"
            )
        )
    assert len(caught.value.mistakes) >= 1
    assert book.digest() == before


def test_standard_input_folders_patterns_and_odd_names(book: Logbook) -> None:
    mapping = book.write("mapping.yaml", MAPPING)

    def run(*paths: str, stdin: bytes = b"") -> ingestion.Ingestion:
        return ingestion.ingest(book.workspace, paths, now=NOW, mapping=mapping, stdin=io.BytesIO(stdin))

    done = run("-", stdin=CSV.encode())
    assert [(report.path, report.stored) for report in done.files] == [("-", 2)]
    assert list((book.workspace.store / "cache").glob(".tmp-stdin*")) == []
    with pytest.raises(SourceError, match="the file is empty"):
        run("-")
    folder = book.folder / "logs"
    (folder / "sub").mkdir(parents=True)
    (folder / "b.csv").write_text(CSV.replace("r1", "b1"))
    (folder / "sub" / "a.csv").write_text(CSV.replace("r1", "a1"))
    (folder / ".hidden.csv").write_text("nonsense")
    (folder / "empty.csv").touch()  # just rotated
    assert [Path(report.path).name for report in run(str(folder)).files] == ["b.csv", "a.csv"]
    assert [Path(report.path).name for report in run(str(folder / "**" / "*.csv")).files] == ["b.csv", "a.csv"]
    (book.folder / "none").mkdir()
    (book.folder / "none" / "a.csv").touch()
    for path in (folder / "empty.csv", book.folder / "none"):
        with pytest.raises(SourceError, match="the file is empty"):
            run(str(path))
    odd = os.fsencode(book.folder) + b"/caf\xe9 [1].csv"
    Path(os.fsdecode(odd)).write_text(CSV.replace("r1", "odd"))
    (report,) = run(os.fsdecode(odd)).files
    assert report.path.endswith("caf\\xe9 [1].csv")
    assert book.verifies()


def test_raw_files_are_kept_where_the_workspace_says_so(tmp_path: Path) -> None:
    book = logbook(tmp_path)
    settings = book.workspace.root / "governance.toml"
    settings.write_text(settings.read_text().replace("# keep_raw = false", "keep_raw = true"))
    done = subprocess.run(ingest_command(book, book.write("log.csv", CSV)), check=True, capture_output=True, text=True)
    assert json.loads(done.stdout)["stored"] == 2
    (entry,) = book.snapshot.of_kind("file")
    assert book.snapshot.blob(str(entry.facts["file_sha256"])).read_text() == CSV


class TestLateRequests:
    REVIEWS = "source: s\ntable: reviews\ncolumns: {request_id: id, requested_ts: at, outcome: o}\n"

    def reviews(self, book: Logbook, *targets: str) -> None:
        lines = ["id,at,o", *(f"{target},2026-07-05T00:00:00Z,confirmed" for target in targets)]
        book.read("reviews.csv", "\n".join(lines) + "\n", self.REVIEWS)

    def found(self, book: Logbook) -> dict[str, tuple[str | None, str | None]]:
        rows = book.rows("SELECT target_id, request_uid, decision_id FROM reviews")
        return {row["target_id"]: (row["request_uid"], row["decision_id"]) for row in rows}

    def test_they_are_found_when_they_arrive(self, book: Logbook) -> None:
        targets = ("r1", "client-1", "loans:r1", "loans:r1#0", "r1#0", "r9")
        self.reviews(book, *targets)
        assert set(self.found(book).values()) == {(None, None)}
        mapping = MAPPING.replace("score: score", "score: score\n  client_request_id: client")
        log = "id,at,score,decision,client\nr1,2026-07-01T10:00:00Z,0.5,yes,client-1\n"
        book.read("late.csv", log, mapping)
        expected = dict.fromkeys(targets, ("loans:r1", "loans:r1#0")) | {"r9": (None, None)}
        assert self.found(book) == expected
        assert self.status(book)["unmatched"] == {"reviews": 1}

    def test_they_are_found_when_they_were_there(self, book: Logbook) -> None:
        book.read("log.csv", CSV)
        self.reviews(book, "r1", "loans:r1", "loans:r1#0", "r2#0", "r9")
        one, two = ("loans:r1", "loans:r1#0"), ("loans:r2", "loans:r2#0")
        expected = {"r1": one, "loans:r1": one, "loans:r1#0": one, "r2#0": two, "r9": (None, None)}
        assert self.found(book) == expected

    def test_an_id_that_several_requests_share_names_none(self, book: Logbook) -> None:
        self.reviews(book, "r1", "r2", "other:r1")
        book.read("a.csv", CSV)
        book.read("b.csv", CSV, MAPPING.replace("loans", "other").replace("request_id: id", "request_id: id"))
        assert self.found(book)["r1"] == (None, None)
        assert self.found(book)["other:r1"] == ("other:r1", "other:r1#0")
        assert self.status(book)["unmatched"] == {"reviews": 2}

    def status(self, book: Logbook) -> dict[str, object]:
        done = subprocess.run(command(book, "status", "--json"), check=True, capture_output=True, text=True)
        found: dict[str, object] = json.loads(done.stdout)
        return found


def test_readings_are_sealed_and_foreign_files_in_the_spool_are_not(book: Logbook) -> None:
    spool = book.workspace.store / "spool"
    spool.mkdir(exist_ok=True)
    (spool / "a.json").write_text('{"at": "2026-09-01T00:00:00.000000Z", "requests": ["loans:r1"]}')
    for place, content in enumerate(["[]", "{bad", '{"x": 1.5}', '{"x": "\\ud800"}', "[" * 100_000, '{"x": NaN}']):
        (spool / f"b{place}.json").write_text(content)
    (spool / "c.json").symlink_to(book.workspace.key)
    book.read("log.csv", CSV)
    (entry,) = book.snapshot.of_kind("readings")
    assert entry.facts["events"] == [{"at": "2026-09-01T00:00:00.000000Z", "requests": ["loans:r1"]}]
    assert list(spool.iterdir()) == []
    assert book.workspace.key.exists()
    assert book.verifies()


def test_a_store_can_be_copied_and_goes_on(book: Logbook, tmp_path: Path) -> None:
    book.read("a.csv", CSV)
    shutil.copytree(book.workspace.root, tmp_path / "copy")
    copy = Logbook(tmp_path, replace(book.workspace, root=tmp_path / "copy"))
    assert copy.read("b.csv", CSV.replace("r1", "r3")).stored == 1
    assert copy.verifies()
