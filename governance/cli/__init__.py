"""The command line: each command parses, calls one function, and prints; results on stdout, all else on stderr."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING

import typer

from governance import __version__
from governance.cli import (
    controls,
    explanations,
    explore,
    findings,
    ledgers,
    logs,
    models,
    policies,
    policy_tools,
    prices,
    prompts,
    quarantine,
    reports,
    workspaces,
)
from governance.cli.session import Session, hoist
from governance.errors import GovernanceError

if TYPE_CHECKING:
    from collections.abc import Sequence

UsageError: type[Exception] = typer.BadParameter.__bases__[0]  # typer carries click inside and does not export it
INTERRUPTED = 130  # 128 + SIGINT, as shells report it
BUG = 70  # EX_SOFTWARE of sysexits.h

app = typer.Typer(
    name="governance",
    help="Read AI request logs, decide controls from the log rows, explain decisions, and prove every number.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="These three options stand before or after any command. Start with: governance demo",
)


@app.callback()
def options(
    workspace: str | None = typer.Option(
        None, "--workspace", metavar="DIR", help="The workspace; else the one around this folder."
    ),
    as_json: bool = typer.Option(False, "--json", help="Print exactly one JSON document."),
    debug: bool = typer.Option(False, "--debug", help="Show the traceback of an error."),
) -> None:
    """Take the options that all commands share; `hoist` has read them already."""


for group in (
    workspaces,
    logs,
    quarantine,
    models,
    prompts,
    prices,
    policies,
    policy_tools,
    findings,
    controls,
    explanations,
    reports,
    ledgers,
    explore,
):
    group.add_to(app)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line and exits.

    Exit codes: 0 done, 1 a check failed, 2 the input is wrong, 3 the store does not verify, 4 a check errored,
    130 interrupted, 70 a mistake of ours.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given == ["--version"]:
        sys.stdout.write(f"governance {__version__}\n")
        return 0
    session, rest = hoist(given)
    if session.debug:
        logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)
    code = _run(session, rest)
    sys.exit(code)


def _run(session: Session, rest: list[str]) -> int:
    try:
        result = app(args=rest, standalone_mode=False, obj=session, prog_name="governance")
    except GovernanceError as error:
        if session.debug:
            raise
        session.fail(error)
        return error.exit_code
    except UsageError as error:
        session.usage(error)
        return 2
    except (KeyboardInterrupt, typer.Abort):
        result = INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()
        return 0
    except Exception as error:
        if session.debug:
            raise
        session.bug(error)
        return BUG
    if result == INTERRUPTED:  # typer turns the key into this code before anybody else sees it
        hint = "what was committed stays, nothing is half done; the same command goes on from there"
        session.fail(GovernanceError("interrupted", hint=hint))
    return result if isinstance(result, int) else 0
