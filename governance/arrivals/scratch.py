"""Private files for what comes from elsewhere, such as standard input; gone when they were read, even after a crash."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_NAME = ".tmp-scratch-"  # then what it holds, and the process that reads it


@contextmanager
def scratch_file(folder: Path, content: str) -> Iterator[Path]:
    """A name for a file that is removed afterwards; also removes those of processes that are gone.

    Args:
        folder: Where; made if missing.
        content: One word for what it holds.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for left in folder.glob(f"{_NAME}*"):
        process = left.name.rpartition("-")[2]
        if process.isdigit() and not _is_running(int(process)):
            left.unlink(missing_ok=True)
    path = folder / f"{_NAME}{content}-{os.getpid()}"
    with suppress(FileNotFoundError):
        path.unlink()
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))  # only this user may read it
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
