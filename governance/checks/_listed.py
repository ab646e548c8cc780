"""Shares with the values behind them, such as the causes of errors: every measure of every group in one pass.

The records are counted once by whether they are marked and by the value that is listed; groups are summed from those
cells. Ids are long to read, so the records that are shown are looked up by their moments.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from governance.checks import Check
from governance.checks._groups import grouped
from governance.checks._references import own_columns
from governance.checks._shares import LISTED

_LONGEST = 200  # characters of a value; chosen here, so that a finding stays small whatever a log says


class Listing(NamedTuple):
    """One figure of a kind that may have several.

    Attributes:
        name: Goes into the subject where a check has several measures.
        marked: SQL condition of the records that are counted.
        value: SQL of what is listed of a record, null for those of which nothing is.
        known: SQL condition of the records of which it can be said.
        sums: Further whole numbers of a group: name -> aggregate, which is added up.
    """

    name: str
    marked: str
    value: str
    known: str = "true"
    sums: tuple[tuple[str, str], ...] = ()


def listed(check: Check, listings: Sequence[Listing], source: str, *, several: bool | None = None) -> str:
    """SELECT of each share in each group: `measure`, `value`, `n`, `records`, `marked`, `samples`, `seen`, the sums.

    Args:
        check: Names the axes.
        listings: At least one.
        source: Relation with the columns `group_...`, `id` and `ts`, which is read twice.
        several: Whether the subject names the measure; by default where there are several.
    """
    named = len(listings) > 1 if several is None else several
    marked = f"SELECT *, {', '.join(_marks(place, one) for place, one in enumerate(listings))} FROM {source}"
    figures = " UNION ALL ".join(_figures(check, listings, place, named) for place in range(len(listings)))
    samples = " UNION ALL ".join(_samples(check, one, place, named) for place, one in enumerate(listings))
    return (
        f"SELECT * FROM (WITH cells AS ({_cells(check, listings, marked)}), figures AS MATERIALIZED ({figures}), "
        f"shown AS MATERIALIZED ({marked} WHERE ts IN (SELECT unnest(samples) FROM figures)) "
        f"SELECT f.* REPLACE (s.samples AS samples) FROM figures f LEFT JOIN ({samples}) s "
        "ON s.axis = f.axis AND s.subject = f.subject AND s.measure = f.measure)"
    )


def _marks(place: int, one: Listing) -> str:
    value = f"left(CAST({one.value} AS VARCHAR), {_LONGEST})"
    return f"({one.known}) AS k{place}, ({one.known}) AND ({one.marked}) AS m{place}, {value} AS s{place}"


def _cells(check: Check, listings: Sequence[Listing], marked: str) -> str:
    """Records, their first moments and the sums, for each measure in the finest groups."""
    own, places = own_columns(check), range(len(listings))
    columns = "".join(f"k{place}, m{place}, s{place}, grouping(k{place}) = 0 AS is_{place}, " for place in places)
    sums = "".join(f", {aggregate} AS {name}" for one in listings for name, aggregate in one.sums)
    sets = ", ".join(f"({own}k{place}, m{place}, s{place})" for place in places)
    return (
        f"SELECT {own}{columns}count(*) AS records, min(ts, {LISTED}) AS moments{sums} "
        f"FROM ({marked}) GROUP BY GROUPING SETS ({sets})"
    )


def _figures(check: Check, listings: Sequence[Listing], place: int, named: bool) -> str:
    """The share of one measure in each group, the moments of the first marked records, and what is listed."""
    one = listings[place]
    measure = one.name if named else None
    totals = {"n": f" FILTER (k{place})", "records": "", "marked": f" FILTER (m{place})"}
    counts = ", ".join(f"{_total('records', which)} AS {name}" for name, which in totals.items())
    added = dict(one.sums)
    names = [name for other in listings for name, _ in other.sums]
    sums = "".join(f", {_total(name) if name in added else 'CAST(NULL AS BIGINT)'} AS {name}" for name in names)
    moments = f"list_sort(flatten(list(moments) FILTER (m{place})))[:{LISTED}] AS samples"
    shares = grouped(check, f"{counts}, {moments}{sums}", f"(SELECT * FROM cells WHERE is_{place})", measure=measure)
    value, source = f"s{place}", f"(SELECT * FROM cells WHERE is_{place} AND s{place} IS NOT NULL)"
    each = grouped(check, f"{value} AS value, {_total('records')} AS n", source, measure=measure, also=[value])
    seen = f"list_reverse_sort(list({{'n': n, 'value': value}}))[:{LISTED}] AS seen"
    return (
        f"SELECT '{one.name}' AS measure, g.marked / nullif(g.n, 0) AS value, g.*, v.seen FROM ({shares}) g LEFT JOIN "
        f"(SELECT axis, subject, {seen} FROM ({each}) GROUP BY axis, subject) v "
        "ON v.axis = g.axis AND v.subject = g.subject"
    )


def _total(name: str, which: str = "") -> str:
    return f"CAST(coalesce(sum({name}){which}, 0) AS BIGINT)"


def _samples(check: Check, one: Listing, place: int, named: bool) -> str:
    figures = f"'{one.name}' AS measure, arg_min(id, (ts, id), {LISTED}) FILTER (m{place}) AS samples"
    return grouped(check, figures, "shown", measure=one.name if named else None)
