"""Which files are in the store, and how far: what the ledger says of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping

from governance.proof.entries import Entry


def identity(file_sha256: str, source: str, mapping_sha256: str) -> str:
    """The digest by which the ledger knows a file that was read in one way.

    Args:
        file_sha256: Digest of its bytes.
        source: Log format or mapping by which it was read.
        mapping_sha256: Digest of the mapping, empty without one.
    """
    return hashlib.sha256(f"{file_sha256}|{source}|{mapping_sha256}".encode()).hexdigest()


class Arrived:
    """The files that are in as a whole, and the batches of those that are in by half.

    Args:
        entries: Of the ledger, oldest first.
    """

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._files: dict[str, Entry] = {}
        self._digests: dict[str, list[Entry]] = {}
        self._objects: dict[tuple[str, str], Entry] = {}
        self._names: dict[str, set[int]] = {}
        self._batches: dict[str, list[Entry]] = {}
        self._retries: dict[str, list[Entry]] = {}
        for entry in entries:
            self.add(entry)

    def add(self, entry: Entry) -> None:
        """Takes note of one more entry."""
        if entry.kind == "ingest":
            self._batches.setdefault(str(entry.facts["batch"]), []).append(entry)
        if entry.kind == "retry":
            self._retries.setdefault(str(entry.facts["batch"]), []).append(entry)
        if entry.kind != "file":
            return
        facts = entry.facts
        self._files[str(facts["batch"])] = entry
        if facts.get("object"):
            self._objects[str(facts["file"]), _state(facts["object"])] = entry
        self._digests.setdefault(str(facts["file_sha256"]), []).append(entry)
        self._names.setdefault(str(facts["file"]), set()).add(int(facts["bytes"]))

    def whole(self, batch: str) -> Entry | None:
        """The entry of a file that is in as a whole."""
        return self._files.get(batch)

    def batches(self, batch: str) -> list[Entry]:
        """The entries of what is in of a file, in its order."""
        return self._batches.get(batch, [])

    def retries(self, batch: str) -> list[Entry]:
        """The entries by which records of a file have left quarantine."""
        return self._retries.get(batch, [])

    def read_as(self, file_sha256: str, source: str | None, mapping_sha256: str) -> Entry | None:
        """The newest entry of a file that is in as it would be read now.

        Args:
            file_sha256: Digest of its bytes.
            source: The format that the user named, or None.
            mapping_sha256: Digest of the mapping, empty without one.
        """
        found = reversed(self._digests.get(file_sha256, []))
        return next((entry for entry in found if _is_read_as(entry, source, mapping_sha256)), None)

    def fetched_as(self, name: str, state: Mapping[str, str], source: str | None, mapping_sha256: str) -> Entry | None:
        """The entry of an object that is in as it would be read now; None if its store does not tell its states apart.

        Args:
            name: Its address.
            state: What its store says of its state.
            source: The format that the user named, or None.
            mapping_sha256: Digest of the mapping, empty without one.
        """
        entry = self._objects.get((name, _state(state))) if state else None
        return entry if entry is not None and _is_read_as(entry, source, mapping_sha256) else None

    def lengths(self, name: str) -> set[int]:
        """How many bytes a file of this name had whenever it was read."""
        return self._names.get(name, set())

    def parts(self, entry: Entry) -> Iterator[Entry]:
        """The entries of the stretches in which a file was read that has grown, newest first."""
        found: Entry | None = entry
        while found is not None:
            yield found
            found = self._files.get(str(found.facts.get("continues")))


def _is_read_as(entry: Entry, source: str | None, mapping_sha256: str) -> bool:
    return entry.facts.get("mapping_sha256") == mapping_sha256 and source in (None, entry.facts["source"])


def _state(state: Mapping[str, str]) -> str:
    return "|".join(f"{name}={state[name]}" for name in sorted(state))
