"""Mapped tables -> batches: the rules of a mapping as one SQL projection over the records' texts.

Every cell is text first and is cast strictly: what does not fit its canonical type sends the record to quarantine,
naming the column; nothing is rounded, guessed or turned into null in silence.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import pyarrow as pa

from governance.batches import Batch, Rejection, chunks, reject, schema
from governance.engines.duckdb import Engine, identifier, literal
from governance.errors import SourceError, nearest
from governance.mapping import EPOCHS, UNITS_US, ColumnRule, Mapping, is_time
from governance.records import Record, text_of
from governance.tables import (
    CANONICAL,
    DECISIONS,
    FLAG,
    MONEY,
    OUTCOMES,
    REAL,
    REQUESTS,
    SUBJECTS,
    TEXTS,
    TIME,
    WHOLE,
    Column,
)

_OFFSET = r"(Z|z|[+-]\d{2}(:?\d{2})?)$"
_TRUE, _FALSE = "('true', '1', 'yes', 't', 'y')", "('false', '0', 'no', 'f', 'n')"
_DIGITS = r"[-+]?\d+(\.0+)?"
_MAX_EXACT = 2**53  # integers above it are not exact in a double (IEEE 754 binary64)


def mapped_batches(
    records: Iterable[Record], mapping: Mapping, engine: Engine, *, strict_columns: bool, where: str
) -> Iterator[Batch]:
    """The batches that a mapping makes of the records of one file.

    Args:
        records: What the file holds.
        mapping: What it means.
        engine: Where the projection runs.
        strict_columns: Whether every record has every column (CSV, Parquet), so that a missing one is a mistake.
        where: Name of the file, for errors.

    Raises:
        SourceError: The mapping names a column that the table does not have.
    """
    seen: Counter[str] = Counter()
    number = 0
    for chunk in chunks(records):
        if strict_columns and number == 0:
            _refuse_missing(chunk, mapping, where)
        yield _MappedChunk(mapping, engine, chunk, number, seen).batch()
        number += len(chunk)


class _MappedChunk:
    """One stretch of a file while it is mapped."""

    def __init__(self, mapping: Mapping, engine: Engine, chunk: list[Record], first: int, seen: Counter[str]) -> None:
        self.mapping = mapping
        self.engine = engine
        self.readable = [(first + place, record) for place, record in enumerate(chunk, 1) if record.value is not None]
        self.result = Batch(records=len(chunk), rejected=[reject(record) for record in chunk if record.value is None])
        self.names = list(dict.fromkeys(name for _, record in self.readable for name in record.value or ()))
        self.features = self._feature_columns()
        self.seen = seen
        # Positions and not names: DuckDB's names ignore case and forbid some characters, a stranger's do not
        self.cells = {name: f"t{place}" for place, name in enumerate(self._wanted())}

    def _wanted(self) -> list[str]:
        rules = [*self.mapping.columns.values(), *self.mapping.subjects.values()]
        for outcome in self.mapping.outcomes:
            rules += [outcome.known, *([outcome.occurred] if outcome.occurred else ())]
        wanted = {rule.column for rule in rules if rule.column} | {rule.column for rule in self.mapping.outcomes}
        return sorted(wanted | set(self.features))

    def _text(self, rule: ColumnRule) -> str:
        return self.cells[rule.column] if rule.column is not None else literal(text_of(rule.constant))

    def _feature_columns(self) -> list[str]:
        if self.mapping.features != "*":
            return list(self.mapping.features)
        rules = (*self.mapping.columns.values(), *self.mapping.subjects.values())
        used = {rule.column for rule in rules} | {rule.column for rule in self.mapping.outcomes}
        return [name for name in self.names if name not in used]

    def batch(self) -> Batch:
        if not self.readable:
            return self.result
        self.engine.register("mapped_text", self._texts())
        try:
            self.engine.rows(f"CREATE OR REPLACE TEMP TABLE mapped_cells AS {self._cells()}")
            self._reject_misfits()
            self._tables()
        finally:
            self.engine.unregister("mapped_text")
            self.engine.execute("DROP TABLE IF EXISTS mapped_cells")
        return self.result

    def _texts(self) -> pa.Table:
        """Every cell that the mapping reads as text, with the record's number and derived id."""
        nulls = set(self.mapping.null_values)
        columns = {
            cell: [_cell(record.value or {}, name, nulls) for _, record in self.readable]
            for name, cell in self.cells.items()
        }
        arrays = [
            pa.array([number for number, _ in self.readable], pa.int64()),
            pa.array(self._derived_ids(), pa.string()),
        ]
        arrays += [pa.array(values, pa.string()) for values in columns.values()]
        return pa.Table.from_arrays(arrays, names=["row_no", "derived_id", *columns])

    def _derived_ids(self) -> list[str]:
        """An id from content and occurrence, so that two people with equal rows stay two and a re-run finds both."""
        if "request_id" in self.mapping.columns:
            return [""] * len(self.readable)
        ids = []
        for _, record in self.readable:
            digest = hashlib.sha256(text_of(record.value).encode()).hexdigest()[:32]
            self.seen[digest] += 1
            ids.append(digest if self.seen[digest] == 1 else f"{digest}-{self.seen[digest]}")
        return ids

    def _canonical(self) -> dict[str, Column]:
        tables = (REQUESTS, DECISIONS) if self.mapping.table == "requests" else (CANONICAL[self.mapping.table],)
        found: dict[str, Column] = {}
        for name in self.mapping.columns:
            column = next((known for table in tables if (known := table.column(name))), None)
            found[name] = column or Column(name, "VARCHAR", "")  # request_id of a side table
        return found

    def _cells(self) -> str:
        """SELECT of every mapped value (`c_`), subject (`s_`), outcome (`o_`) and what does not fit (`misfit`)."""
        values: dict[str, str] = {}
        misfits: list[str] = []
        for name, column in self._canonical().items():
            rule = self.mapping.columns[name]
            self._add(values, misfits, f"c_{name}", name, rule, column.type)
            if column.required or name == "request_id":
                misfits.append(
                    f"CASE WHEN {self._text(rule)} IS NULL THEN {literal(f'missing_value: {name} is missing')} END"
                )
        for name, rule in self.mapping.subjects.items():
            self._add(values, misfits, f"s_{name}", f"subjects.{name}", rule, "VARCHAR")
        for place, outcome in enumerate(self.mapping.outcomes):
            values[f"o{place}_value"] = self.cells[outcome.column]
            self._add(values, misfits, f"o{place}_known", f"outcomes.{outcome.name}.known", outcome.known, TIME)
            if outcome.occurred:
                self._add(values, misfits, f"o{place}_occurred", "outcomes.occurred", outcome.occurred, TIME)
        selected = ", ".join(f"{sql} AS {identifier(name)}" for name, sql in values.items())
        misfit = f"concat_ws('; ', {', '.join(misfits)})" if misfits else "''"
        return f"SELECT *, {misfit} AS misfit, {selected} FROM mapped_text"

    def _add(
        self, values: dict[str, str], misfits: list[str], name: str, shown: str, rule: ColumnRule, kind: str
    ) -> None:
        text = self._text(rule)
        sql = _value(text, rule, kind)
        values[name] = sql
        if rule.column is None:
            return
        reason = "unmapped_value" if rule.map is not None else "bad_time" if kind == TIME else "type_mismatch"
        prefix = literal(f"{reason}: {shown} is ")
        null_is_meant = "false"
        if rule.map is not None:
            meant = [key for key, value in rule.map.items() if value is None]
            null_is_meant = f"{_canonical_text(text)} IN ({', '.join(map(literal, meant))})" if meant else "false"
        misfits.append(
            f"CASE WHEN {text} IS NOT NULL AND ({sql}) IS NULL AND NOT {null_is_meant} "
            f"THEN {prefix} || '''' || left({text}, 60) || '''' END"
        )

    def _reject_misfits(self) -> None:
        by_number = dict(self.readable)
        for row_no, misfit in self.engine.rows("SELECT row_no, misfit FROM mapped_cells WHERE misfit != ''"):
            record = by_number[row_no]
            reason, _, detail = misfit.partition(": ")
            self.result.rejected.append(Rejection(record.number, record.offset, record.raw, reason, detail))
        self.engine.rows("DELETE FROM mapped_cells WHERE misfit != ''")

    def _tables(self) -> None:
        if self.mapping.table != "requests":
            self._side_table()
            return
        self._requests()
        if self.mapping.decides:
            self._decisions()
            self._subjects()
            self._features()
        for place in range(len(self.mapping.outcomes)):
            self._outcomes(place)

    def _has(self, name: str) -> str | None:
        return identifier(f"c_{name}") if name in self.mapping.columns else None

    @property
    def _uid(self) -> str:
        return f"{literal(self.mapping.source + ':')} || {self._has('request_id') or 'derived_id'}"

    def _flags(self) -> str:
        naive = []
        for name, rule in self.mapping.columns.items():
            if rule.column and is_time(name, self.mapping.table) and rule.timezone is None and _is_iso(rule):
                naive.append(f"NOT regexp_matches({self.cells[rule.column]}, {literal(_OFFSET)})")
        if not naive:
            return "CAST([] AS VARCHAR[])"
        return f"CASE WHEN {' OR '.join(naive)} THEN ['tz_assumed'] ELSE CAST([] AS VARCHAR[]) END"

    def _requests(self) -> None:
        given = {name: str(self._has(name)) for name in REQUESTS.names if self._has(name)}
        start, end = self._has("start_ts"), self._has("end_ts")
        if end and "latency_us" not in given:
            given["latency_us"] = f"epoch_us({end}) - epoch_us({start})"
        if self._has("model"):
            given.setdefault("model_served", str(self._has("model")))
        made = {
            "request_uid": self._uid,
            "source": literal(self.mapping.source),
            "request_id": given.get("request_id", "derived_id"),
            "id_origin": "'native'" if self._has("request_id") else "'content_hash'",
            "operation": f"coalesce({given.get('operation', 'NULL')}, 'predict')",
            "status": f"coalesce({given.get('status', 'NULL')}, 'ok')",
            "input_state": "'absent'",
            "output_state": "'absent'",
            "n_decisions": "1" if self.mapping.decides else "0",
            "quality_flags": self._flags(),
        }
        self._store(REQUESTS.name, given | made, "mapped_cells")

    def _decisions(self) -> None:
        given = {name: identifier(f"c_{name}") for name in DECISIONS.names if self._has(name)}
        score = self.mapping.columns.get("score")
        made = {
            "decision_id": f"{self._uid} || '#0'",
            "request_uid": self._uid,
            "request_id": given.get("request_id", "derived_id"),
            "source": literal(self.mapping.source),
            "item_index": "0",
            "decision_ts": given.get("decision_ts", f"{self._has('start_ts')}"),
            "operation": f"coalesce({given.get('operation', 'NULL')}, 'predict')",
        }
        if self._has("model") is None and self._has("model_served"):
            made["model"] = str(self._has("model_served"))
        if score and score.column and not score.scale:
            text = self.cells[score.column]
            made["score_digits"] = (
                f"CASE WHEN regexp_full_match({text}, '-?\\d*\\.\\d+') THEN length(split_part({text}, '.', 2)) END"
            )
        self._store(DECISIONS.name, given | made, "mapped_cells")

    def _subjects(self) -> None:
        if not self.mapping.subjects:
            return
        made = self._person() | {name: identifier(f"s_{name}") for name in self.mapping.subjects}
        self._store(SUBJECTS.name, made, "mapped_cells", tuple(self.mapping.subjects))

    def _person(self) -> dict[str, str]:
        moment = self._has("decision_ts") or self._has("start_ts")
        return {"decision_id": f"{self._uid} || '#0'", "decision_ts": str(moment)}

    def _features(self) -> None:
        if not self.features:
            return
        model = self._has("model") or self._has("model_served") or "NULL"
        for (name,) in self.engine.rows(f"SELECT DISTINCT {model} FROM mapped_cells"):
            of_model = f"{model} IS NOT DISTINCT FROM $model"
            relation = f"mapped_cells WHERE {of_model}"
            typed = self._typed(relation, {"model": name})
            made = self._person() | typed | {"is_conflict": "false", "file_sha256": "NULL::VARCHAR", "row_no": "row_no"}
            selected = ", ".join(f"{sql} AS {identifier(column)}" for column, sql in made.items())
            self.result.features[name or ""] = self.engine.arrow(f"SELECT {selected} FROM {relation}", {"model": name})

    def _typed(self, relation: str, parameters: dict[str, Any]) -> dict[str, str]:
        """Each feature as boolean, double or text: the narrowest that keeps every value of the batch as it is."""
        tests = []
        for place, name in enumerate(self.features):
            text = self.cells[name]
            number = f"TRY_CAST({text} AS DOUBLE)"
            tests.append(f"count({text}) AS n{place}")
            tests.append(
                f"count(*) FILTER ({text} IS NOT NULL AND lower({text}) NOT IN ('true', 'false')) = 0 AS b{place}"
            )
            tests.append(
                f"count(*) FILTER ({text} IS NOT NULL AND ({number} IS NULL OR "
                f"(abs({number}) > {_MAX_EXACT} AND regexp_full_match({text}, '-?\\d+')) OR "
                f"regexp_matches({text}, '^-?0\\d'))) = 0 AS d{place}"
            )
        row = self.engine.rows(f"SELECT {', '.join(tests)} FROM {relation}", parameters)[0]
        typed = {}
        for place, name in enumerate(self.features):
            count, boolean, double = row[3 * place : 3 * place + 3]
            text = self.cells[name]
            if not count and self.mapping.features == "*":
                continue  # another model's column
            finite = f"CASE WHEN isfinite(CAST({text} AS DOUBLE)) THEN CAST({text} AS DOUBLE) END"
            typed[name] = f"CAST({text} AS BOOLEAN)" if boolean and count else finite if double else text
        return typed

    def _outcomes(self, place: int) -> None:
        outcome = self.mapping.outcomes[place]
        value = identifier(f"o{place}_value")
        positive = "NULL" if outcome.positive is None else f"{_canonical_text(value)} = {literal(outcome.positive)}"
        made = {
            "outcome_id": f"md5(concat_ws('|', {self._uid}, {literal(outcome.name)}, {value}, o{place}_known))",
            "target_id": f"{self._uid} || '#0'",
            "request_uid": self._uid,
            "decision_id": f"{self._uid} || '#0'",
            "name": literal(outcome.name),
            "value": value,
            "value_num": f"TRY_CAST({value} AS DOUBLE)",
            "positive": positive,
            "occurred_ts": f"o{place}_occurred" if outcome.occurred else "NULL",
            "known_ts": f"o{place}_known",
        }
        self._store(OUTCOMES.name, made, f"mapped_cells WHERE {value} IS NOT NULL")

    def _side_table(self) -> None:
        table = CANONICAL[self.mapping.table]
        given = {name: str(self._has(name)) for name in table.names if self._has(name)}
        given["target_id"] = str(self._has("request_id"))
        if table is OUTCOMES and "value" in given:
            given["value_num"] = f"TRY_CAST({given['value']} AS DOUBLE)"
        content = ", ".join(f"CAST({sql} AS VARCHAR)" for _, sql in sorted(given.items()))
        given.setdefault(table.identity, f"md5({literal(self.mapping.source)} || concat_ws(chr(31), {content}))")
        self._store(table.name, given, "mapped_cells")

    def _store(self, table: str, made: dict[str, str], relation: str, wide: tuple[str, ...] = ()) -> None:
        """Selects the canonical columns in order, those that nothing fills as typed nulls."""
        fixed = CANONICAL[table].columns
        made = made | {"row_no": "row_no", "is_conflict": "false"}
        selected = [f"CAST({made.get(column.name, 'NULL')} AS {column.type}) AS {column.name}" for column in fixed]
        selected += [f"{made[name]} AS {identifier(name)}" for name in wide]
        found = self.engine.arrow(f"SELECT {', '.join(selected)} FROM {relation}")
        shape = schema(CANONICAL[table])
        for name in wide:
            shape = shape.append(pa.field(name, pa.string()))
        self.result.tables[table] = found.cast(shape)


