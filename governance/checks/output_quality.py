"""How good the answers are, by the scores that they were given."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from governance.checks import Check, Row, above, below
from governance.checks._groups import REQUEST_ID, columns, grouped, unattributed
from governance.errors import GovernanceError
from governance.findings import Judgement, Observation, Verdict, parse_window
from governance.measurement.scopes import PREVIOUS, Scope, subject_of
from governance.measurement.statistics import mean_interval, welch

LEVEL, DROP = "level", "drop"
_FIGURES = (
    "avg(score) AS mean, count(score) AS n, count(*) AS requests, sum(scores) AS assessments, "
    "var_samp(score) AS variance, min(score) AS lowest, max(score) AS highest, "
    "arg_min(id, (score, id), 10) FILTER (score IS NOT NULL) AS samples"
)
_NAMES = "n.mean, n.n, n.requests, n.assessments, n.variance, n.lowest, n.highest, n.samples"


class ReferenceWindow(BaseModel):
    """The window that a figure is compared with, as `--window` names it, or `previous`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    window: str

    @field_validator("window")
    @classmethod
    def _is_window(cls, value: str) -> str:
        if value == PREVIOUS:
            return value
        try:
            parse_window(value, now=datetime(2026, 1, 1, tzinfo=UTC))
        except GovernanceError as error:
            raise ValueError(f"{error.what}; {error.hint}") from error
        return value


