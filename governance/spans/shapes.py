"""Spans of one shape: the same members, and the same attributes in the same order, so that they can be read at once.

A log has a handful of shapes. A span that is formed in any unusual way has none, and is read alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from itertools import chain
from typing import Any, NamedTuple

from governance.formats.conversions import digits
from governance.formats.protojson import KINDS_OF_VALUE, events
from governance.formats.rows import UnreadableError
from governance.spans.assessments import is_annotated
from governance.spans.events import TELLING

_TEXTS, _LISTS = ("stringValue", "bytesValue"), ("arrayValue", "kvlistValue")
# read in place of a member in camel case; a span that holds one of them is left to who reads both
_SNAKE = {
    "trace_id",
    "span_id",
    "parent_span_id",
    "start_time_unix_nano",
    "end_time_unix_nano",
    "dropped_attributes_count",
}


Held = Callable[[], Sequence[Any]]
_Listed = tuple[tuple[str, ...], tuple[str, ...], list[Any]]


class Attributes(NamedTuple):
    """The names of attributes, and of the kinds of their values, in order; both shape (attributes,)."""

    keys: tuple[str, ...]
    kinds: tuple[str, ...]


class Shape(NamedTuple):
    """What spans have in common.

    Attributes:
        members: Names of what each has.
        resource: Attributes of their resource.
        own: Their own attributes.
    """

    members: tuple[str, ...]
    resource: Attributes
    own: Attributes

    @property
    def is_plain(self) -> bool:
        """Whether spans of this shape can be read at once."""
        own, resource = self.own, self.resource
        return (
            all(type(key) is str for key in (*own.keys, *resource.keys))
            and KINDS_OF_VALUE.keys() >= {*own.kinds, *resource.kinds}
            and len(set(own.keys)) == len(own.keys)
            and _SNAKE.isdisjoint(self.members)
            and not any(map(is_annotated, own.keys))
        )


class SpanGroup(NamedTuple):
    """Spans of one shape.

    Attributes:
        shape: What they have in common.
        places: Where they stand among the records, shape (spans,).
        members: Gives a member of each span, shape (spans,); asked for those of the shape only.
        own: Give what each of their attributes holds, as logged, shape (spans,) each.
        resources: The same of the attributes of their resources.
    """

    shape: Shape
    places: Sequence[int]
    members: Callable[[str], Sequence[Any]]
    own: Sequence[Held]
    resources: Sequence[Held]

    def __len__(self) -> int:
        return len(self.places)

    def member(self, name: str) -> Sequence[Any]:
        """A member of each span, null where they have none; shape (spans,)."""
        return self.members(name) if name in self.shape.members else [None] * len(self)

    def some(self, indices: Sequence[int]) -> SpanGroup:
        """Some of the spans."""
        if len(indices) == len(self):
            return self

        def chosen(held: Callable[..., Sequence[Any]], *name: str) -> Sequence[Any]:
            values = held(*name)
            return [values[index] for index in indices]

        own, resources = ([partial(chosen, held) for held in each] for each in (self.own, self.resources))
        places = [self.places[index] for index in indices]
        return SpanGroup(self.shape, places, partial(chosen, self.members), own, resources)

    def attributes(self) -> AttributeColumns:
        """The values of the spans' own attributes, by column."""
        return AttributeColumns(self.shape.own, self.own)

    def resource_attributes(self) -> AttributeColumns:
        """The values of the attributes of their resources, by column."""
        return AttributeColumns(self.shape.resource, self.resources)


class AttributeColumns(Mapping[str, Sequence[Any]]):
    """Key -> what the attribute holds in each span, shape (spans,); converted when it is asked for.

    Args:
        attributes: Their keys and kinds.
        held: Give the values of each attribute as they stand in the log, shape (spans,) each.

    Attributes:
        odd: Places of spans with an attribute that is not formed as the specification says.
    """

    def __init__(self, attributes: Attributes, held: Sequence[Held]) -> None:
        self._places = {key: place for place, key in enumerate(attributes.keys)}
        self._kinds = attributes.kinds
        self._held = held
        self._values: dict[str, Sequence[Any]] = {}
        self.odd: set[int] = set()
        for key, kind, values in zip(attributes.keys, attributes.kinds, held, strict=True):
            if kind in _LISTS:  # only these can be refused
                self._values[key] = [self._plain(index, kind, value) for index, value in enumerate(values())]

    def _plain(self, index: int, kind: str, value: Any) -> Any:
        try:
            return KINDS_OF_VALUE[kind](value)
        except UnreadableError:
            self.odd.add(index)
            return None

    def __getitem__(self, key: str) -> Sequence[Any]:
        if key not in self._values:
            place = self._places[key]
            self._values[key] = _plain_values(self._kinds[place], self._held[place]())
        return self._values[key]

    def __iter__(self) -> Any:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, key: object) -> bool:
        return key in self._places


