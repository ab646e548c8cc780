"""How long `governance --help` takes as a whole command; it should stay under 0.3 s."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

RUNS = 15


def seconds(command: list[str]) -> float:
    """Wall-clock seconds from the start of a process to its exit."""
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def main() -> None:
    """Prints median and range, after one run that fills the caches of the operating system."""
    command = [str(Path(sys.executable).with_name("governance")), "--help"]
    seconds(command)
    times = [seconds(command) for _ in range(RUNS)]
    print(
        f"governance --help: median {statistics.median(times):.3f} s "
        f"({min(times):.3f} to {max(times):.3f}, {RUNS} runs)"
    )


if __name__ == "__main__":
    main()
