"""The cells of a chunk: every mapped value beside the texts that it came from, and what does not fit.

They stay Arrow columns: a text that is stored as it is never passes the engine, and tables share what they have in
common.
"""

from __future__ import annotations

from collections.abc import Mapping as Names
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from governance.engines.duckdb import Engine, identifier, literal
from governance.mapped import casts
from governance.mapped.quick_casts import is_plain, quick_cast
from governance.mapping import ColumnRule, Mapping
from governance.records import text_of
from governance.tables import CANONICAL, DECISIONS, MONEY, REQUESTS, TEXT, TIME, WHOLE, Column

CELLS = "mapped_cells"


class CellRule(NamedTuple):
    """How one value is made.

    Attributes:
        name: Column of the cells: `c_` canonical, `s_` subject, `o0_` outcome.
        shown: How errors name it.
        text: SQL of its text.
        sql: SQL of its value.
        rule: What the mapping says.
        type: Its canonical type.
        required: Whether a record without it cannot be stored.
    """

    name: str
    shown: str
    text: str
    sql: str
    rule: ColumnRule
    type: str
    required: bool


def cell_rules(mapping: Mapping, cells: Names[str, str]) -> list[CellRule]:
    """The values that a mapping makes.

    Args:
        mapping: The mapping.
        cells: Column of the table -> column of the texts. DuckDB's names ignore case and forbid some characters, a
            stranger's do not.
    """

    def made(name: str, shown: str, rule: ColumnRule, kind: str, *, required: bool = False) -> CellRule:
        text = cells[rule.column] if rule.column is not None else literal(text_of(rule.constant))
        return CellRule(name, shown, text, casts.value(text, rule, kind), rule, kind, required)

    found = []
    for name, rule in mapping.columns.items():
        column = _canonical(mapping.table, name)
        needed = column.required or name == "request_id" or (name == "name" and mapping.table != "requests")
        found.append(made(f"c_{name}", name, rule, column.type, required=needed and name not in _DEFAULTED))
    found += [made(f"s_{name}", f"subjects.{name}", rule, TEXT) for name, rule in mapping.subjects.items()]
    for place, outcome in enumerate(mapping.outcomes):
        shown = f"outcomes.{outcome.name}"
        found.append(made(f"o{place}_value", shown, ColumnRule(column=outcome.column), TEXT))
        found.append(made(f"o{place}_known", f"{shown}.known", outcome.known, TIME))
        if outcome.occurred:
            found.append(made(f"o{place}_occurred", f"{shown}.occurred", outcome.occurred, TIME))
    return found


_DEFAULTED = ("operation", "status", "kind")  # filled with a default where the log leaves them out


def _canonical(table: str, name: str) -> Column:
    tables = (REQUESTS, DECISIONS) if table == "requests" else (CANONICAL[table],)
    found = next((known for each in tables if (known := each.column(name))), None)
    return found or Column(name, TEXT, "")  # request_id of a side table


def exact_columns(mapping: Mapping) -> set[str]:
    """Columns of the table whose numbers may have more digits than a double holds: amounts of money."""
    return {
        rule.column
        for name, rule in mapping.columns.items()
        if rule.column is not None and _canonical(mapping.table, name).type == MONEY
    }


def typed_columns(mapping: Mapping, kind: str) -> frozenset[str]:
    """Columns of the table of which nothing is made but the same values of a kind, so that nobody asks for their texts.

    Args:
        mapping: The mapping.
        kind: WHOLE, or TEXT for texts that are stored as they are.
    """
    listed = () if isinstance(mapping.features, str) else mapping.features
    rules = [rule for rule in cell_rules(mapping, _Own()) if rule.rule.column]
    others = {*listed, *mapping.payloads.values(), *(rule.rule.column for rule in rules if not _is_same(rule, kind))}
    return frozenset(rule.rule.column for rule in rules if rule.rule.column and rule.rule.column not in others)


class _Own(dict[str, str]):
    """Every column under its own name."""

    def __missing__(self, name: str) -> str:
        return name


def _is_same(rule: CellRule, kind: str) -> bool:
    """Whether a value is its text, but for its type."""
    if rule.type != kind or (rule.required and kind == WHOLE):
        return False
    return is_plain(rule.rule) if kind == WHOLE else rule.sql == rule.text


class Misfit(NamedTuple):
    """One way in which a record does not fit, as SQL: when, and what to say then."""

    when: str
    says: str


