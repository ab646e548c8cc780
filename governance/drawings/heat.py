"""A figure for each name and each period as tinted cells, with the figure written into every cell."""

from dataclasses import dataclass
from typing import ClassVar

from governance.display import ABSENT, number
from governance.drawings.canvas import BREACH, EM, WIDTH, coordinate, fitted, rect, text, width_of
from governance.drawings.drawing import Drawing, within

ROW, TOP = 26.0, 24.0
NAME_ROOM = 210.0
# Tints from little to much, each with the colour of its text; contrast of the text at least 4.5 on each.
TINTS = (("#f3f6fa", "#1c2733"), ("#d9e5f2", "#1c2733"), ("#b3cce6", "#1c2733"), ("#87aed6", "#10202f"))
OVER = (BREACH, "#ffffff")
MOST_COLUMNS = 16


@dataclass(frozen=True)
class Band:
    """One row: a value or None for each column."""

    name: str
    values: tuple[float | None, ...]


@dataclass(frozen=True)
class Heat(Drawing):
    """Rows of cells; a value over the limit is white and bold on red, the others are tinted by their size."""

    columns: tuple[str, ...]
    bands: tuple[Band, ...]
    limit: float | None = None
    limit_name: str = "limit"
    digits: int = 2

    type: ClassVar[str] = "heat"

    def __post_init__(self) -> None:
        within(len(self.columns), 1, MOST_COLUMNS, "columns")
        within(len(self.bands), 1, 60, "rows")
        if any(len(band.values) != len(self.columns) for band in self.bands):
            raise ValueError("every row needs one value, or None, for each column")

    @property
    def height(self) -> float:
        """Height of the picture in user units."""
        return TOP + len(self.bands) * ROW + (24 if self.limit is not None else 4)

    def elements(self) -> list[str]:
        """Column names, cells, what the red means."""
        left = min(max(width_of(band.name) for band in self.bands) + 12, NAME_ROOM)
        wide = min((WIDTH - left) / len(self.columns), 120)
        drawn = [
            text(left + (index + 0.5) * wide, 14, fitted(name, wide), anchor="middle")
            for index, name in enumerate(self.columns)
        ]
        for row, band in enumerate(self.bands):
            y = TOP + row * ROW
            drawn.append(text(left - 10, y + 16, fitted(band.name, left - 10), anchor="end"))
            for column, value in enumerate(band.values):
                drawn += self._cell(value, left + column * wide, y, wide)
        if self.limit is not None:
            y = self.height - 16
            words = f"over the {self.limit_name} of {number(self.limit, self.digits)}"
            drawn += [rect(left, y, 11, 11, BREACH), text(left + 17, y + 10, words)]
        return drawn

    def in_words(self) -> str:
        """The size, and the cells over the limit."""
        size = f"{len(self.bands)} rows by {len(self.columns)} periods"
        limit = self.limit
        if limit is None:
            return f"{size}, tinted by size."
        over = [
            f"{band.name} in {column} ({number(value, self.digits)})"
            for band in self.bands
            for column, value in zip(self.columns, band.values, strict=True)
            if value is not None and value > limit
        ]
        return f"{size}. Over the {self.limit_name} of {number(limit, self.digits)}: {', '.join(over) or 'none'}."

    def _cell(self, value: float | None, x: float, y: float, wide: float) -> list[str]:
        if value is None:
            return [text(x + wide / 2, y + 16, ABSENT, anchor="middle")]
        over = self.limit is not None and value > self.limit
        fill, ink = OVER if over else TINTS[self._depth(value)]
        figure = number(value, self.digits)
        return [
            rect(x + 1, y + 1, wide - 2, ROW - 2, fill),
            text(x + wide / 2, y + 16.5, figure, anchor="middle", fill=ink, bold=over, size=self._size(figure, wide)),
        ]

    def _depth(self, value: float) -> int:
        known = [abs(one) for band in self.bands for one in band.values if one is not None]
        full = abs(self.limit or max(known))
        return min(int(abs(value) / full * len(TINTS)), len(TINTS) - 1) if full else 0

    @staticmethod
    def _size(figure: str, wide: float) -> float:
        return float(coordinate(min(12.0, max(8.0, (wide - 4) / (len(figure) * EM)))))
