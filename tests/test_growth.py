"""Files that grew are read on; what is in is not read again; and both say the same as reading everything."""

from __future__ import annotations

import gzip
import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from governance import ingestion
from governance.arrivals.intake import Intake
from governance.arrivals.manifest import Manifest
from governance.records import open_log, records
from governance.storage.store import Store
from tests.logbooks import MAPPING, NOW, Logbook, logbook

HEADER = "id,at,score,decision\n"


@pytest.fixture
def book(tmp_path: Path) -> Logbook:
    return logbook(tmp_path)


def line(name: str, decision: str = "approved") -> str:
    return json.dumps({"id": name, "at": "2026-07-01T10:00:00Z", "score": 0.5, "decision": decision}) + "\n"


def row(name: str, decision: str = "approved") -> str:
    return f"{name},2026-07-01T10:00:00Z,0.5,{decision}\n"


def balance(report: ingestion.FileReport) -> tuple[int, int, int, int]:
    return report.records, report.stored, report.duplicates, report.quarantined


def ids(book: Logbook) -> list[Any]:
    return book.values("SELECT request_id FROM requests ORDER BY ALL")


class TestReadOn:
    def test_json_lines(self, book: Logbook) -> None:
        first = line("r1") + line("r2")
        assert balance(book.read("log.jsonl", first)) == (2, 2, 0, 0)
        grown = book.read("log.jsonl", first + "\n" + line("r3") + "{broken}\n")
        assert balance(grown) == (2, 1, 0, 1)
        assert grown.from_byte == len(first)
        assert ids(book) == ["r1", "r2", "r3"]
        assert book.rows("SELECT request_id, row_no FROM requests ORDER BY ALL")[2] == {"request_id": "r3", "row_no": 3}
        assert [(number, raw) for number, _, raw in book.quarantine()] == [(5, b"{broken}")]
        before, after = book.snapshot.of_kind("file")
        assert after.facts["continues"] == before.facts["batch"]
        assert (after.facts["from_byte"], after.facts["from_line"], after.facts["from_record"]) == (len(first), 2, 2)
        assert after.facts["bytes"] == (book.folder / "log.jsonl").stat().st_size
        assert book.verifies()

    def test_it_is_not_read_before_that(self, book: Logbook, monkeypatch: pytest.MonkeyPatch) -> None:
        book.read("log.jsonl", "".join(line(f"r{n}") for n in range(50)))
        read: list[int] = []
        batches = ingestion._Run._batches

        def watched(run: ingestion._Run, intake: Intake) -> Any:
            for batch in batches(run, intake):
                read.append(batch.records)
                yield batch

        monkeypatch.setattr(ingestion._Run, "_batches", watched)
        book.read("log.jsonl", "".join(line(f"r{n}") for n in range(53)))
        assert read == [3]

    def test_growing_again_and_again_and_the_sum_in_the_end(self, book: Logbook) -> None:
        content = ""
        for n in range(4):
            content += line(f"r{n}")
            assert balance(book.read("log.jsonl", content)) == (1, 1, 0, 0)
        assert balance(book.ingest(book.folder / "log.jsonl")) == (4, 0, 4, 0)
        assert len(book.snapshot.of_kind("file")) == 4

    @pytest.mark.parametrize("write", [line, row])
    def test_a_line_that_was_cut_is_stored_when_it_is_whole(self, book: Logbook, write: Any) -> None:
        name, head = ("log.jsonl", "") if write is line else ("log.csv", HEADER)
        whole = head + write("r1") + write("r2") + write("r3")
        cut = len(head) + len(write("r1")) + 20
        assert balance(book.read(name, whole[:cut])) == (2, 1, 0, 1)
        assert [reason for _, reason, _ in book.quarantine()] == ["truncated"]
        grown = book.read(name, whole)
        assert balance(grown) == (2, 2, 0, 0)
        assert grown.from_byte == len(head) + len(write("r1"))
        assert book.rows("SELECT request_id, row_no FROM requests ORDER BY ALL") == [
            {"request_id": f"r{n}", "row_no": n} for n in (1, 2, 3)
        ]

        assert book.quarantine() == []
        assert book.verifies()

    @pytest.mark.parametrize("write", [line, row])
    def test_a_line_that_was_cut_leaves_quarantine_and_is_counted_once(self, book: Logbook, write: Any) -> None:
        name, head = ("log.jsonl", "") if write is line else ("log.csv", HEADER)
        bad = "{bad}\n" if write is line else "bad\n"
        whole = head + bad + "".join(write(f"r{n}") for n in range(1, 6))
        ends = [place for place, sign in enumerate(whole, 1) if sign == "\n"]
        for length in (ends[3] - 30, ends[3] - 20, ends[4] - 10, len(whole)):  # cut twice in one line, then in another
            book.read(name, whole[:length])
            assert sum(reason == "truncated" for _, reason, _ in book.quarantine()) == (length < len(whole))
        assert [reason for _, reason, _ in book.quarantine()] == ["bad_json" if write is line else "bad_csv"]
        assert balance(book.ingest(book.folder / name)) == (6, 0, 5, 1)
        assert book.values("SELECT row_no FROM requests ORDER BY ALL") == [2, 3, 4, 5, 6]
        released = book.snapshot.of_kind("retry")
        assert [entry.facts["counts"]["records"] for entry in released] == [-1, -1, -1]
        before = Store(book.workspace.store).snapshot(released[0].number)
        assert len(before.of_kind("retry")) == 0
        assert book.verifies()

    def test_killed_before_it_was_said_it_is_said_once(self, book: Logbook, monkeypatch: pytest.MonkeyPatch) -> None:
        whole = line("r1") + line("r2") + line("r3")
        book.read("log.jsonl", whole[: len(line("r1")) + 20])
        commit = ingestion._Run._commit

        def killed(run: ingestion._Run, kind: str, facts: dict[str, Any], staged: list[Any]) -> None:
            if kind == "file":
                raise KeyboardInterrupt
            commit(run, kind, facts, staged)

        with monkeypatch.context() as patch:
            patch.setattr(ingestion._Run, "_commit", killed)
            with pytest.raises(KeyboardInterrupt):
                book.read("log.jsonl", whole)
        assert balance(book.read("log.jsonl", whole)) == (2, 0, 2, 0)
        assert len(book.snapshot.of_kind("retry")) == 1
        assert balance(book.ingest(book.folder / "log.jsonl")) == (3, 0, 3, 0)
        assert book.verifies()

    def test_a_whole_line_without_its_end_is_a_duplicate(self, book: Logbook) -> None:
        assert balance(book.read("log.jsonl", line("r1") + line("r2").rstrip())) == (2, 2, 0, 0)
        assert balance(book.read("log.jsonl", line("r1") + line("r2") + line("r3"))) == (2, 1, 1, 0)

    def test_csv(self, book: Logbook) -> None:
        first = HEADER.replace(",", ";") + row("r1").replace(",", ";")
        assert balance(book.read("log.csv", first)) == (1, 1, 0, 0)
        grown = book.read("log.csv", first + row("r2").replace(",", ";") + "bad;row\n")
        assert balance(grown) == (2, 1, 0, 1)
        assert grown.from_byte == len(first)
        assert [(number, reason) for number, reason, _ in book.quarantine()] == [(4, "bad_csv")]

    def test_a_csv_row_with_an_open_quote_is_read_again(self, book: Logbook) -> None:
        first = HEADER + row("r1") + '"r2\nwith more",2026-07-01T10:0'
        before = book.read("log.csv", first)
        assert before.stored == 1
        grown = book.read("log.csv", first + "0:00Z,0.5,approved\n" + row("r3"))
        assert grown.from_byte == len(HEADER + row("r1"))
        assert balance(grown) == (2, 2, 0, 0)
        assert ids(book) == ["r1", "r2\nwith more", "r3"]

    def test_a_csv_row_that_was_whole_but_for_its_last_letters_is_a_conflict(self, book: Logbook) -> None:
        """Nobody can tell `approve` from a word; the whole file is read again, and says so."""
        whole = HEADER + row("r1") + row("r2")
        book.read("log.csv", whole[:-3])
        grown = book.read("log.csv", whole)
        assert (grown.from_byte, grown.stored, grown.duplicates, grown.conflicts) == (0, 1, 1, 1)

    def test_a_known_format(self, book: Logbook) -> None:
        def entry(n: int) -> str:
            decision = {"labels": {"id": "x", "version": "1.0"}, "path": "a/b", "result": True}
            return json.dumps(decision | {"timestamp": f"2026-07-01T10:00:0{n}Z", "decision_id": f"d{n}"}) + "\n"

        path = book.write("opa.jsonl", entry(1) + entry(2))

        def read() -> ingestion.FileReport:
            return ingestion.ingest(book.workspace, [str(path)], now=NOW).files[0]

        assert balance(read()) == (2, 2, 0, 0)
        book.write("opa.jsonl", entry(1) + entry(2) + entry(3))
        report = read()
        assert balance(report) == (1, 1, 0, 0)
        assert report.from_byte == len(entry(1)) * 2

    def test_an_interrupted_reading_goes_on_as_it_began(self, book: Logbook, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("governance.batches.BATCH_RECORDS", 2)
        book.read("log.jsonl", line("r0"))
        commit = ingestion._Run._commit

        def failing(run: ingestion._Run, kind: str, facts: dict[str, Any], staged: list[Any]) -> None:
            if facts.get("number") == 1:
                raise KeyboardInterrupt
            commit(run, kind, facts, staged)

        content = "".join(line(f"r{n}") for n in range(6))
        with monkeypatch.context() as patch:
            patch.setattr(ingestion._Run, "_commit", failing)
            with pytest.raises(KeyboardInterrupt):
                book.read("log.jsonl", content)
        report = book.ingest(book.folder / "log.jsonl")
        assert balance(report) == (5, 3, 2, 0)
        assert report.from_byte == len(line("r0"))
        assert ids(book) == [f"r{n}" for n in range(6)]
        assert balance(book.ingest(book.folder / "log.jsonl")) == (6, 0, 6, 0)


class TestReadWhole:
    """Each of these is read from its start, and what is in is counted as duplicates."""

    def test_other_content_of_the_same_name(self, book: Logbook) -> None:
        book.read("log.jsonl", line("r1"))
        rotated = book.read("log.jsonl", line("r2") + line("r3"))
        assert (rotated.from_byte, balance(rotated)) == (0, (2, 2, 0, 0))

    def test_compressed(self, book: Logbook) -> None:
        book.read("log.jsonl.gz", gzip.compress(line("r1").encode(), mtime=0))
        more = gzip.compress(line("r1").encode(), mtime=0) + gzip.compress(line("r2").encode(), mtime=0)
        report = book.read("log.jsonl.gz", more)
        assert (report.from_byte, balance(report)) == (0, (2, 1, 1, 0))

    def test_ids_made_of_content(self, book: Logbook) -> None:
        """Two people with equal rows stay two: the second is told from the first by counting."""
        mapping = MAPPING.replace("  request_id: id\n", "")
        book.read("log.jsonl", line("same"), mapping)
        report = book.read("log.jsonl", line("same") + line("same"), mapping)
        assert (report.from_byte, balance(report)) == (0, (2, 1, 1, 0))

    def test_another_mapping(self, book: Logbook) -> None:
        book.read("log.jsonl", line("r1"))
        report = book.read("log.jsonl", line("r1") + line("r2"), MAPPING.replace("loans", "others"))
        assert (report.from_byte, balance(report)) == (0, (2, 2, 0, 0))

    def test_one_line_without_an_end(self, book: Logbook) -> None:
        book.read("log.jsonl", line("r1").rstrip())
        assert book.read("log.jsonl", line("r1") + line("r2")).from_byte == 0


class TestWhileItIsRead:
    """The digest is taken first; what is stored must be of the same bytes."""

    @pytest.mark.parametrize("form", ["jsonl", "csv"])
    def test_what_is_appended_waits_for_the_next_time(self, book: Logbook, form: str) -> None:
        head, write = ("", line) if form == "jsonl" else (HEADER, row)
        path = book.write(f"log.{form}", head + write("r1"))
        log = open_log(path)
        with path.open("a") as file:
            file.write(write("r2"))
        assert [record.value and record.value["id"] for record in records(log)] == ["r1"]

    def test_what_is_cut_off_is_said(self, book: Logbook) -> None:
        """As log rotation by copying and truncating does."""
        path = book.write("log.jsonl", line("r1") + line("r2"))
        log = open_log(path)
        path.write_text(line("r1"))
        assert [(record.reason, record.detail) for record in records(log)] == [
            (None, None),
            ("truncated", f"the file became shorter while it was read ({len(line('r1')) * 2} bytes before)"),
        ]


LATER = datetime.now(UTC) + timedelta(hours=1)


class TestUnchanged:
    @staticmethod
    def again(book: Logbook, path: Path, *, now: datetime = LATER, mapping: str = MAPPING) -> ingestion.FileReport:
        file = book.write("mapping.yaml", mapping)
        return ingestion.ingest(book.workspace, [str(path)], now=now, mapping=file).files[0]

    def test_it_is_not_opened(self, book: Logbook, monkeypatch: pytest.MonkeyPatch) -> None:
        path = book.write("log.jsonl", line("r1") + "{broken}\n")
        assert balance(self.again(book, path)) == (2, 1, 0, 1)

        def refused(*_: Any) -> None:
            raise AssertionError("opened")

        with monkeypatch.context() as patch:
            patch.setattr("governance.arrivals.intake.open_log", refused)
            assert balance(self.again(book, path)) == (2, 0, 1, 1)
            with pytest.raises(AssertionError, match="opened"):
                self.again(book, path, mapping=MAPPING.replace("loans", "others"))
        assert len(book.snapshot.of_kind("file")) == 1

    def test_a_change_that_keeps_size_and_time_is_seen(self, book: Logbook) -> None:
        path = book.write("log.jsonl", line("r1"))
        before = path.stat()
        self.again(book, path)
        path.write_text(line("r2"))
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        assert path.stat().st_size == before.st_size
        assert balance(self.again(book, path)) == (1, 1, 0, 0)

    def test_what_changed_just_now_is_not_remembered(self, book: Logbook) -> None:
        path = book.write("log.jsonl", line("r1"))
        self.again(book, path, now=datetime.now(UTC))
        assert not (book.workspace.store / "cache" / "manifest.json").exists()

    def test_a_renamed_file_that_grew_is_read_on(self, book: Logbook) -> None:
        """As log rotation does: the last lines come, the file gets another name, a new one begins."""
        path = book.write("log.jsonl", line("r1"))
        self.again(book, path)
        with path.open("a") as file:
            file.write(line("r2"))
        moved = path.rename(book.folder / "log.jsonl.1")
        report = self.again(book, moved)
        assert (report.from_byte, balance(report)) == (len(line("r1")), (1, 1, 0, 0))

    @pytest.mark.parametrize("content", ["", "[]", '{"1:2": [1]}', '{"1:2": "x"}', "{" * 100_000, "\x00"])
    def test_a_broken_cache_is_made_again(self, book: Logbook, content: str) -> None:
        path = book.write("log.jsonl", line("r1"))
        cache = book.workspace.store / "cache" / "manifest.json"
        cache.parent.mkdir(exist_ok=True)
        cache.write_text(content)
        assert balance(self.again(book, path)) == (1, 1, 0, 0)
        assert Manifest(cache).digest(path.stat())

    def test_a_cache_that_lies_adds_nothing(self, book: Logbook) -> None:
        """It can only say that a file may be left alone which the ledger names."""
        path = book.write("log.jsonl", line("r1"))
        manifest = Manifest(book.workspace.store / "cache" / "manifest.json")
        manifest.remember(path.stat(), "0" * 64, LATER)
        manifest.save()
        assert balance(self.again(book, path)) == (1, 1, 0, 0)
        (entry,) = book.snapshot.of_kind("file")
        assert entry.facts["file_sha256"] != "0" * 64
