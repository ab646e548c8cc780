"""Digests of files that were looked at before, so that a re-run over thousands of files need not read them again.

A file is taken for unchanged if its device, inode, size, time of change and time of status change are what they were;
the last of these is the kernel's and no program can set it back. What changed less than two seconds before it was
looked at is not remembered: its next change might bear the same time. It lies in `cache/`, is never evidence, and says
only that a file may be left alone that the ledger names: whatever is read is digested anew.
"""

from __future__ import annotations

import json
import os
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from governance.proof import durable

MAX_BYTES = 1 << 28  # chosen here: two million files
_UNSETTLED_NS = 2_000_000_000  # the coarsest clock of a file system in use, that of FAT


class Looked(NamedTuple):
    """What a file was when it was looked at."""

    bytes: int
    changed_ns: int
    status_ns: int
    sha256: str


class Manifest:
    """What is known of files by their inodes.

    Args:
        path: Where it lies; nothing is known if it is missing or is none of ours.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._looked = _read(path)
        self._is_new = False

    def before(self, status: os.stat_result) -> Looked | None:
        """What the file was when it was looked at last."""
        return self._looked.get(_key(status))

    def digest(self, status: os.stat_result) -> str | None:
        """SHA-256 of an unchanged file; None if it may have changed, or was never looked at."""
        found = self.before(status)
        return found.sha256 if found is not None and found == _looked(status, found.sha256) else None

    def remember(self, status: os.stat_result, sha256: str, now: datetime) -> None:
        """Keeps a digest.

        Args:
            status: Of the file, before its bytes were read.
            sha256: Its digest.
            now: A moment before the status was taken.
        """
        if max(status.st_mtime_ns, status.st_ctime_ns) + _UNSETTLED_NS > now.timestamp() * 1e9:
            return
        looked = _looked(status, sha256)
        if self.before(status) != looked:
            self._looked[_key(status)] = looked
            self._is_new = True

    def save(self) -> None:
        """Writes it down, if there is something new."""
        if self._is_new:
            durable.make_folder(self._path.parent)
            durable.replace(self._path, json.dumps(self._looked, separators=(",", ":")).encode(), 0o600)
            self._is_new = False


def _key(status: os.stat_result) -> str:
    return f"{status.st_dev}:{status.st_ino}"


def _looked(status: os.stat_result, sha256: str) -> Looked:
    return Looked(status.st_size, status.st_mtime_ns, status.st_ctime_ns, sha256)


def _read(path: Path) -> dict[str, Looked]:
    """What was written down; nothing if it cannot be read, for it can be made again."""
    try:
        found = json.loads(durable.read_regular(path, MAX_BYTES))
        return {str(key): Looked(int(size), int(changed), int(status), str(sha256))
                for key, (size, changed, status, sha256) in found.items()}  # fmt: skip
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):
        return {}
