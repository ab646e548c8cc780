"""Whether inputs and outputs are what their consumers were promised: columns, types, ranges, categories."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from governance.checks import Check, Row
from governance.checks._cells import Cell, breaches, unfolded
from governance.checks._groups import DECISION_ID, REQUEST_ID, columns, decided, unattributed
from governance.checks._inputs import Inputs
from governance.checks._shares import counted, exceeds, observed, told
from governance.engines.duckdb import identifier
from governance.errors import nearest
from governance.findings import Judgement, Observation, Verdict
from governance.measurement.scopes import Scope
from governance.tables import CANONICAL, FEATURES

_BREACHES = ("missing", "wrong_type", "out_of_range", "unseen")
_FITS = {
    "number": "isfinite(TRY_CAST({v} AS DOUBLE))",
    "integer": "isfinite(TRY_CAST({v} AS DOUBLE)) AND TRY_CAST({v} AS DOUBLE) = floor(TRY_CAST({v} AS DOUBLE))",
    "flag": "TRY_CAST({v} AS BOOLEAN) IS NOT NULL",
    "time": "TRY_CAST({v} AS TIMESTAMPTZ) IS NOT NULL",
    "text": "true",
}


class Promise(BaseModel):
    """What is promised of one column.

    Attributes:
        type: number, integer, flag, time or text.
        required: Whether each record must have a value.
        min: Smallest value.
        max: Largest value.
        values: The categories; numbers compare as numbers, all else as text.
        max_share: Share of records that may break the promise; that of the check unless given.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: Literal["number", "integer", "flag", "time", "text"] | None = None
    required: bool = True
    min: float | None = None
    max: float | None = None
    values: tuple[bool | int | float | str, ...] | None = None
    max_share: float | None = Field(default=None, ge=0, lt=1)

    @model_validator(mode="after")
    def _possible(self) -> Promise:
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError("`min` is above `max`: no value could keep this")
        if (self.min is not None or self.max is not None) and self.type in ("flag", "time", "text"):
            raise ValueError(f"a range is one of numbers, not of a {self.type}")
        if self.values is not None and not self.values:
            raise ValueError("`values` must name a category")
        return self

    @property
    def in_numbers(self) -> bool:
        """Whether the categories are numbers."""
        numbers = (isinstance(value, int | float) and not isinstance(value, bool) for value in self.values or ())
        return self.values is not None and all(numbers)

    def categories(self) -> list[float] | list[str]:
        """The categories as they are bound: all numbers, or all texts as the engine spells them."""
        if self.in_numbers:
            return [float(value) for value in self.values or ()]
        return [str(value).lower() if isinstance(value, bool) else str(value) for value in self.values or ()]


