"""Subjects and figures in words, the same on the terminal and in a report."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from governance import display

_SHORT = {"minutes": "min"}
CALENDAR_KEYS = ("hour", "day", "week", "month", "quarter", "year")
# Words of metrics that are not written as they are named.
_METRIC_WORDS = {
    "psi": "PSI",
    "js": "Jensen-Shannon distance",
    "ks": "Kolmogorov-Smirnov distance",
    "auc": "AUC",
    "tpr": "true positive rate",
    "fpr": "false positive rate",
    "fnr": "false negative rate",
    "usd": "(USD)",
    "pr": "precision-recall",
}
_BAND = re.compile(r"(\d+(?:\.\d+)?)(?:(-)|(\+)|\.\.(\d+(?:\.\d+)?))")  # as mappings write bands: 25-, 25..39, 60+


def words(subject: Mapping[str, str | None]) -> str:
    """A subject as a reader would say it: `sex female, age band 25-`; nothing named means all records."""
    return ", ".join(_said(name, value) for name, value in subject.items()) or "all"


def _said(name: str, value: str | None) -> str:
    if value is None:
        return f"{name.replace('_', ' ')} not stated"
    if name == "expectation":  # as Great Expectations names it, in words, and its column as it is
        kind, opened, column = value.removeprefix("expect_").partition("(")
        return f"{kind.replace('_', ' ')} {opened}{column}".rstrip()
    if name == "measure":  # which of the figures of a check
        return metric(value)
    return value if name in CALENDAR_KEYS else f"{name.replace('_', ' ')} {group(value)}"


def group(value: str) -> str:
    """A group as a reader would say it: `under 25`, `25 to 39` and `60 or over` for bands, else its name."""
    found = _BAND.fullmatch(value)
    if found is None:
        return value
    low, below, _, high = found.groups()
    return f"under {low}" if below else f"{low} to {high}" if high else f"{low} or over"


def metric(name: str) -> str:
    """What a figure is called: `unpriced share` for `unpriced_share`."""
    return " ".join(_METRIC_WORDS.get(word, word) for word in name.split("_"))


def measured(value: float, unit: str) -> str:
    """A figure with its unit, as it stands in a sentence or a table of mixed units."""
    match unit:
        case "share":
            return display.share(value)
        case "usd":
            return display.money(value, "USD")
        case "ms" if abs(value) >= 10_000:  # noqa: PLR2004 - ten seconds, where milliseconds stop meaning anything
            return f"{display.number(value / 1000, 1)}{display.THIN}s"
        case "days overdue" if value < 0:  # a day that is still to come is no negative one
            return f"due in {display.number(-value)}{display.THIN}days"
        case "ratio" | "score" | "index":
            return display.number(value, 3)
        case _:
            return f"{display.number(value)}{display.THIN}{_SHORT.get(unit, unit).replace('_', ' ')}"


RULE_DECIDED = "a rule decided, not the score"


def told(given: Mapping[str, Any]) -> str:
    """A reason of an explanation as the person concerned reads it: the words for a rule, else its name."""
    if given.get("rule") and given.get("text") in (None, RULE_DECIDED):
        return f"A fixed rule applied: {given['rule']}"
    return str(given.get("text") or given.get("group"))


def all_of(found: Mapping[str, Any]) -> str:
    """The changes that together would have led to another result, as one clause."""
    return ", and ".join(str(one["text"]) for one in found["changes"])


_UNITS = {"d": "day", "w": "week", "mo": "month"}


def term(written: str) -> str:
    """A time to answer, as policies write it, in words: 30d is `30 days`, 1mo is `1 month`."""
    number, unit = written.rstrip("dwmo"), written.lstrip("0123456789")
    return f"{number} {_UNITS[unit]}{'' if number == '1' else 's'}"


def percent(limit: float) -> str:
    """A limit on a share as a reason says it: 0.08 is `8%`."""
    return f"{100 * limit:.4g}%"


def points(limit: float) -> str:
    """A limit on the difference of two shares as a reason says it: 0.1 is `10 percentage points`."""
    said = f"{100 * limit:.4g}"
    return f"{said} percentage point{'' if said == '1' else 's'}"
