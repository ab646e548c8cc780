"""What two samples of records are compared on: columns as numbers or categories, and the groups that they fall into."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from governance.engines.duckdb import Engine, identifier, literal
from governance.findings import Subject
from governance.measurement.scopes import subject_text

_WHOLE = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT")
_TIMES = ("TIMESTAMP", "DATE")


class Variable(NamedTuple):
    """A column that is compared.

    Attributes:
        name: As it stands in the subject.
        sql: Double or text, over the records; null where it is missing.
        reference_sql: The same over the reference.
        is_numeric: Whether its values have an order.
        is_whole: Whether they are whole numbers, of which few are different as a rule.
    """

    name: str
    sql: str
    reference_sql: str
    is_numeric: bool
    is_whole: bool = False


class Dimension(NamedTuple):
    """A column that groups are made by; `reference_sql` is None where the reference is the same for each."""

    name: str
    sql: str
    reference_sql: str | None


@dataclass(frozen=True)
class Samples:
    """The records of a window and those of the reference, with what is compared.

    Attributes:
        key: Name of the dimension that says which variable is meant: feature or output.
        variables: What is compared.
        current: FROM clause of the records.
        reference: FROM clause of the reference.
        axes: Groups that are compared apart; one empty axis for all records together.
        dimensions: The columns that axes name.
        id: SQL of the id that a user can look a record up by.
        about: Ends of the subject that are the same for all, such as the model.
    """

    key: str
    variables: Sequence[Variable]
    current: str
    reference: str
    axes: Sequence[Sequence[str]]
    dimensions: Mapping[str, Dimension]
    id: str
    about: Subject = ()

    @property
    def places(self) -> range:
        """Numbers of the variables."""
        return range(len(self.variables))

    def numeric(self) -> list[int]:
        """Numbers of the variables whose values have an order."""
        return [place for place in self.places if self.variables[place].is_numeric]

    def records(self) -> str:
        """SELECT with `is_reference`, a column `by_...` (text) for each dimension, and the variables `v0`, `v1`, ..."""
        own = ["false AS is_reference", *(f"CAST({one.sql} AS VARCHAR) AS {self.by(one.name)}" for one in self._named)]
        other = ["true", *(f"CAST({one.reference_sql or 'NULL'} AS VARCHAR)" for one in self._named)]
        own += [f"{variable.sql} AS v{place}" for place, variable in enumerate(self.variables)]
        other += [variable.reference_sql for variable in self.variables]
        return f"SELECT {', '.join(own)} FROM {self.current} UNION ALL SELECT {', '.join(other)} FROM {self.reference}"

    @property
    def _named(self) -> list[Dimension]:
        return list(self.dimensions.values())

    @staticmethod
    def by(name: str) -> str:
        """The column of a dimension."""
        return identifier(f"by_{name}")

    def keys(self, axis: Sequence[str]) -> list[str]:
        """The columns of an axis."""
        return [self.by(name) for name in axis]

    def shared(self, axis: Sequence[str]) -> list[str]:
        """Those of them by which the reference is divided too."""
        return [self.by(name) for name in axis if self.dimensions[name].reference_sql is not None]

    def subject(self, place: int, values: Subject) -> str:
        """The `subject` of a variable in a group."""
        return subject_text(((self.key, self.variables[place].name), *self.about, *values))

    def size(self, engine: Engine, parameters: Mapping[str, Any]) -> int:
        """Records of both samples."""
        both = f"(SELECT count(*) FROM {self.current}) + (SELECT count(*) FROM {self.reference})"
        return int(engine.value(f"SELECT {both}", parameters))

    def groups(self, engine: Engine, axis: Sequence[str], parameters: Mapping[str, Any]) -> list[Subject]:
        """The groups of an axis that have records, in order."""
        if not axis:
            return [()] if engine.value(f"SELECT count(*) FROM {self.current}", parameters) else []
        selected = ", ".join(f"CAST({self.dimensions[name].sql} AS VARCHAR) AS {identifier(name)}" for name in axis)
        order = ", ".join(str(place + 1) for place in range(len(axis)))
        rows = engine.records(f"SELECT DISTINCT {selected} FROM {self.current} ORDER BY {order}", parameters)
        return [tuple(row.items()) for row in rows]

    def ids(
        self, engine: Engine, parameters: Mapping[str, Any], group: Subject, place: int, chosen: str
    ) -> tuple[str, ...]:
        """At most ten ids of records of a group, where `chosen` (predicate and order) holds for the variable `v`."""
        keys = "".join(f", CAST({self.dimensions[name].sql} AS VARCHAR) AS {self.by(name)}" for name, _ in group)
        own = matches([self.by(name) for name, _ in group], group)
        rows = engine.rows(
            f"SELECT id FROM (SELECT {self.id} AS id, {self.variables[place].sql} AS v{keys} FROM {self.current}) "
            f"WHERE {own} AND {chosen} LIMIT 10",
            parameters,
        )
        return tuple(str(row[0]) for row in rows)


def numbers(column: str, kind: str) -> str | None:
    """SQL of a column as finite doubles, or None where its values are names and not quantities.

    Args:
        column: SQL of the column.
        kind: Its type in DuckDB.
    """
    if kind in _WHOLE or kind.startswith("DECIMAL"):
        return f"CAST({column} AS DOUBLE)"
    if kind in ("DOUBLE", "FLOAT"):
        return f"CASE WHEN isfinite({column}) THEN CAST({column} AS DOUBLE) END"
    if kind.startswith(_TIMES):
        return f"epoch({column})"
    return None


def are_whole(kind: str) -> bool:
    """Whether a type of DuckDB holds whole numbers alone."""
    return kind in _WHOLE


def matches(keys: Sequence[str], values: Subject) -> str:
    """Predicate that holds for the records of a group."""
    tests = [
        f"{key} IS NULL" if value is None else f"{key} = {literal(value)}"
        for key, (_, value) in zip(keys, values, strict=True)
    ]
    return " AND ".join(tests) or "true"
