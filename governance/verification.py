"""verify(): recomputes the whole proof from the files of a store, or of a copy, and names those that do not fit.

What must hold, in the order in which it is looked at:
1. The names in the store are taken down before anything is read, then `pending`, then the newest checkpoint, then the
   entries: so a writer at work never looks like tampering, and verify needs no lock.
2. `key.pub` is spelled canonically, is the key that entry 0 names and, if the reader has one, the reader's own.
3. Each checkpoint is spelled canonically, signed by that key, of this origin and of the size that its name says; there
   is one for each number of entries, and `ledger/checkpoint` is the newest.
4. Each entry is spelled canonically, has the number that its name says, and continues the one before.
5. The root over the first n entries, computed anew, is the one that checkpoint n signs.
6. A pending write is the next one of this ledger, signed.
7. Each file that an entry names is there once, with the size and the digest that the entry says.
8. Nothing else lies in the store outside `cache/`: unread events in `spool/` have the digest of their bytes as name.
9. A newer checkpoint, kept elsewhere, is of this ledger, and its entries are all there, unchanged.
10. A file that a compaction made holds exactly the rows of those that it replaced, which an earlier entry names.
All that does not hold is reported, one problem for each file. Nothing that lies in a store makes verify raise.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from governance.errors import NotFoundError
from governance.proof.entries import CHECKPOINT_NAME, ENTRY_NAME, REPLACES
from governance.proof.inspection import KEY, NEWEST, PENDING, Inspection
from governance.proof.notes import MAX_NOTE_BYTES
from governance.proof.surveys import UntrustedFolder, shown

if TYPE_CHECKING:
    from pathlib import Path


_EVENT = re.compile(r"spool/([0-9a-f]{64})\.json")
_UNNAMED = "no entry names this file; `governance ingest` of the log that it was made from adopts it, else move it away"


@dataclass(frozen=True, slots=True)
class Problem:
    """A file that does not fit, and why."""

    path: str  # relative to the store, safe to print
    what: str


@dataclass(frozen=True, slots=True)
class Verification:
    """What verify found."""

    ok: bool
    entries: int  # that the newest checkpoint signs
    segments: int  # files that entries name
    root: str  # computed from the entries, hex; empty if an entry is missing
    problems: tuple[Problem, ...]
    notes: tuple[str, ...]  # what is no problem but worth knowing; the last says what verify cannot know


def verify(
    store: Path, *, newer: Path | None = None, own_public_key: bytes | None = None, compare_rows: bool = True
) -> Verification:
    """What is wrong with a store, if anything is.

    Args:
        store: Its folder, or a copy: any folder with `ledger/` in it. It may be read-only.
        newer: A checkpoint of the store that was kept elsewhere.
        own_public_key: The store's public key as the reader knows it, PEM.
        compare_rows: Whether to take step 10, which reads the rows of every merged and every replaced file.

    Raises:
        NotFoundError: There is no such folder, or no such checkpoint.
    """
    if not store.is_dir():
        raise NotFoundError("there is no such folder", where=str(store))
    inspection = Inspection(UntrustedFolder(store))
    inspection.run(own_public_key)
    _inspect_named_files(inspection)
    _inspect_other_files(inspection)
    if newer is not None:
        inspection.compare(str(newer), _read_newer(newer))
    if compare_rows and any(REPLACES in file.facts for file in inspection.named.values()):
        from governance.storage.merged_files import compare_merged_files  # noqa: PLC0415 - brings an engine; most need none

        compare_merged_files(inspection)
    return Verification(
        ok=not inspection.problems,
        entries=inspection.size,
        segments=len(inspection.named),
        root=inspection.roots[-1].hex() if len(inspection.roots) == inspection.size > 0 else "",
        problems=tuple(Problem(shown(path), shown(what)) for path, what in inspection.problems.items()),
        notes=(*inspection.notes, _limits(newer, own_public_key)),
    )


def _inspect_named_files(inspection: Inspection) -> None:
    """Step 7."""
    files = [(file.path, file.sha256, file.bytes) for file in inspection.named.values()]
    for path, what in inspection.folder.mismatches(files).items():
        inspection.report(path, what)


def _inspect_other_files(inspection: Inspection) -> None:
    """Step 8."""
    waiting = 0
    for path in sorted(inspection.survey.files - inspection.named.keys() - inspection.explained):
        event = _EVENT.fullmatch(path)
        if event:
            waiting += 1
            what = "its name is not the digest of its bytes" if inspection.folder.mismatch(path, event[1]) else None
        else:
            what = _misplaced(path, inspection.size) if path.startswith("ledger/") else _UNNAMED
        if what and inspection.folder.holds(path):  # a writer may seal an event, or undo a write, at any time
            inspection.report(path, what)
    for path, what in inspection.survey.odd.items():
        inspection.report(path, what)
    if waiting:
        inspection.notes.append(f"{_count(waiting, 'event')} in spool/ for the next governance command that writes")
    if inspection.survey.temporaries:
        inspection.notes.append(f"{_count(len(inspection.survey.temporaries), 'temporary name')} not looked at")


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def _misplaced(path: str, size: int) -> str | None:
    """What is wrong with the name of a file in `ledger/` that no interrupted write explains, or None.

    Args:
        path: Relative to the store.
        size: Entries that the newest checkpoint signs.
    """
    entry, checkpoint = ENTRY_NAME.fullmatch(path), CHECKPOINT_NAME.fullmatch(path)
    if entry:
        return None if int(entry[1]) < size else "no checkpoint signs this entry"
    if checkpoint:
        return None if 1 <= int(checkpoint[1]) <= size else "signs entries that are not there"
    return None if path in {NEWEST, KEY, PENDING} else "is no part of a ledger"


def _read_newer(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_NOTE_BYTES + 1)
    except OSError as error:
        raise NotFoundError(f"the checkpoint cannot be read: {error.strerror}", where=str(path)) from error


def _limits(newer: Path | None, own_public_key: bytes | None) -> str:
    """What verify cannot know, in one sentence."""
    window = "since the last checkpoint that somebody else keeps" if newer is None else "after the checkpoint given"
    stranger = "" if newer or own_public_key else ", whether the whole store was made anew with another key"
    return (
        "verify cannot know whether rows were changed or left out before they were ingested"
        f"{stranger}, nor whether a holder of the signing key rewrote entries {window}"
    )
