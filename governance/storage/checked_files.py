"""Rows from files of a store that nobody trusts: what was changed is named, whether the engine can read it or not."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from governance.engines.duckdb import Engine, EngineError, file_list
from governance.errors import LedgerError
from governance.storage.segments import Segment

Row = dict[str, Any]


def records(root: Path, engine: Engine, segments: Sequence[Segment], sql: str, bound: dict[str, Any]) -> list[Row]:
    """The rows of a query over files; where the engine cannot read one, the one that was changed is named.

    Args:
        root: The store.
        engine: Any engine.
        segments: The files.
        sql: The query; `FILES` stands for them, as a relation with a column `filename` (see `segment_of_row`).
        bound: Its parameters.

    Raises:
        LedgerError: A file is missing, cannot be read, or is not the one that the ledger names.
    """
    paths = file_list([f"{root}{os.sep}{segment.path}" for segment in segments])
    files = f"read_parquet({paths}, union_by_name = true, hive_partitioning = false, filename = true)"
    try:
        return engine.records(sql.replace("FILES", files), bound)
    except EngineError as error:
        raise unreadable(root, segments, error) from error


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
