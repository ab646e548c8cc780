"""What lies in a folder that nobody trusts: its names, and the bytes of its files, without ever following a link.

Reading never waits (a pipe is no file), never takes more bytes than asked for, and never leaves the folder.
"""

from __future__ import annotations

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from governance.proof import durable

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

MISSING = "is missing"
_WORTH_THREADS = 1 << 22  # bytes to hash above which a second thread pays; measured here


@dataclass(frozen=True, slots=True)
class Survey:
    """The names in a folder at one moment; paths are relative to it, with slashes."""

    files: set[str] = field(default_factory=set)  # regular files
    odd: dict[str, str] = field(default_factory=dict)  # path -> what it is instead
    temporaries: list[str] = field(default_factory=list)  # names that begin with `.tmp-`, not looked into


@dataclass(slots=True)
class UntrustedFolder:
    """A folder whose content may have been made to mislead."""

    root: Path
    _plain: dict[str, bool] = field(default_factory=lambda: {"": True})

    def survey(self, *, leave: str) -> Survey:
        """All names, at every depth, except in the folder `leave`."""
        found = Survey()
        folders = [""]
        while folders:
            folder = folders.pop()
            try:
                with os.scandir(self.root / folder) as items:
                    for item in items:
                        path = f"{folder}{item.name}"
                        if item.name.startswith(durable.TEMPORARY):
                            found.temporaries.append(path)
                        elif not item.is_dir(follow_symlinks=False):
                            _note_file(found, path, item)
                        elif path != leave:
                            folders.append(f"{path}/")
            except OSError as error:
                found.odd[folder.rstrip("/") or "."] = f"cannot be listed: {error.strerror}"
        return found

    def files(self, folder: str) -> list[str]:
        """Paths of whatever lies in one folder, none if it cannot be listed."""
        try:
            if not self._is_plain(folder):
                return []
            return [f"{folder}/{path.name}" for path in (self.root / folder).iterdir()]
        except OSError:
            return []

    def holds(self, path: str) -> bool:
        """Whether the name is there now."""
        return os.path.lexists(self.root / path)

    def read(self, path: str, limit: int) -> bytes:
        """Bytes of a file.

        Raises:
            FileNotFoundError: There is none.
            OSError: It is no regular file, lies behind a link, is longer than `limit`, or cannot be read.
        """
        self._refuse_links_above(path)
        return durable.read_regular(self.root / path, limit)

    def mismatch(self, path: str, sha256: str, size: int | None = None) -> str | None:
        """What is wrong with a file that should have this digest and size, or None if nothing is."""
        try:
            self._refuse_links_above(path)
            status = (self.root / path).lstat()
            if not stat.S_ISREG(status.st_mode):
                return "is no regular file"
            if size is not None and status.st_size != size:
                return f"has {status.st_size} bytes, the ledger says {size}"
            return (
                None if durable.digest_regular(self.root / path) == sha256 else "has other bytes than the ledger says"
            )
        except FileNotFoundError:
            return MISSING
        except OSError as error:
            return f"cannot be read: {error.strerror or error}"

    def mismatches(self, expected: Iterable[tuple[str, str, int]]) -> dict[str, str]:
        """Path -> what is wrong, for those of the files (path, SHA-256, bytes) with which something is."""
        files = list(expected)
        if sum(size for _, _, size in files) < _WORTH_THREADS:
            found = [self.mismatch(*file) for file in files]
        else:
            with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:  # hashlib lets other threads run
                found = list(pool.map(lambda file: self.mismatch(*file), files))
        return {path: what for (path, _, _), what in zip(files, found, strict=True) if what}

    def _refuse_links_above(self, path: str) -> None:
        if not self._is_plain(path.rpartition("/")[0]):
            raise OSError("it lies behind a link")

    def _is_plain(self, folder: str) -> bool:
        """Whether neither a folder nor any above it, below the root, is a link."""
        if folder not in self._plain:
            is_link = stat.S_ISLNK((self.root / folder).lstat().st_mode)
            self._plain[folder] = not is_link and self._is_plain(folder.rpartition("/")[0])
        return self._plain[folder]


def _note_file(found: Survey, path: str, item: os.DirEntry[str]) -> None:
    if item.is_file(follow_symlinks=False):
        found.files.add(path)
    else:
        found.odd[path] = "is a link" if item.is_symlink() else "is no regular file"


def shown(path: str) -> str:
    """A path as it may be printed: what a terminal or a UTF-8 file would not take is escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in path)
