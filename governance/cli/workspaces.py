"""`init`, `status`, `demo`, `explore`: workspaces as a whole."""

from __future__ import annotations

import os
from pathlib import Path

import typer

from governance.cli.session import Session


def add_to(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command()(init)


def init(
    context: typer.Context,
    folder: Path = typer.Argument(Path(), metavar="[DIR]", help="Where; the current folder by default."),
) -> None:
    """Make a workspace: settings, policies, notebooks, a store and a signing key outside of it."""
    from governance.findings import stamp
    from governance.workspace import make_workspace

    session: Session = context.obj
    made = make_workspace(folder, environment=os.environ, now=stamp(session.now))
    if session.as_json:
        session.result({"workspace": str(made.root), "key": str(made.key)})
        return
    session.console.print(f"Workspace {made.root}")
    session.console.print(f"Signing key {made.key} (keep it, and keep it from those who write to the store)")
    session.console.print(f"Next: governance --workspace {folder} ingest LOG")
