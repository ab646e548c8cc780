"""Every command as typer reads it: what it takes, its help, and the mistakes of a command line."""

from __future__ import annotations

from importlib import import_module
from itertools import chain
from typing import TYPE_CHECKING

import typer

from governance.cli.legible import legible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from governance.cli.session import Session

UsageError: type[Exception] = typer.BadParameter.__bases__[0]  # typer carries click inside and does not export it
INTERRUPTED = 130  # 128 + SIGINT, as shells report it
WRONG = 2  # the command line is

# Module of this package -> its commands, in the order of `--help`.
COMMANDS = {
    "workspaces": ("init", "demo", "status"),
    "logs": ("ingest", "sources"),
    "mappings": ("mapping",),
    "quarantine": ("quarantine",),
    "models": ("model",),
    "prompts": ("prompt",),
    "prices": ("price",),
    "policies": ("check",),
    "policy_tools": ("policy",),
    "findings": ("finding",),
    "controls": ("controls",),
    "explanations": ("explain",),
    "reports": ("report",),
    "ledgers": ("verify",),
    "compactions": ("compact",),
    "explore": ("explore",),
}


def application(modules: Sequence[str] = tuple(COMMANDS)) -> typer.Typer:
    """The command line with the commands of these modules."""
    app = typer.Typer(
        name="governance",
        help="Read AI request logs, decide controls from the log rows, explain decisions, and prove every number.",
        no_args_is_help=True,
        add_completion=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
        epilog="--workspace, --json and --debug stand before or after any command. Start with: governance demo",
    )
    app.callback()(_options)
    for module in modules:
        import_module(f"governance.cli.{module}").add_to(app)
    return app


def _options(
    workspace: str | None = typer.Option(
        None, "--workspace", metavar="DIR", help="The workspace; else the one around this folder."
    ),
    as_json: bool = typer.Option(False, "--json", help="Print exactly one JSON document."),
    debug: bool = typer.Option(False, "--debug", help="Show the traceback of an error."),
) -> None:
    """Take the options that all commands share; `hoist` has read them already."""


def run(session: Session, rest: Sequence[str]) -> object:
    """Runs one command and returns its exit code, or what is none where all is well."""
    # A first word that names a command needs no other one; all else may be help or a mistake, which shows them all.
    named = [module for module, commands in COMMANDS.items() if rest and rest[0] in commands]
    app = application(named or tuple(COMMANDS))
    command = legible(typer.main.get_command(app), chain.from_iterable(COMMANDS.values()))
    try:
        return command(args=list(rest), standalone_mode=False, obj=session, prog_name="governance")
    except UsageError as error:
        session.usage(error, rest[0] if named else "")
        return WRONG
    except typer.Abort:
        return INTERRUPTED
