"""What users name -> files: folders give their files, and patterns theirs."""

from __future__ import annotations

import os
from collections.abc import Sequence
from glob import glob, has_magic
from pathlib import Path

from governance.errors import NotFoundError, SourceError


def expand(paths: Sequence[str]) -> list[Path]:
    """The files that paths name, in order of name: folders give their files, hidden ones left out, and patterns theirs.

    An empty file that a folder or a pattern brings is left out beside others, as a log that has just been rotated is.

    Raises:
        NotFoundError: No file fits a pattern.
        SourceError: A folder holds no file.
    """
    found: list[Path] = []
    for path in paths:
        if has_magic(path) and not os.path.lexists(path):
            matched = sorted(glob(path, recursive=True))  # noqa: PTH207 - a pattern may begin at the root
            if not matched:
                raise NotFoundError("no file fits the pattern", where=path, hint="check the path")
            found += _filled([file for match in matched for file in _files(Path(match))])
        else:
            found += _files(Path(path))
    return found


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    inside = sorted(file for file in path.rglob("*") if file.is_file() and not _is_hidden(file.relative_to(path)))
    if not inside:
        raise SourceError("the folder holds no files", where=str(path), hint="name a folder with log files")
    return _filled(inside)


def _filled(files: list[Path]) -> list[Path]:
    """The files that hold something, or all if none does."""
    return [file for file in files if not file.exists() or file.stat().st_size] or files


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)
