"""Records of halves that a later record completes, as whoever looks up one request needs them: without pyarrow."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from governance.identities.index_files import index_rows
from governance.identities.keys import key_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from governance.engines.duckdb import Engine
    from governance.storage.segments import Segment


class Records(NamedTuple):
    """Records by file and number, and where that is said.

    Attributes:
        places: Digest of the file, and number of the record in it.
        said_in: The files of the store that say so.
    """

    places: frozenset[tuple[str, int]]
    said_in: list[Segment]


def completed_records(root: Path, engine: Engine, segments: Sequence[Segment], request_uid: str) -> Records:
    """The records of halves of a request that count no longer, and the files that say so.

    Args:
        root: The store.
        engine: Any.
        segments: Its files of completed halves.
        request_uid: The request.
    """
    rows = index_rows(root, engine, segments, [key_of(request_uid)], "file_sha256, row_no")
    return Records(frozenset(row[:2] for row in rows), [row[2] for row in rows])
