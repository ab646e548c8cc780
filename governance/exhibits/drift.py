"""Drift: how far inputs and outputs moved from their reference, by month."""

from __future__ import annotations

from collections.abc import Sequence

from governance import charts
from governance.blocks import AnyBlock, Cell, Chart, Column, Missing, Section, Table
from governance.exhibits import families
from governance.exhibits.found import Found
from governance.exhibits.period import Period
from governance.exhibits.sentences import group, measured, no_checks
from governance.exhibits.verdicts import by_check, of_findings
from governance.wording import CALENDAR_KEYS, words

WHOLE = "whole window"
MOST_PARTS, MOST_BANDS = 12, 40  # chosen here: what one sheet can show; the table has every subject


def by_month(period: Period) -> Section:
    """A strip of each feature over the parts of the calendar, and the findings under it."""
    found = period.of_kind(*families.DRIFT)
    if not found:
        return group(no_checks(period, families.DRIFT))
    blocks: list[AnyBlock] = []
    for own in by_check(found).values():
        ordered = sorted(own, key=lambda one: (one.badness[0], -one.excess))
        parted = any(part(one) != WHOLE for one in own)
        blocks += [_strip(own), _table(own)] if parted else of_findings(period, ordered)
    return group(*blocks, measured(found))


def part(one: Found) -> str:
    """The part of the calendar that a finding is about."""
    return next((str(value) for name, value in one.subject.items() if name in CALENDAR_KEYS), WHOLE)


def name(one: Found) -> str:
    """What drifted: the subject without its part of the calendar."""
    return words({key: value for key, value in one.subject.items() if key not in CALENDAR_KEYS})


def _names(own: Sequence[Found]) -> list[str]:
    """What drifted, the strongest first."""
    peak: dict[str, float] = {}
    for one in own:
        peak[name(one)] = max(peak.get(name(one), 0.0), one.value or 0.0)
    return sorted(peak, key=lambda key: (-peak[key], key))


def _parts(own: Sequence[Found]) -> list[str]:
    return sorted({part(one) for one in own})[-MOST_PARTS:]


def _title(one: Found) -> str:
    return f"{one.metric.upper().replace('_', ' ')} by part of the calendar ({one.policy}: {one.check})"


def _strip(own: Sequence[Found]) -> Chart:
    parts = _parts(own)
    values = {(name(one), part(one)): one.value for one in own}
    rows = {
        key.removeprefix("feature "): [values.get((key, column)) for column in parts]
        for key in _names(own)[:MOST_BANDS]
    }
    bound = next((one.bound.value for one in own if one.bound is not None), None)
    return charts.heat(_title(own[0]), parts, rows, limit=bound, note="The strongest drift first.")


def _table(own: Sequence[Found]) -> Table:
    """The same figures, with the records under them, the limit and the worst verdict of each subject."""
    parts = _parts(own)
    by_name: dict[str, list[Found]] = {}
    for one in own:
        by_name.setdefault(name(one), []).append(one)
    columns = (
        Column("subject"),
        *(Column(column, "number", digits=3) for column in parts),
        Column("fewest records", "number", digits=0),
        Column("limit"),
        Column("worst verdict", "verdict"),
    )
    lines = []
    for key in _names(own):
        found = {part(one): one for one in by_name[key]}
        cells: list[Cell] = [_value(found.get(column)) for column in parts]
        worst = min(found.values(), key=lambda one: one.badness)
        lines.append((key, *cells, min(one.n for one in found.values()), worst.limits(), worst.verdict))
    return Table(f"{own[0].policy}: {own[0].check}", columns, tuple(lines), anchor=own[0].place)


def _value(one: Found | None) -> Cell:
    if one is None:
        return None
    return one.value if one.value is not None else Missing(one.reason)
