"""One statement that compares samples on bins fixed by the reference: PSI and Jensen-Shannon distance.

1. A number falls between the deciles of the reference (its values at ranks n/10, 2n/10, ...; equal ones once), each bin
   with its upper end. Where the lowest tenth of the reference is one value, what lies below it has a bin of its own;
   where the highest tenth is, what lies above it has: an input of few values cannot leave them unseen.
2. A text or truth value is a bin; beyond the 50 most frequent of the reference the rarer ones share one. Values that
   the reference does not have share one.
3. Missing values, and numbers that are not finite, are a bin.
4. For PSI a bin that is empty on one side counts as half a record there (Haldane 1956; Anscombe 1956, Biometrika 43),
   because its logarithm has no value; a bin that is empty on both sides does not count.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from governance.checks._drift_records import Samples
from governance.engines.duckdb import literal
from governance.measurement.scopes import subject_sql

BINS = 10  # deciles, the usual number: Siddiqi (2017), Intelligent Credit Scoring, 2nd edition, chapter 10
CATEGORIES = 50  # chosen here: more make the noise of the comparison larger than what it could show
BELOW, ABOVE = 0, BINS
RARE, NEW, MISSING = 1001, 1002, 1003
UNNAMED = {
    MISSING: "(missing values)",
    RARE: "(rarer values of the reference)",
    NEW: "(values that the reference lacks)",
}

_TERMS = {
    # p and q: shares of reference and records; an empty bin is half a record
    "psi": (
        "(greatest(n, 0.5) / total - greatest(m, 0.5) / reference_total) "
        "* ln(greatest(n, 0.5) / total / (greatest(m, 0.5) / reference_total))"
    ),
    # 0 log 0 is 0
    "js": (
        "CASE WHEN n > 0 THEN n / total * log2(2 * n / total / (n / total + m / reference_total)) ELSE 0 END / 2 + "
        "CASE WHEN m > 0 THEN m / reference_total * log2(2 * m / reference_total / (n / total + m / reference_total)) "
        "ELSE 0 END / 2"
    ),
}
_FIGURES = {"psi": "list_sum(terms)", "js": "sqrt(greatest(0, list_sum(terms)))"}


def statement(samples: Samples, measure: str) -> str:
    """One row for each variable and group: subject, value, n, reference_n, missing values and bins.

    Args:
        samples: What is compared.
        measure: psi or js.
    """
    numeric = samples.numeric()
    counted = " UNION ALL ".join(_counted(samples, place, axis) for place, axis in enumerate(samples.axes))
    is_numeric = f"list_contains([{', '.join(map(str, numeric))}]::INT[], c.k)"
    return (
        f"WITH records AS NOT MATERIALIZED ({samples.records()}), "
        f"deciles AS MATERIALIZED ({_deciles(numeric)}), "
        f"cells AS MATERIALIZED ({counted}), "
        "known AS (SELECT k, category, row_number() OVER (PARTITION BY k ORDER BY sum(n) DESC, category) AS place "
        "FROM cells WHERE is_reference AND axis = 0 AND category IS NOT NULL GROUP BY k, category), "
        "placed AS (SELECT c.axis, c.k, c.is_reference, c.subject, c.shared, "
        f"CASE WHEN {is_numeric} THEN coalesce(c.bin, {MISSING}) WHEN c.category IS NULL THEN {MISSING} "
        f"WHEN a.place IS NULL THEN {NEW} WHEN a.place > {CATEGORIES} THEN {RARE} ELSE a.place END AS bin, "
        f"CASE WHEN a.place <= {CATEGORIES} THEN c.category END AS category, sum(c.n) AS n "
        "FROM cells c LEFT JOIN known a ON a.k = c.k AND a.category = c.category GROUP BY ALL), "
        "groups AS (SELECT DISTINCT axis, k, subject, shared FROM placed WHERE NOT is_reference), "
        "sides AS (SELECT g.axis, g.k, g.subject, p.bin, p.category, 0 AS n, p.n AS m FROM groups g "
        "JOIN placed p ON p.is_reference AND p.axis = g.axis AND p.k = g.k AND p.shared = g.shared "
        "UNION ALL SELECT axis, k, subject, bin, category, n, 0 FROM placed WHERE NOT is_reference), "
        "bins AS (SELECT axis, k, subject, bin, max(category) AS category, CAST(sum(n) AS DOUBLE) AS n, "
        "CAST(sum(m) AS DOUBLE) AS m FROM sides GROUP BY ALL), "
        "sized AS (SELECT *, sum(n) OVER one AS total, sum(m) OVER one AS reference_total FROM bins "
        "WINDOW one AS (PARTITION BY axis, k, subject)), "
        f"terms AS (SELECT *, CASE WHEN reference_total > 0 THEN {_TERMS[measure]} END AS term FROM sized), "
        "found AS (SELECT axis, k, subject, CAST(any_value(total) AS BIGINT) AS n, "
        "CAST(any_value(reference_total) AS BIGINT) AS reference_n, list(term ORDER BY bin) AS terms, "
        f"CAST(coalesce(sum(n) FILTER (bin = {MISSING}), 0) AS BIGINT) AS missing, "
        f"CAST(coalesce(sum(m) FILTER (bin = {MISSING}), 0) AS BIGINT) AS reference_missing, "
        "list({'bin': bin, 'category': category, 'reference_n': CAST(m AS BIGINT), 'n': CAST(n AS BIGINT), "
        "'term': term} ORDER BY bin) AS bins FROM terms GROUP BY axis, k, subject) "
        f"SELECT subject, CASE WHEN reference_n > reference_missing THEN {_FIGURES[measure]} END AS value, n, "
        f"reference_n, missing, reference_missing, bins, {_edges(samples, numeric)} AS edges "
        "FROM found, deciles ORDER BY axis, k, subject"
    )


def _deciles(numeric: Sequence[int]) -> str:
    """One row: for each number its deciles, equal ones once, and the end of its lowest bin where that is one value."""
    if not numeric:
        return "SELECT 0 AS nothing"
    ranks = ", ".join(str(rank / BINS) for rank in range(BINS))
    quantiles = ", ".join(f"quantile_disc(v{k}, [{ranks}]) AS q{k}" for k in numeric)
    selected = ", ".join(
        f"list_sort(list_distinct(q{k}[2:])) AS d{k}, CASE WHEN q{k}[1] = q{k}[2] THEN q{k}[1] END AS low{k}"
        for k in numeric
    )
    return f"SELECT {selected} FROM (SELECT {quantiles} FROM records WHERE is_reference)"


def _edges(samples: Samples, numeric: Sequence[int]) -> str:
    if not numeric:
        return "CAST(NULL AS DOUBLE[])"
    listed = ", ".join(f"d{place}" if place in numeric else "NULL" for place in samples.places)
    return f"([{listed}])[k + 1]"


def _counted(samples: Samples, number: int, axis: Sequence[str]) -> str:
    """Records of an axis by variable, side, group and bin, in one pass."""
    numeric = samples.numeric()
    texts = [place for place in samples.places if place not in numeric]
    keys = samples.keys(axis)
    which = " ".join(f"WHEN grouping(b{place}) = 0 THEN {place}" for place in samples.places)
    sets = ", ".join(f"({', '.join(['is_reference', *keys, f'b{place}'])})" for place in samples.places)
    names = "[" + ", ".join(literal(variable.name) for variable in samples.variables) + "]"
    about = [(name, literal(value or "")) for name, value in samples.about]
    named = [samples.key, *(name for name, _ in about), *axis]
    values = [f"{names}[k + 1]", *(value for _, value in about), *keys]
    shared = [name for name in axis if samples.dimensions[name].reference_sql is not None]
    return (
        f"SELECT {number} AS axis, k, is_reference, {subject_sql(named, values)} AS subject, "
        f"{subject_sql(shared, samples.shared(axis))} AS shared, bin, category, n FROM ("
        f"SELECT CASE {which} END AS k, is_reference, {''.join(f'{key}, ' for key in keys)}"
        f"{_first(numeric, 'UTINYINT')} AS bin, {_first(texts, 'VARCHAR')} AS category, count(*) AS n "
        f"FROM (SELECT is_reference, {''.join(f'{key}, ' for key in keys)}{_binned(samples)}) "
        f"GROUP BY GROUPING SETS ({sets}))"
    )


def _first(places: Sequence[int], kind: str) -> str:
    """The one of the bins that a grouping set has kept."""
    return f"coalesce({', '.join(f'b{place}' for place in places)})" if places else f"CAST(NULL AS {kind})"


def _binned(samples: Samples) -> str:
    """Select list of the bins `b0`, `b1`, ... and the FROM clause behind it."""
    numeric = samples.numeric()
    columns = []
    for place in samples.places:
        if place not in numeric:
            columns.append(f"v{place} AS b{place}")
            continue
        tests = " ".join(f"WHEN v{place} <= e{place}_{rank} THEN {rank}" for rank in range(1, BINS))
        columns.append(
            f"CASE WHEN v{place} IS NULL THEN NULL WHEN v{place} < low{place} THEN {BELOW} {tests} "
            f"ELSE {ABOVE} END::UTINYINT AS b{place}"
        )
    if not numeric:
        return f"{', '.join(columns)} FROM records"
    ends = ", ".join(f"low{place}, {_ends(place)}" for place in numeric)
    return f"{', '.join(columns)} FROM records, (SELECT {ends} FROM deciles)"


def _ends(place: int) -> str:
    return ", ".join(f"d{place}[{rank}] AS e{place}_{rank}" for rank in range(1, BINS))


def labelled(row: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The bins of a row of the statement in order, as a finding stores them: label, counts, and part of the figure."""
    edges = row["edges"] or []
    return [
        {
            "bin": _label(one["bin"], one["category"], [float(edge) for edge in edges]),
            "reference_n": one["reference_n"],
            "n": one["n"],
            "part": None if one["term"] is None else float(one["term"]),
        }
        for one in row["bins"]
    ]


