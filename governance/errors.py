"""What can go wrong, said so that a user can act on it.

Each error says what happened, where, and what to do:

    GovernanceError            the input or the command line is wrong          exit 2
    ├── SourceError            a log, mapping, model file or card cannot be used
    ├── PolicyError            a policy is invalid; carries every mistake found in it
    ├── LedgerError            the store does not verify                        exit 3
    ├── NotFoundError          no such id, window, workspace or file
    ├── BusyError              somebody else is writing to the store
    ├── MissingExtraError      an optional library is not installed
    └── StoppedError           the user stopped the command                     exit 130
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path


class GovernanceError(Exception):
    """An error that is the user's to mend.

    Args:
        what: One sentence without a final stop.
        where: File, line, field or id.
        hint: What to do about it.
    """

    exit_code = 2

    def __init__(self, what: str, *, where: str | None = None, hint: str | None = None) -> None:
        self.what = what
        self.where = where
        self.hint = hint
        super().__init__(f"{where}: {what}" if where else what)


class SourceError(GovernanceError):
    """A log, mapping, model file or card cannot be used."""


class NotFoundError(GovernanceError):
    """No such id, window, workspace or file."""


class BusyError(GovernanceError):
    """Somebody else is writing to the store."""


class LedgerError(GovernanceError):
    """The store does not verify against its ledger."""

    exit_code = 3


class MissingExtraError(GovernanceError):
    """An optional library is not installed."""

    def __init__(self, library: str, extra: str, purpose: str) -> None:
        super().__init__(
            f"{purpose} needs {library}, which is not installed",
            hint=f"pip install 'governance[{extra}]'",
        )


class StoppedError(GovernanceError):
    """The user stopped the command; the hint says what is done and how to go on."""

    exit_code = 130  # 128 + SIGINT, as shells report it

    def __init__(self, hint: str, *, where: str | None = None) -> None:
        super().__init__("interrupted", where=where, hint=hint)


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing that is wrong in a file that a person wrote."""

    where: str  # file:line: field
    what: str
    hint: str | None = None


class PolicyError(GovernanceError):
    """A policy is invalid; carries every mistake found, in the order of the file."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        self.mistakes = tuple(mistakes)
        first = self.mistakes[0]
        more = f" (and {len(self.mistakes) - 1} more)" if len(self.mistakes) > 1 else ""
        super().__init__(first.what + more, where=first.where, hint=first.hint)


def no_file(path: Path, hint: str) -> NotFoundError:
    """The error for a path that names no file, with what it names instead."""
    what = "this is a folder, not a file" if path.is_dir() else "there is no such file"
    return NotFoundError(what, where=str(path), hint=hint)


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Hint that names the known word nearest to a misspelt one, whatever its case, or None."""
    from difflib import get_close_matches  # noqa: PLC0415 - only who errs waits for it

    words = list(known)
    close = get_close_matches(name, words, n=1, cutoff=0.6)
    if not close:
        folded = {word.casefold(): word for word in reversed(words)}
        close = [folded[word] for word in get_close_matches(name.casefold(), folded, n=1, cutoff=0.6)]
    return f"did you mean '{close[0]}'?" if close else None
