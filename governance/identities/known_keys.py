"""Which keys of a batch were met before: in the batch itself, or in the index of the store.

To ask the index is to read all of its files, so a run of many batches keeps a filter of the keys in them and asks only
for the few that it may hold. What stays unasked was surely never stored.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from governance.engines.duckdb import Engine
from governance.identities.bloom import BloomFilter
from governance.proof.entries import NamedFile
from governance.storage.segments import INDEX, Segment, read

if TYPE_CHECKING:
    from governance.storage.store import Snapshot

Keys = npt.NDArray[np.uint64]


class Met(NamedTuple):
    """Requests of a batch whose key was met before.

    Attributes:
        places: Their rows, ascending, shape (n,).
        days: First and last day of what the store holds under their keys.
    """

    places: npt.NDArray[np.int64]
    days: list[tuple[str, str]]


class KnownKeys:
    """What one run knows of the keys in the store."""

    def __init__(self) -> None:
        self._filter = BloomFilter()
        self._filtered: set[str] = set()  # paths of the index files whose keys the filter has
        self._asked: set[str] = set()
        self._sorted: tuple[Keys, Keys] | None = None  # the keys that were asked for last, and the same in order

    def met(self, engine: Engine, snapshot: Snapshot, keys: Keys) -> Met:
        """Which requests were met before.

        Args:
            engine: Any.
            snapshot: What is in the store.
            keys: The key of each request, shape (n,).
        """
        ordered = np.sort(keys)
        self._sorted = keys, ordered
        twice = ordered[1:][ordered[1:] == ordered[:-1]]
        segments = snapshot.segments.get(INDEX, [])
        unknown = self._unknown(engine, snapshot, segments)
        wanted = np.unique(ordered if unknown else ordered[self._filter.may_hold(ordered)])
        found, days = _stored(engine, snapshot, segments, wanted)
        return Met(np.flatnonzero(np.isin(keys, np.concatenate((twice, found)))), days)

    def add(self, keys: Keys | None, files: Iterable[NamedFile]) -> None:
        """Adds the keys of requests that are in the store now.

        Args:
            keys: Their keys, shape (n,); None if there are none.
            files: The files that they came in.
        """
        if keys is None:
            return
        is_last = self._sorted is not None and self._sorted[0] is keys
        self._filter.add(self._sorted[1] if self._sorted and is_last else np.sort(keys))
        self._filtered |= {file.path for file in files if file.facts.get("table") == INDEX}

    def _unknown(self, engine: Engine, snapshot: Snapshot, segments: list[Segment]) -> bool:
        """Whether there are files whose keys the filter does not have.

        The first batch asks the index: few runs have a second one, and to fill the filter takes longer than to ask.
        """
        unknown = [segment for segment in segments if segment.path not in self._filtered]
        for segment in (each for each in unknown if each.path in self._asked):
            found = engine.arrow(f"SELECT key FROM {read([segment], f'{snapshot.root}{os.sep}')}")
            self._filter.add(found.column("key").to_numpy())
            self._filtered.add(segment.path)
        self._asked |= {segment.path for segment in unknown}
        return any(segment.path not in self._filtered for segment in unknown)


def days_of(engine: Engine, snapshot: Snapshot, segments: list[Segment], keys: Keys) -> list[tuple[str, str]]:
    """First and last day of what the store holds under some keys, each once.

    Args:
        engine: Any.
        snapshot: The store.
        segments: Files of its request index.
        keys: Shape (n,).
    """
    return _stored(engine, snapshot, segments, keys)[1]


def _stored(
    engine: Engine, snapshot: Snapshot, segments: list[Segment], keys: Keys
) -> tuple[Keys, list[tuple[str, str]]]:
    """Which of the keys are in the index, and the days that it says."""
    if not segments or not len(keys):
        return np.empty(0, np.uint64), []
    engine.register("new_keys", pa.table({"key": keys}))
    found = engine.rows(
        "SELECT DISTINCT key, CAST(day AS VARCHAR), CAST(last_day AS VARCHAR) FROM new_keys "
        f"JOIN {read(segments, f'{snapshot.root}{os.sep}')} USING (key)"
    )
    engine.unregister("new_keys")
    return np.array([row[0] for row in found], np.uint64), sorted({row[1:] for row in found})
