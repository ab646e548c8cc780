"""Blocks -> the JSON document that the Typst template prints: figures written, glyphs certain, widths decided.

1. No text becomes Typst markup: all of it is data that the fixed template reads.
2. A character without a glyph in the fonts that come with Typst would end the PDF with an error, so only those of a
   proven list are printed, every other one as its escape (glyphs.py); the document then says so on its first page.
3. A link leads only to an anchor that is there, for Typst refuses others.
"""

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
from governance.blocks.cells import Column, Shown
from governance.blocks.prose import TONES, Piece, notice
from governance.display import SIGNS, number
from governance.rendering.glyphs import drawable, printable, unprinted
from governance.rendering.layout import Contents, Layout
from governance.rendering.widths import fitted

FONT = "Libertinus Serif"
POINTS = 10  # size of the text of a report, which is printed for those who read many
MOST_LEADING = 4  # chosen here: more words than this fill a sheet of their own


def printed(layout: Layout, *, lang: str, footer: str, points: int = POINTS) -> dict[str, Json]:
    """The whole page as a JSON document for the template."""
    blocks = (*_strange(layout), *layout.blocks)
    places = {anchor: f"place-{index}" for index, anchor in enumerate(_anchors(blocks))}
    return {
        "cover": _cover(layout.cover),
        "lang": lang,
        "points": points,
        "footer": printable(footer),
        "blocks": _turned(_leading([_block(block, places) for block in blocks])),
    }


def _strange(layout: Layout) -> list[AnyBlock]:
    """That some characters are printed as escapes, where there are such."""
    named = unprinted(block.plain() for block in (layout.cover, *layout.blocks))
    if not named:
        return []
    said = f"The fonts of this document have no letters for some text ({named}): it is printed as escapes, such as "
    return [notice("info", said, Code("\\u4e2d"), ". The HTML page shows it as it is.", title="Characters")]


def _leading(blocks: list[dict[str, Json]]) -> list[dict[str, Json]]:
    """The blocks; a paragraph right below a heading stays on the sheet of what it leads to, as its heading does."""
    above = [None, *(block["is"] for block in blocks)]
    return [
        {**block, "leads": True} if block["is"] == "paragraph" and before == "heading" else block
        for before, block in zip(above, blocks, strict=False)
    ]


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


def _anchors(blocks: Iterable[AnyBlock | Contents]) -> list[str]:
    """Every anchor once, in order."""
    anchored = (block.anchor for block in blocks if isinstance(block, Heading | Table | Chart) and block.anchor)
    return list(dict.fromkeys(anchored))


def _cover(cover: Cover) -> dict[str, Json]:
    return {
        "title": printable(cover.title),
        "subtitle": printable(cover.subtitle),
        "facts": [_fact(fact) for fact in cover.facts],
    }


def _block(block: AnyBlock | Contents, places: dict[str, str]) -> dict[str, Json]:
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
        case Contents():
            return {"is": "contents"}  # the template gathers them itself, with the numbers of the sheets
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
        "svg": drawable(block.svg(font=FONT)),
        "note": printable(block.note),
        "at": places.get(block.anchor),
    }


def _table(block: Table, places: dict[str, str]) -> dict[str, Json]:
    rows = block.shown()
    body: list[Json] = [
        [_cell(cell, column, places) for cell, column in zip(line, block.columns, strict=True)] for line in rows
    ]
    fit = fitted(block.columns, rows)
    heads: list[Json] = [
        {
            "lines": [printable(line) for line in lines],
            "right": column.is_right_aligned,
            "code": column.kind == "code",
        }
        for column, lines in zip(block.columns, fit.headings, strict=True)
    ]
    return {
        "is": "table",
        "caption": printable(block.caption),
        "columns": heads,
        "rows": body,
        "totals": block.totals is not None,
        "note": printable(block.note),
        "at": places.get(block.anchor),
        "layout": fit.layout,
        "widths": list(fit.widths),
        "longest": list(fit.longest),
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
        document["svg"] = drawable(cell.spark.svg(column.name, cell.text, font=FONT))
    return document
