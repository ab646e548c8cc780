"""Thirty runs of `ingest` are killed at random moments, and eight readers look beside one: nothing is half seen."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.slow
def test_killed_runs_lose_nothing_and_readers_see_whole_batches() -> None:
    """The script forks, which a process with threads, such as this one, had better not do."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "bench" / "kills.py"), "30"], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.returncode == 0, done.stdout + done.stderr
    readers, kills, _ = done.stdout.splitlines()
    assert readers.startswith("8 readers looked")
    assert kills.startswith("30 kills at")
    assert done.stdout.count(": 0 deviations") == 2
