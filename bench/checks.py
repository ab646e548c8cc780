"""The shipped policies and a check of every other kind, beside the same counts in plain SQL and the usual libraries.

Usage: python bench/checks.py [ROWS] [--sample N] [--each] [--in DIR]

ROWS requests and as many decisions (200,000 unless given; 10,000,000 by hand), and a fifth more before the window. Each
case runs in a process of its own, and its figures are of the whole process.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quarter import cases, libraries
from quarter.store import make_quarter

from governance.workspace import Workspace, find_workspace

RUNS = 3
MANY = 2_000_000  # rows from which a case is run once
PAIRS = {
    "policies": "the shipped policies and one check of each other kind",
    "data": "data checks: contract and completeness",
    "fairness": "fairness: impact ratios with intervals, by two attributes and by both",
}


@dataclass(frozen=True, slots=True)
class Cost:
    """What a process took.

    Attributes:
        seconds: Wall clock, from start to exit.
        cpu_seconds: Of all its threads.
        peak_mib: Largest resident size.
        said: What it printed, as JSON.
    """

    seconds: float
    cpu_seconds: float
    peak_mib: float
    said: dict[str, Any]


def main() -> None:
    """Makes the store, runs each case in turn and prints what it took."""
    options = _options()
    if options.case:
        space = find_workspace(options.folder / "space", cwd=Path(), environment=os.environ)
        print(json.dumps(_case(options.case, space, options.sample)))
        return
    folder = options.folder or Path(tempfile.mkdtemp(prefix="bench-checks-"))
    try:
        if not (folder / "space").exists():
            began = time.perf_counter()
            folder.mkdir(parents=True, exist_ok=True)
            make_quarter(folder, options.rows)
            print(f"store of {options.rows:,} requests made in {time.perf_counter() - began:.0f} s", flush=True)
        _compare(folder, options)
    finally:
        if options.folder is None:
            shutil.rmtree(folder)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("rows", nargs="?", type=int, default=200_000, metavar="ROWS")
    parser.add_argument("--sample", type=int, default=1_000_000, help="rows for the usual libraries")
    parser.add_argument("--each", action="store_true", help="print each check beside its statement")
    parser.add_argument(
        "--in", dest="folder", type=Path, help="keep the store in this folder, and use it if it is there"
    )
    parser.add_argument("--case", help=argparse.SUPPRESS)
    return parser.parse_args()


def _case(name: str, space: Workspace, sample: int) -> dict[str, Any]:
    """Runs one case in this process."""
    side, _, pair = name.partition(" ")
    said: dict[str, Any]
    if side == "libraries":
        said = libraries.measured(space.store, sample)
    elif side == "each":
        said = cases.each(space)
    else:
        said = cases.governed(space, pair) if side == "governance" else cases.plain(space, pair)
    return said


def _compare(folder: Path, options: argparse.Namespace) -> None:
    runs = 1 if options.rows >= MANY else RUNS
    for pair, what in PAIRS.items():
        ours, theirs = [], []
        for _ in range(runs):  # in turn, so that what else runs on the machine meets both
            ours.append(_run(f"governance {pair}", folder))
            theirs.append(_run(f"SQL {pair}", folder))
        print(f"\n{what}, {options.rows:,} rows, {runs} run(s)")
        _print("governance check", ours, f"{ours[0].said['checks']} checks, {ours[0].said['findings']} findings")
        _print("plain SQL", theirs, f"{theirs[0].said['statements']} statements")
        ratios = [one.seconds / other.seconds for one, other in zip(ours, theirs, strict=True)]
        used = [one.cpu_seconds / other.cpu_seconds for one, other in zip(ours, theirs, strict=True)]
        print(f"  ratio                 {statistics.median(ratios):8.2f} x {statistics.median(used):8.2f} x")
        if pair == "policies":
            _print_libraries(folder, options, ours)
    if options.each:
        for line in _run("each", folder).said["lines"]:
            print(line)


def _print_libraries(folder: Path, options: argparse.Namespace, ours: list[Cost]) -> None:
    found = _run("libraries", folder, options.sample)
    rows, checks = found.said["rows"], found.said["checks"]
    _print("usual libraries", [found], f"{checks} of these checks on {rows:,} rows: GX on pandas, fairlearn, scipy")
    each = statistics.median(one.seconds for one in ours) / options.rows
    print(f"  per row               {found.seconds / rows / each:8.1f} times as long as governance check")


def _run(case: str, folder: Path, sample: int = 0) -> Cost:
    command = [sys.executable, __file__, "--case", case, "--in", str(folder), "--sample", str(sample)]
    began = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        said = process.stdout.read() if process.stdout else b""
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - began
    if process.returncode:
        raise SystemExit(f"{case}: exit {process.returncode}")
    return Cost(seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, json.loads(said))


def _print(name: str, found: list[Cost], what: str) -> None:
    seconds, cpu = (statistics.median(used) for used in ([c.seconds for c in found], [c.cpu_seconds for c in found]))
    peak = max(c.peak_mib for c in found)
    spread = f"{min(c.seconds for c in found):.2f} to {max(c.seconds for c in found):.2f}"
    print(
        f"  {name:20}{seconds:8.2f} s ({spread}) {cpu:8.2f} s of CPU  peak {peak:6,.0f} MiB  {what}",
        flush=True,
    )


if __name__ == "__main__":
    main()
