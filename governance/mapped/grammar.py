"""The lines of a file that were learnt, and the columns of their values."""

from __future__ import annotations

from typing import NamedTuple

from governance.compiled.tree import Table, Tree
from governance.mapped.scans import Path
from governance.mapped.templates import template_of


class Column(NamedTuple):
    """Values under one path that are written in the same way."""

    path: Path
    kind: int


class Grammar:
    """The lines of one file that were learnt so far.

    Attributes:
        columns: The values that they have.
        paths: Path of each object in the object.
        varied: Columns with many different texts.
        has_objects: Whether there are objects in lists, with which the engine cannot be trusted.
    """

    def __init__(self) -> None:
        self.columns: list[Column] = []
        self.paths: set[Path] = set()
        self.varied: set[Column] = set()
        self.has_objects = False
        self._tree: Tree[Column] = Tree()

    def learn(self, line: bytes) -> bool:
        """Adds a line that the strict parser can read; whether it was new, and can be told by its bytes."""
        template = template_of(line)
        if template is None:
            return False
        columns = [Column(slot.path, slot.kind) for slot in template.slots]
        if not self._tree.add(template.literals, columns):
            return False
        self.columns += [column for column in columns if column not in self.columns]
        self.paths |= template.nodes.keys()
        self.has_objects |= template.has_objects
        return True

    def table(self) -> Table:
        """The lines as numbers, each value by the place of its column."""
        places = {column: place for place, column in enumerate(self.columns)}
        return self._tree.table(lambda column: (places[column], column.kind))
