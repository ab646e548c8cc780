"""Writes to the ledger: one writer, and the steps by which an entry becomes part of a store, or is undone.

`ledger.py` says in which order and why. Each step may be repeated after a crash, and what a crash left is told from
tampering by the signature in the pending write. Its paths are checked when it is read (`entries.py`).
"""

from __future__ import annotations

import errno
import os
from collections import Counter
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from governance.errors import GovernanceError, LedgerError
from governance.proof import durable
from governance.proof.entries import (
    Entry,
    NamedFile,
    Pending,
    checkpoint_name,
    entry_bytes,
    entry_name,
    may_be_named_again,
)
from governance.proof.merkle import Tree
from governance.proof.notes import PublicKey, SignedCheckpoint, SigningKey

if TYPE_CHECKING:
    from collections.abc import Container, Mapping, Sequence

    from governance.proof.entries import JSON
    from governance.proof.ledger import Ledger

MAX_PENDING_BYTES = 1 << 29  # an entry, escaped once more
_NO_FILE = {None, errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENXIO}  # no name, a link, or no regular file
_VERIFY = "`governance verify` names each file that was changed"
_NOT_SIGNED = "nothing is signed on top of a ledger that does not verify; " + _VERIFY


@dataclass(frozen=True, slots=True)
class StagedFile:
    """A file that waits to be named: its bytes are on the disk under a `.tmp-` name in the store."""

    temporary: Path
    named: NamedFile


class Writer:
    """Appends entries to a ledger; made by `Ledger.writing`, which holds the lock."""

    def __init__(self, ledger: Ledger, key: SigningKey) -> None:
        self._ledger = ledger
        self._store = ledger.store
        self._key = key
        self._tree = Tree()
        self._last = b""
        self._origin = ""
        self._named: dict[str, str] = {}  # path -> SHA-256
        self._is_whole = False

    def commit(self, kind: str, facts: Mapping[str, JSON], files: Sequence[StagedFile] = (), *, at: str) -> Entry:
        """Append an entry that names these files; when this returns, all of it survives a power cut.

        Args:
            kind: Lower-case word: ingest, model, policy, findings ...
            facts: What happened, without floats.
            files: Staged in this `writing` block.
            at: When, as in `Entry.at`.

        Raises:
            TypeError, ValueError: An argument has another form than an entry can hold.
            LedgerError: The name of a file is taken by other bytes.
            GovernanceError: An earlier entry names a file of the same path, unless it is a blob; or the disk refuses:
                then the next commit, or the next writer, completes or undoes this one.
        """
        try:
            if not self._is_whole:
                self._load()
            pending = self._prepare(kind, facts, files, at)
            self._is_whole = False
            durable.replace(self._store / "ledger" / "pending", pending.raw())
            complete(self._store, pending)
        except OSError as error:
            raise durable.wrap(error, "the store cannot be written") from error
        self._append(pending.entry)
        self._is_whole = True
        return pending.entry

    def heal(self) -> None:
        """Complete or undo what a killed writer began, and remove its temporary files.

        Raises:
            LedgerError: The ledger does not fit its newest checkpoint.
            GovernanceError: The disk refuses.
        """
        try:
            self._load()
            durable.remove_temporaries(self._store, leave=("cache", "spool"))
        except OSError as error:
            raise durable.wrap(error, "the store cannot be written") from error

    def _load(self) -> None:
        """Read the ledger, finish what is pending, and make sure that the newest checkpoint signs what was read."""
        self._tree, self._named = Tree(), {}
        for entry in self._ledger.entries():
            self._append(entry)
        newest = SignedCheckpoint.from_note(self._ledger.checkpoint().text.encode())
        if newest.root != self._tree.root() or not newest.is_signed_by(self._key.public):
            raise LedgerError(
                "the newest checkpoint does not sign the entries", where=str(self._store), hint=_NOT_SIGNED
            )
        self._origin = newest.origin
        self._settle()
        for name in (entry_name(self._tree.size), checkpoint_name(self._tree.size + 1)):
            if os.path.lexists(self._store / name):
                raise LedgerError("the file lies beyond the newest checkpoint", where=name, hint=_NOT_SIGNED)
        self._is_whole = True

    def _settle(self) -> None:
        """Complete or undo the pending write, if there is one."""
        pending = self._pending()
        if pending is None:
            return
        if pending.entry.raw == self._last:
            forget(self._store, pending)
        elif not follows(pending, self._tree, self._last, self._origin, self._key.public):
            raise LedgerError("the pending write does not fit the ledger", where="ledger/pending", hint=_NOT_SIGNED)
        elif is_ready(self._store, pending):
            complete(self._store, pending)
            self._append(pending.entry)
        elif os.path.lexists(self._store / entry_name(pending.entry.number)):
            raise LedgerError("a file of the newest entry is missing", where="ledger/pending", hint=_NOT_SIGNED)
        else:
            undo(self._store, pending, self._named)

    def _pending(self) -> Pending | None:
        try:
            return Pending.from_bytes(durable.read_regular(self._store / "ledger/pending", MAX_PENDING_BYTES))
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise LedgerError(f"the file {error}", where="ledger/pending", hint=_NOT_SIGNED) from error

    def _prepare(self, kind: str, facts: Mapping[str, JSON], files: Sequence[StagedFile], at: str) -> Pending:
        named = [file.named for file in files]
        prev, number = sha256(self._last).hexdigest(), self._tree.size
        entry = Entry.from_bytes(entry_bytes(number=number, kind=kind, at=at, facts=facts, files=named, prev=prev))
        self._refuse_taken(named)
        for file in files:
            if file.temporary.lstat().st_size != file.named.bytes:
                raise ValueError(f"{file.temporary} is not as long as said for {file.named.path}")
        root = self._tree.grown(entry.raw).root()
        note = self._key.sign(self._origin, number + 1, root).note()
        staged = tuple(file.temporary.relative_to(self._store).as_posix() for file in files)
        return Pending.from_bytes(Pending(entry, note, staged).raw())

    def _refuse_taken(self, files: Sequence[NamedFile]) -> None:
        for path, times in Counter(file.path for file in files).items():
            if times > 1 or (path in self._named and not may_be_named_again(path)):
                raise GovernanceError("the same rows or bytes are in the store already", where=path)
        other = taken(self._store, files)
        if other:
            raise LedgerError("the name is taken by a file with other bytes", where=other, hint=_VERIFY)

    def _append(self, entry: Entry) -> None:
        self._tree.append(entry.raw)
        self._last = entry.raw
        self._named |= {file.path: file.sha256 for file in entry.files}


