"""One text -> one canonical value, as SQL that gives null for whatever is not exactly that."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise

from governance.engines.duckdb import literal
from governance.mapping import EPOCHS, UNITS_US, ColumnRule
from governance.records import text_of
from governance.tables import FLAG, MONEY, REAL, TEXTS, TIME, WHOLE

# DuckDB reads 1_000, 'infinity' and times with trailing words as well; a log that holds these means something else
_NUMBER = r"\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*"
_INTEGER = r"\s*[-+]?\d+(\.0*)?\s*"
_NOT_FINITE = r"(?i)\s*[-+]?(nan|inf|infinity)\s*"
_DATE = r"\d{4}-\d{2}-\d{2}"
_CLOCK = r"[T ]\d{2}:\d{2}(:\d{2}([.,]\d+)?)?"
_ZONED = rf"{_DATE}{_CLOCK}\s?(Z|z|UTC|GMT|[+-]\d{{2}}(:?\d{{2}})?)"
_NAIVE = rf"{_DATE}({_CLOCK})?"
_USUAL = "['%Y-%m-%dT%H:%M:%S.%fZ', '%Y-%m-%dT%H:%M:%SZ']"
_TRUE, _FALSE = "('true', '1', 'yes', 't', 'y')", "('false', '0', 'no', 'f', 'n')"
_EARLIEST, _LATEST = "TIMESTAMPTZ '1971-01-01 00:00:00+00'", "TIMESTAMPTZ '2200-01-01 00:00:00+00'"  # else a wrong unit
NUMERIC = (REAL, WHOLE, MONEY)


def number(text: str) -> str:
    """A double, or null where the text is no number (nan and infinity are none)."""
    return f"CASE WHEN regexp_full_match({text}, {literal(_NUMBER)}) THEN TRY_CAST({text} AS DOUBLE) END"


def is_not_finite(text: str) -> str:
    """Whether the text says nan or infinity."""
    return f"coalesce(regexp_full_match({text}, {literal(_NOT_FINITE)}), false)"


def is_naive(text: str) -> str:
    """Whether the text is a time without an offset."""
    naive = f"coalesce(regexp_full_match({text}, {literal(_NAIVE)}), false)"
    return f"CASE WHEN ends_with({text}, 'Z') THEN false ELSE {naive} END"  # most say their zone


def canonical(text: str) -> str:
    """The text by which `map` compares: 1, 1.0 and "1" are `1`; booleans are true and false."""
    return (
        f"regexp_replace(CASE WHEN lower({text}) IN ('true', 'false') THEN lower({text}) ELSE {text} END, "
        "'^(-?\\d+)\\.0+$', '\\1')"
    )


def value(text: str, rule: ColumnRule, kind: str) -> str:
    """The canonical value of a cell.

    Args:
        text: SQL of its text.
        rule: What the mapping says about it.
        kind: Type of the canonical column.
    """
    if rule.map is not None:
        cases = " ".join(f"WHEN {literal(key)} THEN {_constant(meant)}" for key, meant in rule.map.items())
        otherwise = f" ELSE {_constant(rule.default)}" if rule.default is not None else ""
        text = f"(CASE {canonical(text)} {cases}{otherwise} END)" if rule.map else text
    elif rule.default is not None:
        text = f"coalesce({text}, {_constant(rule.default)})"
    return _band(f"({number(text)})", rule.bands) if rule.bands is not None else _cast(text, rule, kind)


def _constant(meant: bool | float | str | None) -> str:
    return "NULL" if meant is None else literal(text_of(meant))


def _cast(text: str, rule: ColumnRule, kind: str) -> str:
    cast = {TIME: _time, WHOLE: _whole, REAL: _real, MONEY: _money}.get(kind)
    if cast is not None:
        return cast(text, rule)
    if kind == FLAG:
        return f"CASE WHEN lower({text}) IN {_TRUE} THEN true WHEN lower({text}) IN {_FALSE} THEN false END"
    return _texts(text) if kind == TEXTS else text


def _texts(text: str) -> str:
    """Several texts: those of a JSON list, or the one that there is."""
    several = f"list_filter(json_transform({text}, '[\"VARCHAR\"]'), lambda one: one IS NOT NULL)"
    is_list = f"starts_with({text}, '[') AND json_valid({text})"
    return f"CASE WHEN {is_list} THEN {several} WHEN {text} IS NOT NULL THEN [{text}] END"


def _real(text: str, rule: ColumnRule) -> str:
    figure = f"({number(text)})"
    return figure if rule.scale is None else f"{figure} * {rule.scale!r}"


def _money(text: str, rule: ColumnRule) -> str:
    if rule.scale is None:
        return f"CASE WHEN NOT contains({text}, '_') THEN TRY_CAST({text} AS DECIMAL(18,12)) END"
    return f"TRY_CAST(TRY(({_exact(text, 'DECIMAL(30,15)')}) * {_decimal(rule.scale)}) AS DECIMAL(18,12))"


def _decimal(factor: float) -> str:
    """A factor in plain digits: a double such as 1e-09 would make the product inexact."""
    return format(Decimal(repr(factor)), "f")


def _exact(text: str, kind: str) -> str:
    return f"CASE WHEN regexp_full_match({text}, {literal(_NUMBER)}) THEN TRY_CAST({text} AS {kind}) END"


def _whole(text: str, rule: ColumnRule) -> str:
    if rule.unit or rule.scale is not None:
        factor = rule.scale if rule.scale is not None else UNITS_US[str(rule.unit)]
        return f"TRY(CAST(round(({_exact(text, 'DECIMAL(28,9)')}) * {_decimal(factor)}) AS BIGINT))"
    exact = f"({_exact(text, 'DECIMAL(38,9)')})"  # 1e3 is a whole number too
    plain = f"TRY_CAST({text} AS BIGINT)"
    return (
        f"CASE WHEN CAST({plain} AS VARCHAR) = {text} THEN {plain} "  # nearly all, and quicker than a pattern
        f"WHEN regexp_full_match({text}, {literal(_INTEGER)}) THEN TRY_CAST({text} AS BIGINT) "
        f"WHEN {text} ILIKE '%e%' AND TRY({exact} % 1) = 0 THEN TRY_CAST({exact} AS BIGINT) END"
    )


def _time(text: str, rule: ColumnRule) -> str:
    moment = f"TRY({_moment(text, rule)})"
    return f"CASE WHEN {moment} BETWEEN {_EARLIEST} AND {_LATEST} THEN {moment} END"


def _moment(text: str, rule: ColumnRule) -> str:
    if rule.format in EPOCHS:
        micros = f"CAST(floor(({_exact(text, 'DECIMAL(28,9)')}) * {_decimal(EPOCHS[str(rule.format)])}) AS BIGINT)"
        return f"make_timestamptz({micros})"
    zone = literal(rule.timezone or "UTC")
    if rule.format not in (None, "iso"):
        parsed = f"try_strptime({text}, {literal(str(rule.format))})"
        return parsed if "%z" in str(rule.format).lower() else f"timezone({zone}, {parsed})"
    point = f"replace(trim({text}), ',', '.')"
    usual = f"CASE WHEN {text} LIKE '____-__-__T__:__:__%Z' THEN timezone('UTC', try_strptime({text}, {_USUAL})) END"
    return (
        f"CASE WHEN {usual} IS NOT NULL THEN {usual} "  # nearly all, and quicker than a pattern
        f"WHEN regexp_full_match(trim({text}), {literal(_ZONED)}) THEN TRY_CAST({point} AS TIMESTAMPTZ) "
        f"WHEN regexp_full_match(trim({text}), {literal(_NAIVE)}) "
        f"THEN timezone({zone}, TRY_CAST({point} AS TIMESTAMP)) END"
    )


def _band(figure: str, bands: tuple[float, ...]) -> str:
    """`25-`, `25..39`, `40+` for whole limits: a band holds its lower limit and ends one below the next."""
    cases = [f"WHEN {figure} < {bands[0]!r} THEN {literal(f'{bands[0]:g}-')}"]
    for low, high in pairwise(bands):
        whole = float(low).is_integer() and float(high).is_integer()
        name = f"{low:g}..{high - 1:g}" if whole else f"{low:g}..<{high:g}"
        cases.append(f"WHEN {figure} < {high!r} THEN {literal(name)}")
    cases.append(f"WHEN {figure} IS NOT NULL THEN {literal(f'{bands[-1]:g}+')}")
    return f"CASE {' '.join(cases)} END"