def _refuse_missing(chunk: list[Record], mapping: Mapping, where: str) -> None:
    known = next((list(record.value) for record in chunk if record.value is not None), None)
    if known is None:
        return
    rules = (*mapping.columns.values(), *mapping.subjects.values())
    named = [*(rule.column for rule in rules), *(outcome.column for outcome in mapping.outcomes)]
    listed = () if isinstance(mapping.features, str) else mapping.features
    missing = [name for name in (*named, *listed) if name is not None and name not in known and "." not in name]
    if missing:
        hint = nearest(missing[0], known) or f"it has {', '.join(known[:20])}"
        raise SourceError(f"the table has no column '{missing[0]}', which the mapping names", where=where, hint=hint)


def _cell(value: dict[str, Any], name: str, nulls: set[str]) -> str | None:
    found: Any = value.get(name)
    if found is None and "." in name and name not in value:
        found = value
        for part in name.split("."):
            found = found.get(part) if isinstance(found, dict) else None
    if found is None:
        return None
    text = text_of(found).replace("\x00", "")
    return None if text in nulls else text


def _canonical_text(text: str) -> str:
    """1, 1.0 and "1" are `1`; booleans are true and false."""
    return f"regexp_replace(CASE WHEN lower({text}) IN ('true', 'false') THEN lower({text}) ELSE {text} END, '^(-?\\d+)\\.0+$', '\\1')"


