"""Blocks -> one static HTML page: style inside, no script, nothing loaded from anywhere; the standard library only."""

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from html import escape
from importlib.resources import files

from governance.blocks import AnyBlock
from governance.blocks.block import text_html
from governance.display import moment
from governance.rendering.layout import Contents, Layout, laid_out

# Even if a text got through unescaped, a browser would run and load nothing.
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def page(
    blocks: Sequence[AnyBlock], title: str, *, lang: str = "en", generated_at: datetime | None = None, footer: str = ""
) -> str:
    """The blocks as a whole HTML page.

    Args:
        blocks: What the page shows; a cover among them gives the title.
        title: The title where there is no cover.
        lang: Language of the text (BCP 47).
        generated_at: Aware time for the foot of the page; without it none is printed.
        footer: A line for the foot of the page, such as the checkpoint.
    """
    layout = laid_out([blocks], title)
    return framed(layout, inside(layout.blocks), lang=lang, generated_at=generated_at, footer=footer)


def inside(blocks: Sequence[AnyBlock | Contents]) -> str:
    """The blocks as HTML, one to a line."""
    return "\n".join(block.to_html() for block in blocks)


def framed(layout: Layout, body: str, *, lang: str, generated_at: datetime | None, footer: str) -> str:
    """The page around a body that is HTML already."""
    foot = [text_html(footer)] if footer else []
    foot += [f"Generated {moment(generated_at)} UTC"] if generated_at is not None else []
    return (
        f'<!DOCTYPE html>\n<html lang="{escape(lang)}">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f"<title>{text_html(layout.cover.title)}</title>\n<style>\n{style()}</style>\n</head>\n<body>\n"
        f'<a class="skip" href="#content">Skip to the content</a>\n{layout.cover.to_html()}\n'
        f'<main id="content">\n{body}\n</main>\n<footer>{" · ".join(foot)}</footer>\n</body>\n</html>\n'
    )


@cache
def style() -> str:
    """The style sheet of all pages."""
    return files("governance.rendering").joinpath("report.css").read_text(encoding="utf-8")
