"""Rows of the request index and the side index, from those of their files that may hold a key."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

from governance.engines.duckdb import Engine, EngineError, file_list
from governance.identities.key_filters import BLOCK_BYTES, block_of, may_hold
from governance.storage.checked_files import unreadable
from governance.storage.segments import Segment


def index_rows(
    root: Path, engine: Engine, segments: Iterable[Segment], keys: Collection[int], columns: str
) -> list[tuple[Any, ...]]:
    """What the files of an index say of keys; only those are opened that may hold one.

    Args:
        root: The store.
        engine: Any engine.
        segments: The files, which have the same columns.
        keys: Keys of ids.
        columns: What is wanted of each row, SQL.

    Returns:
        The wanted columns, and in the last place of each row the file that it lies in.

    Raises:
        LedgerError: A file is missing, cannot be read, or is not the one that the ledger names.
    """
    opened = {f"{root}{os.sep}{segment.path}": segment for segment in segments if _may_hold(root, segment, keys)}
    if not opened:
        return []
    # Typed as they are stored: the engine skips groups of rows by values of the same type
    wanted = ", ".join(f"{key}::UBIGINT" for key in keys)
    files = f"read_parquet({file_list(list(opened))}, hive_partitioning = false, filename = true)"
    try:
        found = engine.rows(f"SELECT {columns}, filename FROM {files} WHERE key IN ({wanted})")
    except EngineError as error:
        raise unreadable(root, opened.values(), error) from error
    return [(*row[:-1], opened[row[-1]]) for row in found]


def _may_hold(root: Path, segment: Segment, keys: Collection[int]) -> bool:
    """Whether a file of an index may hold one of the keys; what cannot be read is for the engine to name."""
    if segment.key_filter is None or not keys:
        return bool(keys)
    at, size = segment.key_filter
    try:
        file = os.open(f"{root}{os.sep}{segment.path}", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return True
    try:
        return any(may_hold(os.pread(file, BLOCK_BYTES, at + block_of(key, size)), key) for key in keys)
    except OSError:
        return True
    finally:
        os.close(file)
