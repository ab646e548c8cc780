"""Ids of decisions as a user types them, looked up for the few that findings show.

The id that a log gives a request is long and never twice the same: reading it takes as long as all else that a
statement needs. So statements carry the decision's own id, by which they join anyway, beside its moment, by which the
few that are shown are found again without reading the others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from governance.engines.duckdb import Engine, literal

_MOMENTS = 500  # named one by one; chosen here: above it, their first and last are
_FIELDS = {"ts", "id"}


def named(engine: Engine, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows, with the ids of decisions in their lists of `{ts, id}` as the log gave them.

    Args:
        engine: Sees the view `decisions`.
        rows: Of a statement, whose lists hold `decision_id` as `id` and `decision_ts` as `ts`.
    """
    found = {(sample["ts"], sample["id"]) for row in rows for listed in _lists(row) for sample in listed}
    if not found:
        return list(rows)
    moments, names = sorted({moment for moment, _ in found}), sorted({name for _, name in found})
    if len(moments) <= _MOMENTS:
        during = f"decision_ts IN ({', '.join(map(_moment, moments))})"
    else:
        during = f"decision_ts BETWEEN {_moment(moments[0])} AND {_moment(moments[-1])}"
    told = dict(
        engine.rows(
            f"SELECT decision_id, coalesce(request_id, decision_id) FROM decisions WHERE {during} "
            "AND decision_id IN (SELECT unnest(CAST($ids AS VARCHAR[])))",
            {"ids": names},
        )
    )
    return [row | {name: _told(value, told) for name, value in row.items() if _is_list(value)} for row in rows]


def ids(samples: Sequence[Mapping[str, str]] | None) -> tuple[str, ...]:
    """The ids in a list of `{ts, id}`, in its order."""
    return tuple(sample["id"] for sample in samples or ())


def _lists(row: Mapping[str, Any]) -> Iterator[list[dict[str, Any]]]:
    return (value for value in row.values() if _is_list(value))


def _is_list(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict) and value[0].keys() == _FIELDS


def _told(samples: Sequence[dict[str, Any]], told: dict[str, str]) -> list[dict[str, Any]]:
    return [sample | {"id": told.get(sample["id"], sample["id"])} for sample in samples]


def _moment(text: str) -> str:
    return f"TIMESTAMPTZ {literal(text)}"
