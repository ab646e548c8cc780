"""One line of JSON -> its template: the bytes before, between and behind its values, and what stands between them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from governance.compiled.tree import BARE, LIST, TEXT
from governance.mapped.scans import Path

_TOKEN = re.compile(rb'"((?:[^"\\]|\\.)*)"|([-+.\w]+)|([{}[\]:,])|( +)')
MAX_SLOTS = 500  # chosen here, like the keys of a shape: a log with more writes data as keys


class Slot(NamedTuple):
    """The place of a value.

    Attributes:
        path: The keys to it.
        kind: TEXT, BARE or LIST.
    """

    path: Path
    kind: int


@dataclass(frozen=True)
class Template:
    """What a line has in common with others that one program wrote.

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
            self.spans.append((Slot(self._named(), BARE if text is None else TEXT), *token.span(place)))
        return True

    def _list(self, token: re.Match[bytes]) -> None:
        self.has_objects |= token.group() == b"{"
        if token.group() == b"[":
            self._start = self._start if self._depth else token.start()
            self._depth += 1
        elif token.group() == b"]":
            self._depth -= 1
            if not self._depth:
                self.spans.append((Slot(self._named(), LIST), self._start, token.end()))

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
