"""`explain`: why one decision was made, or the attributions of many."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from governance.cli.answers import Question, Reader, answer
from governance.cli.examples import below
from governance.cli.session import Session
from governance.cli.waiting import waiting
from governance.errors import GovernanceError

if TYPE_CHECKING:
    from governance.attribution import Attributed


def add_to(app: typer.Typer) -> None:
    """Adds the command."""
    app.command(epilog=below("explain"))(explain)


def explain(
    context: typer.Context,
    wanted: str | None = typer.Argument(
        None, metavar="[ID]", help="A request, client, response, trace or decision id."
    ),
    reader: Reader = typer.Option(
        Reader.ENGINEER, "--for", metavar="READER", help="Who reads it: engineer, subject or auditor."
    ),
    html: Path | None = typer.Option(None, "--html", metavar="FILE", help="Write it as a page."),
    pdf: Path | None = typer.Option(None, "--pdf", metavar="FILE", help="Write it as a PDF."),
    notebook: Path | None = typer.Option(None, "--notebook", metavar="FILE", help="Write it as an executed notebook."),
    window: str | None = typer.Option(
        None, "--window", metavar="W", help="Compute and store the attributions of a window."
    ),
    adverse: bool = typer.Option(False, "--adverse", help="With --window: only decisions that are not favourable."),
    method: str | None = typer.Option(
        None, "--method", metavar="NAME", help="With --window: interventional, native or shap."
    ),
    as_of: int | None = typer.Option(None, "--as-of", metavar="N", help="Read the store as of N ledger entries."),
) -> None:
    """Say what decided, why, and under which rules."""
    session: Session = context.obj
    if (wanted is None) == (window is None):
        raise GovernanceError("give either an ID or --window", where="command line", hint="governance explain ID")
    if window is not None:
        _many(session, window, adverse=adverse, method=method)
        return
    if adverse or method:
        raise GovernanceError("--adverse and --method go with --window", where="command line")
    answer(session, Question(str(wanted), reader, html, pdf, notebook, as_of))


def _many(session: Session, window: str, *, adverse: bool, method: str | None) -> None:
    from governance.attribution import attribute
    from governance.findings import parse_window

    space = session.workspace
    span = parse_window(
        window, now=session.now, timezone=space.timezone, fiscal_start_month=space.fiscal_year_start_month
    )
    with waiting(session, "explaining"):
        done = attribute(space, span, now=session.now, adverse=adverse, method=method)
    if session.as_json:
        session.result({"models": [asdict(item) for item in done]})
        return
    for item in done:
        session.console.print(_line(item))


def _line(item: Attributed) -> str:
    name = f"{item.model} {item.version}".strip()
    if item.reason:
        return f"{name}: {item.decisions:,} decisions, none explained: {item.reason}"
    error = "" if item.largest_error is None else f", largest additivity error {item.largest_error:.1e}"
    differ = f", {item.unequal:,} do not equal the logged score" if item.unequal else ", all equal the logged score"
    stored = f"{item.stored:,} explained by {item.method}" + (differ if item.stored else "")
    return f"{name}: {item.decisions:,} decisions, {stored}{error}, {item.already:,} were stored before"
