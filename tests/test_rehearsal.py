"""A dry run says to the last record what `ingest` would do, and leaves no trace."""

from __future__ import annotations

import io
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from governance.cli import main
from governance.drafts.attributes import Unmapped, unmapped_inputs
from governance.errors import SourceError
from governance.ingestion import Ingestion, ingest
from governance.rehearsal import Rehearsal, Unmatched, rehearse
from governance.simulator.hostile_logs import write_hostile_log
from governance.simulator.hostile_records import LAYOUTS, MAPPING
from governance.storage.store import Store
from tests.logbooks import MAPPING as LOANS
from tests.logbooks import NOW, Logbook, logbook

if TYPE_CHECKING:
    from collections.abc import Iterator

CSV = "id,at,score,decision\nr1,2026-07-01T10:00:00Z,0.5,yes\nr2,2026-07-02T10:00:00Z,0.7,no\n"


@pytest.fixture
def book(tmp_path: Path) -> Logbook:
    return logbook(tmp_path)


@pytest.fixture(autouse=True)
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder for temporary files, which is as empty afterwards as it was before."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    assert list(folder.iterdir()) == []


def every_file(book: Logbook) -> dict[Path, tuple[int, int]]:
    """Every name in the store, `cache` included, with size and time of change."""
    found = {path: path.lstat() for path in book.workspace.store.rglob("*")}
    return {path: (state.st_size, state.st_mtime_ns) for path, state in found.items()}


def rehearsed(book: Logbook, *paths: Path, mapping: str | None = LOANS) -> Rehearsal:
    """A dry run that left every file of the store as it was."""
    before = every_file(book)
    form = book.write("mapping.yaml", mapping) if mapping else None
    found = rehearse(book.workspace, [str(path) for path in paths], now=NOW, mapping=form)
    assert every_file(book) == before
    return found


PEOPLE = """\
id,at,score,decision,Gender,applicant_age,dob,race,account_age,email
r1,2026-07-01T10:00:00Z,0.5,yes,f,34,1992-01-02,b,3,a@b
r2,2026-07-02T10:00:00Z,0.7,no,m,51,1975-01-02,w,4,c@d
"""


def test_what_looks_like_a_protected_attribute_is_named(book: Logbook) -> None:
    """Not one that is a subject, nor a column that is called like one by half."""
    people = book.write("people.csv", PEOPLE)
    found = rehearsed(book, people, mapping=LOANS + "  team: race\nfeatures: [applicant_age]\n").unmapped
    assert found == (
        Unmapped("Gender", "sex", "not read", can_map=True),
        Unmapped("applicant_age", "age_band", "input", (25, 40, 60), can_map=True),
        Unmapped("dob", "age_band", "not read"),
        Unmapped("race", "race", "team", can_map=True),
    )
    subjects = "features: '*'\nsubjects: {gender: Gender, race: race, age_band: {column: applicant_age, bands: [40]}}\n"
    assert rehearsed(book, people, mapping=LOANS + subjects).unmapped == ()
    assert rehearsed(book, people, mapping=LOANS + "features: '*'\n").unmapped[0].use == "input"


REVIEWS = "source: s\ntable: reviews\ncolumns: {request_id: id, requested_ts: at, outcome: o}\n"


def test_side_rows_that_find_no_request_are_counted(book: Logbook) -> None:
    """Those that the store or the files know are none; nor is a request that comes with the same command."""
    book.read("loans.csv", CSV)
    reviews = "id,at,o\n" + "".join(f"r{n},2026-07-03T00:00:0{n}Z,confirmed\n" for n in range(1, 5))
    log = book.write("reviews.csv", reviews)
    assert rehearsed(book, log, mapping=REVIEWS).unmatched == {"reviews": Unmatched(4, 2)}
    book.read("reviews.csv", reviews, REVIEWS)
    assert (
        rehearsed(
            book, book.write("more.csv", reviews + "r2,2026-07-04T00:00:00Z,returned\n"), mapping=REVIEWS
        ).unmatched
        == {}
    )
    late = rehearsed(book, book.write("r3.csv", CSV.replace("r1", "r3")))
    assert late.unmatched == {}


