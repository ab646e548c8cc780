"""Drift: how far inputs and outputs moved from their reference, by month."""

from __future__ import annotations

from governance import charts
from governance.blocks import AnyBlock, Chart, Section
from governance.exhibits import families
from governance.exhibits.found import CALENDAR_KEYS, Found, words
from governance.exhibits.period import Period
from governance.exhibits.sentences import group, measured, no_checks
from governance.exhibits.verdicts import by_check, of_findings

WHOLE = "whole window"


def by_month(period: Period) -> Section:
    """A strip of each feature over the parts of the calendar, and the findings under it."""
    found = period.of_kind(*families.DRIFT)
    if not found:
        return group(no_checks(period, families.DRIFT))
    blocks: list[AnyBlock] = []
    for (policy, check), own in by_check(found).items():
        if any(part(one) != WHOLE for one in own):
            blocks.append(_strip(policy, check, own))
        blocks += of_findings(period, sorted(own, key=lambda one: (one.badness[0], -one.excess)))
    return group(*blocks, measured(found))


def part(one: Found) -> str:
    """The part of the calendar that a finding is about."""
    return next((str(value) for name, value in one.subject.items() if name in CALENDAR_KEYS), WHOLE)


def name(one: Found) -> str:
    """What drifted: the subject without its part of the calendar."""
    return words({key: value for key, value in one.subject.items() if key not in CALENDAR_KEYS})


def _strip(policy: str, check: str, own: list[Found]) -> Chart:
    parts = sorted({part(one) for one in own})[:16]
    values = {(name(one), part(one)): one.value for one in own}
    peak = {
        key: max((one.value or 0.0 for one in own if name(one) == key), default=0.0)
        for key in {name(one) for one in own}
    }
    rows = {
        key: [values.get((key, column)) for column in parts] for key in sorted(peak, key=lambda key: (-peak[key], key))
    }
    bound = next((one.bound.value for one in own if one.bound is not None), None)
    unit = own[0].metric.upper()
    return charts.heat(
        f"{unit} of each subject ({policy}: {check})", parts, rows, limit=bound, note="Strongest drift first."
    )
