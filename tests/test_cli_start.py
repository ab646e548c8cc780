"""What a command loads before it runs: its own module, and for `explain ID` neither typer nor rich."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import typer

from governance.cli.answers import Question, Reader, plain_question
from governance.cli.application import COMMANDS, application
from tests.logbooks import logbook

if TYPE_CHECKING:
    from pathlib import Path

# duckdb alone is needed to read a record; typer, rich, pydantic and the like each take as long to load as it takes.
NOT_FOR_A_RECORD = {
    *"typer rich pydantic yaml pyarrow numpy pandas cryptography".split(),
    "governance.policies.policy",
    "governance.attribution",
}


@pytest.mark.parametrize("module", COMMANDS)
def test_each_module_is_listed_with_its_commands(module: str) -> None:
    group: Any = typer.main.get_command(application([module]))
    assert tuple(group.commands) == COMMANDS[module]


@pytest.mark.parametrize(
    ("words", "question"),
    [
        (["r1"], Question("r1")),
        (["r1", "--for", "subject"], Question("r1", Reader.SUBJECT)),
        (["--for", "auditor", "r1#0"], Question("r1#0", Reader.AUDITOR)),
        ([], None),
        (["r1", "r2"], None),
        (["--help"], None),
        (["r1", "--for"], None),
        (["r1", "--for", "nobody"], None),
        (["r1", "--for=subject"], None),
        (["--", "-r1"], None),
        (["r1", "--as-of", "3"], None),
        (["r1", "--html", "r1.html"], None),
    ],
)
def test_the_plain_form_is_read_without_typer_and_nothing_else_is(words: list[str], question: Question | None) -> None:
    assert plain_question(words) == question


@pytest.mark.parametrize("words", [["explain", "r1"], ["explain", "r1", "--json"], ["--json", "explain", "nobody"]])
def test_explaining_a_record_loads_nothing_but_the_engine(tmp_path: Path, words: list[str]) -> None:
    book = logbook(tmp_path)
    book.read("log.csv", "id,at,score,decision\nr1,2026-07-01T10:00:00Z,0.5,yes\n")
    program = (
        f"import sys\nfrom governance.cli import main\ntry:\n    main({words!r})\n"
        "finally:\n    print(*sys.modules, sep='\\n', file=sys.stderr)"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=book.workspace.root
    )
    assert "governance.explanation" in run.stderr.split()
    assert set(run.stderr.split()) & NOT_FOR_A_RECORD == set()


def test_the_plain_form_says_what_the_long_form_says(tmp_path: Path) -> None:
    book = logbook(tmp_path)
    book.read("log.csv", "id,at,score,decision\nr1,2026-07-01T10:00:00Z,0.5,yes\n")
    plain, long = (
        subprocess.run(
            [sys.executable, "-m", "governance", "explain", "r1", *more],
            capture_output=True,
            text=True,
            check=True,
            cwd=book.workspace.root,
        ).stdout
        for more in ((), ("--for=engineer",))
    )
    assert plain == long
    assert "loans:r1#0" in plain
