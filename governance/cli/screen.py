"""A screen of plain lines and columns, wrapped at its width: what the answer of one look-up needs.

What is broken goes on further to the right, so that each answer begins at the margin. Nothing is broken where no
terminal is: a pipe gets whole lines, for `grep` and `wc -l`.

rich draws what other commands print; it takes longer to load than `explain` to find its record.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

_STYLES = {
    "bold": "1",
    "dim": "2",
    "red": "31",
    "green": "32",
    "yellow": "33",
    "blue": "34",
    "magenta": "35",
    "cyan": "36",
}
VERDICT_STYLES = {
    "passed": "green",
    "failed": "red",
    "warned": "yellow",
    "not_assessed": "cyan",
    "errored": "magenta",
    "waived": "blue",
}
_COLOURS = _STYLES.keys() - {"bold", "dim"}
_UNSTYLED = ("dumb", "unknown")  # terminals that show escape sequences as text
_GAP = 2  # spaces between columns
_HANG = 2  # spaces by which a line that was broken goes on behind its beginning
_NARROW = 40  # chosen here: cells below which no room is left for that
# Shells and editors know a comma, and not the narrow space of print.
_THOUSANDS = re.compile(r"(?<=\d)\u202f(?=\d{3})")
UNBROKEN = 10_000  # chosen here: cells of a line where there is no terminal


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table.

    Attributes:
        title: Its heading.
        is_right: Whether it is aligned to the right.
        may_fold: Whether its cells may be broken where the screen is too narrow.
    """

    title: str = ""
    is_right: bool = False
    may_fold: bool = False


@dataclass(frozen=True, slots=True)
class Cell:
    """A piece of text in one style."""

    text: str
    style: str = ""


@dataclass(frozen=True, slots=True)
class Screen:
    """Where lines are printed.

    Attributes:
        width: Cells in a line.
        is_styled: Whether bold and dim text is shown as such.
        is_coloured: Whether colours are.
    """

    width: int = 80
    is_styled: bool = False
    is_coloured: bool = False

    @classmethod
    def of_terminal(cls) -> Screen:
        """Standard output, with colours unless NO_COLOR is set."""
        is_terminal, width = sys.stdout.isatty(), terminal_width()
        is_styled = (is_terminal or bool(os.environ.get("FORCE_COLOR"))) and os.environ.get("TERM") not in _UNSTYLED
        return cls(width, is_styled, is_styled and not os.environ.get("NO_COLOR"))

    def line(self, *pieces: str | Cell, fold: bool = True) -> None:
        """Prints pieces of text, one behind the other, on as many lines as they need, or on one."""
        cells = [piece if isinstance(piece, Cell) else Cell(piece) for piece in pieces]
        text = "".join(cell.text for cell in cells)
        for margin, start, stop in hung(text, self.width) if fold else [(0, 0, len(text))]:
            self._write(" " * margin + self._between(cells, start, stop))

    def table(self, columns: Sequence[Column], rows: Sequence[Sequence[Cell]]) -> None:
        """Prints rows in columns, with a heading where a column has a title."""
        titles = [tuple(Cell(column.title, "dim") for column in columns)] if any(c.title for c in columns) else []
        lines = [*titles, *rows]
        widths = self._widths(columns, lines)
        for row in lines:
            parts = [
                folded(cell.text, width) if column.may_fold else [cell.text]
                for cell, column, width in zip(row, columns, widths, strict=True)
            ]
            for number in range(max(map(len, parts))):
                pieces = [own[number] if number < len(own) else "" for own in parts]
                self._row(columns, row, pieces, widths)

    def _widths(self, columns: Sequence[Column], lines: Sequence[Sequence[Cell]]) -> list[int]:
        """The width of each column: the widest that may be folded gives way until all fit."""
        widths = [max((cells(row[place].text) for row in lines), default=0) for place in range(len(columns))]
        foldable = [place for place, column in enumerate(columns) if column.may_fold]
        while sum(widths) + _GAP * (len(widths) - 1) > self.width:
            widest = max(foldable, key=widths.__getitem__)
            if widths[widest] <= 1:
                break
            widths[widest] -= 1
        return widths

    def _row(
        self, columns: Sequence[Column], row: Sequence[Cell], pieces: Sequence[str], widths: Sequence[int]
    ) -> None:
        parts = []
        for column, cell, piece, width in zip(columns, row, pieces, widths, strict=True):
            space = " " * max(0, width - cells(piece))
            styled = self._styled(piece, cell.style)
            parts.append(space + styled if column.is_right else styled + space)
        self._write((" " * _GAP).join(parts).rstrip(" "))

    def _between(self, pieces: Sequence[Cell], start: int, stop: int) -> str:
        """The styled text from one place to another."""
        found, place = "", 0
        for cell in pieces:
            inside = cell.text[max(0, start - place) : max(0, stop - place)]
            found += self._styled(inside, cell.style)
            place += len(cell.text)
        return found

    def _styled(self, text: str, style: str) -> str:
        if not text or not style or not (self.is_coloured if style in _COLOURS else self.is_styled):
            return text
        return f"\x1b[{_STYLES[style]}m{text}\x1b[0m"

    def _write(self, line: str) -> None:
        sys.stdout.write(_THOUSANDS.sub(",", line) + "\n")


def cells(text: str) -> int:
    """How many cells of a terminal a visible text takes: two for wide characters, none for combining marks."""
    if text.isascii():
        return len(text)
    return sum(map(_cells, text))


def _cells(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def terminal_width() -> int:
    """Cells in a line: those of COLUMNS, else of the terminal; without one lines are not broken."""
    given = os.environ.get("COLUMNS", "")
    if given.isdigit() and int(given):
        return int(given)
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else UNBROKEN


def hung(text: str, width: int) -> list[tuple[int, int, int]]:
    """The lines that a text takes, each as its margin and the places in the text where it begins and ends."""
    first = folded(text, width)[0]
    lines, start = [(0, 0, len(first))], len(first)
    if not text[start:].strip(" "):
        return lines
    margin = len(text) - len(text.lstrip(" ")) + _HANG if width > _NARROW else 0
    for part in folded(text[start:].lstrip(" "), width - margin):
        start = text.index(part, start)
        lines.append((margin, start, start + len(part)))
        start += len(part)
    return lines


def folded(text: str, width: int) -> list[str]:
    """The text in lines of at most so many cells, broken between words; words that are longer are cut."""
    lines: list[str] = []
    line = ""
    for word in re.findall(r" *[^ ]+", text):
        if cells(line + word) <= width:
            line += word
            continue
        if line:
            lines.append(line)
        *full, line = _cut(word.lstrip(" ") if line else word, width)
        lines += full
    return [*lines, line]


def _cut(word: str, width: int) -> list[str]:
    """A word in pieces that fit."""
    pieces, piece = [], ""
    for character in word:
        if piece and cells(piece + character) > width:
            pieces.append(piece)
            piece = ""
        piece += character
    return [*pieces, piece]
