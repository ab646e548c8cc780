"""Why a check has nothing to look at: no record in the window, or none that its policy is about."""

from __future__ import annotations

from dataclasses import replace

from governance.display import visible
from governance.engines.duckdb import Engine
from governance.measurement.scopes import Scope

_SHOWN = 3  # values that are named; more do not help


def why_none(engine: Engine, scope: Scope, table: str) -> str:
    """Why a scope holds no records: the first thing that leaves none over.

    Args:
        engine: With the views.
        scope: Holds none.
        table: requests or decisions.
    """
    bare = replace(scope, filters={}, predicates=())
    total = _count(engine, bare, table)
    if not total:
        return f"no {table} in the window{_stored(engine, table)}"
    left, among = bare, f"none of the {total:,} {table} in the window"
    for name, globs in ((name, globs) for name, globs in scope.filters.items() if globs):
        narrower = replace(left, filters={**left.filters, name: globs})
        count = _count(engine, narrower, table)
        asked = f"the {name.replace('_', ' ')} " + " or ".join(f"'{visible(glob)}'" for glob in globs)
        if not count:
            has = _values(engine, left, table, scope.filtered(name, table))
            return f"{among} has {asked} of applies_to{has}"
        if count < total:
            among = f"of the {total:,} {table} in the window {count:,} have {asked}, and none of them"
        left = narrower
    return f"{among} meets the `where` of policy and check"


def _count(engine: Engine, scope: Scope, table: str) -> int:
    return int(engine.value(f"SELECT count(*) FROM {_relation(scope, table)}", scope.parameters))


def _relation(scope: Scope, table: str) -> str:
    return scope.requests() if table == "requests" else scope.decisions()


def _stored(engine: Engine, table: str) -> str:
    time = "start_ts" if table == "requests" else "decision_ts"
    day = "strftime({}({}) AT TIME ZONE 'UTC', '%Y-%m-%d')"
    first, last = engine.rows(f"SELECT {day.format('min', time)}, {day.format('max', time)} FROM {table}")[0]
    if first is None:
        return f", nor in the whole store; `governance ingest` reads logs that hold {table}"
    return f"; those in the store are of {first} to {last}"


def _values(engine: Engine, scope: Scope, table: str, column: str) -> str:
    """The values that there are, the most usual first."""
    told = f"{_relation(scope, table)} WHERE {column} IS NOT NULL"
    sql = f"SELECT {column} FROM {told} GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT {_SHOWN + 1}"
    found = [visible(str(value)) for (value,) in engine.rows(sql, scope.parameters)]
    if not found:
        return ": the log does not say it"
    return f"; there are {', '.join(found[:_SHOWN])}{' and others' if len(found) > _SHOWN else ''}"
