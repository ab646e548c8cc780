"""`init`, `status`, `demo`, `explore`: workspaces as a whole."""

from __future__ import annotations

import os
from pathlib import Path

import typer

from governance.cli.session import Session

WORTH_SAYING = 100  # files that compaction would save


def add_to(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command()(init)
    app.command()(demo)
    app.command()(status)


def init(
    context: typer.Context,
    folder: Path = typer.Argument(Path(), metavar="[DIR]", help="Where; the current folder by default."),
) -> None:
    """Make a workspace: settings, policies, notebooks, a store and a signing key outside of it."""
    from governance.moments import stamp
    from governance.workspace import make_workspace

    session: Session = context.obj
    made = make_workspace(folder, environment=os.environ, now=stamp(session.now))
    if session.as_json:
        session.result({"workspace": str(made.root), "key": str(made.key)})
        return
    session.console.print(f"Workspace {made.root}")
    session.console.print(f"Signing key {made.key} (keep it, and keep it from those who write to the store)")
    session.console.print("The policies in it are examples: `governance policy lint` says which of them fit your log")
    session.console.print(f"Next: governance --workspace {folder} ingest LOG")


def demo(
    context: typer.Context,
    folder: Path = typer.Argument(
        Path("governance-demo"), metavar="[DIR]", help="Where; made anew if the demo made it."
    ),
    clean: bool = typer.Option(False, "--clean", help="The same traffic without the planted faults."),
) -> None:
    """Build a workspace from shipped real data and run the whole way, from logs to a verified report."""
    from governance.demo import run_demo

    session: Session = context.obj
    say = (lambda _: None) if session.as_json else session.note
    done = run_demo(folder, environment=os.environ, say=say, now=session.now, clean=clean)
    if session.as_json:
        session.result(done.document())
        return
    from governance.cli.demo_view import show

    show(session.console, done)


def status(
    context: typer.Context,
    coverage: bool = typer.Option(
        False, "--coverage", help="Which kinds of checks the store can judge, and what would help."
    ),
    as_of: int | None = typer.Option(None, "--as-of", metavar="N", help="Read the store as of N ledger entries."),
) -> None:
    """Say what is in the store, what is late, what is open, and what can be judged."""
    session: Session = context.obj
    if coverage:
        _show_coverage(session, as_of)
        return
    from governance import inventory

    found = inventory.status(session.workspace.store, as_of=as_of)
    if session.as_json:
        session.result(found)
        return
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("table", "rows", "files", "first", "last"):
        table.add_column(name, justify="right" if name in ("rows", "files") else "left", no_wrap=True)
    for row in found["tables"]:
        times = [(row.get(name) or "")[:16].replace("T", " ") for name in ("first", "last")]
        table.add_row(row["table"], f"{row['rows']:,}", f"{row['files']:,}", *times)
    session.console.print(table)
    _show_files(session, found["files"])
    for name, count in found["unmatched"].items():
        session.console.print(f"{count:,} {name} match no request yet")
    if found["halves"]:
        session.console.print(f"Calls and answers that wait for their other half: {found['halves']:,}")
    if found["conflicts"]:
        session.console.print(f"{found['conflicts']:,} records came again with other content and are kept as conflicts")
    for verdict, item in found["findings"].items():
        due = f", next due {item['next_due']}" if item["next_due"] else ""
        session.console.print(f"findings {verdict.replace('_', ' ')}: {item['n']:,}{due}")
    session.console.print(f"Models: {', '.join(found['models']) or 'none registered'}")
    session.console.print(f"Ledger: {found['ledger']['size']} entries, root {found['ledger']['root'][:16]}")


def _show_files(session: Session, files: dict[str, int]) -> None:
    """Says when compaction helps: opening a hundred files costs each command about a tenth of a second."""
    read, fewer = files["read"], files["after_compaction"]
    if read - fewer >= WORTH_SAYING:
        session.console.print(f"{read:,} files are read; `governance compact` would make about {fewer:,} of them")
    if files["replaced"]:
        session.console.print(f"{files['replaced']:,} files that were merged are kept for earlier states")


def _show_coverage(session: Session, as_of: int | None) -> None:
    from governance.coverage import document, store_coverage

    found = store_coverage(session.workspace.store, as_of=as_of)
    if session.as_json:
        session.result(document(found))
        return
    from governance.cli.coverage_view import show

    show(session.console, found)
