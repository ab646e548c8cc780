"""`quarantine list|show`: what could not be read, with its bytes."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from governance.cli.session import Session
from governance.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Mapping

quarantine = typer.Typer(help="Look at records that could not be read.", no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    """Adds the group."""
    app.add_typer(quarantine, name="quarantine")


def _rows(session: Session, where: str = "true", parameters: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
    from governance.engines.duckdb import Engine
    from governance.store import Store

    store = Store(session.workspace.store)
    with Engine(store.spill) as engine:
        store.snapshot().attach(engine, ["quarantine"])
        return engine.records(
            "SELECT * EXCLUDE (raw, row_no), octet_length(raw) AS bytes, base64(raw) AS raw_base64 FROM quarantine "
            f"WHERE {where} ORDER BY ingested_ts, file, line, quarantine_id",
            parameters,
        )


@quarantine.command("list")
def list_records(
    context: typer.Context,
    reason: str | None = typer.Option(None, "--reason", metavar="WORD", help="Only those of one reason."),
) -> None:
    """List the records in quarantine: file, line, reason, and what exactly."""
    from governance.display import visible

    session: Session = context.obj
    found = _rows(session, "reason = $reason" if reason else "true", {"reason": reason} if reason else None)
    if session.as_json:
        listed = [{name: value for name, value in row.items() if name != "raw_base64"} for row in found]
        session.result({"quarantine": listed})
        return
    if not found:
        session.console.print("Nothing is in quarantine.")
    for row in found:
        place = f"{Path(row['file']).name}:{row['line']}"
        session.console.print(f"{row['quarantine_id'][:12]}{row['quarantine_id'][64:]}  {visible(place)}", style="bold")
        session.console.print(f"  {row['reason']}: {visible(row['detail'])}")


@quarantine.command()
def show(
    context: typer.Context,
    wanted: str = typer.Argument(metavar="ID", help="As `list` prints it."),
) -> None:
    """Show the bytes of one record; with --json they are base64, so that nothing is lost."""
    from governance.display import visible

    session: Session = context.obj
    head, _, rest = wanted.partition(":")
    found = _rows(
        session,
        "starts_with(quarantine_id, $head) AND ends_with(quarantine_id, $rest)",
        {"head": head, "rest": f":{rest}" if rest else ""},
    )
    if len(found) != 1:
        what = "several records have this id" if found else "no record in quarantine has this id"
        raise NotFoundError(what, where=wanted, hint="`governance quarantine list` prints them")
    if session.as_json:
        session.result(found[0])
        return
    text = base64.b64decode(found[0]["raw_base64"]).decode("utf-8", "backslashreplace")
    session.console.print(visible(text), soft_wrap=True)
