"""What cannot well be true of a request is said beside it: the value stays as it was logged.

A limit is no reason to refuse a record. A wrong unit, a wrong clock or a lost currency shows in the report's table of
odd records; what is beyond any column, or in no year that a log could be of, was quarantined before.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from governance.batches import Batch
from governance.tables import REQUESTS

# Source: the toolkit's list of hard cases, "clock skew" and "units"
CLOCK_SKEW = timedelta(minutes=5)
LONGEST_US = 3_600_000_000
DEAREST_USD = Decimal(100)

STARTS_IN_FUTURE, LONG_LATENCY, HIGH_COST = "starts_in_future", "implausible_latency", "implausible_cost"


def doubted(batch: Batch, now: datetime) -> Batch:
    """The batch, its requests flagged where a value is not plausible.

    Args:
        batch: What was read.
        now: When; a request that starts later than a clock may be wrong is flagged.
    """
    requests = batch.tables.get(REQUESTS.name)
    if requests is None or requests.num_rows == 0:
        return batch
    added: dict[int, list[str]] = {}
    for flag, mask in _masks(requests, now).items():
        for row in pc.indices_nonzero(pc.fill_null(mask, fill_value=False)).to_pylist():
            added.setdefault(row, []).append(flag)
    if not added:
        return batch
    return replace(batch, tables=batch.tables | {REQUESTS.name: _flagged(requests, added)})


def _masks(requests: pa.Table, now: datetime) -> dict[str, Any]:
    """Flag -> which requests it is of, shape (rows,); null where that is not known."""
    latest = pa.scalar(now + CLOCK_SKEW, requests.schema.field("start_ts").type)
    costs = requests["cost_reported"]
    is_dear = pc.greater(costs, pa.scalar(DEAREST_USD, pa.decimal128(18, 12)))
    in_usd = pc.fill_null(pc.equal(requests["cost_currency"], "USD"), fill_value=True)
    return {
        STARTS_IN_FUTURE: pc.greater(requests["start_ts"], latest),
        LONG_LATENCY: pc.greater(requests["latency_us"], LONGEST_US),
        HIGH_COST: pc.and_(is_dear, in_usd),
    }


def _flagged(requests: pa.Table, added: dict[int, list[str]]) -> pa.Table:
    """The requests, some with more flags; the column is put together of old and new lists, without reading the old."""
    old = requests["quality_flags"].combine_chunks()
    rows = list(added)
    before = old.take(pa.array(rows)).to_pylist()
    new = [sorted({*(known or ()), *flags}) for known, flags in zip(before, added.values(), strict=True)]
    places = np.arange(len(old))
    places[rows] = len(old) + np.arange(len(rows))
    both = pa.concat_arrays([old, pa.array(new, old.type)])
    return requests.set_column(requests.column_names.index("quality_flags"), "quality_flags", both.take(places))
