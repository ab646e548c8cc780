"""Rows from files of a store that nobody trusts: what was changed is named, whether the engine can read it or not."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from governance.engines.duckdb import Engine, EngineError, file_list, literal
from governance.errors import LedgerError
from governance.storage.segments import Segment

Row = dict[str, Any]

_FILE = "\x1ffile"  # no input of a model has this name


def records(
    root: Path, engine: Engine, segments: Sequence[Segment], sql: str, bound: Mapping[str, Any]
) -> list[tuple[Row, Segment]]:
    """The rows of a query over files, each with the file that it lies in.

    Args:
        root: The store.
        engine: Any engine.
        segments: The files.
        sql: The query, a SELECT of every column; `FILES` stands for them.
        bound: Its parameters.

    Raises:
        LedgerError: A file is missing, cannot be read, or is not the one that the ledger names.
    """
    by_path = {f"{root}{os.sep}{segment.path}": segment for segment in segments}
    several = f", union_by_name = true, filename = {literal(_FILE)}" if len(segments) > 1 else ""
    files = f"read_parquet({file_list(list(by_path))}, hive_partitioning = false{several})"
    try:
        rows = engine.records(sql.replace("FILES", files), bound)
    except EngineError as error:
        raise unreadable(root, segments, error) from error
    return [(row, by_path[row.pop(_FILE)] if several else segments[0]) for row in rows]


def unreadable(root: Path, segments: Iterable[Segment], error: EngineError) -> LedgerError:
    """The error of files that the engine cannot read; raised here, where one was changed."""
    check_digests(root, segments)
    return LedgerError(f"the store cannot be read ({error})", where=str(root), hint="run `governance verify`")


def check_digests(root: Path, segments: Iterable[Segment]) -> None:
    """Compares each file with the digest that the ledger names.

    Raises:
        LedgerError: One is missing or is another.
    """
    for segment in segments:
        if _sha256(root / segment.path) != segment.sha256:
            raise LedgerError(
                "the file is not the one that the ledger names", where=segment.path, hint="run `governance verify`"
            )


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise LedgerError(f"the file cannot be read ({error.strerror})", where=str(path)) from error
