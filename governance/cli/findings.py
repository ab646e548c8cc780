"""`finding list|show|respond|resolve`: what became of findings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from governance.cli.examples import below
from governance.cli.session import Session

if TYPE_CHECKING:
    from governance.history.issues import Issue

finding = typer.Typer(help="What became of findings.", no_args_is_help=True)
SHORT = 10  # characters of an id in a list; `show` and the others take any unique beginning


def add_to(app: typer.Typer) -> None:
    """Adds the commands."""
    app.add_typer(finding, name="finding")


@finding.command(name="list")
def list_(
    context: typer.Context,
    is_open: bool = typer.Option(False, "--open", help="Only what is neither resolved nor cleared."),
) -> None:
    """List what failed, warned or errored, each with where it stands, owner, due day and age."""
    from governance.history.issues import read_history

    session: Session = context.obj
    issues = read_history(session.workspace).issues()
    if is_open:
        issues = [one for one in issues if not one.is_over]
    if session.as_json:
        session.result({"findings": [_document(session, one) for one in issues]})
        return
    if not issues:
        session.console.print("No finding is open." if is_open else "No finding asks for action.")
        return
    from governance.display import visible

    today, width = session.now.date(), max(len(one.status) for one in issues)
    for one in issues:
        due = "" if one.due is None else f", due {one.due}" + (" (late)" if one.is_late(today) else "")
        what = f"{one.row['policy']}/{one.row['check_id']}: {_about(one)}"
        age = _days(one.age_days(today))
        more = f"{one.row['verdict']} in {_window(one.row)}, owner {one.row['owner']}{due}, {age} old"
        session.console.print(f"{one.row['finding_id'][:SHORT]}  {one.status:<{width}}  {visible(what)}")
        session.console.print(f"{'':{SHORT + width + 4}}{visible(more)}")


@finding.command()
def show(
    context: typer.Context,
    finding_id: str = typer.Argument(metavar="ID", help="A finding, or the beginning of its id."),
) -> None:
    """Show one finding: the figure, where it stands, what was said, earlier windows, and changes of method."""
    from governance.history.issues import read_history

    session: Session = context.obj
    _show(session, read_history(session.workspace).issue(finding_id))


@finding.command(epilog=below("finding respond"))
def respond(
    context: typer.Context,
    finding_id: str = typer.Argument(metavar="ID", help="A finding, or the beginning of its id."),
    by: str = typer.Option(..., "--by", metavar="NAME", help="Who answers."),
    text: str = typer.Option(..., "--text", metavar="TEXT", help="What is done about it, or why nothing is."),
) -> None:
    """Answer a finding; the answer becomes an entry of the ledger."""
    _respond(context.obj, finding_id, by, text, resolves=False)


@finding.command()
def resolve(
    context: typer.Context,
    finding_id: str = typer.Argument(metavar="ID", help="A finding, or the beginning of its id."),
    by: str = typer.Option(..., "--by", metavar="NAME", help="Who says that it is settled."),
    text: str = typer.Option(..., "--text", metavar="TEXT", help="What settled it."),
) -> None:
    """Say that a finding is settled; a failure in a later window is a new finding that recurs."""
    _respond(context.obj, finding_id, by, text, resolves=True)


def _respond(session: Session, finding_id: str, by: str, text: str, *, resolves: bool) -> None:
    from governance.history.issues import respond as enter

    _show(session, enter(session.workspace, finding_id, by=by, text=text, resolves=resolves, now=session.now))


def _document(session: Session, issue: Issue) -> dict[str, Any]:
    """The issue in JSON: of the finding what `check` says of it, without the evidence, and what became of it."""
    from governance.history.issues import subject

    row, today = issue.row, session.now.date()
    names = "policy version kind metric value unit n verdict reason severity owner controls".split()
    return {
        "finding": row["finding_id"],
        "status": str(issue.status),
        "check": row["check_id"],
        **{name: row[name] for name in names},
        "subject": subject(row),
        "window": {"start": row["window_start"], "end": row["window_end"]},
        "assessed": row["assessed_ts"],
        "first_assessed": issue.first,
        "due": str(issue.due) if issue.due else None,
        "late": issue.is_late(today),
        "age_days": issue.age_days(today),
        "method": row["method"],
        "method_changes": [{"before": one.before, "after": one.after, "at": one.at} for one in issue.changes],
        "responses": [one.document() for one in issue.responses],
        "cleared_by": None if issue.cleared is None else issue.cleared["finding_id"],
        "earlier": [
            {
                "finding": one["finding_id"],
                "subject": subject(one),
                "window": {"start": one["window_start"], "end": one["window_end"]},
                "value": one["value"],
                "verdict": one["verdict"],
            }
            for one in issue.earlier
        ],
    }


def _show(session: Session, issue: Issue) -> None:
    from governance.display import ABSENT, visible
    from governance.wording import measured, metric

    if session.as_json:
        session.result(_document(session, issue))
        return
    row, today = issue.row, session.now.date()
    late = ", which has passed" if issue.is_late(today) else ""
    due = f", due {issue.due}{late}" if issue.due else ""
    verdict, reason = row["verdict"].replace("_", " "), row["reason"] or "no reason given"
    value = ABSENT if row["value"] is None else measured(row["value"], row["unit"])
    figure = f"{metric(row['metric'])} {value} of {row['n']:,} records"
    lines = [
        f"{row['policy']} {row['version']}: {row['check_id']}, {_about(issue)}",
        f"  {verdict} in {_window(row)}: {figure}; {reason}",
        f"  {issue.status}; severity {row['severity']}, owner {row['owner']}{due}",
        f"  known since {issue.first[:10]} ({_days(issue.age_days(today))}); id {row['finding_id']}",
    ]
    lines += [f"  {one['verdict']} in {_period(one)} too ({one['finding_id'][:SHORT]})" for one in issue.earlier]
    if issue.cleared is not None:
        lines.append(f"  no longer found: passed in {_period(issue.cleared)} ({issue.cleared['finding_id'][:SHORT]})")
    lines += [
        f"  method changed on {one.at[:10]}: {one.before} -> {one.after}; figures before and after are no one series"
        for one in issue.changes
    ]
    for said in issue.responses:
        verb = "settled" if said.resolves else "answered"
        lines.append(f"  {said.at[:10]} {verb} by {said.by}: {said.text} (ledger entry {said.entry})")
    for line in lines:
        session.console.print(visible(line))


def _about(issue: Issue) -> str:
    from governance.history.issues import subject
    from governance.wording import words

    return words(subject(issue.row))


def _period(row: Any) -> str:
    """The part of the calendar that a finding is about, else its window."""
    from governance.history.issues import subject
    from governance.history.periods import calendar_part

    part = calendar_part(subject(row))
    return _window(row) if part is None else part[1]


def _days(count: int) -> str:
    return "1 day" if count == 1 else f"{count} days"


def _window(row: Any) -> str:
    """A window in days, or to the minute where it is no whole days."""
    start, end = row["window_start"], row["window_end"]
    whole = start[10:19] == end[10:19]
    return f"{start[:10]}..{end[:10]}" if whole else f"{start[:16]}..{end[:16]}"
