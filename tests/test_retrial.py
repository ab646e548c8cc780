"""Quarantine read again: what can be read is stored as if it had been at once, the rest stays, and nothing is lost."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

import governance as gov
from governance.blocks import Table
from governance.compaction import compact
from governance.engines.duckdb import Engine
from governance.errors import GovernanceError, NotFoundError, SourceError
from governance.formats.rows import UnreadableError
from governance.identities.lookups import find_one
from governance.ingestion import ingest
from governance.inventory import status
from governance.quarantine.held import Selection, quarantined
from governance.quarantine.retrial import FileRetrial, Retrial, retry
from governance.records import text_of
from governance.rehearsal import rehearse
from governance.simulator.hostile_logs import write_hostile_log
from governance.simulator.hostile_records import LAYOUTS, MAPPING
from governance.sources import Source
from governance.sources.kserve import SOURCE as KSERVE
from governance.sources.opa import SOURCE as OPA
from governance.sources.otlp import SOURCE as OTLP
from governance.storage.store import Store
from tests.logbooks import NOW, Logbook, logbook
from tests.sources.test_kserve import ANSWERED, ASKED
from tests.sources.test_otlp import export_of, span_of

if TYPE_CHECKING:
    from pathlib import Path


GOOD = """\
source: loans
columns:
  request_id: id
  start_ts: at
  model: {constant: credit}
  score: score
  decision: {column: decision, map: {"yes": "yes", "no": "no", maybe: "no"}}
  user_id: note
