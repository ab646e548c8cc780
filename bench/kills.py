"""Runs of `ingest` that are killed (SIGKILL) at random moments, and eight readers beside one: what do they lose?

Each killed run is followed by the same command, as a user would give it. After each kill, and by every reader:
1. what was acknowledged before the kill is in the store, and the store verifies;
2. what is visible is whole batches: rows and quarantine are what the entries of the batches say together.
At the end of each log, every record is in once. Any deviation ends the script with exit code 1.

Usage: python bench/kills.py [KILLS]      (1,000 unless said)
"""

from __future__ import annotations

import json
import os
import random
import signal
import struct
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from governance import batches
from governance.engines.duckdb import Engine
from governance.ingestion import ingest
from governance.progress import Progress, Stage
from governance.simulator.hostile_logs import Truth, write_hostile_log
from governance.simulator.hostile_records import LAYOUTS, MAPPING
from governance.storage.store import Store
from governance.verification import verify
from governance.workspace import Workspace, make_workspace

NOW = datetime(2026, 10, 1, tzinfo=UTC)
RECORDS, BATCH = 400, 40
READERS = 8
_COUNT = struct.Struct("<q")


@dataclass(frozen=True)
class Log:
    """A log and the workspace that it is read into."""

    space: Workspace
    path: Path
    mapping: Path
    truth: Truth


@dataclass
class Tally:
    """What was seen.

    Attributes:
        kills: Runs that were killed.
        logs: Logs that were read to their end.
        entries: Ledger entries that the killed runs had written, for where the kills fell.
        wrong: Deviations.
    """

    kills: int = 0
    logs: int = 0
    entries: Counter[int] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


