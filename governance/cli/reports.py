"""`report`: notebooks into reports."""

from __future__ import annotations

from pathlib import Path

import typer

from governance.cli.examples import below
from governance.cli.session import Session
from governance.cli.waiting import waiting


def add_to(app: typer.Typer) -> None:
    """Adds the command."""
    app.command(epilog=below("report"))(report)


def report(
    context: typer.Context,
    name: str = typer.Argument("quarterly", metavar="[NAME]", help="A notebook of the workspace."),
    window: str = typer.Option(..., "--window", metavar="W", help="2026-Q3, 2026-07, last-quarter, ..."),
    pdf: bool = typer.Option(False, "--pdf", help="Write a PDF beside the page."),
    out: Path | None = typer.Option(None, "--out", metavar="DIR", help="Where; the workspace's reports/ by default."),
    as_of: int | None = typer.Option(None, "--as-of", metavar="N", help="Read the store as of N ledger entries."),
) -> None:
    """Render a notebook over stored findings into a static page and a PDF."""
    from governance.findings import parse_window
    from governance.reporting import report as render

    session: Session = context.obj
    space = session.workspace
    span = parse_window(
        window, now=session.now, timezone=space.timezone, fiscal_start_month=space.fiscal_year_start_month
    )
    with waiting(session, "rendering") as say:
        done = render(space, name, span, now=session.now, pdf=pdf, out=out, as_of=as_of, say=say)
    if session.as_json:
        session.result(done.document())
        return
    for path in done.paths():
        session.console.print(str(path), soft_wrap=True)
