"""What a command is at, for those who wait for it: a line on a terminal that goes away, and silence elsewhere."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from governance.progress import unheard

if TYPE_CHECKING:
    from collections.abc import Iterator

    from governance.cli.session import Session
    from governance.progress import Say


@contextmanager
def waiting(session: Session, what: str) -> Iterator[Say]:
    """A line that says what is done, how long it has taken, and, as it is told, at what it is."""
    if session.as_json or not sys.stderr.isatty():
        yield unheard
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
    from rich.table import Column

    from governance.display import visible

    text = TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis"))
    console = Console(stderr=True, highlight=False, emoji=False)
    with Progress(SpinnerColumn(), TimeElapsedColumn(), text, console=console, transient=True) as line:
        task = line.add_task(what, total=None)
        yield lambda said: line.update(task, description=f"{what}: {visible(said)}")
