"""One statement that compares samples value by value: Kolmogorov-Smirnov and Wasserstein distance, both exact.

For each variable the distinct values of both samples are counted and put in order once; the shares up to each value are
the two distribution functions F (reference) and G (a group of records). Missing values are left out, and counted.

- ks: the largest |F - G|.
- wasserstein: the area between F and G, in standard deviations of the reference (divisor m); `distance` is the area
  itself, in the unit of the variable.

Sums are compensated and figures rounded to 12 places, so that the order in which threads add does not show.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from governance.checks._drift_records import Samples, matches
from governance.engines.duckdb import literal
from governance.findings import Subject

POINTS = 6_000_000  # values that a statement sorts; chosen here: some 100 bytes each, within the engine's memory
_PLACES = 12
_FIGURES = (
    "n",
    "reference_n",
    "missing",
    "reference_missing",
    "mean",
    "reference_mean",
    "sd",
    "reference_sd",
    "distance",
    "spread",
    "reference_spread",
    "own_spread",
)


def batches(samples: Samples, size: int) -> list[Sequence[int]]:
    """The variables in lists that are compared in one statement each, which sorts all of its variables at once.

    Args:
        samples: What is compared.
        size: Records of both samples.
    """
    many = max(1, POINTS // max(1, size))
    return [samples.places[start : start + many] for start in range(0, len(samples.places), many)]


def statement(samples: Samples, measure: str, groups: Sequence[Sequence[Subject]], places: Sequence[int]) -> str:
    """One row for each variable and group: subject, value, n, reference_n, missing values, means and spreads.

    Args:
        samples: What is compared.
        measure: ks or wasserstein.
        groups: Of each axis.
        places: Numbers of the variables.
    """
    parts = "".join(f", {_part(samples, axis, groups[n])} AS part{n}" for n, axis in enumerate(samples.axes))
    values = "".join(f", v{place}" for place in places)
    compared = [
        _compared(samples, measure, number, place, groups[number])
        for number in range(len(samples.axes))
        for place in places
        if groups[number]
    ]
    figures = ", ".join(f"0 AS {name}" for name in _FIGURES)
    none = f"SELECT 0 AS position, '' AS subject, 0.0 AS value, {figures} WHERE false"
    return (
        f"WITH records AS NOT MATERIALIZED ({samples.records()}), "
        f"parted AS MATERIALIZED (SELECT is_reference{parts}{values} FROM records) "
        f"SELECT subject, value, {', '.join(_FIGURES)} FROM ({' UNION ALL '.join(compared) or none}) ORDER BY position"
    )


def _references(samples: Samples, groups: Sequence[Subject]) -> list[Subject]:
    """The parts of the reference, once each: what the groups of an axis are compared with."""
    return list(dict.fromkeys(_shared(samples, group) for group in groups))


def _shared(samples: Samples, group: Subject) -> Subject:
    return tuple((name, value) for name, value in group if samples.dimensions[name].reference_sql is not None)


def _part(samples: Samples, axis: Sequence[str], groups: Sequence[Subject]) -> str:
    """Number of the group that a record is in; that of a part of the reference is below zero."""
    own = [f"WHEN NOT is_reference AND {matches(samples.keys(axis), group)} THEN {n}" for n, group in enumerate(groups)]
    others = [
        f"WHEN is_reference AND {matches(samples.shared(axis), shared)} THEN {-1 - n}"
        for n, shared in enumerate(_references(samples, groups))
    ]
    return f"CASE {' '.join([*own, *others])} END" if own else "NULL"


def _compared(samples: Samples, measure: str, number: int, place: int, groups: Sequence[Subject]) -> str:
    """The groups of an axis, each compared with its part of the reference on one variable."""
    references = _references(samples, groups)
    pairs = [(n, references.index(_shared(samples, group))) for n, group in enumerate(groups)]
    sides = {f"c{n}": n for n in range(len(groups))} | {f"r{n}": -1 - n for n in range(len(references))}
    rows = [_row(samples.subject(place, groups[n]), measure, n, other, (number, place, n)) for n, other in pairs]
    unnested = f"SELECT unnest([{', '.join(rows)}], recursive := true) FROM"
    variable = samples.variables[place]
    sizes = ", ".join(
        _size(side, f"part{number} = {part}", f"v{place}", is_numeric=variable.is_numeric)
        for side, part in sides.items()
    )
    if not variable.is_numeric:
        ordered = [f"{name}_{side}" for side in sides for name in ("mean", "sd", "spread")]
        ordered += [f"{name}_{n}" for n, _ in pairs for name in ("ks", "distance", "spread")]
        nothing = ", ".join(f"CAST(NULL AS DOUBLE) AS {name}" for name in ordered)
        return f"{unnested} (SELECT *, {nothing} FROM (SELECT {sizes} FROM parted))"
    figures = ", ".join([*map(_side, sides), *(_pair(n, other) for n, other in pairs)])
    own = {side: f"part{number} = {part}" for side, part in sides.items()}
    return (
        f"(WITH points AS ({_points(f'v{place}', f'part{number}', own, is_whole=variable.is_whole)}), "
        f"sizes AS (SELECT {sizes} FROM parted), "
        f"cumulated AS (SELECT {_sums(own, is_whole=variable.is_whole)}, lead(x) OVER upto - x AS width FROM points "
        "WINDOW upto AS (ORDER BY x ROWS UNBOUNDED PRECEDING)), "
        # Of equal values the last one has the sums of all of them
        f"compared AS (SELECT {figures} FROM (SELECT * REPLACE (coalesce(width, 0) AS width) FROM cumulated "
        "WHERE width IS DISTINCT FROM 0), sizes) "
        f"{unnested} compared, sizes)"
    )


def _points(value: str, part: str, own: Mapping[str, str], *, is_whole: bool) -> str:
    """The values of a variable, each with its side; whole numbers come often and are counted first."""
    known = f"FROM parted WHERE {value} IS NOT NULL AND {part} IS NOT NULL"
    if not is_whole:
        return f"SELECT {value} AS x, {part} {known}"
    counts = ", ".join(f"count(*) FILTER ({is_in}) AS {side}" for side, is_in in own.items())
    return f"SELECT {value} AS x, {counts} {known} GROUP BY x"


def _sums(own: Mapping[str, str], *, is_whole: bool) -> str:
    """Select list of the records of each side up to a value, in order."""
    if is_whole:
        return ", ".join(f"sum({side}) OVER upto AS {side}" for side in own)
    # Whole numbers and not doubles: their running sums take half the time, and are exact in any order
    sums = {side: f"sum(CAST({is_in} AS INTEGER)) OVER upto" for side, is_in in own.items()}
    last, _ = sums.popitem()  # every value is on one side, so that the last side is the rest
    rest = " - ".join(["row_number() OVER upto", *sums.values()])
    return ", ".join([*(f"{sql} AS {side}" for side, sql in sums.items()), f"{rest} AS {last}"])


def _size(side: str, is_in: str, value: str, *, is_numeric: bool) -> str:
    """Aggregates of one sample, in any order."""
    own = f"CASE WHEN {is_in} THEN {value} END"
    moments = f", avg({own}) AS mean_{side}, stddev_pop({own}) AS sd_{side}" if is_numeric else ""
    return f"count(CASE WHEN {is_in} THEN 1 END) AS all_{side}, count({own}) AS n_{side}{moments}"


def _share(side: str) -> str:
    """Share of a sample up to a value."""
    return f"({side} / nullif(n_{side}, 0))"


def _side(side: str) -> str:
    return f"fsum(sqrt({_share(side)} * (1 - {_share(side)})) * width) AS spread_{side}"


def _pair(n: int, reference: int) -> str:
    """What a group and its reference differ by, and the spread of both together."""
    own, other = f"c{n}", f"r{reference}"
    gap, pooled = f"abs({_share(other)} - {_share(own)})", f"(({other} + {own}) / nullif(n_{other} + n_{own}, 0))"
    return (
        f"max({gap}) AS ks_{n}, fsum({gap} * width) AS distance_{n}, "
        f"fsum(sqrt({pooled} * (1 - {pooled})) * width) AS spread_{n}"
    )


def _row(subject: str, measure: str, n: int, reference: int, position: tuple[int, int, int]) -> str:
    own, other = f"c{n}", f"r{reference}"
    figures = {
        "position": "[" + ", ".join(map(str, position)) + "]",
        "subject": literal(subject),
        "value": f"ks_{n}" if measure == "ks" else f"round(distance_{n} / nullif(sd_{other}, 0), {_PLACES})",
        "n": f"n_{own}",
        "reference_n": f"n_{other}",
        "missing": f"all_{own} - n_{own}",
        "reference_missing": f"all_{other} - n_{other}",
        "mean": f"mean_{own}",
        "reference_mean": f"mean_{other}",
        "sd": f"sd_{own}",
        "reference_sd": f"sd_{other}",
        "distance": f"distance_{n}",
        "spread": f"spread_{n}",
        "reference_spread": f"spread_{other}",
        "own_spread": f"spread_{own}",
    }
    return "{" + ", ".join(f"'{name}': {sql}" for name, sql in figures.items()) + "}"
