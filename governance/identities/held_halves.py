"""Halves of one format that came alone and are in the store: what is known of them, by what they share with others."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from governance.batches import LoneHalf
from governance.engines.duckdb import Engine
from governance.halves import Stored, Waiting
from governance.identities.keys import key_of, keys_of, order_of
from governance.storage.segments import COMPLETED, HALVES, read

if TYPE_CHECKING:
    from governance.storage.store import Snapshot


class HeldHalves:
    """What one run knows of them; it sees what the run itself has stored.

    Args:
        engine: Any.
        snapshot: What is in the store now.
        source: The format.
    """

    def __init__(self, engine: Engine, snapshot: Callable[[], Snapshot], source: str) -> None:
        self._engine = engine
        self._snapshot = snapshot
        self._source = source
        self._keys: npt.NDArray[np.uint64] = np.empty(0, np.uint64)  # of the files that were read, ascending
        self._read: set[str] = set()

    def may_hold(self, key: str) -> bool:
        """Whether a half of this key may be among them."""
        snapshot = self._snapshot()
        unread = [segment for segment in snapshot.segments.get(HALVES, ()) if segment.path not in self._read]
        if unread:
            found = self._engine.arrow(f"SELECT key FROM {read(unread, f'{snapshot.root}{os.sep}')}")
            self._keys = np.sort(np.concatenate((self._keys, found.column("key").to_numpy())))
            self._read |= {segment.path for segment in unread}
        wanted = np.uint64(self._key(key))
        place = int(np.searchsorted(self._keys, wanted))
        return place < len(self._keys) and bool(self._keys[place] == wanted)

    def find(self, keys: Iterable[str]) -> Mapping[str, Stored]:
        """Key -> what is known of its halves, for keys of which there are some."""
        texts = list(dict.fromkeys(keys))
        snapshot = self._snapshot()
        halves, completed = (snapshot.segments.get(table, []) for table in (HALVES, COMPLETED))
        if not texts or not halves:
            return {}
        prefix = f"{snapshot.root}{os.sep}"
        wanted = {"key": pa.array([self._key(text) for text in texts], pa.uint64()), "half_key": texts}
        self._engine.register("wanted_halves", pa.table(wanted))
        is_joined, join = "false", ""
        if completed:
            is_joined = "c.row_no IS NOT NULL"
            join = f"LEFT JOIN {read(completed, prefix)} c ON c.file_sha256 = h.file_sha256 AND c.row_no = h.row_no"
        rows = self._engine.rows(
            f"SELECT h.half_key, h.sha256, CASE WHEN NOT {is_joined} THEN h.kept END, h.file_sha256, h.row_no "
            f"FROM wanted_halves w JOIN {read(halves, prefix)} h ON h.key = w.key AND h.half_key = w.half_key {join} "
            "WHERE h.source = $source ORDER BY h.file_sha256, h.row_no",
            {"source": self._source},
        )
        self._engine.unregister("wanted_halves")
        found: dict[str, Stored] = {}
        for text, digest, kept, file, row_no in rows:
            before = found.get(text, Stored(frozenset(), None))
            waiting = before.waiting if kept is None else Waiting(kept, file, row_no)
            found[text] = Stored(before.digests | {digest}, waiting)
        return found

    def _key(self, text: str) -> int:
        return key_of(f"{self._source}|{text}")


def half_rows(source: str, lone: Sequence[LoneHalf], file_sha256: str) -> pa.Table:
    """The rows of halves that came alone.

    Args:
        source: Their format.
        lone: The halves; at least one.
        file_sha256: The file that they came from.

    Returns:
        Columns key (uint64), source, half_key, sha256, kept, file_sha256 and row_no of the record, sorted by key.
    """
    keys = keys_of(pa.array([f"{source}|{half.key}" for half in lone]))
    rows = pa.table(
        {
            "key": keys,
            "source": [source] * len(lone),
            "half_key": [half.key for half in lone],
            "sha256": [half.sha256 for half in lone],
            "kept": pa.array([half.kept for half in lone], pa.string()),
            "file_sha256": [file_sha256] * len(lone),
            "row_no": pa.array([half.number for half in lone], pa.int64()),
        }
    )
    return rows.take(pa.array(order_of(keys)))


def completed_rows(requests: pa.Table, completes: Mapping[int, Waiting]) -> pa.Table:
    """The rows that say which records of halves count no longer.

    Args:
        requests: The requests that complete them.
        completes: Number of the record of a request -> the half that it completes; at least one.

    Returns:
        Columns key (uint64) of the request, file_sha256 and row_no of the record of the half, sorted by key.
    """
    whole = requests.filter(pc.is_in(requests.column("row_no"), value_set=pa.array(sorted(completes), pa.int64())))
    halves = [completes[number] for number in whole.column("row_no").to_pylist()]
    keys = keys_of(whole.column("request_uid").combine_chunks())
    rows = pa.table(
        {
            "key": keys,
            "file_sha256": [half.file_sha256 for half in halves],
            "row_no": pa.array([half.row_no for half in halves], pa.int64()),
        }
    )
    return rows.take(pa.array(order_of(keys)))
