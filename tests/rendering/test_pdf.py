"""The PDF: tagged, archivable, with its evidence inside, the same bytes each time, whatever the text."""

import io
import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pikepdf
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from governance import display
from governance.blocks import (
    AnyBlock,
    Chart,
    Code,
    Column,
    Heading,
    Link,
    Missing,
    Strong,
    Table,
    Verbatim,
    notice,
    paragraph,
    section,
)
from governance.drawings import Line, Series
from governance.rendering.glyphs import DRAWN, FURTHER, PRINTED, UNPRINTED, drawable, printable
from governance.rendering.layout import laid_out
from governance.rendering.pdf import Attachment, pdf, pdf_of
from governance.rendering.printed import printed
from governance.rendering.widths import fitted
from tests.rendering import sample

WHEN = datetime(2026, 10, 2, 9, tzinfo=UTC)
EVIDENCE = Attachment("evidence.json", b'{"findings": []}', "application/json", "Evidence of every figure")


def made() -> bytes:
    notebook = sample.notebook(failing=True)
    source = json.dumps(notebook).encode()
    attached = [
        EVIDENCE,
        Attachment("quarterly.ipynb", source, "application/x-ipynb+json", "The executed notebook", "source"),
        Attachment("any.bin", bytes(range(256)), "application/octet-stream", "Any bytes", "supplement"),
    ]
    return pdf(notebook, timestamp=WHEN, attachments=attached, footer="Checkpoint 412")


@pytest.fixture(scope="module")
def report() -> bytes:
    return made()


@pytest.fixture(scope="module")
def opened(report: bytes) -> Iterator[pikepdf.Pdf]:
    with pikepdf.open(io.BytesIO(report)) as document:
        yield document


def tags(node: Any) -> Iterator[Any]:
    if isinstance(node, pikepdf.Array):
        for one in node:
            yield from tags(one)
    elif isinstance(node, pikepdf.Dictionary):
        yield node
        if "/K" in node:
            yield from tags(node["/K"])


def test_it_claims_archive_and_accessibility_and_has_what_they_need(opened: pikepdf.Pdf) -> None:
    metadata = opened.Root.Metadata.read_bytes()
    assert b"<pdfaid:part>3</pdfaid:part><pdfaid:conformance>A</pdfaid:conformance>" in metadata
    assert b"<pdfuaid:part>1</pdfuaid:part>" in metadata
    assert opened.Root.MarkInfo.Marked
    assert str(opened.Root.Lang) == "en"
    assert str(opened.docinfo["/Title"]) == "Quarterly compliance report"
    assert str(opened.docinfo["/CreationDate"]) == "D:20261002090000Z"


def test_it_is_tagged(opened: pikepdf.Pdf) -> None:
    nodes = list(tags(opened.Root.StructTreeRoot))
    kinds = Counter(str(node["/S"]) for node in nodes if "/S" in node)
    assert kinds["/Table"] == kinds["/THead"] > 5
    assert kinds["/TH"] > 40
    assert kinds["/H1"] == 8
    assert kinds["/TOC"] == 1
    figures = [node for node in nodes if node.get("/S") == "/Figure"]
    assert len(figures) > 10
    assert all(str(node.get("/Alt", "")) for node in figures)
    assert any("p99" in str(node["/Alt"]) or "gpt-large: from 812" in str(node["/Alt"]) for node in figures)


def test_pages_are_a4_upright_or_across(opened: pikepdf.Pdf) -> None:
    sizes = {tuple(round(float(edge)) for edge in page.mediabox) for page in opened.pages}
    assert sizes == {(0, 0, 595, 842), (0, 0, 842, 595)}


