"""The registered models as a view: rows written from ledger entries, because no Parquet file holds them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from governance.engines.duckdb import literal
from governance.entries import Entry
from governance.tables import MODELS, TEXTS


def models_view(entries: Sequence[Entry]) -> str | None:
    """SELECT of the registered versions of models, each with its first approval; None if there are none.

    A day in a card (`approved`, `valid_from`) is its first moment in UTC; an approval by command has its own moment.
    """
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for entry in entries:
        if entry.kind == "model":
            found[entry.facts["model"], entry.facts["version"]] = _registered(entry)
        elif entry.kind == "approval":
            row = found[entry.facts["model"], entry.facts["version"]]
            if row["approved_ts"] is None:
                row |= {"approved_by": entry.facts["by"], "approved_ts": entry.at}
    if not found:
        return None
    names = ", ".join(MODELS.names)
    rows = ", ".join(f"({', '.join(_value(row, name, kind) for name, kind in _COLUMNS)})" for row in found.values())
    return f"SELECT * FROM (VALUES {rows}) AS registered({names})"


_COLUMNS = [(column.name, column.type) for column in MODELS.columns]


def _registered(entry: Entry) -> dict[str, Any]:
    facts: Mapping[str, Any] = entry.facts
    own = {name: facts.get(name) for name in MODELS.names}
    return own | {
        "model_id": f"{facts['model']}@{facts['version']}",
        "registered_ts": entry.at,
        "approved_ts": facts.get("approved_on"),
    }


def _value(row: Mapping[str, Any], name: str, kind: str) -> str:
    value = row[name]
    if value is None:
        return f"CAST(NULL AS {kind})"
    if kind == TEXTS:
        return f"CAST([{', '.join(literal(str(item)) for item in value)}] AS {kind})"
    return f"CAST({literal(value if isinstance(value, str) else json.dumps(value))} AS {kind})"
