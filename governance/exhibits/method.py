"""Method: what verdicts mean, what each kind of check of the window measures, and where that changed."""

from __future__ import annotations

from governance.blocks import Cell, Column, Fact, Facts, Section, Table, Words, paragraph, section
from governance.display import SIGNS
from governance.exhibits.period import Period
from governance.exhibits.sentences import group, nothing
from governance.extensions import checks
from governance.measurement.false_alarms import Judged, false_alarms

MEANINGS = {
    "failed": "the figure lies beyond its limit",
    "errored": "the check could not be run; it says nothing about the system",
    "warned": "the limit holds, and a warning level that the policy sets does not",
    "not_assessed": "too few records, a missing field, or no outcome yet; never a pass",
    "waived": "it failed, and a named person excepted it until a day",
    "passed": "the figure holds the limit; exactly on the limit holds",
}
MEASURED = "What is measured"
ENOUGH = 320  # chosen here: characters, whole sentences of which are shown


def page(period: Period) -> Section:
    """The six verdicts, the kinds of check that ran with what they measure, and how their figures were computed."""
    verdicts = Facts(tuple(Fact(f"{sign.mark} {sign.word}", MEANINGS[name]) for name, sign in SIGNS.items()))
    if not period.judged:
        shown = nothing(f"No check has run on {period.span.window.name}.")
        return group(section("The six verdicts", verdicts, level=2), section("Kinds of checks", shown, level=2))
    return group(
        section("The six verdicts", verdicts, level=2),
        section("False alarms", paragraph(expected(period)), level=2),
        section("Kinds of checks", _kinds(period), level=2),
    )


def expected(period: Period) -> str:
    """How many failures chance alone is expected to give, and why that is all that can be said."""
    judged = [
        Judged((one.policy, one.version, one.check), one.kind, one.verdict, one.counts, one.limit)
        for one in period.judged
    ]
    return (
        f"{false_alarms(judged).sentence()} A check of drift fails only above what chance exceeds in one check of "
        "twenty, a check with `false_discovery` only on discoveries at that rate. How often chance carries another "
        "figure across its limit depends on how far the truth lies from it, which nobody knows; intervals say how "
        "exactly each is known."
    )


def _kinds(period: Period) -> Table:
    columns = (
        Column("kind"),
        Column("what is measured"),
        Column("method", "code"),
        Column(f"against {period.span.previous.name}"),
    )
    manuals = {kind: check.manual() for kind, check in checks().items()}
    rows = tuple(_row(period, kind, manuals.get(kind, "")) for kind in sorted({one.kind for one in period.judged}))
    note = (
        "The method is a digest of the code that measures and judges; where it is another one than before, figures "
        "before and after are no one series. Intervals are of 95 %; `governance policy show KIND` is the whole manual."
    )
    return Table("What each kind of check measures", columns, rows, note)


def _row(period: Period, kind: str, manual: str) -> tuple[Cell, ...]:
    own = [one for one in period.judged if one.kind == kind]
    before = {one.method for one in period.judged_before if one.kind == kind}
    methods = sorted({one.method.rpartition(":")[2][:16] for one in own})
    same = "not checked" if not before else "the same" if before == {one.method for one in own} else "another method"
    return kind, Words((measured(manual) or "this kind is not installed here",)), ", ".join(methods), same


def measured(manual: str) -> str:
    """What a kind of check measures, in the first sentences of its manual."""
    paragraphs = (" ".join(part.split()) for part in manual.split("\n\n"))
    found = next((part for part in paragraphs if part.startswith(MEASURED)), "")
    sentences = found.removeprefix(MEASURED).lstrip(":, ").replace("`", "").split(". ")
    kept = [
        one for place, one in enumerate(sentences) if place == 0 or len(". ".join(sentences[: place + 1])) <= ENOUGH
    ]
    return ". ".join(kept).rstrip(".") + "." if found else ""