def _is_iso(rule: ColumnRule) -> bool:
    return rule.format in (None, "iso")


def _value(text: str, rule: ColumnRule, kind: str) -> str:
    if rule.map is not None:
        cases = " ".join(f"WHEN {literal(key)} THEN {_sql_value(value)}" for key, value in rule.map.items())
        otherwise = f" ELSE {_sql_value(rule.default)}" if rule.default is not None else ""
        text = f"(CASE {_canonical_text(text)} {cases}{otherwise} END)" if rule.map else text
    elif rule.default is not None:
        text = f"coalesce({text}, {_sql_value(rule.default)})"
    if rule.bands is not None:
        return _band(f"TRY_CAST({text} AS DOUBLE)", rule.bands)
    return _cast(text, rule, kind)


def _sql_value(value: bool | float | str | None) -> str:
    return "NULL" if value is None else literal(text_of(value))


def _cast(text: str, rule: ColumnRule, kind: str) -> str:
    if kind == TIME:
        return _time(text, rule)
    if kind == WHOLE:
        if rule.unit or rule.scale:
            factor = rule.scale if rule.scale is not None else UNITS_US[str(rule.unit)]
            return f"CAST(round(TRY_CAST({text} AS DECIMAL(28,9)) * {factor}) AS BIGINT)"
        return f"CASE WHEN regexp_full_match({text}, {literal(_DIGITS)}) THEN TRY_CAST({text} AS BIGINT) END"
    if kind == REAL:
        number = f"TRY_CAST({text} AS DOUBLE)"
        scaled = f"{number} * {rule.scale}" if rule.scale is not None else number
        return f"CASE WHEN isfinite({number}) THEN {scaled} END"
    if kind == MONEY:
        scaled = f" * {rule.scale}" if rule.scale is not None else ""
        return f"TRY_CAST(TRY_CAST({text} AS DECIMAL(30,15)){scaled} AS DECIMAL(18,12))"
    if kind == FLAG:
        return f"CASE WHEN lower({text}) IN {_TRUE} THEN true WHEN lower({text}) IN {_FALSE} THEN false END"
    if kind == TEXTS:
        return f"[{text}]"
    return text