class Child:
    """A copy of this process that does one thing; this one has no threads, so that copying it is safe."""

    def __init__(self, work: Callable[[int], None]) -> None:
        self._reading, writing = os.pipe()
        self.process = os.fork()
        if self.process:
            os.close(writing)
            return
        code = 1
        try:
            os.close(self._reading)
            work(writing)
            code = 0
        finally:
            os._exit(code)

    def kill_after(self, seconds: float) -> bool:
        """Whether it was still at work after so long, and was killed."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if os.waitid(os.P_PID, self.process, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                return False
            time.sleep(0.001)
        os.kill(self.process, signal.SIGKILL)
        return True

    def said(self) -> tuple[bytes, int]:
        """All that it wrote, and how it ended (minus the signal that killed it)."""
        with os.fdopen(self._reading, "rb") as pipe:
            content = pipe.read()
        return content, os.waitstatus_to_exitcode(os.waitpid(self.process, 0)[1])


def new_log(folder: Path, number: int) -> Log:
    """A log of which a fifth is hostile, and an empty workspace."""
    environment = {**os.environ, "XDG_CONFIG_HOME": str(folder)}
    space = make_workspace(folder / f"space-{number}", environment=environment, now="2026-10-01T00:00:00.000000Z")
    path, mapping = folder / f"{number}.jsonl", folder / "mapping.yaml"
    mapping.write_text(MAPPING, encoding="utf-8")
    return Log(space, path, mapping, write_hostile_log(path, LAYOUTS["mapped-json"], RECORDS, seed=number))


def writer(log: Log) -> Child:
    """Reads the log, and says after each commit how many of its records are in."""

    def work(pipe: int) -> None:
        def acknowledge(progress: Progress) -> None:
            if progress.stage is Stage.READING:
                os.write(pipe, _COUNT.pack(progress.records))

        ingest(log.space, [str(log.path)], now=NOW, mapping=log.mapping, observe=acknowledge)

    return Child(work)


def visible(log: Log) -> tuple[int, list[str]]:
    """How many records of the log are in, and what does not fit together."""
    snapshot = Store(log.space.store).snapshot()
    sums: Counter[str] = Counter()
    for entry in snapshot.of_kind("ingest"):
        sums.update(entry.facts["counts"])
    with Engine() as engine:
        snapshot.attach(engine, ["requests", "decisions", "quarantine"])
        seen = engine.rows(
            "SELECT (SELECT count(*) FROM requests), (SELECT count(DISTINCT request_uid) FROM requests), "
            "(SELECT count(*) FROM decisions), (SELECT count(*) FROM quarantine)"
        )[0]
    rows = sums["stored"] - sums["conflicts"]
    wrong = [] if seen == (rows, rows, rows, sums["quarantined"]) else [f"the ledger counts {dict(sums)}, seen {seen}"]
    return sums["records"], wrong


def examine(log: Log, acknowledged: int) -> list[str]:
    """What is wrong with a store after a run, looked at by a process of its own."""

    def work(pipe: int) -> None:
        records, wrong = visible(log)
        wrong += [f"{problem.path} {problem.what}" for problem in verify(log.space.store).problems]
        if records < acknowledged:
            wrong.append(f"{acknowledged} records were acknowledged, {records} are in")
        os.write(pipe, json.dumps(wrong).encode())

    content, code = Child(work).said()
    return list(json.loads(content)) if code == 0 else [f"the store could not be read (exit code {code})"]


def last_count(content: bytes) -> int:
    """The last whole number that a writer wrote."""
    whole = len(content) // _COUNT.size * _COUNT.size
    return int(_COUNT.unpack(content[whole - _COUNT.size : whole])[0]) if whole else 0


def kill_runs(folder: Path, kills: int, seed: int) -> Tally:
    """Kills so many runs at random moments."""
    dice = random.Random(seed)
    tally = Tally()
    start = time.monotonic()
    writer(new_log(folder, 0)).said()
    span = (time.monotonic() - start) * 0.7  # so that most runs are killed, and some come to the end of the log
    while tally.kills < kills:
        log = new_log(folder, tally.logs + 1)
        while True:
            child = writer(log)
            was_killed = child.kill_after(dice.random() * span) if tally.kills < kills else False
            content, code = child.said()
            tally.wrong += examine(log, last_count(content))
            tally.kills += was_killed
            tally.entries[len(list((log.space.store / "ledger").glob("0*.json")))] += was_killed
            if code == 0:
                break
            if not was_killed:
                tally.wrong.append(f"a run ended by itself with exit code {code}")
                break
        tally.logs += 1
        tally.wrong += [f"log {tally.logs}: {what}" for what in unfinished(log)]
    return tally


def unfinished(log: Log) -> Iterator[str]:
    """What of a log that was read to its end is not in once."""
    (entry,) = Store(log.space.store).snapshot().of_kind("file")
    for name, count in log.truth.counts.items():
        other = entry.facts["counts"][name]
        if name in {"records", "quarantined", "ignored"} and other != count:
            yield f"{other} {name}, not {count}"
    own = entry.facts["counts"]
    if own["stored"] + own["duplicates"] != log.truth.counts["stored"] + log.truth.counts["duplicates"]:
        yield f"stored and duplicates are {own}"


def read_beside(folder: Path) -> tuple[int, list[str]]:
    """How often eight readers looked while a log was read, and what they saw that does not fit."""
    log = new_log(folder, 1_000_000)

    def look(pipe: int) -> None:
        looks, before, wrong = 0, 0, []
        while before < log.truth.counts["records"]:
            records, found = visible(log)
            wrong += found + ([f"{records} records after {before}"] if records < before else [])
            looks, before = looks + 1, records
        os.write(pipe, json.dumps([looks, wrong]).encode())

    readers = [Child(look) for _ in range(READERS)]
    _, code = writer(log).said()
    wrong = [] if code == 0 else [f"the writer ended with exit code {code}"]
    looks = 0
    for reader in readers:
        content, code = reader.said()
        own, found = json.loads(content) if code == 0 else (0, [f"a reader ended with exit code {code}"])
        looks, wrong = looks + own, wrong + found
    return looks, wrong


def main() -> int:
    """Kills, reads beside, and says what was wrong."""
    kills = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000
    batches.BATCH_RECORDS = BATCH
    with tempfile.TemporaryDirectory() as folder:
        looks, wrong = read_beside(Path(folder))
        print(f"{READERS} readers looked {looks:,} times beside a writer: {len(wrong)} deviations", flush=True)
        start = time.monotonic()
        tally = kill_runs(Path(folder), kills, seed=11)
        seconds = time.monotonic() - start
    spread = f"{len(tally.entries)} different places of the ledger"
    print(f"{tally.kills:,} kills at {spread}, {tally.logs:,} logs read to their end: {len(tally.wrong)} deviations")
    print(f"{seconds / max(1, tally.kills):.2f} s for each kill, run and verification")
    for deviation in [*wrong, *tally.wrong][:20]:
        print(f"    {deviation[:300]}")
    return 1 if wrong or tally.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
