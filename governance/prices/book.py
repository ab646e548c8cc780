"""What a request cost by several price tables, of which each knows some models and holds from some day.

For a request counts, of the tables that hold when it starts, the newest that knows its model; of two that hold from the
same day, the one registered later. So a table of one's own prices stands above a general one that knows more models.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Protocol, TypeAlias

from governance.errors import SourceError
from governance.prices.genai import GenaiPrices
from governance.prices.litellm import LitellmPrices
from governance.prices.pricing import STANDARD, Priced, PriceRow, Tokens, Unpriced, cost

Found: TypeAlias = tuple[PriceRow, ...] | Unpriced

MAX_NAME = 200  # characters; a longer name is no model's, and clauses need not be tried on it
MAX_KNOWN = 10_000  # models whose rows are remembered
SERVICE_TIERS = {  # as providers call them; `auto` leaves it to the provider, which takes its standard tier
    "": STANDARD,
    "auto": STANDARD,
    "default": STANDARD,
    "on_demand": STANDARD,
    "standard": STANDARD,
    "standard_only": STANDARD,
}


class PriceTable(Protocol):
    """A table of whichever form."""

    def rows(self) -> list[PriceRow]:
        """Every row, in the order of the file."""

    def of(self, provider: str | None, model: str, service_tier: str) -> Found:
        """The rows of a model, or why there are none."""


class PriceBook:
    """All price tables of a store, in the order in which later ones go before earlier ones."""

    def __init__(self, tables: Sequence[tuple[datetime | None, PriceTable]]) -> None:
        self._tables = sorted(tables, key=lambda item: item[0] or datetime.min.replace(tzinfo=UTC))
        self._known: dict[tuple[str | None, str, str], tuple[PriceRow, ...] | Unpriced] = {}

    @property
    def is_empty(self) -> bool:
        """Whether there is no table at all."""
        return not self._tables

    def of(self, provider: str | None, model: str | None, service_tier: str | None = None) -> Found:
        """The rows of a model in all tables, those that go before others last; or why there are none."""
        if not model or len(model) > MAX_NAME:
            return Unpriced("no model is logged" if not model else "no model has so long a name")
        tier = (service_tier or "").lower()
        key = (provider, model, SERVICE_TIERS.get(tier, tier))
        if key not in self._known:
            if len(self._known) >= MAX_KNOWN:
                self._known.clear()
            self._known[key] = self._look_up(*key)
        return self._known[key]

    def _look_up(self, provider: str | None, model: str, service_tier: str) -> Found:
        rows: list[PriceRow] = []
        missing = Unpriced("there is no price table")
        for valid_from, table in self._tables:
            found = table.of(provider, model, service_tier)
            if isinstance(found, Unpriced):
                missing = found
            else:
                rows += [_from(row, valid_from) for row in found]
        return tuple(rows) or missing

    def price(
        self, tokens: Tokens, provider: str | None, model: str | None, at: datetime, service_tier: str | None = None
    ) -> Priced | Unpriced:
        """What a request cost at the price in force when it started.

        Args:
            tokens: What it used.
            provider: As the store or a price table calls it.
            model: Model that answered.
            at: When it started; timezone-aware.
            service_tier: As logged; None is the standard tier.
        """
        rows = self.of(provider, model, service_tier)
        return rows if isinstance(rows, Unpriced) else cost(rows, tokens, at)

    def rows(self, model: str, at: datetime | None = None) -> list[PriceRow]:
        """The rows of every model in whose name a text occurs, each with the day from which it holds.

        Args:
            model: Text, in whatever case.
            at: Only what counts at that moment; None is every row.
        """
        found = [_from(row, valid_from) for valid_from, table in self._tables for row in table.rows()]
        found = [row for row in found if model.lower() in row.model.lower()]
        return found if at is None else _counting(found, at)


def _counting(rows: Sequence[PriceRow], at: datetime) -> list[PriceRow]:
    """The rows that count at a moment: of each model and service tier the last base that holds, and its tiers."""
    found: dict[tuple[str, str, str], list[PriceRow]] = {}
    for row in rows:
        if row.is_in_force(at):
            key = (row.provider, row.model, row.service_tier)
            found[key] = [row] if row.over_tokens is None else [*found.get(key, []), row]
    return [row for own in found.values() for row in own]


def _from(row: PriceRow, valid_from: datetime | None) -> PriceRow:
    """The row as it holds in a table that holds from a moment."""
    if valid_from is None or (row.valid_from is not None and row.valid_from >= valid_from):
        return row
    return replace(row, valid_from=valid_from)


def read_table(content: bytes, where: str, name: str) -> PriceTable:
    """A price table of whichever form.

    Args:
        content: The bytes of the file, JSON.
        where: The file, for errors.
        name: Put before each price id.

    Raises:
        SourceError: It is no JSON, of no known form, or holds a price that is none.
    """
    try:
        found = json.loads(content, parse_float=Decimal, parse_int=Decimal, parse_constant=_refuse)
    except (ValueError, ArithmeticError, RecursionError) as error:
        hint = "price tables of genai-prices and of LiteLLM can be read"
        raise SourceError("the price table is no JSON", where=where, hint=hint) from error
    if isinstance(found, list) and found and all(isinstance(item, dict) and "models" in item for item in found):
        return GenaiPrices(found, name)
    if isinstance(found, dict) and any(
        isinstance(item, dict) and "litellm_provider" in item for item in found.values()
    ):
        return LitellmPrices(found, name)
    raise SourceError(
        "the file is of no known form of price tables",
        where=where,
        hint="genai-prices' data.json and LiteLLM's model_prices_and_context_window.json are known",
    )


def _refuse(text: str) -> None:
    raise ValueError(text)
