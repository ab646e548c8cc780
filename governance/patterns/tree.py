"""The templates of one file as a tree: lines share the beginnings of their chains of literals and values."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from governance.compiled.tree import END, FIELDS
from governance.patterns.templates import Template

MAX_NODES, MAX_PATTERNS = 20_000, 500  # chosen here; what a file has more of is read in another way


class _Node:
    """A place between two literals.

    Attributes:
        ways: Literal and kind of the value behind it, None of none -> where they lead.
        pattern: Number of the pattern that ends here, END of none.
    """

    def __init__(self) -> None:
        self.ways: dict[tuple[bytes, int | None], _Node] = {}
        self.pattern = END


class Table(NamedTuple):
    """A tree as numbers.

    Attributes:
        literals: Bytes of all literals.
        nodes: First way from each node, and the one behind the last, int32, shape (nodes, 2); the root is the first.
        ways: Where its literal begins and ends, the pattern that it ends, the kind of the value behind it, and the
            node behind that; int32, shape (ways, FIELDS), END for what there is not.
    """

    literals: bytes
    nodes: npt.NDArray[np.int32]
    ways: npt.NDArray[np.int32]


class Tree:
    """The templates that were added so far; each is known by its number."""

    def __init__(self) -> None:
        self.templates: list[Template] = []
        self._root = _Node()
        self._size = 1
        self._table: Table | None = None

    @property
    def slots(self) -> int:
        """How many values a line has at most."""
        return max((len(template.kinds) for template in self.templates), default=0)

    def add(self, template: Template) -> bool:
        """Adds a template; whether it is new."""
        if self._size + len(template.literals) > MAX_NODES or len(self.templates) == MAX_PATTERNS:
            return False
        node = self._root
        for way in zip(template.literals, [*template.kinds, None], strict=True):
            if way not in node.ways:
                node.ways[way] = _Node()
                self._size += 1
            node = node.ways[way]
        if node.pattern != END:
            return False
        node.pattern = len(self.templates)
        self.templates.append(template)
        self._table = None
        return True

    def table(self) -> Table:
        """The tree as numbers."""
        self._table = self._table or self._made()
        return self._table

    def _made(self) -> Table:
        places: dict[bytes, int] = {}
        size = 0
        nodes: list[tuple[int, int]] = []
        ways: list[tuple[int, ...]] = []
        order = [self._root]
        for node in order:
            begin = len(ways)
            # Of two that fit, one is the beginning of the other: `"a":` before a number, and `"a":"` before a text
            for (literal, kind), following in sorted(node.ways.items(), key=lambda way: -len(way[0][0])):
                if literal not in places:
                    places[literal] = size
                    size += len(literal)
                start, behind = places[literal], END if kind is None else len(order)
                ways.append((start, start + len(literal), following.pattern, END if kind is None else kind, behind))
                if kind is not None:
                    order.append(following)
            nodes.append((begin, len(ways)))
        return Table(b"".join(places), np.array(nodes, np.int32), np.array(ways, np.int32).reshape(-1, FIELDS))