class Contract(Check):
    """Contract: whether requests, decisions or model inputs have the columns, types, ranges and categories promised.

    What is measured: for each column of the contract, the share of the records that break it, with its Wilson
    interval, and how, each record by the first that applies: no value where one is required, a value of another type
    (a number that is not finite among them), out of range, or a category that was not declared; the unseen categories
    are listed. With `closed`, each input that the contract does not name is a finding too: the share of records that
    have a value for it.

    Why it matters: input data must be relevant to what the system is for (Regulation (EU) 2024/1689, article 26(4)); a
    unit or a code that changed upstream gives confident answers to wrong questions, and no metric of the model says so.

    Example:
        - id: input-contract
          kind: contract
          records: features
          model: credit-limit
          closed: true
          columns:
            LIMIT_BAL: {type: number, min: 1000, max: 2000000}
            PAY_0: {type: integer, min: -2, max: 9, max_share: 0.001}
            EDUCATION: {values: [1, 2, 3, 4], required: false}
          severity: medium

    Fields:
        records: `requests`, `decisions`, or `features`: the inputs of the model named in `model`.
        model: Model whose inputs are meant, as the log names it; for `records: features`.
        columns: Column -> `type` (number, integer, flag, time, text), `required` (true unless said), `min`, `max`,
            `values`, `max_share`; `{}` only requires that there is a value.
        max_share: Share of records that may break the contract in a column; exactly on it passes.
        closed: Whether inputs that the contract does not name are a breach; for `records: features`.

    One record is enough for a verdict, unless `minimum_n` says otherwise. A type is judged by the values: the text
    `12.5` is a number.

    A failure can mean: a step before the model changed; a new category that the model never learned; a field that was
    renamed; a unit mistaken in a mapping; or a contract that was not kept up to date.
    """

    records: Literal["requests", "decisions", "features"] = "decisions"
    model: str | None = None
    columns: dict[str, Promise] = Field(min_length=1)
    max_share: float = Field(default=0.0, ge=0, lt=1)
    closed: bool = False
    minimum_n: int = Field(default=1, ge=1)

    @property
    def table(self) -> str:  # type: ignore[override]  # the field says which records are meant
        """The records that groups are made of."""
        return "requests" if self.records == "requests" else "decisions"

    @model_validator(mode="after")
    def _consistent(self) -> Contract:
        if (self.records == "features") != (self.model is not None):
            raise ValueError("`records: features` and `model` belong together")
        if self.closed and self.records != "features":
            raise ValueError("`closed` is for `records: features`; the other tables have the canonical columns only")
        known = () if self.records == "features" else CANONICAL[self.records].names
        for name in self.columns if known else ():
            if name not in known:
                hint = nearest(name, known)
                raise ValueError(f"no column of {self.records} is called '{name}'{f'; {hint}' if hint else ''}")
        return self

    @property
    def view(self) -> str:
        """Name of the view that holds the columns."""
        return f"features:{self.model}" if self.records == "features" else self.records

    def bound(self, scope: Scope) -> dict[str, Any]:
        own: dict[str, Any] = {}
        for place, promise in enumerate(self.columns.values()):
            given = {"min": promise.min, "max": promise.max, "values": promise.categories() or None}
            own |= {f"{name}_of_{place}": value for name, value in given.items() if value is not None}
        return scope.parameters | own

    def statement(self, scope: Scope) -> str:
        held = scope.columns.get(self.view, ())
        alias, identity, source = self._records(scope)
        cells = {
            name: Cell(
                f"{alias}.{identifier(name)}" if name in held else "CAST(NULL AS VARCHAR)",
                _code(place, promise),
                None if promise.values is None else "unseen",
            )
            for place, (name, promise) in enumerate(self.columns.items())
        }
        new = [name for name in held if self.closed and name not in (*self.columns, *FEATURES.names)]
        cells |= {name: Cell(f"{alias}.{identifier(name)}", _FILLED) for name in new}
        selected = columns(self, scope) + identity
        return f"{unfolded(self, cells, selected, source, key='column')} ORDER BY axis, subject"

    def _records(self, scope: Scope) -> tuple[str, str, str]:
        """Alias of the columns, select list of `id` and `ts`, and FROM clause."""
        if self.records == "requests":
            return "r", f"{REQUEST_ID} AS id, r.start_ts AS ts", f"{scope.requests()} r"
        if self.records == "decisions":
            return "d", f"{DECISION_ID} AS id, d.decision_ts AS ts", decided(self, scope)
        found = Inputs(self, scope, str(self.model))
        return found.alias, found.identity, found.source

    def observe(self, rows: Sequence[Row], scope: Scope) -> list[Observation]:  # noqa: ARG002 - the form of a check
        return [self._observation(row) for row in rows]

    def _observation(self, row: Row) -> Observation:
        is_new = row["cell"] not in self.columns
        found = breaches(row)
        broken = sum(found.values())
        counts: dict[str, Any] = {"records": row["n"], "filled" if is_new else "broken": broken}
        counts |= {} if is_new else {name: found.get(name, 0) for name in _BREACHES}
        counts["seen"] = counted(row["seen"])
        row = row | {"marked": broken, "records": row["n"]}
        return observed(row, "new_column_share" if is_new else "broken_share", counts)

    def limit(self) -> Mapping[str, Any]:
        promises = {name: promise.model_dump(exclude_none=True, mode="json") for name, promise in self.columns.items()}
        return {"max_share": self.max_share, "columns": promises, "closed": self.closed}

    def _limit_of(self, column: str) -> dict[str, Any]:
        """The part of the limit that a column is judged against."""
        promise = self.columns.get(column)
        if promise is None:
            return {"closed": True, "max_share": self.max_share}
        own = promise.model_dump(exclude_none=True, mode="json")
        return {"max_share": self.max_share} | own

    def judge(self, observation: Observation) -> Judgement:
        counts, n, who = observation.counts, observation.n, unattributed(observation.subject[:-1])
        column = str(observation.subject[-1][1])
        limit = self._limit_of(column)
        if column not in self.columns:
            said = f"'{column}' is not in the contract, and {counts['filled']:,} of {n:,} records have a value for it"
            is_broken = exceeds(counts["filled"], n, limit["max_share"])
        else:
            causes = {"without a value": "missing", "of another type": "wrong_type", "out of range": "out_of_range"}
            parts = [f"{counts[key]} {cause}" for cause, key in causes.items() if counts[key]]
            parts += [f"{counts['unseen']:,} of a category that was not declared"] if counts["unseen"] else []
            shown = f": {told(counts['seen'])}" if counts["seen"] else ""
            said = f"{counts['broken']:,} of {n:,} records break the contract of '{column}' ({', '.join(parts)}){shown}"
            is_broken = exceeds(counts["broken"], n, limit["max_share"])
        if is_broken:
            return Judgement(Verdict.FAILED, f"{who}{said}", limit)
        return Judgement(Verdict.PASSED, f"{who}{said}" if observation.value else who or None, limit)


_FILLED = "CASE WHEN {v} IS NOT NULL THEN 'filled' END"


def _code(place: int, promise: Promise) -> str:
    """SQL over `{v}` of what is wrong with a value, the first that applies; NULL where nothing is."""
    fits = _FITS[promise.type or "text"]
    number = "TRY_CAST({v} AS DOUBLE)"
    within = [f"{number} >= $min_of_{place}"] if promise.min is not None else []
    within += [f"{number} <= $max_of_{place}"] if promise.max is not None else []
    tests = [("missing", "{v} IS NULL" if promise.required else None)]
    if fits != "true":
        tests.append(("wrong_type", f"{{v}} IS NOT NULL AND NOT coalesce({fits}, false)"))
    if within:
        tests.append(("out_of_range", f"{{v}} IS NOT NULL AND NOT coalesce({' AND '.join(within)}, false)"))
    if promise.values is not None:
        compared = number if promise.in_numbers else "CAST({v} AS VARCHAR)"
        known = f"list_contains($values_of_{place}, {compared})"
        tests.append(("unseen", f"{{v}} IS NOT NULL AND NOT coalesce({known}, false)"))
    cases = "".join(f" WHEN {test} THEN '{name}'" for name, test in tests if test is not None)
    return f"CASE{cases} END" if cases else "CAST(NULL AS VARCHAR)"
