"""The templates of one file, and the tree of their chains."""

from __future__ import annotations

from governance.compiled.tree import END, Table, Tree
from governance.patterns.templates import Template


class Patterns:
    """The templates that were added so far; each is known by its number.

    Attributes:
        templates: The templates, in order of their numbers.
    """

    def __init__(self) -> None:
        self.templates: list[Template] = []
        self._tree: Tree[int] = Tree()

    @property
    def slots(self) -> int:
        """How many values a line has at most."""
        return max((len(template.kinds) for template in self.templates), default=0)

    def add(self, template: Template) -> bool:
        """Adds a template; whether it is new."""
        is_new = self._tree.add(template.literals, template.kinds)
        if is_new:
            self.templates.append(template)
        return is_new

    def table(self) -> Table:
        """The tree as numbers; a line that ends names its template where others name a column."""
        return self._tree.table(lambda kind: (END, kind))
