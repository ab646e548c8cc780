"""A reference as of a number of ledger entries: what is delivered later does not move it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from governance.assessment import assess
from governance.documents import yamltext
from governance.findings import Finding, Verdict, parse_window
from governance.policies.columns import mistakes
from governance.policies.policy import read_policies
from tests.checks.drifted import built
from tests.logbooks import MAPPING, Logbook, logbook

NOW = datetime(2026, 11, 20, tzinfo=UTC)
COLUMNS = MAPPING + "features: [income]\n"


def lines(name: str, month: int, n: int, above: float) -> str:
    start = datetime(2026, month, 2, tzinfo=UTC)
    rows = [
        {
            "id": f"{name}{place}",
            "at": (start + timedelta(minutes=place)).isoformat().replace("+00:00", "Z"),
            "score": (place % 100 + above) / 1000,
            "decision": "yes",
            "income": place % 100 + above,
        }
        for place in range(n)
    ]
    return "".join(json.dumps(row) + "\n" for row in rows)


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Logbook:
    """June, then July which is like it, then late records of June which are not."""
    book = logbook(tmp_path_factory.mktemp("book"))
    book.read("june.jsonl", lines("a", 6, 600, 0), COLUMNS)
    book.read("july.jsonl", lines("b", 7, 600, 0), COLUMNS)
    book.read("late.jsonl", lines("c", 6, 600, 500), COLUMNS)
    return book


def found(book: Logbook, kind: str, reference: str) -> list[Finding]:
    path = book.workspace.root / "drift.yaml"
    more = ", of: score" if kind == "drift-output" else ""
    path.write_text(
        "policy: p\nversion: 1\nowner: o\nin_force: {from: 2026-01-01}\nchecks:\n"
        f"  - {{id: moved, kind: {kind}, reference: {reference}, measure: psi, max: 0.1, minimum_n: 100{more}}}\n"
    )
    window = parse_window("2026-07", now=NOW)
    return list(assess(book.workspace, read_policies([path]), window, now=NOW).findings)


@pytest.mark.parametrize("kind", ["drift-input", "drift-output"])
@pytest.mark.parametrize(
    ("reference", "n", "verdict"),
    [
        ("{window: 2026-06}", 1200, Verdict.FAILED),
        ("{window: 2026-06, as_of: AFTER_JUNE}", 600, Verdict.PASSED),
        ("{window: previous, as_of: AFTER_JUNE}", 600, Verdict.PASSED),
        ("{as_of: AFTER_JUNE}", 600, Verdict.PASSED),
        ("{as_of: ALL}", 1200, Verdict.FAILED),
        ("{window: 2026-06, as_of: 1}", 0, Verdict.NOT_ASSESSED),
    ],
)
def test_only_records_that_had_been_read_by_then_count(
    book: Logbook, kind: str, reference: str, n: int, verdict: Verdict
) -> None:
    kept = [entry for entry in book.snapshot.entries if entry.kind == "ingest"]
    sizes = {"AFTER_JUNE": kept[0].number + 1, "ALL": kept[2].number + 1}
    for name, size in sizes.items():
        reference = reference.replace(name, str(size))
    (one,) = found(book, kind, reference)
    assert one.judgement.verdict is verdict
    assert one.observation.counts["reference_n"] == n
    if "as_of" in reference and n:
        assert f"as of {sizes['AFTER_JUNE' if n == 600 else 'ALL']}" in one.judgement.limit["reference"]
        assert len(one.evidence.parameters["reference_files"]) == (1 if n == 600 else 3)


def test_more_entries_than_there_are(book: Logbook) -> None:
    (one,) = found(book, "drift-input", "{as_of: 9999}")
    assert one.judgement.verdict is Verdict.NOT_ASSESSED
    assert "the reference cannot be read: the ledger has" in str(one.judgement.reason)


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        ({"training": True, "as_of": 3}, "stands alone"),
        ({"training": True, "window": "2026-06"}, "stands alone"),
        ({}, "give `window`, `as_of`, both, or `training: true`"),
        ({"as_of": 0}, "greater than or equal to 1"),
    ],
)
def test_what_a_reference_may_not_say(reference: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        built(reference=reference)


def test_lint_does_not_need_the_ledger(tmp_path: Path) -> None:
    check = built(reference={"as_of": 3})
    document = yamltext.parse("checks: []", str(tmp_path))
    assert list(mistakes(None, [(0, check)], document)) == []
