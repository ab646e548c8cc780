"""DuckDB over the Parquet files of a store: in memory, offline, with bounded memory.

The only file that imports duckdb.
"""

from __future__ import annotations

import json
import re
from contextlib import contextmanager, suppress
from decimal import Decimal
from math import isqrt
from typing import TYPE_CHECKING, Any, Self

import duckdb

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    import pyarrow as pa

MEMORY_LIMIT = "1GB"  # chosen so that a process stays near 1 GiB whatever the store holds; DuckDB spills beyond it

# Measured here: of 100,000 rows with 26 columns, one is found in 10 ms in groups of 16,384, and in 46 ms in groups of
# 122,880, the engine's default; scans and sizes stay as they are. Among 20 million rows it is the other way round.
# Where every column is full of numbers, as inputs are, one of 113,000 is found in 8 ms in groups of 9,500, and in 11 ms
# in groups of 16,384; a scan takes the same.
FEWEST_GROUP_ROWS, FEWEST_FULL_GROUP_ROWS, MOST_GROUP_ROWS = 16_384, 8_192, 122_880
_FOOTER_ROWS = 825  # rows of a group that take as long to decode as the footer takes to say where one more group lies

_TIME = "TIMESTAMP WITH TIME ZONE"
_PRINTED = re.compile(r"(\d+-\d\d-\d\d) (\d\d:\d\d:\d\d)(?:\.(\d+))?\+00")
_WHOLE = '"\x1frow"'  # a row as a value: a column of the same name would be taken for it


class EngineError(Exception):
    """A statement could not be run; `str()` is the engine's own first line."""


@contextmanager
def _running(sql: str) -> Iterator[None]:
    """Runs a statement; what DuckDB raises becomes an error of ours, and Ctrl-C what it is everywhere else."""
    try:
        yield
    except duckdb.Error as error:
        import logging  # noqa: PLC0415 - only who fails waits for it

        logging.getLogger(__name__).debug("statement failed: %s", sql)
        raise EngineError(str(error).split("\n\n")[0].strip()) from error
    except RuntimeError as error:
        if str(error) == "Query interrupted":  # DuckDB 2.0 says so after SIGINT, and forgets the KeyboardInterrupt
            raise KeyboardInterrupt from error
        raise


