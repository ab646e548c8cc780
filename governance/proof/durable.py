"""Files that survive a power cut whole or not at all, and the lock that lets one writer in.

1. A file gets its final name only when its bytes are on the disk: temporary name, fsync, link or rename, fsync of the
   folder. A link fails if the name is taken, so nothing is overwritten.
2. A temporary name begins with `.tmp-`; whoever finds one may ignore it.
3. Reading never follows a link, never waits for a pipe and never takes more than it was told to.
4. The lock is the kernel's (flock): it ends with its process, however that ends.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import secrets
import shutil
import stat
from contextlib import contextmanager, suppress
from hashlib import file_digest
from typing import TYPE_CHECKING

from governance.errors import BusyError, GovernanceError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from pathlib import Path

TEMPORARY = ".tmp-"
KEPT = 0o444  # evidence is never written again


def sync_folder(folder: Path) -> None:
    """Put the names in a folder on the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folder(folder: Path, mode: int = 0o777) -> None:
    """Make a folder and the missing ones above it, each of them on the disk."""
    if folder.is_dir():
        return
    make_folder(folder.parent, mode)
    with suppress(FileExistsError):
        folder.mkdir(mode)
    sync_folder(folder.parent)


def write_temporary(folder: Path, content: bytes, mode: int = KEPT) -> Path:
    """Path of a new temporary file in the folder, its bytes on the disk."""
    path = folder / f"{TEMPORARY}{secrets.token_hex(8)}"
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    return path


def write_new(path: Path, content: bytes, mode: int = KEPT) -> None:
    """Publish a file under a name that is free.

    Raises:
        FileExistsError: The name is taken.
    """
    temporary = write_temporary(path.parent, content, mode)
    try:
        os.link(temporary, path)
    finally:
        temporary.unlink()
    sync_folder(path.parent)


def write_folder(path: Path, files: Mapping[str, bytes]) -> None:
    """Publish a folder with all its files at once; the one above it exists.

    Args:
        path: A name that is free.
        files: Path in the folder, at most one folder deep -> content.

    Raises:
        FileExistsError: The name is taken.
    """
    if os.path.lexists(path):  # rename itself would replace an empty folder
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
    folder = path.parent / f"{TEMPORARY}{secrets.token_hex(8)}"
    folder.mkdir()
    try:
        for name, content in files.items():
            (folder / name).parent.mkdir(exist_ok=True)
            write_new(folder / name, content)
        sync_folder(folder)
        os.rename(folder, path)  # noqa: PTH104 - Path.rename is the same call
    finally:
        shutil.rmtree(folder, ignore_errors=True)  # after the rename there is none
    sync_folder(path.parent)


def replace(path: Path, content: bytes, mode: int = KEPT) -> None:
    """Publish a file in place of the one that may have had its name."""
    os.rename(write_temporary(path.parent, content, mode), path)  # noqa: PTH104 - Path.rename is the same call
    sync_folder(path.parent)


def read_regular(path: Path | str, limit: int) -> bytes:
    """Bytes of a regular file.

    Raises:
        FileNotFoundError: There is none.
        OSError: It is a link, a folder or a special file, is longer than `limit` bytes, or cannot be read.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError("is no regular file")
        if status.st_size > limit:
            raise OSError(f"is longer than {limit} bytes")
        return os.read(descriptor, status.st_size) if status.st_size < _ONE_READ else _read_all(descriptor)
    finally:
        os.close(descriptor)


_ONE_READ = 1 << 20  # one read of a regular file this short comes back whole


def _read_all(descriptor: int) -> bytes:
    with os.fdopen(os.dup(descriptor), "rb") as file:
        return file.read()


def digest_regular(path: Path | str) -> str:
    """SHA-256 of a regular file, hex.

    Raises:
        OSError: There is none, it is a link, a folder or a special file, or cannot be read.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError("is no regular file")
        return file_digest(file, "sha256").hexdigest()


def remove_temporaries(folder: Path, *, leave: Collection[str] = ()) -> None:
    """Remove what a killed writer left under temporary names.

    Args:
        folder: Where to look, at every depth; links are removed, not followed.
        leave: Names in `folder` that are not looked into.
    """
    for found in list(os.scandir(folder)):
        is_folder = found.is_dir(follow_symlinks=False)
        if found.name.startswith(TEMPORARY):
            if is_folder:
                shutil.rmtree(found)
            else:
                os.unlink(found)  # noqa: PTH108 - a DirEntry has no unlink
        elif is_folder and found.name not in leave:
            remove_temporaries(folder / found.name)


@contextmanager
def locked(path: Path, holder: Mapping[str, str | int]) -> Iterator[None]:
    """Keep every other process out that asks for the same lock file.

    Args:
        path: The lock file, made if missing.
        holder: Who holds it, for whoever is refused.

    Raises:
        BusyError: Another process holds it.
        GovernanceError: The lock file cannot be written.
    """
    descriptor = None
    try:
        make_folder(path.parent)
        descriptor = _lock(path)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(dict(holder), sort_keys=True).encode(), 0)
    except OSError as error:
        if descriptor is not None:
            os.close(descriptor)
        raise wrap(error, "the store cannot be written") from error
    try:
        yield
    finally:
        with suppress(OSError):
            os.ftruncate(descriptor, 0)
        os.close(descriptor)


def _lock(path: Path) -> int:
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BusyError(
                f"the store is being written by {_holder(descriptor)}",
                where=str(path),
                hint="wait until it has ended and run the command again; nothing was changed",
            ) from error
        # Whoever empties the cache removes the lock file too: a lock on a file without a name keeps nobody out.
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(descriptor), path.lstat()):
                return descriptor
        os.close(descriptor)


def _holder(descriptor: int) -> str:
    """Who holds the lock, in words; closes the lock file."""
    with os.fdopen(descriptor, "rb") as file:
        written = file.read(_ONE_READ)
    try:
        holder = json.loads(written)
        return f"process {holder['pid']} on {holder['host']} since {holder['since']} ({holder['command']})"
    except (ValueError, KeyError, TypeError):
        return "another process"


def wrap(error: OSError, what: str) -> GovernanceError:
    """The error that a user reads when the operating system refuses something.

    Args:
        error: What it said.
        what: What could not be done.
    """
    return GovernanceError(f"{what}: {error.strerror or error}", where=str(error.filename or "") or None)
