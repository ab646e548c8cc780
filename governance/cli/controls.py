"""`controls`: what regulations ask for, and how far the findings of a window answer it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, TypeAlias

import typer

from governance.cli.examples import below
from governance.cli.session import Session

if TYPE_CHECKING:
    from governance.controls.catalogue import Control, Framework
    from governance.controls.coverage import Covered

    Entry: TypeAlias = tuple[Control, Covered | None]


def add_to(app: typer.Typer) -> None:
    """Adds the command."""
    app.command(epilog=below("controls"))(controls)


def controls(
    context: typer.Context,
    framework: str | None = typer.Argument(None, metavar="[FRAMEWORK]", help="One of them; all are listed by default."),
    window: str | None = typer.Option(
        None, "--window", metavar="W", help="Say how far the findings of a window answer each."
    ),
) -> None:
    """List regulations and frameworks, or the controls of one with their coverage."""
    from governance.controls.catalogue import framework_ids, read_framework

    session: Session = context.obj
    if framework is None and window is None:
        _list(session, [read_framework(name) for name in framework_ids()])
        return
    names = framework_ids() if framework is None else (framework,)
    stated = _answered(session, names, window) if window else [_unasked(name) for name in names]
    if session.as_json:
        documents = [_document(session, item, entries) for item, entries in stated]
        session.result(documents[0] if framework is not None else {"frameworks": documents})
        return
    for item, entries in stated:
        _show(session, item, entries, whole=framework is not None)


def _unasked(name: str) -> tuple[Framework, list[Entry]]:
    """A framework whose controls nobody asked the findings about."""
    from governance.controls.catalogue import read_framework

    framework, entries = read_framework(name)
    return framework, [(entry, None) for entry in entries]


def _answered(session: Session, names: tuple[str, ...], window: str) -> list[tuple[Framework, list[Entry]]]:
    from governance.controls.coverage import coverage
    from governance.findings import parse_window
    from governance.history.issues import read_history

    space = session.workspace
    span = parse_window(
        window, now=session.now, timezone=space.timezone, fiscal_start_month=space.fiscal_year_start_month
    )
    found = coverage(read_history(space), names, span)
    return [(one.framework, [(covered.control, covered) for covered in one.controls]) for one in found]


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


def _document(session: Session, item: Framework, found: list[Entry]) -> dict[str, Any]:
    entries = [
        entry.model_dump(mode="json")
        | {"state": covered and covered.state, "verdicts": None if covered is None else covered.verdicts}
        for entry, covered in found
    ]
    return {"framework": _framework(session, item), "controls": entries}


def _show(session: Session, item: Framework, found: list[Entry], *, whole: bool) -> None:
    session.console.print(f"{item.id}: {item.name} ({item.instrument})", style="bold")
    session.console.print(f"  {item.status.replace('_', ' ')}; read on {item.as_of}; not legal advice")
    _warn(session, item)
    for entry, covered in found if whole else ():
        said = _said(covered) if covered else entry.status.replace("_", " ")
        session.console.print(f"  {entry.id} ({entry.ref}): {entry.title}")
        session.console.print(f"    {said}; {entry.reach} evidence: {', '.join(entry.evidence)}")
    counts = Counter(str(covered.state) for _, covered in found if covered is not None)
    if counts:
        session.console.print("  " + ", ".join(f"{count} {name}" for name, count in counts.most_common()))


def _said(covered: Covered) -> str:
    """The state of a control, with the verdicts of its findings."""
    counts = ", ".join(f"{count} {verdict.replace('_', ' ')}" for verdict, count in covered.verdicts.items())
    return f"{covered.state} ({counts})" if counts else str(covered.state)
