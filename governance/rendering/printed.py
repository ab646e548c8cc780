"""Blocks -> the JSON document that the Typst template prints: figures written, glyphs certain, widths decided.

1. No text becomes Typst markup: all of it is data that the fixed template reads.
2. A character without a glyph in the fonts that come with Typst would end the PDF with an error, and odd marks have
   made Typst crash; so only characters of a proven list are printed, every other one as its escape.
3. A link leads only to an anchor that is there, for Typst refuses others.
"""

import unicodedata
from collections.abc import Iterable, Sequence

from governance.blocks import (
    AnyBlock,
    Bullets,
    Chart,
    Code,
    Cover,
    Fact,
    Facts,
    Heading,
    Json,
    Link,
    Notice,
    PageBreak,
    Paragraph,
    Section,
    Strong,
    Table,
    Verbatim,
    Verdicts,
)
from governance.blocks.block import LONG_WORD
from governance.blocks.cells import Column, Shown
from governance.blocks.prose import TONES, Piece
from governance.display import SIGNS, escaped, number, visible
from governance.rendering.layout import Layout

FONT = "Libertinus Serif"
# First and last code point of what is printed as it is; a test prints them all. Latin, Greek and Cyrillic letters,
# punctuation, currencies, arrows, mathematics, shapes, and the marks of verdicts. No combining mark, nothing from right
# to left: those need shaping.
PRINTED = (
    (0x20, 0x7E),
    (0xA0, 0xAC),
    (0xAE, 0x2FF),
    (0x384, 0x38A),
    (0x38E, 0x3A1),
    (0x3A3, 0x482),
    (0x48A, 0x4FF),
    (0x1E00, 0x1EFF),
    (0x2009, 0x200A),
    (0x2010, 0x2027),
    (0x202F, 0x205E),
    (0x2070, 0x2071),
    (0x2074, 0x208E),
    (0x20A0, 0x20BF),
    (0x2100, 0x211E),
    (0x2126, 0x214F),
    (0x2190, 0x22FF),
    (0x25A0, 0x25FF),
    (0x2713, 0x2717),
)
UNPRINTED = frozenset({0x2028, 0x2029, 0x2041, 0x2043, 0x2053})


def printable(text: str) -> str:
    """Visible text whose every character has a glyph; letters with accents are composed first."""
    if text.isascii():
        return visible(text)
    return "".join(one if _has_glyph(one) else escaped(one) for one in unicodedata.normalize("NFC", visible(text)))


def _has_glyph(character: str) -> bool:
    code = ord(character)
    return code not in UNPRINTED and any(first <= code <= last for first, last in PRINTED)


def printed(layout: Layout, *, lang: str, footer: str) -> dict[str, Json]:
    """The whole page as a JSON document for the template."""
    blocks = layout.blocks
    places = {anchor: f"place-{index}" for index, anchor in enumerate(_anchors(blocks))}
    return {
        "cover": _cover(layout.cover),
        "lang": lang,
        "footer": printable(footer),
        "contents": sum(heading.level == 1 for heading in layout.contents) > 1,
        "blocks": _turned([_block(block, places) for block in blocks]),
    }


def _turned(blocks: list[dict[str, Json]]) -> list[Json]:
    """The blocks, wide tables on sheets across together with the words that lead to them since the last heading."""
    sheets: list[dict[str, Json]] = []
    for block in blocks:
        if block.get("layout") != "across":
            sheets.append(block)
            continue
        lead = _lead(sheets)
        group, sheets = sheets[len(sheets) - lead :], sheets[: len(sheets) - lead]
        if sheets and sheets[-1]["is"] == "across" and not group:
            sheets[-1] = {"is": "across", "blocks": [*_inner(sheets[-1]), block]}
        else:
            sheets.append({"is": "across", "blocks": [*group, block]})
    return list(sheets)


def _lead(blocks: Sequence[dict[str, Json]]) -> int:
    """How many blocks at the end are a heading and words below it; none if something else stands between."""
    for count, block in enumerate(reversed(blocks), start=1):
        if block["is"] == "heading":
            return count
        if block["is"] not in {"paragraph", "notice"} or count > MOST_LEADING:
            return 0
    return 0


def _inner(sheet: dict[str, Json]) -> list[Json]:
    blocks = sheet["blocks"]
    return blocks if isinstance(blocks, list) else []


def _anchors(blocks: Iterable[AnyBlock]) -> list[str]:
    """Every anchor once, in order."""
    anchored = (block.anchor for block in blocks if isinstance(block, Heading | Table | Chart) and block.anchor)
    return list(dict.fromkeys(anchored))


