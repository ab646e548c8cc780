"""What a long command says while one waits: on a terminal alone, and nothing of it stays."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING

import pytest

from governance.cli import main
from governance.cli.session import Session
from governance.cli.waiting import waiting
from tests.logbooks import Logbook, logbook

if TYPE_CHECKING:
    from pathlib import Path

ROWS = "id,at,score,decision\nr1,2026-07-01T10:00:00Z,0.5,yes\n"
POLICY = """\
policy: credit
version: 1
owner: desk
in_force: {from: 2026-04-01}
checks:
  - {id: first, kind: service-errors, max_share: 0.1, minimum_n: 1}
  - {id: second, kind: service-errors, max_share: 0.2, minimum_n: 1}
"""


class Terminal(io.StringIO):
    """Standard error of a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def book(tmp_path: Path) -> Logbook:
    made = logbook(tmp_path)
    made.read("log.csv", ROWS)
    made.write("credit.yaml", POLICY)
    return made


def shown(book: Logbook, monkeypatch: pytest.MonkeyPatch, *words: str) -> str:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with pytest.raises(SystemExit):
        main([*words, "--workspace", str(book.workspace.root)])
    return terminal.getvalue()


def test_a_check_says_where_it_is(book: Logbook, monkeypatch: pytest.MonkeyPatch) -> None:
    command = ["check", str(book.folder / "credit.yaml"), "--window", "2026-07"]
    said = shown(book, monkeypatch, *command)
    assert "checking: credit 2/2 second" in said
    assert "\x1b[2K" in said.rpartition("second")[2]  # the line is cleared
    assert shown(book, monkeypatch, *command, "--json") == ""
    assert "rendering: writing the page" in shown(book, monkeypatch, "report", "--window", "2026-07")
    assert "recomputing every digest" in shown(book, monkeypatch, "verify")


def test_silence_where_nobody_looks(capsys: pytest.CaptureFixture[str]) -> None:
    with waiting(Session(), "checking") as say:
        say("something")
    assert capsys.readouterr() == ("", "")


def test_names_of_strangers_are_shown_and_not_obeyed(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with waiting(Session(), "checking") as say:
        say("a\x1b]0;b\n[red]c")
    assert "\x1b]0;" not in terminal.getvalue()
    assert "[red]c" in terminal.getvalue()
