"""Values over time as lines, each with its name at its end, and the limit they are held to."""

from dataclasses import dataclass
from typing import ClassVar

from governance.display import number
from governance.drawings.canvas import (
    BREACH,
    DASHES,
    PALETTE,
    WIDTH,
    Scale,
    dot,
    fitted,
    polyline,
    rule,
    scale,
    spread,
    text,
    width_of,
)
from governance.drawings.drawing import Drawing, within

TOP, BOTTOM = 26.0, 232.0
LABEL_ROOM = 250.0  # a third of the picture; a longer name is cut, its value never


@dataclass(frozen=True)
class Series:
    """One line: a value or None for each label of the chart."""

    name: str
    values: tuple[float | None, ...]


@dataclass(frozen=True)
class Line(Drawing):
    """Lines over the same labels; where a value is missing the line has a gap."""

    labels: tuple[str, ...]
    series: tuple[Series, ...]
    limit: float | None = None
    limit_name: str = "limit"
    unit: str = ""
    digits: int | None = None

    type: ClassVar[str] = "line"

    def __post_init__(self) -> None:
        within(len(self.series), 1, len(PALETTE), "series")
        within(len(self.labels), 1, 400, "labels")
        if any(len(one.values) != len(self.labels) for one in self.series):
            raise ValueError("every series needs one value, or None, for each label")

    @property
    def height(self) -> float:
        """Height of the picture in user units."""
        return BOTTOM + 30

    def elements(self) -> list[str]:
        """Grid, limit, lines and the names at their ends."""
        y = self._heights()
        left = max(width_of(y.label(tick)) for tick in y.ticks) + 12
        right = WIDTH - max(width_of(name) for name, _, _ in self._ends(y)) - 16
        step = (right - left) / max(len(self.labels) - 1, 1)
        columns = [left + index * step for index in range(len(self.labels))]
        drawn = [text(0, 12, self.unit)] if self.unit else []
        for tick in y.ticks:
            drawn += [
                rule(left, y.at(tick), right, y.at(tick)),
                text(left - 8, y.at(tick) + 4, y.label(tick), anchor="end"),
            ]
        drawn += self._dates(columns)
        if self.limit is not None:
            drawn.append(rule(left, y.at(self.limit), right, y.at(self.limit), stroke=BREACH, dash="7 4"))
        for index, one in enumerate(self.series):
            drawn += _lines(one.values, columns, y, index)
        return drawn + self._names(y, right)

    def in_words(self) -> str:
        """Each line's first and last value, and how often it is over the limit."""
        said = [self._course(one) for one in self.series]
        if self.limit is not None:
            said.append(f"{self.limit_name}: {number(self.limit, self.digits)}")
        return f"Lines from {self.labels[0]} to {self.labels[-1]}. {'; '.join(said)}."

    def _course(self, one: Series) -> str:
        known = [value for value in one.values if value is not None]
        if not known:
            return f"{one.name}: no values"
        course = f"{one.name}: from {number(known[0], self.digits)} to {number(known[-1], self.digits)} {self.unit}"
        if self.limit is None:
            return course.rstrip()
        over = sum(value > self.limit for value in known)
        return f"{course.rstrip()}, over the {self.limit_name} in {over} of {len(known)}"

    def _heights(self) -> Scale:
        known = [value for one in self.series for value in one.values if value is not None]
        known += [self.limit] if self.limit is not None else []
        known = known or [0.0]
        # A scale that starts at zero unless that would press the lines flat: then the reader sees the ticks.
        return scale(known, BOTTOM, TOP, from_zero=min(known) >= 0 and min(known) < 0.6 * max(known))

    def _dates(self, columns: list[float]) -> list[str]:
        labels = [fitted(label, LABEL_ROOM) for label in self.labels]
        widest = max(width_of(label) for label in labels) + 18
        every = max(1, -(-int(widest * len(self.labels)) // int(columns[-1] - columns[0] + widest)))
        chosen = range(0, len(self.labels), every)
        middles = {index: max(columns[index], width_of(labels[index]) / 2) for index in chosen}
        return [text(at, BOTTOM + 20, labels[index], anchor="middle") for index, at in middles.items()]

    def _ends(self, y: Scale) -> list[tuple[str, float, str]]:
        ends: list[tuple[str, float, str]] = []
        for index, one in enumerate(self.series):
            last = next((value for value in reversed(one.values) if value is not None), None)
            if last is not None:
                ends.append((_named(one.name, number(last, self.digits)), y.at(last), PALETTE[index]))
        if self.limit is not None:
            ends.append((_named(self.limit_name, number(self.limit, self.digits)), y.at(self.limit), BREACH))
        return ends or [("no values", y.at(y.low), "currentColor")]

    def _names(self, y: Scale, right: float) -> list[str]:
        ends = self._ends(y)
        places = spread([place for _, place, _ in ends], 15, TOP, BOTTOM)
        return [
            text(right + 10, place + 4, name, fill=colour, bold=True)
            for (name, _, colour), place in zip(ends, places, strict=True)
        ]


def _named(name: str, figure: str) -> str:
    """The name of a line with its figure: a name that is too long loses its end, and the figure stays."""
    return f"{fitted(name, LABEL_ROOM - 16 - width_of(f' {figure}'))} {figure}".strip()


def _lines(values: tuple[float | None, ...], columns: list[float], y: Scale, index: int) -> list[str]:
    """The unbroken runs of one series; a value that stands alone is a dot."""
    runs: list[list[tuple[float, float]]] = [[]]
    for column, value in zip(columns, values, strict=True):
        if value is None:
            runs.append([])
        else:
            runs[-1].append((column, y.at(value)))
    drawn = [polyline(run, PALETTE[index], dash=DASHES[index]) for run in runs if len(run) > 1]
    return drawn + [dot(*run[-1], 3, PALETTE[index]) for run in runs if run]
