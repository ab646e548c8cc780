"""Fairness: rates by group in the form that auditors publish, with what chance and unknowns leave open."""

from __future__ import annotations

import json
from collections.abc import Sequence

from governance import charts
from governance.blocks import AnyBlock, Cell, Chart, Column, Missing, Section, Table
from governance.display import number
from governance.drawings import Interval
from governance.exhibits import families
from governance.exhibits.found import Found
from governance.exhibits.period import Period
from governance.exhibits.policies import favourable
from governance.exhibits.sentences import group, measured, no_checks
from governance.exhibits.verdicts import by_check, of_findings
from governance.findings import Verdict
from governance.wording import CALENDAR_KEYS, words
from governance.wording import group as name

KIND = "fairness-impact-ratio"


def ratios(period: Period) -> Section:
    """A table and a chart for each axis of each check; other kinds of fairness checks in a table of findings."""
    found = period.of_kind(*families.FAIRNESS)
    if not found:
        return group(no_checks(period, [KIND]))
    blocks: list[AnyBlock] = []
    for own in by_check(found).values():
        if own[0].kind != KIND or not any("favourable" in one.counts for one in own):
            blocks += [*of_findings(period, own), measured(own)]
            continue
        for axis in dict.fromkeys(tuple(one.subject) for one in own):
            part = [one for one in own if tuple(one.subject) == axis]
            blocks += [
                block
                for block in (_chart(axis, part), _rates(period, axis, part), _tests(axis, part))
                if block is not None
            ]
        blocks.append(measured(own))
    return group(*blocks)


def _title(axis: Sequence[str]) -> str:
    named = [name.replace("_", " ") for name in axis if name not in CALENDAR_KEYS]
    return " and ".join(named) or "all"


def _group(one: Found) -> str:
    return ", ".join(name(value) if value is not None else "not stated" for value in one.subject.values()) or "all"


def _chart(axis: Sequence[str], own: Sequence[Found]) -> Chart | None:
    rows = [_interval(one) for one in own if one.value is not None]
    if not rows:
        return None
    bound = next((one.bound.value for one in own if one.bound is not None), None)
    note = "Ratio of the favourable rates, with its 95 % interval (Katz and others, 1978); the reference group is 1."
    return charts.intervals(f"Impact ratio by {_title(axis)}", rows[:40], limit=bound, note=note)


def _interval(one: Found) -> Interval:
    low, high = one.interval or (None, None)
    is_judged = one.verdict != Verdict.NOT_ASSESSED
    said = "reference" if _is_reference(one) else "" if is_judged else "not assessed"
    return Interval(_group(one), one.value, low, high, said, is_judged)


def _is_reference(one: Found) -> bool:
    reference = one.counts.get("reference")
    return reference is not None and json.loads(reference) == dict(one.subject)


def _rates(period: Period, axis: Sequence[str], own: Sequence[Found]) -> Table:
    columns = (
        Column(_title(axis)),
        Column("n", "number", digits=0),
        Column("share", "share"),
        Column("selected", "number", digits=0),
        Column("rate", "share"),
        Column("95 % interval"),
        Column("ratio", "number", digits=3),
        Column("95 % interval"),
        Column(period.span.previous.name, "number", digits=3),
        Column("verdict", "verdict"),
    )
    before = {(one.key, words(one.subject)): one for one in period.judged_before}
    total = sum(one.n for one in own)
    rows = tuple(_rate(one, total, before.get((one.key, words(one.subject)))) for one in own)
    return Table(f"Favourable decisions by {_title(axis)}", columns, rows, _note(period, own), anchor=own[0].place)


def _rate(one: Found, total: int, was: Found | None) -> tuple[Cell, ...]:
    counts = one.counts
    before: Cell = was.value if was is not None else None
    if was is not None and was.method != one.method:
        before = Missing(one.earlier(was) or "")
    rate = counts.get("rate_interval")
    return (
        _group(one) + (" (reference)" if _is_reference(one) else ""),
        one.n,
        one.n / total if total else None,
        counts.get("favourable"),
        counts.get("rate"),
        None if rate is None else f"{number(rate[0] * 100, 1)} to {number(rate[1] * 100, 1)}",
        one.value if one.value is not None else Missing(one.reason),
        one.chance() if not _is_reference(one) else None,
        before,
        one.verdict,
    )


def _tests(axis: Sequence[str], own: Sequence[Found]) -> Table | None:
    """What chance and unknown groups leave open; nothing where the axis has only its reference."""
    others = [one for one in own if one.value is not None and not _is_reference(one)]
    if not others:
        return None
    columns = (
        Column(_title(axis)),
        Column("test against the reference"),
        Column("ratio if the unknown were known"),
        Column("outcomes that flip", "number", digits=0),
    )
    rows = tuple((_group(one), _test(one), _unknown(one), one.counts.get("outcomes_that_flip")) for one in others)
    note = "Outcomes that flip: the fewest decisions of the group that would have to be others for the other verdict."
    return Table(f"What chance and unknowns leave open, by {_title(axis)}", columns, rows, note)


def _unknown(one: Found) -> str | None:
    """The bounds of the ratio if everybody of unknown group belonged where it hurts, or helps, the group most."""
    worst, best = one.counts.get("ratio_worst"), one.counts.get("ratio_best")
    if worst is None or best is None or not one.counts.get("unknown"):
        return None
    return f"{number(worst, 3)} to {number(best, 3)}"


def _test(one: Found) -> str | None:
    """A z score with its p, or Fisher's exact p where numbers are small."""
    counts = one.counts
    if counts.get("fisher_p") is not None:
        return f"Fisher p {_p(counts['fisher_p'])}"
    if counts.get("z") is None or counts.get("p") is None:
        return None
    return f"z {number(counts['z'], 1)}, p {_p(counts['p'])}"


def _p(value: float) -> str:
    return "<0.001" if value < 0.001 else number(value, 3)  # noqa: PLR2004 - three places, as journals print p


def _note(period: Period, own: Sequence[Found]) -> str:
    first = own[0]
    unknown = max((int(one.counts.get("unknown") or 0) for one in own), default=0)
    empty = [_group(one) for one in own if one.counts.get("favourable") == 0]
    what = favourable(period, first.policy_sha256) or "as the log says"
    parts = [
        f"Favourable: {what}.",
        f"Denominator: {first.limit.get('denominator', 'see the policy')}.",
        f"Group unknown, so left out: {number(unknown, 0)}.",
        f"Without any favourable decision: {', '.join(empty) or 'none'}.",
        f"Comparisons on this axis: {max(len(own) - 1, 0)}, not adjusted for their number.",
    ]
    return " ".join(parts)
