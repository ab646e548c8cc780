"""`check`: policies and what they find."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from governance.cli.examples import below
from governance.cli.session import Session
from governance.cli.waiting import waiting

if TYPE_CHECKING:
    from governance.assessment import Assessment
    from governance.notifications import Recipient


def add_to(app: typer.Typer) -> None:
    """Adds the command."""
    app.command(epilog=below("check"))(check)


def check(
    context: typer.Context,
    named: list[str] | None = typer.Argument(
        None, metavar="[POLICY]...", help="Names, files or folders; all by default."
    ),
    window: str = typer.Option(
        ..., "--window", metavar="W", help="2026-Q3, 2026-07, 2026-07-01..2026-10-01, last-30d, ..."
    ),
    as_of: int | None = typer.Option(None, "--as-of", metavar="N", help="Read the store as of N ledger entries."),
    show_sql: bool = typer.Option(False, "--show-sql", help="Print the statement behind each figure."),
    shows_all: bool = typer.Option(False, "--all", help="Show every subject, also those that passed."),
    strict: bool = typer.Option(False, "--strict", help="Exit 4 if something was not assessed."),
    notify: str | None = typer.Option(
        None,
        "--notify",
        metavar="URL",
        envvar="GOVERNANCE_NOTIFY",
        help="Send a notice of failed checks to this apprise URL.",
    ),
) -> int:
    """Measure and judge every check in a window, and store the findings."""
    from governance.assessment import assess, document
    from governance.findings import parse_window
    from governance.policies.policy import find_policies

    session: Session = context.obj
    space = session.workspace
    span = parse_window(
        window, now=session.now, timezone=space.timezone, fiscal_start_month=space.fiscal_year_start_month
    )
    policies = find_policies(space.policies, named or [])
    recipient = None if notify is None else _recipient(notify)
    with waiting(session, "checking") as say:
        done = assess(space, policies, span, now=session.now, as_of=as_of, say=say)
    sent = None if recipient is None else _send(session, recipient, done)
    if session.as_json:
        session.result(document(done) | ({} if recipient is None else {"notified": sent}))
    else:
        from governance.cli.check_view import show
        from governance.cli.screen import Screen

        show(Screen.of_terminal(), done, shows_all=shows_all, shows_sql=show_sql)
    return exit_code(done.counts(), strict=strict)


def _recipient(url: str) -> Recipient:
    """Read before anything is measured, so that a wrong URL costs nothing."""
    from governance.notifications import Recipient

    return Recipient(url)


def _send(session: Session, recipient: Recipient, done: Assessment) -> bool | None:
    """Whether the notice was delivered; None where nothing failed, so that none was sent."""
    from governance.notifications import notice

    what = notice(done.findings, workspace=session.workspace.root.name, window=done.window.name)
    if what is None:
        return None
    sent = recipient.send(what)
    if not sent:
        session.note("the notice of failed checks could not be delivered; the findings are stored")
    return sent


def exit_code(counts: dict[str, int], *, strict: bool) -> int:
    """1 if something failed, 4 if something errored or, under strict, was not assessed; else 0."""
    if counts["failed"]:
        return 1
    if counts["errored"] or (strict and counts["not_assessed"]):
        return 4
    return 0
