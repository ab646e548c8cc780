"""A drawing with its name, what there is to see in words, and a note."""

from dataclasses import dataclass
from typing import ClassVar, TypeAlias

from governance.blocks.block import Block, text_html
from governance.drawings import Bars, Heat, Intervals, Line, Timeline, Waterfall

Picture: TypeAlias = Line | Bars | Intervals | Waterfall | Heat | Timeline


@dataclass(frozen=True)
class Chart(Block):
    """A chart. It shows what a table of the same report says; the alternative text says what a reader would see."""

    title: str
    alt: str
    picture: Picture
    note: str = ""
    anchor: str = ""

    type: ClassVar[str] = "chart"

    def __post_init__(self) -> None:
        if not self.alt.strip():
            raise ValueError(f"chart {self.title!r} has no alternative text")

    def svg(self, *, font: str = "") -> str:
        """The picture as a whole SVG document."""
        return self.picture.svg(self.title, self.alt, font=font)

    def to_html(self) -> str:
        """A figure with its caption above, as tables have it."""
        anchor = f' id="{text_html(self.anchor)}"' if self.anchor else ""
        note = f'<p class="note">{text_html(self.note)}</p>' if self.note else ""
        return f"<figure{anchor}><figcaption>{text_html(self.title)}</figcaption>{self.svg()}{note}</figure>"

    def plain(self) -> str:
        """Title and alternative text."""
        return f"{self.title}: {self.alt}"