class OutputQuality(Check):
    """Output quality: the mean of a score that answers were given, by people, users, code or another model.

    What is measured: the mean of the assessments called `score`, with its interval by Student's t, and how many of the
    requests were assessed at all. A request that was assessed several times counts once, with its mean. With `max_drop`
    also how far the mean lies below that of the same group in a reference window (interval by Welch).

    Why it matters: answers can get worse while latency, errors and cost stay as they were; only their content shows it
    (NIST AI 600-1, confabulation; NIST AI RMF, MEASURE 2.4).

    Example:
        - id: answer-quality
          kind: output-quality
          by: [model, [model, prompt_version]]
          score: groundedness
          min: 0.8
          max_drop: 0.05
          reference: {window: 2026-Q2}
          minimum_n: 50
          severity: high

    Fields:
        score: Name of the assessment, as the log has it.
        min: Mean below which the check fails; exactly on it passes.
        max_drop: Loss against the reference window above which the check fails; exactly on it passes.
        reference: The window to compare with, as {window: 2026-Q2}; unless named the one before, {window: previous}.

    With both limits each group has two findings, told apart by `measure`. A group that the reference window does not
    hold (a new version) has no drop and is not assessed by it. `minimum_n` holds for assessed requests, for `max_drop`
    in both windows.

    A failure can mean: a changed model, prompt or source of passages; other questions than before; a changed judge
    (look at the annotator of the assessments); or a sample that is no longer drawn as it was.
    """

    table: ClassVar[str] = "requests"
    needs: ClassVar[tuple[str, ...]] = ("assessments.score",)

    score: str = Field(min_length=1)
    min: float | None = None
    max_drop: float | None = Field(default=None, ge=0)
    reference: ReferenceWindow | None = None

    @model_validator(mode="after")
    def _some_limit(self) -> OutputQuality:
        if self.min is None and self.max_drop is None:
            raise ValueError("give `min`, `max_drop` or both")
        if self.reference is not None and self.max_drop is None:
            raise ValueError("`reference` is what `max_drop` compares with; give that too")
        return self

    def _compared(self, scope: Scope) -> Scope:
        """The scope with the window that the figures are compared with."""
        if self.reference is None:
            return replace(scope, reference=scope.reference or scope.window_before())
        window = scope.named_window(self.reference.window)
        return replace(scope, reference=window)

    def bound(self, scope: Scope) -> dict[str, Any]:
        return (scope if self.max_drop is None else self._compared(scope)).parameters | {"score": self.score}

    def statement(self, scope: Scope) -> str:
        both = self.min is not None and self.max_drop is not None
        scored = (
            "SELECT request_uid, avg(score) AS score, count(*) AS scores FROM assessments "
            "WHERE name = $score AND score IS NOT NULL GROUP BY request_uid"
        )
        ctes = [f"scored AS ({scored})", f"answers AS ({self._answers(self, scope)})"]
        parts = []
        if self.min is not None:
            groups = grouped(self, _FIGURES, "answers", measure=LEVEL if both else None)
            never = "CAST(NULL AS BIGINT) AS was_n, CAST(NULL AS DOUBLE) AS was, CAST(NULL AS DOUBLE) AS was_variance"
            parts.append(f"SELECT axis, subject, '{LEVEL}' AS what, mean AS value, {_NAMES}, {never} FROM ({groups}) n")
        if self.max_drop is not None:
            plain = self.model_copy(update={"per": None})
            ctes.append(f"earlier AS ({self._answers(plain, scope, reference=True)})")
            groups = grouped(self, _FIGURES, "answers", measure=DROP if both else None, base=plain)
            was = grouped(plain, "count(score) AS was_n, avg(score) AS was, var_samp(score) AS was_variance", "earlier")
            parts.append(
                f"SELECT n.axis, n.subject, '{DROP}' AS what, w.was - n.mean AS value, {_NAMES}, w.was_n, w.was, "
                f"w.was_variance FROM ({groups}) n LEFT JOIN ({was}) w ON w.axis = n.axis AND w.subject = n.base"
            )
        return f"WITH {', '.join(ctes)} {' UNION ALL '.join(parts)} ORDER BY axis, subject"

    def _answers(self, check: OutputQuality, scope: Scope, *, reference: bool = False) -> str:
        return (
            f"SELECT {columns(check, scope)}s.score, s.scores, {REQUEST_ID} AS id FROM "
            f"{scope.requests(reference=reference)} r LEFT JOIN scored s ON s.request_uid = r.request_uid"
        )

    def observe(self, rows: Sequence[Row], scope: Scope) -> list[Observation]:  # noqa: ARG002 - the form of a check
        return [self._observation(row, is_drop=row["what"] == DROP) for row in rows]

    def _observation(self, row: Row, *, is_drop: bool) -> Observation:
        n, mean = row["n"], row["mean"]
        counts = {name: row[name] for name in ("requests", "assessments", "lowest", "highest")}
        counts |= {"assessed": n, "assessed_share": n / row["requests"], "mean": mean}
        counts["deviation"] = None if row["variance"] is None else math.sqrt(row["variance"])
        reason = None if n else f"none of the {row['requests']} requests has an assessment '{self.score}'"
        interval = None if reason else mean_interval(mean, row["variance"] or 0.0, n)
        if is_drop:
            was_n = row["was_n"] or 0
            counts |= {"reference_assessed": was_n, "reference_mean": row["was"]}
            interval = None
            if reason is None and not was_n:
                reason = f"no assessment '{self.score}' of this group in the reference window to compare with"
            elif reason is None:
                interval = welch((row["was"], row["was_variance"] or 0.0, was_n), (mean, row["variance"] or 0.0, n))
            n = min(n, was_n)
        metric = f"{self.score}_drop" if is_drop else f"{self.score}_mean"
        subject, samples = subject_of(row["subject"]), tuple(row["samples"] or ())
        return Observation(
            subject, metric, row["value"], "score", n, counts, interval, samples, reason, {"is_drop": is_drop}
        )

    def limit(self) -> Mapping[str, Any]:
        compared = None if self.reference is None else self.reference.window
        own = {"score": self.score, "min": self.min, "max_drop": self.max_drop, "reference": compared}
        return {name: value for name, value in own.items() if value is not None}

    def judge(self, observation: Observation) -> Judgement:
        who, counts, value = unattributed(observation.subject), observation.counts, observation.value or 0.0
        judged = f"{counts['assessed']:,} of {counts['requests']:,} requests assessed"
        if observation.facts["is_drop"] and above(value, self.max_drop or 0.0):
            fell = f"{self.score} fell from {counts['reference_mean']:.3g} to {counts['mean']:.3g}"
            reason = f"{who}{fell}, by more than {self.max_drop:g}; {judged}"
            return Judgement(Verdict.FAILED, reason, self.limit())
        if not observation.facts["is_drop"] and self.min is not None and below(value, self.min):
            reason = f"{who}mean {self.score} is {value:.3g}, below {self.min:g}; {judged}"
            return Judgement(Verdict.FAILED, reason, self.limit())
        return Judgement(Verdict.PASSED, f"{who}{judged}" if who else None, self.limit())
