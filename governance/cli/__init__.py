"""The command line: each command parses, calls one function, and prints; results on stdout, all else on stderr.

What `explain` takes in its plain form is read here, so that an engineer waits for the answer and not for libraries;
typer reads everything else, and comes with `application.py` alone.
"""

from __future__ import annotations

import errno
import re
import sys
from typing import TYPE_CHECKING

from governance import __version__
from governance.cli.session import Session, hoist
from governance.errors import GovernanceError, LedgerError, StoppedError

if TYPE_CHECKING:
    from collections.abc import Sequence

INTERRUPTED = StoppedError.exit_code
# Where a file of rows lies in a store: table, folders, digest
_STORED = re.compile(r"[a-z][a-z_-]*(?:/[a-z]+=[^/\"']+)*/[0-9a-f]{64}\.parquet")
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
BUG = 70  # EX_SOFTWARE of sysexits.h


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
        import logging

        logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)
    code = _run(session, rest)
    sys.exit(code)


def _run(session: Session, rest: list[str]) -> int:
    try:
        result = _command(session, rest)
    except GovernanceError as error:
        if session.debug:
            raise
        session.fail(error)
        return error.exit_code
    except KeyboardInterrupt:
        result = INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()
        return 0
    except Exception as error:
        if session.debug:
            raise
        refused = _refused(error, rest)
        if refused is not None:
            session.fail(refused)
            return refused.exit_code
        session.bug(error)
        return BUG
    if result == INTERRUPTED:  # typer turns the key into this code before anybody else sees it
        session.fail(session.stopped())
    return result if isinstance(result, int) else 0


def _refused(error: Exception, words: list[str]) -> GovernanceError | None:
    """What is said of an error that any step may meet and none can mend.

    A full disk, a file of the store that is gone or broken, an argument that is no text.
    """
    if isinstance(error, OSError) and error.errno in _NO_ROOM:
        hint = "free some, on the disk of the store and on that of TMPDIR; the same command goes on from there"
        return GovernanceError("there is no room left on the disk", hint=hint)
    from governance.engines.duckdb import EngineError  # whoever met one has loaded it

    if isinstance(error, EngineError) and (stored := _STORED.search(str(error))) is not None:
        hint = "`governance verify` says what is missing or was changed; put it back from a copy"
        return LedgerError("a file of the store cannot be read", where=stored[0], hint=hint)
    if isinstance(error, UnicodeEncodeError) and (odd := next(filter(_is_no_text, words), None)) is not None:
        return GovernanceError("this is not UTF-8 text", where=odd, hint="no name or id in a store is written so")
    return None


def _is_no_text(argument: str) -> bool:
    """Whether an argument has bytes that are no text, which Python keeps as halves of characters."""
    return any("\ud800" <= sign <= "\udfff" for sign in argument)


def _command(session: Session, rest: list[str]) -> object:
    """What the command returns; its exit code where it has one."""
    if rest[:1] == ["explain"]:
        from governance.cli.answers import answer, plain_question

        question = plain_question(rest[1:])
        if question is not None:
            answer(session, question)
            return None
    from governance.cli.application import run

    return run(session, rest)
