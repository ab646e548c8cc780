"""`compact`: many small files into few."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from governance.cli.session import Session

if TYPE_CHECKING:
    from governance.compaction import Compaction

WORTH_ADVICE = 1000  # files that a compaction would save


def add_to(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(compact)


def compact(
    context: typer.Context,
    dry_run: bool = typer.Option(False, "--dry-run", help="Only say what would be merged."),
) -> None:
    """Merge many small files into few, so that reading is quicker; the ledger says so, and nothing is removed."""
    from governance.cli.progress import drawn
    from governance.compaction import compact as run

    session: Session = context.obj
    with drawn(session) as display:
        done = run(session.workspace, now=session.now, dry_run=dry_run, observe=display.show)
        session.finished = "all is merged" if done.tables and not dry_run else None
    if session.as_json:
        ledger = {"size": done.ledger_size, "root": done.ledger_root}
        tables = [asdict(item) for item in done.tables]
        session.result({"dry_run": dry_run, "tables": tables, "left": list(done.left), "ledger": ledger})
        return
    for why in done.left:
        session.note(why)
    if not done.tables:
        session.console.print("Nothing to merge: no month of a table has four or more small files.")
        return
    _show(session, done, dry_run=dry_run)


def advise(session: Session) -> None:
    """Says that a compaction is worth while where it is: a thousand files cost every check about a second."""
    from governance.compaction import plan
    from governance.storage.store import Store

    merges = plan(Store(session.workspace.store).snapshot())
    many = sum(len(merge.segments) for merge in merges)
    if many - len(merges) >= WORTH_ADVICE:
        session.note(f"`governance compact` would merge {many:,} small files of the store into {len(merges):,}")


def _show(session: Session, done: Compaction, *, dry_run: bool) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("table", "files", "after", "rows", "MB", "after"):
        table.add_column(name, justify="left" if name == "table" else "right", no_wrap=True)
    for item in done.tables:
        after = "" if item.bytes_after is None else f"{item.bytes_after / 1e6:,.1f}"
        counts = (f"{item.files:,}", f"{item.files_after:,}", f"{item.rows:,}", f"{item.bytes / 1e6:,.1f}", after)
        table.add_row(item.table, *counts)
    session.console.print(table)
    if dry_run:
        session.console.print("Nothing was changed.")
        return
    session.console.print("Each merged file was compared, row for row, with those that it replaces.")
    session.console.print("Those stay: they prove earlier states (--as-of) and the evidence of stored findings.")
    session.console.print(f"Ledger: {done.ledger_size} entries, root {done.ledger_root[:16]}")
