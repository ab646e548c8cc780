"""The ends of the interval of a quantile: two order statistics of each group, without sorting all records.

`records` holds the columns `group_...`, `us`, `ms` and `id`. The groups are counted first. Then only the records from
`least_ms` to `most_ms` are put in order, which must lie around both ranks, and those below are counted. Ids are read of
the longest ones alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from governance.checks import Check
from governance.checks._groups import keys, subject_column

_Q = "CAST($quantile AS DOUBLE)"
_NEAR = 0.02  # of the records, on either side of the quantile; chosen here: both ranks lie within from some 400 on
_SPREAD = "$z * sqrt(count(ms) * $quantile * (1 - $quantile))"
_RANKS = f"ceil(count(ms) * $quantile - {_SPREAD}) - 1 AS low, ceil(count(ms) * $quantile + {_SPREAD}) AS high"
# One list, so that the values are gathered once
_QUANTILES = f"quantile_cont(ms, [{_Q}, CAST($tail AS DOUBLE), greatest({_Q} - {_NEAR}, 0), least({_Q} + {_NEAR}, 1)])"
QUANTILE = f"{_QUANTILES}[1]"
# A rank moves by less than 3 where it is rounded, and where the value at a share lies between two records
_IS_NEAR = f"{_NEAR} * count(ms) >= {_SPREAD} + 3"
_BOUNDS = (
    f"CASE WHEN {_IS_NEAR} THEN {_QUANTILES}[3] WHEN count(ms) * (1 - $quantile) >= 1 THEN {_QUANTILES}[2] "
    f"ELSE min(ms) END AS least_ms, CASE WHEN {_IS_NEAR} THEN {_QUANTILES}[4] ELSE max(ms) END AS most_ms"
)


class Ranked(NamedTuple):
    """SQL of the groups of an axis.

    Attributes:
        tables: Common tables that `rows` reads, over `records`.
        rows: SELECT of `axis`, `subject`, the figures, `low_ms` and `high_ms`.
    """

    tables: str
    rows: str


def tail_of(quantile: float) -> float:
    """Share of the records below the lower rank, where 1 / (1 - quantile) records or more are judged.

    Of x = n (1 - quantile) >= 1 records beyond the quantile, the lower rank lies at most 1.96 root x + 2 before it, and
    the value at this share no more than 2 ranks above it: 7 x - x leaves room for both.
    """
    return max(0.0, 7 * quantile - 6)


def ranked(
    check: Check, axis: Sequence[str], number: int, figures: str, names: str, measure: str | None = None
) -> Ranked:
    """The figures of each group of an axis, with the order statistics at both ranks.

    Args:
        check: Names the calendar.
        axis: Columns that the groups are made by.
        number: Of the axis.
        figures: Select list of aggregates over the group.
        names: Of the figures, of `samples`, and of `low` and `high` where they are wanted.
        measure: Goes into the subject.
    """
    own = keys(check, axis)
    sized, placed, longest = f"sized_{number}", f"placed_{number}", f"longest_{number}"
    listed = "".join(f"{key}, " for key in own)
    by = f" GROUP BY {listed.removesuffix(', ')}" if own else ""
    whole = f" GROUP BY {', '.join(f's.{key}' for key in own)}" if own else ""
    groups = (
        f"SELECT {listed}{figures}, {_RANKS}, {_BOUNDS}, max(us, 10) AS longest_us FROM records{by} HAVING count(*) > 0"
    )
    middle = (
        f"SELECT {''.join(f's.{key}, ' for key in own)}count(*) FILTER (o.ms < s.least_ms) AS below, "
        "list_sort(list(o.ms) FILTER (o.ms BETWEEN s.least_ms AND s.most_ms)) AS middle "
        f"FROM records o JOIN {sized} s ON {_same(own, 's', 'o')}{whole}"
    )
    # By the column as it is stored, so that the engine skips what holds none of these values
    ids = (
        f"SELECT {listed}arg_max(id, (ms, id), 10) AS samples FROM records "
        f"WHERE us IN (SELECT unnest(longest_us) FROM {sized}){by}"
    )
    found = (
        f"SELECT s.*, l.samples, CASE WHEN s.low >= 1 THEN o.middle[CAST(s.low - o.below AS BIGINT)] END AS low_ms, "
        f"o.middle[CAST(s.high - o.below AS BIGINT)] AS high_ms FROM {sized} s "
        f"LEFT JOIN {longest} l ON {_same(own, 's', 'l')} LEFT JOIN {placed} o ON {_same(own, 's', 'o')}"
    )
    return Ranked(
        f"{sized} AS MATERIALIZED ({groups}), {placed} AS ({middle}), {longest} AS ({ids})",
        f"SELECT {number} AS axis, {subject_column(check, axis, measure)} AS subject, {names}, low_ms, high_ms "
        f"FROM ({found}) s",
    )


def _same(own: Sequence[str], one: str, other: str) -> str:
    return " AND ".join(f"{one}.{key} IS NOT DISTINCT FROM {other}.{key}" for key in own) or "true"
