"""The types of models' inputs: settled by the first values of a model's version, and kept from then on.

An input is of truth values, of numbers, or text: the narrowest that keeps each value as it is. A value that is not
finite becomes null. A value that does not fit a settled type sends its record to quarantine. The same rules hold for
mapped tables, where they are SQL.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

import pyarrow as pa

from governance.tables import FEATURES

Types = dict[str, dict[str, dict[str, str]]]  # model -> version -> input -> type

BOOLEAN, DOUBLE, VARCHAR = "BOOLEAN", "DOUBLE", "VARCHAR"
MAX_MODELS = 1_000  # in one batch; chosen here: more of them are not models but ids
MAX_INPUTS = 2_000  # chosen here: what the engine maps within its memory; more are no columns but data written as keys

# A column is of numbers if at least 99 of 100 values are, and there are so many that the rest is an accident:
# chosen here; one broken value must not turn a million numbers into text.
MAX_ODD_SHARE = 0.01
MIN_VALUES = 100

MAX_EXACT = 2**53  # integers above it are not exact in a double (IEEE 754 binary64)

_NUMBER = re.compile(r"\s*[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?\s*", re.ASCII)
_NOT_FINITE = re.compile(r"\s*[-+]?(?:nan|inf|infinity)\s*", re.ASCII | re.IGNORECASE)
_LEADING_ZERO = re.compile(r"-?0\d", re.ASCII)
_INTEGER = re.compile(r"-?\d+", re.ASCII)
_ARROW = {BOOLEAN: pa.bool_(), DOUBLE: pa.float64(), VARCHAR: pa.string()}


class Given(NamedTuple):
    """The inputs of one decision as texts.

    Attributes:
        row_no: Record that they come from.
        decision_id: Decision that they led to.
        decision_ts: When it was decided.
        model: Model, empty where the log does not say it.
        version: Its version, empty where the log does not say it.
        texts: Input -> its text, or None.
    """

    row_no: int
    decision_id: str
    decision_ts: datetime
    model: str
    version: str
    texts: Mapping[str, str | None]


@dataclass(slots=True)
class Settled:
    """What the inputs of a batch were found to be.

    Attributes:
        types: Types that this batch was the first to tell.
        misfits: Record number -> reason and detail, for records with a value that does not fit.
        nonfinite: Numbers of records with a value that is not finite.
    """

    types: Types = field(default_factory=dict)
    misfits: dict[int, tuple[str, str]] = field(default_factory=dict)
    nonfinite: set[int] = field(default_factory=set)


def type_of(values: int, numbers: int, booleans: int) -> str:
    """The type of an input by its first values, those that are not finite left out: numbers, if no other was met."""
    if not values:
        return DOUBLE
    least = values if values < MIN_VALUES else values * (1 - MAX_ODD_SHARE)
    return BOOLEAN if booleans >= least else DOUBLE if numbers >= least else VARCHAR


def column_names(inputs: Iterable[str]) -> dict[str, str]:
    """Input -> column that holds it, unlike the fixed columns and the others also for DuckDB, which ignores case."""
    taken = set(FEATURES.names)
    found = {}
    for name in inputs:
        plain = name.replace("\0", "")
        column = f"{plain}_input" if not plain or plain.lower() in FEATURES.names else plain
        number = 0
        while (unique := f"{column}_{number}" if number else column).lower() in taken:
            number += 1
        taken.add(unique.lower())
        found[name] = unique
    return found


def fits(text: str, kind: str) -> bool:
    """Whether a text is of a type, without loss: 007 and integers that a double cannot hold are texts."""
    if kind == BOOLEAN:
        return text.lower() in {"true", "false"}
    if kind == VARCHAR:
        return True
    if not _NUMBER.fullmatch(text) or _LEADING_ZERO.match(text):
        return False
    figure = float(text)
    return math.isfinite(figure) and not (abs(figure) > MAX_EXACT and _INTEGER.fullmatch(text))


def is_not_finite(text: str) -> bool:
    """Whether the text says nan or infinity."""
    return _NOT_FINITE.fullmatch(text) is not None


def settle(given: Sequence[Given], known: Types) -> Settled:
    """Settles the type of each input that has none yet, and finds the records that do not fit.

    Args:
        given: The inputs of a batch, in order of its records.
        known: Types that are settled; grows.
    """
    found = Settled()
    groups: dict[tuple[str, str], list[Given]] = {}
    for item in given:
        groups.setdefault((item.model, item.version), []).append(item)
    for (model, version), items in groups.items():
        if model not in known and len(known) >= MAX_MODELS:
            detail = f"more than {MAX_MODELS} models, so that what names them are ids"
            found.misfits |= {item.row_no: ("out_of_range", detail) for item in items}
            continue
        types = known.setdefault(model, {}).setdefault(version, {})
        new = _settle_new(items, types, found)
        if new:
            found.types.setdefault(model, {})[version] = new
        _check(items, types, found)
    return found


def _settle_new(items: Sequence[Given], types: dict[str, str], found: Settled) -> dict[str, str]:
    """Types of the inputs that have none yet, by all their values in the batch."""
    values: dict[str, list[str]] = {}
    for item in items:
        fresh = {name: text for name, text in item.texts.items() if text is not None and name not in types}
        if len(types) + len(values.keys() | fresh.keys()) > MAX_INPUTS:
            found.misfits[item.row_no] = ("out_of_range", f"more than {MAX_INPUTS} inputs of one model")
            continue
        for name, text in fresh.items():
            values.setdefault(name, []).append(text)
    new = {}
    for name, texts in values.items():
        finite = [text for text in texts if not is_not_finite(text)]
        numbers = sum(fits(text, DOUBLE) for text in finite)
        new[name] = type_of(len(finite), numbers, sum(fits(text, BOOLEAN) for text in finite))
    types |= new
    return new


def _check(items: Sequence[Given], types: Mapping[str, str], found: Settled) -> None:
    for item in items:
        for name, text in item.texts.items():
            kind = types.get(name, VARCHAR)
            if text is None or kind == VARCHAR:
                continue
            if is_not_finite(text):
                found.nonfinite.add(item.row_no)
            elif not fits(text, kind):
                expected = "numbers" if kind == DOUBLE else "truth values"
                detail = f"features.{name} holds {expected}, here '{text[:60]}'"
                found.misfits.setdefault(item.row_no, ("type_mismatch", detail))


def typed_tables(given: Iterable[Given], known: Types) -> list[tuple[str, pa.Table]]:
    """The inputs as typed tables: one for each model and set of typed columns, in order of their first record."""
    groups: dict[tuple[str, str], list[Given]] = {}
    for item in given:
        groups.setdefault((item.model, item.version), []).append(item)
    made: dict[tuple[str, pa.Schema], list[pa.Table]] = {}
    for (model, version), items in groups.items():
        table = _table(items, known[model][version])
        made.setdefault((model, table.schema), []).append(table)
    return [(model, pa.concat_tables(tables)) for (model, _), tables in made.items()]


def _table(items: Sequence[Given], types: Mapping[str, str]) -> pa.Table:
    used = dict.fromkeys(name for item in items for name in item.texts if name in types)
    columns = column_names(used)
    arrays = {
        "decision_id": pa.array([item.decision_id for item in items], pa.string()),
        "decision_ts": pa.array([item.decision_ts for item in items], pa.timestamp("us", tz="UTC")),
    }
    for name, column in columns.items():
        kind = types[name]
        arrays[column] = pa.array([_value(item.texts.get(name), kind) for item in items], _ARROW[kind])
    arrays["is_conflict"] = pa.array([False] * len(items), pa.bool_())
    arrays["file_sha256"] = pa.nulls(len(items), pa.string())
    arrays["row_no"] = pa.array([item.row_no for item in items], pa.int64())
    return pa.table(arrays)


def _value(text: str | None, kind: str) -> str | float | bool | None:
    if text is None or kind == VARCHAR:
        return text
    if is_not_finite(text):
        return None
    return float(text) if kind == DOUBLE else text.lower() == "true"
