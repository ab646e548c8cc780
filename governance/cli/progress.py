"""How far a long command has come: a line on a terminal, silence elsewhere, and where it stood when it was stopped."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePath
from time import monotonic
from typing import TYPE_CHECKING

from governance.errors import StoppedError
from governance.progress import Progress, Stage

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from rich.progress import TaskID

    from governance.cli.session import Session

_SETTLED_S = 1.0  # a rate from less is noise


class Display:
    """Draws what it is told; remembers the last of it."""

    def __init__(self, bar: Bar | None) -> None:
        self.last: Progress | None = None
        self._bar = bar
        self._task: TaskID | None = None
        self._began: Progress | None = None
        self._start = 0.0

    def show(self, progress: Progress) -> None:
        """Takes the newest state."""
        self.last = progress
        if self._began is None or self._began.stage is not progress.stage:
            self._began, self._start = progress, monotonic()
        if self._bar is None:
            return
        if self._task is None:
            self._task = self._bar.add_task(_title(progress), total=progress.total_bytes, rate="", left="")
        seconds = monotonic() - self._start
        self._bar.update(
            self._task,
            description=_title(progress),
            completed=min(progress.bytes, progress.total_bytes),
            rate=_rate(progress, self._began, seconds),
            left=_left(progress, self._began, seconds),
        )

    def stopped(self) -> StoppedError:
        """What is in, and how to go on."""
        at = self.last
        if at is not None and at.stage is Stage.MERGING:
            return StoppedError("tables that were merged before stay merged; the same command goes on", where=at.file)
        if at is None or at.stage is not Stage.READING:
            return StoppedError("nothing of these files was stored by this run; the same command begins again")
        others = f"{at.number - 1} of {at.files} files are in as a whole, and " if at.number > 1 else ""
        records = f"{at.records:,} record{'' if at.records == 1 else 's'}"
        hint = f"{others}{records} of this one {'is' if at.records == 1 else 'are'} in"
        return StoppedError(f"{hint}; the same command goes on from there", where=at.file)


@contextmanager
def drawn(session: Session) -> Iterator[Display]:
    """A display that draws on a terminal, and only there.

    Raises:
        StoppedError: The user pressed Ctrl-C; says what is in.
    """
    display = Display(None)
    try:
        if session.as_json or not sys.stderr.isatty():
            yield display
            return
        with _bar() as bar:
            display = Display(bar)
            yield display
    except KeyboardInterrupt as error:
        raise (session.stopped() if session.finished else display.stopped()) from error


def _bar() -> Bar:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, TextColumn
    from rich.progress import Progress as Bar
    from rich.table import Column

    return Bar(
        TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis", ratio=1)),
        BarColumn(bar_width=10),
        DownloadColumn(table_column=Column(no_wrap=True)),
        TextColumn("{task.fields[rate]}", markup=False, table_column=Column(no_wrap=True)),
        TextColumn("{task.fields[left]}", markup=False, table_column=Column(no_wrap=True)),
        console=Console(stderr=True, highlight=False, emoji=False),
        transient=True,
        expand=True,
        refresh_per_second=4,
    )


def _title(progress: Progress) -> str:
    from governance.display import visible

    place = f"{progress.number}/{progress.files} " if progress.files > 1 else ""
    stage = "" if progress.stage is Stage.READING else f"{progress.stage} "
    return place + stage + visible(PurePath(progress.file).name or progress.file)


def _rate(progress: Progress, began: Progress, seconds: float) -> str:
    if seconds < _SETTLED_S:
        return ""
    megabytes = f"{(progress.bytes - began.bytes) / seconds / 1e6:.1f} MB/s"
    return f"{progress.new / seconds:,.0f} rows/s {megabytes}" if progress.stage is Stage.READING else megabytes


def _left(progress: Progress, began: Progress, seconds: float) -> str:
    done = progress.bytes - began.bytes
    if seconds < _SETTLED_S or done <= 0:
        return ""
    left = int((progress.total_bytes - progress.bytes) * seconds / done)
    minutes, rest = divmod(left, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02} left" if hours else f"{minutes}:{rest:02} left"
