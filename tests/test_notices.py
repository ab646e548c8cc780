"""Notices to persons from a file of their own: found by any id, before or after the decision, told again, explained."""

from __future__ import annotations

from pathlib import Path

import pytest

import governance as gov
from governance.assessment import assess
from governance.cli.explanation_view import show
from governance.cli.screen import Screen
from governance.errors import PolicyError
from governance.explanation import explain
from governance.explanation_pages import html
from governance.findings import parse_window
from governance.mapping import parse_mapping
from governance.policies.policy import read_policies
from governance.storage.spool import note_reading
from governance.workspace import NOBODY
from tests.logbooks import MAPPING, NOW, Logbook, logbook

NOTICES = """\
source: letters
table: notices
columns:
  request_id: application
  notice_id: letter
  name: {constant: adverse_action}
  noted_ts: written
  opened_ts: complete
  sent_ts: sent
  received_ts: received
  channel: by
"""
HEAD = "application,letter,written,complete,sent,received,by\n"
WAITING = "r1,L1,2026-07-02T08:00:00Z,2026-06-30T08:00:00Z,,,\n"
SENT = "r1,L1,2026-07-05T08:00:00Z,2026-06-30T08:00:00Z,2026-07-05T08:00:00Z,,letter\n"
LOG = "id,at,score,decision\nr1,2026-07-01T10:00:00Z,0.5,no\n"


@pytest.fixture(name="book")
def book_fixture(tmp_path: Path) -> Logbook:
    return logbook(tmp_path)


def test_they_find_their_decision_whichever_comes_first_and_are_told_again(book: Logbook) -> None:
    first = book.read("first.csv", HEAD + WAITING, NOTICES)
    assert (first.stored, first.quarantined) == (1, 0)
    book.read("log.csv", LOG, MAPPING)
    later = book.read("later.csv", HEAD + WAITING + SENT, NOTICES)
    assert (later.stored, later.duplicates) == (1, 1)
    rows = book.rows("SELECT decision_id, notice_id, sent_ts IS NOT NULL AS is_sent FROM notices ORDER BY noted_ts")
    assert rows == [
        {"decision_id": "loans:r1#0", "notice_id": "L1", "is_sent": False},
        {"decision_id": "loans:r1#0", "notice_id": "L1", "is_sent": True},
    ]
    assert book.verifies()


def test_an_explanation_shows_them_to_those_who_check(book: Logbook, capsys: pytest.CaptureFixture[str]) -> None:
    book.read("log.csv", LOG, MAPPING)
    book.read("letters.csv", HEAD + WAITING + SENT, NOTICES)
    document = explain(book.workspace.store, "r1")[0].document
    assert [row["sent_ts"] for row in document["notices"]] == [None, "2026-07-05T08:00:00.000000Z"]
    show(Screen(10_000), document, "auditor", NOBODY)
    said = capsys.readouterr().out
    assert "adverse_action: not sent by 2026-07-02 08:00 UTC, open since 2026-06-30 08:00 UTC" in said
    assert "adverse_action: sent 2026-07-05 08:00 UTC, open since 2026-06-30 08:00 UTC" in said
    assert "Notices to the person" in html([document], "auditor").decode()
    assert "adverse_action" not in html([document], "subject").decode()


def test_a_notice_without_a_name_or_moment_is_quarantined_and_a_mapping_needs_both(book: Logbook) -> None:
    broken = "r1,L2,soon,,,,\nr1,L3,,,2026-07-05T08:00:00Z,,\n"
    report = book.read("letters.csv", HEAD + broken + SENT, NOTICES)
    assert (report.stored, report.quarantined) == (1, 2)
    with pytest.raises(PolicyError) as caught:
        parse_mapping(b"source: letters\ntable: notices\ncolumns:\n  request_id: application\n", "m.yaml")
    assert [mistake.what for mistake in caught.value.mistakes] == [
        "'name' must be mapped",
        "'noted_ts' must be mapped",
    ]


POLICY = """\
policy: desk
version: 1
owner: desk-owner
approved: {by: A. Officer, on: 2026-03-20}
in_force: {from: 2026-04-01}
favourable: {decision: "yes"}
checks:
  - {id: told, kind: explanation-notices, notice: adverse_action, within: 30d, minimum_n: 1, min_share: 0.5}
  - {id: other, kind: explanation-notices, notice: access, of: asked, within: 1mo, minimum_n: 1}
"""


def test_the_report_says_what_was_due_and_what_became_of_it(book: Logbook) -> None:
    book.read("log.csv", LOG + "r2,2026-07-01T10:00:00Z,0.5,no\nr3,2026-07-01T10:00:00Z,0.5,yes\n", MAPPING)
    late = "r2,L2,2026-08-09T08:00:00Z,,2026-08-09T10:00:00Z,,letter\n"
    book.read("letters.csv", HEAD + SENT + late, NOTICES)
    for file in book.workspace.policies.glob("*.yaml"):
        file.unlink()
    (book.workspace.policies / "desk.yaml").write_text(POLICY, encoding="utf-8")
    window = parse_window("2026-07", now=NOW)
    assess(book.workspace, read_policies([book.workspace.policies]), window, now=NOW)
    view = gov.open(book.workspace.store)
    said = gov.exhibits.oversight.explanations(view.window("2026-07")).plain()
    assert "Notices to the persons concerned" in said
    assert "adverse action\tall\t30 days\t2\t1\t1\t0\t0\t21.5" in said
    assert "access\t" not in said  # nobody asked, and the check says so


def test_the_auditor_reads_who_read_it_before_as_the_ledger_has_it(book: Logbook) -> None:
    book.read("log.csv", LOG, MAPPING)
    note_reading(book.workspace.store, ["loans:r1"], "subject", NOW)
    note_reading(book.workspace.store, ["loans:other"], "engineer", NOW)
    assert explain(book.workspace.store, "r1", whole=True)[0].document["readings"] == []  # nobody has sealed it yet
    book.read("letters.csv", HEAD + SENT, NOTICES)
    (found,) = explain(book.workspace.store, "r1", whole=True)[0].document["readings"]
    assert (found["at"][:16], found["for"]) == ("2026-09-01T12:00", "subject")
    assert explain(book.workspace.store, "r1")[0].document["readings"] is None
