"""Notebooks as files: found by name, the parameters that they declare, and what an executed one says."""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

from governance.errors import GovernanceError, NotFoundError, nearest
from governance.rendering.notebook import PAPERMILL_ERROR
from governance.workspace import Workspace, shipped

REQUIRED = ("store", "start", "end")  # what a report's notebook must take
Parameters: TypeAlias = Mapping[str, str | int]


def find_template(workspace: Workspace, name: str) -> Path:
    """The notebook of that name: the workspace's own, else the shipped one."""
    folders = [workspace.notebooks, shipped("notebooks")]
    known = {
        path.stem: path for folder in reversed(folders) if folder.is_dir() for path in sorted(folder.glob("*.ipynb"))
    }
    if name not in known:
        hint = nearest(name, known) or f"there are {', '.join(sorted(known)) or 'none'}"
        raise NotFoundError(f"no notebook is called '{name}'", where=str(workspace.notebooks), hint=hint)
    return known[name]


def declared(notebook: Mapping[str, Any], where: str) -> dict[str, str | int]:
    """Names and defaults in the cell that is tagged `parameters`; each a plain text or whole number on its own line."""
    cells = [cell for cell in notebook["cells"] if "parameters" in cell["metadata"].get("tags", ())]
    if len(cells) != 1:
        raise GovernanceError(f"{len(cells)} cells are tagged 'parameters'", where=where, hint="tag exactly one")
    found: dict[str, str | int] = {}
    try:
        for line in ast.parse(cells[0]["source"]).body:
            if not (isinstance(line, ast.Assign) and len(line.targets) == 1 and isinstance(line.targets[0], ast.Name)):
                raise GovernanceError("a parameter is written as `name = value`", where=where)
            found[line.targets[0].id] = _plain(ast.literal_eval(line.value), line.targets[0].id, where)
    except (SyntaxError, ValueError) as error:
        raise GovernanceError(f"the parameters cannot be read ({error})", where=where) from error
    return found


def _plain(value: object, name: str, where: str) -> str | int:
    if isinstance(value, str) or type(value) is int:
        return value
    raise GovernanceError(f"parameter '{name}' is neither a text nor a whole number", where=where)


def chosen(defaults: Parameters, given: Parameters, where: str) -> dict[str, str | int]:
    """The given parameters that the notebook declares, each of the type of its default."""
    needed = [name for name in (REQUIRED if "start" in given else tuple(given)) if name not in defaults]
    if needed:
        raise GovernanceError(
            f"the notebook declares no parameter '{needed[0]}'", where=where, hint="add it with a default"
        )
    taken = {name: value for name, value in given.items() if name in defaults}
    for name, value in taken.items():
        if type(value) is not type(defaults[name]):
            raise GovernanceError(f"parameter '{name}' is declared as {type(defaults[name]).__name__}", where=where)
    return taken


def stripped(run: dict[str, Any], store: str) -> dict[str, Any]:
    """The notebook without times, random ids, tracebacks and places on this machine."""
    cells = []
    for cell in run["cells"]:
        tags = cell["metadata"].get("tags", [])
        if PAPERMILL_ERROR in tags:
            continue
        kept = {"tags": [tag for tag in tags if tag != "injected-parameters"]} if tags else {}
        own = {**cell, "metadata": kept}
        if "injected-parameters" in tags:
            own |= {
                "id": "injected-parameters",
                "source": _joined(cell["source"]).replace(json.dumps(store), '"store"'),
            }
        if cell["cell_type"] == "code":
            own["outputs"] = [
                {**one, "traceback": []} if one["output_type"] == "error" else one for one in cell["outputs"]
            ]
        cells.append(own)
    metadata = {name: run["metadata"][name] for name in ("kernelspec", "language_info") if name in run["metadata"]}
    return {**run, "cells": cells, "metadata": metadata}


def _joined(text: str | list[str]) -> str:
    """Text of a notebook, which may be kept in lines."""
    return text if isinstance(text, str) else "".join(text)


def failures(run: Mapping[str, Any]) -> tuple[str, ...]:
    """What stopped cells, in their order; what only followed from the first failure is said once."""
    outputs = [output for cell in run["cells"] for output in cell.get("outputs", ())]
    said = [f"{one['ename']}: {one['evalue']}" for one in outputs if one["output_type"] == "error"]
    return tuple(dict.fromkeys(said))
