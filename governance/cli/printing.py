"""The console of rich that most commands print to: lines that are broken go on further to the right."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.text import Text

from governance.cli.screen import hung, terminal_width


class Hanging(Console):
    """Standard output as plain text: no markup, no guessed colours, nothing broken where there is no terminal."""

    def __init__(self) -> None:
        super().__init__(width=terminal_width(), highlight=False, soft_wrap=False, emoji=False, markup=False)

    def on_broken_pipe(self) -> None:
        """Whoever read this has seen enough, which is no failure of the command: rich would exit with 1."""
        raise BrokenPipeError

    def print(self, *objects: Any, **options: Any) -> None:
        """Prints as rich does; a text is broken between words, and goes on behind its beginning."""
        if len(objects) != 1 or not isinstance(objects[0], str | Text):
            self._print_drawn(*objects, **options)
            return
        if options.get("soft_wrap") or "end" in options:
            super().print(*objects, **options)
            return
        for line in (objects[0] if isinstance(objects[0], Text) else Text(objects[0])).split(allow_blank=True):
            for margin, start, stop in hung(line.plain, self.width):
                super().print(Text(" " * margin) + line[start:stop], **options, soft_wrap=True)

    def _print_drawn(self, *objects: Any, **options: Any) -> None:
        """Prints what rich lays out, such as a table; in a pipe without the spaces that fill its last column."""
        if self.is_terminal:
            super().print(*objects, **options)
            return
        with self.capture() as drawn:
            super().print(*objects, **options)
        for line in drawn.get().splitlines():
            super().print(Text(line.rstrip()), soft_wrap=True)
