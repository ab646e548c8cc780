"""How well decisions and scores foretold what happened later."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

from governance.checks import Check, Row, above, below
from governance.checks._groups import unattributed
from governance.checks._labels import Direction, Duration, PositiveWhen, Truth
from governance.checks._performance import (
    LOWER_IS_BETTER,
    OF_CLASSES,
    figure,
    figures,
    limits,
    relations,
    samples,
    selected,
)
from governance.findings import Judgement, Observation, Verdict
from governance.measurement.scopes import Scope, subject_of


class PerformanceClassification(Check):
    """Performance: how well decisions or scores foretold an outcome that became known later, overall and by group.

    What is measured: one figure of the decisions that are old enough and whose outcome is known: accuracy, precision,
    recall, F1, the area under the ROC curve (AUC), or the Brier score. Intervals (95 %) are Wilson's for shares and, of
    the share beneath it, for F1; DeLong's for AUC, or Newcombe's where few records leave that without a width;
    Student's t for Brier. Beside it: the four counts of the confusion matrix, how many decisions have an outcome yet,
    and how many of those that foretold it and of the others do not.

    Why it matters: a model is accepted on a figure, and has to keep it in operation (Regulation (EU) 2024/1689,
    article 15; SR 26-2, outcomes analysis; NIST AI RMF, MEASURE 2.3), for every group (MEASURE 2.11).

    Example:
        - id: recall-of-defaults
          kind: performance-classification
          by: [[], sex]
          outcome: default
          metric: recall
          positive_when: adverse
          min: 0.6
          mature_after: 90d
          minimum_n: 50
          severity: high

    Fields:
        outcome: Name of the outcome, as the log has it.
        metric: accuracy, precision, recall, f1, auc or brier.
        positive_when: Which decisions foretold the outcome: `favourable` ones (hired: will stay), `adverse` ones
            (refused: would default), or by `threshold`, those whose score was on or beyond the threshold in force.
            Needed for accuracy, precision, recall and f1; without meaning for auc and brier.
        score_direction: `up` if a higher score makes the outcome likelier, `down` if a lower one does. For brier the
            score is the probability of the outcome, with `down` that of its absence.
        min: Figure below which the check fails; exactly on it passes.
        max: For brier: figure above which the check fails; exactly on it passes.
        mature_after: Time after which a decision's outcome counts, such as 90d. Younger decisions are counted apart,
            with or without an outcome: what is known early is not what will be known. Age is counted to the end of the
            window, or to the moment at which the last outcome of that name became known, if that is later.
        min_labelled: Share of the old enough decisions that must have the outcome; otherwise nothing is assessed.

    `minimum_n` holds for the denominator: those who had the outcome for recall, those of whom it was foretold for
    precision, the smaller of the two classes for auc. Where outcomes are known of one kind of decision alone (loans
    that were granted), accuracy, recall and f1 are not assessed: they would follow from who was let through. With
    `by: [[], sex]` there is a finding for all records together as well.

    A failure can mean: the world has changed, or the people who apply; an input arrives late or wrong; outcomes are
    recorded otherwise than when the model was built; or the threshold was moved.
    """

    needs: ClassVar[tuple[str, ...]] = ("outcomes.positive",)

    outcome: str = Field(min_length=1)
    metric: Literal["accuracy", "precision", "recall", "f1", "auc", "brier"]
    positive_when: PositiveWhen | None = None
    score_direction: Direction = "up"
    min: float | None = Field(default=None, ge=0, le=1)
    max: float | None = Field(default=None, ge=0, le=1)
    mature_after: Duration | None = None
    min_labelled: float = Field(default=0.0, ge=0, le=1)

    @model_validator(mode="after")
    def _fields_fit_the_metric(self) -> PerformanceClassification:
        needed, other = ("max", "min") if self.metric in LOWER_IS_BETTER else ("min", "max")
        if getattr(self, needed) is None or getattr(self, other) is not None:
            raise ValueError(f"{self.metric} is judged by `{needed}` alone")
        if (self.metric in OF_CLASSES) != (self.positive_when is not None):
            needs = "needs `positive_when`" if self.metric in OF_CLASSES else "has no use for `positive_when`"
            raise ValueError(f"{self.metric} {needs}")
        return self

    @property
    def truth(self) -> Truth:
        """The outcome that decisions are compared with."""
        return Truth(self.outcome, self.mature_after, self.min_labelled)

    def bound(self, scope: Scope) -> dict[str, Any]:
        return scope.parameters | self.truth.parameters

    def statement(self, scope: Scope) -> str:
        wanted = selected(self.metric, self.positive_when, self.score_direction)
        records = relations(self, self.metric, "records", self.truth.records(self, scope, wanted))
        found = figures(self, self.metric, "records")
        return f"WITH {self.truth.tables()}, {records} SELECT * FROM ({found}) ORDER BY axis, subject"

    def observe(self, rows: Sequence[Row], scope: Scope) -> list[Observation]:  # noqa: ARG002 - the form of a check
        return [self._observation(row) for row in rows]

    def _observation(self, row: Row) -> Observation:
        found = figure(row, self.metric, self.truth)
        unit = "share" if self.metric in OF_CLASSES else "score"
        subject, ids = subject_of(row["subject"]), samples(row, self.metric)
        return Observation(
            subject, self.metric, found.value, unit, found.n, found.counts, found.interval, ids, found.reason
        )

    def limit(self) -> Mapping[str, Any]:
        own = {"metric": self.metric, "outcome": self.outcome, "min": self.min, "max": self.max}
        return limits(own | {"mature_after": self.mature_after})

    def judge(self, observation: Observation) -> Judgement:
        who, value, counts = unattributed(observation.subject), observation.value or 0.0, observation.counts
        known = f"outcomes of {counts['labelled']:,} decisions are known"
        known += f", of {counts['unlabelled']:,} not" if counts["unlabelled"] else ""
        known += f"; {counts['immature']} are too young" if counts["immature"] else ""
        if self.min is not None and below(value, self.min):
            reason = f"{who}{self.metric} is {value:.3f}, below {self.min:g}; {known}"
            return Judgement(Verdict.FAILED, reason, self.limit())
        if self.max is not None and above(value, self.max):
            reason = f"{who}{self.metric} is {value:.3f}, above {self.max:g}; {known}"
            return Judgement(Verdict.FAILED, reason, self.limit())
        said = f"{who}{known}" if who or counts["unlabelled"] or counts["immature"] else None
        return Judgement(Verdict.PASSED, said, self.limit())
