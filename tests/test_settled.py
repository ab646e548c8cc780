"""What stands in the end of a decision that people reviewed, and whether it favours the person."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import governance as gov
from governance.assessment import assess
from governance.explanation import explain
from governance.findings import parse_window
from governance.letter import letter
from governance.policies.policy import read_policies
from governance.workspace import NOBODY
from tests.logbooks import MAPPING, NOW, Logbook, logbook

REVIEWS = """\
source: desk
table: reviews
columns:
  request_id: id
  review_id: review
  requested_ts: asked
  completed_ts: done
  outcome: outcome
  final_decision: final
"""
POLICY = """\
policy: desk
version: 1
owner: desk-owner
approved: {by: A. Officer, on: 2026-03-20}
in_force: {from: 2026-04-01}
favourable: {decision: "yes"}
checks:
  - {id: few-errors, kind: service-errors, max_share: 0.5}
"""
HEAD = "id,review,asked,done,outcome,final\n"
OVERRIDDEN = "r1,v1,2026-07-01T11:00:00Z,2026-07-01T12:00:00Z,overridden,yes\n"


@pytest.fixture(name="book")
def book_fixture(tmp_path: Path) -> Logbook:
    """A refusal, under a policy that says which decision is favourable."""
    book = logbook(tmp_path)
    book.read("log.csv", "id,at,score,decision\nr1,2026-07-01T10:00:00Z,0.5,no\n", MAPPING)
    return book


def judge(book: Logbook) -> None:
    for file in book.workspace.policies.glob("*.yaml"):
        file.unlink()
    (book.workspace.policies / "desk.yaml").write_text(POLICY, encoding="utf-8")
    assess(book.workspace, read_policies([book.workspace.policies]), parse_window("2026-07", now=NOW), now=NOW)


def explained(book: Logbook) -> dict[str, Any]:
    return dict(explain(book.workspace.store, "r1", whole=True)[0].document)


@pytest.mark.parametrize(
    ("reviews", "decision", "favourable", "before"),
    [
        ("", "no", False, None),
        (OVERRIDDEN, "yes", True, "no"),
        (OVERRIDDEN.replace("yes", "later"), "later", False, "no"),
        (OVERRIDDEN.replace("overridden,yes", "overridden,no"), "no", False, None),
        (OVERRIDDEN.replace("overridden,yes", "confirmed,no"), "no", False, None),
        (OVERRIDDEN.replace("overridden,yes", "overridden,"), None, None, "no"),
        (OVERRIDDEN + "r1,v2,2026-07-02T11:00:00Z,2026-07-02T12:00:00Z,confirmed,no\n", "no", False, None),
        (OVERRIDDEN + "r1,v2,2026-07-02T11:00:00Z,,returned,\n", "yes", True, "no"),
    ],
)
def test_what_stands_is_what_the_last_review_came_to(
    book: Logbook, reviews: str, decision: str | None, favourable: bool | None, before: str | None
) -> None:
    judge(book)
    if reviews:
        book.read("reviews.csv", HEAD + reviews, REVIEWS)
    found = explained(book)
    assert (found["decision"], found["favourable"], found["decision_before"]) == (decision, favourable, before)
    assert (found["decided_by"]["stage"] == "human") == (before is not None or "overridden,no" in reviews)


def test_the_letter_about_a_changed_decision_tells_of_the_one_that_stands(book: Logbook) -> None:
    judge(book)
    book.read("reviews.csv", HEAD + OVERRIDDEN, REVIEWS)
    own = letter(explained(book), NOBODY)
    assert own.outcome == "The decision: yes."
    assert own.role == "First the decision was: no. A person reviewed it and changed it."
    assert [part.title for part in own.parts] == ["What you can do"]


def test_without_a_policy_nobody_knows_whether_the_changed_decision_is_favourable(book: Logbook) -> None:
    book.read("reviews.csv", HEAD + OVERRIDDEN, REVIEWS)
    found = explained(book)
    assert (found["decision"], found["favourable"]) == ("yes", None)
    assert "the decision was changed to 'yes', and no policy says whether that is" in str(found["missing"])


def test_the_report_counts_the_decision_that_stands(book: Logbook) -> None:
    judge(book)
    book.read("reviews.csv", HEAD + OVERRIDDEN, REVIEWS)
    own = gov.open(book.workspace.store).window("2026-07")
    said = gov.exhibits.decisions.by_stage(own).plain()
    assert "credit\t—\thuman\tyes\t1" in said
    book.read("later.csv", HEAD + "r1,v2,2026-07-02T11:00:00Z,2026-07-02T12:00:00Z,confirmed,no\n", REVIEWS)
    own = gov.open(book.workspace.store).window("2026-07")
    assert "credit\t—\tmodel\tno\t1" in gov.exhibits.decisions.by_stage(own).plain()
