"""What lines have in common, as the compiled loops are told it: chains of literals and values, which share beginnings.

A node is a place between two literals, and from each lead the ways on: a literal with the value behind it. A line that
leads from the root to the end is one of the chains that were added, with other values put in. JSON means one thing
only, so the strict parser would read just these values under just these keys. Nothing is taken for granted: a line of
which one byte is elsewhere is none of the tree. Nothing here is compiled.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

V = TypeVar("V")

MAX_NODES = 20_000  # chosen here: some hundred kinds of lines; a file with more is read in another way
TEXT, BARE, LIST = 0, 1, 2  # kinds of values: in quotes, a number or one of the three words, in brackets
FROM, TO, COLUMN, KIND, NEXT = range(5)  # of a way: where its literal begins and ends, the value behind it, its node
FIELDS = 5
END = -1  # the kind and node behind the last literal of a line, whose column is the number of its chain


class Table(NamedTuple):
    """A tree as numbers.

    Attributes:
        literals: Bytes of all literals.
        nodes: First way from each node, and the one behind the last, int32, shape (nodes, 2); the root is the first.
        ways: FROM, TO, COLUMN, KIND and NEXT of each, int32, shape (ways, 5); the longest ones of a node come first.
    """

    literals: bytes
    nodes: npt.NDArray[np.int32]
    ways: npt.NDArray[np.int32]


class _Node(Generic[V]):
    """A place between two literals.

    Attributes:
        ways: Literal and the value behind it, None behind the last -> where they lead.
        chain: Number of the chain that ends here, END of none.
    """

    def __init__(self) -> None:
        self.ways: dict[tuple[bytes, V | None], _Node[V]] = {}
        self.chain = END


class Tree(Generic[V]):
    """The chains that were added so far, each known by its number.

    Attributes:
        chains: How many there are.
    """

    def __init__(self) -> None:
        self.chains = 0
        self._root: _Node[V] = _Node()
        self._size = 1

    def add(self, literals: Sequence[bytes], values: Sequence[V]) -> bool:
        """Adds a chain; whether it is new, and there was room for it.

        Args:
            literals: Bytes before each value, and behind the last one.
            values: What each value is.
        """
        if self._size + len(literals) > MAX_NODES:
            return False
        node = self._root
        for way in zip(literals, [*values, None], strict=True):
            if way not in node.ways:
                node.ways[way] = _Node()
                self._size += 1
            node = node.ways[way]
        if node.chain != END:
            return False
        node.chain = self.chains
        self.chains += 1
        return True

    def table(self, told: Callable[[V], tuple[int, int]]) -> Table:
        """The tree as numbers.

        Args:
            told: Column and kind of a value.
        """
        places: dict[bytes, int] = {}
        size = 0
        nodes: list[tuple[int, int]] = []
        ways: list[tuple[int, ...]] = []
        order = [self._root]
        for node in order:
            begin = len(ways)
            # Of two that fit, one is the beginning of the other: `"a":` before a number, and `"a":"` before a text
            for (literal, value), following in sorted(node.ways.items(), key=lambda way: -len(way[0][0])):
                if literal not in places:
                    places[literal] = size
                    size += len(literal)
                start = places[literal]
                if value is None:
                    ways.append((start, start + len(literal), following.chain, END, END))
                else:
                    ways.append((start, start + len(literal), *told(value), len(order)))
                    order.append(following)
            nodes.append((begin, len(ways)))
        return Table(b"".join(places), np.array(nodes, np.int32), np.array(ways, np.int32).reshape(-1, FIELDS))
