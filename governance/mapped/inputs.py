"""The inputs of models: one type for each, settled by the first records of a model's version and kept from then on."""

from __future__ import annotations

from collections.abc import Mapping as Names
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from governance.batches import Batch
from governance.batches import Inputs as InputRows
from governance.engines.duckdb import Engine, identifier, literal
from governance.errors import SourceError
from governance.input_types import (
    BOOLEAN,
    DOUBLE,
    MAX_EXACT,
    MAX_MODELS,
    VARCHAR,
    Types,
    column_names,
    type_of,
)
from governance.mapped import casts
from governance.mapped.cells import CELLS, MISFIT
from governance.mapping import Mapping

_AT_ONCE = 50  # inputs in one statement: planning takes time by the square of their number


class Inputs:
    """The inputs in the cells of one chunk.

    Args:
        mapping: The mapping.
        engine: Holds the cells.
        cells: Input -> column of its text.
        known: Types that are settled; grows.
    """

    def __init__(self, mapping: Mapping, engine: Engine, cells: Names[str, str], known: Types) -> None:
        self._engine = engine
        self._cells = cells
        self._known = known
        self._takes_all = mapping.features == "*"
        named = mapping.columns
        self._model = next(
            (f"c_{name}" for name in ("model", "model_served", "model_requested") if name in named), None
        )
        self._version = "c_model_version" if "model_version" in named else None
        self._versions: list[tuple[str, str]] = []
        self._moment = "c_decision_ts" if "decision_ts" in named else "c_start_ts"

    def settle(self, batch: Batch) -> None:
        """Settles the type of each input that has none yet, and marks records that do not fit as misfits."""
        if not self._cells:
            return
        for model, version, tests in self._measured():
            self._versions.append((model, version))
            settled = self._known.setdefault(model, {}).setdefault(version, {})
            for place, name in enumerate(self._cells):
                values, numbers, booleans, odd = tests[4 * place : 4 * place + 4]
                if values and name not in settled:
                    settled[name] = type_of(values - odd, numbers, booleans)
                    batch.types.setdefault(model, {}).setdefault(version, {})[name] = settled[name]
                if values and settled[name] != VARCHAR:
                    fitting = numbers if settled[name] == DOUBLE else booleans
                    self._mark(model, version, name, settled[name], has_misfits=fitting + odd < values, is_odd=odd > 0)

    def _measured(self) -> list[tuple[str, str, tuple[int, ...]]]:
        """For each model and version, of each input: values, numbers, booleans and values that are not finite."""
        texts = list(self._cells.values())
        found: dict[tuple[str, str], tuple[int, ...]] = {}
        for start in range(0, len(texts), _AT_ONCE):
            for model, version, *counts in self._counted(texts[start : start + _AT_ONCE]):
                found[model, version] = (*found.get((model, version), ()), *counts)
        models = len({model for model, _ in found})
        if models > MAX_MODELS:
            raise SourceError(
                f"{models} different models in one stretch of the log",
                where="mapping: columns.model",
                hint="map the column that names the model, not one that differs in each record",
            )
        return [(model, version, counts) for (model, version), counts in found.items()]

    def _counted(self, texts: Sequence[str]) -> list[tuple[Any, ...]]:
        tests = []
        for text in texts:
            tests += [
                f"count({text})",
                f"count(*) FILTER ({_fits(text, DOUBLE)})",
                f"count(*) FILTER ({_fits(text, BOOLEAN)})",
                f"count(*) FILTER ({casts.is_not_finite(text)})",
            ]
        return self._engine.rows(
            f"SELECT {self._of('model')} AS model, {self._of('version')} AS version, {', '.join(tests)} "
            f"FROM {CELLS} WHERE {MISFIT} = '' GROUP BY 1, 2 ORDER BY 1, 2"
        )

    def _of(self, what: str) -> str:
        column = self._model if what == "model" else self._version
        return "''" if column is None else f"coalesce({column}, '')"

    def _is(self) -> str:
        return f"{self._of('model')} = $model AND {self._of('version')} = $version"

    def _mark(self, model: str, version: str, name: str, kind: str, *, has_misfits: bool, is_odd: bool) -> None:
        text = self._cells[name]
        bound = {"model": model, "version": version}
        if has_misfits:
            wrong = f"{text} IS NOT NULL AND NOT ({_fits(text, kind)}) AND NOT {casts.is_not_finite(text)}"
            expected = "numbers" if kind == DOUBLE else "truth values"
            why = literal(f"type_mismatch: features.{name} holds {expected}, here ")
            self._engine.execute(
                f"UPDATE {CELLS} SET {MISFIT} = {MISFIT} || CASE WHEN {MISFIT} = '' THEN '' ELSE '; ' END || {why} || "
                f"'''' || left({text}, 60) || '''' WHERE {wrong} AND {self._is()}",
                bound,
            )
        if is_odd:
            self._engine.execute(
                f"UPDATE {CELLS} SET flags = list_distinct(list_append(flags, 'nonfinite')) "
                f"WHERE {casts.is_not_finite(text)} AND {self._is()}",
                bound,
            )

    def fill(self, batch: Batch) -> None:
        """Adds the typed inputs of each model to the batch."""
        for model, version in self._versions:
            fixed = {"decision_id": "uid || '#0'", "decision_ts": self._moment}
            provenance = {"is_conflict": "false", "file_sha256": "CAST(NULL AS VARCHAR)", "row_no": "row_no"}
            typed = self._typed(model, version)
            names = column_names(typed)
            made = fixed | {names[name]: sql for name, sql in typed.items()} | provenance
            selected = ", ".join(f"{sql} AS {identifier(name)}" for name, sql in made.items())
            bound: dict[str, Any] = {"model": model, "version": version}
            rows = self._engine.arrow(f"SELECT {selected} FROM mapped_rows WHERE {self._is()} ORDER BY row_no", bound)
            last = batch.features[-1] if batch.features else None
            if last and last.model == model and last.rows.schema == rows.schema:
                batch.features[-1] = InputRows(model, pa.concat_tables([last.rows, rows]))
            elif rows.num_rows:
                batch.features.append(InputRows(model, rows))

    def _typed(self, model: str, version: str) -> dict[str, str]:
        settled = self._known[model][version]
        made = {}
        for name, text in self._cells.items():
            if name not in settled and self._takes_all:
                continue  # another model's column
            kind = settled.get(name, DOUBLE)
            made[name] = (
                text if kind == VARCHAR else casts.number(text) if kind == DOUBLE else f"CAST({text} AS BOOLEAN)"
            )
        return made


def _fits(text: str, kind: str) -> str:
    """Whether a text is of a type, without loss: 007 and integers that a double cannot hold are texts."""
    if kind == BOOLEAN:
        return f"lower({text}) IN ('true', 'false')"
    figure = casts.number(text)
    return (
        f"({figure}) IS NOT NULL AND isfinite({figure}) AND NOT regexp_matches({text}, '^-?0\\d') "
        f"AND NOT (abs({figure}) > {MAX_EXACT} AND regexp_full_match({text}, '-?\\d+'))"
    )
