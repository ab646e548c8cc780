"""Words: headings, paragraphs, lists, notices, and the pieces that sentences are made of."""

from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias

from governance.blocks.block import Block, text_html
from governance.display import shortened

Tone: TypeAlias = Literal["info", "warn", "bad", "good"]
TONES = {"info": "Note", "warn": "Attention", "bad": "Problem", "good": "In order"}


@dataclass(frozen=True)
class Strong:
    """Words that matter more."""

    text: str
    type: ClassVar[str] = "strong"


@dataclass(frozen=True)
class Code:
    """A name, id, digest or statement, set in fixed width."""

    text: str
    type: ClassVar[str] = "code"


@dataclass(frozen=True)
class Link:
    """Words that lead to another place on the same page, by its anchor."""

    text: str
    to: str
    type: ClassVar[str] = "link"


Piece: TypeAlias = str | Strong | Code | Link


def pieces_html(pieces: tuple[Piece, ...]) -> str:
    """A sentence as HTML."""
    return "".join(piece_html(piece) for piece in pieces)


def piece_html(piece: Piece) -> str:
    """One piece of a sentence as HTML."""
    match piece:
        case str():
            return text_html(piece)
        case Strong():
            return f"<strong>{text_html(piece.text)}</strong>"
        case Code():
            return f"<code>{text_html(piece.text)}</code>"
        case Link():
            return f'<a href="#{text_html(piece.to)}">{text_html(piece.text)}</a>'


def pieces_plain(pieces: tuple[Piece, ...]) -> str:
    """A sentence without emphasis."""
    return "".join(piece if isinstance(piece, str) else piece.text for piece in pieces)


@dataclass(frozen=True)
class Heading(Block):
    """The name of a part: level 1 for a section, 2 and 3 below it. The page's own title is not a heading block."""

    text: str
    level: Literal[1, 2, 3] = 1
    anchor: str = ""

    type: ClassVar[str] = "heading"

    def to_html(self) -> str:
        """An h2, h3 or h4, for the page has the only h1."""
        name = f"h{self.level + 1}"
        anchor = f' id="{text_html(self.anchor)}"' if self.anchor else ""
        return f"<{name}{anchor}>{text_html(self.text)}</{name}>"

    def plain(self) -> str:
        """The heading, marked by its level."""
        return f"{'#' * (self.level + 1)} {self.text}"


@dataclass(frozen=True)
class Paragraph(Block):
    """A sentence or some, in pieces; `role` tells a lead sentence and the line on how something was measured apart."""

    pieces: tuple[Piece, ...]
    role: Literal["body", "lead", "method"] = "body"

    type: ClassVar[str] = "paragraph"

    def to_html(self) -> str:
        """A paragraph."""
        role = f' class="{self.role}"' if self.role != "body" else ""
        return f"<p{role}>{pieces_html(self.pieces)}</p>"

    def plain(self) -> str:
        """The sentence."""
        return pieces_plain(self.pieces)


def paragraph(*pieces: Piece, role: Literal["body", "lead", "method"] = "body") -> Paragraph:
    """A paragraph of the pieces in their order: `paragraph("Ask ", Strong("risk"), ".")`."""
    return Paragraph(pieces, role)


@dataclass(frozen=True)
class Bullets(Block):
    """A list of sentences, numbered if the order matters."""

    items: tuple[tuple[Piece, ...], ...]
    numbered: bool = False

    type: ClassVar[str] = "bullets"

    def to_html(self) -> str:
        """A list."""
        name = "ol" if self.numbered else "ul"
        return f"<{name}>{''.join(f'<li>{pieces_html(item)}</li>' for item in self.items)}</{name}>"

    def plain(self) -> str:
        """One line for each item."""
        return "\n".join(f"- {pieces_plain(item)}" for item in self.items)


@dataclass(frozen=True)
class Notice(Block):
    """What must not be overlooked, with a tone that is written out and not only coloured."""

    tone: Tone
    pieces: tuple[Piece, ...]
    title: str = ""

    type: ClassVar[str] = "notice"

    def to_html(self) -> str:
        """A box with its tone as a word."""
        head = f"<strong>{text_html(self.title or TONES[self.tone])}:</strong>"
        return f'<div class="notice {self.tone}" role="note"><p>{head} {pieces_html(self.pieces)}</p></div>'

    def plain(self) -> str:
        """The tone and the sentence."""
        return f"{self.title or TONES[self.tone]}: {pieces_plain(self.pieces)}"


def notice(tone: Tone, *pieces: Piece, title: str = "") -> Notice:
    """A notice of the pieces in their order: `notice("warn", "No label yet.")`."""
    return Notice(tone, pieces, title)


@dataclass(frozen=True)
class Verbatim(Block):
    """Text with its lines as they were: a statement, or what a program printed."""

    text: str

    type: ClassVar[str] = "verbatim"

    def lines(self) -> list[str]:
        """The lines, visible, at most `MOST_LINES`."""
        lines = self.text.expandtabs(4).split("\n")
        rest = len(lines) - MOST_LINES
        return [shortened(line, 1000) for line in lines[:MOST_LINES]] + ([f"… (+{rest} lines)"] if rest > 0 else [])

    def to_html(self) -> str:
        """Preformatted text."""
        return "<pre>" + "\n".join(text_html(line) for line in self.lines()) + "</pre>"

    def plain(self) -> str:
        """The text."""
        return self.text


MOST_LINES = 200  # chosen here: about four sheets; the whole of it is in the executed notebook


@dataclass(frozen=True)
class PageBreak(Block):
    """What follows begins on a new sheet in print."""

    type: ClassVar[str] = "page-break"

    def to_html(self) -> str:
        """An element that only print sees."""
        return '<div class="page-break"></div>'

    def plain(self) -> str:
        """A form feed has no place in a terminal; a blank line stands for it."""
        return ""
