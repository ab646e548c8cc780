"""Limits that no figure can cross, so that their check never fails whatever happens."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from governance.checks import Check

# Kind -> field -> greatest value that a figure held against it can have. A share is at most 1, and so is a distance of
# two shares; ks and js are distances of distributions (js with the logarithm to base 2, Lin 1991). What the kinds
# refuse themselves (such as max_share: 1) is a mistake and not listed here.
_GREATEST: dict[str, tuple[str, ...]] = {
    "performance-calibration": ("max_ece", "max_gap"),
    "performance-classification": ("max",),
}
_SHARES = ("errors", "favourable")  # what change-comparison compares as shares


def unreachable(check: Check) -> Iterator[tuple[str, str]]:
    """Field and sentence of each limit of a check that no figure can cross."""
    limits: dict[str, Any] = {name: getattr(check, name) for name in type(check).model_fields}
    for name in _bounded(check.kind, limits):
        if isinstance(limits.get(name), int | float) and limits[name] >= 1:
            yield name, f"{name} {limits[name]:g} is never exceeded: the figure is at most 1"
    if check.kind == "performance-classification" and limits["min"] is not None and limits["min"] <= 0:
        yield "min", f"min {limits['min']:g} is never missed: the figure is at least 0"


def _bounded(kind: str, limits: dict[str, Any]) -> tuple[str, ...]:
    """Fields whose figure is at most 1."""
    if kind == "fallback":
        return () if limits["score"] else ("worse_by",)
    if kind == "change-comparison":
        return ("worse_by",) if limits["of"] in _SHARES else ()
    if kind in ("drift-input", "drift-output"):
        return ("max",) if limits["statistic"] in ("js", "ks") else ()
    return _GREATEST.get(kind, ())
