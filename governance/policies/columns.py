"""Checks that could never be measured, whatever the log: they name a column that the canonical tables do not have.

Each check is measured on tables without a row, where all that can go wrong is what it asks for. A protected attribute
is known by the log alone, so any name will do for one: it is added, and the check is measured again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from governance.engines.duckdb import Engine, EngineError, identifier
from governance.engines.gate import refusal
from governance.errors import MissingExtraError, Mistake, nearest
from governance.findings import Window
from governance.measurement.scopes import Scope, UnknownDimensionError
from governance.policies.cases import lay_out
from governance.tables import CANONICAL

if TYPE_CHECKING:
    from governance.checks import Check
    from governance.documents import yamltext
    from governance.policies.language import Head

_START, _END = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)
_INPUTS = "features:"  # tables that only the log of a model makes
# Kinds that measure nothing by a statement that names columns, or load a large library before they could
_LEFT_OUT = ("expectations", "integrity")
_UNBOUND = re.compile(r'Referenced column "(.+?)" (?:not found|was not found)|does not have a column named "(.+?)"')


def mistakes(head: Head | None, listed: Sequence[tuple[int, Check]], document: yamltext.Document) -> Iterator[Mistake]:
    """Each check of a policy that no log could satisfy, with the nearest column that there is.

    Args:
        head: The policy, None where it has mistakes of its own.
        listed: The checks without mistakes, each with its place.
        document: Knows their lines.
    """
    with Engine() as engine:
        columns = {name: list(found) for name, found in lay_out(engine, {}, _START).items()}
        for place, check in listed:
            if check.kind not in _LEFT_OUT:
                yield from _of_check(engine, columns, head, check, document, ("checks", place))


def _of_check(
    engine: Engine,
    columns: dict[str, list[str]],
    head: Head | None,
    check: Check,
    document: yamltext.Document,
    at: tuple[str | int, ...],
) -> Iterator[Mistake]:
    predicates = [text for text in (head and head.applies_to.where, check.where) if text and not refusal(engine, text)]
    window = Window(_START, _END, "2026-01")
    scope = Scope(window, predicates=[f"({text})" for text in predicates], columns=columns)
    try:
        list(_taken_for_attributes(engine, scope, columns["subjects"], check))
    except UnknownDimensionError as error:
        yield _no_column(check, error.name, document, (*at, *_axis(check, error.name)))
    except EngineError as error:
        yield from _unbound(check, str(error), predicates, document, at)
    except MissingExtraError:
        return


def attributes(check: Check) -> frozenset[str]:
    """The dimensions of a check that can only be protected attributes; none of a check that cannot be measured."""
    with Engine() as engine:
        columns = {name: list(found) for name, found in lay_out(engine, {}, _START).items()}
        scope = Scope(Window(_START, _END, "2026-01"), columns=columns)
        try:
            return frozenset(_taken_for_attributes(engine, scope, columns["subjects"], check))
        except (EngineError, MissingExtraError, UnknownDimensionError):
            return frozenset()


def _taken_for_attributes(engine: Engine, scope: Scope, known: list[str], check: Check) -> Iterator[str]:
    """What a check takes for protected attributes: it is measured, and each is added as soon as it is missed.

    Raises:
        UnknownDimensionError: It names something that no record could carry.
        EngineError: It cannot be measured.
        MissingExtraError: It needs a library that is not installed.
    """
    while True:
        try:
            check.measure(engine, scope)
        except UnknownDimensionError as error:
            if error.name in known:
                raise
            engine.execute(f"ALTER TABLE subjects ADD COLUMN {identifier(error.name)} VARCHAR")
            known.append(error.name)
            yield error.name
        else:
            return


def _axis(check: Check, name: str) -> tuple[str | int, ...]:
    """Place of the axis that names a column, as far as it stands in `by`."""
    return next((("by", place) for place, axis in enumerate(check.by) if name in axis), ())


def _no_column(check: Check, name: str, document: yamltext.Document, at: tuple[str | int, ...]) -> Mistake:
    known = [column.name for column in CANONICAL[check.table].columns]
    hint = nearest(name, [*known, "model"]) or f"docs/tables.md lists the columns of {check.table}"
    return Mistake(document.at(at), f"{check.table} have no column '{name}'", hint)


def _unbound(
    check: Check, said: str, predicates: Sequence[str], document: yamltext.Document, at: tuple[str | int, ...]
) -> Iterator[Mistake]:
    if _INPUTS in said:
        return
    if not predicates:
        yield Mistake(document.at(at), f"it cannot be measured: {said}", "`governance policy show KIND` has an example")
        return
    place: tuple[str | int, ...] = (*at, "where") if check.where else ("applies_to", "where")
    match = _UNBOUND.search(said)
    if match is None:
        yield Mistake(document.at(place), f"the predicate cannot be read by {check.id}: {said}")
        return
    yield _no_column(check, str(match[1] or match[2]), document, place)
