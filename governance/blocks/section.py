"""Blocks together under a heading, and the way back from a JSON document to a block."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias, Union

from governance.blocks.block import Block, Json, revived
from governance.blocks.chart import Chart
from governance.blocks.facts import Cover, Facts, Verdicts
from governance.blocks.prose import Bullets, Heading, Notice, PageBreak, Paragraph, Verbatim
from governance.blocks.table import Table

AnyBlock: TypeAlias = Union[
    Bullets, Chart, Cover, Facts, Heading, Notice, PageBreak, Paragraph, "Section", Table, Verbatim, Verdicts
]


@dataclass(frozen=True)
class Section(Block):
    """Blocks in their order; without a title they only belong together (a cell of a notebook has one value)."""

    blocks: tuple[AnyBlock, ...]
    title: str = ""
    anchor: str = ""
    level: Literal[1, 2, 3] = 1

    type: ClassVar[str] = "section"

    def to_html(self) -> str:
        """The blocks one after another."""
        return "".join(block.to_html() for block in flat([self]))

    def plain(self) -> str:
        """The blocks one after another, parted by blank lines."""
        return "\n\n".join(block.plain() for block in flat([self]))


def section(title: str, *blocks: AnyBlock, anchor: str = "", level: Literal[1, 2, 3] = 1) -> Section:
    """A section of the blocks in their order: `section("Cost", table, chart)`; title "" makes a group."""
    return Section(blocks, title, anchor, level)


def flat(blocks: Iterable[AnyBlock]) -> Iterator[AnyBlock]:
    """The blocks without sections: a heading and what stands under it, in reading order."""
    for block in blocks:
        if isinstance(block, Section):
            if block.title:
                yield Heading(block.title, block.level, block.anchor)
            yield from flat(block.blocks)
        else:
            yield block


def read(document: Json) -> AnyBlock:
    """The block that a JSON document stands for.

    Raises:
        ValueError: It is no block, or a field is unknown, missing or of another type.
    """
    # Only the hints of a class are resolved, and a section may hold every block.
    group: Section = revived(Section, {"blocks": [document]})
    return group.blocks[0]
