"""Which files are in the store, and how far: what the ledger says of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator

from governance.entries import Entry


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
        return next(
            (
                entry
                for entry in reversed(self._digests.get(file_sha256, []))
                if entry.facts.get("mapping_sha256") == mapping_sha256 and source in (None, entry.facts["source"])
            ),
            None,
        )

    def lengths(self, name: str) -> set[int]:
        """How many bytes a file of this name had whenever it was read."""
        return self._names.get(name, set())

    def parts(self, entry: Entry) -> Iterator[Entry]:
        """The entries of the stretches in which a file was read that has grown, newest first."""
        found: Entry | None = entry
        while found is not None:
            yield found
            found = self._files.get(str(found.facts.get("continues")))
