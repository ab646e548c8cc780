"""`prompt register|list`: versions of prompts, and which of them the log shows."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from governance.cli.session import Session

if TYPE_CHECKING:
    from governance.models.prompts import PromptUse

prompt = typer.Typer(help="Register versions of prompts, and see which were used.", no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    """Adds the group."""
    app.add_typer(prompt, name="prompt")


@prompt.command()
def register(
    context: typer.Context,
    template: Path = typer.Argument(metavar="FILE", help="The template, as it is sent."),
    name: str = typer.Option(..., "--name", metavar="NAME", help="Name as the requests log it."),
    version: str = typer.Option(..., "--version", metavar="VERSION", help="Version as the requests log it."),
    author: str | None = typer.Option(None, "--author", metavar="NAME", help="Who wrote it."),
    valid_from: str | None = typer.Option(None, "--valid-from", metavar="DAY", help="First day in use."),
) -> None:
    """Register one version of a prompt."""
    from governance.display import visible
    from governance.models.prompts import register_prompt

    session: Session = context.obj
    made = register_prompt(
        session.workspace,
        template,
        name=name,
        version=version,
        now=session.now,
        author=author,
        valid_from=valid_from,
    )
    if session.as_json:
        session.result(asdict(made))
        return
    session.console.print(f"{visible(made.name)} {visible(made.version)}, ledger entry {made.entry}", style="bold")
    session.console.print(f"  template_sha256: {made.template_sha256}")


@prompt.command("list")
def list_prompts(context: typer.Context) -> None:
    """List the versions that are registered or in the log."""
    from governance.engines.duckdb import Engine
    from governance.models.prompts import prompts, uses
    from governance.models.servings import prompts_seen
    from governance.storage.store import Store

    session: Session = context.obj
    store = Store(session.workspace.store)
    snapshot = store.snapshot()
    with Engine(store.spill) as engine:
        found = uses(prompts(snapshot), prompts_seen(snapshot, engine))
    if session.as_json:
        session.result({"prompts": [asdict(one) for one in found]})
        return
    if not found:
        session.console.print("No prompt is registered or in the log. Next: governance prompt register FILE")
    for one in found:
        session.console.print(_line(one))


def _line(one: PromptUse) -> str:
    from governance.display import visible

    name = " ".join(visible(part) for part in (one.name or "(no name)", one.version or "(no version)"))
    author = f" by {visible(one.registered.author)}" if one.registered and one.registered.author else ""
    state = f"registered{author}" if one.registered else "not registered"
    if one.seen is None:
        return f"{name}  {state}, never used"
    used = f"{one.seen.requests:,} requests, {one.seen.first[:16]} to {one.seen.last[:16]}"
    return f"{name}  {state}, {used}"