def test_evidence_travels_inside(opened: pikepdf.Pdf) -> None:
    files = {name: opened.attachments[name].get_file().read_bytes() for name in opened.attachments}
    assert files["evidence.json"] == EVIDENCE.content
    assert files["any.bin"] == bytes(range(256))
    assert json.loads(files["quarterly.ipynb"])["nbformat"] == 4
    related = {str(one["/F"]): str(one["/AFRelationship"]) for one in opened.Root.AF}
    assert related == {"evidence.json": "/Data", "quarterly.ipynb": "/Source", "any.bin": "/Supplement"}


def test_nothing_in_it_acts(opened: pikepdf.Pdf) -> None:
    for number in range(1, len(opened.objects)):
        one = opened.objects[number]
        if isinstance(one, pikepdf.Dictionary):
            assert not {"/JS", "/JavaScript", "/Launch", "/OpenAction", "/AA"} & set(one.keys())
            assert one.get("/S") not in {"/URI", "/JavaScript", "/Launch", "/SubmitForm"}


def test_the_same_notebook_gives_the_same_bytes(report: bytes) -> None:
    assert made() == report


def test_only_fonts_of_the_package_are_in_it(opened: pikepdf.Pdf) -> None:
    names = {
        str(one["/BaseFont"]).split("+")[-1]
        for one in opened.objects
        if isinstance(one, pikepdf.Dictionary) and "/BaseFont" in one
    }
    assert names
    assert all(name.startswith(("LibertinusSerif", "DejaVuSansMono", "NewCM")) for name in names)


def test_every_character_that_is_printed_as_it_is_has_a_glyph() -> None:
    ranges = (*PRINTED, *FURTHER)
    characters = [chr(code) for first, last in ranges for code in range(first, last + 1) if code not in UNPRINTED]
    text = " ".join(one for one in characters if printable(one) == one)
    assert len(text) > 3000
    words: list[AnyBlock] = [paragraph(text, Code(text)), Verbatim(text), Table(text, (Column("a"),), ((text[:300],),))]
    words += [paragraph(Strong(text)), Heading(text, 2, "a"), notice("warn", text, title=text)]
    assert pdf_of(words, text, timestamp=WHEN).startswith(b"%PDF")


@pytest.mark.parametrize("name", ["⊁Ẁ", "Ǒ▤", "שלום ✗ Ὰ", "中"])
def test_a_chart_prints_whatever_its_names_hold(name: str) -> None:
    """Typst 0.15 ends with an error on the first two if the letters are let through."""
    chart = Chart(name, name, Line(("a", "b"), (Series(name, (1.0, 2.0)),)))
    assert pdf_of([chart], "t", timestamp=WHEN).startswith(b"%PDF")


def test_what_a_chart_prints_is_printed_elsewhere_too() -> None:
    drawn = [chr(code) for first, last in DRAWN for code in range(first, last + 1)]
    assert "".join(map(printable, drawn)) == "".join(map(drawable, drawn))
    chart = Chart(
        "t",
        "a",
        Line(("a", "b"), (Series("s", (1.0, 2.0)), *(Series("".join(drawn[at::5]), (1.0,) * 2) for at in range(5)))),
    )
    assert pdf_of([chart], "t", timestamp=WHEN).startswith(b"%PDF")


def test_what_has_no_glyph_is_printed_as_its_escape() -> None:
    assert printable("Ż é e\u0301 中 \u202e") == "Ż é é \\u4e2d \\u202e"
    assert printable("שלום Հայ ქართ سلام") == "שלום Հայ ქართ سلام"
    assert drawable("Ż ✓ ש") == "Ż \\u2713 \\u05e9"
    assert printable(f"✓ ✗ ‼ ≥ {display.MINUS}1\u202f000") == f"✓ ✗ ‼ ≥ {display.MINUS}1\u202f000"


