"""Price tables in the ledger: registered as files with the day from which they hold, and put to the requests of a log.

A table is kept as it was given, as a blob; an entry of the kind `prices` says its digest, form and first day.
"""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from governance.batches import Batch
from governance.errors import LedgerError, SourceError, no_file
from governance.moments import stamp
from governance.prices.book import PriceBook, PriceTable, read_table
from governance.prices.genai import GenaiPrices
from governance.prices.litellm import LitellmPrices
from governance.prices.pricing import Unpriced, costs
from governance.proof.ledger import Entry
from governance.storage.store import Snapshot, Store
from governance.tables import REQUESTS
from governance.workspace import Workspace

MAX_BYTES = 64 << 20  # chosen here: twenty times the largest table
CACHE_HITS = ("exact_hit", "semantic_hit")
FORMS = {GenaiPrices: "genai-prices", LitellmPrices: "litellm"}


@dataclass(frozen=True, slots=True)
class RegisteredPrices:
    """A price table in the ledger.

    Attributes:
        entry: Number of the ledger entry.
        at: When it was registered.
        sha256: Digest of its bytes.
        form: genai-prices or litellm.
        valid_from: The first moment for which it holds; None is from the beginning.
        facts: What the ledger says of it.
    """

    entry: int
    at: str
    sha256: str
    form: str
    valid_from: datetime | None
    facts: Mapping[str, Any]


def _content(path: Path) -> bytes:
    """The bytes of a file, uncompressed."""
    if not path.is_file():
        raise no_file(path, "give a price table")
    try:
        with (gzip.open if path.suffix == ".gz" else open)(path, "rb") as file:
            content: bytes = file.read(MAX_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise SourceError("the file cannot be read", where=str(path)) from error
    if len(content) > MAX_BYTES:
        raise SourceError("the price table is larger than 64 MiB", where=str(path))
    return content


def add(workspace: Workspace, path: Path, *, now: datetime, valid_from: date | None = None) -> RegisteredPrices:
    """Registers a price table; the same file from the same day is registered once.

    Args:
        workspace: Where to.
        path: JSON, or JSON in gzip.
        now: When.
        valid_from: The first day for which it holds, UTC; None is from the beginning.

    Raises:
        NotFoundError: The file is missing.
        SourceError: It is no price table.
        BusyError: Another process is writing.
    """
    content = _content(path)
    table = read_table(content, str(path), "")
    rows = table.rows()
    facts = {
        "sha256": hashlib.sha256(content).hexdigest(),
        "file": path.name,
        "form": FORMS[type(table)],
        "valid_from": None if valid_from is None else str(valid_from),
        "providers": len({row.provider for row in rows}),
        "models": len({(row.provider, row.model) for row in rows}),
    }
    store = Store(workspace.store)
    with store.writing(workspace.key, now) as writer:
        snapshot = store.snapshot()
        key = (facts["sha256"], valid_from)
        known = next((item for item in registered(snapshot) if (item.sha256, _day(item)) == key), None)
        if known is not None:
            return known
        is_new = not snapshot.blob(str(facts["sha256"])).exists()
        staged = [store.stage_blob(content, {"blob": "prices"})] if is_new else []
        return _registered(writer.commit("prices", facts, staged, at=stamp(now)))


def _day(item: RegisteredPrices) -> date | None:
    return None if item.valid_from is None else item.valid_from.date()


def registered(snapshot: Snapshot) -> list[RegisteredPrices]:
    """The price tables of a store, oldest entry first."""
    return [_registered(entry) for entry in snapshot.of_kind("prices")]


def _registered(entry: Entry) -> RegisteredPrices:
    facts = entry.facts
    day = facts["valid_from"]
    valid_from = None if day is None else datetime.combine(date.fromisoformat(day), time(), UTC)
    return RegisteredPrices(entry.number, entry.at, facts["sha256"], facts["form"], valid_from, facts)


def price_book(snapshot: Snapshot) -> PriceBook:
    """The price tables of a store.

    Raises:
        LedgerError: A table is missing or was changed.
    """
    tables: list[tuple[datetime | None, PriceTable]] = []
    for item in registered(snapshot):
        path = snapshot.blob(item.sha256)
        content = path.read_bytes() if path.is_file() else b""
        if hashlib.sha256(content).hexdigest() != item.sha256:
            raise LedgerError("a price table is missing or was changed", where=str(path), hint="run governance verify")
        tables.append((item.valid_from, read_table(content, str(path), item.sha256[:12])))
    return PriceBook(tables)


def priced(batch: Batch, book: PriceBook) -> Batch:
    """The batch, its requests with what they cost by the price tables of the store."""
    requests = batch.tables.get(REQUESTS.name)
    if requests is None or book.is_empty:
        return batch
    return replace(batch, tables=batch.tables | {REQUESTS.name: with_costs(requests, book)})


def with_costs(requests: pa.Table, book: PriceBook) -> pa.Table:
    """The requests with what they cost by the prices in force when they started.

    A cost that is there already stays. A request is left without one where its price is not known, and where its
    reported cost is in another currency, because both costs of a request are in one. What the gateway answered from its
    own cache cost nothing, if the model's price is known.

    Args:
        requests: Canonical rows.
        book: The price tables of the store.
    """
    if requests.num_rows == 0:
        return requests
    found = _by_model(requests, book)
    is_hit = pc.fill_null(pc.is_in(requests["cache_status"], value_set=pa.array(CACHE_HITS)), fill_value=False)
    found = pc.if_else(pc.and_(is_hit, pc.is_valid(found)), pa.scalar(Decimal(0), found.type), found)
    in_usd = pc.fill_null(pc.equal(pc.utf8_upper(requests["cost_currency"].cast(pa.string())), "USD"), fill_value=True)
    found = pc.coalesce(requests["cost_computed"], pc.if_else(in_usd, found, None))
    return requests.set_column(requests.column_names.index("cost_computed"), "cost_computed", found)


def _by_model(requests: pa.Table, book: PriceBook) -> pa.Array:
    """Cost of each row, one model of one provider in one service tier after the other."""
    keys = {
        "provider": requests["provider"].cast(pa.string()),
        "model": pc.coalesce(*(requests[name].cast(pa.string()) for name in ("model_served", "model_requested"))),
        "tier": pc.map_lookup(requests["parameters"], pa.scalar("service_tier"), "first"),
        "row": pa.array(range(requests.num_rows), pa.int64()),
    }
    groups = pa.table(keys).group_by(["provider", "model", "tier"]).aggregate([("row", "list")])
    order, amounts = [], []
    for group in groups.to_pylist():
        rows = pa.array(group["row_list"], pa.int64())
        prices = book.of(group["provider"], group["model"], group["tier"])
        order.append(rows)
        if isinstance(prices, Unpriced):
            amounts.append(pa.nulls(len(rows), requests.schema.field("cost_computed").type))
            continue
        own = requests.select(COUNTED).take(rows).combine_chunks()
        counts = {name: own[column].combine_chunks() for name, column in _COUNTS.items()}
        amounts.append(costs(prices, counts, own["start_ts"].combine_chunks()))
    return pa.concat_arrays(amounts).take(pc.sort_indices(pa.concat_arrays(order)))


_COUNTS = {
    "input": "input_tokens",
    "output": "output_tokens",
    "cache_read": "cache_read_tokens",
    "cache_write": "cache_write_tokens",
    "reasoning": "reasoning_tokens",
}
COUNTED = [*_COUNTS.values(), "start_ts"]  # what a cost is computed from, beside the model and its tier
