"""Explanations as pages, by reader."""

from __future__ import annotations

import copy
from html import escape
from typing import Any

import pytest

from governance.cli.explanation_view import show
from governance.cli.screen import Screen
from governance.explanation_pages import group, html, pdf
from governance.wording import RULE_DECIDED
from governance.workspace import Office

DOCUMENT: dict[str, Any] = {
    "request_id": "app-1",
    "decision_id": "desk:app-1#0",
    "request_uid": "desk:app-1",
    "time": "2026-07-01T09:00:00.000000Z",
    "grade": "reproduced",
    "decided_by": {"stage": "model", "evidence": "no rule is logged"},
    "decision": "refused",
    "decision_before": None,
    "favourable": False,
    "score": 0.6789,
    "threshold": 0.5,
    "confidence": 0.6789,
    "model": "desk",
    "model_version": "1",
    "explanation": {
        "method": "shap",
        "output_space": "margin",
        "base_value": -1.0,
        "output_value": 0.75,
        "additivity_error": 1e-16,
        "score_error": 2e-9,
        "score_tolerance": 1e-6,
        "equals_logged_score": True,
        "background_sha256": "ab" * 32,
        "artefact_sha256": "cd" * 32,
        "library": "shap 0.51.0",
        "computed": "2026-07-02T09:00:00.000000Z",
        "stored": True,
        "contributions": [
            {"feature": "<b>debt</b>", "value": 3, "contribution": 2.0},
            {"feature": "age", "value": None, "contribution": -0.25},
        ],
    },
    "changes": None,
    "meaning": "Nothing <changes>.",
    "data_used": ["Your account (our <own> records)"],
    "reasons": [{"rank": 1, "group": "debt", "text": "You have debts", "contribution": 2.0, "inputs": []}],
    "findings": [
        {
            "policy": "desk",
            "check": "four-fifths",
            "subject": {"sex": "female"},
            "verdict": "failed",
            "reason": "0.5",
            "owner": "o",
            "due": "2026-08-01",
        },
        {
            "policy": "desk",
            "check": "eyes",
            "subject": {},
            "verdict": "passed",
            "reason": None,
            "owner": "o",
            "due": None,
        },
    ],
    "policies": [
        {"policy": "desk", "version": "1", "from": "2026-04-01", "approved_by": "A. Officer", "sha256": "ef" * 32}
    ],
    "request": {"request_id": "app-1", "status": "ok", "trace_id": "t1", "business_unit": "credit"},
    "attempts": [],
    "guardrails": [],
    "reviews": [
        {
            "reviewer": "reviewer-1",
            "trigger": "low_confidence",
            "requested_ts": "2026-07-01T10:00:00.000000Z",
            "completed_ts": "2026-07-01T12:00:00.000000Z",
            "effective_ts": None,
            "outcome": "confirmed",
            "reason": None,
        }
    ],
    "outcomes": [],
    "notices": [],
    "readings": [{"at": "2026-07-09T09:00:00.000000Z", "by": "<auditor>", "for": "auditor", "entry": 8}],
    "assessments": [],
    "cost_usd": None,
    "latency_us": {"latency_us": 61_000},
    "missing": [{"what": "cost_usd", "why": "the log carries no cost"}],
    "proof": {
        "ledger": {"size": 9, "root": "12" * 32},
        "file_sha256": "34" * 32,
        "row_no": 7,
        "conflicts": 0,
        "files": [{"path": "requests/date=2026-07-01/a.parquet", "entry": 3, "inclusion": ["aa", "bb"]}],
    },
}


def changed(**changes: Any) -> dict[str, Any]:
    return copy.deepcopy(DOCUMENT) | changes


def test_the_engineer_sees_what_decided_why_and_the_proof() -> None:
    page = html([DOCUMENT], "engineer").decode()
    for words in (
        "The contributions add up to the logged score",
        "You have debts",
        "61",
        "A. Officer",
        "the log carries no cost",
    ):
        assert words in page
    assert "&lt;b&gt;debt&lt;/b&gt;" in page
    assert "<b>debt" not in page
    assert "a.parquet" not in page
    assert page.index("Why") < page.index("Principal reasons") < page.index("Request") < page.index("Proof")


def test_the_auditor_sees_each_file_with_its_entry() -> None:
    assert "requests/date=2026-07-01/a.parquet" in html([DOCUMENT], "auditor").decode()


def test_the_auditor_sees_who_read_explanations_before() -> None:
    page = html([DOCUMENT], "auditor").decode()
    assert "Explanations of it that were read before" in page
    assert "&lt;auditor&gt;" in page
    for reader in ("engineer", "subject"):
        assert "read before" not in html([DOCUMENT], reader).decode()


def test_a_record_that_came_again_with_other_content_is_said_so_to_those_who_check() -> None:
    again = changed(proof=DOCUMENT["proof"] | {"conflicts": 2})
    for reader in ("engineer", "auditor"):
        assert "This record came 3 times with different content." in html([again], reader).decode()
        assert "with different content" not in html([DOCUMENT], reader).decode()


