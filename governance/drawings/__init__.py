"""The kinds of chart: each is its data and draws itself as SVG, without any library."""

from governance.drawings.bars import Bar, Bars
from governance.drawings.drawing import Drawing
from governance.drawings.heat import Band, Heat
from governance.drawings.intervals import Interval, Intervals
from governance.drawings.line import Line, Series
from governance.drawings.spark import Spark
from governance.drawings.timeline import Lane, Span, Timeline
from governance.drawings.waterfall import Step, Waterfall

__all__ = [
    "Band",
    "Bar",
    "Bars",
    "Drawing",
    "Heat",
    "Interval",
    "Intervals",
    "Lane",
    "Line",
    "Series",
    "Span",
    "Spark",
    "Step",
    "Timeline",
    "Waterfall",
]
