"""What stored requests would cost by the price tables as they are now, beside what was computed when they were read.

Nothing is written: the store is append-only, and the cost that a request was judged by stays the one it has.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from governance.engines.duckdb import Engine
from governance.findings import Window
from governance.prices.book import PriceBook
from governance.prices.tables import COUNTED, price_book, with_costs
from governance.storage.segments import read
from governance.storage.store import Snapshot, Store
from governance.tables import REQUESTS

_COLUMNS = (*("provider", "model_served", "model_requested", "parameters", "cache_status"), *COUNTED)
_COSTS = ("cost_computed", "cost_currency")
_COUNTS = "NOT is_conflict AND coalesce(upper(cost_currency), 'USD') = 'USD'"


@dataclass(slots=True)
class ModelComparison:
    """The requests to one model of one provider; amounts in USD.

    Attributes:
        provider: As logged, or None.
        model: That served, else the one asked for; None where the log says neither.
        requests: How many there are.
        unpriced: How many have no computed cost.
        would_be_priced: Of those, how many the tables know a price for now.
        would_differ: How many have a computed cost that the tables would not give now.
        computed_usd: Sum of what was computed.
        now_usd: Sum of what the tables give now; what they give nothing for keeps what it has.
    """

    provider: str | None
    model: str | None
    requests: int = 0
    unpriced: int = 0
    would_be_priced: int = 0
    would_differ: int = 0
    computed_usd: Decimal = Decimal(0)
    now_usd: Decimal = Decimal(0)


def compare(store_path: Path, window: Window | None = None) -> list[ModelComparison]:
    """The models for which the tables would give another cost than the stored one, those with the most requests first.

    Requests whose log names another currency than USD are left out: no table has a price for them. A computed cost that
    a mapping took from the log is compared like any other.

    Args:
        store_path: The store.
        window: Requests that started in it; all without it.

    Raises:
        LedgerError: A price table is missing or was changed.
    """
    store = Store(store_path)
    snapshot = store.snapshot()
    book = price_book(snapshot)
    found: dict[tuple[str | None, str | None], ModelComparison] = {}
    with Engine(store.spill) as engine:
        for rows in _requests(snapshot, engine, window):
            _add(found, rows, book)
    odd = (item for item in found.values() if item.would_be_priced or item.would_differ)
    return sorted(odd, key=lambda item: (-item.requests, item.provider or "", item.model or ""))


def _requests(snapshot: Snapshot, engine: Engine, window: Window | None) -> Iterator[pa.Table]:
    """The requests that count, file by file: the store may be larger than memory."""
    within = "" if window is None else " AND start_ts >= $start AND start_ts < $end"
    given: dict[str, Any] | None = None if window is None else {"start": window.start, "end": window.end}
    for segment in snapshot.segments.get(REQUESTS.name, []):
        file = read([segment], f"{snapshot.root}{os.sep}")
        columns = ", ".join((*_COLUMNS, *_COSTS))
        yield engine.arrow(f"SELECT {columns} FROM {file} WHERE {_COUNTS}{within}", given)


def _add(found: dict[tuple[str | None, str | None], ModelComparison], rows: pa.Table, book: PriceBook) -> None:
    place = rows.column_names.index("cost_computed")
    before = rows["cost_computed"]
    blank = rows.set_column(place, "cost_computed", pa.nulls(rows.num_rows, before.type))
    now = with_costs(blank, book)["cost_computed"]
    gains = pc.and_(pc.is_null(before), pc.is_valid(now))
    differs = pc.fill_null(pc.not_equal(before, now), fill_value=False)
    wide = pa.decimal128(38, 12)
    table = pa.table(
        {
            "provider": rows["provider"],
            "model": pc.coalesce(rows["model_served"], rows["model_requested"]),
            "unpriced": pc.is_null(before).cast(pa.int64()),
            "would_be_priced": gains.cast(pa.int64()),
            "would_differ": differs.cast(pa.int64()),
            "computed_usd": before.cast(wide),
            "now_usd": pc.coalesce(now, before).cast(wide),
        }
    )
    names = table.column_names[2:]
    sums = table.group_by(["provider", "model"]).aggregate([*((name, "sum") for name in names), ([], "count_all")])
    for row in sums.to_pylist():
        key = (row["provider"], row["model"])
        own = found.setdefault(key, ModelComparison(*key))
        own.requests += row["count_all"]
        for name in names:
            setattr(own, name, getattr(own, name) + (row[f"{name}_sum"] or 0))
