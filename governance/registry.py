"""The registered models and prompts as views: rows written from ledger entries, because no Parquet file holds them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from governance.engines.duckdb import literal
from governance.proof.entries import Entry
from governance.tables import MODELS, PROMPTS, TEXTS, Table


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
    return _view(MODELS, list(found.values()))


def prompts_view(entries: Sequence[Entry]) -> str | None:
    """SELECT of the registered versions of prompts; None if there are none."""
    return _view(PROMPTS, [_prompt(entry) for entry in entries if entry.kind == "prompt"])


def _view(table: Table, rows: Sequence[Mapping[str, Any]]) -> str | None:
    if not rows:
        return None
    listed = ", ".join(
        f"({', '.join(_value(row, column.name, column.type) for column in table.columns)})" for row in rows
    )
    return f"SELECT * FROM (VALUES {listed}) AS registered({', '.join(table.names)})"


def _prompt(entry: Entry) -> dict[str, Any]:
    facts: Mapping[str, Any] = entry.facts
    own = {name: facts.get(name) for name in PROMPTS.names}
    return own | {"prompt_id": f"{facts['prompt']}@{facts['version']}", "registered_ts": entry.at}


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
