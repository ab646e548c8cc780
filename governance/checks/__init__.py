"""Kinds of checks: one file each, its name the kind, one `Check` in it. Its docstring is its manual.

A check *measures* with one SQL statement (`statement`, `observe`) and *judges* what was measured (`judge`), a pure
function, so that a new limit can be judged on old observations. To add a kind, write `checks/<kind>.py` with one
subclass of `Check` and `tests/cases/<kind>.yaml`; nothing else needs to know of it.
"""

from __future__ import annotations

import ast
import hashlib
import inspect
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from governance.engines.duckdb import Engine
from governance.findings import Judgement, Observation, Verdict
from governance.measurement.sample_ids import named
from governance.measurement.scopes import Scope

Row = dict[str, Any]
Severity = Literal["low", "medium", "high", "critical"]
Per = Literal["hour", "day", "week", "month", "quarter", "year"]


@dataclass(frozen=True, slots=True)
class Measurement:
    """What a check measured, and the statement that repeats it.

    Attributes:
        observations: One for each subject.
        sql: The statement; for a kind that runs several, the one of each subject is in `sql_of`.
        parameters: What it binds.
        sql_of: Subject -> its own statement, where there is one for each.
    """

    observations: Sequence[Observation]
    sql: str
    parameters: Mapping[str, Any]
    sql_of: Mapping[tuple[tuple[str, str | None], ...], str] | None = None


class Check(BaseModel, ABC):
    """Fields that all kinds have.

    Attributes:
        id: Name of the check in its policy.
        kind: Name of the file in `checks/`, with hyphens.
        by: Axes: each a column of the records or a protected attribute, or a list of them for an intersection; the
            empty list is all records together.
        where: SQL predicate over the canonical table that narrows what is measured.
        minimum_n: Records below which a figure is not judged.
        severity: low, medium, high or critical.
        owner: Who must act; the policy's owner otherwise.
        due_days: Days from the judgement to the due date.
        controls: Controls that a finding is evidence for.
        per: Part of the calendar; each is a subject of its own.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    table: ClassVar[str] = "decisions"
    # Columns without which the kind measures nothing, as `table.column`; `a|b` where one of them will do
    needs: ClassVar[tuple[str, ...]] = ()
    # Why nothing was measured, for a kind that does not look at the records of `table`
    why_nothing: ClassVar[str | None] = None

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")
    kind: str
    by: tuple[tuple[str, ...], ...] = ()
    where: str | None = None
    minimum_n: int = Field(default=30, ge=1)
    severity: Severity = "medium"
    owner: str | None = None
    due_days: int = Field(default=30, ge=0)
    controls: tuple[str, ...] = ()
    per: Per | None = None

    @field_validator("by", mode="before")
    @classmethod
    def _axes(cls, value: Any) -> Any:
        if isinstance(value, str):
            return ((value,),)
        if isinstance(value, list | tuple):
            return tuple((axis,) if isinstance(axis, str) else axis for axis in value)
        return value

    @field_validator("by")
    @classmethod
    def _each_axis_once(cls, value: tuple[tuple[str, ...], ...]) -> tuple[tuple[str, ...], ...]:
        return tuple(dict.fromkeys(value))  # a repeated axis would be two findings with one subject

    @property
    def axes(self) -> tuple[tuple[str, ...], ...]:
        """The axes that are measured; one empty axis where none is named."""
        return self.by or ((),)

    @property
    def dimensions(self) -> tuple[str, ...]:
        """Every column that some axis names, once."""
        return tuple(dict.fromkeys(name for axis in self.by for name in axis))

    def measure(self, engine: Engine, scope: Scope) -> Measurement:
        """Runs the statement and says what it observed.

        Raises:
            EngineError: The statement cannot be run.
            UnknownDimensionError: An axis names something that no record carries.
        """
        sql = self.statement(scope)
        parameters = self.bound(scope)
        rows = named(engine, engine.records(sql, parameters))
        return Measurement(self.observe(rows, scope), sql, parameters)

    def bound(self, scope: Scope) -> dict[str, Any]:
        """The values that the statement binds: those of the scope and, in kinds that have some, their own."""
        return scope.parameters

    @abstractmethod
    def statement(self, scope: Scope) -> str:
        """One SELECT with a row for each subject: `subject`, `value`, and the counts under it."""

    @abstractmethod
    def observe(self, rows: Sequence[Row], scope: Scope) -> list[Observation]:
        """The observations in the rows of the statement."""

    @abstractmethod
    def judge(self, observation: Observation) -> Judgement:
        """The verdict on an observation that has a value and enough records."""

    def verdict(self, observation: Observation) -> Judgement:
        """The verdict on any observation: without a value or with too few records it is not assessed."""
        if observation.value is None:
            return Judgement(Verdict.NOT_ASSESSED, observation.reason or "there is no figure", self.limit())
        if observation.n < self.minimum_n:
            reason = f"{observation.n:,} records, fewer than the {self.minimum_n} that a verdict needs"
            return Judgement(Verdict.NOT_ASSESSED, reason, self.limit())
        return self.judge(observation)

    @abstractmethod
    def limit(self) -> Mapping[str, Any]:
        """What observations are judged against."""

    @classmethod
    def method(cls) -> str:
        """Fingerprint of the way in which the kind measures and judges: it changes when the code does.

        It covers the file of the kind and the private files beside it that it is made of.
        """
        kind = cls.__module__.rsplit(".", 1)[-1].replace("_", "-")
        return f"{kind}:{hashlib.sha256(_sources(cls.__module__).encode()).hexdigest()[:16]}"

    @classmethod
    def manual(cls) -> str:
        """The docstring as shown by `policy show`."""
        return inspect.cleandoc(cls.__doc__ or "")

    @classmethod
    def question(cls) -> str:
        """The manual's first paragraph on one line: what the kind of check asks."""
        return " ".join(cls.manual().partition("\n\n")[0].split())


@cache
def _sources(module: str) -> str:
    """Source of a module of this package, followed by those of the private modules that it imports, each once."""
    found: dict[str, str] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop(0)
        if name not in found:
            found[name] = inspect.getsource(import_module(name))
            waiting += _private(found[name])
    return "".join(found.values())


def _private(source: str) -> list[str]:
    """The private modules of this package that a source imports, in its order."""
    named: list[str] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            modules = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            named += [name for name in modules if re.fullmatch(rf"{re.escape(__name__)}\._\w+", name)]
    return named


def above(value: float, limit: float) -> bool:
    """Whether a figure exceeds a limit by more than the rounding of doubles: exactly on the limit does not."""
    return value > limit and not _equal(value, limit)


def below(value: float, limit: float) -> bool:
    """Whether a figure falls short of a limit by more than the rounding of doubles: exactly on the limit does not."""
    return value < limit and not _equal(value, limit)


def _equal(value: float, limit: float) -> bool:
    # 1e-12 relative: far above the error of a ratio of two doubles (2e-16), far below any limit a person writes
    return abs(value - limit) <= 1e-12 * max(abs(value), abs(limit))
