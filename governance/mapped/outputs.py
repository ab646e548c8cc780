"""The cells of a chunk -> rows of canonical tables."""

from __future__ import annotations

from collections.abc import Mapping as Names

import pyarrow as pa

from governance.batches import Batch, schema
from governance.engines.duckdb import literal
from governance.mapped.casts import canonical
from governance.mapped.cells import CellRule, Cells
from governance.mapping import Mapping
from governance.tables import ATTEMPTS, CANONICAL, DECISIONS, OUTCOMES, REQUESTS, SUBJECTS


class Outputs:
    """Fills a batch from the cells of one chunk."""

    def __init__(self, mapping: Mapping, cells: Cells, names: Names[str, str], rules: list[CellRule]) -> None:
        self._mapping = mapping
        self._cells = cells
        self._names = names
        self._made = {rule.name for rule in rules}

    def fill(self, batch: Batch) -> None:
        """Adds the rows of every table but the inputs."""
        own = self._has("request_id") or "derived_id"
        self._cells.extend({"uid": f"{literal(self._mapping.source + ':')} || {own}", "native": own})
        if self._mapping.table != "requests":
            self._side_table(batch)
            return
        self._requests(batch)
        if self._mapping.decides:
            self._cells.extend({"item": "uid || '#0'"})
            self._decisions(batch)
            self._subjects(batch)
        for place in range(len(self._mapping.outcomes)):
            self._outcomes(batch, place)

    def _has(self, name: str) -> str | None:
        return f"c_{name}" if f"c_{name}" in self._made else None

    def _given(self, table: str) -> dict[str, str]:
        return {name: sql for name in CANONICAL[table].names if (sql := self._has(name))}

    def _requests(self, batch: Batch) -> None:
        given = self._given(REQUESTS.name)
        if "end_ts" in given and "latency_us" not in given:
            given["latency_us"] = f"epoch_us({given['end_ts']}) - epoch_us({given['start_ts']})"
        if model := self._has("model"):
            given.setdefault("model_served", model)
        made = {
            "request_uid": "uid",
            "source": literal(self._mapping.source),
            "request_id": "native",
            "id_origin": "'native'" if self._has("request_id") else "'content_hash'",
            "operation": f"coalesce({given.get('operation', 'NULL')}, 'predict')",
            "status": f"coalesce({given.get('status', 'NULL')}, 'ok')",
            "input_state": "'absent'",
            "output_state": "'absent'",
            "n_decisions": "1" if self._mapping.decides else "0",
            "quality_flags": "flags",
        }
        self._store(batch, REQUESTS.name, given | made)

    def _decisions(self, batch: Batch) -> None:
        given = self._given(DECISIONS.name)
        made = {
            "decision_id": "item",
            "request_uid": "uid",
            "request_id": "native",
            "source": literal(self._mapping.source),
            "item_index": "0",
            "decision_ts": self._moment(),
            "operation": f"coalesce({given.get('operation', 'NULL')}, 'predict')",
        }
        if "model" not in given and (served := self._has("model_served") or self._has("model_requested")):
            made["model"] = served
        score = self._mapping.columns.get("score")
        if score and score.column and score.scale is None:
            text = self._names[score.column]
            made["score_digits"] = (
                f"CASE WHEN regexp_full_match({text}, '-?\\d*\\.\\d+') THEN length(split_part({text}, '.', 2)) END"
            )
        self._store(batch, DECISIONS.name, given | made)

    def _moment(self) -> str:
        return str(self._has("decision_ts") or self._has("start_ts"))

    def _subjects(self, batch: Batch) -> None:
        names = tuple(self._mapping.subjects)
        if names:
            made = {"decision_id": "item", "decision_ts": self._moment()}
            self._store(batch, SUBJECTS.name, made | {name: f"s_{name}" for name in names}, wide=names)

    def _outcomes(self, batch: Batch, place: int) -> None:
        outcome = self._mapping.outcomes[place]
        value = f"o{place}_value"
        positive = "NULL" if outcome.positive is None else f"{canonical(value)} = {literal(outcome.positive)}"
        made = {
            "outcome_id": f"md5(concat_ws('|', uid, {literal(outcome.name)}, {value}, o{place}_known))",
            "target_id": "uid || '#0'",
            "request_uid": "uid",
            "decision_id": "uid || '#0'",
            "name": literal(outcome.name),
            "value": value,
            "value_num": f"TRY_CAST({value} AS DOUBLE)",
            "positive": positive,
            "occurred_ts": f"o{place}_occurred" if outcome.occurred else "NULL",
            "known_ts": f"o{place}_known",
        }
        self._store(batch, OUTCOMES.name, made, where=value)

    def _side_table(self, batch: Batch) -> None:
        table = CANONICAL[self._mapping.table]
        given = self._given(table.name) | ({"target_id": "native"} if table.column("target_id") else {})
        if table is ATTEMPTS:
            usual = "CASE WHEN c_attempt_no = 0 THEN 'primary' ELSE 'retry' END"
            given |= {"request_uid": "uid", "kind": f"coalesce({given.get('kind', 'NULL')}, {usual})"}
            given["status"] = f"coalesce({given.get('status', 'NULL')}, 'ok')"
        if table is OUTCOMES and "value" in given:
            given["value_num"] = f"TRY_CAST({given['value']} AS DOUBLE)"
        wide = {name: f"s_{name}" for name in self._mapping.subjects} if table.wide else {}
        given |= wide
        # Names and empty texts take part, so that no two contents run together
        content = ", ".join(f"{literal(name)}, CAST({sql} AS VARCHAR)" for name, sql in sorted(given.items()))
        given.setdefault(
            table.identity, f"md5(CAST(json_object('source', {literal(self._mapping.source)}, {content}) AS VARCHAR))"
        )
        self._store(batch, table.name, given, wide=tuple(wide))

    def _store(
        self, batch: Batch, table: str, made: dict[str, str], *, wide: tuple[str, ...] = (), where: str | None = None
    ) -> None:
        """Adds canonical columns in order, what nothing fills as nulls; only rows where a given column is not null."""
        made = made | {"row_no": "row_no", "is_conflict": "false"}
        shape = schema(CANONICAL[table])
        for name in wide:
            shape = shape.append(pa.field(name, pa.string()))
        filled = {name: made[name] for name in shape.names if made.get(name, "NULL") != "NULL"}
        found = self._cells.select(filled)
        count = found.num_rows
        rows = pa.table(
            [
                found.column(field.name).cast(field.type) if field.name in filled else pa.nulls(count, field.type)
                for field in shape
            ],
            schema=shape,
        )
        if where is not None:
            rows = rows.filter(self._cells.rows.column(where).is_valid())
        before = batch.tables.get(table)
        batch.tables[table] = rows if before is None else pa.concat_tables([before, rows])
