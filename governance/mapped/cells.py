"""The cells of a chunk: every mapped value beside the texts that it came from, and what does not fit."""

from __future__ import annotations

from collections.abc import Mapping as Names
from typing import NamedTuple

from governance.engines.duckdb import identifier, literal
from governance.mapped import casts
from governance.mapping import ColumnRule, Mapping
from governance.records import text_of
from governance.tables import CANONICAL, DECISIONS, MONEY, REQUESTS, TEXT, TIME, WHOLE, Column

TEXTS_OF = "mapped_text"
CELLS = "mapped_cells"
MISFIT = "misfit"


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


_DEFAULTED = ("operation", "status")  # filled with a default where the log leaves them out


def _canonical(table: str, name: str) -> Column:
    tables = (REQUESTS, DECISIONS) if table == "requests" else (CANONICAL[table],)
    found = next((known for each in tables if (known := each.column(name))), None)
    return found or Column(name, TEXT, "")  # request_id of a side table


def cells_sql(rules: list[CellRule]) -> str:
    """SELECT of the texts, every value, what was odd (`flags`) and what does not fit (`misfit`)."""
    values = ", ".join(f"{rule.sql} AS {identifier(rule.name)}" for rule in rules)
    misfits = [misfit for rule in rules for misfit in _misfits(rule)]
    misfit = f"concat_ws('; ', {', '.join(misfits)})" if misfits else "''"
    inner = f"SELECT *, {values} FROM {TEXTS_OF}"
    return f"SELECT *, {misfit} AS {MISFIT}, {_flags(rules)} AS flags FROM ({inner})"


def _misfits(rule: CellRule) -> list[str]:
    found = []
    made = identifier(rule.name)
    before, after = literal(f": {rule.shown} is '"), literal("'")
    if rule.required:
        why = literal(f"missing_value: {rule.shown} is missing")
        found.append(f"CASE WHEN {made} IS NULL AND ({rule.text} IS NULL OR {_null_is_meant(rule)}) THEN {why} END")
    found.append(
        f"CASE WHEN {rule.text} IS NOT NULL AND {made} IS NULL AND NOT {_null_is_meant(rule)} THEN {_reason(rule)} "
        f"|| {before} || left({rule.text}, 60) || {after} END"
    )
    if rule.name.startswith("o") and rule.name.endswith("_known"):
        of = identifier(rule.name.replace("_known", "_value"))
        why = literal(f"missing_value: {rule.shown} is missing")
        found.append(f"CASE WHEN {of} IS NOT NULL AND {rule.text} IS NULL AND {made} IS NULL THEN {why} END")
    return found


def _null_is_meant(rule: CellRule) -> str:
    """Whether the mapping, or a number that is not finite, turns the text into null."""
    if rule.rule.map:
        meant = [key for key, value in rule.rule.map.items() if value is None]
        return f"{casts.canonical(rule.text)} IN ({', '.join(map(literal, meant))})" if meant else "false"
    return casts.is_not_finite(rule.text) if rule.type in casts.NUMERIC else "false"


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


def _flags(rules: list[CellRule]) -> str:
    """SQL of a list of what was odd about the record."""
    naive = [casts.is_naive(rule.text) for rule in rules if _assumes_zone(rule)]
    infinite = [casts.is_not_finite(rule.text) for rule in rules if rule.rule.column and rule.type in casts.NUMERIC]
    named = {rule.name for rule in rules}
    negative = ["c_latency_us < 0"] if "c_latency_us" in named else []
    negative += ["c_end_ts < c_start_ts"] if {"c_end_ts", "c_start_ts"} <= named else []
    flags = {"tz_assumed": naive, "nonfinite": infinite, "negative_latency": negative, "nul_removed": ["nul_removed"]}
    cases = [f"CASE WHEN {' OR '.join(tests)} THEN '{flag}' END" for flag, tests in flags.items() if tests]
    return f"list_filter([{', '.join(cases)}], lambda flag: flag IS NOT NULL)"


def _assumes_zone(rule: CellRule) -> bool:
    own = rule.rule
    return rule.type == TIME and bool(own.column) and own.timezone is None and own.format in (None, "iso")