def test_inputs_of_a_known_format_that_look_like_protected_attributes(book: Logbook) -> None:
    """A log that is read without a mapping cannot be mapped otherwise; the input is named all the same."""
    same = {"specversion": "1.0", "id": "e1", "time": "2026-07-01T10:00:00Z", "inferenceservicename": "credit"}
    asked = {"instances": [{"debt": 7.5, "age": 34, "SEX": 2}]}
    halves = [("request", asked), ("response", {"predictions": [1]})]
    events = [{**same, "type": f"org.kubeflow.serving.inference.{kind}", "data": data} for kind, data in halves]
    log = book.write("events.jsonl", "".join(json.dumps(event) + "\n" for event in events))
    found = rehearsed(book, log, mapping=None).unmapped
    assert set(found) == {Unmapped("age", "age_band", "input"), Unmapped("SEX", "sex", "input")}
    assert unmapped_inputs(["debt", "SEX", "age"], ["sex"]) == [Unmapped("age", "age_band", "input")]


def told(done: Ingestion) -> list[object]:
    return [(report.path, report.source, report.counts(), report.reasons) for report in done.files]


def judged(rehearsal: Rehearsal) -> tuple[set[str], set[str]]:
    """The kinds that can be judged on the files, and on the store with them."""
    alone = {item.kind for item in rehearsal.alone if item.judged}
    return alone, {item.kind for item in rehearsal.with_store if item.judged}


