"""Help in a window of 80 columns: nothing that only typer understands, and what people need to go on."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
import typer

from governance.cli import main
from governance.cli.application import application

if TYPE_CHECKING:
    from collections.abc import Iterator


def commands(group: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield words
    for name, command in getattr(group, "commands", {}).items():
        yield from commands(command, (*words, name))


EVERY = list(commands(typer.main.get_command(application())))


@pytest.mark.parametrize("words", EVERY, ids=" ".join)
def test_help(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main([*words, "--help"])
    assert left.value.code == 0
    lines = capsys.readouterr().out.splitlines()
    said = "\n".join(lines)
    assert max(map(len, lines)) <= 80
    assert not re.search(r"<\w+>|\[\[|\{", said)
    for line in lines:
        assert not re.fullmatch(r"│ [ *] +\[?[A-Z]+\]?(\.\.\.)? +(\[required\])? *│", line), "an argument without help"
    assert " ".join(("Usage: governance", *words)) in said


def test_commands_are_listed_in_the_order_of_work(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    listed = re.findall(r"^│ (\w+) {2,}\S", capsys.readouterr().out, re.MULTILINE)
    assert [
        name for name in listed if name in ("init", "ingest", "mapping", "check", "policy", "report", "verify")
    ] == [*("init", "ingest", "mapping", "check", "policy", "report", "verify")]


def test_paragraphs_are_filled(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["quarantine", "retry", "--help"])
    said = capsys.readouterr().out
    paragraph = said.partition(" The kept bytes")[2].partition("╭")[0]
    assert min(len(line) for line in paragraph.strip().splitlines()[:-1]) > 60