def _cover(cover: Cover) -> dict[str, Json]:
    return {
        "title": printable(cover.title),
        "subtitle": printable(cover.subtitle),
        "facts": [_fact(fact) for fact in cover.facts],
    }


def _block(block: AnyBlock, places: dict[str, str]) -> dict[str, Json]:
    """One block as the template reads it."""
    match block:
        case Heading() | Paragraph() | Bullets() | Notice() | Verbatim() | PageBreak():
            return {"is": block.type, **_prose(block, places)}
        case Facts():
            known: list[Json] = [_fact(fact) for fact in block.facts]
            return {"is": "facts", "title": printable(block.title), "facts": known}
        case Verdicts():
            return {"is": "verdicts", "tiles": _tiles(block)}
        case Chart():
            return _chart(block, places)
        case Table():
            return _table(block, places)
        case Cover() | Section():
            raise ValueError(f"a {block.type} is taken apart before it is printed")


def _prose(
    block: Heading | Paragraph | Bullets | Notice | Verbatim | PageBreak, places: dict[str, str]
) -> dict[str, Json]:
    match block:
        case Heading():
            return {"level": block.level, "text": printable(block.text), "at": places[block.anchor]}
        case Paragraph():
            return {"role": block.role, "pieces": _pieces(block.pieces, places)}
        case Bullets():
            return {"numbered": block.numbered, "items": [_pieces(item, places) for item in block.items]}
        case Notice():
            title = printable(block.title or TONES[block.tone])
            return {"tone": block.tone, "title": title, "pieces": _pieces(block.pieces, places)}
        case Verbatim():
            return {"lines": [printable(line) for line in block.lines()]}
        case PageBreak():
            return {}


def _pieces(pieces: Sequence[Piece], places: dict[str, str]) -> list[Json]:
    return [_piece(piece, places) for piece in pieces]


def _piece(piece: Piece, places: dict[str, str]) -> dict[str, Json]:
    match piece:
        case str():
            return {"is": "text", "text": printable(piece)}
        case Strong() | Code():
            return {"is": piece.type, "text": printable(piece.text)}
        case Link():
            to = places.get(piece.to)
            return {"is": "link" if to else "text", "text": printable(piece.text), "to": to}


def _fact(fact: Fact) -> dict[str, Json]:
    is_code = fact.kind == "code" and fact.value is not None
    value, reason = printable(fact.shown()), printable(fact.reason)
    return {"name": printable(fact.name), "value": value, "code": is_code, "reason": reason}


def _tiles(block: Verdicts) -> list[Json]:
    return [
        {"verdict": verdict if count else "zero", "mark": sign.mark, "word": sign.word, "count": number(count, 0)}
        for (verdict, count), sign in zip(block.counts().items(), SIGNS.values(), strict=True)
    ]


def _chart(block: Chart, places: dict[str, str]) -> dict[str, Json]:
    return {
        "is": "chart",
        "title": printable(block.title),
        "alt": printable(block.alt),
        "svg": printable(block.svg(font=FONT)),
        "note": printable(block.note),
        "at": places.get(block.anchor),
    }


def _table(block: Table, places: dict[str, str]) -> dict[str, Json]:
    rows = block.shown()
    lines: list[Json] = [
        [_cell(cell, column, places) for cell, column in zip(line, block.columns, strict=True)] for line in rows
    ]
    heads: list[Json] = [
        {
            "lines": [printable(part) for part in _lines(column, [line[index] for line in rows])],
            "right": column.is_right_aligned,
            "code": column.kind == "code",
        }
        for index, column in enumerate(block.columns)
    ]
    return {
        "is": "table",
        "caption": printable(block.caption),
        "columns": heads,
        "rows": lines,
        "totals": block.totals is not None,
        "note": printable(block.note),
        "at": places.get(block.anchor),
        **fitted(block.columns, rows),
    }


def _cell(cell: Shown, column: Column, places: dict[str, str]) -> dict[str, Json]:
    document: dict[str, Json] = {"text": printable(cell.text)}
    if cell.note:
        document["note"] = printable(cell.note)
    if cell.verdict:
        document |= {"verdict": cell.verdict, "mark": SIGNS[cell.verdict].mark}
    if cell.to in places:
        document["to"] = places[cell.to]
    if cell.pieces:
        document["pieces"] = _pieces(cell.pieces, places)
    if cell.spark is not None:
        document["svg"] = printable(cell.spark.svg(column.name, cell.text, font=FONT))
    return document


