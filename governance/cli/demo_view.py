"""What the demo prints at its end: what was found, where the report lies, what is real, and what to try next."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from governance.simulator import REAL_AND_SIMULATED

if TYPE_CHECKING:
    from rich.console import Console

    from governance.demo import Demo


def show(console: Console, done: Demo) -> None:
    """Prints the result of the demo."""
    console.print()
    console.print("What is real and what is simulated", style="bold")
    for origin in REAL_AND_SIMULATED:
        console.print(Text(origin.file, style="underline"))
        for kind in ("real", "measured", "computed", "simulated"):
            columns = "; ".join(getattr(origin, kind))
            if columns:
                console.print(Text(f"  {kind}: {columns}"))
    console.print()
    _faults(console, done)
    counts = ", ".join(f"{n} {name.replace('_', ' ')}" for name, n in done.assessment.counts().items() if n)
    console.print(f"Findings of {done.assessment.window.name}: {counts}")
    console.print(f"The store {'verifies' if done.verified else 'does NOT verify'} against its ledger")
    console.print()
    console.print("The report", style="bold")
    for path in done.report.paths():
        console.print(str(path), soft_wrap=True)
    console.print()
    # `make demo` runs it from .venv, which is not on the path of a shell
    called = Path(sys.argv[0])
    program = "governance" if shutil.which("governance") else str(called.absolute())
    if called.name == "__main__.py":
        program = f"{sys.executable} -m governance"
    console.print("Try next", style="bold")
    console.print(f"cd {done.workspace}", soft_wrap=True)
    console.print(f"{program} explain {done.example}", soft_wrap=True)
    console.print(f"{program} check credit-decisions --window 2026-Q3 --show-sql", soft_wrap=True)
    console.print(f"{program} verify", soft_wrap=True)


def _faults(console: Console, done: Demo) -> None:
    if not done.faults:
        console.print("No fault was planted: this is the clean twin.", style="bold")
        return
    console.print("Planted faults", style="bold")
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(width=1)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for fault in done.faults:
        mark = Text("✓", style="green") if fault.found else Text("✗", style="red")
        table.add_row(mark, fault.fault, f"{'found' if fault.found else 'NOT found'} by {fault.check}")
    console.print(table)
