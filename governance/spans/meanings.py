"""Spans that differ in their values only -> how they are read at once, from the columns of these values."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from governance.formats.rows import Columns, Many, Meaning
from governance.spans.columns import read_groups
from governance.spans.shapes import Gathered, SpanGroup, grouped


def span_meaning(records: Sequence[Any], source: str) -> Meaning | None:
    """What lines of one form mean; None where they hold something else than spans, or spans with events.

    Args:
        records: The records of such a line, as `protojson.split` gives them; see `Meaning`.
        source: Name of the log format.
    """
    if any("span" not in record or record["span"].get("events") for record in records):
        return None
    found = grouped(records)
    if found.left or not records:
        return None

    def read(columns: Columns) -> Many:
        groups = [_group(one, each, columns, len(records)) for one in found.groups for each in range(len(one.places))]
        return read_groups(groups, len(records) * len(columns), source)

    return Meaning(len(records), read)


def _group(pattern: Gathered, each: int, columns: Columns, records: int) -> SpanGroup:
    """One of the spans of a line, in all lines.

    Args:
        pattern: Spans of one shape in the form of the lines.
        each: Which of them.
        columns: The values of the lines.
        records: How many records a line holds.
    """
    span, first = pattern.spans[each], pattern.places[each]
    own, resources = (
        [partial(columns.filled, value) for value in held[each]] for held in (pattern.own, pattern.resources)
    )
    places = range(first, records * len(columns), records)
    return SpanGroup(pattern.shape, places, lambda name: columns.filled(span[name]), own, resources)
