"""Rendering a report: what is written, what is recorded, what happens when a cell fails."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from governance.blocks import MIME
from governance.errors import GovernanceError, NotFoundError
from governance.explanation import explain
from governance.findings import parse_window
from governance.kernel import private_folder, this_interpreter
from governance.notebook import chosen, declared
from governance.reporting import Report, decision_notebook, report
from governance.storage.store import Store
from governance.verification import verify
from tests.small_quarter import HOSTILE, NOW, Quarter, make_quarter

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def quarter(tmp_path_factory: pytest.TempPathFactory) -> Quarter:
    return make_quarter(tmp_path_factory.mktemp("reporting") / "desk")


@pytest.fixture(scope="module")
def made(quarter: Quarter) -> Report:
    return report(quarter.workspace, "quarterly", quarter.window, now=NOW, pdf=True)


def write_notebook(quarter: Quarter, name: str, *sources: str, parameters: str = "") -> None:
    """A notebook of the workspace with the usual parameters and some cells."""
    usual = 'store = ""\nstart = ""\nend = ""\nprevious_start = ""\nprevious_end = ""\nas_of = 0'
    texts = [parameters or usual, *sources]
    kinds = [{"tags": ["parameters"]}, *({} for _ in sources)]
    cells: list[dict[str, Any]] = [
        {
            "cell_type": "code",
            "execution_count": None,
            "id": f"c{place}",
            "metadata": kind,
            "outputs": [],
            "source": text,
        }
        for place, (text, kind) in enumerate(zip(texts, kinds, strict=True))
    ]
    document = {"cells": cells, "metadata": {"language_info": {"name": "python"}}, "nbformat": 4, "nbformat_minor": 5}
    (quarter.workspace.notebooks / f"{name}.ipynb").write_text(json.dumps(document))


def test_writes_a_page_a_pdf_and_the_executed_notebook_to_fixed_places(made: Report, quarter: Quarter) -> None:
    names = [path.relative_to(quarter.workspace.root).as_posix() for path in made.paths()]
    assert names == [f"reports/quarterly-2026-Q3.{ending}" for ending in ("html", "pdf", "ipynb")]
    assert made.document()["complete"] is True
    assert not [path.name for path in quarter.workspace.reports.iterdir() if path.name.startswith(".")]
    assert made.pdf is not None
    assert made.pdf.read_bytes().startswith(b"%PDF")


def test_the_page_is_static_and_holds_the_sections_and_figures(made: Report) -> None:
    page = made.html.read_text(encoding="utf-8")
    assert "<script" not in page
    assert "http://" not in page.replace("http://www.w3.org/2000/svg", "")
    assert "https://" not in page
    for heading in (
        "For the board",
        "Completeness and integrity",
        "Fairness",
        "Drift",
        "Cost",
        "Findings",
        "Appendix C",
    ):
        assert f">{heading}" in page
    assert "0.312" in page
    assert "could not be computed" not in page
    assert HOSTILE not in page


def test_the_executed_notebook_has_blocks_and_nothing_of_this_run_or_machine(made: Report, quarter: Quarter) -> None:
    text = made.notebook.read_text(encoding="utf-8")
    document: dict[str, Any] = json.loads(text)
    assert str(quarter.workspace.root) not in text
    assert "papermill" not in document["metadata"]
    assert all(
        "papermill" not in cell["metadata"] and "execution" not in cell["metadata"] for cell in document["cells"]
    )
    outputs = [output for cell in document["cells"] for output in cell.get("outputs", ())]
    assert sum(MIME in output.get("data", {}) for output in outputs) >= 20
    assert not any(output["output_type"] == "stream" for output in outputs)


def test_the_ledger_names_the_files_the_template_and_what_was_read(made: Report, quarter: Quarter) -> None:
    entry = Store(quarter.workspace.store).snapshot().entries[made.entry]
    facts = entry.facts
    assert (entry.kind, facts["report"], facts["window"]["name"], facts["complete"]) == (
        "report",
        "quarterly",
        "2026-Q3",
        True,
    )
    assert facts["read"]["size"] == made.read == made.entry
    for path in made.paths():
        assert facts["files"][path.suffix[1:]] == hashlib.sha256(path.read_bytes()).hexdigest()
    template = (quarter.workspace.notebooks / "quarterly.ipynb").read_bytes()
    assert facts["template_sha256"] == hashlib.sha256(template).hexdigest()
    assert Store(quarter.workspace.store).snapshot().blob(facts["template_sha256"]).read_bytes() == template
    assert verify(quarter.workspace.store).ok


def test_the_same_entries_and_time_give_the_same_bytes(made: Report, quarter: Quarter, tmp_path: Path) -> None:
    again = report(quarter.workspace, "quarterly", quarter.window, now=NOW, pdf=True, out=tmp_path, as_of=made.read)
    for first, second in zip(made.paths(), again.paths(), strict=True):
        assert first.read_bytes() == second.read_bytes()


def test_a_window_without_findings_names_the_command_that_makes_some(quarter: Quarter) -> None:
    with pytest.raises(NotFoundError) as caught:
        report(quarter.workspace, "quarterly", parse_window("2025-Q1", now=NOW), now=NOW)
    assert caught.value.hint is not None
    assert "governance check --window 2025-Q1" in caught.value.hint
    assert "2026-Q2, 2026-Q3" in caught.value.hint


def test_a_misspelt_notebook_names_the_nearest(quarter: Quarter) -> None:
    with pytest.raises(NotFoundError) as caught:
        report(quarter.workspace, "quartely", quarter.window, now=NOW)
    assert caught.value.hint == "did you mean 'quarterly'?"
    with pytest.raises(NotFoundError):
        report(quarter.workspace, "../quarterly", quarter.window, now=NOW)


def test_a_failed_cell_leaves_an_incomplete_report_that_says_so(quarter: Quarter, tmp_path: Path) -> None:
    good = "import governance as gov\ngov.exhibits.sentences.nothing('the part after it')"
    write_notebook(quarter, "broken", "raise ValueError('the disk is on fire')", good)
    with pytest.raises(GovernanceError, match="ValueError: the disk is on fire") as caught:
        report(quarter.workspace, "broken", quarter.window, now=NOW, out=tmp_path)
    page = tmp_path / "broken-2026-Q3.html.incomplete"
    assert caught.value.where == str(page)
    text = page.read_text(encoding="utf-8")
    assert "This part could not be computed" in text
    assert "ValueError: the disk is on fire" in text
    assert "the part after it" in text
    assert "Traceback" not in text
    assert Store(quarter.workspace.store).snapshot().of_kind("report")[-1].facts["complete"] is False


def test_the_kernel_is_this_interpreter_over_sockets_and_reads_no_startup_file(
    quarter: Quarter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    startup = tmp_path / "profile" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "00.py").write_text("intruder = True")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "profile"))
    write_notebook(
        quarter,
        "kernel",
        "import sys\nprint(sys.executable)\nprint('intruder' in globals())",
        "print(get_ipython().kernel.parent.transport)",
    )
    made = report(quarter.workspace, "kernel", quarter.window, now=NOW, out=tmp_path)
    said = ["".join(cell["outputs"][0]["text"]).split() for cell in json.loads(made.notebook.read_text())["cells"][-2:]]
    assert said == [[sys.executable, "False"], ["ipc"]]


def test_where_sockets_cannot_be_it_is_tcp(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("governance.kernel.LONGEST_SOCKET", 3)
    with private_folder() as folder:
        kernel = this_interpreter(folder)()
        assert kernel.transport == "tcp"
        assert kernel.kernel_spec is not None
        assert "--IPKernelApp.log_level=50" in kernel.kernel_spec.argv


@pytest.mark.parametrize(
    ("source", "what"),
    [
        ("store = None", "neither a text nor a whole number"),
        ("store = 1.5", "neither a text nor a whole number"),
        ("store: str = ''", "written as `name = value`"),
        ("import os", "written as `name = value`"),
        ("store = open('x')", "cannot be read"),
        ("store =", "cannot be read"),
    ],
)
def test_parameters_are_plain_texts_and_whole_numbers(source: str, what: str) -> None:
    notebook = {"cells": [{"metadata": {"tags": ["parameters"]}, "source": source}]}
    with pytest.raises(GovernanceError, match=what):
        declared(notebook, "n.ipynb")


def test_parameters_that_the_notebook_does_not_declare_are_refused() -> None:
    given: dict[str, str | int] = {"store": "s", "start": "a", "end": "b", "as_of": 1}
    with pytest.raises(GovernanceError, match="no parameter 'end'"):
        chosen({"store": "", "start": ""}, given, "n.ipynb")
    with pytest.raises(GovernanceError, match="declared as str"):
        chosen({"store": "", "start": "", "end": "", "as_of": ""}, given, "n.ipynb")
    assert chosen({"store": "", "start": "", "end": "", "own": ""}, given, "n.ipynb") == {
        "store": "s",
        "start": "a",
        "end": "b",
    }


def test_a_parameter_cannot_become_code(quarter: Quarter, tmp_path: Path) -> None:
    folder = tmp_path / "a'; raise SystemExit('{x}'); '"
    shutil.copytree(quarter.workspace.root, folder, symlinks=True)
    own = type(quarter.workspace)(folder, "UTC", 1, keep_payloads=False, keep_raw=False, key=quarter.workspace.key)
    write_notebook(Quarter(own, quarter.window, quarter.previous), "path", "print(len(store))")
    made = report(own, "path", quarter.window, now=NOW, out=tmp_path)
    assert json.loads(made.notebook.read_text())["cells"][-1]["outputs"][0]["text"] == [f"{len(str(own.store))}\n"]


def test_writes_the_notebook_that_explains_a_decision(quarter: Quarter, tmp_path: Path) -> None:
    document = explain(quarter.workspace.store, "2026-Q3-female-39")[0].document
    decision_notebook(quarter.workspace, document, tmp_path / "why.ipynb", as_of=None)
    run = json.loads((tmp_path / "why.ipynb").read_text())
    blocks = [output["data"] for cell in run["cells"] for output in cell.get("outputs", ()) if "data" in output]
    assert any("2026-Q3-female-39" in json.dumps(block[MIME]) for block in blocks)
    with pytest.raises(GovernanceError, match="no such folder"):
        decision_notebook(quarter.workspace, document, tmp_path / "missing" / "why.ipynb", as_of=None)
