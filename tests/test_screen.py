"""The screen of `explain`: what it prints is what rich prints, line by line, and fits the terminal."""

from __future__ import annotations

import io
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.table import Table
from rich.text import Text

from governance.cli.printing import Hanging
from governance.cli.screen import UNBROKEN, Cell, Column, Screen, cells, folded
from governance.display import THIN, number, share

COLUMNS = (Column("input", may_fold=True), Column("value", is_right=True, may_fold=True), Column())


def test_a_text_is_broken_between_words_and_a_long_word_is_cut() -> None:
    assert folded("one two three", 7) == ["one two", "three"]
    assert folded("abcdefgh", 3) == ["abc", "def", "gh"]
    assert folded("a bcdefgh", 3) == ["a", "bcd", "efg", "h"]
    assert folded("  indented", 20) == ["  indented"]
    assert folded("", 5) == [""]


def test_wide_characters_take_two_cells_and_marks_none() -> None:
    assert (cells("abc"), cells("日本"), cells("e\N{COMBINING ACUTE ACCENT}")) == (3, 4, 1)
    assert folded("日本語", 4) == ["日本", "語"]


@given(st.text("ab 日e\u0301─▲", max_size=60), st.integers(4, 30))
def test_no_line_is_wider_than_the_screen(text: str, width: int) -> None:
    assert all(cells(line) <= width for line in folded(text, width))
    assert "".join(folded(text, width)).replace(" ", "") == text.replace(" ", "")


@given(st.lists(st.text("abcdefghij", min_size=1, max_size=12), min_size=1, max_size=20), st.integers(5, 40))
def test_lines_break_where_rich_breaks_them(words: list[str], width: int) -> None:
    text = " ".join(words)
    console = Console(width=width, file=io.StringIO())
    assert folded(text, width) == [line.plain.strip() for line in Text(text).wrap(console, width)]


def test_columns_are_aligned_and_give_way_where_the_screen_is_narrow(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [[Cell("a rather long name"), Cell("1"), Cell("▲██", "red")], [Cell("b"), Cell("23"), Cell("")]]
    Screen(40).table(COLUMNS, rows)
    assert (
        capsys.readouterr().out
        == "input               value\na rather long name      1  ▲██\nb                      23\n"
    )
    Screen(20).table(COLUMNS, rows)
    assert capsys.readouterr().out == "input     value\na rather      1  ▲██\nlong\nname\nb            23\n"


@pytest.mark.parametrize(
    ("styled", "coloured", "printed"),
    [
        (True, True, "\x1b[31mre\x1b[0m \x1b[1mbold\x1b[0m\n"),
        (True, False, "re \x1b[1mbold\x1b[0m\n"),
        (False, False, "re bold\n"),
    ],
)
def test_styles_are_shown_where_the_terminal_has_them(
    capsys: pytest.CaptureFixture[str], styled: bool, coloured: bool, printed: str
) -> None:
    Screen(80, styled, coloured).line(Cell("re", "red"), " ", Cell("bold", "bold"))
    assert capsys.readouterr().out == printed


def test_a_style_goes_on_behind_a_break(capsys: pytest.CaptureFixture[str]) -> None:
    Screen(4, is_styled=True, is_coloured=True).line(Cell("✗", "red"), " ", Cell("abc", "bold"), " d")
    assert capsys.readouterr().out == "\x1b[31m✗\x1b[0m\n\x1b[1mabc\x1b[0m\nd\n"


def test_what_must_be_copied_whole_is_not_broken(capsys: pytest.CaptureFixture[str]) -> None:
    Screen(4).line("root 0123456789", fold=False)
    assert capsys.readouterr().out == "root 0123456789\n"


@pytest.mark.parametrize(
    ("is_terminal", "environment", "expected"),
    [
        (False, {}, Screen(UNBROKEN)),
        (False, {"COLUMNS": "50"}, Screen(50)),
        (False, {"COLUMNS": "0"}, Screen(UNBROKEN)),
        (True, {"COLUMNS": "50", "TERM": "xterm"}, Screen(50, is_styled=True, is_coloured=True)),
        (True, {"COLUMNS": "50", "TERM": "xterm", "NO_COLOR": "1"}, Screen(50, is_styled=True)),
        (True, {"COLUMNS": "50", "TERM": "dumb"}, Screen(50)),
        (False, {"TERM": "xterm", "FORCE_COLOR": "1"}, Screen(UNBROKEN, is_styled=True, is_coloured=True)),
    ],
)
def test_the_screen_is_the_terminal(
    monkeypatch: pytest.MonkeyPatch, is_terminal: bool, environment: dict[str, str], expected: Screen
) -> None:
    for name in ("COLUMNS", "TERM", "NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    monkeypatch.setattr(sys.stdout, "isatty", lambda: is_terminal, raising=False)
    assert Screen.of_terminal() == expected


def test_a_broken_line_goes_on_behind_its_beginning(capsys: pytest.CaptureFixture[str]) -> None:
    Screen(44).line("  framework: its name is long, and so is what it says of itself")
    assert capsys.readouterr().out == ("  framework: its name is long, and so is\n    what it says of itself\n")


def test_the_console_breaks_as_the_screen_does_and_leaves_no_space_behind_a_table(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "44")
    Hanging().print("  framework: its name is long, and so is what it says of itself\n\nlast", style="bold")
    table = Table(box=None, pad_edge=False)
    table.add_column("name")
    table.add_column("more")
    table.add_row("a", "b")
    Hanging().print(table)
    assert capsys.readouterr().out.splitlines() == [
        "  framework: its name is long, and so is",
        "    what it says of itself",
        "",
        "last",
        "name  more",
        "a     b",
    ]


def test_a_pipe_gets_whole_lines(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("COLUMNS")
    Hanging().print("word " * 100)
    assert capsys.readouterr().out.count("\n") == 1


def test_thousands_are_parted_by_a_comma(capsys: pytest.CaptureFixture[str]) -> None:
    Screen().line(f"n {number(9032)}, {share(0.5)}")
    assert capsys.readouterr().out == f"n 9,032, 50.0{THIN}%\n"