def _time(text: str, rule: ColumnRule) -> str:
    zone = literal(rule.timezone or "UTC")
    if rule.format in EPOCHS:
        return f"make_timestamptz(CAST(round(TRY_CAST({text} AS DECIMAL(28,9)) * {EPOCHS[rule.format]}) AS BIGINT))"
    if _is_iso(rule):
        naive = f"timezone({zone}, TRY_CAST({text} AS TIMESTAMP))"
        return f"CASE WHEN regexp_matches({text}, {literal(_OFFSET)}) THEN TRY_CAST({text} AS TIMESTAMPTZ) ELSE {naive} END"
    return f"timezone({zone}, try_strptime({text}, {literal(str(rule.format))}))"


def _band(number: str, bands: tuple[float, ...]) -> str:
    """`25-`, `25..39`, `40+` for whole limits: a band holds its lower limit and ends one below the next."""
    cases = [f"WHEN {number} < {bands[0]!r} THEN {literal(f'{bands[0]:g}-')}"]
    for low, high in zip(bands, bands[1:], strict=False):
        whole = float(low).is_integer() and float(high).is_integer()
        name = f"{low:g}..{high - 1:g}" if whole else f"{low:g}..<{high:g}"
        cases.append(f"WHEN {number} < {high!r} THEN {literal(name)}")
    cases.append(f"WHEN {number} IS NOT NULL THEN {literal(f'{bands[-1]:g}+')}")
    return f"CASE {' '.join(cases)} END"
