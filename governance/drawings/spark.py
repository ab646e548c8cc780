"""The course of a figure, small enough for a table cell."""

from dataclasses import dataclass
from typing import ClassVar

from governance.display import fitting_digits, number
from governance.drawings.canvas import BREACH, CALM, dot, polyline, rule
from governance.drawings.drawing import Drawing, within


@dataclass(frozen=True)
class Spark(Drawing):
    """Values in the order of time, oldest first; None is a gap. The last one has a dot."""

    values: tuple[float | None, ...]
    limit: float | None = None

    type: ClassVar[str] = "spark"

    def __post_init__(self) -> None:
        within(len(self.values), 1, 400, "values")

    @property
    def width(self) -> float:
        """Width of the picture in user units."""
        return 88

    @property
    def height(self) -> float:
        """Height of the picture in user units."""
        return 20

    def elements(self) -> list[str]:
        """The limit, the line, the last dot."""
        known = [value for value in self.values if value is not None]
        if not known:
            return []
        low, high = min([*known, *self._limits()]), max([*known, *self._limits()])
        step = (self.width - 10) / max(len(self.values) - 1, 1)
        tall = (high - low) or 1.0
        points = [
            None if value is None else (5 + index * step, 16 - (value - low) / tall * 12 if high > low else 10)
            for index, value in enumerate(self.values)
        ]
        drawn: list[str] = []
        if self.limit is not None:
            at = 16 - (self.limit - low) / tall * 12 if high > low else 10
            drawn.append(rule(2, at, self.width - 2, at, stroke=BREACH, dash="3 3"))
        run: list[tuple[float, float]] = []
        for point in [*points, None]:
            if point is not None:
                run.append(point)
            elif run:
                drawn.append(polyline(run, CALM, thickness=1.5) if len(run) > 1 else dot(*run[0], 1.5, CALM))
                run = []
        last = next(point for point in reversed(points) if point is not None)
        return [*drawn, dot(*last, 2.5, CALM)]

    def in_words(self) -> str:
        """The first and the last value."""
        known = [value for value in self.values if value is not None]
        if not known:
            return "no values"
        digits = fitting_digits(known)
        return f"from {number(known[0], digits)} to {number(known[-1], digits)} over {len(self.values)} points"

    def _limits(self) -> list[float]:
        return [] if self.limit is None else [self.limit]
