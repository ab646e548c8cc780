"""A line with many objects in its lists -> the objects by pattern, each list apart from what is around it.

The line without these objects is parsed strictly; so is each object that is of no pattern. A line of which a part
cannot be read is read as a whole, by who can say why.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from governance.formats.rows import Many, Meaning
from governance.patterns.members import Objects
from governance.patterns.templates import template_of
from governance.patterns.tree import Patterns
from governance.records import Record, json_lines
from governance.records.json_texts import json_record
from governance.records.record import Line

KEY = "spans"
FEWEST = 16  # objects in a line; chosen here: with fewer, what each group takes is more than what it saves
_LEARNT, _LESSONS, _MAX_UNLIKE = 8, 2, 0.05  # objects that are learnt at once, how often, from which share on
MAX_DEPTH = 40  # of an object; one that is deeper may make its line too deep

Form = Callable[[dict[str, Any]], dict[str, Any]]
"""An object -> a line that holds it alone."""


class Read(NamedTuple):
    """Objects that were read at once.

    Attributes:
        places: Which of the records of the line.
        many: What they become.
    """

    places: list[int]
    many: Many


class Spread(NamedTuple):
    """What a line holds.

    Attributes:
        record: The line.
        records: How many records it is.
        read: Those that were read at once.
        odd: Place -> one to be read alone, as the source splits it off.
    """

    record: Record
    records: int
    read: list[Read]
    odd: dict[int, Any]


class Spreads:
    """The patterns of the objects in the long lines of one file.

    Args:
        meaning_of: What lines of one form mean.
        split: The records of a line; none of one that the source does not know.
    """

    def __init__(
        self,
        meaning_of: Callable[[dict[str, Any]], Meaning | None],
        split: Callable[[dict[str, Any]], Iterable[dict[str, Any]]],
    ) -> None:
        self._tree = Patterns()
        self._meaning_of = meaning_of
        self._split = split

    def spread(self, line: Line) -> Spread | None:
        """What a line holds; None where it is to be read in another way."""
        if line.reason or not line.raw.startswith(b"{"):
            return None
        objects = Objects.found(line.raw, KEY.encode(), FEWEST)
        if objects is None:
            return None
        frame = next(iter(json_lines([line._replace(raw=objects.frame())])))
        forms = None if frame.value is None else _forms(frame.value)
        if forms is None or len(forms) != len(objects.edges) or not all(map(self._is_one_record, forms)):
            return None
        self._recognise(objects)
        read = [Read(places, many) for places, many in self._alike(objects, forms)]
        left = np.flatnonzero(objects.patterns < 0).tolist()
        left += [places[place] for places, many in read for place in many.left]
        odd = self._odd(objects, forms, sorted(left))
        record = frame._replace(raw=line.raw.rstrip(b"\r\n"))
        return None if odd is None else Spread(record, len(objects), read, odd)

    def _is_one_record(self, form: Form) -> bool:
        """Whether the source splits off an object where it stands, and nothing else."""
        probe: dict[str, Any] = {}
        found = list(self._split(form(probe)))
        return len(found) == 1 and any(held is probe for held in found[0].values())

    def _recognise(self, objects: Objects) -> None:
        left = objects.unlike(self._tree)
        for _ in range(_LESSONS):
            if len(left) <= _MAX_UNLIKE * len(objects):
                break
            news = [self._learn(objects.raw(place)) for place in left[:: max(len(left) // _LEARNT, 1)].tolist()]
            if not any(news):
                break
            left = objects.unlike(self._tree)

    def _learn(self, raw: bytes) -> bool:
        value = _parsed(raw)
        template = None if value is None else template_of(raw, value)
        return template is not None and self._tree.add(template)

    def _alike(self, objects: Objects, forms: list[Form]) -> Iterator[Read]:
        for number, form in sorted({*zip(objects.patterns.tolist(), objects.lists.tolist(), strict=True)}):
            if number < 0:
                continue
            places = np.flatnonzero((objects.patterns == number) & (objects.lists == form))
            template = self._tree.templates[number]
            meaning = self._meaning_of(forms[form](template.value))
            columns = None if meaning is None else objects.columns(places, len(template.kinds))
            many = Many(range(len(places))) if meaning is None or columns is None else meaning.read(columns)
            yield Read(places.tolist(), many)

    def _odd(self, objects: Objects, forms: list[Form], left: list[int]) -> dict[int, Any] | None:
        """Place -> what is to be read alone; None if one cannot be read."""
        odd = {}
        for place in left:
            value = _parsed(objects.raw(place))
            if value is None:
                return None
            (odd[place],) = self._split(forms[objects.lists[place]](value))
        return odd


def _parsed(raw: bytes) -> dict[str, Any] | None:
    value = json_record(0, None, raw).value
    may_be_deep = raw.count(b"{") + raw.count(b"[") > MAX_DEPTH  # its texts may hold brackets as well
    return None if value is None or (may_be_deep and _depth(value) > MAX_DEPTH) else value


def _depth(value: Any) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + max(map(_depth, inner), default=0)


def _forms(frame: dict[str, Any]) -> list[Form] | None:
    """One for each list of a line without its objects, `{name: [{name: [{"spans": []}, ...]}, ...]}`; None for others.

    Beside these names stands what belongs to all of them, such as `resource` and `scope`.
    """
    if len(frame) != 1:
        return None
    ((top, groups),) = frame.items()
    if not isinstance(groups, list):
        return None
    forms: list[Form] = []
    for group in groups:
        lists = [name for name, value in group.items() if isinstance(value, list)] if isinstance(group, dict) else []
        if len(lists) != 1:
            return None
        for inner in group[lists[0]]:
            if not isinstance(inner, dict) or inner.get(KEY) != []:
                return None
            forms.append(partial(_form, top, group, lists[0], inner))
    return forms


def _form(top: str, group: dict[str, Any], name: str, inner: dict[str, Any], value: dict[str, Any]) -> dict[str, Any]:
    return {top: [{**group, name: [{**inner, KEY: [value]}]}]}
