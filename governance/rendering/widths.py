"""How a table stays on A4: type size, orientation, widths of columns and lines of headings, all in characters."""

from collections.abc import Sequence
from typing import NamedTuple

from governance.blocks.block import LONG_WORD
from governance.blocks.cells import Column, Shown

# Characters that fit beside each other: 170 mm of A4 upright at 8.5 and 7.5 point, 257 mm across at 7.5 point, with the
# mean width of Libertinus Serif (0.47 of the type size); measured on printed tables.
UPRIGHT, SMALL, ACROSS = 120, 136, 206
GUTTER = 3
SHORT = 20  # characters of an entry that is not worth breaking
COMFORTABLE = 20  # characters to which a column of words may shrink before the table takes smaller type or turns
MOST_SHARED = 400  # characters beyond which an entry asks for no more of the line
NARROWEST = 14  # characters that a column of words keeps, for words one below the other are hard to read
WRAPPED = 16  # characters to a line of a reason in a column of figures
SPARK = 18
PITCH = 1.3  # a fixed pitch is wider


class Fit(NamedTuple):
    """How a table is printed.

    Attributes:
        layout: `upright`, `small` (in smaller type) or `across` (on a turned sheet).
        widths: Weight of each column; 0 keeps the width of its longest entry.
        longest: Characters of the longest word that each column takes unbroken.
        headings: Lines of the heading of each column.
    """

    layout: str
    widths: tuple[int, ...]
    longest: tuple[int, ...]
    headings: tuple[tuple[str, ...], ...]


def fitted(columns: Sequence[Column], rows: Sequence[Sequence[Shown]]) -> Fit:
    """How a table is printed: columns of figures and dates keep their width, columns of words share what is left."""
    cells = [[row[index] for row in rows] for index in range(len(columns))]
    entries = [_entry(column, own) for column, own in zip(columns, cells, strict=True)]
    gutters = GUTTER * len(columns)
    whole = [max(entry, len(column.heading)) for entry, column in zip(entries, columns, strict=True)]
    if sum(whole) + gutters <= UPRIGHT:
        # All fits: a table of some width fills the line by its first column, a small one stays small.
        widths = tuple(int(index == 0 and sum(whole) > UPRIGHT / 2) for index in range(len(columns)))
        return Fit("upright", widths, (LONG_WORD,) * len(columns), tuple((column.heading,) for column in columns))
    tight = [max(entry, _longest_word([column.heading])) for entry, column in zip(entries, columns, strict=True)]
    words = [0 if _is_stiff(c, w) else _word(c, own) for c, w, own in zip(columns, tight, cells, strict=True)]
    least = _least(tight, words) + gutters
    layout = "upright" if least <= UPRIGHT else "small" if least <= SMALL else "across"
    room = {"upright": UPRIGHT, "small": SMALL, "across": ACROSS}[layout] - gutters
    roomy = [
        max(width, min(len(column.heading), COMFORTABLE // 2)) for width, column in zip(tight, columns, strict=True)
    ]
    natural = roomy if _least(roomy, words) <= room else tight  # headings in fewer lines where there is room
    shares = _shared(natural, words, room)
    if sum(natural) <= room:
        shares = [int(index == 0) for index in range(len(columns))]
    headings = tuple(_lines(column, width) for column, width in zip(columns, natural, strict=True))
    return Fit(layout, tuple(shares), _longest(natural, shares, room), headings)


def _least(natural: Sequence[int], words: Sequence[int]) -> int:
    """Characters that the columns take at least."""
    return sum(min(width, COMFORTABLE) if word else width for width, word in zip(natural, words, strict=True))


def _is_stiff(column: Column, width: int) -> bool:
    return column.kind not in {"text", "code"} or width <= SHORT


def _shared(natural: Sequence[int], words: Sequence[int], room: int) -> list[int]:
    """What each column of words takes of the line: its longest word, and of the rest by what it has to say.

    Args:
        natural: Characters of the longest entry of each column.
        words: Characters of the longest word; 0 for a column that keeps its natural width.
        room: Characters of the line.
    """
    left = room - sum(size for size, word in zip(natural, words, strict=True) if not word)
    wanted = [max(min(size, MOST_SHARED) - word, 0) if word else 0 for size, word in zip(natural, words, strict=True)]
    rest, whole = max(left - sum(words), 0), sum(wanted) or 1
    return [word and word + rest * more // whole for word, more in zip(words, wanted, strict=True)]


def _longest(natural: Sequence[int], widths: Sequence[int], room: int) -> tuple[int, ...]:
    """Characters of the longest word that a column takes unbroken: fewer where columns share what is left."""
    left = room - sum(size for size, width in zip(natural, widths, strict=True) if width == 0)
    whole = sum(widths)
    return tuple(max(int(0.9 * left * width / whole), 4) if width > 1 else LONG_WORD for width in widths)


def _entry(column: Column, cells: Sequence[Shown]) -> int:
    """Characters of the longest entry; in a column of figures a reason beside a figure wraps, so counts for a line."""
    if column.kind == "spark":
        return SPARK
    entries = [len(cell.text) + (2 if cell.verdict else 0) for cell in cells]
    most = WRAPPED if column.is_right_aligned else MOST_SHARED
    entries += [len(cell.text) + min(len(cell.note), most) + 1 for cell in cells if cell.note]
    return int(max(entries, default=1) * (PITCH if column.kind == "code" else 1.0))


def _word(column: Column, cells: Sequence[Shown]) -> int:
    """Characters of the longest word of a column, of those that are not broken anyway, with a gap."""
    longest = max(_longest_word([cell.text for cell in cells]), _longest_word([column.heading]))
    longest = max(longest, min(NARROWEST, max((len(cell.text) for cell in cells), default=0)))
    return int(longest * (PITCH if column.kind == "code" else 1.0)) + 1


def _longest_word(texts: Sequence[str]) -> int:
    return max((len(word) for text in texts for word in text.split() if len(word) <= LONG_WORD), default=1)


def _lines(column: Column, room: int) -> tuple[str, ...]:
    """The heading of a column in lines no longer than its entries, for a column of figures takes the width it needs."""
    lines: list[str] = []
    for word in column.heading.split():
        if lines and len(lines[-1]) + 1 + len(word) <= room:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return tuple(lines) or ("",)
