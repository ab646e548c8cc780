"""What every drawing is: data that draws itself as SVG."""

from abc import ABC, abstractmethod
from html import escape
from typing import ClassVar

from governance.display import visible
from governance.drawings.canvas import SIZE, WIDTH, coordinate


class Drawing(ABC):
    """The data of one chart, and its picture."""

    type: ClassVar[str]

    @property
    def width(self) -> float:
        """Width of the picture in user units."""
        return WIDTH

    @property
    @abstractmethod
    def height(self) -> float:
        """Height of the picture in user units."""

    @abstractmethod
    def elements(self) -> list[str]:
        """The SVG elements, back to front."""

    @abstractmethod
    def in_words(self) -> str:
        """What there is to see, for those who cannot see it; text by strangers in it is not yet made visible."""

    def svg(self, title: str, description: str, *, font: str = "") -> str:
        """The whole picture, named for those who cannot see it.

        Args:
            title: The shortest name; what a screen reader says first.
            description: What there is to see, in a sentence.
            font: Font family; without it the page decides.
        """
        name, seen = escape(visible(title)), escape(visible(description))
        box = f"0 0 {coordinate(self.width)} {coordinate(self.height)}"
        size = f'width="{coordinate(self.width)}" height="{coordinate(self.height)}"'
        family = f' font-family="{escape(font)}"' if font else ""
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{box}" {size} font-size="{coordinate(SIZE)}"{family} '
            f'role="img" aria-label="{name}. {seen}"><title>{name}</title><desc>{seen}</desc>'
        )
        return head + "".join(self.elements()) + "</svg>"


def within(count: int, least: int, most: int, what: str) -> None:
    """Refuses a chart that could not be read.

    Raises:
        ValueError: The count is not in least..most.
    """
    if not least <= count <= most:
        raise ValueError(f"a chart takes {least} to {most} {what}, not {count}")
