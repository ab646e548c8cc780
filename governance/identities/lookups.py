"""An id -> the request that it names, and where what belongs to it lies: by the index, compared by the whole id."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from governance.engines.duckdb import Engine
from governance.errors import GovernanceError, NotFoundError
from governance.identities.index_files import index_rows
from governance.identities.keys import key_of
from governance.storage.checked_files import Row, check_digests, records
from governance.storage.segments import INDEX, Segment, read
from governance.storage.store import Snapshot
from governance.tables import CACHE_HITS, REQUESTS

IDS = ("request_uid", "request_id", "client_request_id", "response_id", "trace_id")
_LISTED = 10  # ids in the error of an ambiguous one


class Place(NamedTuple):
    """Where rows lie that belong to a request.

    Attributes:
        day: First day.
        last_day: The last.
        batches: Entries that brought them; None where that is not known.
    """

    day: str
    last_day: str
    batches: frozenset[int] | None

    def joined(self, other: Place) -> Place:
        """Both places as one."""
        known = None if self.batches is None or other.batches is None else self.batches | other.batches
        return Place(min(self.day, other.day), max(self.last_day, other.last_day), known)

    def is_in(self, segment: Segment) -> bool:
        """Whether such rows may lie in a file of a table whose rows come with their request."""
        is_of_batch = self.batches is None or segment.batches is None or not self.batches.isdisjoint(segment.batches)
        return is_of_batch and segment.is_within(self.day, self.last_day)


@dataclass(frozen=True, slots=True)
class Lookup:
    """A request that was found.

    Attributes:
        request_uid: Which.
        place: Where what belongs to it lies.
        rows: Its deliveries that were found.
        numbers: Of the records that brought something of it.
    """

    request_uid: str
    place: Place
    rows: tuple[Row, ...] = ()
    numbers: frozenset[int] = frozenset()

    def with_delivery(self, row: Row, place: Place) -> Lookup:
        """The same request with one more delivery of it."""
        own = self.with_record(row["row_no"], place)
        return replace(own, rows=(*self.rows, row))

    def with_record(self, number: int, place: Place) -> Lookup:
        """The same request with one more record that brought something of it."""
        return replace(self, place=self.place.joined(place), numbers=self.numbers | {number})

    @property
    def ids(self) -> list[str]:
        """Every id that one of its deliveries bears."""
        return sorted({str(row[name]) for row in self.rows for name in IDS if row[name] is not None})


def find_one(snapshot: Snapshot, engine: Engine, wanted: str) -> Lookup:
    """The one request that an id names, with all of its deliveries.

    Args:
        snapshot: The store.
        engine: Any engine.
        wanted: A request, client, response or trace id, or a `request_uid`, with or without `#` and an item.

    Raises:
        NotFoundError: No request, or a hint at the nearest id.
        GovernanceError: The id names several requests; says which.
        LedgerError: A file that was read is not the one that the ledger names.
    """
    text, found = _first(snapshot, engine, wanted)
    if not found:
        raise NotFoundError("no request has this id", where=wanted, hint=_nearest(snapshot, engine, wanted))
    found = _meant(found, text)
    if len(found) > 1:
        more = f" and {len(found) - _LISTED} more" if len(found) > _LISTED else ""
        listed = ", ".join(lookup.request_uid for lookup in found[:_LISTED]) + more
        raise GovernanceError(f"the id names {len(found)} requests: {listed}", where=wanted, hint="give one of these")
    uid, row = found[0].request_uid, found[0].rows[0]
    # Each delivery is indexed under the request id that its `request_uid` is made of, so that this id finds all
    if text == row["request_id"] and uid == f"{row['source']}:{text}":
        return found[0]
    return _named(snapshot, engine, [uid])[uid][0]


def _meant(found: list[Lookup], text: str) -> list[Lookup]:
    """The requests that bear an id, without hits of a cache that bear it as that of the answer which they repeat."""
    return [lookup for lookup in found if not _repeats(lookup, text)] or found


def _repeats(found: Lookup, text: str) -> bool:
    bearing = [[name for name in IDS if row[name] == text] for row in found.rows]
    hits = [row["cache_status"] in CACHE_HITS for row in found.rows]
    return all(is_hit and names in ([], ["response_id"]) for is_hit, names in zip(hits, bearing, strict=True))


def own_ids(snapshot: Snapshot, engine: Engine, found: Lookup) -> list[str]:
    """The ids that name this request and no other."""
    named = _named(snapshot, engine, found.ids)
    meant = {text: _meant(requests, text) for text, requests in named.items()}
    return [text for text, one in meant.items() if [lookup.request_uid for lookup in one] == [found.request_uid]]


def _first(snapshot: Snapshot, engine: Engine, wanted: str) -> tuple[str, list[Lookup]]:
    """What names requests, and these: the whole text, else what stands before `#` and a number at its end."""
    bare, mark, item = wanted.rpartition("#")
    for text in (wanted, bare) if mark and item.isascii() and item.isdigit() else (wanted,):
        found = _named(snapshot, engine, [text])[text]
        if found:
            return text, found
    # Who hides a request may have changed the index alone
    check_digests(snapshot.root, snapshot.segments.get(INDEX, []))
    return wanted, []


def _named(snapshot: Snapshot, engine: Engine, texts: Sequence[str]) -> dict[str, list[Lookup]]:
    """Text -> the requests that it names, in order of their `request_uid`."""
    indexed = _indexed(snapshot, engine, texts)
    places = _by_number(indexed)
    found: dict[str, dict[str, Lookup]] = {text: {} for text in texts}
    candidates = _candidates(snapshot, engine, places)
    for row in candidates:
        place = places[row["row_no"]]
        uid = row["request_uid"]
        for text in texts:
            if text in (row[name] for name in IDS):
                found[text][uid] = found[text].get(uid, Lookup(uid, place)).with_delivery(row, place)
    requests = {(row["file_sha256"], row["row_no"]) for row in candidates}
    others = [one for one in indexed if (one.file_sha256, one.number) not in requests]
    return {text: [_with_others(own[uid], others) for uid in sorted(own)] for text, own in found.items()}


def _with_others(found: Lookup, others: Iterable[_Indexed]) -> Lookup:
    """A request with the records that brought a part of it without its own row, such as a body that came later."""
    native = key_of(found.request_uid.partition(":")[2])
    for one in others:
        if one.key == native:
            found = found.with_record(one.number, one.place)
    return found


class _Indexed(NamedTuple):
    """What the index says of one record."""

    key: int
    file_sha256: str
    number: int
    place: Place


def _by_number(indexed: Iterable[_Indexed]) -> dict[int, Place]:
    """Number of each record that may be named -> where what belongs to it lies."""
    found: dict[int, Place] = {}
    for one in indexed:
        found[one.number] = one.place.joined(found.get(one.number, one.place))
    return found


def _indexed(snapshot: Snapshot, engine: Engine, texts: Sequence[str]) -> list[_Indexed]:
    """The records that may be named."""
    # The index holds the native id, which leads to the `request_uid`
    keys = keys_of_ids(part for text in texts for part in {text, text.partition(":")[2]})
    columns = "key, file_sha256, row_no, CAST(day AS VARCHAR), CAST(last_day AS VARCHAR)"
    rows = index_rows(snapshot.root, engine, snapshot.segments.get(INDEX, []), keys, columns)
    return [
        _Indexed(key, file, number, Place(day, last, segment.batches)) for key, file, number, day, last, segment in rows
    ]


def keys_of_ids(ids: Iterable[str]) -> list[int]:
    """The keys of ids, each once."""
    return sorted({key_of(text) for text in ids if text})


def _candidates(snapshot: Snapshot, engine: Engine, places: Mapping[int, Place]) -> list[Row]:
    """The requests that the index points at; a record of the same number in another file is among them."""
    segments = [
        segment
        for segment in snapshot.segments.get(REQUESTS.name, [])
        if any(place.is_in(segment) for place in places.values())
    ]
    if not segments:
        return []
    sql = f"SELECT * FROM FILES WHERE row_no IN ({', '.join(map(str, places))})"
    rows = records(snapshot.root, engine, segments, sql, {})
    return sorted((row for row, _ in rows), key=lambda row: str(row[REQUESTS.time]))


def _nearest(snapshot: Snapshot, engine: Engine, wanted: str) -> str:
    segments = snapshot.segments.get(REQUESTS.name, [])
    if not segments:
        return "the store is empty: `governance ingest` reads logs into it"
    ids = f"(SELECT unnest([{', '.join(IDS[1:])}]) AS id FROM {read(segments, f'{snapshot.root}{os.sep}')})"
    rows = engine.rows(
        f"SELECT id FROM {ids} WHERE jaro_winkler_similarity(id, $id) > 0.9 "
        "ORDER BY jaro_winkler_similarity(id, $id) DESC, id LIMIT 1",
        {"id": wanted},
    )
    return f"did you mean '{rows[0][0]}'?" if rows else "any request, client, response, trace or decision id will do"
