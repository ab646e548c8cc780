"""Rows of canonical tables as people write them in case files -> tables of an engine.

    rows:
      decisions:
        - {repeat: 40, decision: approved, subjects: {sex: female}}
      requests:
        columns: [repeat, latency_us, status]
        rows: [[10, 90000, ok], [5, null, timeout]]

`repeat: n` makes n rows. `every: 10m` sets them apart in time (one second unless given), from `start_ts` or
`decision_ts`. `{i}` in a text is the number of the row. What a row leaves out is null; ids and needed columns are
filled in. `subjects`, `features`, `attribution`, `review`, `outcome`, `notice` (of a decision) and `assessment` (of a
request) hold a row more for each.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from governance.engines.duckdb import Engine, EngineError, identifier
from governance.errors import GovernanceError, nearest
from governance.tables import CANONICAL, PER_MODEL, Table

Row = dict[str, Any]

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_INLINE = {
    "subjects": "subjects",
    "review": "reviews",
    "attribution": "attributions",
    "outcome": "outcomes",
    "assessment": "assessments",
    "notice": "notices",
    "features": "features",
}
_DEFAULTS: dict[str, Row] = {
    "requests": {
        "source": "case",
        "id_origin": "native",
        "operation": "predict",
        "status": "ok",
        "input_state": "absent",
        "output_state": "absent",
        "n_decisions": 0,
    },
    "decisions": {"source": "case", "item_index": 0},
    "attributions": {
        "model": "scorer",
        "model_version": "1",
        "base_value": 0.0,
        "output_value": 0.0,
        "additivity_error": 0,
    },
    "features": {"model": "scorer"},
    "assessments": {"name": "score"},
    "notices": {"name": "adverse_action"},
    "outcomes": {"name": "outcome"},
}
_LINKS = ("target_id", "request_uid", "decision_id", "decision_ts")
MAX_ROWS = 1_000_000  # chosen here: a case that needs more is a benchmark


def lay_out(engine: Engine, rows: Mapping[str, Any], start: datetime) -> dict[str, tuple[str, ...]]:
    """Creates every canonical table, and one for each model that has inputs or attributions.

    Args:
        engine: Where; it has none of these tables yet.
        rows: Table -> its rows, as above.
        start: When the first row of each table is, unless it says so itself; timezone-aware.

    Returns:
        Table -> its columns.

    Raises:
        GovernanceError: A table, column, time or value is none.
    """
    return _Layout(engine, rows, start).tables()


class _Layout:
    """The rows of a case while they are laid out."""

    def __init__(self, engine: Engine, rows: Mapping[str, Any], start: datetime) -> None:
        self.engine = engine
        self.start = start
        self.rows: dict[str, list[Row]] = {}
        for name, listed in rows.items():
            if name not in CANONICAL:
                hint = nearest(name, CANONICAL) or f"known are {', '.join(CANONICAL)}"
                raise GovernanceError(f"no table is called '{name}'", where="rows", hint=hint)
            for row in _rows(name, listed):
                self._expand(name, row)

    def tables(self) -> dict[str, tuple[str, ...]]:
        found = {}
        for table in CANONICAL.values():
            rows = self.rows.get(table.name, [])
            if table.name in PER_MODEL:
                for model in sorted({str(row["model"]) for row in rows}):
                    kept = {name for row in rows for name in row if name != "model" or table.column("model")}
                    own = [{key: row[key] for key in row if key in kept} for row in rows if row["model"] == model]
                    found[f"{table.name}:{model}"] = self._create(f"{table.name}:{model}", table, own)
            else:
                found[table.name] = self._create(table.name, table, rows)
        return found

    def _expand(self, table: str, template: Row) -> None:
        every = template.get("every")
        for repeated in range(_count(template.get("repeat", 1), table)):
            number = len(self.rows.setdefault(table, []))
            row = {name: _numbered(value, repeated) for name, value in template.items()}
            row = {name: value for name, value in row.items() if name not in ("repeat", "every")}
            inline = {name: row.pop(name) for name in list(row) if name in _INLINE and isinstance(row[name], dict)}
            seconds = timedelta(seconds=repeated if _time(table) in row else number)
            later = _duration(every, table) * repeated if every else seconds
            self._identify(CANONICAL[table], row, number, later)
            self.rows[table].append(row)
            for name, more in inline.items():
                self._expand(_INLINE[name], self._link(table, row) | more)

    def _link(self, table: str, row: Row) -> Row:
        """What ties a side row to its decision or request."""
        uid = row["request_uid"]
        decision = row["decision_id"] if table == "decisions" else f"{uid}#0"
        target = decision if table == "decisions" else uid
        return {"target_id": target, "request_uid": uid, "decision_id": decision, "decision_ts": row[_time(table)]}

    def _identify(self, table: Table, row: Row, number: int, later: timedelta) -> None:
        """Fills in ids, the time and the columns that a table needs."""
        given = row.get(table.time)
        row[table.time] = (self.start if given is None else _moment(given, table)) + later
        for name, value in _DEFAULTS.get(table.name, {}).items():
            row.setdefault(name, value)
        if table.name in ("requests", "decisions"):
            row.setdefault("request_uid", f"case:{table.name[0]}{number}")
            row.setdefault("request_id", row["request_uid"].removeprefix("case:"))
        if table.name == "decisions":
            row.setdefault("decision_id", f"{row['request_uid']}#{row['item_index']}")
        if table.column("target_id") is not None:
            row.setdefault("target_id", row.get("decision_id") or row.get("request_uid") or "unknown")
        row.setdefault(table.identity, f"{table.name}-{number}")

    def _create(self, name: str, table: Table, rows: Sequence[Row]) -> tuple[str, ...]:
        import pyarrow as pa  # noqa: PLC0415 - reading cases does not need it

        types = {column.name: column.type for column in table.columns}
        more = dict.fromkeys(key for row in rows for key in row if key not in types and key not in _LINKS)
        if more and not table.wide:
            unknown = next(iter(more))
            raise GovernanceError(
                f"no column is called '{unknown}'", where=f"rows: {table.name}", hint=nearest(unknown, types)
            )
        types |= {key: _type_of([row.get(key) for row in rows]) for key in more}
        columns = ", ".join(f"{identifier(column)} {kind}" for column, kind in types.items())
        self.engine.execute(f"CREATE TABLE {identifier(name)} ({columns})")
        if rows:
            texts = {key: [_text(row.get(key)) for row in rows] for key in types}
            self.engine.register("case_rows", pa.table({key: pa.array(texts[key], pa.string()) for key in types}))
            cast = ", ".join(f"CAST({identifier(key)} AS {kind}) AS {identifier(key)}" for key, kind in types.items())
            try:
                self.engine.execute(f"INSERT INTO {identifier(name)} SELECT {cast} FROM case_rows")
            except EngineError as error:
                raise GovernanceError(f"a value does not fit its column: {error}", where=f"rows: {name}") from error
            self.engine.unregister("case_rows")
        return tuple(types)


def _rows(table: str, listed: Any) -> list[Row]:
    if isinstance(listed, dict) and listed.keys() == {"columns", "rows"}:
        listed = [dict(zip(listed["columns"], row, strict=False)) for row in listed["rows"]]
    if not isinstance(listed, list) or not all(isinstance(row, dict) for row in listed):
        raise GovernanceError(
            "rows are a list of mappings", where=f"rows: {table}", hint="or {columns: [...], rows: [[...], ...]}"
        )
    return listed


def _time(table: str) -> str:
    return CANONICAL[table].time


def _numbered(value: Any, number: int) -> Any:
    if isinstance(value, dict):
        return {name: _numbered(item, number) for name, item in value.items()}
    return value.replace("{i}", str(number)) if isinstance(value, str) else value


def _count(value: Any, table: str) -> int:
    if type(value) is not int or not 0 <= value <= MAX_ROWS:
        raise GovernanceError(f"repeat is a number up to {MAX_ROWS:,}, not {value!r}", where=f"rows: {table}")
    return value


def _duration(text: Any, table: str) -> timedelta:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd])", str(text))
    if match is None:
        raise GovernanceError(f"'{text}' is no duration", where=f"rows: {table}: every", hint="use 10s, 5m, 2h or 1d")
    return timedelta(**{_UNITS[match[2]]: float(match[1])})


def _moment(value: Any, table: Table) -> datetime:
    try:
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    except ValueError as error:
        hint = "write it as 2026-07-01T09:00"
        raise GovernanceError(f"'{value}' is no time", where=f"rows: {table.name}: {table.time}", hint=hint) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _type_of(values: Sequence[Any]) -> str:
    kinds = {type(value) for value in values if value is not None}
    if kinds <= {int}:
        return "BIGINT"
    return "DOUBLE" if kinds <= {int, float} else "VARCHAR"