def _lines(column: Column, cells: Sequence[Shown]) -> list[str]:
    """The heading of a column in lines no longer than its entries, for a column of figures takes the width it needs."""
    room = _natural(column, cells)
    lines: list[str] = []
    for word in column.heading.split():
        if lines and len(lines[-1]) + 1 + len(word) <= room:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines or [""]


# Characters that fit beside each other: 170 mm of A4 upright at 8.5 and 7.5 point, 257 mm across at 7.5 point, with the
# mean width of Libertinus Serif (0.47 of the type size); measured on printed tables.
UPRIGHT, SMALL, ACROSS = 120, 136, 206
GUTTER = 3
MOST_LEADING = 4  # chosen here: more words than this fill a sheet of their own
SHORT = 20  # characters of an entry that is not worth breaking
MOST_SHARED = 90  # characters beyond which an entry asks for no more of the line
COMFORTABLE = 20  # characters to which a column of words may shrink before the table takes smaller type or turns


def fitted(columns: Sequence[Column], rows: Sequence[Sequence[Shown]]) -> dict[str, Json]:
    """Type size, orientation and column widths with which a table stays on A4.

    Columns of figures and dates keep the width of their longest entry; columns of words share what is left.
    """
    natural = [_natural(column, [row[index] for row in rows]) for index, column in enumerate(columns)]
    stiff = [
        column.kind not in {"text", "code"} or width <= SHORT for column, width in zip(columns, natural, strict=True)
    ]
    gutters = GUTTER * len(columns)
    least = sum(w if s else min(w, COMFORTABLE) for w, s in zip(natural, stiff, strict=True)) + gutters
    layout = "upright" if least <= UPRIGHT else "small" if least <= SMALL else "across"
    room = {"upright": UPRIGHT, "small": SMALL, "across": ACROSS}[layout]
    words = [
        0 if s else _word(column, [row[i] for row in rows])
        for i, (column, s) in enumerate(zip(columns, stiff, strict=True))
    ]
    widths = _shared(natural, words, room - gutters)
    if sum(natural) + gutters <= room:
        # All fits: a table of some width fills the line by its first column, a small one stays small.
        widths = [1 if index == 0 and sum(natural) > room / 2 else 0 for index in range(len(columns))]
    return {"layout": layout, "widths": list(widths), "longest": _longest(natural, widths, room - gutters)}


def _shared(natural: Sequence[int], words: Sequence[int], room: int) -> list[int]:
    """What each column of words takes of the line: its longest word, and of the rest by what it has to say.

    Args:
        natural: Characters of the longest entry of each column.
        words: Characters of the longest word; 0 for a column that keeps its natural width.
        room: Characters of the line.
    """
    left = room - sum(size for size, word in zip(natural, words, strict=True) if not word)
    wanted = [max(min(size, MOST_SHARED) - word, 0) if word else 0 for size, word in zip(natural, words, strict=True)]
    rest, whole = max(left - sum(words), 0), sum(wanted) or 1
    return [word and word + rest * more // whole for word, more in zip(words, wanted, strict=True)]


def _longest(natural: Sequence[int], widths: Sequence[int], room: int) -> list[Json]:
    """Characters of the longest word that a column takes unbroken: fewer where columns share what is left."""
    left = room - sum(size for size, width in zip(natural, widths, strict=True) if width == 0)
    whole = sum(widths)
    return [max(int(0.9 * left * width / whole), 4) if width > 1 else LONG_WORD for width in widths]


def _word(column: Column, cells: Sequence[Shown]) -> int:
    """Characters of the longest word of a column, of those that are not broken anyway."""
    entries = [cell.text for cell in cells] + [column.heading]
    longest = max((len(word) for entry in entries for word in entry.split() if len(word) <= LONG_WORD), default=1)
    return int(longest * (1.3 if column.kind == "code" else 1.0)) + 1


def _natural(column: Column, cells: Sequence[Shown]) -> int:
    """Characters of the longest entry; figures in a column of figures may have reasons beside them that wrap."""
    if column.kind == "spark":
        return max(18, len(column.heading))
    words = max((len(word) for word in column.heading.split()), default=1)
    entries = [len(cell.text) + (2 if cell.verdict else 0) for cell in cells]
    entries += [min(len(cell.note), 16) + 3 for cell in cells if cell.note]
    widened = 1.3 if column.kind == "code" else 1.0  # a fixed pitch is wider
    return int(max([words, *entries]) * widened)
