"""Use: who and what the systems served, against what they are meant for, and what was changed in them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from governance.blocks import Column, Section, Table
from governance.exhibits import families
from governance.exhibits.period import Period
from governance.exhibits.sentences import counted, group, nothing
from governance.exhibits.verdicts import judged

SYSTEM = "coalesce(r.model_served, r.model_requested, r.service_name, r.source)"


def against_intention(period: Period) -> Section:
    """Volume and users of each system beside the window before, its registration, and what was judged."""
    table = _systems(period)
    shown = table if table.rows else nothing("There are no requests in this window.")
    return group(
        shown, *judged(period, *families.USE, *families.CHANGES), counted(period, "usage", "requests by their start")
    )


def _systems(period: Period) -> Table:
    now = period.is_now("r.start_ts")
    rows = period.rows(
        "usage",
        f"SELECT {SYSTEM} AS system, count(*) FILTER ({now}) AS n, count(*) FILTER (NOT {now}) AS before, "
        f"count(DISTINCT coalesce(r.end_user_id, r.user_id)) FILTER ({now}) AS users, "
        f"count(DISTINCT r.business_unit) FILTER ({now}) AS units, "
        f"string_agg(DISTINCT r.operation, ', ' ORDER BY r.operation) FILTER ({now}) AS operations, "
        f"min(r.start_ts) AS first FROM requests r WHERE {period.in_either('r.start_ts')} GROUP BY 1 ORDER BY 1",
    )
    models = {str(entry.facts["model"]): entry.facts for entry in period.snapshot.of_kind("model")}
    columns = (
        Column("system"),
        Column("registered for"),
        Column("owner"),
        Column("operation"),
        Column("requests", "number", digits=0),
        Column(period.span.previous.name, "number", digits=0),
        Column("users", "number", digits=0),
        Column("units", "number", digits=0),
    )
    lines = tuple(
        (
            row["system"],
            _purpose(models.get(row["system"])),
            models.get(row["system"], {}).get("owner"),
            row["operations"],
            row["n"],
            row["before"],
            row["users"] or None,
            row["units"] or None,
        )
        for row in rows
    )
    return Table("Systems in use", columns, lines, "A dash: the log does not say. Users are distinct ids of the log.")


def _purpose(model: Mapping[str, Any] | None) -> str:
    """The first sentence of what a model is registered for."""
    if model is None:
        return "not registered"
    return str(model.get("purpose") or "no purpose stated").split(". ")[0].rstrip(".")
