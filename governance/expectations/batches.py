"""A relation of DuckDB as a batch of Great Expectations, on the engine's own connection.

The only file that imports great_expectations, sqlalchemy and duckdb_engine, and that only while a suite runs (3 s).
No data context is made, no project is loaded, nothing is written or sent: the library plans and judges, and its
statements run on a temporary view. What it lacks for DuckDB is given to it here, through its public doors:

- results that outlive the connection (`_Cursor`), for which it needs no place on its private list of dialects;
- columns and types as DuckDB names them (`_Inspector`, `_types`), without the catalogue of PostgreSQL;
- regular expressions (`_types`): RE2, found anywhere in the text; no look-around and no back references.
"""

from __future__ import annotations

import atexit
import logging
import sys
import warnings
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

from governance.errors import MissingExtraError
from governance.expectations.figures import ROWS, inline

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from duckdb import DuckDBPyConnection

    from governance.engines.duckdb import Engine


# Optional parts of what the library imports, which take half of the seconds it takes: its clouds, of which it reads
# nothing here, and a grammar of addresses with which the schemas of its charts could be checked
_UNUSED = ("azure", "boto3", "botocore", "google.cloud", "rfc3987_syntax")
# Parts that only its charts and tests of distributions use: a third of the seconds, and 80 MiB
_SELDOM = ("altair", "scipy.stats")


class Library(NamedTuple):
    """The parts of Great Expectations and SQLAlchemy that a run uses; neither has types."""

    sqlalchemy: Any
    engine: Any
    data: Any
    graph: Any
    metric: Any
    metric_kwargs: Any
    configuration: Any
    selectable: Any


@cache
def load_library() -> Library:
    """Imports Great Expectations, once.

    Raises:
        MissingExtraError: It or duckdb-engine is not installed.
    """
    try:
        with quiet(), _absent(*_UNUSED), _postponed(*_SELDOM):
            return _import()
    except ImportError as error:
        raise MissingExtraError("great_expectations", "gx", "a check of kind 'expectations'") from error


def _import() -> Library:
    import duckdb_engine  # noqa: PLC0415  (registers the dialect)
    import sqlalchemy  # noqa: PLC0415
    from great_expectations.execution_engine import sqlalchemy_execution_engine  # noqa: PLC0415
    from great_expectations.execution_engine.sqlalchemy_batch_data import SqlAlchemyBatchData  # noqa: PLC0415
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration  # noqa: PLC0415
    from great_expectations.expectations.registry import get_metric_kwargs  # noqa: PLC0415
    from great_expectations.util import get_sqlalchemy_selectable  # noqa: PLC0415
    from great_expectations.validator.metric_configuration import MetricConfiguration  # noqa: PLC0415
    from great_expectations.validator.validation_graph import ValidationGraph  # noqa: PLC0415

    logging.captureWarnings(capture=False)  # importing the library switches it on for the whole process
    # Something in the library outlives the interpreter and keeps duckdb_engine's functions, hence duckdb, whose binding
    # (nanobind) then prints a page about leaks on standard error.
    atexit.register(vars(duckdb_engine).clear)
    return Library(
        sqlalchemy,
        sqlalchemy_execution_engine.SqlAlchemyExecutionEngine,
        SqlAlchemyBatchData,
        ValidationGraph,
        MetricConfiguration,
        get_metric_kwargs,
        ExpectationConfiguration,
        get_sqlalchemy_selectable,
    )


class _Later(ModuleType):
    """Stands for a module that is imported when something of it is first used."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # what the machinery of imports asks of every module
            raise AttributeError(name)
        return getattr(import_module(self.__name__), name)


@contextmanager
def _postponed(*names: str) -> Iterator[None]:
    """Gives code that imports these modules, unless they are loaded, something that loads them later."""
    hidden = [name for name in names if name not in sys.modules and find_spec(name.partition(".")[0])]
    sys.modules.update({name: _Later(name) for name in hidden})
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


@contextmanager
def _absent(*names: str) -> Iterator[None]:
    """Lets modules that are not loaded yet be missing, for code that goes on without them."""
    hidden = [name for name in names if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]  # None: an import of it is an ImportError
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


@contextmanager
def quiet() -> Iterator[None]:
    """Keeps the library's own warnings and log lines, which repeat what the outcomes say, from the terminal."""
    logger = logging.getLogger("great_expectations")
    before = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(before)