def _label(number: int, category: str | None, edges: Sequence[float]) -> str:
    if number in UNNAMED:
        return UNNAMED[number]
    if category is not None:
        return category
    ends = [f"{edge:.6g}" for edge in edges]
    if not ends:
        return "any value"
    if number == BELOW:
        return f"below {ends[0]}"
    if number > len(ends):
        return f"above {ends[-1]}"
    return f"up to {ends[0]}" if number == 1 else f"above {ends[number - 2]}, up to {ends[number - 1]}"


def grown(row: Mapping[str, Any], reference: str) -> str:
    """Predicate on `v` of the records in the bin that grew most, by its part of the figure.

    Args:
        row: Of the statement.
        reference: SELECT of the values of the reference.
    """
    more = [one for one in row["bins"] if one["n"] * row["reference_n"] > one["reference_n"] * row["n"]]
    most = max(more, key=lambda one: one["term"])
    number, category, edges = most["bin"], most["category"], [float(edge) for edge in row["edges"] or []]
    if number == MISSING:
        return "v IS NULL"
    if category is not None:
        return f"v = {literal(category)}"
    if number in (NEW, RARE):
        return f"v {'NOT IN' if number == NEW else 'IN'} (SELECT * FROM ({reference}) known(v) WHERE v IS NOT NULL)"
    if number == BELOW:
        return f"v < {edges[0]!r}"
    if number > len(edges):
        return f"v > {edges[-1]!r}"
    return f"v <= {edges[number - 1]!r}" + (f" AND v > {edges[number - 2]!r}" if number > 1 else "")
