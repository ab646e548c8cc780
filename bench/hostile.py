"""Logs of which a fifth is hostile: whether each balance is exact and every quarantined byte can be had back.

Four files are written with a fixed seed: JSON Lines and CSV, through a mapping and as a recognised source. What has to
become of every record is known; anything else ends the script with exit code 1.

Usage: python bench/hostile.py [LINES]      (of all four files together; 1,000,000 unless said)
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from governance.engines.duckdb import Engine
from governance.ingestion import FileReport, ingest
from governance.simulator.hostile_logs import Truth, write_hostile_log
from governance.simulator.hostile_records import LAYOUTS, MAPPING, Layout
from governance.storage.store import Store
from governance.verification import verify
from governance.workspace import Workspace, make_workspace

NOW = datetime(2026, 10, 1, tzinfo=UTC)
SHOWN = 5  # deviations of one kind


def deviations(space: Workspace, path: Path, layout: Layout, truth: Truth, report: FileReport) -> Iterator[str]:
    """What became of a hostile log other than it has to.

    Args:
        space: It was read into this, alone.
        path: The log.
        layout: What its records are.
        truth: What has to become of them.
        report: What ingestion says.
    """
    counts = report.counts()
    yield from _unequal("count", counts.items(), (dict.fromkeys(counts, 0) | truth.counts).items())
    yield from _unequal("reason", report.reasons.items(), truth.reasons.items())
    if counts["records"] != sum(counts[name] for name in ("stored", "duplicates", "quarantined", "ignored")):
        yield f"the balance does not add up: {counts}"
    with Engine() as engine:
        Store(space.store).snapshot().attach(engine, ["requests", "decisions", "quarantine"])
        yield from _unequal("stored request", engine.rows(layout.stored), truth.stored)
        rows = engine.rows("SELECT line, byte_offset, octet_length(raw), reason, row_no, raw FROM quarantine")
    yield from _unequal("quarantined record", (row[:5] for row in rows), truth.quarantine)
    with path.open("rb") as log:
        for line, offset, length, _, _, raw in rows:
            log.seek(offset)
            if log.read(length) != raw:
                yield f"line {line}: the bytes in quarantine are not those at byte {offset}"


def _unequal(what: str, found: Iterable[tuple[Any, ...]], expected: Iterable[tuple[Any, ...]]) -> Iterator[str]:
    have, want = Counter(map(tuple, found)), Counter(map(tuple, expected))
    yield from (f"{what} too many: {item}" for item in list((have - want).elements())[:SHOWN])
    yield from (f"{what} missing: {item}" for item in list((want - have).elements())[:SHOWN])


def read_hostile_log(folder: Path, name: str, records: int, *, too_long: bool = False) -> tuple[FileReport, list[str]]:
    """What ingestion says of a new hostile log, and what deviates.

    Args:
        folder: Where to make the log and a workspace.
        name: Its layout.
        records: How many, about.
        too_long: Whether one of them is.
    """
    layout = LAYOUTS[name]
    path, mapping = folder / f"{name}{layout.suffix}", folder / "mapping.yaml"
    truth = write_hostile_log(path, layout, records, seed=len(name), too_long=too_long)
    mapping.write_text(MAPPING, encoding="utf-8")
    environment = {**os.environ, "XDG_CONFIG_HOME": str(folder)}
    space = make_workspace(folder / name, environment=environment, now="2026-10-01T00:00:00.000000Z")
    (report,) = ingest(space, [str(path)], now=NOW, mapping=mapping if layout.is_mapped else None).files
    found = list(deviations(space, path, layout, truth, report))
    if not verify(space.store).ok:
        found.append("the store does not verify")
    return report, found


def main() -> int:
    """Reads each of the four."""
    lines = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        for name in LAYOUTS:
            start = time.process_time()
            report, found = read_hostile_log(Path(folder), name, lines // len(LAYOUTS), too_long=True)
            seconds = time.process_time() - start
            counts = ", ".join(f"{count:,} {what}" for what, count in report.counts().items())
            print(f"{name:14} {counts}; {len(found)} deviations; {seconds:.1f} s of CPU", flush=True)
            print("".join(f"    {deviation[:300]}\n" for deviation in found), end="")
            wrong += len(found)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
