"""`controls`: what regulations ask for, and how far the findings of a window answer it."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import typer

from governance.cli.session import Session

if TYPE_CHECKING:
    from governance.catalogue import Control, Framework, State
    from governance.findings import Window


def add_to(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(controls)


def controls(
    context: typer.Context,
    framework: str | None = typer.Argument(None, metavar="[FRAMEWORK]", help="One of them; all are listed by default."),
    window: str | None = typer.Option(
        None, "--window", metavar="W", help="Say how far the findings of a window answer each."
    ),
) -> None:
    """List regulations and frameworks, or the controls of one with their coverage."""
    from governance.catalogue import framework_ids, read_framework

    session: Session = context.obj
    if framework is None and window is None:
        _list(session, [read_framework(name) for name in framework_ids()])
        return
    names = framework_ids() if framework is None else (framework,)
    span = _span(session, window) if window else None
    verdicts = _verdicts(session, span) if span else {}
    found = [read_framework(name) for name in names]
    stated = [(item, _states(entries, verdicts, span)) for item, entries in found]
    if session.as_json:
        documents = [_document(session, item, entries) for item, entries in stated]
        session.result(documents[0] if framework is not None else {"frameworks": documents})
        return
    for item, entries in stated:
        _show(session, item, entries, whole=framework is not None)


def _span(session: Session, window: str) -> Window:
    from governance.findings import parse_window

    space = session.workspace
    return parse_window(
        window, now=session.now, timezone=space.timezone, fiscal_start_month=space.fiscal_year_start_month
    )


def _verdicts(session: Session, window: Window) -> dict[str, set[str]]:
    from governance.inventory import verdicts_by_control

    return verdicts_by_control(session.workspace.store, window)


def _states(
    entries: tuple[Control, ...], verdicts: dict[str, set[str]], span: Window | None
) -> list[tuple[Control, State | None]]:
    from governance.catalogue import coverage

    if span is None:
        return [(entry, None) for entry in entries]
    last = (span.end - timedelta(microseconds=1)).date()
    return [(entry, state) for entry, state in coverage(entries, verdicts, span.start.date(), last)]


def _list(session: Session, found: list[tuple[Framework, tuple[Control, ...]]]) -> None:
    if session.as_json:
        session.result(
            {"frameworks": [_framework(session, item) | {"controls": len(entries)} for item, entries in found]}
        )
        return
    for title, is_maintained in (("Maintained", True), ("Appendix", False)):
        session.console.print(title, style="bold")
        for item, entries in found:
            if item.maintained is is_maintained:
                session.console.print(
                    f"  {item.id}: {item.name}, {len(entries)} controls, {item.status.replace('_', ' ')}"
                )
                _warn(session, item)


def _framework(session: Session, item: Framework) -> dict[str, Any]:
    stale = item.is_stale(session.now.date())
    return item.model_dump(mode="json") | {"maintained": item.maintained, "stale": stale}


def _warn(session: Session, item: Framework) -> None:
    if item.is_stale(session.now.date()):
        session.console.print(f"    last read on {item.as_of}, more than 180 days ago: check it before relying on it")


def _document(session: Session, item: Framework, found: list[tuple[Control, State | None]]) -> dict[str, Any]:
    entries = [entry.model_dump(mode="json") | {"state": state} for entry, state in found]
    return {"framework": _framework(session, item), "controls": entries}


def _show(session: Session, item: Framework, found: list[tuple[Control, State | None]], *, whole: bool) -> None:
    session.console.print(f"{item.id}: {item.name} ({item.instrument})", style="bold")
    session.console.print(f"  {item.status.replace('_', ' ')}; read on {item.as_of}; not legal advice")
    _warn(session, item)
    for entry, state in found if whole else ():
        said = state or entry.status.replace("_", " ")
        session.console.print(f"  {entry.id} ({entry.ref}): {entry.title}")
        session.console.print(f"    {said}; {entry.reach} evidence: {', '.join(entry.evidence)}")
    counts = Counter(str(state) for _, state in found if state is not None)
    if counts:
        session.console.print("  " + ", ".join(f"{count} {name}" for name, count in counts.most_common()))
