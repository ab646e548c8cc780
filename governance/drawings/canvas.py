"""SVG elements and scales that the drawings are made of; text stays text, and every coordinate has one decimal place.

Colours of text and lines are `currentColor`, so that a drawing suits paper and a dark notebook; only the series and the
marks of a breach have colours of their own.
"""

from html import escape
from math import ceil, floor, log10
from typing import NamedTuple

from governance.display import number, shortened

WIDTH = 720.0  # user units; at 12 units of type this prints as 8 point on A4
SIZE = 12.0
EM = 0.6  # mean width of a character in units of the type size: DejaVu Sans, the widest of the usual system fonts

# Dark enough for text on white (contrast over 5.9), told apart by the common kinds of colour blindness: hues of Okabe
# and Ito (2008), "Color Universal Design", made darker.
PALETTE = ("#0b5394", "#a8410b", "#00664f", "#7d3168", "#6b5000", "#3f4b5b")
DASHES = ("", "6 3", "2 2", "8 3 2 3", "4 4", "1 3")  # the same six without colour, for print in black and white
BREACH = "#a3211b"
CALM = "#0b5394"


class Scale(NamedTuple):
    """A linear map from values to coordinates, with round ticks."""

    low: float
    high: float
    start: float
    end: float
    ticks: tuple[float, ...]
    digits: int

    def at(self, value: float) -> float:
        """The coordinate of a value."""
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)

    def label(self, tick: float) -> str:
        """A tick as it is written."""
        return number(tick, self.digits)


def scale(values: list[float], start: float, end: float, *, wanted: int = 5, from_zero: bool = False) -> Scale:
    """A scale over all the values whose ends are round numbers.

    Source: Heckbert (1990), "Nice numbers for graph labels", Graphics Gems.
    """
    low, high = min(values), max(values)
    if from_zero:
        low, high = min(low, 0.0), max(high, 0.0)
    if high - low < max(abs(low), abs(high)) * 1e-9 or high == low:
        low, high = low - (abs(low) * 0.1 or 1.0), high + (abs(high) * 0.1 or 1.0)
    step = round_step((high - low) / (wanted - 1))
    first, last = floor(low / step + 1e-9), ceil(high / step - 1e-9)
    ticks = tuple(index * step for index in range(first, last + 1))
    return Scale(ticks[0], ticks[-1], start, end, ticks, max(0, -floor(log10(step) + 1e-9)))


def round_step(rough: float) -> float:
    """The least of 1, 2, 5 or 10 times a power of ten that is not under the rough step."""
    power = 10.0 ** floor(log10(rough))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * (1 - 1e-9))


def coordinate(value: float) -> str:
    """A coordinate with at most one decimal place, the same on every machine."""
    written = f"{value:.1f}"
    return written.removesuffix(".0") if written != "-0.0" else "0"


def width_of(words: str, size: float = SIZE) -> float:
    """About how wide a text will be; the reader's font decides."""
    return len(words) * size * EM


def fitted(words: str, width: float, size: float = SIZE) -> str:
    """The text, cut with an ellipsis to what fits in a width."""
    shown = shortened(words, 200)
    room = max(int(width / (size * EM)), 2)
    return shown if len(shown) <= room else shown[: room - 1] + "…"


def text(
    x: float,
    y: float,
    words: str,
    *,
    anchor: str = "start",
    size: float = SIZE,
    fill: str = "currentColor",
    bold: bool = False,
) -> str:
    """A line of text whose baseline is at y; `words` is made visible and escaped here."""
    attributes = f' text-anchor="{anchor}"' if anchor != "start" else ""
    attributes += f' font-size="{coordinate(size)}"' if size != SIZE else ""
    attributes += ' font-weight="700"' if bold else ""
    safe = escape(shortened(words, 200))
    return f'<text x="{coordinate(x)}" y="{coordinate(y)}" fill="{fill}"{attributes}>{safe}</text>'


def rect(x: float, y: float, width: float, height: float, fill: str, *, stroke: str = "") -> str:
    """A filled rectangle, outlined if a stroke is given."""
    outline = f' stroke="{stroke}"' if stroke else ""
    box = f'x="{coordinate(x)}" y="{coordinate(y)}" width="{coordinate(max(width, 0))}" height="{coordinate(height)}"'
    return f'<rect {box} fill="{fill}"{outline}/>'


def rule(x1: float, y1: float, x2: float, y2: float, *, stroke: str = "currentColor", dash: str = "") -> str:
    """A thin straight line: faint if it is the colour of the text, clear if it has one of its own."""
    look = ' stroke-opacity=".18"' if stroke == "currentColor" else ' stroke-width="1.5"'
    look += f' stroke-dasharray="{dash}"' if dash else ""
    ends = f'x1="{coordinate(x1)}" y1="{coordinate(y1)}" x2="{coordinate(x2)}" y2="{coordinate(y2)}"'
    return f'<line {ends} stroke="{stroke}"{look}/>'


def polyline(points: list[tuple[float, float]], stroke: str, *, dash: str = "", thickness: float = 2.0) -> str:
    """A line through points."""
    path = " ".join(f"{coordinate(x)},{coordinate(y)}" for x, y in points)
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    look = f'stroke="{stroke}" stroke-width="{coordinate(thickness)}" stroke-linejoin="round"{dashed}'
    return f'<polyline points="{path}" fill="none" {look}/>'


def dot(x: float, y: float, radius: float, fill: str) -> str:
    """A filled circle."""
    return f'<circle cx="{coordinate(x)}" cy="{coordinate(y)}" r="{coordinate(radius)}" fill="{fill}"/>'


def diamond(x: float, y: float, radius: float, fill: str) -> str:
    """A filled diamond: the shape of a value beyond its limit."""
    corners = ((x, y - radius), (x + radius, y), (x, y + radius), (x - radius, y))
    return f'<polygon points="{" ".join(f"{coordinate(a)},{coordinate(b)}" for a, b in corners)}" fill="{fill}"/>'


def spread(wanted: list[float], gap: float, low: float, high: float) -> list[float]:
    """Positions near the wanted ones, in the same order, at least `gap` apart, within low..high where they fit."""
    order = sorted(range(len(wanted)), key=wanted.__getitem__)
    placed = list(wanted)
    floor_y = low
    for index in order:
        placed[index] = max(wanted[index], floor_y)
        floor_y = placed[index] + gap
    ceiling = high
    for index in reversed(order):
        placed[index] = min(placed[index], ceiling)
        ceiling = placed[index] - gap
    return placed
