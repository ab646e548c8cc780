"""What all commands share: the workspace, the clock, and how results and errors are printed."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from governance.errors import GovernanceError, PolicyError, StoppedError

if TYPE_CHECKING:
    from rich.console import Console

    from governance.workspace import Workspace


LONGEST = 2_000  # characters of an error; chosen here: longer than any of ours, shorter than a screen


@dataclass
class Session:
    """One run of the command line.

    Attributes:
        workspace_dir: The workspace that was named.
        as_json: Whether to print one JSON document.
        debug: Whether to show the traceback of an error.
        finished: What is done for good, once nothing but its printing is left.
    """

    workspace_dir: Path | None = None
    as_json: bool = False
    debug: bool = False
    finished: str | None = None

    def stopped(self) -> StoppedError:
        """What is so when the user presses Ctrl-C."""
        if self.finished:
            return StoppedError(f"{self.finished}; only what is printed about it was cut short")
        return StoppedError("what was committed stays, nothing is half done; the same command goes on from there")

    @cached_property
    def now(self) -> datetime:
        """The moment at which the command began."""
        return datetime.now(UTC)

    @cached_property
    def workspace(self) -> Workspace:
        """The workspace that was named or lies around the current folder."""
        from governance.workspace import find_workspace

        return find_workspace(self.workspace_dir, cwd=Path.cwd(), environment=os.environ)

    @cached_property
    def console(self) -> Console:
        """Where results are printed; its width is that of the terminal, without one lines are not broken."""
        from governance.cli.printing import Hanging

        return Hanging()

    def result(self, document: Any) -> None:
        """Prints the one JSON document of a command."""
        sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False, default=plain, allow_nan=False) + "\n")

    def note(self, text: str) -> None:
        """Says something that is not the result."""
        sys.stderr.write(text + "\n")

    def fail(self, error: GovernanceError) -> None:
        """Says what happened, where, and what to do."""
        if self.as_json:
            self.result({"error": {"what": error.what, "where": error.where, "hint": error.hint} | mistakes(error)})
            return
        if isinstance(error, PolicyError):
            for mistake in error.mistakes:
                self._error(mistake.what, mistake.where, mistake.hint)
            return
        self._error(error.what, error.where, error.hint)

    def _error(self, what: str, where: str | None, hint: str | None) -> None:
        from governance.display import visible

        place = f"{visible(_shortened(self.near(where)))}: " if where else ""
        self.note(f"error: {place}{visible(_shortened(what))}")
        if hint:
            self.note(f"  hint: {visible(hint)}")

    def near(self, where: str) -> str:
        """A place as somebody in this folder names it: files below it without the way to it."""
        return where.removeprefix(f"{Path.cwd()}{os.sep}")

    def usage(self, error: Exception, command: str = "") -> None:
        """Says what is wrong with the command line, and whose help says more: that of the command, if it is known."""
        text = getattr(error, "format_message", lambda: str(error))().replace("Value error, ", "")
        context = getattr(error, "ctx", None)
        command = context.command_path if context is not None else f"governance {command}".rstrip()
        self.fail(
            GovernanceError(text.rstrip("."), where="command line", hint=f"`{command} --help` shows what it takes")
        )

    def bug(self, error: Exception) -> None:
        """Says that the mistake is ours."""
        what = f"this should not happen: {type(error).__name__}: {error}".split("\n")[0][:300]
        self.fail(
            GovernanceError(what, hint="nothing is half stored; run it again with --debug and report what it prints")
        )


def _shortened(text: str) -> str:
    """A text of which somebody's very long name may be a part; the JSON has the whole."""
    return text if len(text) <= LONGEST else f"{text[: LONGEST // 2]} ... {text[-LONGEST // 4 :]}"


def mistakes(error: GovernanceError) -> dict[str, Any]:
    """Every mistake of a policy or mapping, for the JSON of an error."""
    if not isinstance(error, PolicyError):
        return {}
    return {"mistakes": [{"what": m.what, "where": m.where, "hint": m.hint} for m in error.mistakes]}


def plain(value: Any) -> Any:
    """A value that JSON has no form for."""
    if isinstance(value, Decimal):
        return float(value)
    return str(value)


def hoist(arguments: Sequence[str]) -> tuple[Session, list[str]]:
    """The session, and the arguments without `--workspace DIR`, `--json` and `--debug`, wherever they stand."""
    session = Session()
    rest: list[str] = []
    given = iter(arguments)
    for argument in given:
        if argument == "--":
            rest += [argument, *given]
        elif argument == "--json":
            session.as_json = True
        elif argument == "--debug":
            session.debug = True
        elif argument == "--workspace":
            folder = next(given, None)
            if folder is None:
                rest.append(argument)
            else:
                session.workspace_dir = Path(folder)
        elif argument.startswith("--workspace="):
            session.workspace_dir = Path(argument.partition("=")[2])
        else:
            rest.append(argument)
    return session, rest
