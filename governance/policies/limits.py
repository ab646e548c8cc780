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


_MOST_DAYS = {"day": 1, "week": 7, "month": 31, "quarter": 92, "year": 366}  # most days of a part


def unreachable(check: Check) -> Iterator[tuple[str, str]]:
    """Field and sentence of each limit of a check that no figure can cross."""
    limits: dict[str, Any] = {name: getattr(check, name) for name in type(check).model_fields}
    yield from _OWN.get(check.kind, _of_none)(limits)
    for name in _bounded(check.kind, limits):
        if isinstance(limits.get(name), int | float) and limits[name] >= 1:
            yield name, f"{name} {limits[name]:g} is never exceeded: the figure is at most 1"
    if check.kind == "performance-classification" and limits["min"] is not None and limits["min"] <= 0:
        yield "min", f"min {limits['min']:g} is never missed: the figure is at least 0"


def _bounded(kind: str, limits: dict[str, Any]) -> tuple[str, ...]:
    """Fields whose figure is at most 1."""
    if kind == "fallback":
        return () if limits["score"] else ("worse_by",)
    if kind == "fairness-service":
        return () if limits["score"] else ("max_difference",)
    if kind == "change-comparison":
        return ("worse_by",) if limits["of"] in _SHARES else ()
    if kind in ("drift-input", "drift-output"):
        return ("max",) if limits["statistic"] in ("js", "ks") else ()
    return _GREATEST.get(kind, ())


def _of_none(limits: dict[str, Any]) -> Iterator[tuple[str, str]]:  # noqa: ARG001 - the form of the others
    yield from ()


def _of_burn_rate(limits: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Nothing burns faster than a service of which every request fails."""
    fastest = 1 / round(1 - limits["objective"], 12)
    for alert in limits["alerts"]:
        if alert.max >= fastest:
            said = f"{alert.max:g} over {alert.long} and {alert.short} is never exceeded"
            yield "alerts", f"{said}: with objective {limits['objective']:g} the rate is at most {fastest:.4g}"


def _of_routing(limits: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for name in ("models", "providers", "regions", "routes"):
        if "*" in limits[name]:
            yield name, f"{name} permits everything: '*' matches every name"


def _of_intended(limits: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for name, globs in limits["within"].items():
        if "*" in globs:
            yield "within", f"within {name} permits everything: '*' matches every value"


def _of_contract(limits: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for name, promise in limits["columns"].items():
        if promise == type(promise)(required=False):
            yield "columns", f"columns {name} promises nothing: it may be empty and hold any value"


def _of_gaps(limits: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """A silence in a part of the calendar is no longer than its working time."""
    opens, closes = (0, 1440) if limits["hours"] is None else _clock(limits["hours"])
    days = _MOST_DAYS.get(limits["per"])
    if days is not None and limits["max_gap_minutes"] >= days * (closes - opens):
        said = f"max_gap_minutes {limits['max_gap_minutes']:g} is never exceeded"
        yield "max_gap_minutes", f"{said}: a {limits['per']} has at most {days * (closes - opens):g} working minutes"


def _clock(hours: str) -> tuple[int, int]:
    """Minutes from midnight of both ends of such as 08-18 or 08:30-17:00."""
    ends = [end.strip().partition(":") for end in hours.split("-")]
    opens, closes = (int(hour) * 60 + int(minute or 0) for hour, _, minute in ends)
    return opens, closes


_OWN = {
    "service-burn-rate": _of_burn_rate,
    "resilience-routing": _of_routing,
    "use-intended": _of_intended,
    "contract": _of_contract,
    "completeness-gaps": _of_gaps,
}
