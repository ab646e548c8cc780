"""What the forms of cards share: looking into the values of strangers, and what a form becomes."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, NamedTuple


class Said(NamedTuple):
    """What a card of another tool says: fields under our names (its other keys as they were), and notes."""

    fields: dict[str, Any]
    notes: tuple[str, ...] = ()


def inside(value: Any, *path: str) -> Any:
    """What lies at a path of keys, or None where there is nothing or an empty text."""
    for part in path:
        value = value.get(part) if isinstance(value, dict) else None
    return None if value in ("", [], {}) else value


def items(value: Any) -> list[Any]:
    """The items of a list; one that is no list is none."""
    return value if isinstance(value, list) else []


def texts(value: Any, *keys: str) -> list[str]:
    """The texts of a list: its items, or what they hold under the first of the keys that they have."""
    found = (item if isinstance(item, str) else _first(item, keys) for item in items(value))
    return [text for text in found if text]


def _first(item: Any, keys: Iterable[str]) -> str | None:
    return next((found for key in keys if isinstance(found := inside(item, key), str)), None)


def joined(value: Iterable[str], by: str) -> str | None:
    """Texts as one, or None where there are none."""
    return by.join(value) or None


def number(value: Any) -> float | None:
    """The number that a value or its text is; None where it is none, or not finite."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def figures(found: Iterable[Any]) -> tuple[list[dict[str, Any]], tuple[str, ...]]:
    """The metrics of a card with `type`, `value` (a text) and `slice`, and a note on each that cannot be used whole."""
    metrics, notes = [], []
    for item in found:
        name = inside(item, "type")
        if not isinstance(name, str):
            notes.append("a performance metric has no type, so it is not used")
            continue
        value = number(inside(item, "value"))
        if value is None and inside(item, "value") is not None:
            notes.append(f"the value of the metric '{name}' is no number, so its name alone is used")
        where = inside(item, "slice")
        metrics.append({"name": name, "value": value, "dataset": where if isinstance(where, str) else None})
    return metrics, tuple(notes)


def only(**fields: Any) -> dict[str, Any]:
    """The fields that say something."""
    return {name: value for name, value in fields.items() if value not in (None, [], {}, "")}