class Cells:
    """The cells of one chunk.

    Args:
        engine: Where values are made.
        texts: The texts, with `row_no`, `derived_id` and `nul_removed`.
        rules: How the values are made of them.

    Attributes:
        rows: Texts and values, and `flags`, what was odd about each record.
    """

    def __init__(self, engine: Engine, texts: pa.Table, rules: list[CellRule]) -> None:
        self._engine = engine
        self.rows = texts
        sure = self._add_sure(texts, rules)
        made = {rule.name: rule.sql for rule in rules if rule.name not in sure}
        misfits = [misfit for rule in rules for misfit in _misfits(rule, self.rows, is_sure=rule.name in sure)]
        flags = _flags(rules, sure)
        is_bad = " OR ".join(f"({misfit.when})" for misfit in misfits) or "false"
        is_odd = " OR ".join(f"({test})" for tests in flags.values() for test in tests) or "false"
        values = "".join(f", {sql} AS {identifier(name)}" for name, sql in made.items())
        found = self._computed(
            {name: identifier(name) for name in made}
            | {"is_bad": f"coalesce({is_bad}, false)", "is_odd": f"coalesce({is_odd}, false)"},
            f"(SELECT *{values} FROM {CELLS})",
        )
        for name in made:
            self._add(name, found.column(name))
        self._add("flags", self._flagged(flags, is_any=pc.any(found.column("is_odd")).as_py()))
        self._misfits = misfits
        self._is_bad = found.column("is_bad")

    def _add_sure(self, texts: pa.Table, rules: list[CellRule]) -> set[str]:
        """Adds the values that fit as they are: texts, and columns that are written in the usual way."""
        sure = set()
        for rule in (rule for rule in rules if rule.text in texts.column_names):
            column = texts.column(rule.text)
            value = column if rule.sql == rule.text else quick_cast(column, rule.rule, rule.type)
            if value is not None:
                self._add(rule.name, value)
                sure.add(rule.name)
        return sure

    def reject(self) -> list[tuple[int, str]]:
        """Takes out the records that do not fit, each with why."""
        return self.without(self._is_bad, self._misfits)

    def without(
        self, is_bad: pa.ChunkedArray, misfits: list[Misfit], bound: Names[str, Any] | None = None
    ) -> list[Any]:
        """Takes out some records; says the number of each, and why."""
        if not pc.any(is_bad).as_py():
            return []
        self._engine.register(CELLS, self.rows.filter(is_bad))
        says = ", ".join(f"CASE WHEN {misfit.when} THEN {misfit.says} END" for misfit in misfits)
        found = self._engine.rows(f"SELECT row_no, concat_ws('; ', {says}) FROM {CELLS} ORDER BY row_no", bound)
        self._engine.unregister(CELLS)
        self.rows = self.rows.filter(pc.invert(is_bad))
        return found

    def select(self, made: Names[str, str], bound: Names[str, Any] | None = None) -> pa.Table:
        """Columns made by SQL, one row for each record; a column that is there is taken as it is."""
        known = set(self.rows.column_names)
        computed = {name: sql for name, sql in made.items() if sql not in known}
        found = self._computed(computed, CELLS, bound) if computed else None
        columns = [
            self.rows.column(sql) if found is None or sql in known else found.column(name) for name, sql in made.items()
        ]
        return pa.table(columns, names=list(made))

    def extend(self, made: Names[str, str], bound: Names[str, Any] | None = None) -> None:
        """Adds columns made by SQL, or puts them in the place of those of the same name."""
        found = self.select(made, bound)
        for name in made:
            self._add(name, found.column(name))

    def identify(self, source: str, name: str) -> None:
        """Adds `native`, the id that each record has, and `uid`, by which the store knows it."""
        native = self.rows.column(name).cast(pa.string()).combine_chunks()
        self._add("native", pa.chunked_array([native]))
        self._add("uid", pa.chunked_array([pc.binary_join_element_wise(f"{source}:", native, "")]))

    def counts(self, sql: str) -> list[tuple[Any, ...]]:
        """The rows of a query over the cells."""
        self._engine.register(CELLS, self.rows)
        found = self._engine.rows(sql)
        self._engine.unregister(CELLS)
        return found

    def _computed(self, made: Names[str, str], relation: str, bound: Names[str, Any] | None = None) -> pa.Table:
        self._engine.register(CELLS, self.rows)
        selected = ", ".join(f"{sql} AS {identifier(name)}" for name, sql in made.items())
        found = self._engine.arrow(f"SELECT {selected} FROM {relation}", bound)
        self._engine.unregister(CELLS)
        return found

    def _add(self, name: str, column: pa.ChunkedArray) -> None:
        place = self.rows.schema.get_field_index(name)
        self.rows = self.rows.append_column(name, column) if place < 0 else self.rows.set_column(place, name, column)

    def _flagged(self, flags: Names[str, list[str]], *, is_any: bool) -> pa.ChunkedArray:
        """A list of what was odd about each record; empty for nearly all of them."""
        if not is_any:
            none = pa.array(np.zeros(self.rows.num_rows + 1, np.int32))
            return pa.chunked_array([pa.ListArray.from_arrays(none, pa.array([], pa.string()))])
        cases = [f"CASE WHEN {' OR '.join(tests)} THEN '{flag}' END" for flag, tests in flags.items() if tests]
        listed = f"list_filter([{', '.join(cases)}], lambda flag: flag IS NOT NULL)"
        return self._computed({"flags": listed}, CELLS).column("flags")