class Batch:
    """The rows of the view `checked_rows`.

    Attributes:
        library: As `load_library` gives it.
        runner: The library's execution engine.
        types: Column -> type, in order.
    """

    def __init__(self, engine: Engine, library: Library) -> None:
        self.library = library
        self.types = engine.columns(ROWS)
        sqlalchemy = library.sqlalchemy
        self._database = sqlalchemy.create_engine(
            "duckdb://", creator=lambda: _Connection(engine.connection), poolclass=sqlalchemy.pool.StaticPool
        )
        self.runner = library.engine(engine=self._database, create_temp_table=False)
        self.runner.dialect_module, columns = _types(sqlalchemy, self.types)
        inspector = _Inspector(self._database.dialect, columns)
        self.runner.get_inspector = lambda: inspector
        data = library.data(self.runner, table_name=ROWS, source_table_name=ROWS, create_temp_table=False)
        self.runner.load_batch_data(ROWS, data)

    def close(self) -> None:
        """Lets go of the connection, which stays open."""
        self.runner.close()

    def records(self, domain: Mapping[str, Any]) -> Any:
        """The rows that are left by the row conditions of a domain, to select from."""
        return self.library.selectable(self.runner.get_domain_records(dict(domain)))

    def source(self, domain: Mapping[str, Any]) -> str:
        """The same as what follows FROM."""
        records = self.runner.get_domain_records(dict(domain))
        return ROWS if isinstance(records, self.library.sqlalchemy.Table) else f"({self.text(records)})"

    def own_rows(self, condition: object) -> Any:
        """The subquery that a condition of the library brings with it, or None: most are over the records."""
        sources = self.library.sqlalchemy.select(self.library.sqlalchemy.literal(1)).where(condition).get_final_froms()
        return sources[0] if sources else None

    def where(self, *columns: object, condition: object, domain: Mapping[str, Any]) -> Any:
        """A select of the rows under a condition."""
        select = self.library.sqlalchemy.select(*columns).where(condition)
        return select if self.own_rows(condition) is not None else select.select_from(self.records(domain))

    def text(self, statement: Any) -> str:
        """A statement of the library in DuckDB's SQL, with its parameters as literals."""
        compiled = statement.compile(dialect=self._database.dialect, compile_kwargs={"render_postcompile": True})
        values = {str(place): compiled.params[name] for place, name in enumerate(compiled.positiontup or (), 1)}
        return inline(str(compiled), values)

    def rows(self, statement: Any) -> list[tuple[Any, ...]]:
        """The rows of a statement of the library."""
        return [tuple(row) for row in self.runner.execute_query(statement).fetchall()]


class _Cursor:
    """A DB-API cursor that holds its rows.

    Great Expectations gives a connection back before it fetches ("list index out of range" on DuckDB, whose result
    lives in the connection), and fetching times as Python rows would need pytz.
    """

    def __init__(self, connection: _Connection, engine: DuckDBPyConnection) -> None:
        self.connection = connection
        self.description: Sequence[tuple[Any, ...]] | None = None
        self.rowcount = -1
        self.arraysize = 1
        self._engine = engine
        self._rows: list[tuple[Any, ...]] = []

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> None:
        result = self._engine.execute(statement, list(parameters))
        self.description = result.description
        if any("TIME ZONE" in str(column[1]) for column in result.description or ()):
            table: Any = result.to_arrow_table()
            self._rows = list(zip(*(column.to_pylist() for column in table.columns), strict=True))
        else:
            self._rows = result.fetchall()

    def fetchone(self) -> tuple[Any, ...] | None:
        return self._rows.pop(0) if self._rows else None

    def fetchmany(self, size: int | None = None) -> list[tuple[Any, ...]]:
        taken, self._rows = self._rows[: size or 1], self._rows[size or 1 :]
        return taken

    def fetchall(self) -> list[tuple[Any, ...]]:
        taken, self._rows = self._rows, []
        return taken

    def close(self) -> None:
        self._rows = []


class _Connection:
    """The engine's connection as a DB-API connection that nobody may close, and whose transactions are its owner's."""

    closed = False
    notices: tuple[str, ...] = ()

    def __init__(self, connection: DuckDBPyConnection) -> None:
        self._connection = connection

    def cursor(self) -> _Cursor:
        return _Cursor(self, self._connection)

    def _nothing(self) -> None: ...

    begin = commit = rollback = close = _nothing


class _Inspector(NamedTuple):
    """What the library asks of a SQLAlchemy inspector."""

    dialect: Any
    columns: Sequence[Mapping[str, Any]]

    def get_columns(self, table_name: str, schema: str | None = None) -> list[dict[str, Any]]:  # noqa: ARG002
        return [dict(column) for column in self.columns]

    def get_pk_constraint(self, table_name: str, schema: str | None = None) -> dict[str, Any]:  # noqa: ARG002
        return {"constrained_columns": []}


def _types(sqlalchemy: Any, types: Mapping[str, str]) -> tuple[ModuleType, list[dict[str, Any]]]:
    """The module in which the library looks for types and for how patterns are written, and the typed columns.

    A type is found by the name that DuckDB gives it, with or without what follows in brackets. The name of Dremio makes
    the library write a regular expression as `REGEXP_MATCHES(column, pattern)` and allow LIKE, as DuckDB has them; for
    a dialect that it has never heard of it knows no patterns.
    """
    module = ModuleType("duckdb_types")
    module.__dict__.update(name="duckdb", DremioDialect=None)
    found: dict[str, type] = {}
    for full in types.values():
        base = full.split("(", maxsplit=1)[0]
        found.setdefault(base, _type(base, sqlalchemy.types.UserDefinedType))
        found.setdefault(full, _type(full, found[base]))
    module.__dict__.update(found)
    return module, [{"name": name, "type": found[full]()} for name, full in types.items()]


def _type(name: str, parent: type) -> type:
    return type(name, (parent,), {"cache_ok": True, "get_col_spec": lambda _, **__: name})