def test_the_person_reads_plain_words_without_scores_weights_or_others() -> None:
    page = html([DOCUMENT], "subject").decode()
    assert "You have debts" in page
    assert "An automated system decided, using a statistical model." in page
    assert "A person reviewed it." in page
    for hidden in (
        "0.6789",
        "0.679",
        "shap",
        "four-fifths",
        "female",
        "debt</",
        "reviewer-1",
        DOCUMENT["proof"]["ledger"]["root"][:16],
    ):
        assert hidden not in page


def test_the_person_reads_what_stands_after_a_review() -> None:
    human = {"stage": "human", "evidence": "review 1"}
    overruled = changed(decision="approved", favourable=True, decision_before="refused", decided_by=human, reasons=[])
    page = html([overruled], "subject").decode()
    assert "The decision: approved." in page
    assert "First the decision was: refused. A person reviewed it and changed it." in page
    assert "not on record" not in page
    assert "Before the review" in html([overruled], "engineer").decode()
    waiting = [DOCUMENT["reviews"][0] | {"completed_ts": None}]
    assert "A person was asked to review it." in html([changed(reviews=waiting)], "subject").decode()


def test_the_person_reads_whom_to_ask() -> None:
    office = Office("Desk <Bank>", "desk@example.org")
    page = html([DOCUMENT], "subject", office).decode()
    assert "Ask Desk &lt;Bank&gt; to have a person review" in page
    assert "Contact: desk@example.org" in page
    assert "Contact" not in html([DOCUMENT], "subject").decode()


def test_the_person_reads_until_when_and_to_whom_they_may_complain() -> None:
    office = Office("Desk Bank", object_within="30 days", answer_within="1 month", supervisor="the <Authority>")
    page = html([DOCUMENT], "subject", office).decode()
    assert "You have 30 days, from the day on which you get this letter." in page
    assert "You will be answered within 1 month of asking." in page
    assert "you can complain to: the &lt;Authority&gt;" in page
    bare = html([DOCUMENT], "subject", Office("Desk Bank")).decode()
    for words in ("from the day", "answered within", "complain"):
        assert words not in bare


def test_the_terminal_and_the_page_have_the_same_sentences(capsys: pytest.CaptureFixture[str]) -> None:
    office = Office("Desk Bank", "desk@example.org", "30 days", "1 month", "the Authority")
    show(Screen(10_000), DOCUMENT, "subject", office)
    said = [
        escape(line.removeprefix("- ").removeprefix("1. "), quote=False)
        for line in capsys.readouterr().out.splitlines()
        if line
    ]
    page = html([DOCUMENT], "subject", office).decode()
    assert len(said) == 16
    assert [line for line in said[1:] if line not in page] == []


def test_the_person_reads_which_data_were_used_where_the_card_says_so() -> None:
    assert "Your account (our &lt;own&gt; records)" in html([DOCUMENT], "subject").decode()
    assert "Data about you" not in html([changed(data_used=[])], "subject").decode()
    assert "Nothing &lt;changes&gt;." in html([DOCUMENT], "subject").decode()
    assert "What it means" not in html([changed(meaning=None)], "subject").decode()


def test_the_person_reads_which_rule_applied_or_that_reasons_are_missing() -> None:
    rule = changed(
        decided_by={"stage": "rule", "evidence": ""}, reasons=[{"rank": 1, "rule": "debtor", "text": RULE_DECIDED}]
    )
    assert "A fixed rule applied: debtor" in html([rule], "subject").decode()
    worded = changed(reasons=[{"rank": 1, "rule": "debtor", "text": "You owe three instalments"}])
    assert "You owe three instalments" in html([worded], "subject").decode()
    assert "They are not on record" in html([changed(reasons=[])], "subject").decode()


def test_what_a_rule_decided_is_not_explained_by_contributions() -> None:
    said = group([changed(decided_by={"stage": "rule", "evidence": ""})], "engineer").plain()
    assert "The rule decided; the contributions below are context, not the cause." in said


def test_contributions_that_do_not_add_up_are_said_to_explain_something_else() -> None:
    assert "do NOT add up" in group([changed(grade="unequal")], "engineer").plain()


def test_a_request_without_decision_or_contributions_is_still_a_page() -> None:
    bare = changed(
        decision_id=None, decision=None, favourable=None, score=None, threshold=None, confidence=None, grade="record",
        explanation=None, reasons=[], findings=[], policies=[], reviews=[], missing=[],
        decided_by={"stage": None, "evidence": "nothing was decided"},
    )  # fmt: skip
    said = html([bare], "engineer").decode()
    assert "There is the record alone" in said
    letter = html([bare], "subject").decode()
    assert "No decision was made." in letter
    assert "No answer was given." in letter
    assert "review the answer" in letter


def test_several_decisions_have_a_section_each() -> None:
    said = group([DOCUMENT, changed(decision_id="desk:app-1#1")], "engineer").plain()
    assert "## desk:app-1#0" in said
    assert "## desk:app-1#1" in said
    assert "### Why" in said


@pytest.mark.parametrize("reader", ["engineer", "subject", "auditor"])
def test_the_pdf_has_the_same_bytes_each_time(reader: str) -> None:
    made = pdf([DOCUMENT], reader)
    assert made.startswith(b"%PDF")
    assert made == pdf([DOCUMENT], reader)
