"""Whether the log says what it must: share of records in which a field is filled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from governance.checks import Check, Row
from governance.checks._cells import Cell, breaches, unfolded
from governance.checks._groups import DECISION_ID, REQUEST_ID, columns, decided, unattributed
from governance.checks._shares import falls_short, told
from governance.engines.duckdb import literal
from governance.errors import nearest
from governance.findings import Judgement, Observation, Verdict
from governance.measurement.scopes import Scope, subject_of
from governance.measurement.statistics import wilson
from governance.tables import CANONICAL, TAGS, TEXTS
from governance.wording import percent

State = Literal["complete", "truncated", "redacted", "absent", "sampled_out"]
_BODIES = {"input": "input_state", "output": "output_state"}


class CompletenessFields(Check):
    """Complete records: required fields are filled, and prompts and responses are there.

    What is measured: for each field, the share of the records that have a value in it, with its Wilson interval; for
    `input` and `output` of requests, the share whose body is in one of the accepted states, and which states the others
    are in. An empty list or an empty text is no value.

    Why it matters: a log must allow the operation of the system to be traced (Regulation (EU) 2024/1689, articles 12(1)
    and 19(1)); a field that is empty for some records takes these records silently out of every figure that needs it.

    Example:
        - id: fields-that-reports-need
          kind: completeness-fields
          records: requests
          fields: {model_version: 1.0, latency_us: 0.99, end_user_id: 0.95}
          bodies: {input: 0.9, output: 0.9}
          accepted: [complete, redacted]
          severity: medium

    Fields:
        records: `requests` or `decisions`.
        fields: Canonical column -> share filled, below which the check fails; exactly on it passes.
        bodies: `input` or `output` -> share in an accepted state; for `records: requests`.
        accepted: States of a body that count: complete unless named; also truncated, redacted, absent, sampled_out.

    Each field is a subject of its own. Only some records may need a field: `where: "status = 'ok'"` narrows them. One
    record is enough for a verdict, unless `minimum_n` says otherwise.

    A failure can mean: a source that does not log the field; a mapping that does not name it; a new version of a client
    that leaves it out; or a limit on the length of what is logged.
    """

    records: Literal["requests", "decisions"] = "requests"
    fields: dict[str, float] = Field(default_factory=dict)
    bodies: dict[Literal["input", "output"], float] = Field(default_factory=dict)
    accepted: tuple[State, ...] = Field(default=("complete",), min_length=1)
    minimum_n: int = Field(default=1, ge=1)

    @property
    def table(self) -> str:  # type: ignore[override]  # the field says which records are meant
        """The records that are looked at."""
        return self.records

    @field_validator("fields", "bodies")
    @classmethod
    def _are_shares(cls, value: dict[str, float]) -> dict[str, float]:
        for name, share in value.items():
            if not 0 < share <= 1:
                raise ValueError(f"the share of '{name}' must be above 0 and at most 1")
        return value

    @model_validator(mode="after")
    def _known(self) -> CompletenessFields:
        if not self.fields and not self.bodies:
            raise ValueError("name `fields` or `bodies` that must be there")
        if self.bodies and self.records != "requests":
            raise ValueError("`bodies` are those of requests")
        names = CANONICAL[self.records].names
        for name in self.fields:
            if name not in names:
                hint = nearest(name, names)
                raise ValueError(f"no column of {self.records} is called '{name}'{f'; {hint}' if hint else ''}")
        return self

    @property
    def shares(self) -> dict[str, float]:
        """Field or body -> share that must be there."""
        return self.fields | {str(body): share for body, share in self.bodies.items()}

    def statement(self, scope: Scope) -> str:
        alias = self.records[0]
        cells = {name: Cell(f"{alias}.{name}", self._empty(name)) for name in self.fields}
        accepted = ", ".join(literal(state) for state in self.accepted)
        for body in self.bodies:
            cells[body] = Cell(f"{alias}.{_BODIES[body]}", f"CASE WHEN {{v}} NOT IN ({accepted}) THEN {{v}} END")
        identity = (
            f"{REQUEST_ID} AS id, r.start_ts AS ts" if alias == "r" else f"{DECISION_ID} AS id, d.decision_ts AS ts"
        )
        source = f"{scope.requests()} r" if alias == "r" else decided(self, scope)
        found = unfolded(self, cells, columns(self, scope) + identity, source, key="field", of_whole=True)
        return f"{found} ORDER BY axis, subject"

    def _empty(self, name: str) -> str:
        """SQL over `{v}`: `missing` where the field has no value."""
        column = CANONICAL[self.records].column(name)
        kind = column.type if column else ""
        empty = {
            "VARCHAR": "{v} IS NULL OR {v} = ''",
            TEXTS: "coalesce(len({v}), 0) = 0",
            TAGS: "coalesce(cardinality({v}), 0) = 0",
        }
        return f"CASE WHEN {empty.get(kind, '{v} IS NULL')} THEN 'missing' END"

    def observe(self, rows: Sequence[Row], scope: Scope) -> list[Observation]:  # noqa: ARG002 - the form of a check
        return [self._observation(row) for row in rows]

    def _observation(self, row: Row) -> Observation:
        found = breaches(row)
        filled = row["n"] - sum(found.values())
        counts: dict[str, Any] = {"records": row["n"], "filled": filled, "missing": row["n"] - filled}
        if row["cell"] in self.bodies:
            counts["states"] = dict(sorted(found.items(), key=lambda item: -item[1]))
        subject, interval = subject_of(row["subject"]), wilson(filled, row["n"])
        samples = tuple(row["samples"] or ())
        return Observation(subject, "filled_share", row["value"], "share", row["n"], counts, interval, samples)

    def limit(self) -> Mapping[str, Any]:
        own: dict[str, Any] = {"min_share": self.shares}
        return own | ({"accepted": list(self.accepted)} if self.bodies else {})

    def judge(self, observation: Observation) -> Judgement:
        counts, n, who = observation.counts, observation.n, unattributed(observation.subject[:-1])
        field = str(observation.subject[-1][1])
        least = self.shares[field]
        limit = {"min_share": least} | ({"accepted": list(self.accepted)} if field in self.bodies else {})
        if falls_short(counts["filled"], n, least):
            what = "have no value in it"
            if field in self.bodies:
                what = f"are not {' or '.join(self.accepted)} ({told(counts['states'])})"
            said = f"{field}: {counts['missing']:,} of {n:,} {self.records} {what}; {percent(least)} must be there"
            return Judgement(Verdict.FAILED, f"{who}{said}", limit)
        return Judgement(Verdict.PASSED, who or None, limit)
