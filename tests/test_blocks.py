"""Blocks: the same after a journey through JSON, harmless as HTML, and strict about what they are given."""

import json
import subprocess
import sys
from datetime import UTC, date, datetime
from decimal import Decimal
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.blocks import (
    MIME,
    AnyBlock,
    Between,
    Cell,
    Code,
    Column,
    Cover,
    Fact,
    Facts,
    Heading,
    Json,
    Link,
    Missing,
    Spark,
    Strong,
    Table,
    Verbatim,
    Verdicts,
    facts,
    flat,
    notice,
    paragraph,
    read,
    section,
)
from governance.blocks.cells import Kind
from tests.rendering import sample

ALL = [sample.cover(), *sample.blocks()]
HARMLESS = frozenset(
    "a b br caption code dd desc div dl dt figcaption figure footer h1 h2 h3 h4 header li line ol p polygon polyline "
    "pre rect circle span strong svg table tbody td text tfoot th thead title tr ul".split()
)


class Elements(HTMLParser):
    """Collects what a browser would see: elements, attributes and text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.names: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.words: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.words.append(data)


@pytest.mark.parametrize("block", ALL, ids=lambda block: getattr(block, "title", "") or "block")
def test_a_block_survives_json(block: AnyBlock) -> None:
    text = json.dumps(block.to_json())
    assert read(json.loads(text)) == block
    assert json.dumps(read(json.loads(text)).to_json()) == text


@pytest.mark.parametrize("block", ALL, ids=lambda block: getattr(block, "title", "") or "block")
def test_a_block_holds_only_harmless_html(block: AnyBlock) -> None:
    seen = Elements(block.to_html())
    assert set(seen.names) <= HARMLESS
    assert not [name for name, _ in seen.attributes if name.startswith("on") or name in {"src", "style", "srcdoc"}]
    assert not [value for name, value in seen.attributes if name == "href" and not (value or "").startswith("#")]


def test_hostile_text_is_text_wherever_a_block_takes_text() -> None:
    html = sample.hostile().to_html()
    words = "".join(Elements(html).words)
    assert "<script>document.title='owned'</script>" in words
    assert "\\u202e" in words
    assert "\\x1b[31m" in words
    assert not {"\x1b", "\u202e", "\u200b", "\x00", "\x07"} & set(html)


@given(st.text(max_size=60))
def test_any_text_stays_text(text: str) -> None:
    table = Table(text, (Column(text), Column(text, "code")), ((text, text), (Link(text, text), Missing(text))))
    known = Facts((Fact(text, text, "code", reason=text),), text)
    for block in (
        table,
        known,
        paragraph(text, Strong(text), Code(text), Link(text, text)),
        Verbatim(text),
        Heading(text),
    ):
        seen = Elements(block.to_html())
        assert set(seen.names) <= HARMLESS
        assert "script" not in seen.names
        block.to_html().encode("utf-8")


def test_jupyter_gets_html_json_and_text() -> None:
    bundle = notice("warn", "No label yet.")._repr_mimebundle_()
    assert set(bundle) == {MIME, "text/html", "text/plain"}
    assert bundle["text/plain"] == "Attention: No label yet."
    assert bundle[MIME] == {"type": "notice", "tone": "warn", "pieces": ["No label yet."], "title": ""}


def test_a_table_has_caption_scopes_and_units() -> None:
    html = Table("Cost", (Column("Unit"), Column("Sum", "money", "USD")), (("a", Decimal("1.5")),)).to_html()
    assert "<caption>Cost</caption>" in html
    assert '<th scope="col" class="num">Sum (USD)</th>' in html
    assert '<th scope="row">a</th><td class="num">1.50</td>' in html


def test_figures_of_a_column_have_the_same_digits() -> None:
    columns = (Column("n"), Column("v", "number"), Column("s", "share"), Column("i", "interval"))
    rows: tuple[tuple[Cell, ...], ...] = (
        ("a", 0.5, 0.25, Between(0.1, 0.25)),
        ("b", 0.125, Decimal("0.5"), Missing("too few")),
        ("c", None, 1, None),
    )
    shown = [[cell.text for cell in line] for line in Table("t", columns, rows).shown()]
    assert shown == [
        ["a", "0.500", "25.0", "0.100 to 0.250"],
        ["b", "0.125", "50.0", "—"],
        ["c", "—", "100.0", "—"],
    ]


def test_no_value_comes_with_its_reason() -> None:
    html = Table("t", (Column("a"), Column("b", "number")), (("x", Missing("fewer than 30")),)).to_html()
    assert '— <span class="why">fewer than 30</span>' in html


def test_totals_leave_out_what_is_not_added_up() -> None:
    table = Table(
        "t", (Column("a"), Column("b", "number"), Column("c", "date")), (("x", 1, None),), totals=("all", 1, None)
    )
    assert [cell.text for cell in table.shown()[-1]] == ["all", "1", ""]
    assert "<tfoot>" in table.to_html()


def test_the_cells_of_a_table_of_sentences_carry_their_headings_for_narrow_windows() -> None:
    columns = (Column("check"), Column('<b>"what"</b>'), Column("n", "number"), Column("owner"))
    rows = (("four-fifths", "a sentence about what was found " * 3, 5, "risk"),)
    seen = Elements(Table("Found", columns, rows).to_html())
    assert [value for name, value in seen.attributes if name == "data-head"] == ['<b>"what"</b>', "n", "owner"]
    assert ("class", "table prose") in seen.attributes
    for short in (Table("Found", columns, (("a", "b", 5, "c"),)), Table("Found", columns[:2], (rows[0][:2],))):
        assert "data-head" not in short.to_html()


def test_an_empty_table_says_so() -> None:
    assert "no rows" in Table("t", (Column("a"),), ()).to_html()


def test_a_verdict_is_mark_word_and_colour() -> None:
    html = Table("t", (Column("a"), Column("v", "verdict")), (("x", "not_assessed"),)).to_html()
    assert '<span class="v not_assessed"><b aria-hidden="true">?</b> not assessed</span>' in html


@pytest.mark.parametrize(
    ("kind", "cell"),
    [
        ("number", "many"),
        ("number", True),
        ("number", date(2026, 7, 1)),
        ("share", Between(0, 1)),
        ("date", "yesterday"),
        ("date", 20260701),
        ("verdict", "maybe"),
        ("verdict", 1),
        ("interval", 0.5),
        ("spark", 0.5),
        ("text", Decimal(1)),
    ],
)
def test_a_cell_that_does_not_suit_its_column_is_refused(kind: Kind, cell: Cell) -> None:
    with pytest.raises(ValueError, match="cannot stand in column 'c'"):
        Table("t", (Column("c", kind),), ((cell,),))


def test_a_row_of_the_wrong_length_is_refused() -> None:
    with pytest.raises(ValueError, match="one cell for each column"):
        Table("t", (Column("a"), Column("b")), (("x",),))


@pytest.mark.parametrize(
    "document",
    [
        None,
        7,
        "table",
        [],
        {},
        {"type": "nonsense"},
        {"type": "strong", "text": "a piece is no block"},
        {"type": "heading"},
        {"type": "heading", "text": 7},
        {"type": "heading", "text": "a", "level": 9},
        {"type": "heading", "text": "a", "script": "x"},
        {"type": "table", "caption": "c", "columns": [], "rows": []},
        {"type": "table", "caption": "c", "columns": [{"name": "a", "kind": "number"}], "rows": [["x"]]},
        {"type": "verdicts", "failed": -1},
        {"type": "verdicts", "failed": 1.5},
        {"type": "paragraph", "pieces": "text"},
        {"type": "chart", "title": "t", "alt": "a", "picture": {"type": "line", "labels": ["a"], "series": []}},
        {"type": "chart", "title": "t", "alt": " ", "picture": {"type": "spark", "values": [1]}},
        {"type": "section", "blocks": [{"type": "section", "blocks": [7]}]},
    ],
)
def test_what_is_no_block_is_refused(document: Json) -> None:
    with pytest.raises(ValueError, match=r"."):
        read(document)


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["table", "chart", "line"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["type", "blocks", "rows", "columns", "caption", "pieces", "picture"]), inner)
    ),
    max_leaves=12,
)


@given(json_values)
def test_reading_a_document_ends_in_a_block_or_a_value_error(document: Json) -> None:
    try:
        read(document).to_html()
    except ValueError:
        return


@given(st.data())
def test_a_mutated_document_ends_in_a_block_or_a_value_error(data: st.DataObject) -> None:
    document = json.loads(json.dumps(data.draw(st.sampled_from(ALL)).to_json()))
    place: Any = document
    for _ in range(data.draw(st.integers(0, 6))):
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = data.draw(st.sampled_from(keys))
        if not isinstance(place[key], dict | list) or not place[key]:
            place[key] = data.draw(json_values)
            break
        place = place[key]
    try:
        read(document).to_html()
    except ValueError:
        return


def test_a_section_is_a_heading_and_its_blocks() -> None:
    inner = section("", paragraph("b"))
    assert list(flat([section("A", inner, anchor="x")])) == [Heading("A", 1, "x"), paragraph("b")]


def test_facts_of_a_mapping() -> None:
    block = facts({"Size": 1234, "Root": "ab", "When": datetime(2026, 7, 1, tzinfo=UTC), "None": None}, code=("Root",))
    assert [fact.shown() for fact in block.facts] == ["1\u202f234", "ab", "2026-07-01 00:00 UTC", "—"]
    assert "<code>ab</code>" in block.to_html()


def test_a_cover_is_the_only_first_heading() -> None:
    assert Cover("Report").to_html().count("<h1>") == 1


def test_counts_of_verdicts_stand_in_one_order() -> None:
    assert Verdicts(failed=2, passed=3).plain() == (
        "✗ 2 failed · ‼ 0 errored · ! 0 warned · ? 0 not assessed · ~ 0 waived · ✓ 3 passed"
    )


def test_a_sparkline_says_its_course() -> None:
    html = Table("t", (Column("a"), Column("Trend", "spark")), (("x", Spark((1, None, 3))),)).to_html()
    assert 'role="img" aria-label="Trend. from 1 to 3 over 3 points"' in html


def test_blocks_and_charts_need_no_library() -> None:
    program = (
        "import sys, governance.charts, governance.rendering.page\n"
        "heavy = {'nbconvert', 'nbformat', 'jinja2', 'mistune', 'typst', 'pandas', 'pyarrow', 'duckdb', 'numpy'}\n"
        "print(sorted(heavy & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
