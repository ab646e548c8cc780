"""Figures of a classifier against late outcomes, by group: one SELECT, and what its rows say.

| metric | figure | n, its denominator | interval |
|---|---|---|---|
| accuracy | (tp + tn) / (tp + fp + fn + tn) | all four | Wilson |
| precision | tp / (tp + fp) | predicted | Wilson |
| recall | tp / (tp + fn) | had the outcome | Wilson |
| f1 | 2 tp / (2 tp + fp + fn) | tp + fp + fn | Wilson of tp / (tp + fp + fn), transformed |
| auc | share of pairs that the score orders rightly, ties half | records of the smaller class | DeLong, Newcombe |
| brier | mean of (score - outcome) squared | scored | Student's t, or the widest that 0..1 allows |
| calibration | mean of outcome - score | scored | Student's t |
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from governance.checks import Check, Row
from governance.checks._groups import grouped, keys, subject_column
from governance.checks._intervals import Interval, Ranks, auc_interval, bounded_mean_interval, f1_interval
from governance.checks._labels import (
    CONFUSED,
    CONFUSION,
    COUNTED,
    COUNTS,
    Direction,
    PositiveWhen,
    Truth,
    one_sided,
    prediction,
)
from governance.checks._references import own_columns, samples_of
from governance.measurement.sample_ids import ids
from governance.measurement.statistics import mean_interval, wilson

Metric = Literal["accuracy", "precision", "recall", "f1", "auc", "brier", "calibration"]

OF_CLASSES = ("accuracy", "precision", "recall", "f1")
OF_SHARES = ("brier", "calibration")
LOWER_IS_BETTER = ("brier",)

_SCORED = "is_mature AND positive IS NOT NULL AND score IS NOT NULL"
_HIT = "CASE WHEN positive THEN 1.0 ELSE 0.0 END"
_VALUES = {
    "accuracy": "(tp + tn) / nullif(tp + fp + fn + tn, 0)",
    "precision": "tp / nullif(tp + fp, 0)",
    "recall": "tp / nullif(tp + fn, 0)",
    "f1": "2 * tp / nullif(2 * tp + fp + fn, 0)",
    "auc": "wins / nullif(2.0 * positives * negatives, 0)",
    "brier": "mean",
    "calibration": "mean",
}
_WRONG = {
    "accuracy": "positive <> predicted",
    "precision": "NOT positive AND predicted",
    "recall": "positive AND NOT predicted",
    "f1": "positive <> predicted",
}
_SCORES = (
    f"count(*) FILTER ({_SCORED}) AS scored, count(*) FILTER ({_SCORED} AND positive) AS positives, "
    f"count(*) FILTER ({_SCORED} AND NOT positive) AS negatives, "
    f"count(*) FILTER ({_SCORED} AND score NOT BETWEEN 0 AND 1) AS out_of_range"
)
_SUMS = (
    ", ".join(f"CAST(sum({name}) AS BIGINT) AS {name}" for name in (*COUNTED[:4], *CONFUSED))
    + ", max(outcomes) AS outcomes, max(seen_until) AS seen_until, flatten(list(samples)) AS samples"
)
_RANKED = (
    ", ".join(
        f"CAST(sum({name}) AS BIGINT) AS {name}"
        for name in (*COUNTED[:4], "scored", "positives", "negatives", "out_of_range")
    )
    + ", max(outcomes) AS outcomes, max(seen_until) AS seen_until, "
    "list_transform(list_reverse_sort(flatten(list(samples) FILTER (samples IS NOT NULL)))[:10], "
    "lambda one: {'ts': one.ts, 'id': one.id}) AS samples"
)
_SCORE_NAMES = ("scored", "positives", "negatives", "out_of_range")
_RANK_NAMES = ("wins", "positive_squares", "negative_squares")
_MEAN_NAMES = ("mean", "variance")


class Figure(NamedTuple):
    """A figure of one group; without a value, the reason."""

    value: float | None
    n: int
    interval: Interval | None
    counts: dict[str, Any]
    reason: str | None


def selected(metric: Metric, when: PositiveWhen | None, direction: Direction) -> list[str]:
    """What the figures need of each decision, as SQL over `d`."""
    if metric in OF_CLASSES:
        return [prediction(when, direction)]
    turned = "d.score" if direction == "up" else "-d.score" if metric == "auc" else "1 - d.score"
    return [f"CASE WHEN isfinite(d.score) THEN {turned} END AS score"]


def names(metric: Metric) -> tuple[str, ...]:
    """Columns of the SELECT, beside `axis`, `subject`, `value` and `samples`."""
    if metric in OF_CLASSES:
        return (*COUNTED, *CONFUSED)
    return (*COUNTED, *_SCORE_NAMES, *(_RANK_NAMES if metric == "auc" else _MEAN_NAMES))


def relations(check: Check, metric: Metric, source: str, records: str) -> str:
    """The common tables that `figures` reads: `records` under the name of the source, and what it adds up.

    Records are counted once in the finest groups, so that several axes do not keep all of them in memory.
    """
    own = own_columns(check)
    if metric == "auc":
        far = f"arg_max({{'far': abs({_HIT} - score), 'id': id, 'ts': ts}}, (abs({_HIT} - score), id), 10)"
        return (
            f"{source} AS ({records}), {source}_cells AS (SELECT {own}{COUNTS}, {_SCORES}, {far} FILTER ({_SCORED}) "
            f"AS samples FROM {source} GROUP BY ALL HAVING count(*) > 0), {source}_scores AS (SELECT {own}score, "
            "count(*) FILTER (positive) AS pos, count(*) FILTER (NOT positive) AS neg "
            f"FROM {source} WHERE {_SCORED} GROUP BY ALL)"
        )
    if metric not in OF_CLASSES:
        return f"{source} AS ({records})"
    wrong = f"min({{'ts': ts, 'id': id}}, 10) FILTER (is_mature AND {_WRONG[metric]}) AS samples"
    return (
        f"{source} AS ({records}), {source}_cells AS (SELECT {own}{COUNTS}, {CONFUSION}, {wrong} "
        f"FROM {source} GROUP BY ALL HAVING count(*) > 0)"
    )


def figures(check: Check, metric: Metric, source: str, base: Check | None = None) -> str:
    """One row for each group.

    Args:
        check: Names the axes.
        metric: Which figure becomes `value`.
        source: Name given to `relations`.
        base: The same check without the calendar: its subject becomes a column `base`.
    """
    value = f"{_VALUES[metric]} AS value"
    if metric in OF_CLASSES:
        return f"SELECT *, {value} FROM ({grouped(check, _SUMS, f'{source}_cells', base=base)})"
    if metric == "auc":
        plain = grouped(check, _RANKED, f"{source}_cells", base=base)
        ranked = " UNION ALL ".join(_ranked(check, place, source) for place in range(len(check.axes)))
        rest = ", ".join(f"a.{name}" for name in _RANK_NAMES)
        return (
            f"SELECT *, {value} FROM (SELECT g.*, {rest} FROM ({plain}) g "
            f"LEFT JOIN ({ranked}) a ON a.axis = g.axis AND a.subject = g.subject)"
        )
    far = f"arg_max({{'ts': ts, 'id': id}}, (abs({_HIT} - score), id), 10) FILTER ({_SCORED}) AS samples"
    error = f"({_HIT} - score)" + ("" if metric == "calibration" else f" * ({_HIT} - score)")
    spread = f"avg({error}) FILTER ({_SCORED}) AS mean, var_samp({error}) FILTER ({_SCORED}) AS variance"
    return f"SELECT *, {value} FROM ({grouped(check, f'{COUNTS}, {_SCORES}, {spread}, {far}', source, base=base)})"


def _ranked(check: Check, place: int, source: str) -> str:
    """Sums over the placements of the scores of each group of an axis, from one row for each distinct score.

    With `below` twice the negatives below a score (those with the same one count half) and `upto` twice the positives,
    the sum over the negatives of the squared share of positives above them is multiplied out, so that each needs only
    what came before it.
    """
    axis = check.axes[place]
    own = "".join(f"{key}, " for key in keys(check, axis))
    at = f"({f'PARTITION BY {own[:-2]} ' if own else ''}ORDER BY score ROWS UNBOUNDED PRECEDING)"
    by = f" GROUP BY {own[:-2]}" if own else ""
    squares = "4 * positives * positives * negatives - 4 * positives * above + above_squares"
    return (
        f"SELECT {place} AS axis, subject, CAST(wins AS BIGINT) AS wins, "
        "below_squares / nullif(4 * negatives * negatives, 0) AS positive_squares, "
        f"({squares}) / nullif(4 * positives * positives, 0) AS negative_squares "
        f"FROM (SELECT {subject_column(check, axis)} AS subject, CAST(sum(pos) AS DOUBLE) AS positives, "
        "CAST(sum(neg) AS DOUBLE) AS negatives, sum(pos * below) AS wins, "
        "sum(pos * CAST(below AS DOUBLE) * below) AS below_squares, sum(neg * upto) AS above, "
        "sum(neg * upto * upto) AS above_squares FROM (SELECT *, "
        f"2 * sum(neg) OVER {at} - neg AS below, CAST(2 * sum(pos) OVER {at} - pos AS DOUBLE) AS upto "
        f"FROM (SELECT {own}score, CAST(sum(pos) AS BIGINT) AS pos, CAST(sum(neg) AS BIGINT) AS neg "
        f"FROM {source}_scores GROUP BY {own}score)){by})"
    )


def figure(row: Row, metric: Metric, truth: Truth) -> Figure:
    """The figure in a row of `figures`."""
    found = _of_classes(row, metric) if metric in OF_CLASSES else _of_scores(row, metric)
    reason = truth.why_unlabelled(row) or found.reason
    counts = truth.counts(row) | found.counts
    if reason is not None:
        return Figure(None, found.n, None, counts, reason)
    return Figure(row["value"], found.n, found.interval, counts, None)


def samples(row: Row, metric: Metric) -> tuple[str, ...]:
    """Ids of decisions that show the figure."""
    return samples_of(row) if metric in OF_CLASSES else ids(row["samples"])


def _of_classes(row: Row, metric: Metric) -> Figure:
    counts = {name: row[name] for name in CONFUSED}
    tp, fp, fn, tn = (row[name] for name in CONFUSED[:4])
    n = {"accuracy": tp + fp + fn + tn, "precision": tp + fp, "recall": tp + fn, "f1": tp + fp + fn}[metric]
    reason = _why_no_classes(row, metric, n)
    if reason is not None:
        return Figure(None, n, None, counts, reason)
    if metric == "f1":
        return Figure(row["value"], n, f1_interval(tp, fp + fn), counts, None)
    return Figure(row["value"], n, wilson(tp + tn if metric == "accuracy" else tp, n), counts, None)


def _why_no_classes(row: Row, metric: Metric, n: int) -> str | None:
    known = row["tp"] + row["fp"] + row["fn"] + row["tn"]
    if known == 0:
        return f"none of the {row['labelled']} decisions with an outcome says what it foretold"
    if metric != "precision" and (reason := one_sided(row)):
        return reason
    if n == 0:
        what = {"precision": "foretold the outcome", "recall": "had the outcome"}
        return (
            f"none of the {known:,} decisions with an outcome {what.get(metric, 'had or foretold it')}, "
            f"so {metric} has no denominator"
        )
    return None


def _of_scores(row: Row, metric: Metric) -> Figure:
    counts = {name: row[name] for name in _SCORE_NAMES}
    scored, positives, negatives = row["scored"], row["positives"], row["negatives"]
    if scored == 0:
        return Figure(None, 0, None, counts, f"none of the {row['labelled']} decisions with an outcome has a score")
    if metric == "auc":
        n = min(positives, negatives)
        if n == 0:
            had = "had" if negatives == 0 else "did not have"
            reason = f"all {scored:,} scored decisions {had} the outcome, so there is no pair to order"
            return Figure(None, 0, None, counts, reason)
        ranks = Ranks(positives, negatives, *(row[name] for name in _RANK_NAMES))
        return Figure(row["value"], n, auc_interval(ranks), counts, None)
    if row["out_of_range"]:
        reason = f"{row['out_of_range']} of {scored:,} scores lie outside 0..1 and are no probabilities"
        return Figure(None, scored, None, counts, reason)
    mean, variance = row["mean"], row["variance"]
    if metric == "brier":
        return Figure(mean, scored, bounded_mean_interval(mean, variance, scored), counts, None)
    return Figure(mean, scored, mean_interval(mean, variance, scored) if variance else None, counts, None)


def limits(own: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that are set, as what an observation is judged against."""
    return {name: value for name, value in own.items() if value is not None}
