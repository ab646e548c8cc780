"""When something was there and when it was not: lanes over one span of time, gaps marked."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import ClassVar

from governance.display import moment
from governance.drawings.canvas import BREACH, CALM, WIDTH, fitted, rect, rule, text, width_of
from governance.drawings.drawing import Drawing, within

ROW, BAR, TOP = 34.0, 16.0, 26.0
NAME_ROOM = 180.0
THINNEST = 2.5  # user units: an hour in a quarter would be a third of a unit, and nobody would see the gap
STATES = {"there": CALM, "gap": BREACH, "partial": "#8a5a00"}


@dataclass(frozen=True)
class Span:
    """A part of a lane: `there`, `partial` or `gap`, half-open."""

    start: datetime
    end: datetime
    state: str
    label: str = ""


@dataclass(frozen=True)
class Lane:
    """One thing that is watched."""

    name: str
    spans: tuple[Span, ...]


@dataclass(frozen=True)
class Timeline(Drawing):
    """Lanes from start to end; what no span covers stays empty. Gaps stand out and are named below the lane."""

    start: datetime
    end: datetime
    lanes: tuple[Lane, ...]

    type: ClassVar[str] = "timeline"

    def __post_init__(self) -> None:
        within(len(self.lanes), 1, 40, "lanes")
        spans = [span for lane in self.lanes for span in lane.spans]
        moments = [self.start, self.end, *(at for span in spans for at in (span.start, span.end))]
        if any(at.tzinfo is None for at in moments):
            raise ValueError("a time has no time zone")
        if self.end <= self.start or any(span.end < span.start for span in spans):
            raise ValueError("a span ends before it begins")
        unknown = sorted({span.state for span in spans} - STATES.keys())
        if unknown:
            raise ValueError(f"no state is called {unknown[0]!r}; there are {', '.join(STATES)}")

    @property
    def height(self) -> float:
        """Height of the picture in user units."""
        return TOP + len(self.lanes) * ROW + 26

    def elements(self) -> list[str]:
        """Legend, lanes, gaps over them, the axis."""
        left = min(max(width_of(lane.name) for lane in self.lanes) + 12, NAME_ROOM)
        drawn = self._legend(left)
        for row, lane in enumerate(self.lanes):
            y = TOP + row * ROW
            drawn.append(text(left - 10, y + 13, fitted(lane.name, left - 10), anchor="end"))
            drawn.append(rect(left, y, WIDTH - left, BAR, "none", stroke="#8a94a0"))
            # Gaps are drawn last: widened to be seen, they must not vanish under what is there.
            for span in sorted(lane.spans, key=lambda one: (one.state != "there", one.start)):
                start, end = self._at(span.start, left), self._at(span.end, left)
                least = THINNEST if span.state != "there" else 0.0
                drawn.append(rect(min(start, WIDTH - least), y, max(end - start, least), BAR, STATES[span.state]))
            drawn += self._labels(lane, y, left)
        return drawn + self._axis(left)

    def in_words(self) -> str:
        """Every gap by name, begin and end."""
        gaps = [
            f"{lane.name} {moment(span.start)} to {moment(span.end)}"
            for lane in self.lanes
            for span in lane.spans
            if span.state == "gap"
        ]
        axis = f"{moment(self.start)} to {moment(self.end)} UTC"
        return f"Time from {axis}, lanes: {len(self.lanes)}. Gaps: {'; '.join(gaps) or 'none'}."

    def _at(self, when: datetime, left: float) -> float:
        part = (when - self.start) / (self.end - self.start)
        return left + min(max(part, 0.0), 1.0) * (WIDTH - left)

    def _labels(self, lane: Lane, y: float, left: float) -> list[str]:
        """Names of the spans below the lane, as many as do not touch."""
        drawn: list[str] = []
        free = 0.0
        for span in sorted((one for one in lane.spans if one.label), key=lambda one: one.start):
            wide = width_of(span.label, 11)
            middle = (self._at(span.start, left) + self._at(span.end, left)) / 2
            x = min(max(middle - wide / 2, left), WIDTH - wide)
            if x >= free:
                drawn.append(text(x, y + BAR + 11, span.label, size=11, fill=STATES[span.state], bold=True))
                free = x + wide + 8
        return drawn

    def _legend(self, left: float) -> list[str]:
        used = {span.state for lane in self.lanes for span in lane.spans}
        drawn: list[str] = []
        at = left
        for state, colour in STATES.items():
            if state in used:
                drawn += [rect(at, 3, 11, 11, colour), text(at + 16, 13, state)]
                at += 34 + width_of(state)
        return drawn

    def _axis(self, left: float) -> list[str]:
        y = TOP + len(self.lanes) * ROW
        drawn: list[str] = []
        free = 0.0
        for tick in self._ticks():
            x, label = self._at(tick, left), moment(tick).removesuffix(" 00:00")
            wide = width_of(label)
            drawn.append(rule(x, TOP - 4, x, y + 4))
            if x >= free and x + wide < WIDTH + wide / 2:
                drawn.append(text(min(x, WIDTH - wide), y + 18, label))
                free = x + wide + 12
        return drawn

    def _ticks(self) -> list[datetime]:
        """Firsts of months where the span has at least two, else six even steps."""
        first = self.start.astimezone(UTC)
        months = [
            datetime(year, month, 1, tzinfo=UTC)
            for year in range(first.year, self.end.year + 1)
            for month in range(1, 13)
            if self.start <= datetime(year, month, 1, tzinfo=UTC) < self.end
        ]
        steps = [self.start + (self.end - self.start) * index / 6 for index in range(6)]
        return months if len(months) > 1 else steps
