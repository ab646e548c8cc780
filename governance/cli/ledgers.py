"""`verify`: whether the store is what its ledger says."""

from __future__ import annotations

import os
from pathlib import Path

import typer

from governance.cli.examples import below
from governance.cli.session import Session
from governance.cli.waiting import waiting


def add_to(app: typer.Typer) -> None:
    """Adds the command."""
    app.command(epilog=below("verify"))(verify)


def verify(
    context: typer.Context,
    path: Path | None = typer.Argument(
        None, metavar="[PATH]", help="A store or an exported copy; the workspace's by default."
    ),
    checkpoint: Path | None = typer.Option(
        None, "--checkpoint", metavar="FILE", help="A checkpoint that was kept elsewhere."
    ),
) -> int:
    """Recompute everything from the files and say which were changed; exit 3 if one was."""
    from governance.display import visible
    from governance.verification import verify as examine

    session: Session = context.obj
    own = None
    if path is None:
        space = session.workspace
        path, own = space.store, _own_key(space.key)
    elif (path / "store" / "ledger").is_dir():
        path = path / "store"
    with waiting(session, "recomputing every digest"):
        found = examine(path, newer=checkpoint, own_public_key=own)
    if session.as_json:
        problems = [{"path": problem.path, "what": problem.what} for problem in found.problems]
        session.result(
            {
                "ok": found.ok,
                "entries": found.entries,
                "segments": found.segments,
                "root": found.root,
                "problems": problems,
                "notes": list(found.notes),
            }
        )
    else:
        for problem in found.problems:
            session.console.print(f"✗ {visible(problem.path)}: {visible(problem.what)}", style="red")
        verdict = "the store is what its ledger says" if found.ok else f"{len(found.problems)} problems"
        session.console.print(f"{'✓' if found.ok else '✗'} {verdict}: {found.entries} entries, {found.segments} files")
        session.console.print(f"  root {found.root}")
        for note in found.notes:
            session.console.print(f"  {visible(note)}")
    return 0 if found.ok else 3


def _own_key(path: Path) -> bytes | None:
    """The public half of the workspace's signing key, where this reader has the key."""
    from governance.proof.notes import SigningKey

    return SigningKey.read(path).public.pem() if os.access(path, os.R_OK) else None  # an auditor may not read it
