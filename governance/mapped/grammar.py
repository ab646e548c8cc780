"""What lines of JSON have in common that one program wrote: which bytes may stand between which values.

Each line that was learnt is a chain of literals and values. Lines share the beginning of their chains, so that the
whole is a tree: a node for each value, and from each the ways on, a literal with the value behind it. A line that leads
from the root to the end is one that was learnt with other values put in. JSON means one thing only, so the strict
parser would read just these values under just these keys. Nothing is taken for granted: a line of which one byte is
elsewhere is none of the grammar.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from governance.compiled.tree import END, FIELDS
from governance.mapped.scans import Path
from governance.mapped.templates import template_of

MAX_NODES = 20_000  # chosen here: some hundred kinds of lines; a log with more is left to others


class Column(NamedTuple):
    """Values under one path that are written in the same way."""

    path: Path
    kind: int


class _Node:
    """A place between two literals."""

    def __init__(self) -> None:
        self.ways: dict[tuple[bytes, Column | None], _Node] = {}


class Grammar:
    """The lines of one file that were learnt so far.

    Attributes:
        columns: The values that they have.
        paths: Path of each object in the object.
        varied: Those with many different texts.
        has_objects: Whether there are objects in lists, with which the engine cannot be trusted.
    """

    def __init__(self) -> None:
        self.columns: list[Column] = []
        self.paths: set[Path] = set()
        self.varied: set[Column] = set()
        self.has_objects = False
        self._root = _Node()
        self._size = 1

    def learn(self, line: bytes) -> bool:
        """Adds a line that the strict parser can read; whether it was new, and can be told by its bytes."""
        template = template_of(line)
        if template is None:
            return False
        columns = [Column(slot.path, slot.kind) for slot in template.slots]
        node, is_new = self._root, False
        for literal, column in zip(template.literals, [*columns, None], strict=True):
            if (literal, column) not in node.ways:
                if self._size >= MAX_NODES:
                    return False
                node.ways[literal, column] = _Node()
                self._size += 1
                is_new = True
            node = node.ways[literal, column]
        self.columns += [column for column in columns if column not in self.columns]
        self.paths |= template.nodes.keys()
        self.has_objects |= template.has_objects
        return is_new

    def table(self) -> Table:
        """The tree as numbers."""
        places = {column: place for place, column in enumerate(self.columns)}
        literals: dict[bytes, int] = {}
        size = 0
        nodes: list[tuple[int, int]] = []
        ways: list[tuple[int, ...]] = []
        numbers = {id(self._root): 0}
        order = [self._root]
        for node in order:
            begin = len(ways)
            # Of two that fit, one is the beginning of the other: `"a":` before a number, and `"a":"` before a text
            for (literal, column), following in sorted(node.ways.items(), key=lambda way: -len(way[0][0])):
                if literal not in literals:
                    literals[literal] = size
                    size += len(literal)
                if following.ways:
                    numbers[id(following)] = len(order)
                    order.append(following)
                place, kind = (END, END) if column is None else (places[column], column.kind)
                start = literals[literal]
                ways.append((start, start + len(literal), place, kind, numbers.get(id(following), END)))
            nodes.append((begin, len(ways)))
        return Table(b"".join(literals), np.array(nodes, np.int32), np.array(ways, np.int32).reshape(-1, FIELDS))


class Table(NamedTuple):
    """A grammar as numbers.

    Attributes:
        literals: Bytes of all literals.
        nodes: First way from each node, and the one behind the last, int32, shape (nodes, 2); the root is the first.
        ways:
    """

    literals: bytes
    nodes: npt.NDArray[np.int32]
    ways: npt.NDArray[np.int32]