features: [amount]
"""
BAD = GOOD.replace(', maybe: "no"', "")
HEADER = "id,at,score,decision,note,amount\n"
ROWS = [
    "r1,2026-07-01T10:00:00Z,0.5,yes,a,1\n",
    'r2,2026-07-02T10:00:00Z,0.6,maybe,"two\nlines",2\n',
    "\n",
    "r3,2026-07-03T10:00:00Z,0.7,no,c,3\n",
    "r4,2026-07-03T11:00:00Z,0.8,maybe,d,4\n",
    "r5,soon,0.9,yes,e,5\n",
]
CSV = HEADER + "".join(ROWS)


@pytest.fixture
def book(tmp_path: Path) -> Logbook:
    return logbook(tmp_path)


@pytest.fixture
def other(tmp_path: Path) -> Logbook:
    """A workspace to compare with."""
    (tmp_path / "other").mkdir()
    return logbook(tmp_path / "other")


def again(book: Logbook, selection: Selection | None = None, mapping: str | None = None, **options: Any) -> Retrial:
    """Reads again, and checks the balance of what was selected and of the whole ledger."""
    form = book.write("again.yaml", mapping) if mapping else None
    before = quarantine(book)
    done = retry(book.workspace, selection or Selection(), now=NOW, mapping=form, **options)
    for report in done.files:
        assert report.retried == report.stored + report.duplicates + report.ignored + report.quarantined
        assert report.reasons.total() == report.quarantined
    assert book.verifies()
    left = sum(entry.facts["counts"]["quarantined"] for entry in book.snapshot.of_kind("ingest", "retry"))
    assert left == len(quarantine(book)) == len(before) - done.total("retried") + done.total("quarantined")
    balance(book)
    return done


def balance(book: Logbook) -> None:
    """Of every file: records = stored + duplicates + quarantined + ignored."""
    sums: dict[str, Counter[str]] = {}
    for entry in book.snapshot.of_kind("ingest", "retry"):
        sums.setdefault(entry.facts["batch"], Counter()).update(entry.facts["counts"])
        assert min(Counter(entry.facts["counts"]).values()) >= 0 or entry.kind == "retry"
    for own in sums.values():
        assert own["records"] == own["stored"] + own["duplicates"] + own["quarantined"] + own["ignored"]


def quarantine(book: Logbook, as_of: int | None = None) -> list[dict[str, Any]]:
    with Engine() as engine:
        return quarantined(Store(book.workspace.store).snapshot(as_of), engine, Selection())


def contents(book: Logbook) -> dict[str, list[str]]:
    """The rows of every view but those of the quarantine, in no order."""
    names = [name for name in book.snapshot.views() if name not in {"quarantine", "identities"}]
    return {
        name: sorted(json.dumps(row, default=str, sort_keys=True) for row in book.rows(f'SELECT * FROM "{name}"'))
        for name in names
    }


def alone(done: Retrial) -> FileRetrial:
    (report,) = done.files
    return report


class TestMapped:
    @pytest.fixture(params=["csv", "jsonl"])
    def log(self, book: Logbook, request: pytest.FixtureRequest) -> Path:
        if request.param == "csv":
            return book.write("log.csv", CSV)
        names = HEADER.strip().split(",")
        cells = [row.replace('"', "").rstrip("\n").split(",") for row in ROWS]
        lines = [json.dumps(dict(zip(names, row, strict=True))) if len(row) > 1 else "" for row in cells]
        return book.write("log.jsonl", "\n".join(lines) + "\n")

    def test_the_store_is_as_if_the_mapping_had_been_right(self, book: Logbook, other: Logbook, log: Path) -> None:
        report = book.ingest(log, mapping=BAD)
        assert (report.stored, report.quarantined) == (2, 3)
        size = book.snapshot.checkpoint.size
        done = alone(again(book, mapping=GOOD))
        assert (done.retried, done.stored, done.quarantined, done.reasons) == (3, 2, 1, {"bad_time": 1})
        other.ingest(log, mapping=GOOD)
        assert contents(book) == contents(other)
        assert [row["line"] for row in quarantine(book)] == [row["line"] for row in quarantine(other)]
        assert len(quarantine(book, size)) == 3

    def test_once_more_changes_nothing(self, book: Logbook, log: Path) -> None:
        book.ingest(log, mapping=BAD)
        again(book, mapping=GOOD)
        before = book.digest()
        done = alone(again(book, mapping=GOOD))
        assert (done.retried, done.stored, done.quarantined) == (1, 0, 1)
        assert book.digest() == before

    def test_with_the_mapping_of_then_nothing_is_released(self, book: Logbook, log: Path) -> None:
        book.ingest(log, mapping=BAD)
        before = book.digest()
        assert alone(again(book)).reasons == {"unmapped_value": 2, "bad_time": 1}
        assert book.digest() == before

    def test_every_reader_sees_it(self, book: Logbook, log: Path) -> None:
        book.ingest(log, mapping=BAD)
        size = book.snapshot.checkpoint.size
        again(book, mapping=GOOD)
        rows = {item["table"]: item["rows"] for item in status(book.workspace.store)["tables"]}
        assert (rows["requests"], rows["quarantine"]) == (4, 1)
        rows = {item["table"]: item["rows"] for item in status(book.workspace.store, as_of=size)["tables"]}
        assert (rows["requests"], rows["quarantine"]) == (2, 3)
        with Engine() as engine:
            assert find_one(book.snapshot, engine, "r2").request_uid == "loans:r2"
        report = book.ingest(log, mapping=BAD)  # the same file once more
        assert (report.records, report.stored, report.duplicates, report.quarantined) == (5, 0, 4, 1)
        assert report.reasons == {"bad_time": 1}
        form = book.write("again.yaml", BAD)
        told = rehearse(book.workspace, [str(log)], now=NOW, mapping=form).ingestion
        assert (told.total("duplicates"), told.total("quarantined")) == (4, 1)

    def test_what_was_read_from_elsewhere_meanwhile_is_a_duplicate(self, book: Logbook, log: Path) -> None:
        book.ingest(log, mapping=BAD)
        book.read("more.csv", CSV + "r9,2026-07-03T11:00:00Z,0.8,no,d,4\n", GOOD)
        done = alone(again(book, Selection(file=log.name), GOOD))
        assert (done.stored, done.duplicates, done.quarantined) == (0, 2, 1)
        assert [row["line"] for row in quarantine(book) if row["file"] == str(log)] != []

    def test_the_same_identity_with_other_content_is_a_conflict(self, book: Logbook, log: Path) -> None:
        book.ingest(log, mapping=BAD)
        book.read("more.csv", HEADER + "r2,2026-07-02T10:00:00Z,0.1,no,b,2\n", GOOD)
        done = alone(again(book, Selection(file=log.name), GOOD))
        assert (done.stored, done.conflicts) == (2, 1)
        assert book.values("SELECT score FROM decisions WHERE request_id = 'r2'") == [0.1]
        assert status(book.workspace.store)["conflicts"] == 1

    def test_some_of_them(self, book: Logbook, log: Path) -> None:
        book.ingest(log, mapping=BAD)
        first, second, _ = quarantine(book)
        assert alone(again(book, Selection(ids=(second["quarantine_id"],)), GOOD)).stored == 1
        assert book.values("SELECT request_id FROM requests ORDER BY 1") == ["r1", "r3", "r4"]
        with pytest.raises(NotFoundError, match="no record in quarantine has this id"):
            again(book, Selection(ids=(second["quarantine_id"],)), GOOD)
        assert alone(again(book, Selection(file=first["file_sha256"][:8], reason="unmapped_value"), GOOD)).stored == 1
        assert alone(again(book, mapping=GOOD)).quarantined == 1


def test_a_killed_retry_is_taken_up(book: Logbook, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [f"r{place},2026-07-01T10:00:00Z,0.5,maybe,a,1\n" for place in range(10)]
    monkeypatch.setattr("governance.batches.BATCH_RECORDS", 4)
    book.read("log.csv", HEADER + "".join(rows), BAD)
    form = book.write("again.yaml", GOOD)
    commit = type(book.snapshot).grown
    with monkeypatch.context() as patch:
        seen: list[object] = []

        def stopped(*arguments: Any) -> Any:
            seen.append(arguments)
            if len(seen) == 2:
                raise KeyboardInterrupt
            return commit(*arguments)

        patch.setattr("governance.storage.store.Snapshot.grown", stopped)
        with pytest.raises(KeyboardInterrupt):
            retry(book.workspace, Selection(), now=NOW, mapping=form)
    assert book.verifies()
    assert len(quarantine(book)) == 2
    assert book.values("SELECT count(*) FROM requests") == [8]
    assert again(book, mapping=GOOD).total("stored") == 2
    assert book.values("SELECT list(row_no ORDER BY row_no) FROM requests") == [list(range(1, 11))]


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_equal_rows_stay_two_people(book: Logbook, other: Logbook, suffix: str) -> None:
    """Their ids come from content and occurrence, also if they are read again one after the other."""
    good = GOOD.replace("  request_id: id\n", "")
    bad = BAD.replace("  request_id: id\n", "")
    row = "x,2026-07-02T10:00:00Z,0.6,maybe,b,2\n"
    line = '{"at": "2026-07-02T10:00:00Z", "decision": "%s", "score": 1}\n'
    lines = {"csv": HEADER + ROWS[0] + row * 3, "jsonl": line % "yes" + line % "maybe" * 3}
    log = book.write(f"log.{suffix}", lines[suffix])
    book.ingest(log, mapping=bad)
    for entry in quarantine(book)[1:]:
        assert alone(again(book, Selection(ids=(entry["quarantine_id"],)), good)).stored == 1
    assert alone(again(book, mapping=good)).stored == 1
    other.ingest(log, mapping=good)
    ids = "SELECT request_id FROM requests ORDER BY 1"
    assert book.values(ids) == other.values(ids)
    assert len(set(book.values(ids))) == 4


def test_types_of_inputs_stay_what_they_are(book: Logbook) -> None:
    rows = "".join(f"r{place},2026-07-01T10:00:00Z,0.5,yes,a,{place}\n" for place in range(200))
    book.read("log.csv", HEADER + rows + "bad,2026-07-01T10:00:00Z,0.5,yes,a,lots\n", GOOD)
    assert alone(again(book)).reasons == {"type_mismatch": 1}
    assert alone(again(book, mapping=GOOD.replace("[amount]", "[]"))).stored == 1


@pytest.mark.parametrize("name", LAYOUTS)
def test_of_a_hostile_log_nothing_is_released_and_nothing_said_otherwise(book: Logbook, name: str) -> None:
    layout = LAYOUTS[name]
    path = book.folder / f"log{layout.suffix}"
    truth = write_hostile_log(path, layout, 800, seed=5)
    form = book.write("mapping.yaml", MAPPING) if layout.is_mapped else None
    ingest(book.workspace, [str(path)], now=NOW, mapping=form)
    before = book.digest()
    done = alone(again(book))
    assert done.quarantined == done.retried == len(truth.quarantine)
    assert done.reasons == Counter(place.reason for place in truth.quarantine)
    assert book.digest() == before


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mapped-json", "litellm-spend"])
def test_a_record_whose_bytes_were_cut_is_not_taken_for_a_whole_one(book: Logbook, name: str) -> None:
    layout = LAYOUTS[name]
    path = book.folder / f"log{layout.suffix}"
    write_hostile_log(path, layout, 400, seed=5, too_long=True)
    form = book.write("mapping.yaml", MAPPING) if layout.is_mapped else None
    ingest(book.workspace, [str(path)], now=NOW, mapping=form)
    assert alone(again(book)).reasons["too_long"] == 1


class TestRecognised:
    """A newer version of a source reads what the older one could not."""

    def older(self, source: Source, patch: pytest.MonkeyPatch, *words: str) -> None:
        """Makes the source refuse every record that holds one of some words."""
        rows = type(source).rows

        def refusing(self: Source, record: Any) -> Any:
            if any(word in json.dumps(record, default=str) for word in words):
                raise UnreadableError("missing_value", "an older version did not know this")
            return rows(self, record)

        patch.setattr(type(source), "rows", refusing)
        patch.setattr(type(source), "many", Source.many)  # each record by itself

    def both(
        self, book: Logbook, other: Logbook, patch: pytest.MonkeyPatch, source: Source, path: Path, *words: str
    ) -> FileRetrial:
        """Reads with an older version and again with today's, and compares with today's at once."""
        with patch.context() as older:
            self.older(source, older, *words)
            ingest(book.workspace, [str(path)], now=NOW)
        done = alone(again(book))
        ingest(other.workspace, [str(path)], now=NOW)
        assert contents(book) == contents(other)
        assert quarantine(book) == quarantine(other) == []
        return done

    def test_one_record_a_line(self, book: Logbook, other: Logbook, monkeypatch: pytest.MonkeyPatch) -> None:
        events = [
            {"decision_id": f"d{place}", "timestamp": "2026-07-01T10:00:00Z", "path": "credit/allow", "result": True}
            | {"input": {"team": "ab"[place % 2]}}
            for place in range(6)
        ]
        server = '{"level": "info", "msg": "Received.", "time": "2026-07-01T00:00:00Z"}'
        path = book.write("log.jsonl", "\n\n".join([*map(json.dumps, events), server]))
        done = self.both(book, other, monkeypatch, OPA, path, '"b"', "Received.")
        assert (done.retried, done.stored, done.ignored) == (4, 3, 1)

    def test_several_records_a_line(self, book: Logbook, other: Logbook, monkeypatch: pytest.MonkeyPatch) -> None:
        """What was stored of the line stays as it is."""
        chat = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"}
        spans = [span_of(chat | {"gen_ai.response.id": f"c{place}"}, spanId=f"{place:016x}") for place in range(1, 7)]
        plain = span_of({"http.method": "GET"}, spanId="00000000000000aa")
        lines = [export_of(plain, *spans[:4]), export_of(*spans[4:])]
        path = book.write("log.jsonl", "".join(json.dumps(line) + "\n" for line in lines))
        done = self.both(book, other, monkeypatch, OTLP, path, '"c2"', '"c3"', '"c5"')
        assert (done.retried, done.stored, done.duplicates, done.ignored) == (3, 3, 0, 0)

    def test_some_records_of_a_line(self, book: Logbook, monkeypatch: pytest.MonkeyPatch) -> None:
        chat = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"}
        spans = [span_of(chat | {"gen_ai.response.id": f"c{place}"}, spanId=f"{place:016x}") for place in range(1, 7)]
        path = book.write("log.jsonl", json.dumps(export_of(*spans)) + "\n")
        with monkeypatch.context() as patch:
            self.older(OTLP, patch, '"c2"', '"c3"', '"c5"')
            ingest(book.workspace, [str(path)], now=NOW)
        with monkeypatch.context() as patch:
            self.older(OTLP, patch, '"c5"')
            done = alone(again(book))
        assert (done.retried, done.stored, done.quarantined) == (3, 2, 1)
        assert len(quarantine(book)) == 1
        assert alone(again(book)).stored == 1
        assert book.values("SELECT list(row_no ORDER BY row_no) FROM requests") == [[1, 2, 3, 4, 5, 6]]

    def test_two_halves(self, book: Logbook, other: Logbook, monkeypatch: pytest.MonkeyPatch) -> None:
        path = book.write("log.jsonl", "".join(text_of(half) + "\n" for half in (ASKED, ANSWERED)))
        done = self.both(book, other, monkeypatch, KSERVE, path, ASKED["id"])
        assert (done.retried, done.stored, done.ignored) == (2, 1, 1)

    def test_another_source_does_not_store_a_line_twice(self, book: Logbook, monkeypatch: pytest.MonkeyPatch) -> None:
        chat = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"}
        spans = [span_of(chat | {"gen_ai.response.id": f"c{place}"}, spanId=f"{place:016x}") for place in (1, 2)]
        path = book.write("log.jsonl", json.dumps(export_of(*spans)) + "\n")
        with monkeypatch.context() as patch:
            self.older(OTLP, patch, '"c2"')
            ingest(book.workspace, [str(path)], now=NOW)
        monkeypatch.setattr(type(OPA), "split", type(OTLP).split)
        assert alone(again(book, source="opa")).reasons == {"other_source": 1}

    def test_several_records_of_a_line_are_not_one_row_of_a_table(
        self, book: Logbook, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        spans = [span_of({"gen_ai.operation.name": "chat"}, spanId=f"{place:016x}") for place in (1, 2)]
        path = book.write("log.jsonl", json.dumps(export_of(*spans)) + "\n")
        with monkeypatch.context() as patch:
            self.older(OTLP, patch, "chat")
            ingest(book.workspace, [str(path)], now=NOW)
        mapping = "source: otlp\ncolumns: {start_ts: {constant: 2026-07-01T00:00:00Z}}\n"
        assert alone(again(book, mapping=mapping)).reasons == {"other_source": 2}


def test_a_mapping_that_names_another_column_is_refused_at_once(book: Logbook) -> None:
    book.read("log.csv", CSV, BAD)
    book.read("more.csv", CSV.replace("amount", "amounts"), BAD.replace("amount", "amounts"))
    before = book.digest()
    with pytest.raises(SourceError, match="no column 'amount'"):
        again(book, mapping=GOOD)  # the second of the files, and the first is left alone as well
    with pytest.raises(SourceError, match="no column 'amounts'"):
        again(book, mapping=GOOD.replace("[amount]", "[amounts]"))
    with pytest.raises(NotFoundError, match="no record in quarantine is of this file"):
        again(book, Selection(file="other.csv"))
    with pytest.raises(GovernanceError, match="no source is called 'opaa'"):
        again(book, source="opaa")
    assert book.digest() == before


def test_what_has_left_stays_out_when_files_are_merged(book: Logbook) -> None:
    for place in range(5):
        row = f"r{place},2026-07-01T10:00:00Z,0.5,maybe,a,1\nb{place},soon,0.5,yes,a,1\n"
        book.read(f"{place}.csv", HEADER + row, BAD)
        again(book, Selection(file=f"{place}.csv"), GOOD)
    before, rows = quarantine(book), contents(book)
    size = book.snapshot.checkpoint.size
    assert {table.table for table in compact(book.workspace, now=NOW).tables} >= {"quarantine", "released"}
    assert (quarantine(book), contents(book)) == (before, rows)
    assert quarantine(book, size) == before
    assert book.verifies()
    assert alone(again(book, Selection(file="3.csv"), GOOD)).reasons == {"bad_time": 1}


def test_the_report_says_the_balance_of_today(book: Logbook) -> None:
    book.read("log.csv", CSV, BAD)
    again(book, mapping=GOOD)
    section = gov.exhibits.completeness.records(gov.open(book.workspace.root).window("2026-Q3"))
    found = [block for block in section.blocks if isinstance(block, Table)]
    ((source, *counts),) = next(block.rows for block in found if block.caption == "Records received by source")
    assert (source, *counts) == ("loans", 1, 5, 4, 0, 0, 1, 0, "holds", "bad time 1")
