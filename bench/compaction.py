"""What compaction takes and what it saves: a quarter of logs in two files a day, before and after.

Each step is a command in a process of its own, so that its CPU time and its peak memory are the command's alone.

Usage: python bench/compaction.py [ROWS]
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from hashlib import md5
from pathlib import Path

import duckdb

ROWS = 100_000
FILES = 180  # two a day
MAPPING = """\
source: bench
columns:
  request_id: id
  start_ts: at
  model: {constant: credit}
  model_version: {constant: "1"}
  latency_us: {column: seconds, unit: s}
  decision: decision
  favourable: {column: decision, map: {"1": true, "0": false}}
  score: score
features: [f1, f2, f3, f4, f5, f6, f7, f8]
subjects: {sex: sex}
"""


def write(folder: Path, rows: int) -> None:
    """Rows over 90 days with random ids, in files that each hold twelve hours."""
    features = ", ".join(f"hash(i, {number}) % 100000 / 1000 AS f{number}" for number in range(1, 9))
    start = f"TIMESTAMP '2026-07-01' + to_microseconds(CAST(i * 90.0 * 86400e6 / {rows} AS BIGINT))"
    row = (
        f"md5(i::VARCHAR) AS id, strftime({start}, '%Y-%m-%dT%H:%M:%S.%fZ') AS at, hash(i) % 900 / 1000 AS seconds, "
        "hash(i, 11) % 2 AS decision, hash(i, 12) % 10000 / 10000 AS score, "
        f"CASE WHEN hash(i, 13) % 2 = 0 THEN 'f' ELSE 'm' END AS sex, {features}"
    )
    with duckdb.connect() as connection:
        for number in range(FILES):
            first, stop = (rows * place // FILES for place in (number, number + 1))
            path = folder / f"log{number:03d}.jsonl"
            connection.execute(f"COPY (SELECT {row} FROM range({first}, {stop}) t(i)) TO '{path}' (FORMAT json)")


def run(workspace: Path, *arguments: str) -> str:
    """Runs a command and prints what it took."""
    start = time.perf_counter()
    command = [sys.executable, "-m", "governance", "--workspace", str(workspace), *arguments]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    out = child.stdout.read() if child.stdout else ""
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    seconds, cpu = time.perf_counter() - start, used.ru_utime + used.ru_stime
    what = " ".join(arguments)[:36]
    print(f"{what:36} {seconds:7.2f} s {cpu:7.2f} s of CPU   peak {used.ru_maxrss / 1024:5,.0f} MiB", flush=True)
    return out


def readers(workspace: Path, wanted: str, window: str) -> None:
    """The commands that read the whole store, a quarter of it, or one request."""
    run(workspace, "status")
    run(workspace, "check", "--window", window)
    run(workspace, "explain", wanted)
    run(workspace, "verify")


def files(workspace: Path) -> str:
    """How many files of rows a store has, and how large they are."""
    paths = list((workspace / "store").rglob("*.parquet"))
    return f"{len(paths):,} Parquet files, {sum(path.stat().st_size for path in paths) / 1e6:,.1f} MB on the disk"


def main() -> None:
    """Times each step."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["XDG_CONFIG_HOME"] = name
        write(folder, rows)
        (folder / "mapping.yaml").write_text(MAPPING)
        space = folder / "space"
        subprocess.run([sys.executable, "-m", "governance", "init", str(space)], check=True, capture_output=True)
        run(space, "ingest", "--mapping", str(folder / "mapping.yaml"), *map(str, sorted(folder.glob("*.jsonl"))))
        wanted = md5(str(rows // 2).encode(), usedforsecurity=False).hexdigest()
        print(files(space))
        readers(space, wanted, "2026-Q3")
        print(run(space, "compact"))
        print(files(space))
        readers(space, wanted, "2026-Q3")


if __name__ == "__main__":
    main()
