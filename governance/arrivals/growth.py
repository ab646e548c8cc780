"""Files that grew: read on from where they ended, if that is sure to say the same as reading them whole.

1. The bytes that were read before are the first ones of the file: their digest is the recorded one. The name counts
   for nothing, and a file of the same name with another beginning is a new one.
2. Text in lines that is not compressed. All else is read whole, and what was stored before is counted as duplicates.
3. Its records have ids of their own: one that is made of content and occurrence needs the rows before. A half whose
   other half was read before finds it in the store.
4. Reading begins behind the last line that was whole. A line that was cut is read again: it may be whole by now. Behind
   a quote that was still open in a CSV file, everything is read again.
5. What was in quarantine of the bytes that are read again leaves it, by an entry of the kind `retry` that counts it out
   of the part before: the new part counts it, as what it is now. Its bytes, and the state before, stay.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import pyarrow as pa

from governance.arrivals.arrived import Arrived, identity
from governance.engines.duckdb import Engine
from governance.mapping import Mapping
from governance.proof.ledger import StagedFile
from governance.records import LogFile, Prefix
from governance.sources import Source
from governance.storage.segments import RELEASED
from governance.storage.store import Snapshot, Store

_FORMS = ("jsonl", "csv")
_OPEN_QUOTE = "unexpected end of data"  # what Python's csv says where a file ends within quotes


@dataclass(frozen=True, slots=True)
class Stretch:
    """What is to be read of a file.

    Attributes:
        log: The file, with the place where reading begins.
        continues: The batch that ends there, None for a whole file.
    """

    log: LogFile
    continues: str | None = None

    def facts(self) -> dict[str, Any]:
        """What the ledger says of it; nothing for a whole file."""
        if self.continues is None:
            return {}
        log = self.log
        return {
            "continues": self.continues,
            "from_byte": log.start_byte,
            "from_line": log.start_line,
            "from_record": log.start_record,
        }


class _Start(NamedTuple):
    byte: int
    line: int
    record: int


def stretch(
    log: LogFile, form: Source | Mapping, source: str, mapping_sha256: str, arrived: Arrived, snapshot: Snapshot
) -> Stretch:
    """What is to be read of a file that is not in as a whole.

    Args:
        log: The file, with the prefixes that may have been read before.
        form: How it is read.
        source: Name of that.
        mapping_sha256: Digest of the mapping, empty without one.
        arrived: What is in.
        snapshot: The store, for what was quarantined before.
    """
    begun = arrived.batches(identity(log.sha256, source, mapping_sha256))
    if begun:  # an interrupted run goes on as it began
        facts = begun[0].facts
        start = _Start(*(facts.get(name, 0) for name in ("from_byte", "from_line", "from_record")))
        return _from(log, start, facts.get("continues"))
    if log.form not in _FORMS or log.compression or not _has_ids(form):
        return Stretch(log)
    for prefix in reversed(log.prefixes):
        entry = arrived.whole(identity(prefix.sha256, source, mapping_sha256))
        if entry is not None:
            records = int(entry.facts.get("from_record", 0)) + int(entry.facts["counts"]["records"])
            found = _jsonl_start(prefix, records) if log.form == "jsonl" else _csv_start(prefix, records, snapshot)
            return _from(log, found, str(entry.facts["batch"])) if found and found.byte else Stretch(log)
    return Stretch(log)


class Outgrown(NamedTuple):
    """What has left quarantine because it was read again as a part of the grown file.

    Attributes:
        facts: What the ledger says of it.
        ids: The file of the ids.
    """

    facts: dict[str, Any]
    ids: StagedFile


def outgrown(part: Stretch, arrived: Arrived, store: Store, snapshot: Snapshot) -> Iterator[Outgrown]:
    """The records in quarantine that the part has read again, where there are some.

    Args:
        part: What was read.
        arrived: What is in.
        store: Where the ids are staged.
        snapshot: What is in it.
    """
    before = arrived.whole(part.continues) if part.continues else None
    if before is None or not before.facts["counts"]["quarantined"]:
        return
    with Engine(store.spill) as engine:
        snapshot.attach(engine, ["quarantine"])
        rows = engine.rows(
            "SELECT quarantine_id, reason FROM quarantine "
            "WHERE starts_with(quarantine_id, $batch || ':') AND byte_offset >= $start ORDER BY quarantine_id",
            {"batch": part.continues, "start": part.log.start_byte},
        )
    if not rows:
        return
    reasons = Counter(reason for _, reason in rows)
    counts = dict.fromkeys(before.facts["counts"], 0) | {"records": -len(rows), "quarantined": -len(rows)}
    facts = {name: before.facts[name] for name in ("batch", "file", "file_sha256", "source", "mapping_sha256")}
    facts |= {"counts": counts, "reasons": {reason: -count for reason, count in reasons.items()}}
    facts |= {"released": len(rows), "outgrown": True}
    ids = pa.table({"quarantine_id": [quarantine_id for quarantine_id, _ in rows]})
    yield Outgrown(facts, store.stage_table(RELEASED, ids, folder=RELEASED, facts={}))


def _from(log: LogFile, start: _Start, continues: str | None) -> Stretch:
    return Stretch(replace(log, start_byte=start.byte, start_line=start.line, start_record=start.record), continues)


def _has_ids(form: Source | Mapping) -> bool:
    return isinstance(form, Source) or "request_id" in form.columns


def _jsonl_start(prefix: Prefix, records: int) -> _Start:
    is_cut = prefix.last_line < prefix.length
    return _Start(prefix.last_line, prefix.lines, records - is_cut)


def _csv_start(prefix: Prefix, records: int, snapshot: Snapshot) -> _Start | None:
    """Where the first record begins that may go on behind the prefix; None if nobody can tell."""
    is_cut = prefix.last_line < prefix.length
    with Engine() as engine:
        snapshot.attach(engine, ["quarantine"])
        rows = engine.rows(
            "SELECT byte_offset, line, row_no FROM quarantine WHERE file_sha256 = $sha256 "
            "AND (contains(detail, $quote) OR ($cut AND byte_offset + octet_length(raw) = $bytes)) "
            "ORDER BY byte_offset LIMIT 1",
            {"sha256": prefix.sha256, "bytes": prefix.length, "quote": _OPEN_QUOTE, "cut": is_cut},
        )
    if rows:
        byte, line, row_no = rows[0]
        return _Start(byte, line - 1, row_no - 1)
    return None if is_cut else _Start(prefix.length, prefix.lines, records)