def test_the_document_says_where_letters_are_printed_as_escapes() -> None:
    def first(text: str) -> Any:
        return printed(laid_out([[paragraph(text)]], "t"), lang="en", footer="")["blocks"][0]  # type: ignore[index]

    assert first("Żółw שלום \u202e")["is"] == "paragraph"
    told = first("ไทย 中文 한 का \U0001f600")
    assert told["is"] == "notice"
    assert told["pieces"][0]["text"].startswith("The fonts of this document have no letters for some text (")
    assert "(CJK, Devanagari, Hangul, Thai and 1 more)" in told["pieces"][0]["text"]


@given(st.text(st.characters(categories=("L", "M", "N", "P", "S", "Z")), max_size=60))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_letters_of_several_scripts_can_stand_side_by_side(text: str) -> None:
    mixed = "".join(f"{one}{chr(FURTHER[place % len(FURTHER)][0])}" for place, one in enumerate(text))
    words: list[AnyBlock] = [paragraph(mixed, Strong(mixed), Code(mixed)), Verbatim(mixed)]
    assert pdf_of(words, mixed, timestamp=WHEN).startswith(b"%PDF")


@given(st.text(max_size=40))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_text_can_be_printed(text: str) -> None:
    blocks: list[AnyBlock] = [
        section(text, paragraph(text, Code(text), Link(text, text)), Heading(text, 3, text)),
        Table(text, (Column(text), Column(text, "code")), ((text, text),), note=text, anchor=text),
        Verbatim(text),
    ]
    assert pdf_of(blocks, text, timestamp=WHEN, footer=text).startswith(b"%PDF")


def test_text_is_no_markup() -> None:
    document = printed(laid_out([[paragraph("#panic() $x$ @ref <label>")]], "t"), lang="en", footer="")
    assert document["blocks"] == [
        {"is": "paragraph", "role": "body", "pieces": [{"is": "text", "text": "#panic() $x$ @ref <label>"}]}
    ]


def layout_of(*columns: int) -> Any:
    table = Table("t", tuple(Column("x" * min(w, 8)) for w in columns), (tuple("word " * (w // 5) for w in columns),))
    blocks: Any = printed(laid_out([[table]], "t"), lang="en", footer="")["blocks"]
    inner = blocks[0]["blocks"][0] if blocks[0]["is"] == "across" else blocks[0]
    return inner["layout"]


def test_wide_tables_get_smaller_type_and_then_a_sheet_across() -> None:
    assert layout_of(10, 10, 10) == "upright"
    assert layout_of(*[100] * 5) == "upright"
    assert layout_of(*[100] * 5, 10) == "small"
    assert layout_of(*[100] * 8) == "across"


def test_a_reason_for_no_value_makes_no_column_of_words_push_the_others_out() -> None:
    reason = "the window overlaps the reference, so records would be compared to themselves"
    words = "model mistral-large of the assistant, sex female, age band 25-"
    columns = (Column("subject"), Column("figure"), Column("n", "number"), Column("limit"))
    fit = fitted(columns, Table("t", columns, ((words * 2, Missing(reason), 1, "10"),)).shown())
    assert fit.widths[1] > 0  # it shares what is left, and wraps
    assert fit.layout == "upright"
    plain = fitted(columns, Table("t", columns, (("a", Missing("none set"), 1, "10"),)).shown())
    assert plain.headings == (("subject",), ("figure",), ("n",), ("limit",))


def test_a_sheet_across_takes_its_heading_along() -> None:
    wide = Table("t", tuple(Column(f"column {n}") for n in range(12)), (("some words that are long",) * 12,))
    blocks: Any = printed(laid_out([[section("A", paragraph("a"), wide, wide)]], "t"), lang="en", footer="")["blocks"]
    assert [[one["is"] for one in sheet["blocks"]] for sheet in blocks] == [["heading", "paragraph", "table", "table"]]


def test_a_link_to_nowhere_is_text() -> None:
    assert pdf_of([paragraph(Link("there", "nowhere"))], "t", timestamp=WHEN).startswith(b"%PDF")


def test_a_time_without_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        pdf_of([], "t", timestamp=datetime(2026, 7, 1))  # noqa: DTZ001
