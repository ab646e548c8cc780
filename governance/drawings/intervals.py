"""Measured ratios with what chance leaves open, against the limit that they must not go below or above."""

from dataclasses import dataclass
from typing import ClassVar

from governance.display import number
from governance.drawings.canvas import (
    BREACH,
    CALM,
    WIDTH,
    Scale,
    diamond,
    dot,
    fitted,
    polyline,
    rule,
    scale,
    text,
    width_of,
)
from governance.drawings.drawing import Drawing, within

ROW, TOP = 28.0, 34.0
OPEN = "#66737f"  # grey: nobody can say
NAME_ROOM = 210.0


@dataclass(frozen=True)
class Interval:
    """One measured value with its interval; without a value the note says why.

    `is_judged` is false where there are too few records for a verdict: then it is no breach, wherever it lies.
    """

    name: str
    value: float | None
    low: float | None = None
    high: float | None = None
    note: str = ""
    is_judged: bool = True


@dataclass(frozen=True)
class Intervals(Drawing):
    """Dots with intervals; beyond the limit the dot is a diamond of another colour.

    `limit_is` says on which side a breach lies: "min" or "max".
    """

    intervals: tuple[Interval, ...]
    limit: float | None = None
    limit_is: str = "min"
    limit_name: str = "limit"
    unit: str = ""
    digits: int = 2

    type: ClassVar[str] = "intervals"

    def __post_init__(self) -> None:
        within(len(self.intervals), 1, 60, "intervals")
        if self.limit_is not in {"min", "max"}:
            raise ValueError("limit_is must be 'min' or 'max'")
        if any(one.low is not None and one.high is not None and one.low > one.high for one in self.intervals):
            raise ValueError("an interval ends before it begins")

    @property
    def height(self) -> float:
        """Height of the picture in user units."""
        return TOP + len(self.intervals) * ROW + 26

    def elements(self) -> list[str]:
        """Axis, limit, intervals, figures."""
        figures = [self._figure(one) for one in self.intervals]
        left = min(max(width_of(one.name) for one in self.intervals) + 14, NAME_ROOM)
        right = WIDTH - min(max(width_of(figure) for figure in figures) + 14, 230)
        x = scale(self._spans(), left, right, wanted=6)
        bottom = TOP + len(self.intervals) * ROW
        drawn: list[str] = []
        for tick in x.ticks:
            drawn += [rule(x.at(tick), TOP - 8, x.at(tick), bottom)]
            drawn += [text(x.at(tick), bottom + 16, x.label(tick), anchor="middle")]
        if self.limit is not None:
            at, words = x.at(self.limit), f"{self.limit_name} {number(self.limit, self.digits)}"
            drawn.append(rule(at, TOP - 12, at, bottom, stroke=BREACH, dash="7 4"))
            drawn.append(text(at, 14, words, anchor="middle", fill=BREACH, bold=True))
        for index, (one, figure) in enumerate(zip(self.intervals, figures, strict=True)):
            y = TOP + index * ROW + ROW / 2 - 4
            drawn.append(text(left - 12, y + 4, fitted(one.name, left - 12), anchor="end"))
            drawn += self._marks(one, x, y)
            drawn.append(text(right + 12, y + 4, fitted(figure, WIDTH - right - 12)))
        return drawn

    def in_words(self) -> str:
        """The figure of each row, and the limit."""
        said = [f"{one.name} {self._figure(one)}" for one in self.intervals]
        limit = f" {self.limit_name}: {number(self.limit, self.digits)}." if self.limit is not None else ""
        return f"Values with intervals: {', '.join(said)}.{limit}"

    def _spans(self) -> list[float]:
        ends = [end for one in self.intervals for end in (one.low, one.value, one.high) if end is not None]
        return [*ends, *([self.limit] if self.limit is not None else [])] or [0.0, 1.0]

    def _figure(self, one: Interval) -> str:
        if one.value is None:
            return one.note or "no value"
        figure = number(one.value, self.digits)
        if one.low is not None and one.high is not None:
            figure += f" ({number(one.low, self.digits)} to {number(one.high, self.digits)})"
        return f"{figure} {one.note}".rstrip()

    def _marks(self, one: Interval, x: Scale, y: float) -> list[str]:
        if one.value is None:
            return []
        is_beyond = self.limit is not None and (
            one.value < self.limit if self.limit_is == "min" else one.value > self.limit
        )
        breach = is_beyond and one.is_judged
        colour = BREACH if breach else CALM if one.is_judged else OPEN
        drawn: list[str] = []
        if one.low is not None and one.high is not None:
            drawn.append(polyline([(x.at(one.low), y), (x.at(one.high), y)], colour, thickness=2.5))
            drawn += [polyline([(x.at(end), y - 5), (x.at(end), y + 5)], colour) for end in (one.low, one.high)]
        return [*drawn, diamond(x.at(one.value), y, 7, colour) if breach else dot(x.at(one.value), y, 5, colour)]
