"""`policy show|schema|lint|test`: tools for those who write policies."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from governance.cli.examples import below
from governance.cli.session import Session

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from governance.policies.lint import Warned
    from governance.policies.policy import Examined, Policy
    from governance.policies.unknown_names import Held
    from governance.policy_trial import Trial

WIDEST = 112  # characters to which the lines of a manual are filled

policy = typer.Typer(help="Tools for those who write policies.", no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    """Adds the commands."""
    app.add_typer(policy, name="policy")


@policy.command(epilog=below("policy show"))
def show(
    context: typer.Context,
    kind: str | None = typer.Argument(None, metavar="[KIND]", help="A kind of check; all are listed without one."),
) -> None:
    """Show the manual of a kind of check, or list the kinds with what each asks."""
    from governance.errors import NotFoundError, nearest
    from governance.extensions import checks

    session: Session = context.obj
    known = checks()
    if kind is None:
        _list_kinds(session, {name: check.question() for name, check in known.items()})
        return
    if kind not in known:
        hint = nearest(kind, known) or "`governance policy show` lists the kinds, `governance check --help` runs checks"
        raise NotFoundError(f"no check is called '{kind}'", where="KIND", hint=hint)
    if session.as_json:
        session.result({"kind": kind, "manual": known[kind].manual(), "schema": known[kind].model_json_schema()})
        return
    session.console.print(kind, style="bold")
    for line in _rejoined(known[kind].manual()):
        session.console.print(line)


def _rejoined(manual: str) -> list[str]:
    """The lines of a manual, what was broken only for its width in one, so that any terminal can break it anew."""
    lines: list[str] = []
    last = ""
    for line in manual.splitlines():
        if line.strip() and len(last) + 1 + len(line.split()[0]) > WIDEST:
            lines[-1] += f" {line.strip()}"
        else:
            lines.append(line)
        last = line
    return lines


def _list_kinds(session: Session, questions: dict[str, str]) -> None:
    if session.as_json:
        session.result({"kinds": [{"kind": kind, "asks": asks} for kind, asks in questions.items()]})
        return
    from governance.cli.screen import Cell, Column, Screen

    rows = [(Cell(kind), Cell(asks)) for kind, asks in questions.items()]
    Screen.of_terminal().table((Column("kind"), Column("asks", may_fold=True)), rows)


@policy.command()
def schema(context: typer.Context) -> None:
    """Print the JSON Schema of the policy language, for editors."""
    from governance.policies.policy import language

    session: Session = context.obj
    session.result(language())


@policy.command()
def lint(
    context: typer.Context,
    named: list[str] | None = typer.Argument(
        None, metavar="[POLICY]...", help="Names, files or folders; all by default."
    ),
    strict: bool = typer.Option(False, "--strict", help="Exit 1 if there is a warning."),
) -> int:
    """Report every mistake in policies at once, and what is valid but without effect.

    In a workspace that holds data it also warns of names that the data do not know: of models, inputs, protected
    attributes, groups, outcomes, assessments and others.
    """
    from governance.engines.duckdb import EngineError
    from governance.policies.columns import mistakes
    from governance.policies.lint import warnings

    session: Session = context.obj
    policies = _policies(session, named, mistakes)
    try:
        with _held(session) as held:
            found = [(item, warnings(item, session.now.date(), held)) for item in policies]
    except EngineError as error:
        session.note(f"the store was not asked: {error}")
        found = [(item, warnings(item, session.now.date())) for item in policies]
    code = 1 if strict and any(not one.is_note for _, own in found for one in own) else 0
    if session.as_json:
        listed = [
            _summary(item)
            | {"warnings": [{"rule": w.rule, "where": w.where, "what": w.what, "hint": w.hint} for w in own]}
            for item, own in found
        ]
        session.result({"policies": listed})
        return code
    for item, own in found:
        _show_lint(session, item, own)
    return code


@contextmanager
def _held(session: Session) -> Iterator[Held | None]:
    """The names that the store of the workspace holds; none without a workspace, and none of a store that is broken."""
    from governance.engines.duckdb import Engine
    from governance.errors import LedgerError, NotFoundError
    from governance.policies.unknown_names import Held
    from governance.storage.store import Store

    try:
        store = Store(session.workspace.store)
        snapshot = store.snapshot()
    except NotFoundError:
        if session.workspace_dir is not None:
            raise
        yield None
        return
    except LedgerError as error:
        session.note(f"the store was not asked: {error.what}")
        yield None
        return
    with Engine(store.spill) as engine:
        yield Held(engine, snapshot)


def _show_lint(session: Session, item: Policy, own: Sequence[Warned]) -> None:
    """A line for the policy, one for each warning with its hint, and one for all notes together."""
    from governance.display import visible

    warned = [one for one in own if not one.is_note]
    checks = "1 check" if len(item.checks) == 1 else f"{len(item.checks)} checks"
    said = f"{item.path.name}: {item.name} version {item.version}, {checks}"
    session.console.print(f"{'!' if warned else '✓'} {said}")
    for one in warned:
        session.console.print(f"  warning: {visible(session.near(one.where))}: {visible(one.what)} [{one.rule}]")
        session.console.print(f"    hint: {visible(one.hint)}")
    if noted := len(own) - len(warned):
        which = "1 control that it names does" if noted == 1 else f"{noted} controls that it names do"
        session.console.print(f"  note: {which} not apply yet; each counts once it does (--json names them)")


@policy.command(name="test")
def try_cases(
    context: typer.Context,
    named: list[str] | None = typer.Argument(
        None, metavar="[POLICY]...", help="Names, files or folders; all by default."
    ),
) -> int:
    """Run policies on the rows of the case files beside them; exit 1 if a verdict is not the expected one."""
    from governance.errors import NotFoundError
    from governance.policy_trial import try_policy

    session: Session = context.obj
    trials = [try_policy(item) for item in _policies(session, named)]
    if not any(trial.cases for trial in trials):
        raise NotFoundError(
            "none of these policies has cases",
            where=str(trials[0].policy.path.parent),
            hint="write them into a file beside the policy, such as credit.cases.yaml for credit.yaml",
        )
    code = 1 if any(trial.differences for trial in trials) else 0
    if session.as_json:
        session.result({"ok": code == 0, "policies": [_tried(trial) for trial in trials]})
        return code
    for trial in trials:
        _show_trial(session, trial)
    return code


def _policies(session: Session, named: list[str] | None, examine: Examined | None = None) -> list[Policy]:
    """Those that were named; a workspace is only needed for names, or where nothing is named."""
    from governance.policies.policy import find_policies

    folder = session.workspace.policies if not named or not all(Path(name).exists() for name in named) else Path()
    return find_policies(folder, named or [], examine)


def _summary(item: Policy) -> dict[str, Any]:
    return {"policy": item.name, "version": item.version, "sha256": item.sha256, "checks": [c.id for c in item.checks]}


def _tried(trial: Trial) -> dict[str, Any]:
    return {
        "policy": trial.policy.name,
        "version": trial.policy.version,
        "file": None if trial.path is None else str(trial.path),
        "cases": trial.cases,
        "expected": trial.findings,
        "differences": [
            {
                "where": one.where,
                "case": one.case,
                "check": one.check,
                "subject": one.subject,
                "expected": one.expected,
                "found": one.found,
            }
            for one in trial.differences
        ],
        "untried": list(trial.untried),
    }


def _show_trial(session: Session, trial: Trial) -> None:
    from governance.display import visible

    name = f"{trial.policy.name} version {trial.policy.version}"
    if trial.path is None:
        session.console.print(f"? {name}: no cases beside {trial.policy.path.name}")
        return
    differing = f", {len(trial.differences)} not as expected" if trial.differences else ""
    mark = "✗" if trial.differences else "✓"
    session.console.print(f"{mark} {name}: {trial.cases} cases, {trial.findings} expected findings{differing}")
    for one in trial.differences:
        session.console.print(f"  {one.where}: {visible(one.case)}")
        session.console.print(f"    {one.check} {visible(one.subject)}")
        session.console.print(f"    - {visible(one.expected)}", style="red")
        session.console.print(f"    + {visible(one.found)}", style="green")
    if trial.untried:
        session.console.print(f"  no case for {', '.join(trial.untried)}")
