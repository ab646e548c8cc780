"""A kernel for notebooks: this very interpreter, without start-up files, over sockets in a private folder."""

from __future__ import annotations

import os
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from governance.errors import MissingExtraError

try:
    from jupyter_client.kernelspec import KernelSpec
    from jupyter_client.manager import AsyncKernelManager
except ImportError as error:
    raise MissingExtraError("ipykernel", "report", "a report") from error

LONGEST_SOCKET = 90  # bytes; a socket's path may have 104 on macOS, 108 on Linux, and the kernel adds a number


@contextmanager
def private_folder() -> Iterator[Path]:
    """A folder that nobody else can enter, with a short name where the usual place has a long one."""
    usual = tempfile.gettempdir()
    place = usual if len(usual) < LONGEST_SOCKET // 2 or not Path("/tmp").is_dir() else "/tmp"  # noqa: S108 - the folder in it is private
    with tempfile.TemporaryDirectory(prefix="gov-", dir=place, ignore_cleanup_errors=True) as folder:
        yield Path(folder).resolve()


def this_interpreter(folder: Path) -> type[AsyncKernelManager]:
    """The manager of a kernel that is this interpreter, whatever kernels are installed."""
    is_ipc = _can_bind(folder / "try")
    # It warns of TCP at each start and calls the interrupt of its own shutdown an error; cells speak for themselves
    options = ["--HistoryManager.enabled=False", "--IPKernelApp.log_level=50"]
    package = str(Path(__file__).resolve().parents[1])
    # The notebook must find this very package, also where it is not installed; installed ones are found anyway
    path = [package] if package not in {p for p in sys.path if p.endswith("-packages")} else []
    environment = {
        "IPYTHONDIR": str(folder / "ipython"),
        "PYTHONPATH": os.pathsep.join(filter(None, [*path, os.environ.get("PYTHONPATH", "")])),
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    }
    argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}", *options]
    spec = KernelSpec(argv=argv, display_name="Python 3", language="python", env=environment)

    class ThisInterpreter(AsyncKernelManager):
        """A kernel over sockets in the private folder; over TCP on this machine where that is impossible."""

        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            self._kernel_spec = spec
            self.connection_file = str(folder / "kernel.json")
            if is_ipc:
                self.transport, self.ip = "ipc", str(folder / "k")

    return ThisInterpreter


def _can_bind(path: Path) -> bool:
    if not hasattr(socket, "AF_UNIX") or len(os.fsencode(path)) > LONGEST_SOCKET:
        return False
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.bind(str(path))
        except OSError:
            return False
    return True
