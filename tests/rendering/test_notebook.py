"""What an executed notebook becomes: blocks, plain text, and a word where something failed."""

from typing import Any

from governance.blocks import (
    MIME,
    Bullets,
    Code,
    Cover,
    Heading,
    Notice,
    Paragraph,
    Strong,
    Verbatim,
    paragraph,
    section,
)
from governance.rendering import markdown, notebook
from governance.rendering.layout import laid_out
from tests.rendering import sample


def book(*cells: dict[str, Any]) -> dict[str, Any]:
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": list(cells)}


def words(source: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "id": "w", "metadata": {}, "source": source}


def test_markdown_becomes_blocks() -> None:
    assert markdown.blocks("## Cost\n\nA **b** `c`\nd\n\n1. x\n2. y") == (
        Heading("Cost", 1),
        Paragraph(("A ", Strong("b"), " ", Code("c"), " ", "d")),
        Bullets((("x",), ("y",)), numbered=True),
    )


def test_raw_html_in_markdown_is_shown_and_a_picture_is_its_words() -> None:
    assert markdown.blocks("<script>alert(1)</script>") == (Verbatim("<script>alert(1)</script>"),)
    assert markdown.blocks("a <b onclick=x>b</b> ![p](http://x.example/p.png)") == (
        Paragraph(("a ", "<b onclick=x>", "b", "</b>", " ", "p")),
    )


def test_a_link_is_its_words_and_its_address() -> None:
    assert markdown.blocks("[site](http://x.example)") == (Paragraph(("site (http://x.example)",)),)


def test_a_list_in_a_list_and_a_quotation_keep_their_words() -> None:
    assert markdown.blocks("- a\n  - b\n") == (Bullets((("a", "; ", "b"),)),)
    assert markdown.blocks("> q") == (section("", paragraph("q")),)


def test_deep_headings_stop_at_the_third_level() -> None:
    assert [
        block.level for block in markdown.blocks("# a\n## b\n### c\n#### d\n##### e") if isinstance(block, Heading)
    ] == [*(1, 1, 2, 3, 3)]


def test_the_first_heading_is_the_title_and_not_repeated() -> None:
    one = book(words("# Report\n\nIt says."), words("# Second"))
    assert notebook.title(one) == "Report"
    assert notebook.cells(one) == ((paragraph("It says."),), (Heading("Second", 1),))


def test_a_cell_in_lines_is_read_like_one_in_a_string() -> None:
    lines: Any = ["# Report\n", "\n", "It says."]
    assert notebook.cells(book(words(lines))) == ((paragraph("It says."),),)


def test_html_of_an_output_is_never_read() -> None:
    shown = sample.displayed({"text/html": "<b>x</b>", "text/plain": "x"})
    hidden = sample.displayed({"text/html": "<b>x</b>"})
    assert notebook.cells(book(sample.code_cell("f", 1, shown, hidden))) == ((Verbatim("x"),),)


def test_our_block_wins_over_html_and_text() -> None:
    bundle = {MIME: paragraph("a").to_json(), "text/html": "<script>", "text/plain": "b"}
    assert notebook.cells(book(sample.code_cell("f", 1, sample.displayed(bundle)))) == ((paragraph("a"),),)


def test_a_broken_block_is_said_and_not_lost() -> None:
    shown = notebook.cells(book(sample.code_cell("f", 1, sample.displayed({MIME: {"type": "nonsense"}}))))[0][0]
    assert isinstance(shown, Notice)
    assert shown.plain() == "This part could not be shown: no block is called 'nonsense' here"


def test_a_failed_cell_has_its_reason_and_the_rest_is_said_to_be_missing() -> None:
    failing = sample.notebook([], failing=True)
    assert not notebook.is_complete(failing)
    assert notebook.is_complete(sample.notebook([]))
    last = notebook.cells(failing)[-2:]
    assert [block.plain() for blocks in last for block in blocks] == [
        "This part could not be computed: ZeroDivisionError: by <b>zero",
        "Attention: This part was not computed, because a part before it could not be.",
    ]


def test_what_papermill_writes_above_a_failure_is_left_out() -> None:
    cell = words('<span style="color:red">An Exception was encountered</span>')
    cell["metadata"]["tags"] = [notebook.PAPERMILL_ERROR]
    assert notebook.cells(book(cell)) == ((),)


def test_headings_get_anchors_of_their_own_and_no_gap_in_their_levels() -> None:
    layout = laid_out([[Heading("Cost €", 3), Heading("Cost", 3), Heading("中", 3, "cost")]], "t")
    assert [(one.anchor, one.level) for one in layout.blocks if isinstance(one, Heading)] == [
        ("cost", 1),
        ("cost-2", 2),
        ("cost-3", 3),
    ]


def test_a_page_has_one_cover() -> None:
    layout = laid_out([[Cover("One")], [Cover("Two"), paragraph("a")]], "t")
    assert layout.cover == Cover("One")
    assert layout.blocks == (paragraph("a"),)
    assert laid_out([[]], "t").cover == Cover("t")
