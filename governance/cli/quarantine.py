"""`quarantine list|show|retry`: what could not be read, with its bytes, and reading it again."""

from __future__ import annotations

import base64
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from governance.cli.session import Session
from governance.errors import GovernanceError

if TYPE_CHECKING:
    from governance.quarantine.held import Selection
    from governance.quarantine.retrial import FileRetrial, Retrial

COUNTS = ("retried", "stored", "duplicates", "conflicts", "ignored", "quarantined")

quarantine = typer.Typer(help="Look at records that could not be read, and read them again.", no_args_is_help=True)

_AS_OF = typer.Option(None, "--as-of", metavar="N", help="Read the store as of N ledger entries.")
_REASON = typer.Option(None, "--reason", metavar="WORD", help="Only those of one reason.")


def add_to(app: typer.Typer) -> None:
    """Adds the group."""
    app.add_typer(quarantine, name="quarantine")


def _found(session: Session, selection: Selection, as_of: int | None, *, raw: bool = False) -> list[dict[str, Any]]:
    from governance.engines.duckdb import Engine
    from governance.quarantine.held import quarantined, raw_of
    from governance.storage.store import Store

    store = Store(session.workspace.store)
    with Engine(store.spill) as engine:
        found = quarantined(store.snapshot(as_of), engine, selection)
        content = raw_of(engine, [row["quarantine_id"] for row in found]) if raw else {}
    return [{name: value for name, value in row.items() if name != "row_no"} | _encoded(content, row) for row in found]


def _encoded(content: dict[str, bytes], row: dict[str, Any]) -> dict[str, str]:
    raw = content.get(row["quarantine_id"])
    return {} if raw is None else {"raw_base64": base64.b64encode(raw).decode()}


@quarantine.command("list")
def list_records(context: typer.Context, reason: str | None = _REASON, as_of: int | None = _AS_OF) -> None:
    """List the records in quarantine: file, line, reason, and what exactly."""
    from governance.display import visible
    from governance.quarantine.held import Selection, short_id

    session: Session = context.obj
    found = _found(session, Selection(reason=reason), as_of)
    if session.as_json:
        session.result({"quarantine": found})
        return
    if not found:
        session.console.print("Nothing is in quarantine.")
    for row in found:
        place = f"{Path(row['file']).name}:{row['line']}"
        session.console.print(f"{short_id(row['quarantine_id'])}  {visible(place)}", style="bold")
        session.console.print(f"  {row['reason']}: {visible(row['detail'])}")


@quarantine.command()
def show(
    context: typer.Context,
    wanted: str = typer.Argument(metavar="ID", help="As `list` prints it."),
    as_of: int | None = _AS_OF,
) -> None:
    """Show the bytes of one record; with --json they are base64, so that nothing is lost."""
    from governance.display import visible
    from governance.quarantine.held import Selection

    session: Session = context.obj
    (found,) = _found(session, Selection(ids=(wanted,)), as_of, raw=True)
    if session.as_json:
        session.result(found)
        return
    text = base64.b64decode(found["raw_base64"]).decode("utf-8", "backslashreplace")
    session.console.print(visible(text), soft_wrap=True)


@quarantine.command()
def retry(
    context: typer.Context,
    ids: list[str] | None = typer.Argument(None, metavar="[ID]...", help="As `list` prints them."),
    everything: bool = typer.Option(False, "--all", help="All of them."),
    file: str | None = typer.Option(
        None, "--file", metavar="FILE", help="Those of one file: its name, or how its SHA-256 begins."
    ),
    reason: str | None = _REASON,
    source: str | None = typer.Option(None, "--source", metavar="NAME", help="The log format, instead of the old one."),
    mapping: Path | None = typer.Option(
        None, "--mapping", metavar="FILE", help="The mapping, instead of the one that the file was read with."
    ),
) -> None:
    """Read records in quarantine again: what can be read now is stored, the rest stays.

    The kept bytes are read with today's sources, or with the mapping that the
    file was read with, or as you say. What can be read is stored as a record
    of the file that it came from and leaves quarantine, by one entry in the
    ledger; its bytes, and the state before (--as-of), stay.
    """
    from governance.quarantine.held import Selection
    from governance.quarantine.retrial import retry as read_again

    session: Session = context.obj
    if not (ids or everything or file or reason):
        hint = "name ids, --file FILE, --reason WORD or --all; `governance quarantine list` prints what is there"
        raise GovernanceError("nothing was said to be read again", where="command line", hint=hint)
    selection = Selection(tuple(ids or ()), file, reason)
    done = read_again(session.workspace, selection, now=session.now, source=source, mapping=mapping)
    if session.as_json:
        files = [asdict(report) | {"reasons": dict(report.reasons)} for report in done.files]
        totals = {name: done.total(name) for name in COUNTS}
        session.result({"files": files, **totals, "ledger": {"size": done.ledger_size, "root": done.ledger_root}})
        return
    _print(session, done)


def _print(session: Session, done: Retrial) -> None:
    from rich.table import Table
    from rich.text import Text

    from governance.display import visible

    if not done.files:
        session.console.print("Nothing is in quarantine.")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("file", overflow="fold")
    for name in COUNTS:
        table.add_column({"quarantined": "still bad"}.get(name, name), justify="right")
    for report in done.files:
        table.add_row(Text(visible(Path(report.file).name)), *(f"{getattr(report, name):,}" for name in COUNTS))
    session.console.print(table)
    for report in done.files:
        _print_reasons(session, report)
    session.console.print(f"Ledger: {done.ledger_size} entries, root {done.ledger_root[:16]}")


def _print_reasons(session: Session, report: FileRetrial) -> None:
    from governance.display import visible

    for reason, count in sorted(report.reasons.items()):
        session.console.print(f"  {visible(Path(report.file).name)}: {count:,} still {reason}")
