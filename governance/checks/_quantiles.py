"""The ends of the interval of a quantile: two order statistics of each group, without sorting all records.

`records` holds the columns `group_...` and `ms`. The groups are counted first; then only the records from `tail_ms` on,
which must lie at or below the lower rank, are put in order.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from governance.checks import Check
from governance.checks._groups import keys, subject_column

_SPREAD = "$z * sqrt(count(ms) * $quantile * (1 - $quantile))"
_RANKS = f"ceil(count(ms) * $quantile - {_SPREAD}) - 1 AS low, ceil(count(ms) * $quantile + {_SPREAD}) AS high"


class Ranked(NamedTuple):
    """SQL of the groups of an axis.

    Attributes:
        tables: Common tables that `rows` reads, over `records`.
        rows: SELECT of `axis`, `subject`, the figures, `low_ms` and `high_ms`.
    """

    tables: str
    rows: str


def tail_of(quantile: float) -> float:
    """Share of the records below the lower rank at the fewest that are judged, 1 / (1 - quantile)."""
    return max(0.0, 5 * quantile - 4)


def ranked(
    check: Check, axis: Sequence[str], number: int, figures: str, names: str, tail: str, measure: str | None = None
) -> Ranked:
    """The figures of each group of an axis, with the order statistics at both ranks.

    Args:
        check: Names the calendar.
        axis: Columns that the groups are made by.
        number: Of the axis.
        figures: Select list of aggregates over the group, `n` (the records with `ms`) among them.
        names: Of the figures, and of `low` and `high` where they are wanted.
        tail: SQL of the aggregate `tail_ms`.
        measure: Goes into the subject.
    """
    own = keys(check, axis)
    sized, placed = f"sized_{number}", f"placed_{number}"
    by = f" GROUP BY {', '.join(own)}" if own else ""
    same = " AND ".join(f"s.{key} IS NOT DISTINCT FROM o.{key}" for key in own) or "true"
    listed = "".join(f"s.{key}, " for key in own)
    within = f"PARTITION BY {listed.removesuffix(', ')} " if own else ""
    groups = (
        f"SELECT {''.join(f'{key}, ' for key in own)}{figures}, {_RANKS}, {tail} AS tail_ms "
        f"FROM records{by} HAVING count(*) > 0"
    )
    tails = (
        f"SELECT {listed}o.ms, s.low, s.high, s.n + 1 - row_number() OVER ({within}ORDER BY o.ms DESC) AS place "
        f"FROM {sized} s JOIN records o ON {same} AND o.ms >= s.tail_ms"
    )
    joined = (
        f"SELECT {number} AS axis, {subject_column(check, axis, measure)} AS subject, {names}, low_ms, high_ms "
        f"FROM (SELECT s.*, o.low_ms, o.high_ms FROM {sized} s LEFT JOIN (SELECT {listed}max(ms) FILTER (place = low) "
        f"AS low_ms, max(ms) FILTER (place = high) AS high_ms FROM {placed} s{by}) o ON {same}) s"
    )
    return Ranked(f"{sized} AS ({groups}), {placed} AS ({tails})", joined)
