"""The shipped notebooks: parameters, kernel, no outputs, no logic; each exhibit that they name is there."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import pytest

import governance as gov
from governance.notebook import REQUIRED, declared

FOLDER = Path(__file__).resolve().parents[1] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
REPORTS = ["quarterly"]


def cells(path: Path, kind: str = "code") -> list[dict[str, Any]]:
    document = json.loads(path.read_text(encoding="utf-8"))
    return [cell for cell in document["cells"] if cell["cell_type"] == kind]


def test_the_three_notebooks_are_shipped() -> None:
    assert [path.stem for path in NOTEBOOKS] == ["decision", "explore", "quarterly"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_committed_without_outputs_and_with_its_kernel(path: Path) -> None:
    document = json.loads(path.read_text(encoding="utf-8"))
    assert document["metadata"]["kernelspec"]["name"] == "python3"
    assert document["metadata"]["language_info"]["name"] == "python"
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in cells(path))
    assert len({cell["id"] for cell in document["cells"]}) == len(document["cells"])


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_begins_with_its_title_and_declares_plain_parameters(path: Path) -> None:
    document = json.loads(path.read_text(encoding="utf-8"))
    assert document["cells"][0]["source"].startswith("# ")
    assert "store" in declared(document, path.name)
    if path.stem in REPORTS:
        assert set(REQUIRED) <= declared(document, path.name).keys()


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_holds_no_logic(path: Path) -> None:
    for cell in cells(path):
        assert len(cell["source"].splitlines()) <= 11
        tree = ast.parse(cell["source"])
        imported = [name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names]
        assert imported in ([], ["governance"])
        assert not any(
            isinstance(n, ast.FunctionDef | ast.ClassDef | ast.ImportFrom | ast.For | ast.If) for n in ast.walk(tree)
        )


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_exhibit_that_a_notebook_calls_is_there(path: Path) -> None:
    for cell in cells(path):
        for line in cell["source"].splitlines():
            if line.startswith("gov.exhibits."):
                module, function = line.removeprefix("gov.exhibits.").split("(")[0].split(".")
                assert callable(getattr(getattr(gov.exhibits, module), function))


def test_the_explorer_is_short() -> None:
    """Parameters and opening, what columns mean, a count, a join, a figure of the report, one decision."""
    found = json.loads((FOLDER / "explore.ipynb").read_text())["cells"]
    assert sum(cell["cell_type"] == "code" for cell in found) == 7
