"""What a report is made of: blocks that notebooks return and that HTML, PDF and terminal show."""

from governance.blocks.block import MIME, Block, Json
from governance.blocks.cells import Between, Cell, Column, Missing, Words
from governance.blocks.chart import Chart
from governance.blocks.facts import Cover, Fact, Facts, Verdicts, facts
from governance.blocks.prose import (
    Bullets,
    Code,
    Heading,
    Link,
    Notice,
    PageBreak,
    Paragraph,
    Strong,
    Verbatim,
    notice,
    paragraph,
)
from governance.blocks.section import AnyBlock, Section, flat, read, section
from governance.blocks.table import Table
from governance.drawings import Spark

__all__ = [
    "MIME",
    "AnyBlock",
    "Between",
    "Block",
    "Bullets",
    "Cell",
    "Chart",
    "Code",
    "Column",
    "Cover",
    "Fact",
    "Facts",
    "Heading",
    "Json",
    "Link",
    "Missing",
    "Notice",
    "PageBreak",
    "Paragraph",
    "Section",
    "Spark",
    "Strong",
    "Table",
    "Verbatim",
    "Verdicts",
    "Words",
    "facts",
    "flat",
    "notice",
    "paragraph",
    "read",
    "section",
]