@pytest.mark.parametrize(
    "name", [name if name in {"mapped-csv", "opa"} else pytest.param(name, marks=pytest.mark.slow) for name in LAYOUTS]
)
def test_it_says_of_a_hostile_log_what_ingest_does(book: Logbook, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With records that came before in the store, in another batch, and in another file."""
    monkeypatch.setattr("governance.batches.BATCH_RECORDS", 350)
    layout = LAYOUTS[name]
    first, second = (book.folder / f"{part}{layout.suffix}" for part in ("first", "second"))
    write_hostile_log(first, layout, 450, seed=1)
    write_hostile_log(second, layout, 550, seed=2)
    mapping = MAPPING if layout.is_mapped else None
    form = book.write("mapping.yaml", MAPPING) if layout.is_mapped else None
    for paths in ([first], [first, second]):
        found = rehearsed(book, *paths, mapping=mapping)
        assert len(found.bad) == 5  # of the file that is not in the store yet
        done = ingest(book.workspace, [str(path) for path in paths], now=NOW, mapping=form)
        assert told(found.ingestion) == told(done)
        assert found.ingestion.total("duplicates") == done.total("duplicates")
        assert found.ingestion.total("duplicates") > 0 or paths == [first]  # a short log may hold nothing twice
        assert found.ingestion.ledger_size < done.ledger_size


def test_it_says_which_columns_are_filled_and_what_can_be_judged(book: Logbook) -> None:
    found = rehearsed(book, book.write("log.csv", CSV))
    assert {"decisions.score", "decisions.decision", "requests.start_ts"} <= set(found.columns)
    assert not {"requests.latency_us", "requests.row_no", "outcomes.*"} & set(found.columns)
    alone, with_store = judged(found)
    assert alone == with_store
    assert "drift-output" in alone
    assert "latency-slo" not in alone
    said = next(item for item in found.alone if item.kind == "fairness-impact-ratio")
    assert (said.judged, said.policy_says) == (True, ("favourable",))


def test_the_store_and_the_files_can_judge_more_together(book: Logbook) -> None:
    book.read("log.csv", CSV)
    truths = "source: s\ntable: outcomes\ncolumns: {request_id: id, known_ts: at, name: {constant: n}, value: v}\n"
    mapping = truths.replace("value: v", 'value: v, positive: {column: v, map: {"1": true, "0": false}}')
    path = book.write("truths.csv", "id,at,v\nr1,2026-08-01T00:00:00Z,1\n")
    alone, with_store = judged(rehearsed(book, path, mapping=mapping))
    assert "performance-classification" not in alone
    assert {"performance-classification", "fairness-calibration"} <= with_store


def test_what_is_in_the_store_already_still_says_what_it_can_judge(book: Logbook) -> None:
    path = book.write("log.csv", CSV)
    before = rehearsed(book, path)
    book.ingest(path)
    after = rehearsed(book, path)
    assert after.ingestion.total("duplicates") == 2
    assert (after.columns, after.alone) == (before.columns, before.alone)


def test_it_needs_no_lock_no_key_and_no_right_to_write(book: Logbook) -> None:
    book.read("log.csv", CSV)
    path = book.write("more.csv", CSV.replace("r1", "r3") + "bad,never,1,yes\n")
    form = book.write("mapping.yaml", LOANS)
    folders = [folder for folder in [book.workspace.store, *book.workspace.store.rglob("*")] if folder.is_dir()]
    with Store(book.workspace.store).writing(book.workspace.key, NOW):
        book.workspace.key.unlink()
        for folder in folders:
            folder.chmod(0o555)
        try:
            found = rehearse(book.workspace, [str(path)], now=NOW, mapping=form)
        finally:
            for folder in folders:
                folder.chmod(0o755)
    assert [(record.line, record.reason) for record in found.bad] == [(4, "bad_time")]
    assert "start_ts is 'never'" in found.bad[0].detail
    assert (found.ingestion.total("stored"), found.ingestion.total("duplicates")) == (1, 1)


def test_an_interrupted_ingest_is_taken_into_account(book: Logbook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("governance.batches.BATCH_RECORDS", 1)
    path = book.write("log.csv", CSV)
    with monkeypatch.context() as patch:
        patch.setattr("governance.ingestion._Run._finish", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            book.ingest(path)
    found = rehearsed(book, path)
    assert (found.ingestion.total("stored"), found.ingestion.total("duplicates")) == (0, 2)


def test_standard_input_is_read_once_and_said_twice(book: Logbook) -> None:
    book.read("log.csv", CSV)
    form = book.write("mapping.yaml", LOANS)
    before = every_file(book)
    found = rehearse(book.workspace, ["-"], now=NOW, mapping=form, stdin=io.BytesIO(CSV.encode()))
    assert found.ingestion.total("duplicates") == 2
    assert "decisions.score" in found.columns
    assert every_file(book) == before


def test_a_mistake_is_the_one_that_ingest_finds(book: Logbook) -> None:
    with pytest.raises(SourceError, match="no column 'id'"):
        rehearsed(book, book.write("log.csv", CSV.replace("id,", "number,")))


class TestCommand:
    def run(self, book: Logbook, *words: str) -> int:
        mapping = str(book.write("mapping.yaml", LOANS))
        with pytest.raises(SystemExit) as stopped:
            main(["--workspace", str(book.workspace.root), "ingest", "--dry-run", "--mapping", mapping, *words])
        return int(stopped.value.code or 0)

    def test_its_json_is_that_of_ingest_and_more(self, book: Logbook, capsys: pytest.CaptureFixture[str]) -> None:
        path = str(book.write("log.csv", CSV + "bad,never,1,yes\n"))
        assert self.run(book, path, "--json") == 0
        found = json.loads(capsys.readouterr().out)
        assert found["dry_run"] is True
        assert (found["records"], found["stored"], found["quarantined"], found["ledger"]["size"]) == (3, 2, 1, 1)
        assert found["files"][0]["reasons"] == {"bad_time": 1}
        assert [record["line"] for record in found["bad_records"]] == [4]
        assert "decisions.score" in found["columns"]
        assert found["coverage"]["alone"]["judged"] == found["coverage"]["with_store"]["judged"] > 0
        assert found["coverage"]["alone"]["gains"]

    def test_it_reads_well(self, book: Logbook, capsys: pytest.CaptureFixture[str]) -> None:
        path = str(book.write("log.csv", CSV + "bad,\x1b[31mnever,1,yes\n"))
        assert self.run(book, path) == 0
        text = capsys.readouterr().out
        assert "\x1b" not in text
        assert max(map(len, text.splitlines())) <= 80
        for words in ("log.csv:4: bad_time", "fills decisions: ", "These files alone can judge", "Nothing was written"):
            assert words in text

    def test_too_many_bad_records_are_said_beforehand(self, book: Logbook) -> None:
        path = str(book.write("log.csv", CSV + "bad,never,1,yes\n"))
        assert self.run(book, path, "--max-quarantined", "0.1") == 2
        assert self.run(book, path, "--max-quarantined", "0.5") == 0


def test_what_a_corrected_mapping_cannot_do_is_said(book: Logbook, capsys: pytest.CaptureFixture[str]) -> None:
    """Dry or not: conflicts are explained, and a log that names no model is told before it is stored."""
    log, form = book.write("loans.csv", CSV), book.write("m.yaml", LOANS.replace("  model: {constant: credit}\n", ""))
    command = ["ingest", str(log), "--mapping", str(form), "--workspace", str(book.workspace.root)]
    for dry in (["--dry-run"], []):
        with pytest.raises(SystemExit):
            main([*command, *dry])
        told = capsys.readouterr()
        assert ("No record names its model" in told.out) == bool(dry)
        assert ("the mapping names no model" in told.err) != bool(dry)
    book.write("m.yaml", LOANS)
    for dry in (["--dry-run"], []):
        with pytest.raises(SystemExit):
            main([*command, *dry])
        told = capsys.readouterr()
        assert "names no model" not in told.err
        assert "No record names its model" not in told.out
        assert "2 records were stored before with other content" in told.err
        assert "begin with `governance init NEW`" in told.err
