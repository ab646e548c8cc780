"""Data quality: a suite of Great Expectations on requests, decisions or model inputs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationInfo, model_validator

from governance.checks import Check, Measurement, Row
from governance.checks._beside import named_beside, policy_folder, read_beside, refused
from governance.engines.duckdb import Engine, identifier, literal
from governance.expectations.figures import inline
from governance.expectations.runs import ExpectationOutcome, evaluate
from governance.expectations.suites import Expectation, SuiteMistake, read_suite
from governance.findings import Judgement, Observation, Verdict
from governance.measurement.scopes import Scope, subject_text
from governance.measurement.statistics import wilson

_NAMES = frozenset({"column", "column_A", "column_B", "column_list"})  # arguments that say where, not how much
_FOLDER = "expectations"  # where Great Expectations keeps its suites
_IDS = {
    "requests": ("request_id", "request_uid"),
    "decisions": ("request_id", "decision_id"),
    "features": ("decision_id",),
}


class Expectations(Check):
    r"""Data quality: whether the records are as a suite of Great Expectations says.

    What is measured: each expectation of the suite, by Great Expectations itself, which plans and judges while its SQL
    runs in the engine. Expectations about single rows give the share of rows that are not as expected (of those that
    have a value), its Wilson interval and ids of ten of them; the others give the number that they look at, or how many
    values, quantiles or columns are not as expected. Each figure has one statement of its own that repeats it.

    Why it matters: a figure about fairness, drift or cost is worth no more than the records under it, and data
    governance is a duty of its own (Regulation (EU) 2024/1689, article 10(2) and (3)).

    Example:
        - id: plausible-decisions
          kind: expectations
          records: decisions
          suite:
            - type: expect_column_values_to_be_between
              kwargs: {column: score, min_value: 0, max_value: 1}
            - type: expect_column_values_to_be_in_set
              kwargs: {column: deciding_stage, value_set: [rule, model, cache, fallback, human], mostly: 0.999}
            - type: expect_column_values_to_match_regex
              kwargs: {column: decision_id, regex: '^\S+$'}
          severity: medium

    Fields:
        suite: Expectations in Great Expectations' own form: a list of `type` and `kwargs`, or its whole JSON document;
            or the name of a suite, which is a file NAME.json or NAME.yaml in the folder `expectations` beside the
            policy, as Great Expectations itself lays them out.
        file: A file with such a suite (.json, .yaml), beside the policy; instead of `suite`.
        records: What is looked at: `requests`, `decisions`, or `features`, the inputs of each model apart.

    Not supported, and refused when the policy is read: expectations that Great Expectations computes in pandas or Spark
    only (order, JSON, dates as text, strftime), those with SQL of their own, outliers by interquartile range,
    `$PARAMETER` values, and nulls in a set. Regular expressions are RE2, found anywhere in the text; RE2 has no
    look-around: an expectation with one is errored, and the others are judged.

    A failure can mean: a source changed its format or its units; a step before the log fails; values that were never
    expected are real, and the suite must learn them.
    """

    suite: list[Any] | dict[str, Any] | str = Field(default_factory=list)
    file: str | None = None
    records: Literal["requests", "decisions", "features"] = "decisions"
    minimum_n: int = Field(default=1, ge=1)

    @model_validator(mode="before")
    @classmethod
    def _suite(cls, value: object, info: ValidationInfo) -> object:
        if not isinstance(value, dict):
            return value
        if "suite" in value and "file" in value:
            raise refused([(("file",), "either `suite` or `file` says what to expect, not both")])
        if "suite" not in value and "file" not in value:
            return value  # so that a misspelt name is found as such, before `_complete` misses it
        if isinstance(value.get("suite"), str):
            named = named_beside(policy_folder(info), _FOLDER, value["suite"])
            if named.mistake is not None:
                raise refused([(("suite",), named.mistake)])
            value = {**value, "file": named.name}
        if "file" in value:
            suite, mistakes = _from_file(policy_folder(info), str(value["file"]))
            if mistakes:
                raise refused([(("file",), what) for what in mistakes])
            return {**value, "suite": suite}
        found = read_suite(value["suite"]).mistakes
        if found:
            raise refused([(("suite", *mistake.path), _sentence(mistake)) for mistake in found])
        return value

    @model_validator(mode="after")
    def _complete(self) -> Expectations:
        if not self.suite:
            raise ValueError("`suite` or `file` must say what to expect")
        if self.by or self.per:
            raise ValueError("a suite is not measured by group; narrow the records with `where` or a `row_condition`")
        return self

    @property
    def expectations(self) -> tuple[Expectation, ...]:
        """The expectations of the suite, in order."""
        return read_suite(self.suite).expectations

    def measure(self, engine: Engine, scope: Scope) -> Measurement:
        observations: list[Observation] = []
        sql_of: dict[tuple[tuple[str, str | None], ...], str] = {}
        for model, relation in self._relations(engine, scope):
            for outcome in evaluate(engine, relation, self.expectations, id_columns=_IDS[self.records]):
                observation = _observation(outcome, model)
                observations.append(observation)
                sql_of[observation.subject] = _statement(outcome, observation)
        return Measurement(observations, " UNION ALL ".join(sql_of.values()), {}, sql_of)

    def _relations(self, engine: Engine, scope: Scope) -> Iterator[tuple[str | None, str]]:
        """Model (for inputs) and SELECT of what is looked at, with the values of the scope in it."""
        records = inline(scope.requests() if self.records == "requests" else scope.decisions(), scope.parameters)
        if self.records != "features":
            yield None, f"SELECT * FROM {records}"
            return
        named = "SELECT table_name AS name FROM information_schema.tables WHERE table_name LIKE 'features:%' ORDER BY 1"
        for view in (str(row["name"]) for row in engine.records(named)):
            relation = f"SELECT * FROM {identifier(view)} WHERE decision_id IN (SELECT decision_id FROM {records})"
            if engine.value(f"SELECT count(*) FROM (SELECT 1 FROM ({relation}) LIMIT 1)"):
                yield view.removeprefix("features:"), relation

    @classmethod
    def method(cls) -> str:
        try:
            return f"{super().method()} with great_expectations {version('great_expectations')}"
        except PackageNotFoundError:
            return super().method()

    def statement(self, scope: Scope) -> str:
        raise NotImplementedError("each expectation has a statement of its own")

    def observe(self, rows: Sequence[Row], scope: Scope) -> list[Observation]:
        raise NotImplementedError("Great Expectations observes")

    def verdict(self, observation: Observation) -> Judgement:
        """As for every check; but what could not run is an error, and having no records can itself be the failure."""
        if observation.facts["error"]:
            return Judgement(
                Verdict.ERRORED, f"the expectation could not run: {observation.facts['error']}", self.limit()
            )
        if observation.metric == "row_count" and not observation.facts["success"]:
            return self.judge(observation)
        return super().verdict(observation)

    def limit(self) -> Mapping[str, Any]:
        text = json.dumps(self.suite, sort_keys=True, default=str)
        return {"file": self.file, "suite_sha256": hashlib.sha256(text.encode()).hexdigest()}

    def judge(self, observation: Observation) -> Judgement:
        limit = {**observation.facts["limit"], **self.limit()}
        if observation.facts["success"]:
            return Judgement(Verdict.PASSED, None, limit)
        return Judgement(Verdict.FAILED, _failure(observation), limit)


def _observation(outcome: ExpectationOutcome, model: str | None) -> Observation:
    figure = outcome.figure
    limit = {name: value for name, value in outcome.expectation.kwargs.items() if name not in _NAMES}
    return Observation(
        (("expectation", outcome.expectation.label), *((("model", model),) if model else ())),
        figure.metric if figure else "expectation",
        outcome.value,
        figure.unit if figure else "",
        outcome.n,
        {"elements": outcome.elements, "unexpected": outcome.unexpected},
        _interval(outcome),
        outcome.samples,
        reason=_why_no_figure(outcome),
        facts={
            "success": outcome.success,
            "error": outcome.error,
            "limit": limit,
            "observed": outcome.observed,
            "shown": outcome.shown,
        },
    )


def _interval(outcome: ExpectationOutcome) -> tuple[float, float] | None:
    """Wilson's interval of a share of records; other figures of a suite have none."""
    is_share = outcome.figure is not None and outcome.figure.metric == "unexpected_share"
    if not is_share or outcome.value is None or outcome.unexpected is None or not outcome.n:
        return None
    return wilson(outcome.unexpected, outcome.n)


