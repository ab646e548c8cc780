"""Amounts by name as horizontal bars, one colour or stacked parts, with the figures beside them."""

from dataclasses import dataclass
from math import inf
from typing import ClassVar

from governance.display import fitting_digits, number
from governance.drawings.canvas import BREACH, PALETTE, WIDTH, fitted, rect, rule, scale, text, width_of
from governance.drawings.drawing import Drawing, within

ROW, BAR = 26.0, 17.0
NAME_ROOM = 210.0


@dataclass(frozen=True)
class Bar:
    """One row: as many parts as the chart has names of parts, none below zero."""

    name: str
    values: tuple[float, ...]


@dataclass(frozen=True)
class Bars(Drawing):
    """Rows of bars; with more than one part they are stacked and a legend stands above."""

    bars: tuple[Bar, ...]
    parts: tuple[str, ...] = ("",)
    limit: float | None = None
    limit_name: str = "limit"
    unit: str = ""
    digits: int | None = None

    type: ClassVar[str] = "bars"

    def __post_init__(self) -> None:
        within(len(self.bars), 1, 60, "bars")
        within(len(self.parts), 1, len(PALETTE), "parts")
        if any(len(bar.values) != len(self.parts) for bar in self.bars):
            raise ValueError("every bar needs one value for each part")
        if not all(0 <= value < inf for bar in self.bars for value in bar.values):
            raise ValueError("a bar needs a finite amount that is not below zero; for others draw a waterfall")

    @property
    def height(self) -> float:
        """Height of the picture in user units."""
        return self._top + len(self.bars) * ROW + 6

    @property
    def _top(self) -> float:
        return 8 + (22 if len(self.parts) > 1 or self.unit else 0) + (18 if self.limit is not None else 0)

    def elements(self) -> list[str]:
        """Legend, names, bars, figures, limit."""
        sums = [sum(bar.values) for bar in self.bars]
        digits = fitting_digits(sums) if self.digits is None else self.digits
        left = min(max(width_of(bar.name) for bar in self.bars) + 12, NAME_ROOM)
        room = max(width_of(number(total, digits)) for total in sums) + 14
        x = scale([*sums, self.limit or 0.0], left, WIDTH - room, from_zero=True)
        drawn = self._legend()
        for index, (bar, total) in enumerate(zip(self.bars, sums, strict=True)):
            y = self._top + index * ROW
            drawn.append(text(left - 10, y + 13, fitted(bar.name, left - 10), anchor="end"))
            at = 0.0
            for part, value in enumerate(bar.values):
                drawn += self._part((x.at(at), x.at(at + value)), y, number(value, digits), part)
                at += value
            drawn.append(text(x.at(total) + 6, y + 13, number(total, digits), bold=True))
        drawn.append(rule(left, self._top - 4, left, self.height - 4))
        if self.limit is not None:
            words = f"{self.limit_name} {number(self.limit, self.digits)}"
            anchor = "end" if x.at(self.limit) > WIDTH - width_of(words) else "start"
            drawn.append(text(x.at(self.limit), self._top - 8, words, anchor=anchor, fill=BREACH, bold=True))
            drawn.append(
                rule(x.at(self.limit), self._top - 4, x.at(self.limit), self.height - 4, stroke=BREACH, dash="7 4")
            )
        return drawn

    def in_words(self) -> str:
        """The amount of each bar, and the limit."""
        said = [f"{bar.name} {number(sum(bar.values), self.digits)}" for bar in self.bars]
        unit = f" in {self.unit}" if self.unit else ""
        limit = f" {self.limit_name}: {number(self.limit, self.digits)}." if self.limit is not None else ""
        return f"Bars{unit}: {', '.join(said)}.{limit}"

    def _legend(self) -> list[str]:
        drawn: list[str] = []
        at = 0.0
        if len(self.parts) > 1:
            for index, part in enumerate(self.parts):
                name = fitted(part, 140)
                drawn += [rect(at, 4, 11, 11, PALETTE[index]), text(at + 16, 14, name)]
                at += 16 + width_of(name) + 18
        return [*drawn, text(at, 14, f"({self.unit})" if at else self.unit)] if self.unit else drawn

    def _part(self, ends: tuple[float, float], y: float, figure: str, index: int) -> list[str]:
        """One coloured part; of a stacked bar with its figure inside where there is room."""
        start, end = ends
        stacked = len(self.parts) > 1
        drawn = [rect(start, y, end - start - (1 if stacked else 0), BAR, PALETTE[index])] if end > start else []
        if stacked and end - start > width_of(figure) + 10:
            drawn.append(text((start + end) / 2, y + 13, figure, anchor="middle", fill="#ffffff"))
        return drawn