def _plain_values(kind: str, held: Sequence[Any]) -> Sequence[Any]:
    """What values of one kind hold; see `KINDS_OF_VALUE`, which most of them need not be asked for."""
    kinds = set(map(type, held))
    if (
        (kind in _TEXTS and kinds == {str})
        or (kind == "doubleValue" and kinds <= {int, Decimal})
        or (kind == "intValue" and kinds == {int})
    ):
        return held
    if kind == "intValue" and kinds == {str} and (plain := digits(held)) is not None:
        return plain
    read = KINDS_OF_VALUE[kind]
    return [read(value) for value in held]


@dataclass(slots=True)
class Gathered:
    """Spans of one shape, one by one.

    Attributes:
        shape: What they have in common.
        places: Where they stand among the records, shape (spans,).
        spans: The spans, shape (spans,).
        own: What their attributes hold, as logged, shape (spans, attributes).
        resources: What the attributes of their resources hold, shape (spans, attributes).
    """

    shape: Shape
    places: list[int] = field(default_factory=list)
    spans: list[Mapping[str, Any]] = field(default_factory=list)
    own: list[list[Any]] = field(default_factory=list)
    resources: list[list[Any]] = field(default_factory=list)

    def group(self) -> SpanGroup:
        """The spans as columns."""

        def member(name: str) -> list[Any]:
            return [span.get(name) for span in self.spans]

        return SpanGroup(self.shape, self.places, member, _columns(self.own), _columns(self.resources))


def _columns(rows: Sequence[Sequence[Any]]) -> list[Held]:
    return [partial(list, values) for values in zip(*rows, strict=True)]


class Grouped(NamedTuple):
    """Records by shape.

    Attributes:
        groups: Spans of one shape each.
        left: Places of all other records.
    """

    groups: list[Gathered]
    left: set[int]


def grouped(records: Sequence[Any]) -> Grouped:
    """Groups the records that an export was split into.

    Args:
        records: Each `{"resource": attributes, "scope": name, "span" | ...: message}`.
    """
    groups: dict[tuple[Any, ...], Gathered] = {}
    left: set[int] = set()
    resources: dict[int, _Listed] = {}  # many spans share one list
    for place, record in enumerate(records):
        span = record.get("span")
        if span is None or (span.get("events") and _is_told_in_events(span)):
            left.add(place)
            continue
        listed = record["resource"]
        try:
            if id(listed) not in resources:
                resources[id(listed)] = _attributes(listed)
            resource_keys, resource_kinds, resource_values = resources[id(listed)]
            keys, kinds, values = _attributes(span.get("attributes"))
            shape = (tuple(span), resource_keys, resource_kinds, keys, kinds)
            group = groups.get(shape)
            if group is None:
                group = groups[shape] = Gathered(
                    Shape(tuple(span), Attributes(resource_keys, resource_kinds), Attributes(keys, kinds))
                )
            group.places.append(place)
            group.spans.append(span)
            group.own.append(values)
            group.resources.append(resource_values)
        except (TypeError, KeyError):
            left.add(place)
    plain = [group for group in groups.values() if group.shape.is_plain]
    left.update(*(group.places for group in groups.values() if not group.shape.is_plain))
    return Grouped(plain, left)


def _is_told_in_events(span: Mapping[str, Any]) -> bool:
    return any(event.get("name") in TELLING for event in events(span) if isinstance(event.get("name"), str))


def _attributes(listed: Any) -> _Listed:
    """Keys, kinds and values of a list of key-value messages, shape (attributes,) each.

    Raises:
        TypeError: It is not formed in the usual way.
        KeyError: The same.
    """
    if listed is None:
        return (), (), []
    if type(listed) is not list:
        raise TypeError
    messages = [pair["value"] for pair in listed]
    held = [*chain.from_iterable(map(dict.values, messages))]
    if len(held) != len(messages) or None in held or {} in messages:  # a value of none or of several kinds
        raise TypeError
    return tuple([pair["key"] for pair in listed]), (*chain.from_iterable(messages),), held
