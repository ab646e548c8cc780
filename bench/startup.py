"""How long it takes until a command begins: help as a whole, beside a process that imports duckdb and connects.

`governance --help` should stay under 0.3 s. `lookup.py` measures `governance explain ID` in the same way.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time

RUNS = 15
COMMANDS = {
    "import and connect duckdb": ["-c", "import duckdb; duckdb.connect()"],
    "governance --version": ["-m", "governance", "--version"],
    "governance --help": ["-m", "governance", "--help"],
    "governance check --help": ["-m", "governance", "check", "--help"],
    "governance verify --help": ["-m", "governance", "verify", "--help"],
}


def seconds(arguments: list[str], compiled: str) -> tuple[float, float]:
    """Wall-clock and CPU seconds of a new process, from its start to its exit.

    Modules are compiled once, as they are where pip installed the package.
    """
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": compiled}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    start = time.perf_counter()
    child = subprocess.Popen([sys.executable, *arguments], stdout=subprocess.DEVNULL, env=environment)
    _, status, usage = os.wait4(child.pid, 0)
    wall = time.perf_counter() - start
    if status:
        raise SystemExit(f"{' '.join(arguments)} ended with status {status}")
    return wall, usage.ru_utime + usage.ru_stime


def main() -> None:
    """Prints medians and ranges, the commands taken in turns; the first round fills the caches of the system."""
    with tempfile.TemporaryDirectory() as compiled:
        rounds = [
            {name: seconds(arguments, compiled) for name, arguments in COMMANDS.items()} for _ in range(RUNS + 1)
        ][1:]
    for name in COMMANDS:
        walls, used = zip(*(times[name] for times in rounds), strict=True)
        print(
            f"{name:26} median {statistics.median(walls):.3f} s ({min(walls):.3f} to {max(walls):.3f}, {RUNS} runs), "
            f"{statistics.median(used):.3f} s of CPU"
        )


if __name__ == "__main__":
    main()