def _misfits(rule: CellRule, rows: pa.Table, *, is_sure: bool) -> list[Misfit]:
    found = []
    made = identifier(rule.name)
    before, after = literal(f": {rule.shown} is '"), literal("'")
    if rule.required and not (is_sure and rows.column(rule.name).null_count == 0):
        why = literal(f"missing_value: {rule.shown} is missing")
        found.append(Misfit(f"{made} IS NULL AND ({rule.text} IS NULL OR {_null_is_meant(rule)})", why))
    if not is_sure:
        says = f"{_reason(rule)} || {before} || left({rule.text}, 60) || {after}"
        found.append(Misfit(f"{rule.text} IS NOT NULL AND {made} IS NULL AND NOT {_null_is_meant(rule)}", says))
    if rule.name.startswith("o") and rule.name.endswith("_known"):
        of = identifier(rule.name.replace("_known", "_value"))
        why = literal(f"missing_value: {rule.shown} is missing")
        found.append(Misfit(f"{of} IS NOT NULL AND {rule.text} IS NULL AND {made} IS NULL", why))
    return found


def _null_is_meant(rule: CellRule) -> str:
    """Whether the mapping, or a number that is not finite, turns the text into null."""
    if rule.rule.map:
        meant = [key for key, value in rule.rule.map.items() if value is None]
        return f"{casts.canonical(rule.text)} IN ({', '.join(map(literal, meant))})" if meant else "false"
    return _is_not_finite(rule) if rule.type in casts.NUMERIC else "false"


def _is_not_finite(rule: CellRule) -> str:
    """Whether the text says nan or infinity; only asked where it gave no number, since that takes its time."""
    made = identifier(rule.name)
    return f"CASE WHEN {made} IS NULL AND {rule.text} IS NOT NULL THEN {casts.is_not_finite(rule.text)} ELSE false END"


def _reason(rule: CellRule) -> str:
    if rule.rule.map:
        return "'unmapped_value'"
    if rule.type == TIME:
        return "'bad_time'"
    if rule.type in (WHOLE, MONEY):
        figure = casts.number(rule.text)
        limit = "1e6" if rule.type == MONEY else "9.2e18"
        factor = 1 if rule.rule.scale is None else rule.rule.scale
        return f"CASE WHEN abs({figure} * {factor!r}) >= {limit} THEN 'out_of_range' ELSE 'type_mismatch' END"
    return "'type_mismatch'"


def _flags(rules: list[CellRule], sure: set[str]) -> dict[str, list[str]]:
    """Flag -> SQL of when a record gets it; what is sure says its zone, and is finite."""
    doubtful = [rule for rule in rules if rule.name not in sure]
    named = {rule.name for rule in rules}
    negative = ["c_latency_us < 0"] if "c_latency_us" in named else []
    negative += ["c_end_ts < c_start_ts"] if {"c_end_ts", "c_start_ts"} <= named else []
    return {
        "tz_assumed": [casts.is_naive(rule.text) for rule in doubtful if _assumes_zone(rule)],
        "nonfinite": [_is_not_finite(rule) for rule in doubtful if rule.rule.column and rule.type in casts.NUMERIC],
        "negative_latency": negative,
        "nul_removed": ["nul_removed"],
    }


def _assumes_zone(rule: CellRule) -> bool:
    own = rule.rule
    return rule.type == TIME and bool(own.column) and own.timezone is None and own.format in (None, "iso")
