"""The cells of a chunk -> rows of canonical tables."""

from __future__ import annotations

from collections.abc import Mapping as Names

import numpy as np
import pyarrow as pa

from governance.batches import Batch, schema
from governance.engines.duckdb import literal
from governance.mapped.casts import canonical
from governance.mapped.cells import CellRule, Cells
from governance.mapped.endings import body, body_state, ending
from governance.mapping import Mapping, Role
from governance.tables import ATTEMPTS, CANONICAL, DECISIONS, OUTCOMES, PAYLOADS, REQUESTS, SUBJECTS

_STATES: dict[Role, str] = {"request": "input_state", "response": "output_state"}


class Outputs:
    """Fills a batch from the cells of one chunk."""

    def __init__(self, mapping: Mapping, cells: Cells, names: Names[str, str], rules: list[CellRule]) -> None:
        self._mapping = mapping
        self._cells = cells
        self._names = names
        self._made = {rule.name for rule in rules}

    def fill(self, batch: Batch) -> None:
        """Adds the rows of every table but the inputs."""
        self._cells.identify(self._mapping.source, self._has("request_id") or "derived_id")
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
        for role in self._mapping.payloads:
            self._payloads(batch, role)

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
            "request_id": "native",
            "operation": self._defaulted("operation", "'predict'"),
            "status": self._defaulted("status", ending(self._has("error_type"), self._has("http_status"))),
            "quality_flags": "flags",
        }
        same: dict[str, str | int] = {
            "source": self._mapping.source,
            "id_origin": "native" if self._has("request_id") else "content_hash",
            "n_decisions": int(self._mapping.decides),
        }
        for role, column in _STATES.items():
            if role in self._mapping.payloads:
                made[column] = f"coalesce({body_state(self._body(role))}, 'absent')"
            else:
                same[column] = "absent"
        self._store(batch, REQUESTS.name, given | made, same)

    def _defaulted(self, name: str, default: str) -> str:
        """SQL of a canonical column, with the SQL of what it is where the log leaves it out."""
        own = self._has(name)
        if own and self._cells.rows.column(own).null_count == 0:
            return own
        return f"coalesce({own or 'NULL'}, {default})"

    def _body(self, role: Role) -> str:
        """SQL of a body; null where there is none."""
        return body(self._names[self._mapping.payloads[role]])

    def _decisions(self, batch: Batch) -> None:
        given = self._given(DECISIONS.name)
        made = {
            "decision_id": "item",
            "request_uid": "uid",
            "request_id": "native",
            "decision_ts": self._moment(),
            "operation": self._defaulted("operation", "'predict'"),
        }
        if "model" not in given and (served := self._has("model_served") or self._has("model_requested")):
            made["model"] = served
        score = self._mapping.columns.get("score")
        if score and score.column and score.scale is None:
            text = self._names[score.column]
            made["score_digits"] = (
                f"CASE WHEN regexp_full_match({text}, '-?\\d*\\.\\d+') THEN length(split_part({text}, '.', 2)) END"
            )
        self._store(batch, DECISIONS.name, given | made, {"source": self._mapping.source, "item_index": 0})

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

    def _payloads(self, batch: Batch, role: Role) -> None:
        text = self._body(role)
        self._cells.extend({"body": text})
        made = {
            "payload_id": f"uid || {literal('#' + role)}",
            "request_uid": "uid",
            "start_ts": "c_start_ts",
            "role": literal(role),
            "body": "body",
            "bytes": "strlen(body)",
            "sha256": "sha256(body)",
            "state": body_state("body"),
        }
        self._store(batch, PAYLOADS.name, made, where="body")

    def _side_table(self, batch: Batch) -> None:
        table = CANONICAL[self._mapping.table]
        given = self._given(table.name) | ({"target_id": "native"} if table.column("target_id") else {})
        if table is ATTEMPTS:
            usual = "CASE WHEN c_attempt_no = 0 THEN 'primary' ELSE 'retry' END"
            given |= {"request_uid": "uid", "kind": f"coalesce({given.get('kind', 'NULL')}, {usual})"}
            given["status"] = self._defaulted("status", ending(given.get("error_type"), given.get("http_status")))
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
        self,
        batch: Batch,
        table: str,
        made: dict[str, str],
        same: Names[str, str | int] | None = None,
        *,
        wide: tuple[str, ...] = (),
        where: str | None = None,
    ) -> None:
        """Adds canonical columns in order, what nothing fills as nulls.

        Args:
            batch: Gets them.
            table: Which table.
            made: Column -> SQL of its values.
            same: Column -> its value in each row.
            wide: Further columns.
            where: A column of the cells; rows where it is null are left out.
        """
        shape = schema(CANONICAL[table])
        for name in wide:
            shape = shape.append(pa.field(name, pa.string()))
        same = {name: value for name, value in {"is_conflict": False, **(same or {})}.items() if name in shape.names}
        made = {name: sql for name, sql in (made | {"row_no": "row_no"}).items() if sql != "NULL" and name not in same}
        found = self._cells.select({name: made[name] for name in shape.names if name in made})
        count = found.num_rows
        columns = {name: _repeated(value, shape.field(name).type, count) for name, value in same.items()}
        columns |= {name: _cast(found.column(name), shape.field(name).type) for name in found.column_names}
        kinds = {each.type for each in shape if each.name not in columns}
        nulls = {kind: pa.nulls(count, kind) for kind in kinds}  # one for all columns of a type: most are of none
        rows = pa.table(
            [columns[each.name] if each.name in columns else nulls[each.type] for each in shape], names=shape.names
        )
        if where is not None:
            rows = rows.filter(self._cells.rows.column(where).is_valid())
        before = batch.tables.get(table)
        batch.tables[table] = rows if before is None else pa.concat_tables([before, rows])


def _repeated(value: str | int, kind: pa.DataType, count: int) -> pa.Array:
    """The same value in each row; a text by a dictionary, of which each row takes no more room than its number."""
    if isinstance(value, str):
        return pa.DictionaryArray.from_arrays(pa.array(np.zeros(count, np.int32)), pa.array([value], kind))
    return pa.repeat(pa.scalar(value, kind), count)


def _cast(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    """A column in its canonical type; texts may stay in a dictionary."""
    return column if pa.types.is_dictionary(column.type) else column.cast(kind)
