"""`model register|list|show|approve|live`: models, their artefacts, and which were live when."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from governance.cli.examples import below
from governance.cli.session import Session

if TYPE_CHECKING:
    from collections.abc import Mapping

    from governance.models.registered import RegisteredModel
    from governance.models.servings import Serving

model = typer.Typer(help="Register models with their cards, and see which were live when.", no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    """Adds the group."""
    app.add_typer(model, name="model")


@model.command(epilog=below("model register"))
def register(
    context: typer.Context,
    card: Path = typer.Argument(metavar="FILE", help="Model card, MLmodel, ML-BOM, or the model file."),
    artefact: Path | None = typer.Option(
        None, "--artefact", metavar="FILE", help="LightGBM text or XGBoost JSON; never a pickle."
    ),
    background: Path | None = typer.Option(
        None, "--background", metavar="FILE", help="Sample of inputs that reasons are measured against."
    ),
    name: str | None = typer.Option(
        None, "--name", metavar="NAME", help="Name as the decisions log it, where the card has none."
    ),
    version: str | None = typer.Option(
        None, "--version", metavar="VERSION", help="Version as the decisions log it, where the card has none."
    ),
) -> None:
    """Register one version of a model."""
    from governance.models.registration import register as make

    session: Session = context.obj
    made = make(
        session.workspace, card, now=session.now, artefact=artefact, background=background, name=name, version=version
    )
    _show(session, made)


@model.command("list")
def list_models(context: typer.Context) -> None:
    """List the registered versions."""
    from governance.display import visible
    from governance.models.registered import models
    from governance.storage.store import Store

    session: Session = context.obj
    found = models(Store(session.workspace.store).snapshot())
    if session.as_json:
        session.result({"models": [_document(item) for item in found]})
        return
    if not found:
        session.console.print("No model is registered. Next: governance model register CARD --artefact FILE")
    for item in found:
        approved = f"approved by {item.facts['approved_by']}" if item.facts.get("approved_by") else "not approved"
        line = f"{item.model} {item.version}  {item.facts.get('format') or 'no model file'}, {approved}"
        session.console.print(visible(line))


@model.command()
def show(
    context: typer.Context,
    name: str = typer.Argument(metavar="MODEL", help="Its name, as `model list` shows it."),
    version: str | None = typer.Argument(None, metavar="[VERSION]", help="One version; else all."),
) -> None:
    """Show what is registered for a model."""
    from governance.models.registered import require_model
    from governance.storage.store import Store

    session: Session = context.obj
    found = require_model(Store(session.workspace.store).snapshot(), name, version)
    if session.as_json:
        session.result({"models": [_document(item) for item in found]})
        return
    for item in found:
        _show(session, item)


@model.command()
def approve(
    context: typer.Context,
    name: str = typer.Argument(metavar="MODEL", help="Its name, as `model list` shows it."),
    version: str = typer.Argument(metavar="VERSION", help="The version that is approved."),
    by: str = typer.Option(..., "--by", metavar="NAME", help="Who approves."),
) -> None:
    """Record in the ledger that a person approved a version."""
    from governance.models.registration import approve as make

    session: Session = context.obj
    _show(session, make(session.workspace, name, version, by=by, now=session.now))


@model.command()
def live(
    context: typer.Context,
    name: str | None = typer.Argument(None, metavar="[MODEL]", help="One model; else all."),
    at: str | None = typer.Option(None, "--at", metavar="TIME", help="Only what was live then; a day is its start."),
) -> None:
    """Show which versions the log shows at work, beside registration, approval and validity."""
    from dataclasses import asdict

    from governance.engines.duckdb import Engine
    from governance.models.servings import live as served
    from governance.models.servings import moment_of
    from governance.moments import stamp
    from governance.storage.store import Store

    session: Session = context.obj
    moment = None if at is None else moment_of(at, session.workspace.timezone)
    store = Store(session.workspace.store)
    with Engine(store.spill) as engine:
        found = served(store.snapshot(), engine, at=moment, model=name)
    if session.as_json:
        session.result({"at": moment and stamp(moment), "models": [asdict(item) for item in found]})
        return
    if not found:
        which = "" if name is None else " of that name"
        when = "was ever served or registered" if moment is None else f"was live at {stamp(moment)}"
        session.console.print(f"No model{which} {when}.")
    for item in found:
        _print_serving(session, item)


def _print_serving(session: Session, item: Serving) -> None:
    from governance.display import visible

    problems = f"  {', '.join(item.problems)}" if item.problems else ""
    session.console.print(f"{visible(item.model)} {visible(item.version or '(no version)')}{problems}", style="bold")
    if item.seen:
        decided = f", {item.seen.decisions:,} decisions" if item.seen.decisions else ""
        served = f"{item.seen.requests:,} requests{decided}"
        session.console.print(f"  served: {served}, {item.seen.first[:19]}Z to {item.seen.last[:19]}Z")
    if item.seen and item.seen.before and item.seen.after:
        session.console.print(f"  around then: {item.seen.before[:19]}Z, {item.seen.after[:19]}Z")
    for label, value in _registered(item.facts or {}).items():
        session.console.print(f"  {label}: {visible(value)}")


def _registered(facts: Mapping[str, Any]) -> dict[str, str]:
    """What a registered version has, in words."""
    approval = f"{facts['approved_ts'][:10]} by {facts['approved_by']}" if facts.get("approved_ts") else None
    said = {
        "registered": f"{facts['registered'][:10]}, ledger entry {facts['entry']}" if facts else None,
        "approved": approval or facts.get("approval_status"),
        "valid from": facts.get("valid_from"),
        "next validation": facts.get("next_validation"),
    }
    return {label: str(value) for label, value in said.items() if value is not None}


def _document(item: RegisteredModel) -> dict[str, Any]:
    return {**item.facts, "entry": item.entry, "registered": item.at}


def _show(session: Session, item: RegisteredModel) -> None:
    from governance.display import visible

    if session.as_json:
        session.result(_document(item))
        return
    session.console.print(f"{visible(item.model)} {visible(item.version)}, ledger entry {item.entry}", style="bold")
    for key, value in item.facts.items():
        if value not in (None, [], {}) and key not in ("model", "version"):
            session.console.print(f"  {visible(key.replace('_', ' '))}:{_shown(value)}")


def _shown(value: Any) -> str:
    """What a card says, behind its name or, by name, below it."""
    from governance.display import visible

    if isinstance(value, dict):
        return "".join(f"\n    {visible(str(name))}:{_shown(own)}" for name, own in value.items())
    return f" {visible(', '.join(map(str, value)) if isinstance(value, list) else str(value))}"
