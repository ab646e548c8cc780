"""Markdown cells of a notebook -> blocks; raw HTML in them is shown as text, an image as its words."""

from collections.abc import Iterator, Sequence
from typing import Any

import mistune

from governance.blocks import AnyBlock, Bullets, Code, Heading, Paragraph, Strong, Verbatim, section
from governance.blocks.prose import Piece

# Tables in Markdown are not rendered: figures come from cells that return a Table.
_tree = mistune.create_markdown(renderer="ast", escape=False)


def blocks(source: str) -> tuple[AnyBlock, ...]:
    """The blocks of one Markdown cell, in order; a heading of depth 1 or 2 begins a section, 3 and 4 go below it."""
    tokens: Any = _tree(source)
    return tuple(block for token in tokens for block in _blocks(token))


def title(source: str) -> str:
    """The text of the first heading of depth 1 that begins the cell, or nothing: a notebook's own title."""
    tokens: Any = _tree(source)
    first = next((token for token in tokens if token["type"] != "blank_line"), None)
    is_title = first is not None and first["type"] == "heading" and first["attrs"]["level"] == 1
    return _plain(first["children"]) if first is not None and is_title else ""


def _blocks(token: dict[str, Any]) -> Iterator[AnyBlock]:
    """The blocks that one token of the syntax tree becomes."""
    match token["type"]:
        case "heading":
            yield Heading(_plain(token["children"]), max(1, min(token["attrs"]["level"] - 1, 3)))
        case "paragraph" | "block_text":
            yield Paragraph(_pieces(token["children"]))
        case "list":
            items = tuple(_item(item) for item in token["children"])
            yield Bullets(items, numbered=bool(token["attrs"]["ordered"]))
        case "block_code" | "block_html":
            yield Verbatim(token["raw"].rstrip("\n"))
        case "block_quote":
            yield section("", *(block for child in token["children"] for block in _blocks(child)))
        case _:
            return


def _item(token: dict[str, Any]) -> tuple[Piece, ...]:
    """A list item as one sentence; lists in lists become part of it, parted by semicolons."""
    parts = [_pieces(child["children"]) for child in _sentences(token["children"])]
    joined: list[Piece] = []
    for part in parts:
        joined += ["; ", *part] if joined else part
    return tuple(joined)


def _sentences(tokens: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for token in tokens:
        if token["type"] in {"paragraph", "block_text"}:
            yield token
        elif "children" in token:
            yield from _sentences(token["children"])


def _pieces(tokens: Sequence[dict[str, Any]]) -> tuple[Piece, ...]:
    return tuple(_piece(token) for token in tokens)


def _piece(token: dict[str, Any]) -> Piece:
    match token["type"]:
        case "strong" | "emphasis":
            return Strong(_plain(token["children"]))
        case "codespan":
            return Code(token["raw"])
        case "link":
            words, address = _plain(token["children"]), token["attrs"]["url"]
            return words if words == address else f"{words} ({address})"
        case _:
            return _plain([token])


def _plain(tokens: Sequence[dict[str, Any]]) -> str:
    """Words of inline tokens without their marks."""
    return "".join(_words(token) for token in tokens)


def _words(token: dict[str, Any]) -> str:
    if token["type"] in {"softbreak", "linebreak"}:
        return " "
    return _plain(token["children"]) if "children" in token else str(token.get("raw", ""))
