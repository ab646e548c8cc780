"""The request index: for each id of a request its key, the record it stands in, and the days of what belongs to it.

The side index does the same for outcomes, reviews and assessments, which may come on any later day.

Rows are sorted by key, so that a look-up reads one group of rows of each file. What a key finds is compared by the
whole id in the requests themselves; the index proves nothing, it only says where to look.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from governance.engines.duckdb import Engine
from governance.identities.keys import keys_of, order_of
from governance.tables import ATTEMPTS, CANONICAL, GUARDRAILS, PAYLOADS, PER_MODEL, REQUESTS, SIDE_TABLES

ALONE = (ATTEMPTS.name, PAYLOADS.name, GUARDRAILS.name)  # tables whose rows may come without their requests
_IDS = ("request_id", "client_request_id", "response_id", "trace_id")


def index_rows(kept: Mapping[str, pa.Table], engine: Engine, known: npt.NDArray[np.uint64] | None = None) -> pa.Table:
    """The index of the requests of a batch.

    Args:
        kept: Canonical table -> rows that are stored, requests among them.
        engine: For days that only a join can tell.
        known: What `identity_keys` gives for them, where that was computed before.

    Returns:
        Columns key (uint64), source, file_sha256 and row_no of the record, day and last_day (date32), sorted by key.
    """
    requests = kept[REQUESTS.name]
    keys = [identity_keys(requests) if known is None else known]
    is_own = [np.ones(requests.num_rows, np.bool_)]
    given = (requests.column(name) for name in _IDS)
    for ids in (_whole(column) for column in given if column.null_count < len(column)):
        is_new = ids.is_valid().to_numpy(zero_copy_only=False)
        made = np.zeros(requests.num_rows, np.uint64)
        made[is_new] = keys_of(ids.drop_null())
        for before, was_own in zip(keys, is_own, strict=True):  # the same id under two names is one
            is_new = is_new & ~(was_own & (made == before))
        keys.append(made)
        is_own.append(is_new)
    key = np.concatenate([made[places] for made, places in zip(keys, is_own, strict=True)])
    place = np.concatenate([np.flatnonzero(places) for places in is_own])
    order = order_of(key)
    first, last = _days(kept, engine)
    at = pa.array(place[order])
    return pa.table(
        {
            "key": pa.array(key[order]),
            "source": _taken(requests.column("source"), at),
            "file_sha256": _taken(requests.column("file_sha256"), at),
            "row_no": requests.column("row_no").take(at),
            "day": (days := first.take(at)),
            "last_day": days if last is first else last.take(at),
        }
    )


def _taken(column: pa.ChunkedArray, at: pa.Array) -> pa.Array:
    """Texts that are nearly all the same, in another order."""
    if pa.types.is_dictionary(column.type):
        known = column.combine_chunks()
        return pa.DictionaryArray.from_arrays(known.indices.take(at), known.dictionary)
    if len(column) and pc.all(pc.equal(column, column[0]), skip_nulls=False).as_py():
        return pa.DictionaryArray.from_arrays(np.zeros(len(at), np.int32), column.slice(0, 1).combine_chunks())
    texts = column.combine_chunks().dictionary_encode()
    return pa.DictionaryArray.from_arrays(texts.indices.take(at), texts.dictionary)


def alone_index_rows(alone: Sequence[pa.Table]) -> pa.Table:
    """The index of rows that came without their requests.

    Args:
        alone: Rows of tables of `ALONE`; their time is `start_ts`.

    Returns:
        The columns of `index_rows`. A row is found by what stands behind the source in its `request_uid`: the native id
        where the `request_uid` is made of it.
    """
    columns = ["request_uid", "file_sha256", "row_no", REQUESTS.time]
    rows = pa.concat_tables([table.select(columns) for table in alone]).combine_chunks()
    named = pc.extract_regex(_whole(rows.column("request_uid")), "^(?P<source>[^:]*):(?P<id>(?s:.*))$")
    day = _day(rows, REQUESTS.time)
    keys = keys_of(named.field("id"))
    found = pa.table(
        {
            "key": keys,
            "source": named.field("source"),
            "file_sha256": rows.column("file_sha256"),
            "row_no": rows.column("row_no"),
            "day": day,
            "last_day": day,
        }
    )
    return found.take(pa.array(order_of(keys)))


def side_index_rows(kept: Mapping[str, pa.Table]) -> pa.Table:
    """Where the rows of side tables lie that belong to a request, or wait for one.

    A row is found by its `request_uid`, and without one by its target, with and without the item at its end.

    Args:
        kept: Canonical table -> rows that are stored, as far as they are resolved.

    Returns:
        Columns key (uint64), table, identity (uint64, the key of what makes two rows the same), file_sha256 and row_no
        of the record, and day (date32), sorted by key.
    """
    parts = []
    for name in (name for name in SIDE_TABLES if name in kept):
        rows = kept[name]
        uid, target = (_whole(rows.column(column)) for column in ("request_uid", "target_id"))
        whole = pc.coalesce(uid, target)
        bare = pc.coalesce(uid, pc.replace_substring_regex(target, pattern="#[0-9]+$", replacement=""))
        again = pc.not_equal(whole, bare)
        parts += [_side_part(name, rows, whole), _side_part(name, rows.filter(again), bare.filter(again))]
    found = pa.concat_tables(parts)
    return found.take(pa.array(order_of(found.column("key").to_numpy())))


def _side_part(name: str, rows: pa.Table, ids: pa.Array) -> pa.Table:
    return pa.table(
        {
            "key": keys_of(ids),
            "table": pa.repeat(name, len(ids)),
            "identity": keys_of(_whole(rows.column(CANONICAL[name].identity))),
            "file_sha256": rows.column("file_sha256"),
            "row_no": rows.column("row_no"),
            "day": _day(rows, CANONICAL[name].time),
        }
    )


def identities(requests: pa.Table) -> pa.Array:
    """What each request is found by: the `request_id` where the `request_uid` is made of it, else that itself."""
    uids, ids = (_whole(requests.column(name)) for name in ("request_uid", "request_id"))
    if _are_made(uids, requests.column("source"), ids):
        return ids
    made = pc.binary_join_element_wise(_whole(requests.column("source")), ids, ":")
    is_made = pc.fill_null(pc.equal(uids, made), fill_value=False)
    return ids if pc.all(is_made).as_py() else pc.if_else(is_made, ids, uids)


def _whole(column: pa.ChunkedArray) -> pa.StringArray:
    texts = column.cast(pa.string())
    return texts.chunk(0) if texts.num_chunks == 1 else texts.combine_chunks()


def _are_made(uids: pa.StringArray, sources: pa.ChunkedArray, ids: pa.StringArray) -> bool:
    """Whether ids of one length, as most are, stand behind one source in all identities; told by their bytes."""
    different = sources.unique().to_pylist()
    if ids.null_count or len(different) != 1 or different[0] is None:
        return False
    prefix = f"{different[0]}:".encode()
    whole, own = _table(uids), _table(ids)
    return (
        whole is not None
        and own is not None
        and whole.shape[1] == len(prefix) + own.shape[1]
        and bool((whole[:, : len(prefix)] == np.frombuffer(prefix, np.uint8)).all())
        and bool((whole[:, len(prefix) :] == own).all())
    )


def _table(texts: pa.StringArray) -> npt.NDArray[np.uint8] | None:
    """The bytes of texts of one length, shape (texts, bytes); None if they have several."""
    _, offsets, data = texts.buffers()
    edges = np.frombuffer(offsets, np.int32)[texts.offset : texts.offset + len(texts) + 1]
    size = int(edges[1] - edges[0])
    if data is None or int(edges[-1] - edges[0]) != size * len(texts) or not (np.diff(edges) == size).all():
        return None
    return np.frombuffer(data, np.uint8)[edges[0] : edges[-1]].reshape(len(texts), size)


def identity_keys(requests: pa.Table) -> npt.NDArray[np.uint64]:
    """The key under which the index holds each request, shape (rows,)."""
    return keys_of(identities(requests))


def _days(kept: Mapping[str, pa.Table], engine: Engine) -> tuple[pa.Array, pa.Array]:
    """First and last day of what belongs to each request of the batch."""
    requests = kept[REQUESTS.name]
    first = last = _day(requests, REQUESTS.time)
    scattered = []
    for name, rows in kept.items():
        table = CANONICAL[name]
        if table is REQUESTS or table.column("request_uid") is None or name in (*SIDE_TABLES, *PER_MODEL):
            continue
        if rows.column("row_no").equals(requests.column("row_no")):  # one for each request, in the same order
            day = _day(rows, table.time)
            first, last = pc.min_element_wise(first, day), pc.max_element_wise(last, day)
        else:
            scattered.append(pa.table({"request_uid": rows.column("request_uid"), "day": _day(rows, table.time)}))
    if scattered:
        found = _joined(requests.column("request_uid"), pa.concat_tables(scattered), engine)
        first = pc.min_element_wise(first, found.column("first").combine_chunks())
        last = pc.max_element_wise(last, found.column("last").combine_chunks())
    return first, last


def _day(rows: pa.Table, time: str) -> pa.Array:
    return rows.column(time).combine_chunks().cast(pa.date32(), safe=False)


def _joined(uids: pa.ChunkedArray, days: pa.Table, engine: Engine) -> pa.Table:
    """First and last day that other tables have for each request, null where they have none."""
    engine.register("index_requests", pa.table({"request_uid": uids, "place": np.arange(len(uids))}))
    engine.register("index_days", days)
    found = engine.arrow(
        "SELECT first, last FROM index_requests LEFT JOIN (SELECT request_uid, min(day) AS first, max(day) AS last "
        "FROM index_days GROUP BY request_uid) USING (request_uid) ORDER BY place"
    )
    for name in ("index_requests", "index_days"):
        engine.unregister(name)
    return found