def _why_no_figure(outcome: ExpectationOutcome) -> str:
    if outcome.elements == 0:
        return "there are no records in the window that the policy applies to"
    if outcome.n == 0:
        return f"none of {outcome.elements:,} records has a value that the expectation could look at"
    return f"{outcome.n:,} records have values, but there is no figure for them"


def _statement(outcome: ExpectationOutcome, observation: Observation) -> str:
    """The statement that repeats a figure, with its subject; where nothing could be run it says that there is none."""
    figure = outcome.figure.sql if outcome.figure else "SELECT NULL AS value"
    subject = literal(subject_text(observation.subject))
    return f"SELECT {subject} AS subject, CAST(value AS DOUBLE) AS value FROM ({figure})"


def _failure(observation: Observation) -> str:
    value, facts = observation.value or 0.0, observation.facts
    if observation.metric == "unexpected_share":
        few = ", ".join(repr(text) for text in facts["shown"][:3])
        return (
            f"{observation.counts['unexpected']} of {observation.n:,} records are not as expected ({value:.2%}): {few}"
        )
    seen = f"; observed {facts['observed']}" if facts["observed"] else ""
    return f"{observation.metric.replace('_', ' ')} is {value:g} {observation.unit}".rstrip() + seen


def _from_file(folder: Path, name: str) -> tuple[Any, list[str]]:
    """The suite in a file beside the policy, and what is wrong with it, each with its place."""
    document, unread = read_beside(folder, name)
    if document is None:
        return None, unread
    mistakes = read_suite(document.value).mistakes
    return document.value, [f"{document.at(mistake.path)}: {_sentence(mistake)}" for mistake in mistakes]


def _sentence(mistake: SuiteMistake) -> str:
    return f"{mistake.what}; {mistake.hint}" if mistake.hint else mistake.what
