"""The steps of verify that look at the ledger itself, one method for each; `verification.py` numbers them."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING

from governance.proof.commits import MAX_PENDING_BYTES, follows
from governance.proof.entries import (
    CHECKPOINT_NAME,
    ENTRY_NAME,
    FORMAT,
    MAX_ENTRY_BYTES,
    NO_ENTRY,
    Entry,
    NamedFile,
    Pending,
    checkpoint_name,
    entry_name,
    is_canonical,
    may_be_named_again,
)
from governance.proof.merkle import Tree
from governance.proof.notes import MAX_NOTE_BYTES, PublicKey, SignedCheckpoint, well_signed
from governance.proof.surveys import MISSING, Survey, UntrustedFolder

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator

_GENESIS_FACTS = {"format", "origin", "public_key_sha256"}
NEWEST, KEY, PENDING = "ledger/checkpoint", "ledger/key.pub", "ledger/pending"
HEALING = "the next governance command that writes completes or removes it"


@dataclass(slots=True)
class Inspection:
    """One look at a store; `problems` says what does not hold, by path, the first reason for each."""

    folder: UntrustedFolder
    problems: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    size: int = 0  # entries that the newest checkpoint signs
    roots: list[bytes] = field(default_factory=list)  # over the first 1, 2, ... entries, as far as they are there
    named: dict[str, NamedFile] = field(default_factory=dict)
    key: PublicKey | None = None
    survey: Survey = field(default_factory=Survey)
    _genesis: dict[str, object] = field(default_factory=dict)  # facts of entry 0
    _origin: str | None = None
    _newest: bytes | None = None
    _pending: Pending | None = None
    _tree: Tree = field(default_factory=Tree)
    _last: bytes = b""  # the entry that was read last
    _digests: dict[int, str] = field(default_factory=dict)  # of each entry's bytes
    _breaks: list[int] = field(default_factory=list)  # entries that do not continue the one before
    explained: set[str] = field(default_factory=set)  # names that an interrupted write explains

    def run(self, own_public_key: bytes | None) -> None:
        """Take steps 1 to 6."""
        self.survey = self.folder.survey(leave="cache")
        self._pending = self._read_pending()
        self._newest = self._read(NEWEST, MAX_NOTE_BYTES)
        self._inspect_key(own_public_key)
        self._inspect_newest()
        self._inspect_entries()
        self._inspect_checkpoints()
        self._inspect_pending()

    def report(self, path: str, what: str) -> None:
        """Take down a problem, unless the file has one already."""
        self.problems.setdefault(path, what)

    def compare(self, name: str, note: bytes) -> None:
        """Step 9: compare with a checkpoint that was kept elsewhere.

        Args:
            name: What to call it.
            note: Its bytes.
        """
        signed = self._signed(name, note)
        if signed is None:
            return
        if signed.size > self.size:
            lost = f"its last {signed.size - self.size} entries are missing: {name} signs {signed.size}"
            self.report(NEWEST, f"the ledger ends with entry {self.size - 1}, {lost}")
        elif signed.size <= len(self.roots) and self.roots[signed.size - 1] != signed.root:
            self.report(NEWEST, f"the first {signed.size} entries are not those that {name} signs: they were rewritten")

    def _read_pending(self) -> Pending | None:
        raw = self._read(PENDING, MAX_PENDING_BYTES, may_be_missing=True)
        try:
            return Pending.from_bytes(raw) if raw is not None else None
        except ValueError as error:
            self.report(PENDING, str(error))
            return None

    def _inspect_key(self, own_public_key: bytes | None) -> None:
        """Step 2."""
        self._genesis = self._genesis_facts()
        pem = self._read(KEY, MAX_NOTE_BYTES)
        if pem is not None:
            try:
                self.key = PublicKey.from_pem(pem)
            except ValueError as error:
                self.report(KEY, str(error))
            if sha256(pem).hexdigest() != self._genesis.get("public_key_sha256"):
                self.report(KEY, "is not the key that entry 0 names")
        if own_public_key is not None and own_public_key != pem:
            self.report(KEY, "is not the key that the reader knows as this store's")
            with suppress(ValueError):
                self.key = PublicKey.from_pem(own_public_key)

    def _genesis_facts(self) -> dict[str, object]:
        name = entry_name(0)
        try:
            genesis = Entry.from_bytes(self._read(name, MAX_ENTRY_BYTES) or b"")
        except ValueError:
            return {}  # reported with the other entries
        if genesis.kind != "genesis" or genesis.files or genesis.facts.keys() != _GENESIS_FACTS:
            self.report(name, "is not the first entry of a ledger")
        elif genesis.facts["format"] != FORMAT:
            self.report(name, f"is of a format that is not known here: {ascii(genesis.facts['format'])[:40]}")
        return genesis.facts

    def _signed(self, name: str, note: bytes, good: Container[bytes] = ()) -> SignedCheckpoint | None:
        """Step 3, for one checkpoint: what it signs, or None after reporting what is wrong."""
        try:
            signed = SignedCheckpoint.from_note(note)
        except ValueError as error:
            self.report(name, str(error))
            return None
        if self._origin not in {None, signed.origin}:
            self.report(name, f"is of another ledger: {signed.origin}")
            return None
        if note not in good and (self.key is None or not signed.is_signed_by(self.key)):
            # A key that is not the store's fits no checkpoint; then the key is the problem, and reported.
            if KEY not in self.problems:
                self.report(name, "is not signed by the key of this store")
            return None
        return signed

    def _inspect_newest(self) -> None:
        """Step 3, for the newest checkpoint: how many entries there should be."""
        signed = self._signed(NEWEST, self._newest) if self._newest is not None else None
        if signed is not None:
            self.size, self._origin = signed.size, signed.origin
            if self._genesis and self._genesis.get("origin") != signed.origin:
                self.report(entry_name(0), f"names another ledger than its checkpoints, which say {signed.origin}")
        for number in sorted(_numbers(self.survey.files, CHECKPOINT_NAME), reverse=True):
            if number > self.size and self._is_signed_and_not_pending(number):
                self.report(NEWEST, f"is older than {checkpoint_name(number)}")
                self.size = number
                break
        if self.size == 0:
            self.size = max(_numbers(self.survey.files, ENTRY_NAME), default=-1) + 1

    def _is_signed_and_not_pending(self, number: int) -> bool:
        note = self._read(checkpoint_name(number), MAX_NOTE_BYTES)
        if note is None or (self._pending is not None and note == self._pending.checkpoint):
            return False
        try:
            signed = SignedCheckpoint.from_note(note)
        except ValueError:
            return False
        return signed.size == number and self.key is not None and signed.is_signed_by(self.key)

    def _inspect_entries(self) -> None:
        """Step 4."""
        numbers = [n for n in _numbers(self.folder.files("ledger"), ENTRY_NAME) if n < self.size]
        for first, last in _gaps(numbers, 0, self.size):
            self.report(
                entry_name(first), "is missing" if first == last else f"is missing, with all up to entry {last}"
            )
        for number in numbers:
            raw = self._read(entry_name(number), MAX_ENTRY_BYTES)
            if raw is None:
                continue
            self._digests[number] = sha256(raw).hexdigest()
            self._last = raw
            if number == self._tree.size:
                self._tree.append(raw)
                self.roots.append(self._tree.root())
            self._inspect_entry(number, raw)

    def _inspect_entry(self, number: int, raw: bytes) -> None:
        name = entry_name(number)
        try:
            entry = Entry.from_bytes(raw)
        except ValueError as error:
            self.report(name, str(error))
            return
        if not is_canonical(raw):
            self.report(name, "is not spelled canonically")
        if entry.number != number:
            self.report(name, f"says that it is entry {entry.number}")
        if (entry.kind == "genesis") != (number == 0) or (number == 0 and entry.prev != NO_ENTRY):
            self.report(name, "is the first entry of a ledger, or should be")
        if number and entry.prev != self._digests.get(number - 1, entry.prev):
            self._breaks.append(number)
        for file in entry.files:
            earlier = self.named.setdefault(file.path, file)
            if earlier is not file and not (
                may_be_named_again(file.path) and (earlier.sha256, earlier.bytes) == (file.sha256, file.bytes)
            ):
                self.report(file.path, f"is named again by entry {number}")

    def _inspect_checkpoints(self) -> None:
        """Step 3, for all checkpoints, and step 5."""
        numbers = [n for n in _numbers(self.folder.files("ledger/checkpoints"), CHECKPOINT_NAME) if n <= self.size]
        for first, last in _gaps(numbers, 1, self.size + 1):
            what = "is missing" if first == last else f"is missing, with all up to {checkpoint_name(last)}"
            self.report(checkpoint_name(first), what)
        notes = {n: note for n in numbers if (note := self._read(checkpoint_name(n), MAX_NOTE_BYTES)) is not None}
        good = well_signed([*notes.values()], self.key)
        signed_roots: dict[int, bytes] = {}
        for number, note in notes.items():
            signed = self._signed(name := checkpoint_name(number), note, good)
            if signed is not None and signed.size != number:
                self.report(name, f"signs {signed.size} entries")
            elif signed is not None:
                signed_roots[number] = signed.root
                if number == self.size and note != self._newest:
                    self.report(NEWEST, f"is not the same as {name}")
        self._compare_roots(signed_roots)

    def _compare_roots(self, signed_roots: dict[int, bytes]) -> None:
        """Name the first entry that was changed; later ones show by the chain alone, since all later roots differ."""
        fitting = 0
        for size in sorted(size for size in signed_roots if size <= len(self.roots)):
            if self.roots[size - 1] != signed_roots[size]:
                of = f"entry {size - 1}" if fitting == size - 1 else f"one of the entries {fitting} to {size - 1}"
                self.report(entry_name(size - 1), f"{checkpoint_name(size)} does not sign this: {of} was changed")
                break
            fitting = size
        for number in self._breaks:
            if not {entry_name(number), entry_name(number - 1)} & self.problems.keys():
                self.report(entry_name(number), f"does not continue entry {number - 1}: one of the two was changed")

    def _inspect_pending(self) -> None:
        """Step 6."""
        pending = self._pending
        if pending is None:
            return
        number = pending.entry.number
        if number == self._tree.size == self.size and self._is_next(pending):
            self._explain(pending)
        elif number != self.size - 1 or sha256(pending.entry.raw).hexdigest() != self._digests.get(number):
            # A writer at work may have gone on since; a store at rest still holds what was read.
            if self._read_pending() == pending:
                self.report(PENDING, "is not the next write of this ledger")
            return
        self.notes.append(f"the write of entry {number} was interrupted; {HEALING}")

    def _is_next(self, pending: Pending) -> bool:
        return (
            self.key is not None
            and self._origin is not None
            and follows(pending, self._tree, self._last, self._origin, self.key)
        )

    def _explain(self, pending: Pending) -> None:
        """Take what an interrupted write has brought so far for what it is, if it has the right bytes."""
        number = pending.entry.number
        is_linked = entry_name(number) in self.survey.files
        for name, content in (
            (entry_name(number), pending.entry.raw),
            (checkpoint_name(number + 1), pending.checkpoint),
        ):
            self.explained.add(name)
            if name in self.survey.files and self._read(name, len(content)) != content:
                self.report(name, "is not what the interrupted write holds")
        for file in pending.entry.files:
            self.explained.add(file.path)
            what = self.folder.mismatch(file.path, file.sha256, file.bytes)
            if what and (is_linked or what != MISSING):
                self.report(file.path, what)

    def _read(self, path: str, limit: int, *, may_be_missing: bool = False) -> bytes | None:
        try:
            return self.folder.read(path, limit)
        except FileNotFoundError:
            if not may_be_missing:
                self.report(path, MISSING)
        except OSError as error:
            self.report(path, f"cannot be read: {error.strerror or error}")
        return None


def _numbers(paths: Iterable[str], name: re.Pattern[str]) -> list[int]:
    return sorted(int(match[1]) for match in map(name.fullmatch, paths) if match)


def _gaps(numbers: list[int], start: int, stop: int) -> Iterator[tuple[int, int]]:
    """First and last of each run between start and stop that is not among the sorted numbers."""
    for number in [*numbers, stop]:
        if number > start:
            yield start, number - 1
        start = number + 1
