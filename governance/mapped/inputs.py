"""The inputs of models: one type for each, settled by the first records of a model's version and kept from then on."""

from __future__ import annotations

from collections.abc import Mapping as Names
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from governance.batches import Batch
from governance.batches import Inputs as InputRows
from governance.engines.duckdb import literal
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
from governance.mapped.cells import CELLS, Cells, Misfit
from governance.mapping import Mapping

_AT_ONCE = 50  # inputs in one statement: planning takes time by the square of their number


class Inputs:
    """The inputs in the cells of one chunk.

    Args:
        mapping: The mapping.
        cells: The cells.
        names: Input -> column of its text.
        known: Types that are settled; grows.
    """

    def __init__(self, mapping: Mapping, cells: Cells, names: Names[str, str], known: Types) -> None:
        self._cells = cells
        self._names = names
        self._known = known
        self._takes_all = mapping.features == "*"
        named = mapping.columns
        self._model = next(
            (f"c_{name}" for name in ("model", "model_served", "model_requested") if name in named), None
        )
        self._version = "c_model_version" if "model_version" in named else None
        self._versions: list[tuple[str, str]] = []
        self._moment = "c_decision_ts" if "decision_ts" in named else "c_start_ts"

    def settle(self, batch: Batch) -> list[tuple[int, str]]:
        """Settles the type of each input that has none yet; takes out the records that do not fit, each with why."""
        misfits: list[Misfit] = []
        odd: list[str] = []
        bound: dict[str, Any] = {}
        for number, (model, version, tests) in enumerate(self._measured() if self._names else ()):
            self._versions.append((model, version))
            bound |= {f"model_{number}_": model, f"version_{number}_": version}
            settled = self._known.setdefault(model, {}).setdefault(version, {})
            for place, (name, text) in enumerate(self._names.items()):
                values, numbers, booleans, infinite = tests[4 * place : 4 * place + 4]
                if values and name not in settled:
                    settled[name] = type_of(values - infinite, numbers, booleans)
                    batch.types.setdefault(model, {}).setdefault(version, {})[name] = settled[name]
                if not values or settled[name] == VARCHAR:
                    continue
                if (numbers if settled[name] == DOUBLE else booleans) + infinite < values:
                    misfits.append(_misfit(name, text, settled[name], self._is(number)))
                if infinite:
                    odd.append(f"({casts.is_not_finite(text)} AND {self._is(number)})")
        return self._settled(misfits, odd, bound)

    def _settled(self, misfits: list[Misfit], odd: list[str], bound: dict[str, Any]) -> list[tuple[int, str]]:
        if odd:
            more = "list_distinct(list_append(flags, 'nonfinite'))"
            self._cells.extend({"flags": f"CASE WHEN {' OR '.join(odd)} THEN {more} ELSE flags END"}, bound)
        if not misfits:
            return []
        is_bad = " OR ".join(f"({misfit.when})" for misfit in misfits)
        found = self._cells.select({"is_bad": f"coalesce({is_bad}, false)"}, bound)
        return self._cells.without(found.column("is_bad"), misfits, bound)

    def _measured(self) -> list[tuple[str, str, tuple[int, ...]]]:
        """For each model and version, of each input: values, numbers, booleans and values that are not finite."""
        texts = list(self._names.values())
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
        return self._cells.counts(
            f"SELECT {self._of('model')} AS model, {self._of('version')} AS version, {', '.join(tests)} "
            f"FROM {CELLS} GROUP BY 1, 2 ORDER BY 1, 2"
        )

    def _of(self, what: str) -> str:
        column = self._model if what == "model" else self._version
        return "''" if column is None else f"coalesce({column}, '')"

    def _is(self, number: int) -> str:
        return f"{self._of('model')} = $model_{number}_ AND {self._of('version')} = $version_{number}_"

    def fill(self, batch: Batch) -> None:
        """Adds the typed inputs of each model to the batch."""
        for number, (model, version) in enumerate(self._versions):
            fixed = {"decision_id": "item", "decision_ts": self._moment}
            provenance = {"is_conflict": "false", "file_sha256": "CAST(NULL AS VARCHAR)", "row_no": "row_no"}
            typed = self._typed(model, version)
            names = column_names(typed)
            made = fixed | {names[name]: sql for name, sql in typed.items()} | provenance
            rows = self._cells.select(made)
            if len(self._versions) > 1:
                bound: dict[str, Any] = {f"model_{number}_": model, f"version_{number}_": version}
                rows = rows.filter(self._cells.select({"is_own": self._is(number)}, bound).column("is_own"))
            last = batch.features[-1] if batch.features else None
            if last and last.model == model and last.rows.schema == rows.schema:
                batch.features[-1] = InputRows(model, pa.concat_tables([last.rows, rows]))
            elif rows.num_rows:
                batch.features.append(InputRows(model, rows))

    def _typed(self, model: str, version: str) -> dict[str, str]:
        settled = self._known[model][version]
        made = {}
        for name, text in self._names.items():
            if name not in settled and self._takes_all:
                continue  # another model's column
            kind = settled.get(name, DOUBLE)
            made[name] = (
                text if kind == VARCHAR else casts.number(text) if kind == DOUBLE else f"CAST({text} AS BOOLEAN)"
            )
        return made


def _misfit(name: str, text: str, kind: str, is_own: str) -> Misfit:
    wrong = f"{text} IS NOT NULL AND NOT ({_fits(text, kind)}) AND NOT {casts.is_not_finite(text)} AND {is_own}"
    expected = "numbers" if kind == DOUBLE else "truth values"
    why = literal(f"type_mismatch: features.{name} holds {expected}, here ")
    quote = literal("'")
    return Misfit(wrong, f"{why} || {quote} || left({text}, 60) || {quote}")


def _fits(text: str, kind: str) -> str:
    """Whether a text is of a type, without loss: 007 and integers that a double cannot hold are texts."""
    if kind == BOOLEAN:
        return f"lower({text}) IN ('true', 'false')"
    figure = casts.number(text)
    return (
        f"({figure}) IS NOT NULL AND isfinite({figure}) AND NOT regexp_matches({text}, '^-?0\\d') "
        f"AND NOT (abs({figure}) > {MAX_EXACT} AND regexp_full_match({text}, '-?\\d+'))"
    )
