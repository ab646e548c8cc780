"""How far a reading has come, for whoever watches it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum


class Stage(StrEnum):
    """What is being done to the files."""

    LOOKING = "looking at"
    READING = "reading"  # and fetching, where the file is an object of a store
    MERGING = "merging"
    TRYING = "trying"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a reading has come.

    Attributes:
        stage: What is being done.
        file: The file that is at hand, as the user wrote it.
        number: Its number, from 1.
        files: How many there are.
        bytes: How many of all files are done with, as they lie on the disk.
        total_bytes: How many there are in all files.
        records: Records of this file that are in the store.
        new: Records of all files that this run has added to those that were in.
    """

    stage: Stage
    file: str
    number: int
    files: int
    bytes: int
    total_bytes: int
    records: int = 0
    new: int = 0


Observer = Callable[[Progress], None]
Say = Callable[[str], None]  # told in a few words what a command is at


def ignore(progress: Progress) -> None:
    """Watches nothing."""


def unheard(said: str) -> None:
    """Says nothing to anybody."""


class Tally:
    """Adds up how far the work on several files has come.

    Args:
        observe: Told at each step.
        stage: What is being done.
        sizes: Bytes of each file, in the order of the work.
    """

    def __init__(self, observe: Observer, stage: Stage, sizes: Sequence[int]) -> None:
        self._observe = observe
        self._stage = stage
        self._sizes = sizes
        self._total = sum(sizes)
        self._file = ""
        self._number = 0
        self._before = 0  # bytes of the files before this one
        self._done = 0
        self._records = 0
        self._new = 0

    def begin(self, file: str) -> None:
        """The next file is at hand."""
        if self._number:
            self._before += self._sizes[self._number - 1]
        self._file, self._number, self._records = file, self._number + 1, 0
        self.advance(0, 0)

    def resume(self, records: int) -> None:
        """So many records of the file at hand were in the store before."""
        self._records = records
        if records:
            self.advance(self._done, records)

    def advance(self, done: int, records: int) -> None:
        """So many bytes of the file at hand are done with, and so many of its records are in the store."""
        self._new += max(0, records - self._records)
        self._records = max(records, self._records)
        self._done = done
        self._observe(
            Progress(
                self._stage,
                self._file,
                self._number,
                len(self._sizes),
                self._before + done,
                self._total,
                self._records,
                self._new,
            )
        )
