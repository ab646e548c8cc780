"""Two samples of a model's inputs as views of a store, and checks of drift on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from governance.checks import Check, Measurement
from governance.engines.duckdb import Engine, identifier
from governance.extensions import checks
from governance.findings import Judgement, Observation, Window
from governance.measurement.scopes import Scope
from governance.tables import CANONICAL

JUNE, JULY = datetime(2026, 6, 1, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC)
WINDOW = Window(JULY, datetime(2026, 8, 1, tzinfo=UTC), "2026-07")
REFERENCE = {"window": "2026-06"}

Columns = Mapping[str, Sequence[Any]]


@dataclass(frozen=True)
class Moved:
    """An engine with the inputs of models in June (the reference) and July."""

    engine: Engine
    columns: dict[str, tuple[str, ...]]

    def scope(self, **more: Any) -> Scope:
        """July, unless another window is among the fields that are given."""
        return replace(Scope(WINDOW, columns=self.columns), **more)

    def measured(self, scope: Scope | None = None, /, kind: str = "drift-input", **fields: Any) -> Measurement:
        return built(kind, **fields).measure(self.engine, scope or self.scope())

    def found(
        self, scope: Scope | None = None, /, kind: str = "drift-input", **fields: Any
    ) -> dict[tuple[str | None, ...], tuple[Observation, Judgement]]:
        """Values of the subject -> observation and judgement."""
        check = built(kind, **fields)
        measured = check.measure(self.engine, scope or self.scope())
        return {tuple(value for _, value in one.subject): (one, check.verdict(one)) for one in measured.observations}

    def one(self, **fields: Any) -> tuple[Observation, Judgement]:
        """The only finding."""
        (found,) = self.found(**fields).values()
        return found


def built(kind: str = "drift-input", **fields: Any) -> Check:
    """A check of drift against June."""
    given = {"id": "moved", "kind": kind, "reference": REFERENCE, "max": 0.1, "minimum_n": 1} | fields
    return checks()[kind].model_validate(given)


def lay_out(engine: Engine, models: Mapping[str, tuple[Columns, Columns]]) -> Moved:
    """Makes the views of a store.

    Args:
        engine: Where.
        models: Model -> inputs in the reference, and now; columns of equal length, decided a second apart. Columns of
            decisions and subjects may be among them, by the names `d.<column>` and `s.<column>`.
    """
    for table in CANONICAL.values():
        columns = ", ".join(f"{column.name} {column.type}" for column in table.columns)
        if table.name not in ("features", "attributions"):
            engine.execute(
                f"CREATE TABLE {table.name} ({columns}{', sex VARCHAR' if table.name == 'subjects' else ''})"
            )
    for model, sides in models.items():
        tables = [_side(model, side, start) for side, start in zip(sides, (JUNE, JULY), strict=True)]
        engine.register("sides", pa.concat_tables(tables, promote_options="permissive"))
        engine.execute(f'CREATE TABLE "features:{model}" AS SELECT * EXCLUDE (model) FROM sides')
        own = [name for name in engine.columns("sides") if name.startswith(("d.", "s."))]
        for name in own:
            engine.execute(f'ALTER TABLE "features:{model}" DROP COLUMN {identifier(name)}')
        decided = "".join(f", {identifier(name)} AS {name[2:]}" for name in own if name.startswith("d."))
        engine.execute(
            "INSERT INTO decisions BY NAME SELECT decision_id, decision_id AS request_uid, decision_ts, model, "
            f"'test' AS source, 0 AS item_index{decided} FROM sides"
        )
        attributes = "".join(f", {identifier(name)} AS {name[2:]}" for name in own if name.startswith("s."))
        engine.execute(f"INSERT INTO subjects BY NAME SELECT decision_id, decision_ts{attributes} FROM sides")
        engine.unregister("sides")
    names = [row[0] for row in engine.rows("SELECT table_name FROM information_schema.tables")]
    return Moved(engine, {name: tuple(engine.columns(identifier(name))) for name in names})


def _side(model: str, columns: Columns, start: datetime) -> pa.Table:
    n = len(next(iter(columns.values())))
    seconds = int(start.timestamp())
    moments = pa.array([(seconds + i) * 1_000_000 for i in range(n)], pa.timestamp("us", tz="UTC"))
    ids = [f"{model}-{seconds}-{i}" for i in range(n)]
    names = {name: pa.array(values) for name, values in columns.items()}
    return pa.table({"decision_id": ids, "decision_ts": moments, "model": [model] * n} | names)
