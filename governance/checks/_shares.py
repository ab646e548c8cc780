"""Shares against a limit: their figures in SQL, what was observed, and the comparison in whole numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any, Literal, NamedTuple

from governance.checks import Check, Row
from governance.checks._groups import grouped
from governance.findings import Observation
from governance.measurement.scopes import subject_of
from governance.measurement.statistics import wilson

Ids = Literal["here", "again", "of_decisions"]
LISTED = 10  # values or ids that a finding shows


class Measure(NamedTuple):
    """One figure of a kind that may have several.

    Attributes:
        name: Goes into the subject where a check has several measures.
        marked: SQL condition of the records that are counted.
        known: SQL condition of the records of which it can be said.
        also: Further aggregates, as a select list.
    """

    name: str
    marked: str
    known: str = "true"
    also: str = ""


def shares(
    check: Check,
    measures: Sequence[Measure],
    source: str,
    *,
    several: bool | None = None,
    key: str | None = None,
    ids: Ids = "here",
) -> str:
    """SELECT of the share of each measure in each group: `measure`, `value`, `n`, `records`, `marked`, `samples`.

    Args:
        check: Names the axes.
        measures: At least one; all have the same columns in `also`.
        source: Relation with the columns `group_...`, `id` and `ts`.
        several: Whether the subject names the measure; by default where there are several.
        key: Further column `group_<key>` that is part of every subject.
        ids: How the ids of the first marked records are found. Reading those of all records costs more than all else,
            so a source without joins is read `again` for the few moments at which these lie; `of_decisions`, `id` is
            that of the decision, and what a user types is looked up afterwards.
    """
    named = len(measures) > 1 if several is None else several
    own = check if key is None else check.model_copy(update={"by": tuple((key, *axis) for axis in check.axes)})

    def each(of: str, figures: Callable[[Measure], str]) -> str:
        return " UNION ALL ".join(
            grouped(own, f"'{found.name}' AS measure, {figures(found)}", of, measure=found.name if named else None)
            for found in measures
        )

    if ids == "again":
        few = f"(SELECT * FROM {source} WHERE ts IN (SELECT unnest(samples) FROM figures))"
        return (
            f"SELECT * FROM (WITH figures AS MATERIALIZED ({each(source, lambda one: _figures(one, _MOMENTS))}) "
            "SELECT f.* REPLACE (s.samples AS samples) FROM figures f LEFT JOIN "
            f"({each(few, lambda one: f'{_SAMPLES} FILTER ({_both(one)}) AS samples')}) s "
            "ON s.axis = f.axis AND s.subject = f.subject AND s.measure = f.measure)"
        )
    shown = _OF_DECISIONS if ids == "of_decisions" else _SAMPLES
    return each(source, lambda one: _figures(one, shown))


_SAMPLES = f"arg_min(id, (ts, id), {LISTED})"
_OF_DECISIONS = f"min({{'ts': ts, 'id': id}}, {LISTED})"
_MOMENTS = f"min(ts, {LISTED})"


def _both(measure: Measure) -> str:
    return f"({measure.known}) AND ({measure.marked})"


def _figures(measure: Measure, samples: str) -> str:
    both = _both(measure)
    also = f", {measure.also}" if measure.also else ""
    return (
        f"count(*) FILTER ({both}) / nullif(count(*) FILTER ({measure.known}), 0) AS value, "
        f"count(*) FILTER ({measure.known}) AS n, count(*) AS records, count(*) FILTER ({both}) AS marked, "
        f"{samples} FILTER ({both}) AS samples{also}"
    )


def observed(
    row: Row, metric: str, counts: Mapping[str, Any], reason: str | None = None, *, unit: str = "share"
) -> Observation:
    """The observation in a row of `shares`, with its Wilson interval."""
    n = row["n"]
    why = reason or (f"none of the {row['records']} records says it" if n == 0 else None)
    interval = None if why else wilson(row["marked"], n)
    value = None if why else row["value"]
    samples = tuple(one["id"] if isinstance(one, dict) else one for one in row["samples"] or ())
    return Observation(subject_of(row["subject"]), metric, value, unit, n, counts, interval, samples, why)


def exceeds(marked: int, n: int, limit: float) -> bool:
    """Whether a share is above a limit, in whole numbers: 7 of 100 are not above 0.07."""
    return Fraction(marked, n) > Fraction(str(limit))


def falls_short(marked: int, n: int, limit: float) -> bool:
    """Whether a share is below a limit, in whole numbers."""
    return Fraction(marked, n) < Fraction(str(limit))


class Breach(NamedTuple):
    """A share beyond a bound.

    Attributes:
        side: `below` or `above`.
        bound: The bound.
        is_certain: Whether the whole interval lies beyond it, so that chance does not explain it.
    """

    side: str
    bound: float
    is_certain: bool


def breach(observation: Observation, marked: int, least: float | None, most: float | None) -> Breach | None:
    """The bound that a share with an interval is beyond, or None; exactly on a bound is none.

    For shares of people's choices, where a few records say little: 30 of 30 are no proof of more than 0.98.
    """
    low, high = observation.interval or (0.0, 1.0)
    if least is not None and falls_short(marked, observation.n, least):
        return Breach("below", least, high < least)
    if most is not None and exceeds(marked, observation.n, most):
        return Breach("above", most, low > most)
    return None


def distinct(value: str, marked: str) -> str:
    """SQL of the values, as text, of the marked records: a list of {n, value}, the most frequent first."""
    # 200 characters: chosen here, so that a finding stays small whatever a log says
    numbers = f"map_entries(histogram(left(CAST({value} AS VARCHAR), 200)) FILTER ({marked}))"
    named = f"list_transform({numbers}, lambda e: {{'n': e.value, 'value': e.key}})"
    return f"list_slice(list_reverse_sort({named}), 1, {LISTED})"


def counted(listed: Sequence[Mapping[str, Any]] | None) -> dict[str, int]:
    """Value -> number of records, of a list of `distinct`."""
    return {str(item["value"]): item["n"] for item in listed or ()}


def told(found: Mapping[str, int], limit: int = 3) -> str:
    """The first few values with their numbers: `gpt-x (12), gpt-y (3)`."""
    shown = [f"{_short(name)} ({number})" for name, number in list(found.items())[:limit]]
    return ", ".join(shown) + (", ..." if len(found) > limit else "")


def _short(text: str) -> str:
    # what a log says goes into a sentence: one line, no flood
    line = " ".join(text.split())
    return line if len(line) <= 60 else f"{line[:57]}..."  # noqa: PLR2004 - chosen here: a line of a report


def globs(column: str, name: str, patterns: Sequence[str]) -> str:
    """SQL condition that a column matches one of the bound patterns `$name_0`, `$name_1`, ..."""
    return "(" + " OR ".join(f"{column} GLOB ${name}_{place}" for place in range(len(patterns))) + ")"


def bound_globs(name: str, patterns: Sequence[str]) -> dict[str, str]:
    """The parameters of `globs`."""
    return {f"{name}_{place}": pattern for place, pattern in enumerate(patterns)}
