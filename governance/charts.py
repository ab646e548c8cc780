"""The charts of reports: figures in, a `Chart` block out, with an alternative text that says what is to be seen.

A chart never carries a fact that no table carries. What is not finite is a gap, never a zero.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from math import isfinite

from governance import display
from governance.blocks import Chart
from governance.display import Number
from governance.drawings import (
    Band,
    Bar,
    Bars,
    Heat,
    Interval,
    Intervals,
    Lane,
    Line,
    Series,
    Span,
    Step,
    Timeline,
    Waterfall,
)

MOST_STEPS = 12  # chosen here: contributions that a reader takes in; the rest is one step, so that the sum stays true


def line(
    title: str,
    labels: Sequence[str],
    series: Mapping[str, Sequence[Number | None]],
    *,
    limit: Number | None = None,
    limit_name: str = "limit",
    unit: str = "",
    digits: int | None = None,
    alt: str = "",
    note: str = "",
) -> Chart:
    """One to six lines over the same labels, named at their ends, and the limit.

    Args:
        title: What is shown.
        labels: One for each place on the axis, oldest first.
        series: Values by name; None or a value that is not finite is a gap.
        limit: A dashed line across.
        limit_name: What the limit is called.
        unit: Written above the axis.
        digits: Decimal places of the figures; None fits them.
        alt: What is to be seen; without it a sentence is made from the figures.
        note: A line below the chart.

    Raises:
        ValueError: There are no lines, more than six, or a line has not one value for each label.
    """
    lines = tuple(Series(name, _floats(values)) for name, values in series.items())
    known = [value for one in lines for value in one.values if value is not None]
    places = display.fitting_digits(known) if digits is None else digits
    picture = Line(tuple(labels), lines, _float(limit), limit_name, unit, places)
    return Chart(title, alt or picture.in_words(), picture, note)


def bars(
    title: str,
    values: Mapping[str, Number | Sequence[Number]],
    *,
    parts: Sequence[str] = ("",),
    limit: Number | None = None,
    limit_name: str = "limit",
    unit: str = "",
    digits: int | None = None,
    alt: str = "",
    note: str = "",
) -> Chart:
    """Horizontal bars with their figures; where there are several parts each bar is stacked of them.

    Args:
        title: What is shown.
        values: The amount by name, or one amount for each part; none below zero.
        parts: Names of the parts, for a legend.
        limit: A dashed line down the chart.
        limit_name: What the limit is called.
        unit: Written above.
        digits: Decimal places of the figures; None fits them.
        alt: What is to be seen; without it a sentence is made from the figures.
        note: A line below the chart.

    Raises:
        ValueError: An amount is below zero or not finite, or their number does not fit.
    """
    rows = tuple(
        Bar(name, tuple(map(float, amount)) if isinstance(amount, Sequence) else (float(amount),))
        for name, amount in values.items()
    )
    sums = [sum(row.values) for row in rows]
    places = display.fitting_digits(sums) if digits is None else digits
    picture = Bars(rows, tuple(parts), _float(limit), limit_name, unit, places)
    return Chart(title, alt or picture.in_words(), picture, note)


def intervals(
    title: str,
    rows: Sequence[Interval],
    *,
    limit: Number | None = None,
    limit_is: str = "min",
    limit_name: str = "limit",
    unit: str = "",
    digits: int = 2,
    alt: str = "",
    note: str = "",
) -> Chart:
    """Measured values with their intervals against a limit: impact ratios and the 0.80 line.

    Args:
        title: What is shown.
        rows: Name, value, ends of the interval, note.
        limit: A dashed line; a value beyond it is a diamond of another colour.
        limit_is: "min" or "max": which side of the limit is a breach.
        limit_name: What the limit is called.
        unit: Unit of the values.
        digits: Decimal places of the figures.
        alt: What is to be seen; without it a sentence is made from the figures.
        note: A line below the chart.

    Raises:
        ValueError: There are no rows, or an interval ends before it begins.
    """
    clean = tuple(
        Interval(row.name, _float(row.value), _float(row.low), _float(row.high), row.note, row.is_judged)
        for row in rows
    )
    picture = Intervals(clean, _float(limit), limit_is, limit_name, unit, digits)
    return Chart(title, alt or picture.in_words(), picture, note)


def waterfall(
    title: str,
    base: Number,
    steps: Sequence[Step],
    output: Number,
    *,
    output_name: str = "this decision",
    threshold: Number | None = None,
    unit: str = "",
    digits: int = 2,
    most: int = MOST_STEPS,
    alt: str = "",
    note: str = "",
) -> Chart:
    """How contributions lead from the base value to the output, the largest first.

    Args:
        title: What is shown.
        base: The value without any contribution.
        steps: Feature, its value as text, its contribution; drawn by size, ties in the order given.
        output: The value that was reached.
        output_name: What the output is called.
        threshold: A dashed line where the decision turns.
        unit: The space of the values, such as log-odds.
        digits: Decimal places of the figures.
        most: Contributions that are drawn; the others are added up as one last step.
        alt: What is to be seen; without it a sentence is made from the figures.
        note: A line below the chart.

    Raises:
        ValueError: There are no contributions.
    """
    ordered = sorted(steps, key=lambda step: -abs(step.contribution))
    drawn, rest = ordered[:most], ordered[most:]
    if rest:
        drawn.append(Step(f"{len(rest)} others", "", sum(step.contribution for step in rest)))
    limit = _float(threshold)
    picture = Waterfall(
        float(base), tuple(drawn), float(output), output_name=output_name, threshold=limit, unit=unit, digits=digits
    )
    return Chart(title, alt or picture.in_words(), picture, note)


def heat(
    title: str,
    columns: Sequence[str],
    rows: Mapping[str, Sequence[Number | None]],
    *,
    limit: Number | None = None,
    limit_name: str = "limit",
    digits: int = 2,
    alt: str = "",
    note: str = "",
) -> Chart:
    """A figure for each name and period, tinted by its size: the drift of each feature by month.

    Args:
        title: What is shown.
        columns: Names of the periods, at most 16.
        rows: Values by name; None or a value that is not finite is a dash.
        limit: Values over it stand out.
        limit_name: What the limit is called.
        digits: Decimal places of the figures.
        alt: What is to be seen; without it a sentence is made from the figures.
        note: A line below the chart.

    Raises:
        ValueError: A row has not one value for each column, or there are too many.
    """
    bands = tuple(Band(name, _floats(values)) for name, values in rows.items())
    picture = Heat(tuple(columns), bands, _float(limit), limit_name, digits)
    return Chart(title, alt or picture.in_words(), picture, note)


def timeline(
    title: str,
    start: datetime,
    end: datetime,
    lanes: Mapping[str, Sequence[Span]],
    *,
    alt: str = "",
    note: str = "",
) -> Chart:
    """What was there when, and where there are gaps: the hours in which logs were received.

    Args:
        title: What is shown.
        start: Begin of the axis, aware.
        end: End of the axis, aware.
        lanes: Spans by name; states are `there`, `partial` and `gap`.
        alt: What is to be seen; without it a sentence is made from the spans.
        note: A line below the chart.

    Raises:
        ValueError: A time has no zone, a span ends before it begins, or a state is unknown.
    """
    picture = Timeline(start, end, tuple(Lane(name, tuple(spans)) for name, spans in lanes.items()))
    return Chart(title, alt or picture.in_words(), picture, note)


def _float(value: Number | None) -> float | None:
    return float(value) if value is not None and isfinite(value) else None


def _floats(values: Sequence[Number | None]) -> tuple[float | None, ...]:
    return tuple(map(_float, values))
