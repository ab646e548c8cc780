"""The ledger: what happened to the store, entry by entry, chained and signed; whatever it does not name does not exist.

    ledger/0000000000.json             entries, canonical JSON, each with the SHA-256 of the one before
    ledger/checkpoints/0000000001      a signed checkpoint for each number of entries; ledger/checkpoint is the newest
    ledger/key.pub                     the key that signs them; its digest stands in entry 0
    ledger/pending                     only while an entry is being written

A commit, of which each step is on the disk before the next begins:
1. `pending` is written: the new entry, the checkpoint that signs it, the temporary names of its files.
2. Each file is linked to its final name; a file that is there already with the same bytes is adopted.
3. The entry is linked to its name. This is the commit point.
4. Its checkpoint is written and takes the place of the newest.
5. `pending` and the temporary names are removed.
A writer that was killed leaves `pending`: the next one completes that commit if all its files are there, else undoes
it. Readers take the newest checkpoint and read the entries that it signs, so they never wait and never see a half.
"""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Self

from governance.errors import GovernanceError, LedgerError, NotFoundError
from governance.proof import durable
from governance.proof.commits import StagedFile, Writer
from governance.proof.entries import (
    FORMAT,
    JSON,
    MAX_ENTRY_BYTES,
    NO_ENTRY,
    Entry,
    NamedFile,
    checkpoint_name,
    entry_bytes,
    entry_name,
    is_path,
)
from governance.proof.merkle import Tree
from governance.proof.notes import MAX_NOTE_BYTES, SignedCheckpoint, SigningKey, is_origin

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["JSON", "Checkpoint", "Entry", "Ledger", "NamedFile", "StagedFile", "Writer", "is_path"]

_VERIFY = "`governance verify` names each file that was changed"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The state of the ledger at a number of entries."""

    size: int
    root: str  # hex
    text: str  # signed note


@dataclass(frozen=True, slots=True)
class Ledger:
    """The ledger of a store, as readers see it."""

    store: Path

    @classmethod
    def create(cls, store: Path, *, origin: str, key_path: Path, at: str) -> Self:
        """Make the ledger of a new store, with entry 0.

        Args:
            store: Its folder, made if missing.
            origin: Name of the ledger, in each checkpoint; no spaces and no plus.
            key_path: The private key that signs it from now on.
            at: When, as in `Entry.at`.

        Raises:
            GovernanceError: There is a ledger already, or the origin or the key cannot be used.
        """
        if not is_origin(origin):
            raise GovernanceError("the name of a ledger is printable, without spaces and plus signs", where=origin)
        key = SigningKey.read(key_path)
        digest = sha256(key.public.pem()).hexdigest()
        facts: dict[str, JSON] = {"format": FORMAT, "origin": origin, "public_key_sha256": digest}
        raw = entry_bytes(number=0, kind="genesis", at=at, facts=facts, files=(), prev=NO_ENTRY)
        note = key.sign(origin, 1, Tree().grown(raw).root()).note()
        files = {
            "0000000000.json": raw,
            "checkpoint": note,
            "checkpoints/0000000001": note,
            "key.pub": key.public.pem(),
        }
        try:
            durable.make_folder(store, 0o700)
            durable.write_folder(store / "ledger", files)
        except FileExistsError as error:
            raise GovernanceError("there is a ledger already", where=str(store), hint="it is kept as it is") from error
        except OSError as error:
            raise durable.wrap(error, "the store cannot be made") from error
        return cls(store)

    @classmethod
    def open(cls, store: Path) -> Self:
        """The ledger of a store, for reading.

        Raises:
            NotFoundError: The folder holds no ledger.
        """
        if not (store / "ledger").is_dir():
            raise NotFoundError("there is no store here", where=str(store), hint="`governance init` makes a workspace")
        return cls(store)

    def checkpoint(self, as_of: int | None = None) -> Checkpoint:
        """The newest checkpoint, or the one that signs the first `as_of` entries.

        Raises:
            NotFoundError: The ledger never had so many entries.
            LedgerError: The checkpoint is missing or cannot be read.
        """
        note, signed = self._signed(self.store / "ledger" / "checkpoint")
        if as_of is not None and as_of != signed.size:
            if not 1 <= as_of < signed.size:
                raise NotFoundError(
                    f"the ledger has {signed.size} entries, so there is no state as of {as_of}",
                    where=str(self.store),
                    hint=f"choose 1 to {signed.size}",
                )
            note, signed = self._signed(self.store / checkpoint_name(as_of))
        return Checkpoint(signed.size, signed.root.hex(), note.decode())

    def entries(self, as_of: int | None = None) -> tuple[Entry, ...]:
        """The first `as_of` entries, or all that the newest checkpoint signs.

        Raises:
            NotFoundError: The ledger never had so many entries.
            LedgerError: An entry is missing or cannot be read.
        """
        size = self.checkpoint(as_of).size
        return tuple([self._entry(f"{self.store}/{entry_name(number)}", number) for number in range(size)])

    def public_key(self) -> bytes:
        """The key that signs the ledger, as PEM.

        Raises:
            LedgerError: It is missing or cannot be read.
        """
        return self._read(self.store / "ledger" / "key.pub", MAX_NOTE_BYTES)

    @contextmanager
    def writing(self, key_path: Path) -> Iterator[Writer]:
        """Keep other writers out, complete or undo what a killed one began, remove what it left, and write.

        Files are staged inside this block: temporary files of an earlier one are removed when it begins.

        Args:
            key_path: The private key that belongs to the store.

        Raises:
            BusyError: Another process is writing.
            NotFoundError: The key is missing.
            GovernanceError: The key is another store's, or the disk refuses.
            LedgerError: The ledger does not fit its newest checkpoint, so nothing is signed on top of it.
        """
        key = SigningKey.read(key_path)
        if key.public.pem() != self.public_key():
            raise GovernanceError("the signing key is not the one of this store", where=str(key_path))
        holder: dict[str, str | int] = {
            "command": _command_line(),
            "host": os.uname().nodename,
            "pid": os.getpid(),
            "since": datetime.now(UTC).isoformat(timespec="seconds"),  # for whoever is kept out; it is no evidence
        }
        with durable.locked(self.store / "cache" / "lock", holder):
            writer = Writer(self, key)
            writer.heal()
            yield writer

    def _entry(self, path: str, number: int) -> Entry:
        raw = self._read(path, MAX_ENTRY_BYTES)
        try:
            entry = Entry.from_bytes(raw)
        except ValueError as error:
            raise LedgerError(f"the entry {error}", where=path, hint=_VERIFY) from error
        if entry.number != number:
            raise LedgerError(f"the entry says that it is number {entry.number}", where=path, hint=_VERIFY)
        return entry

    def _signed(self, path: Path) -> tuple[bytes, SignedCheckpoint]:
        note = self._read(path, MAX_NOTE_BYTES)
        try:
            return note, SignedCheckpoint.from_note(note)
        except ValueError as error:
            raise LedgerError(f"the checkpoint {error}", where=str(path), hint=_VERIFY) from error

    def _read(self, path: Path | str, limit: int) -> bytes:
        try:
            return durable.read_regular(path, limit)
        except OSError as error:
            raise LedgerError(
                f"the file cannot be read: {error.strerror or error}", where=str(path), hint=_VERIFY
            ) from error


def _command_line() -> str:
    """The command that holds the lock, without addresses: one for notices may hold a password."""
    words = ["..." if "://" in word else word for word in sys.argv[1:]]
    return " ".join([Path(sys.argv[0]).name, *words])[:200]
