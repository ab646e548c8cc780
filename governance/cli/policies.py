"""`check`: policies and what they find."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import typer

from governance.cli.screen import VERDICT_STYLES
from governance.cli.session import Session
from governance.display import SIGNS

if TYPE_CHECKING:
    from governance.assessment import Assessment
    from governance.findings import Finding
    from governance.notifications import Recipient


def add_to(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(check)


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
    from governance.policy import find_policies

    session: Session = context.obj
    space = session.workspace
    span = parse_window(
        window, now=session.now, timezone=space.timezone, fiscal_start_month=space.fiscal_year_start_month
    )
    policies = find_policies(space.policies, named or [])
    recipient = None if notify is None else _recipient(notify)
    done = assess(space, policies, span, now=session.now, as_of=as_of)
    sent = None if recipient is None else _send(session, recipient, done)
    if session.as_json:
        session.result(document(done) | ({} if recipient is None else {"notified": sent}))
    else:
        _print(session, done, show_sql=show_sql)
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


def _print(session: Session, done: Assessment, *, show_sql: bool) -> None:
    from rich.table import Table
    from rich.text import Text

    from governance.display import visible
    from governance.false_alarms import false_alarms

    for name in dict.fromkeys(finding.policy for finding in done.findings):
        own = [finding for finding in done.findings if finding.policy == name]
        table = Table(
            box=None, pad_edge=False, header_style="bold", title=f"{name} {own[0].version}", title_justify="left"
        )
        table.add_column("", width=1)
        table.add_column("check", overflow="fold")
        table.add_column("subject", overflow="fold")
        table.add_column("value", justify="right", no_wrap=True)
        table.add_column("n", justify="right", no_wrap=True)
        table.add_column("why", overflow="fold")
        for finding in own:
            verdict = str(finding.judgement.verdict)
            table.add_row(
                Text(SIGNS[verdict].mark, style=VERDICT_STYLES[verdict]),
                finding.check,
                Text(visible(subject_text(finding))),
                figure(finding.observation.value, finding.observation.unit),
                f"{finding.observation.n:,}",
                Text(visible(finding.judgement.reason or ("" if verdict == "passed" else verdict))),
            )
        session.console.print(table)
    if show_sql:
        _print_statements(session, done)
    counts = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in done.counts().items() if count)
    chance = false_alarms(done.findings)
    if chance.tested:
        session.console.print(
            f"Chance alone is expected to fail at most {chance.at_most:.2g} of the {chance.tested} checks that test "
            f"against it; the other {chance.others} hold a figure against a limit."
        )
    session.console.print(
        f"{done.window.name}: {counts}. Ledger {done.ledger_size} entries, root {done.ledger_root[:16]}"
    )


def _print_statements(session: Session, done: Assessment) -> None:
    shown: set[str] = set()
    for finding in done.findings:
        if finding.evidence.sql and finding.evidence.sql not in shown:
            shown.add(finding.evidence.sql)
            session.console.print(f"\n-- {finding.policy}/{finding.check}", style="bold")
            session.console.print(finding.evidence.sql + ";")
            session.console.print(f"-- with {json.dumps(dict(finding.evidence.parameters), ensure_ascii=False)}")


def subject_text(finding: Finding) -> str:
    """A finding's subject on one line."""
    return (
        ", ".join(f"{name} {'unknown' if value is None else value}" for name, value in finding.observation.subject)
        or "all"
    )


def figure(value: float | None, unit: str) -> str:
    """A figure as the terminal shows it."""
    from governance.display import ABSENT, money, number, share

    if value is None:
        return ABSENT
    if unit == "share":
        return share(value)
    if unit == "usd":
        return money(value, "USD")
    return number(value)