def follows(pending: Pending, tree: Tree, last: bytes, origin: str, key: PublicKey) -> bool:
    """Whether a pending write was signed as the next one of this ledger.

    Args:
        pending: The write.
        tree: Over all entries before it.
        last: Bytes of the entry before it.
        origin: Name of the ledger.
        key: Its key.
    """
    entry = pending.entry
    try:
        signed = SignedCheckpoint.from_note(pending.checkpoint)
    except ValueError:
        return False
    return (
        (entry.number, entry.prev) == (tree.size, sha256(last).hexdigest())
        and (signed.origin, signed.size) == (origin, tree.size + 1)
        and signed.root == tree.grown(entry.raw).root()
        and signed.is_signed_by(key)
    )


def complete(store: Path, pending: Pending) -> None:
    """Steps 2 to 5: give the files, the entry and the checkpoint their names, and remove what is no longer needed.

    Raises:
        LedgerError: A name is taken by other bytes.
    """
    for temporary, file in zip(pending.staged, pending.entry.files, strict=True):
        _link(store, temporary, file)
    parents = {parent for file in pending.entry.files for parent in Path(file.path).parents}
    for folder in sorted(parents, reverse=True):  # whoever staged the files may have made the folders above them
        durable.sync_folder(store / folder)
    _publish(store / entry_name(pending.entry.number), pending.entry.raw)
    _publish(store / checkpoint_name(pending.entry.number + 1), pending.checkpoint)
    durable.replace(store / "ledger" / "checkpoint", pending.checkpoint)
    forget(store, pending)


def undo(store: Path, pending: Pending, named: Container[str]) -> None:
    """Remove the files that only the pending write names, and the pending write.

    Args:
        store: Its folder.
        pending: The write that cannot be completed.
        named: Paths that entries name.
    """
    for file in pending.entry.files:
        path = store / file.path
        if file.path not in named and holds(path, file.sha256):
            path.unlink()
            durable.sync_folder(path.parent)
    forget(store, pending)


def forget(store: Path, pending: Pending) -> None:
    """Step 5: remove the pending write and its temporary names."""
    (store / "ledger" / "pending").unlink()
    durable.sync_folder(store / "ledger")
    for temporary in pending.staged:
        (store / temporary).unlink(missing_ok=True)


def is_ready(store: Path, pending: Pending) -> bool:
    """Whether each file of a pending write is there with the right bytes, under its final or its temporary name."""
    for temporary, file in zip(pending.staged, pending.entry.files, strict=True):
        final = store / file.path
        if not holds(final if os.path.lexists(final) else store / temporary, file.sha256):
            return False
    return True


def taken(store: Path, files: Sequence[NamedFile]) -> str | None:
    """Path of the first file whose name is taken by other bytes, or None."""
    for file in files:
        final = store / file.path
        if os.path.lexists(final) and not holds(final, file.sha256):
            return file.path
    return None


def holds(path: Path, sha256: str) -> bool:
    """Whether a regular file is there and has this digest.

    Raises:
        OSError: It is there and cannot be read, which says nothing about its bytes.
    """
    try:
        return durable.digest_regular(path) == sha256
    except OSError as error:
        if error.errno in _NO_FILE:
            return False
        raise


def _link(store: Path, temporary: str, file: NamedFile) -> None:
    final = store / file.path
    durable.make_folder(final.parent)
    try:
        os.link(store / temporary, final)
    except FileExistsError as error:
        if not holds(final, file.sha256):
            raise LedgerError("the name is taken by a file with other bytes", where=file.path) from error
    final.chmod(durable.KEPT)


def _publish(path: Path, content: bytes) -> None:
    try:
        durable.write_new(path, content)
    except FileExistsError as error:
        if durable.read_regular(path, len(content)) != content:
            raise LedgerError("the name is taken by a file with other bytes", where=f"ledger/{path.name}") from error
        durable.sync_folder(path.parent)
