"""What lines of JSON have in common that one program wrote: the bytes before, between and behind their values.

A line that has these bytes in their places, and a whole value of JSON between any two of them, is the template with
these values put in. JSON means one thing only, so the strict parser would read just these values under just these
keys. Nothing is taken for granted: a line of which one byte is elsewhere is left to others.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from governance.mapped.scans import Path, Places, Wanted

_TOKEN = re.compile(rb'"((?:[^"\\]|\\.)*)"|([-+.\w]+)|([{}[\]:,])|( +)')
ONLY_WITH_OBJECTS = True  # in lists; measured here: the engine reads other lines in the same time
LEAST_ALIKE = 0.9  # share of the first lines of a stretch
MAX_FAILURES = 2  # stretches; a file that has failed so often is left to others
MAX_SLOTS = 500  # chosen here, like the keys of a shape: a log with more writes data as keys


class Slot(NamedTuple):
    """The place of a value.

    Attributes:
        path: The keys to it.
        is_text: Whether it stands in quotes.
        is_list: Whether it is a list, which may hold anything.
    """

    path: Path
    is_text: bool
    is_list: bool = False


class Grid:
    """Where the values of a line are, told by its quotes.

    Args:
        literals: Bytes before each value, and behind the last one.

    Attributes:
        first: The last quote before each value, shape (values,).
        after: How many bytes behind it the value begins.
        last: The first quote behind each value; behind the last quote of all, the end of the line counts as one.
        before: How many bytes before that the value ends.
        width: Places in a line where something begins or ends: the line, its values, and the line.
    """

    def __init__(self, literals: tuple[bytes, ...]) -> None:
        before, after = literals[:-1], literals[1:]
        quotes = np.cumsum([text.count(b'"') for text in before])
        self.first: Places = quotes - 1
        self.after: Places = np.array([len(text) - text.rfind(b'"') for text in before])
        self.last: Places = quotes
        self.before: Places = np.array([text.find(b'"') if b'"' in text else len(text) for text in after])
        self.width = 2 * len(literals)
        texts = [text for literal in literals for text in (literal.decode(), None)]
        self._line = self._lines = pa.array(texts, pa.string(), from_pandas=False)

    def expected(self, lines: int) -> pa.StringArray:
        """The literals of so many lines, with nulls behind each of them."""
        known = self._lines
        if len(known) < lines * self.width:
            places = np.tile(np.arange(self.width, dtype=np.int32), lines)
            known = self._lines = self._line.take(pa.array(places))
        return known.slice(0, lines * self.width)


@dataclass(frozen=True)
class Template:
    """What all lines have in common.

    Attributes:
        literals: Bytes before each value, and behind the last one with the line end.
        slots: The places of the values.
        nodes: Path of each object in the object -> paths of what is in it.
        has_objects: Whether there are objects in its lists, which the engine cannot be trusted with.
    """

    literals: tuple[bytes, ...]
    slots: tuple[Slot, ...]
    nodes: dict[Path, list[Path]]
    has_objects: bool

    @cached_property
    def quotes(self) -> int:
        """How many quotes a line has outside of its lists, those around texts among them."""
        return sum(literal.count(b'"') for literal in self.literals)

    @cached_property
    def lists(self) -> list[int]:
        """The places of the lists among the slots."""
        return [place for place, slot in enumerate(self.slots) if slot.is_list]

    @cached_property
    def grid(self) -> Grid:
        """Where the values of a line are."""
        return Grid(self.literals)


def template_of(line: bytes) -> Template | None:
    """The template of one line; None where it has an empty object, or an escape in a key.

    Args:
        line: One object, which the strict parser can read, and its line end.
    """
    text = line.rstrip(b"\r\n")
    walk = _Walk()
    at = 0
    for token in _TOKEN.finditer(text):
        if token.start() != at or not walk.passes(token):
            return None
        at = token.end()
    if at != len(text) or not 0 < len(walk.spans) <= MAX_SLOTS:
        return None
    starts, ends = [0, *(end for _, _, end in walk.spans)], [*(start for _, start, _ in walk.spans), len(line)]
    literals = tuple(line[start:end] for start, end in zip(starts, ends, strict=True))
    return Template(literals, tuple(slot for slot, _, _ in walk.spans), walk.nodes, walk.has_objects)


class _Walk:
    """The way through the tokens of one object.

    Attributes:
        spans: The place of each value, its first byte and the one behind it.
        nodes: Path of each object in the object -> paths of what is in it.
        has_objects: Whether there are objects in its lists.
    """

    def __init__(self) -> None:
        self.spans: list[tuple[Slot, int, int]] = []
        self.nodes: dict[Path, list[Path]] = {}
        self.has_objects = False
        self._path: Path | None = None  # of the object that is open
        self._key: str | None = None
        self._is_value = False
        self._depth = 0  # of lists
        self._start = 0  # of the list that is open

    def passes(self, token: re.Match[bytes]) -> bool:
        """Goes on by one token; whether a template can have it."""
        text, bare, mark, _ = token.groups()
        if self._depth or mark == b"[":
            self._list(token)
            return True
        if mark is not None:
            return self._marked(mark)
        if text is not None and not self._is_value:
            self._key = text.decode()
            return b"\\" not in text and bool(self._key)
        if text is not None or bare is not None:
            place = 1 if text is not None else 2
            self.spans.append((Slot(self._named(), text is not None), *token.span(place)))
        return True

    def _list(self, token: re.Match[bytes]) -> None:
        self.has_objects |= token.group() == b"{"
        if token.group() == b"[":
            self._start = self._start if self._depth else token.start()
            self._depth += 1
        elif token.group() == b"]":
            self._depth -= 1
            if not self._depth:
                self.spans.append((Slot(self._named(), is_text=False, is_list=True), self._start, token.end()))

    def _marked(self, mark: bytes) -> bool:
        if mark == b"{" and self._is_value:
            self._path = self._named()
            self.nodes[self._path] = []
        elif mark == b"{":
            self._path = ()
        elif mark == b"}" and self._path:
            is_empty = not self.nodes[self._path]
            self._path = self._path[:-1]
            self._is_value = False
            return not is_empty
        self._is_value = mark == b":"
        return True

    def _named(self) -> Path:
        """The path of the value that begins."""
        path = (*(self._path or ()), self._key or "")
        if len(path) > 1:
            self.nodes[path[:-1]].append(path)
        return path


class Templates:
    """The template of the lines of one file, learnt from the first ones of a stretch.

    Args:
        wanted: What is read of the lines; an object that is wanted as a whole is left to others.
    """

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self._known: Template | None = None
        self._failures = 0

    def of(self, sample: Iterable[bytes]) -> Template | None:
        """The template that lines may have; None if they seem to have none in common.

        Args:
            sample: Some of the lines, which the strict parser can read.
        """
        if self._failures > MAX_FAILURES:
            return None
        if self._known is None:
            found = [template_of(line) for line in sample]
            literals = Counter(template.literals for template in found if template is not None)
            (most, times), *_ = literals.most_common(1) or [((), 0)]
            if times < LEAST_ALIKE * len(found) or not times:
                self._failures += 1
                return None
            own = [template for template in found if template is not None and template.literals == most]
            self._known = next((template for template in own if template.has_objects), own[0])
        is_for_engine = ONLY_WITH_OBJECTS and not self._known.has_objects
        return None if is_for_engine or self._is_wanted_whole(self._known) else self._known

    def tell(self, *, is_fitting: bool) -> None:
        """Whether the lines have the template that was given; if not, another is learnt from the next ones."""
        if not is_fitting:
            self._known = None
            self._failures += 1

    def _is_wanted_whole(self, template: Template) -> bool:
        """Whether an object of the lines is wanted as a whole."""
        return any(
            ".".join(path) in self._wanted.names or (len(path) == 1 and self._wanted.takes_all)
            for path in template.nodes
        )
