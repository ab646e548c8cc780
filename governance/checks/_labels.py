"""Late outcomes: which decisions have a label by now, which are too young for one, and what had been predicted.

A decision has the label that became known last; of two that became known at the same moment, the positive one. It is
*mature* when `mature_after` has passed between the decision and the end of the window or, if that is later, the moment
at which the last outcome of that name became known: not the clock, so that the same ledger always gives the same
figure. Labels of decisions that are not mature are left out, because defaults arrive before the loans that end well.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Annotated, Any, Literal

from pydantic import AfterValidator

from governance.checks import Check, Row
from governance.checks._groups import columns, decided
from governance.measurement.scopes import Scope
from governance.wording import percent

PositiveWhen = Literal["favourable", "adverse", "threshold"]
Direction = Literal["up", "down"]

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)([smhdw])")


def _is_duration(value: str) -> str:
    if not _DURATION.fullmatch(value):
        raise ValueError(f"'{value}' is no duration; write 90s, 30m, 12h, 5d or 2w")
    return value


Duration = Annotated[str, AfterValidator(_is_duration)]


def microseconds(duration: str) -> int:
    """Length of a duration."""
    number, unit = _DURATION.fullmatch(duration).groups()  # type: ignore[union-attr]
    return int(Fraction(number) * _SECONDS[unit] * 1_000_000)


COUNTS = (
    "count(*) AS decisions, count(*) FILTER (NOT is_mature) AS immature, "
    "count(*) FILTER (NOT is_mature AND positive IS NOT NULL) AS immature_labelled, "
    "count(*) FILTER (is_mature AND positive IS NOT NULL) AS labelled, "
    "max(outcomes) AS outcomes, strftime(max(seen_until), '%Y-%m-%dT%H:%M:%SZ') AS seen_until"
)
COUNTED = ("decisions", "immature", "immature_labelled", "labelled", "outcomes", "seen_until")
CONFUSION = (
    "count(*) FILTER (is_mature AND positive AND predicted) AS tp, "
    "count(*) FILTER (is_mature AND NOT positive AND predicted) AS fp, "
    "count(*) FILTER (is_mature AND positive AND NOT predicted) AS fn, "
    "count(*) FILTER (is_mature AND NOT positive AND NOT predicted) AS tn, "
    "count(*) FILTER (is_mature AND positive IS NOT NULL AND predicted IS NULL) AS undecided, "
    "count(*) FILTER (is_mature AND positive IS NULL AND predicted) AS unlabelled_predicted, "
    "count(*) FILTER (is_mature AND positive IS NULL AND NOT predicted) AS unlabelled_other"
)
CONFUSED = ("tp", "fp", "fn", "tn", "undecided", "unlabelled_predicted", "unlabelled_other")


@dataclass(frozen=True, slots=True)
class Truth:
    """The outcome that decisions are compared with.

    Attributes:
        outcome: Its name.
        mature_after: Time from a decision until its outcome counts, such as 90d; None counts all.
        min_labelled: Share of the mature decisions that must have the outcome for any figure.
        is_number: Whether the outcome is a number and not a class.
    """

    outcome: str
    mature_after: str | None = None
    min_labelled: float = 0.0
    is_number: bool = False

    @property
    def parameters(self) -> dict[str, Any]:
        """What the statement binds."""
        if self.mature_after is None:
            return {"outcome": self.outcome}
        return {"outcome": self.outcome, "mature_us": microseconds(self.mature_after)}

    def tables(self) -> str:
        """The common tables `labels` and `known`."""
        # one whole number holds the moment and, in its last bit, the label: four times as fast as arg_max over a pair
        label = "(max(epoch_us(known_ts) * 2 + CAST(positive AS INTEGER)) & 1) = 1"
        column = "positive"
        if self.is_number:
            label, column = "arg_max(value_num, (known_ts, value_num))", "value_num"
        return (
            f"labels AS (SELECT decision_id, {label} AS positive FROM outcomes WHERE name = $outcome "
            f"AND {column} IS NOT NULL AND decision_id IS NOT NULL GROUP BY decision_id), "
            "known AS (SELECT count(*) AS outcomes, "
            "greatest(max(known_ts), CAST($end AS TIMESTAMPTZ)) AS seen_until FROM outcomes WHERE name = $outcome)"
        )

    def records(self, check: Check, scope: Scope, selected: Sequence[str], *, reference: bool = False) -> str:
        """SELECT of the decisions: groups, what is selected, `positive`, `is_mature`, `seen_until`, `ts`, `id`."""
        mature = "true"
        if self.mature_after is not None:
            mature = "epoch_us(k.seen_until) - epoch_us(d.decision_ts) >= $mature_us"
        source = decided(check, scope)
        if reference:
            source = source.replace(scope.decisions(), scope.decisions(reference=True))
        return (
            f"SELECT {columns(check, scope)}{''.join(f'{column}, ' for column in selected)}l.positive, "
            f"{mature} AS is_mature, k.outcomes, k.seen_until, d.decision_ts AS ts, d.decision_id AS id FROM {source} "
            "CROSS JOIN known k LEFT JOIN labels l ON l.decision_id = d.decision_id"
        )

    def counts(self, row: Row) -> dict[str, Any]:
        """How many decisions have a label, for the counts of an observation."""
        mature = row["decisions"] - row["immature"]
        return {
            "decisions": row["decisions"],
            "immature": row["immature"],
            "immature_labelled": row["immature_labelled"],
            "labelled": row["labelled"],
            "unlabelled": mature - row["labelled"],
            "labelled_share": row["labelled"] / mature if mature else None,
            "seen_until": row["seen_until"],
        }

    def why_unlabelled(self, row: Row) -> str | None:
        """Why no decision, or too few of them, can be compared with its outcome; None where they can."""
        decisions, immature, labelled = row["decisions"], row["immature"], row["labelled"]
        mature = decisions - immature
        if row["outcomes"] == 0:
            return f"the store holds no outcome called '{self.outcome}'"
        if mature == 0:
            return f"all {decisions:,} decisions were younger than {self.mature_after} at {row['seen_until']}"
        if labelled == 0:
            what = "a number as outcome" if self.is_number else "an outcome"
            return f"none of the {mature:,} decisions that are old enough has {what} '{self.outcome}'"
        if labelled < self.min_labelled * mature:
            share = f"{labelled:,} of {mature:,} decisions have the outcome '{self.outcome}'"
            return f"only {share}, fewer than the {percent(self.min_labelled)} that a verdict needs"
        return None


def prediction(when: PositiveWhen | None, direction: Direction) -> str:
    """SQL over the decisions `d`: whether a decision foretold the outcome; null where the log does not say."""
    if when == "threshold":
        return f"d.score {'>=' if direction == 'up' else '<='} d.threshold AS predicted"
    return f"{'NOT ' if when == 'adverse' else ''}d.favourable AS predicted"


def one_sided(row: Row) -> str | None:
    """Why rates among those who had the outcome say nothing: labels exist for one kind of decision alone."""
    if row["tp"] + row["fp"] == 0 and row["unlabelled_predicted"]:
        return (
            f"no outcome is known of the {row['unlabelled_predicted']} decisions that foretold it, only of others; "
            "any rate among those who had it would be 0 by construction"
        )
    if row["tn"] + row["fn"] == 0 and row["unlabelled_other"]:
        return (
            f"no outcome is known of the {row['unlabelled_other']} decisions that did not foretell it, only of others; "
            "any rate among those who had it would be 1 by construction"
        )
    return None
