"""Rows that are not yet read: DuckDB, Arrow or pandas when they are asked for."""

from __future__ import annotations

import re
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from governance.blocks import Column, Table
from governance.display import number, visible
from governance.engines.duckdb import Engine
from governance.errors import MissingExtraError
from governance.tables import CANONICAL

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

SHOWN_ROWS, SHOWN_COLUMNS = 5, 10  # chosen here: what fits a notebook without scrolling
_WITH = re.compile(r"\s*WITH\s+(RECURSIVE\s+)?", re.IGNORECASE)


class Rows:
    """Rows of a store, not yet read: a statement that other statements can stand on.

    Args:
        engine: Where it runs.
        statement: One SELECT.
        what: What a row is called; the name of a canonical table, where they are its rows.
    """

    def __init__(self, engine: Engine, statement: str, what: str = "rows") -> None:
        self._engine = engine
        self.statement = statement
        self._what = what

    def describe(self) -> Table:
        """Every column with its type and, in a canonical table, what it means."""
        own = CANONICAL.get(self._what)
        meanings = {} if own is None else {column.name: column.meaning for column in own.columns}
        columns = (Column("column", "code"), Column("type"), Column("meaning"))
        rows = tuple((name, kind, meanings.get(name)) for name, kind in self.columns.items())
        return Table(f"Columns of {self._what}", columns, rows, own.meaning if own is not None else "")

    def sql(self, query: str) -> Rows:
        """Rows of a query in which `this` stands for these rows: `d.sql("select count(*) from this")`."""
        own = f"this AS NOT MATERIALIZED ({self.statement})"
        begin = _WITH.match(query)
        if begin is None:
            return Rows(self._engine, f"WITH {own} {query}")
        recursive = begin[1] or ""
        return Rows(self._engine, f"WITH {recursive}{own}, {query[begin.end() :]}")

    def where(self, predicate: str) -> Rows:
        """The rows for which a SQL predicate holds: `d.where("decision = 'refused'")`."""
        return Rows(self._engine, f"SELECT * FROM ({self.statement}) WHERE {predicate}", self._what)

    @property
    def columns(self) -> dict[str, str]:
        """Column -> SQL type."""
        return self._engine.columns(f"({self.statement})")

    def arrow(self) -> pa.Table:
        """All rows as an Arrow table."""
        return self._engine.arrow(self.statement)

    def df(self) -> pd.DataFrame:
        """All rows as a pandas frame; times stay in UTC, money stays exact (`Decimal`).

        Raises:
            MissingExtraError: pandas is not installed.
        """
        if find_spec("pandas") is None:
            raise MissingExtraError("pandas", "jupyter", "`.df()`")
        frame: pd.DataFrame = self.arrow().to_pandas()
        return frame

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """What polars, pyarrow and pandas take a table by."""
        return self.arrow().__arrow_c_stream__(requested_schema)

    def __len__(self) -> int:
        return int(self._engine.value(f"SELECT count(*) FROM ({self.statement})"))

    def _head(self) -> Table:
        names = list(self.columns)
        rows = self._engine.records(f"SELECT * FROM ({self.statement}) LIMIT {SHOWN_ROWS}")
        filled = [name for name in names if not rows or any(row[name] is not None for row in rows)]
        drawn = filled[:SHOWN_COLUMNS]
        rest = len(names) - len(drawn)
        cells = tuple(tuple(None if row[name] is None else _text(row[name]) for name in drawn) for row in rows)
        note = f"{rest} more columns: .describe() says what they mean" if rest else ""
        caption = f"{number(len(self), 0)} {self._what}" + (f", the first {len(rows)}" if rows else "")
        return Table(caption, tuple(Column(name) for name in drawn), cells, note)

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        """Five rows, escaped, for a notebook."""
        bundle = dict(self._head()._repr_mimebundle_(include, exclude))
        return {name: bundle[name] for name in ("text/html", "text/plain")}

    def _repr_html_(self) -> str:
        return str(self._repr_mimebundle_()["text/html"])

    def __repr__(self) -> str:
        return self._head().plain()


def _text(value: object) -> str:
    return visible(value if isinstance(value, str) else str(value))[:120]
