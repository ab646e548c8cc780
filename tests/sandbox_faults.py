"""Functions that misbehave, for the tests of the sandbox to run in a child."""

from __future__ import annotations

import contextlib
import ctypes
import os
import pickle
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from governance.errors import SourceError
from governance.sandbox import Answer

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa


def double(number: float, rows: pa.Table) -> Answer:
    """Twice the number, and the rows as they came."""
    return Answer(number * 2, {"rows": rows})


def surroundings() -> Answer:
    """What the child sees of the world."""
    return Answer(
        {
            "environment": sorted(os.environ),
            "folder": str(Path.cwd()),
            "mode": Path.cwd().stat().st_mode & 0o777,
            "group": os.getpgid(0),
            "process": os.getpid(),
        },
        {},
    )


def refuse() -> Answer:
    """An error of ours."""
    raise SourceError("this is no model", where="m.txt:3", hint="save it again")


def crash() -> Answer:
    """A read through a null pointer, as a broken parser does."""
    sys.stderr.write("\x1b[31mlast words\n")
    sys.stderr.flush()
    ctypes.string_at(0)
    return Answer(None, {})


def stumble() -> Answer:
    """A mistake in our own code."""
    raise KeyError("\x1b[31mnot there")


def sleep(mark: str) -> Answer:
    """Far too long; tells that it runs by a file."""
    Path(mark).write_text(str(os.getpid()), encoding="ascii")
    time.sleep(60)
    return Answer(None, {})


def spin() -> Answer:
    """Uses up the processor."""
    while True:
        pass


def hoard() -> Answer:
    """Takes all memory."""
    return Answer(len(bytearray(1 << 40)), {})


def fill_the_disk() -> Answer:
    """Writes more than it may."""
    with Path("big").open("wb") as stream:
        stream.truncate(1 << 40)
    return Answer(None, {})


def leave_a_link(target: str) -> Answer:
    """Puts a link to a file of the user's where its answer should be."""
    Path("answer.json").symlink_to(target)
    os._exit(0)


def leave_garbage() -> Answer:
    """Puts no JSON where its answer should be."""
    Path("answer.json").write_bytes(b"\xff{]")
    os._exit(0)


def _secret() -> Answer:
    return Answer(None, {})


def break_out() -> Answer:
    """Names of the forbidden things that were possible after all."""
    attempts: dict[str, Callable[[], object]] = {
        "connect": lambda: socket.create_connection(("127.0.0.1", 9)),
        "program": lambda: subprocess.run(["true"], check=False),
        "shell": lambda: os.system("true"),  # noqa: S605  (what the sandbox must prevent)
        "fork": os.fork,
        "pickle": lambda: pickle.loads(b"cos\nsystem\n(S'true'\ntR."),  # noqa: S301  (the same)
    }
    done = []
    for name, attempt in attempts.items():
        with contextlib.suppress(PermissionError):
            attempt()
            done.append(name)
    return Answer(done, {})
