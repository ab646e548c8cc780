"""What `check` prints: a line for a check, its worst first, and the subjects that ask for attention under it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from governance.assessment import Assessment
from governance.cli.check_view import SHOWN_SUBJECTS, show
from governance.cli.screen import Screen, cells
from governance.findings import Evidence, Finding, Judgement, Observation, Subject, Verdict, Window

if TYPE_CHECKING:
    import pytest

WINDOW = Window(datetime(2026, 7, 1, tzinfo=UTC), datetime(2026, 8, 1, tzinfo=UTC), "2026-07")


def found(
    check: str,
    verdict: Verdict,
    *,
    subject: Subject = (),
    value: float | None = 0.5,
    reason: str | None = None,
    samples: tuple[str, ...] = (),
    policy: str = "loans",
) -> Finding:
    evidence = Evidence("SELECT 1", {"limit": 0.8}, "", "m", samples, 1, "")
    seen = Observation(subject, "x", value, "share", 1234)
    judged = Judgement(verdict, reason, {})
    return Finding("f", WINDOW, policy, "3", "0", check, "k", seen, judged, "low", "o", None, (), evidence)


def printed(capsys: pytest.CaptureFixture[str], *findings: Finding, shows_all: bool = False) -> list[str]:
    done = Assessment(WINDOW, findings, 7, "a" * 64)
    show(Screen(60), done, shows_all=shows_all, shows_sql=False)
    lines = capsys.readouterr().out.replace("\N{NARROW NO-BREAK SPACE}", " ").splitlines()
    assert all(cells(line) <= 60 for line in lines)
    return lines


def test_a_check_that_passed_is_one_line_whatever_it_measured(capsys: pytest.CaptureFixture[str]) -> None:
    several = [found("drift", Verdict.PASSED, subject=(("month", month),)) for month in ("2026-07", "2026-08")]
    lines = printed(capsys, *several, found("budget", Verdict.PASSED))
    assert lines[:3] == ["loans 3", "✓ drift   all 2 passed", "✓ budget  50.0 % (n 1,234)"]
    assert lines[-1] == "2026-07: 3 passed. Ledger 7 entries, root aaaaaaaaaaaaaaaa"


def test_checks_that_lack_the_same_are_named_together(capsys: pytest.CaptureFixture[str]) -> None:
    """One reason for all of them, unless every subject is asked for; what has a figure keeps its own line."""
    none = {"verdict": Verdict.NOT_ASSESSED, "value": None, "reason": "no record is of the model"}
    quality = [found("quality", **none, subject=(("column", name),)) for name in "abcd"]  # type: ignore[arg-type]
    others = [found(name, **none) for name in ("drift-of-inputs", "four-fifths", "human-review", "reasons")]  # type: ignore[arg-type]
    few = found("errors", Verdict.NOT_ASSESSED, value=0.1, reason="3 records, fewer than the 30 that a verdict needs")
    lines = printed(capsys, *quality, *others[:2], few, *others[2:], found("budget", Verdict.PASSED))
    assert lines[:7] == [
        "loans 3",
        "? quality, drift-of-inputs, four-fifths, human-review,",
        "  reasons",
        "    no record is of the model",
        "? errors           10.0 % (n 1,234)",
        "    3 records, fewer than the 30 that a verdict needs",
        "✓ budget           50.0 % (n 1,234)",
    ]
    alone = printed(capsys, *quality, few)
    assert alone[1:3] == ["? quality  all 4 not assessed", "    no record is of the model"]
    assert sum("no record is" in line for line in printed(capsys, *quality, *others, shows_all=True)) == 8


def test_what_failed_comes_first_with_its_reason_and_requests_to_look_at(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(
        capsys,
        found("budget", Verdict.PASSED),
        found("rates", Verdict.PASSED, subject=(("sex", "male"),)),
        found(
            "rates",
            Verdict.FAILED,
            subject=(("sex", "female"),),
            reason="the rate is half of the other, which is much below the limit that was set",
            samples=("app-1", "app-2", "x" * 60),
        ),
    )
    assert lines[1:7] == [
        "✗ rates   1 failed, 1 passed",
        "  ✗ sex female: 50.0 % (n 1,234)",
        "    the rate is half of the other, which is much below the",
        "    limit that was set",
        "    such as app-1, app-2",
        "✓ budget  50.0 % (n 1,234)",
    ]


def test_a_check_with_one_subject_says_figure_subject_and_reason(capsys: pytest.CaptureFixture[str]) -> None:
    alone = found("drill", Verdict.NOT_ASSESSED, subject=(("year", "2026"),), value=None, reason="no drill was seen")
    assert printed(capsys, alone)[1:4] == ["? drill", "    2026", "    no drill was seen"]
    waived = found("limit", Verdict.WAIVED, reason="waived by A until 2026-10-31")
    assert printed(capsys, waived)[1:3] == ["~ limit  50.0 % (n 1,234)", "    waived by A until 2026-10-31"]


def test_no_check_fills_the_screen_unless_all_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    many = [found("rates", Verdict.FAILED, subject=(("hour", f"{hour}"),)) for hour in range(SHOWN_SUBJECTS + 3)]
    passed = found("rates", Verdict.PASSED, subject=(("hour", "later"),))
    lines = printed(capsys, passed, *many)
    assert sum("✗" in line for line in lines) == SHOWN_SUBJECTS + 1
    assert "    and 3 more; --all shows them" in lines
    lines = printed(capsys, passed, *many, shows_all=True)
    assert sum("✗" in line for line in lines) == len(many) + 1
    assert "    later: 50.0 % (n 1,234)" in lines


def test_text_from_a_log_does_not_act(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(capsys, found("rates", Verdict.FAILED, subject=(("unit", "\x1b[31mred"),), samples=("\x07",)))
    assert not any("\x1b" in line or "\x07" in line for line in lines)


def test_statements_are_printed_once_each(capsys: pytest.CaptureFixture[str]) -> None:
    findings = (found("a", Verdict.PASSED), found("b", Verdict.PASSED, policy="other"))
    show(Screen(60), Assessment(WINDOW, findings, 7, "a"), shows_all=False, shows_sql=True)
    said = capsys.readouterr().out
    assert said.count("SELECT 1;") == 1
    assert "-- loans/a\n" in said
    assert '-- with {"limit": 0.8}' in said
