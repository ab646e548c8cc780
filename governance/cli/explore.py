"""`explore`: the workspace in JupyterLab."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import typer

from governance.cli.session import Session
from governance.errors import MissingExtraError

# JupyterLab asks the network for news, for updates and for extensions unless it is told not to.
_OFFLINE = (
    "--LabApp.news_url=None",
    "--LabApp.check_for_updates_class=jupyterlab.handlers.announcements.NeverCheckForUpdate",
    "--LabApp.extension_manager=readonly",
)
_NOTEBOOK = Path("notebooks") / "explore.ipynb"


def add_to(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(explore)


def explore(
    context: typer.Context,
    browser: bool = typer.Option(True, "--browser/--no-browser", help="Open a browser window."),
) -> int:
    """Open JupyterLab on the workspace, with a notebook to start from."""
    session: Session = context.obj
    root = session.workspace.root
    if find_spec("jupyterlab") is None:
        raise MissingExtraError("jupyterlab", "jupyter", "`governance explore`")
    command = [sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={root}", *_OFFLINE]
    if (root / _NOTEBOOK).is_file():
        command.append(f"--LabApp.default_url=/lab/tree/{_NOTEBOOK.as_posix()}")
    if not browser:
        command.append("--no-browser")
    session.note("JupyterLab runs until you stop it with Ctrl-C; nothing that is ingested meanwhile has to wait for it")
    return subprocess.call(command, env=environment(root))


def environment(root: Path) -> dict[str, str]:
    """What JupyterLab and its kernels start with: this workspace, this package, this interpreter's kernel."""
    package = str(Path(__file__).resolve().parents[2])
    path = os.environ.get("PYTHONPATH", "")
    # Where the package is not installed but run from its folder, notebooks must find it too
    is_installed = package in {entry for entry in sys.path if entry.endswith("-packages")}
    return os.environ | {
        "GOVERNANCE_WORKSPACE": str(root),
        "JUPYTER_PREFER_ENV_PATH": "1",
        "PYTHONPATH": path if is_installed else os.pathsep.join(filter(None, [package, path])),
    }
