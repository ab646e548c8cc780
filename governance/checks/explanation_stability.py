"""Whether the reasons of a decision stay the same under another method or another background."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from pydantic import Field, field_validator, model_validator

from governance.checks import Check, Row, below
from governance.checks._attributions import Adverse, Groups, Reason, attributed, reasons_of
from governance.checks._groups import DECISION_ID, columns, decided, grouped, unattributed
from governance.checks._intervals import bounded_mean_interval
from governance.engines.duckdb import identifier
from governance.findings import Judgement, Observation, Verdict
from governance.measurement.scopes import Scope, subject_of

TOP, SIGN, RANK = "top", "sign", "rank"
_SAID = {
    TOP: "of the first reasons are the same",
    SIGN: "of the first reasons push the same way",
    RANK: "is the rank correlation of the contributions",
}


_FIRST = "{0} > 0 AND {0} >= {1}"  # one of the first reasons: a push that is no weaker than the last of them
_ZIP = "list_zip(own, others)"
_SORTED = (
    "SELECT *, own_desc[least($top, len(own))] AS own_last, others_desc[least($top, len(own))] AS others_last FROM "
    "(SELECT *, list_sort(own, 'DESC') AS own_desc, list_sort(others, 'DESC') AS others_desc FROM pairs)"
)


def _counted(condition: str, listed: str = _ZIP) -> str:
    return f"len(list_filter({listed}, lambda e: {condition}))"


_OWN, _OTHER = _FIRST.format("e[1]", "own_last"), _FIRST.format("e[2]", "others_last")
_TOP = f"{_counted(f'{_OWN} AND {_OTHER}')} / nullif(greatest({_counted(_OWN)}, {_counted(_OTHER)}), 0)"
_SIGN = f"{_counted(f'{_OWN} AND e[2] > 0')} / nullif({_counted(_OWN)}, 0)"


def _ranks(name: str) -> str:
    """SQL of the ranks of a list, the strongest first; equal values share the mean of their ranks."""
    last = f"len({name}) + 1 - list_position(list_reverse({name}_desc), x)"
    return f"list_transform({name}, lambda x: (list_position({name}_desc, x) + {last}) / 2.0)"


def _product(one: str, other: str) -> str:
    """SQL of the sum of products of ranks less what chance gives: n times the square of the mean rank."""
    chance = f"len({one}) * (len({one}) + 1) * (len({one}) + 1) / 4.0"
    return f"(list_sum(list_transform(list_zip({one}, {other}), lambda e: e[1] * e[2])) - {chance})"


_RANKED = f"SELECT *, {_ranks('own')} AS own_ranks, {_ranks('others')} AS others_ranks FROM ({_SORTED})"
_SPREAD = f"sqrt({_product('own_ranks', 'own_ranks')} * {_product('others_ranks', 'others_ranks')})"
_RANK = f"{_product('own_ranks', 'others_ranks')} / nullif({_SPREAD}, 0)"


class Stability(Check):
    """Stability: do two stored explanations of the same decision, by another method or background, give one answer?

    What is measured: for the adverse decisions of the model that have both explanations, the mean over the decisions
    of one or more figures, each with its 95 % interval: with `min_top`, the share of the first `top` reasons that both
    name; with `min_sign`, the share of the first reasons of the one that push the same way in the other; with
    `min_rank`, Spearman's correlation of the contributions of all inputs, from -1 to 1.

    Why it matters: contributions answer a question about a background sample; where another sample or method turns the
    reasons over, the ones that people were told are an accident of the choice (NIST AI RMF, MEASURE 2.9; Regulation
    (EU) 2024/1689, article 86(1); 12 CFR 1002.9(b)(2) asks for the principal reasons).

    Example:
        - id: same-reasons-by-both-methods
          kind: explanation-stability
          between: [interventional, native]
          adverse: up
          top: 4
          min_top: 0.7
          min_rank: 0.8
          severity: medium

    Fields:
        between: The two explanations: names of methods, as `governance explain --window W --method NAME` stores them;
            or METHOD@BACKGROUND with the first digits of the background sample's digest, where one method was used
            with two.
        adverse: Direction of the model's margin that is bad for the person: `up` or `down`.
        groups: Name -> inputs that are one reason.
        top: Number of first reasons that are compared; 4 unless given (comment 9(b)(2)-1 to Regulation B: more than
            four are not likely to help). A reason is one that pushes the adverse way.
        min_top: Mean share of common first reasons below which the check fails; exactly on it passes.
        min_sign: Mean share of first reasons with the same sign below which the check fails; exactly on it passes.
        min_rank: Mean rank correlation below which the check fails; exactly on it passes.

    With several limits each group has a finding for each, told apart by `measure`. Explanations that do not lead to the
    logged score, or that were stored for one of the two only, are counted apart; decisions in which nothing pushes the
    adverse way have no reasons, and those whose contributions are all the same no ranks. Equal contributions share
    their mean rank, and of equal pushes at the last place all are first reasons.

    A failure can mean: inputs that carry the same information, between which methods choose at random; a background
    sample that is small or of another population; many inputs of about the same weight; or a model that is not smooth.
    """

    needs: ClassVar[tuple[str, ...]] = ("decisions.favourable", "attributions.*")

    between: tuple[str, str]
    adverse: Adverse
    groups: Groups = Field(default_factory=dict)
    top: int = Field(default=4, ge=1)
    min_top: float | None = Field(default=None, gt=0, le=1)
    min_sign: float | None = Field(default=None, gt=0, le=1)
    min_rank: float | None = Field(default=None, gt=-1, le=1)

    @field_validator("between")
    @classmethod
    def _are_two(cls, value: tuple[str, str]) -> tuple[str, str]:
        if value[0] == value[1]:
            raise ValueError("name two different explanations")
        if any(not side.partition("@")[0] for side in value):
            raise ValueError("an explanation is METHOD or METHOD@BACKGROUND")
        return value

    @model_validator(mode="after")
    def _some_limit(self) -> Stability:
        if not self._limits():
            raise ValueError("give `min_top`, `min_sign` or `min_rank`")
        return self

    def _limits(self) -> dict[str, float]:
        asked = {TOP: self.min_top, SIGN: self.min_sign, RANK: self.min_rank}
        return {measure: limit for measure, limit in asked.items() if limit is not None}

    def bound(self, scope: Scope) -> dict[str, Any]:
        own: dict[str, Any] = {"top": self.top}
        for place, side in enumerate(self.between):
            method, _, background = side.partition("@")
            own |= {f"method_{place}": method, f"background_{place}": background}
        return scope.parameters | own

    def statement(self, scope: Scope) -> str:
        due = "NOT d.favourable AND coalesce(d.deciding_stage, 'model') = 'model'"
        return (
            f"WITH one AS ({self._side(scope, 0)}), other AS ({self._side(scope, 1)}), "
            f"due AS (SELECT {columns(self, scope)}d.decision_id, d.decision_ts AS ts, {DECISION_ID} AS id "
            f"FROM {decided(self, scope)} WHERE {due}), "
            "pairs AS (SELECT a.decision_id, a.pushes AS own, b.pushes AS others FROM one a JOIN other b "
            "ON b.decision_id = a.decision_id AND len(b.pushes) = len(a.pushes) WHERE a.fits AND b.fits "
            "AND a.decision_id IN (SELECT decision_id FROM due)), "
            f"agreed AS (SELECT decision_id, {self._figures()}), "
            "records AS (SELECT r.*, a.fits AS own_fits, b.fits AS other_fits, g.top, g.sign, g.rank "
            "FROM due r LEFT JOIN one a ON a.decision_id = r.decision_id LEFT JOIN other b "
            "ON b.decision_id = r.decision_id LEFT JOIN agreed g ON g.decision_id = r.decision_id) "
            f"{' UNION ALL '.join(self._mean(measure) for measure in self._limits())} ORDER BY axis, subject"
        )

    def _figures(self) -> str:
        """Select list and FROM clause of the asked figures of each pair, by lists: no row for each input."""
        wanted = {TOP: _TOP, SIGN: _SIGN, RANK: _RANK}
        figures = ", ".join(
            f"{wanted[measure] if measure in self._limits() else 'NULL'} AS {measure}" for measure in wanted
        )
        return f"{figures} FROM ({_RANKED if RANK in self._limits() else _SORTED})"

    def _mean(self, measure: str) -> str:
        """The mean of a figure over the decisions of each group."""
        named = measure if len(self._limits()) > 1 else None
        both = "own_fits IS NOT NULL AND other_fits IS NOT NULL"
        figures = (
            f"'{measure}' AS measure, avg({measure}) AS value, count({measure}) AS n, "
            f"var_samp({measure}) AS variance, min({measure}) AS least, count(*) AS adverse, "
            f"count(*) FILTER ({both}) AS explained_twice, "
            f"count(*) FILTER ({both} AND NOT (own_fits AND other_fits)) AS other_score, "
            f"arg_min(id, ({measure}, id), 10) FILTER ({measure} < 1) AS samples"
        )
        return grouped(self, figures, "records", measure=named)

    def _side(self, scope: Scope, place: int) -> str:
        """SELECT of one explanation of each decision: `fits`, and the adverse pushes of the reasons by name."""
        stored = [
            self._stored(view, reasons_of(inputs, self.groups), place)
            for view, inputs in attributed(scope).items()
            if inputs
        ]
        nothing = (
            "SELECT CAST(NULL AS VARCHAR) AS decision_id, CAST(NULL AS BOOLEAN) AS fits, "
            "CAST([] AS DOUBLE[]) AS pushes WHERE false"
        )
        return " UNION ALL ".join(stored) or nothing

    def _stored(self, view: str, reasons: Sequence[Reason], place: int) -> str:
        pushes = ", ".join(reason.push(self.adverse) for reason in reasons)
        fits = "score_tolerance IS NULL OR coalesce(score_error <= score_tolerance, false)"
        # of several the last that was computed, as one explanation
        return (
            f"SELECT decision_id, arg_max({fits}, (computed_ts, background_sha256)) AS fits, "
            f"arg_max([{pushes}], (computed_ts, background_sha256)) AS pushes FROM {identifier(view)} "
            f"WHERE method = $method_{place} AND starts_with(coalesce(background_sha256, ''), $background_{place}) "
            "GROUP BY decision_id"
        )

    def observe(self, rows: Sequence[Row], scope: Scope) -> list[Observation]:
        return [self._observation(row, scope.window.name) for row in rows]

    def _observation(self, row: Row, window: str) -> Observation:
        n, value, measure = row["n"], row["value"], row["measure"]
        counts = {name: row[name] for name in ("adverse", "explained_twice", "other_score", "least")}
        reason = self._why_nothing(row, window) if n == 0 else None
        interval = None if reason else _interval(measure, value, row["variance"], n)
        unit = "correlation" if measure == RANK else "share"
        metric, samples = f"{measure}_agreement", tuple(row["samples"] or ())
        return Observation(subject_of(row["subject"]), metric, value, unit, n, counts, interval, samples, reason)

    def _why_nothing(self, row: Row, window: str) -> str:
        one, other = self.between
        if row["explained_twice"] == 0:
            said = f"none of the {row['adverse']} adverse decisions is explained both by {one} and by {other}"
            method = other.partition("@")[0]
            return f"{said}; run `governance explain --window {window} --adverse --method {method}`"
        if row["other_score"] == row["explained_twice"]:
            return f"none of the {row['explained_twice']} pairs of explanations leads to the logged score"
        return f"none of the {row['explained_twice']} pairs of explanations has reasons to compare"

    def limit(self) -> Mapping[str, Any]:
        own = {f"min_{measure}": limit for measure, limit in self._limits().items()}
        return own | {"between": list(self.between), "top": self.top}

    def judge(self, observation: Observation) -> Judgement:
        measure, value = observation.metric.removesuffix("_agreement"), observation.value or 0.0
        who, least = unattributed(observation.subject), self._limits()[measure]
        shown = f"{value:.3f}" if measure == RANK else f"{value:.1%}"
        if below(value, least):
            said = f"{shown} {_SAID[measure]} by {self.between[0]} and by {self.between[1]}, below {least:g}"
            return Judgement(Verdict.FAILED, f"{who}{said} (mean of {observation.n:,} decisions)", self.limit())
        return Judgement(Verdict.PASSED, who or None, self.limit())


def _interval(measure: str, mean: float, variance: float | None, n: int) -> tuple[float, float]:
    """95 % interval of the mean of figures within 0..1, or of correlations, moved to 0..1 for that."""
    if measure != RANK:
        return bounded_mean_interval(mean, variance, n)
    low, high = bounded_mean_interval((mean + 1) / 2, None if variance is None else variance / 4, n)
    return 2 * low - 1, 2 * high - 1
