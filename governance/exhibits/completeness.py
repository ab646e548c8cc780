"""Completeness and integrity, before any result: what was received, what is missing, and whether the ledger holds."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import PurePath

from governance import charts
from governance.blocks import AnyBlock, Cell, Chart, Column, Fact, Facts, Section, Table
from governance.drawings import Span
from governance.exhibits import families
from governance.exhibits.found import Found
from governance.exhibits.period import Period
from governance.exhibits.sentences import at, counted, group, nothing, plural
from governance.exhibits.verdicts import judged
from governance.findings import Window
from governance.proof.entries import Entry
from governance.proof.merkle import root
from governance.storage.segments import COMPACTION

GAPS = "completeness-gaps"
COUNTS = ("records", "stored", "duplicates", "conflicts", "quarantined", "ignored")
MOST_SOURCES = 6
REQUEST_FIELDS = (
    "model_served model_version prompt_version latency_us ttft_us input_tokens output_tokens cost_reported "
    "business_unit user_id end_user_id trace_id cache_status fallbacks"
).split()
DECISION_FIELDS = (
    "entity_id model_version favourable score threshold confidence deciding_stage rule_id business_unit".split()
)


def records(period: Period) -> Section:
    """For each source what was received and what became of it, file by file, from the ledger."""
    files = [entry for entry in period.snapshot.of_kind("file") if _overlaps(entry, period.span.window)]
    if not files:
        return group(nothing("No file that was ingested holds a record of this window."))
    return group(
        _sources(period, files),
        _files(files),
        _flags(period),
        counted(period, "records", "the ledger's entries of kind file"),
    )


def _overlaps(entry: Entry, window: Window) -> bool:
    """Whether a file may hold records of the window; one without any readable time is named in each."""
    first, last = entry.facts["first"], entry.facts["last"]
    if first is None or last is None:
        return True
    return datetime.fromisoformat(first) < window.end and datetime.fromisoformat(last) >= window.start


def _conflicts(period: Period) -> dict[str, int]:
    """Batch -> records that were stored as conflicts."""
    found: dict[str, int] = {}
    for entry in period.snapshot.of_kind("ingest", "retry"):
        batch = str(entry.facts["batch"])
        found[batch] = found.get(batch, 0) + int(entry.facts["counts"].get("conflicts", 0))
    return found


def _sources(period: Period, files: Sequence[Entry]) -> Table:
    conflicts = _conflicts(period)
    sums: dict[str, dict[str, int]] = {}
    reasons: dict[str, dict[str, int]] = {}
    batches = {entry.facts["batch"] for entry in files}
    retries = [entry for entry in period.snapshot.of_kind("retry") if entry.facts["batch"] in batches]
    for entry in (*files, *retries):
        source = str(entry.facts["source"])
        own = sums.setdefault(source, dict.fromkeys(("files", *COUNTS), 0))
        for name in COUNTS:
            own[name] += int(entry.facts["counts"].get(name, 0)) if name != "conflicts" else 0
        if entry.kind == "file":
            own["files"] += 1
            own["conflicts"] += conflicts.get(entry.facts["batch"], 0)
        for reason, count in entry.facts["reasons"].items():
            known = reasons.setdefault(source, {})
            known[reason] = known.get(reason, 0) + int(count)
    columns = (
        Column("source"),
        *(Column(name, "number", digits=0) for name in ("files", *COUNTS)),
        Column("balance"),
        Column("reasons"),
    )
    rows = tuple(_source(name, own, reasons.get(name, {})) for name, own in sums.items())
    note = (
        "Balance: records = stored + duplicates + quarantined + ignored; conflicts are among the stored. Files that "
        "reach into this window are counted as a whole."
    )
    return Table("Records received by source", columns, rows, note)


def _source(name: str, own: dict[str, int], reasons: dict[str, int]) -> tuple[Cell, ...]:
    rest = own["records"] - own["stored"] - own["duplicates"] - own["quarantined"] - own["ignored"]
    said = (
        ", ".join(f"{reason.replace('_', ' ')} {count}" for reason, count in sorted(reasons.items()) if count) or None
    )
    return (
        name,
        own["files"],
        *(own[column] for column in COUNTS),
        "holds" if rest == 0 else f"{rest} are missing",
        said,
    )


def _files(files: Sequence[Entry]) -> Table:
    columns = (
        Column("file", "code"),
        Column("source"),
        Column("first record", "date"),
        Column("last record", "date"),
        Column("records", "number", digits=0),
        Column("sha256", "code"),
    )
    rows = tuple(
        (
            PurePath(entry.facts["file"]).name,
            entry.facts["source"],
            _day(entry.facts["first"]),
            _day(entry.facts["last"]),
            entry.facts["counts"]["records"],
            entry.facts["file_sha256"][:16],
        )
        for entry in files
    )
    return Table("Files", columns, rows, "Digests are of the files as received; the first 16 digits are shown.")


def _day(text: str | None) -> str | None:
    return None if text is None else text[:10]


def _flags(period: Period) -> Table | None:
    """What was odd about records, such as times without a zone."""
    rows = period.rows(
        "records",
        "SELECT source, flag, count(*) AS n FROM (SELECT source, unnest(quality_flags) AS flag FROM requests "
        f"WHERE {period.during('start_ts')}) GROUP BY ALL ORDER BY n DESC, source, flag",
    )
    if not rows:
        return None
    columns = (Column("source"), Column("flag", "code"), Column("requests", "number", digits=0))
    return Table("Odd records", columns, tuple((row["source"], row["flag"], row["n"]) for row in rows))


def fields(period: Period) -> Section:
    """Which fields the records carry: what is missing here cannot be judged further on."""
    shown: list[AnyBlock] = [
        block
        for block in (
            _presence(period, "requests", "start_ts", REQUEST_FIELDS),
            _presence(period, "decisions", "decision_ts", DECISION_FIELDS),
        )
        if block is not None
    ]
    return group(
        *(shown or [nothing("There are no requests in this window.")]),
        counted(period, "fields", "values that are not null"),
    )


def _presence(period: Period, table: str, time: str, names: Sequence[str]) -> Table | None:
    counts = ", ".join(f"count({name}) AS {name}" for name in names)
    where = f"WHERE {period.during(time)} GROUP BY source ORDER BY n DESC, source"
    rows = period.rows("fields", f"SELECT source, count(*) AS n, {counts} FROM {table} {where}")[:MOST_SOURCES]
    if not rows:
        return None
    columns = (Column(f"field of {table}", "code"), *(Column(row["source"], "share") for row in rows))
    lines = tuple((name, *(row[name] / row["n"] for row in rows)) for name in names)
    totals = ", ".join(f"{row['source']} {plural(row['n'], 'record')}" for row in rows)
    return Table(f"Fields present in {table}", columns, lines, f"Share of records that carry the field; {totals}.")


def by_day(period: Period) -> Section:
    """Requests received by day for each source, and the silences that checks found."""
    rows = period.rows(
        "by_day",
        f"SELECT {period.calendar('day', 'start_ts')} AS day, source, count(*) AS n FROM requests "
        f"WHERE {period.during('start_ts')} GROUP BY ALL ORDER BY day, source",
    )
    found = period.of_kind(GAPS)
    blocks: list[AnyBlock] = [_received(rows)] if rows else [nothing("No request was received in this window.")]
    if found:
        blocks += [block for block in (_timeline(period, found), _silences(found)) if block is not None]
    return group(*blocks, *judged(period, *families.COMPLETENESS), counted(period, "by_day", "requests by their start"))


def _received(rows: Sequence[dict[str, object]]) -> Chart:
    counts = {(row["day"], row["source"]): row["n"] for row in rows}
    days = sorted({str(row["day"]) for row in rows})
    sources = list(dict.fromkeys(str(row["source"]) for row in rows))[:MOST_SOURCES]
    series = {source: [int(str(counts.get((day, source), 0))) for day in days] for source in sources}
    return charts.line("Requests received by day", days[:400], {name: values[:400] for name, values in series.items()})


def _gaps(one: Found) -> list[tuple[datetime, datetime, float]]:
    listed = one.counts.get("longest") or []
    return [
        (datetime.fromisoformat(gap["start"]), datetime.fromisoformat(gap["end"]), float(gap["minutes"]))
        for gap in listed
    ]


def _lane(one: Found) -> str:
    return one.policy + (f": {one.about()}" if one.subject else "")


def _timeline(period: Period, found: Iterable[Found]) -> Chart | None:
    window = period.span.window
    lanes: dict[str, list[Span]] = {}
    for one in found:
        own = lanes.setdefault(_lane(one), [Span(window.start, window.end, "there")])
        own += [Span(max(start, window.start), min(end, window.end), "gap") for start, end, _ in _gaps(one)]
    if not lanes or not any(len(own) > 1 for own in lanes.values()):
        return None
    note = "A gap is a silence longer than the policy allows, drawn wider than it lasted where it would not be seen."
    return charts.timeline(
        "When requests were logged", window.start, window.end, dict(list(lanes.items())[:20]), note=note
    )


def _silences(found: Iterable[Found]) -> Table | None:
    gaps = sorted((start, end, minutes, _lane(one)) for one in found for start, end, minutes in _gaps(one))
    if not gaps:
        return None
    columns = (
        Column("stream"),
        Column("from", "date"),
        Column("to", "date"),
        Column("working time", "number", "min", digits=0),
    )
    rows = tuple((lane, start, end, minutes) for start, end, minutes, lane in gaps)
    return Table("Silences above the limit", columns, rows)


def ledger(period: Period) -> Section:
    """The state of the ledger, its root computed anew from the entries, and what arrived late."""
    checkpoint, entries = period.snapshot.checkpoint, period.snapshot.entries
    same = root([entry.raw for entry in entries]).hex() == checkpoint.root
    named = {file.path: file.bytes for entry in entries for file in entry.files}
    there = sum(1 for path, size in named.items() if _size(period, path) == size)
    facts = (
        Fact("Entries", len(entries)),
        Fact("First and last entry", f"{at(entries[0].at)} and {at(entries[-1].at)} UTC"),
        Fact(
            "Root over the entries",
            "is the one that the checkpoint signs" if same else "IS NOT the one that the checkpoint signs",
        ),
        Fact("Files named", f"{plural(len(named), 'file')}, {there} of them there with the size that the ledger says"),
        Fact("Whole proof", "`governance verify` recomputes every digest and checks the signature"),
        Fact("Late records", _late(period)),
    )
    return group(Facts(facts, "Ledger"))


def _size(period: Period, path: str) -> int | None:
    try:
        return (period.snapshot.root / path).stat().st_size
    except OSError:
        return None


def _late(period: Period) -> str:
    """Records of the window before that arrived after its report was made."""
    before = period.span.previous
    bounds = {"start": before.start.date().isoformat(), "end": before.end.date().isoformat()}
    reports = [
        entry for entry in period.snapshot.of_kind("report") if entry.facts.get("window", {}).get("name") == before.name
    ]
    if not reports:
        return f"not known: no report on {before.name} is in the ledger, so nothing was frozen then"
    size = int(reports[-1].facts["read"]["size"])
    rows = sum(
        int(file.facts["rows"])
        for entry in period.snapshot.entries[size:]
        if entry.kind != COMPACTION  # it brings no row
        for file in entry.files
        if re.fullmatch(r"requests|decisions", str(file.facts.get("table")))
        and bounds["start"] <= str(file.facts.get("day")) < bounds["end"]
    )
    return f"{plural(rows, 'record')} of {before.name} arrived after its report, which read {size} entries"
