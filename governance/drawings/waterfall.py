"""How a score came about: from the base value through each contribution to the output."""

from dataclasses import dataclass
from typing import ClassVar

from governance.display import number
from governance.drawings.canvas import BREACH, WIDTH, Scale, fitted, rect, rule, scale, text, width_of
from governance.drawings.drawing import Drawing, within

ROW, BAR, TOP = 25.0, 16.0, 24.0
NAME_ROOM = 270.0
UP, DOWN, TOTAL = "#a8410b", "#0b5394", "#3f4b5b"


@dataclass(frozen=True)
class Step:
    """One contribution: the feature, the value that it had (as text), and what it added."""

    name: str
    value: str
    contribution: float


@dataclass(frozen=True)
class Waterfall(Drawing):
    """Base value, contributions in the order given, output; up and down differ in sign, colour and direction."""

    base: float
    steps: tuple[Step, ...]
    output: float
    base_name: str = "base value"
    output_name: str = "this decision"
    threshold: float | None = None
    unit: str = ""
    digits: int = 2

    type: ClassVar[str] = "waterfall"

    def __post_init__(self) -> None:
        within(len(self.steps), 1, 60, "contributions")

    @property
    def height(self) -> float:
        """Height of the picture in user units."""
        return TOP + (len(self.steps) + 2) * ROW + 24

    def elements(self) -> list[str]:
        """Axis, base, steps, output."""
        sums = [self.base]
        for step in self.steps:
            sums.append(sums[-1] + step.contribution)
        names = [_named(step) for step in self.steps]
        left = min(max(width_of(name) for name in [*names, self.base_name, self.output_name]) + 14, NAME_ROOM)
        marks = [*sums, self.output, *([self.threshold] if self.threshold is not None else [])]
        x = scale(marks, left + 50, WIDTH - 60, wanted=6)
        drawn = self._axis(x) + self._total(0, self.base_name, self.base, x, left)
        for row, name in enumerate(names, start=1):
            drawn += self._step(row, name, (sums[row - 1], sums[row]), x, left)
        return drawn + self._total(len(self.steps) + 1, self.output_name, self.output, x, left)

    def in_words(self) -> str:
        """Base, output, and each contribution."""
        said = [f"{_named(step)}: {number(step.contribution, self.digits)}" for step in self.steps]
        ends = f"from {number(self.base, self.digits)} to {number(self.output, self.digits)} {self.unit}".rstrip()
        return f"Contributions that lead {ends}. {'; '.join(said)}."

    def _axis(self, x: Scale) -> list[str]:
        bottom = self.height - 22
        drawn = [text(0, 12, self.unit)] if self.unit else []
        for tick in x.ticks:
            drawn.append(rule(x.at(tick), TOP - 4, x.at(tick), bottom))
            drawn.append(text(x.at(tick), bottom + 15, x.label(tick), anchor="middle"))
        if self.threshold is not None:
            at, words = x.at(self.threshold), f"threshold {number(self.threshold, self.digits)}"
            drawn.append(rule(at, TOP - 6, at, bottom, stroke=BREACH, dash="7 4"))
            drawn.append(text(at, 12, words, anchor="middle", fill=BREACH, bold=True))
        return drawn

    def _step(self, row: int, name: str, ends: tuple[float, float], x: Scale, left: float) -> list[str]:
        y = TOP + row * ROW
        start, end = x.at(ends[0]), x.at(ends[1])
        change = ends[1] - ends[0]
        written = number(change, self.digits)
        figure = f"+{written}" if change > 0 and written[0].isdigit() else written  # "<0.01" needs no sign
        colour = UP if change > 0 else DOWN
        beside, anchor = (max(start, end) + 6, "start") if change > 0 else (min(start, end) - 6, "end")
        return [
            text(left - 12, y + 12, fitted(name, left - 12), anchor="end"),
            rule(start, y - (ROW - BAR), start, y + BAR, stroke="currentColor"),
            rect(min(start, end), y, max(abs(end - start), 1.5), BAR, colour),
            text(beside, y + 12, figure, anchor=anchor, fill=colour, bold=True),
        ]

    def _total(self, row: int, name: str, value: float, x: Scale, left: float) -> list[str]:
        y = TOP + row * ROW
        return [
            text(left - 12, y + 12, fitted(name, left - 12), anchor="end", bold=True),
            rect(x.at(value) - 2, y - 2, 4, BAR + 4, TOTAL),
            text(x.at(value) + 8, y + 12, number(value, self.digits), bold=True),
        ]


def _named(step: Step) -> str:
    return f"{step.name} = {step.value}" if step.value else step.name
