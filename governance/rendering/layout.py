"""Blocks in the order of a page: the cover first, headings without gaps in their levels, each with an anchor.

What stands before the first section is the front of the page; the contents come between the two.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Literal, cast

from governance.blocks import AnyBlock, Block, Chart, Cover, Heading, Table, flat
from governance.blocks.block import text_html
from governance.display import ABSENT

FEWEST_SECTIONS = 4  # chosen here


@dataclass(frozen=True)
class Contents(Block):
    """The table of contents: sections, and what stands below them is found by scrolling."""

    sections: tuple[Heading, ...]

    type: ClassVar[str] = "contents"

    def to_html(self) -> str:
        """A list of links."""
        items = "".join(f'<li><a href="#{one.anchor}">{text_html(one.text)}</a></li>' for one in self.sections)
        return f'<nav aria-label="Contents"><p>Contents</p><ol>{items}</ol></nav>'

    def plain(self) -> str:
        """One line for each section."""
        return "\n".join(one.text for one in self.sections)


@dataclass(frozen=True)
class Layout:
    """A page that is ready to be written; `cells` holds the blocks of each cell without cover and sections."""

    cover: Cover
    cells: tuple[tuple[AnyBlock | Contents, ...], ...]

    @property
    def blocks(self) -> tuple[AnyBlock | Contents, ...]:
        """All blocks after the cover."""
        return tuple(block for blocks in self.cells for block in blocks)


def laid_out(cells: Iterable[Sequence[AnyBlock]], title: str) -> Layout:
    """The page: its cover is the first cover among the blocks, else one that holds the title; a page has no other.

    Args:
        cells: Blocks that belong together, in order.
        title: The title of the page where no cover has one.
    """
    flattened = [tuple(flat(blocks)) for blocks in cells]
    covers = [block for blocks in flattened for block in blocks if isinstance(block, Cover)]
    used: set[str] = set()
    level = 0
    arranged: list[tuple[AnyBlock, ...]] = []
    for blocks in flattened:
        kept: list[AnyBlock] = []
        for block in blocks:
            if isinstance(block, Heading):
                level = min(block.level, level + 1)
                kept.append(_placed(block, level, used))
            elif isinstance(block, Table | Chart) and block.anchor:
                kept.append(replace(block, anchor=_unused(block.anchor, used)))
            elif not isinstance(block, Cover):
                kept.append(block)
        arranged.append(tuple(kept))
    cover = covers[0] if covers else Cover(title)
    return Layout(replace(cover, title=cover.title.strip() or ABSENT), _with_contents(arranged))


def _with_contents(cells: Sequence[tuple[AnyBlock, ...]]) -> tuple[tuple[AnyBlock | Contents, ...], ...]:
    """The cells, the contents before the first section; none where they would be longer than the way."""
    sections = tuple(one for blocks in cells for one in blocks if isinstance(one, Heading) and one.level == 1)
    if len(sections) < FEWEST_SECTIONS:
        return tuple(cells)
    contents = Contents(sections)
    return tuple(
        tuple(one for block in blocks for one in ((contents, block) if block is sections[0] else (block,)))
        for blocks in cells
    )


def _placed(heading: Heading, level: int, used: set[str]) -> Heading:
    """The heading with words, an anchor that no other has, and a level without a gap."""
    anchor = _unused(heading.anchor or slug(heading.text), used)
    text = heading.text.strip() or ABSENT  # a heading without words would end the PDF with an error
    return replace(heading, text=text, anchor=anchor, level=cast("Literal[1, 2, 3]", level))


def _unused(wanted: str, used: set[str]) -> str:
    """The anchor, numbered if it is used already, and now used."""
    anchor, number = wanted, 2
    while anchor in used:
        anchor, number = f"{wanted}-{number}", number + 1
    used.add(anchor)
    return anchor


def slug(text: str) -> str:
    """An anchor made of a text: plain letters, digits and hyphens."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode("ascii").lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:60] or "part"
