"""The page: static, accessible, small, the same bytes each time, and deaf to what strangers wrote."""

import os
import re
import shutil
import subprocess
from collections import Counter
from datetime import UTC, datetime
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from governance.blocks import AnyBlock, paragraph, section
from governance.rendering.html import html
from governance.rendering.layout import laid_out
from governance.rendering.page import POLICY, page
from governance.rendering.printed import printed
from tests.rendering import sample

WHEN = datetime(2026, 10, 2, 9, tzinfo=UTC)


class Outline(HTMLParser):
    """Elements with their attributes in order, and whether each was closed."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in {"meta", "br"}:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def report() -> str:
    return html(sample.notebook(failing=True), generated_at=WHEN, footer="Checkpoint 412")


@pytest.fixture(scope="module")
def outline(report: str) -> Outline:
    return Outline(report)


def test_nothing_runs_and_nothing_is_loaded(report: str, outline: Outline) -> None:
    assert "<script" not in report
    assert not re.search(
        r"(src|href|action|url\()\s*=?\s*[\"'(]?\s*(https?:|//|data:|javascript:)", report.replace(POLICY, "")
    )
    assert not [
        name for _, attributes in outline.elements for name in attributes if name.startswith("on") or name == "src"
    ]
    assert not {name for name, _ in outline.elements} & {
        "script",
        "img",
        "iframe",
        "object",
        "embed",
        "link",
        "form",
        "base",
    }
    assert {"http-equiv": "Content-Security-Policy", "content": POLICY} in outline.named("meta")


def test_no_code_no_traceback_no_warning(report: str) -> None:
    assert not re.search("SECRET_(CODE|TRACE|WARNING)", report)


def test_a_page_is_well_formed_and_has_title_language_and_one_first_heading(report: str, outline: Outline) -> None:
    assert not outline.open
    assert outline.named("html") == [{"lang": "en"}]
    assert "<title>Quarterly compliance report</title>" in report
    assert len(outline.named("h1")) == 1
    assert len(outline.named("main")) == 1


def test_headings_have_no_gaps_and_every_link_of_the_contents_leads_somewhere(outline: Outline) -> None:
    levels = [int(name[1]) for name, _ in outline.elements if re.fullmatch("h[1-6]", name)]
    assert all(after - before <= 1 for before, after in pairwise(levels))
    ids = [attributes["id"] for _, attributes in outline.elements if "id" in attributes]
    assert not [one for one, count in Counter(ids).items() if count > 1]
    contents = [one["href"] for one in outline.named("a") if re.fullmatch("#[a-z0-9-]+", one["href"] or "")]
    assert len(contents) >= 8
    assert {(one or "")[1:] for one in contents} <= set(ids)


def test_tables_have_captions_and_scopes_and_charts_have_words(report: str, outline: Outline) -> None:
    assert len(outline.named("caption")) == len(outline.named("table")) > 5
    assert all(one.get("scope") in {"col", "row"} for one in outline.named("th"))
    assert len(outline.named("figure")) == len(outline.named("figcaption")) > 5
    assert all(one.get("role") == "img" and one.get("aria-label") for one in outline.named("svg"))
    assert report.count("<desc>") == len(outline.named("svg"))


def test_hostile_text_is_visible_and_inert(report: str) -> None:
    assert "&lt;script&gt;document.title=&#x27;owned&#x27;&lt;/script&gt;" in report
    assert "abc\\u202etxt.exe" in report
    assert not set(report) & {"\u202e", "\x1b", "\x07", "\x00", "\u200b", "\ud800"}


def test_failures_are_said(report: str) -> None:
    assert "ZeroDivisionError: by &lt;b&gt;zero" in report
    assert "not computed, because a part before it could not be" in report
    assert "Table needs &#x27;columns&#x27;" in report


def test_the_same_notebook_gives_the_same_bytes_and_few_of_them(report: str) -> None:
    again = html(sample.notebook(failing=True), generated_at=WHEN, footer="Checkpoint 412")
    assert again == report
    assert len(report.encode()) < 200_000
    assert "Checkpoint 412 · Generated 2026-10-02 09:00 UTC" in report


def test_templates_in_the_current_folder_are_not_taken(
    report: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("<memory>", "index.html.j2", "report.html.j2"):
        (tmp_path / name).write_text("taken over")
    (tmp_path / "conf.json").write_text('{"preprocessors": {"x": {"type": "no.such.Thing"}}}')
    monkeypatch.chdir(tmp_path)
    assert html(sample.notebook(failing=True), generated_at=WHEN, footer="Checkpoint 412") == report


def test_a_title_may_come_from_cover_caller_or_notebook() -> None:
    assert "<h1>Quarterly compliance report</h1>" in html(sample.notebook([]), title="Given")
    bare = sample.notebook([])
    bare["cells"] = [cell for cell in bare["cells"] if "exhibits" not in cell["source"]]
    assert "<h1>Given</h1>" in html(bare, title="Given")
    assert "<h1>Notebook title</h1>" in html(bare)


def test_a_page_of_blocks_is_what_the_notebook_shows() -> None:
    """The quick way for one explanation, and the way through nbconvert, write the same blocks."""
    blocks: list[AnyBlock] = [sample.cover(), *sample.blocks()]
    quick = page(blocks, "t")
    through = html({**sample.notebook(), "cells": sample.notebook()["cells"][2:-1]})
    assert quick == through


def test_a_short_page_has_no_contents() -> None:
    few: list[AnyBlock] = [section(name, paragraph("a")) for name in "ABC"]
    assert "<nav" not in page(few, "t")
    assert "contents" not in kinds(few)
    assert "<nav" in page([*few, section("D")], "t")
    assert "contents" in kinds([*few, section("D")])


def kinds(blocks: list[AnyBlock]) -> list[str]:
    """What the PDF is made of, in order."""
    shown: Any = printed(laid_out([blocks], "t"), lang="en", footer="")["blocks"]
    return [one["is"] for one in shown]


def test_the_contents_stand_between_the_front_and_the_first_section() -> None:
    shown = page([paragraph("the verdict"), *(section(name, paragraph("a")) for name in "ABCD")], "t")
    assert shown.index("the verdict") < shown.index("<nav") < shown.index("<h2")
    assert shown.count("<nav") == 1


def test_the_language_is_escaped() -> None:
    assert '<html lang="&quot;&gt;x">' in page([], "t", lang='">x')


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("chromium") is None, reason="no chromium to load the page")
def test_a_browser_runs_nothing(report: str, tmp_path: Path) -> None:
    source = tmp_path / "report.html"
    source.write_text(report, encoding="utf-8")
    flags = "--headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking --disable-sync"
    flags += " --disable-component-update"
    done = subprocess.run(
        ["chromium", *flags.split(), f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", source.as_uri()],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
        env={**os.environ, "HOME": str(tmp_path)},
    )
    assert "<title>Quarterly compliance report</title>" in done.stdout
    assert not {name for name, _ in Outline(done.stdout).elements} & {"script", "img"}