class Engine:
    """A private in-memory database. Times are UTC; nothing is ever downloaded.

    Args:
        spill: Folder for what does not fit in memory; nothing is spilled without one.
        memory_limit: DuckDB's own limit for its buffers.
    """

    def __init__(self, spill: Path | None = None, memory_limit: str = MEMORY_LIMIT) -> None:
        config: dict[str, str | bool | int | float | list[str]] = {
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "memory_limit": memory_limit,
            "python_enable_replacements": "false",
        }
        if spill is not None:
            config["temp_directory"] = str(spill)
        self.connection = duckdb.connect(":memory:", config=config)
        self._registered: set[str] = set()
        # DuckDB 2.0 draws a bar on standard output after two seconds, terminal or not: into the one JSON document too.
        # In a Jupyter kernel without ipywidgets it draws none, and refuses to be told so
        with suppress(duckdb.InvalidInputException):
            self.connection.execute("SET enable_progress_bar = false")
        # Footers are read once and not with every statement: a file of a store is named by its digest, and stays
        self.connection.execute("SET TimeZone = 'UTC'; SET parquet_metadata_cache = true")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Frees the memory; the engine cannot be used afterwards."""
        with suppress(duckdb.Error):
            self.connection.close()

    def rows(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """Runs one statement with named parameters (`$name`) and returns all rows.

        Parameters that it does not name are left out. Everything is fetched at once: DuckDB 2.0 refuses other work on a
        connection with an unfinished result.

        Raises:
            EngineError: The statement cannot be run.
        """
        with _running(sql):
            if not parameters:
                return self.connection.execute(sql).fetchall()
            used = {name: value for name, value in parameters.items() if f"${name}" in sql}
            return (self.connection.execute(sql, used) if used else self.connection.execute(sql)).fetchall()

    def execute(self, sql: str, parameters: Mapping[str, Any] | None = None) -> None:
        """Runs one statement for its effect.

        Raises:
            EngineError: The statement cannot be run.
        """
        self.rows(sql, parameters)

    def records(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """The rows of a query as plain dictionaries; for results that fit on a page.

        Times come as ISO text, decimals as `Decimal`, numbers that are not finite as None.
        """
        # JSON and not fetchall(): that needs pytz for times, and Arrow costs 0.3 s of import on the path of `explain`.
        # The types come with the rows: asking for them before would open every file once more
        sql = f"SELECT to_json({_WHOLE})::VARCHAR, typeof(COLUMNS({_WHOLE}.*)) FROM ({sql}) {_WHOLE}"
        used = {name: value for name, value in (parameters or {}).items() if f"${name}" in sql}
        with _running(sql):
            found = self.connection.execute(sql, used) if used else self.connection.execute(sql)
            names = [column[0] for column in found.description or ()][1:]
            rows = found.fetchall()
        times = [name for name, kind in zip(names, rows[0][1:], strict=True) if kind == _TIME] if rows else []
        records: list[dict[str, Any]] = [
            json.loads(row[0], parse_float=_number, parse_constant=lambda _: None) for row in rows
        ]
        for record in records:
            record.update((name, _iso(record[name])) for name in times if record[name] is not None)
        return records

    def arrow(self, sql: str, parameters: Mapping[str, Any] | None = None) -> pa.Table:
        """The rows of a query as an Arrow table."""
        used = {name: value for name, value in (parameters or {}).items() if f"${name}" in sql}
        with _running(sql):
            return self.connection.sql(sql, params=used or None).to_arrow_table()

    def value(self, sql: str, parameters: Mapping[str, Any] | None = None) -> Any:
        """The first column of the first row, or None."""
        rows = self.rows(sql, parameters)
        return rows[0][0] if rows else None

    def register(self, name: str, table: pa.Table) -> None:
        """Makes an Arrow table readable under a name."""
        self.connection.register(name, table)
        self._registered.add(name)

    def unregister(self, name: str) -> None:
        """Forgets a registered table."""
        self.connection.unregister(name)
        self._registered.discard(name)

    def forget(self) -> None:
        """Forgets every registered table, whose memory it holds."""
        for name in tuple(self._registered):
            self.unregister(name)

    def columns(self, relation: str) -> dict[str, str]:
        """Column names and types of a relation, in order."""
        rows = self.rows(f"DESCRIBE SELECT * FROM {relation}")
        return {row[0]: row[1] for row in rows}

    def write_parquet(self, sql: str, path: Path, *, group: int = MOST_GROUP_ROWS) -> int:
        """Writes the rows of a query, in its order, to a new zstd Parquet file; returns how many there were."""
        options = f"FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {group}"
        return int(self.value(f"COPY ({sql}) TO {literal(str(path))} ({options})"))


def _iso(text: str) -> str:
    """A time as DuckDB prints it, in the form of ISO 8601; infinity, and what lies before year 1, as it is."""
    found = _PRINTED.fullmatch(text)
    return f"{found[1]}T{found[2]}.{found[3] or '':0<6}Z" if found else text


def _number(text: str) -> float | Decimal:
    """A double where that is what the text means, else the exact decimal (DuckDB prints decimals with all digits)."""
    as_float = float(text)
    plain = format(Decimal(repr(as_float)), "f")  # Python writes 0.00008 as 8e-05, and 1e20 so where DuckDB does not
    if "e" in text or plain.removesuffix(".0") == text.removesuffix(".0"):
        return as_float
    return Decimal(text)


def group_rows(rows: int, *, is_full: bool = False) -> int:
    """Rows in each group of a Parquet file, so that one row is found soonest.

    Whoever looks for one reads where every group lies and decodes one group: the sum is least where both take the same.

    Args:
        rows: How many the file has.
        is_full: Whether nearly every column has numbers in nearly every row.
    """
    fewest = FEWEST_FULL_GROUP_ROWS if is_full else FEWEST_GROUP_ROWS
    return min(max(isqrt(_FOOTER_ROWS * rows), fewest), MOST_GROUP_ROWS)


def literal(text: str) -> str:
    """A SQL string literal."""
    return "'" + text.replace("'", "''") + "'"


def identifier(name: str) -> str:
    """A quoted SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def file_list(paths: Sequence[str]) -> str:
    """A SQL list of file names."""
    return "[" + ", ".join(literal(path) for path in paths) + "]"
