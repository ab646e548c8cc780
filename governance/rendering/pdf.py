"""Blocks of an executed notebook -> PDF through Typst: PDF/A-3a and PDF/UA-1 in one, evidence attached."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from governance.blocks import AnyBlock, Json
from governance.display import visible
from governance.errors import GovernanceError, MissingExtraError
from governance.rendering import notebook as executed
from governance.rendering.layout import laid_out
from governance.rendering.printed import POINTS, printed

try:
    import typst
except ImportError as error:
    raise MissingExtraError("typst", "report", "a PDF") from error

STANDARDS = ["a-3a", "ua-1"]


@dataclass(frozen=True)
class Attachment:
    """A file inside the PDF; `relationship` as in ISO 32000-2, 7.11.3: data behind the text, or what made it."""

    name: str
    content: bytes
    mime: str
    description: str
    relationship: Literal["source", "data", "supplement"] = "data"


def pdf(
    notebook: Mapping[str, Any],
    *,
    timestamp: datetime,
    title: str = "",
    attachments: Sequence[Attachment] = (),
    lang: str = "en",
    footer: str = "",
) -> bytes:
    """The notebook as PDF, the same bytes for the same arguments.

    Args:
        notebook: nbformat 4 JSON, executed.
        timestamp: Aware time that the file names as its creation.
        title: The title where there is no cover; without it the first heading of the notebook is the title.
        attachments: Files that travel inside.
        lang: Language of the text (BCP 47).
        footer: A line for the foot of each page, such as the checkpoint.

    Raises:
        GovernanceError: Typst cannot print the document.
    """
    layout = laid_out(executed.cells(notebook), title or executed.title(notebook) or "Report")
    return _compiled(printed(layout, lang=lang, footer=footer), timestamp, attachments)


def pdf_of(
    blocks: Sequence[AnyBlock],
    title: str,
    *,
    timestamp: datetime,
    attachments: Sequence[Attachment] = (),
    lang: str = "en",
    footer: str = "",
    points: int = POINTS,
) -> bytes:
    """The blocks as PDF, with the size of its text in points; other arguments and errors as of `pdf`."""
    document = printed(laid_out([blocks], title), lang=lang, footer=footer, points=points)
    return _compiled(document, timestamp, attachments)


def _compiled(document: dict[str, Json], timestamp: datetime, attachments: Sequence[Attachment]) -> bytes:
    if timestamp.tzinfo is None:
        raise ValueError("the timestamp has no time zone")
    document["attachments"] = [
        {"name": one.name, "mime": one.mime, "description": visible(one.description), "relationship": one.relationship}
        for one in attachments
    ]
    inputs = {"document": json.dumps(document)}
    inputs |= {f"attachment-{index}": _carried(one.content) for index, one in enumerate(attachments)}
    try:
        made = typst.compile(  # type: ignore[call-overload]  # the list of standards is of literals there
            _template(),
            font_paths=_fonts(),
            ignore_system_fonts=True,
            format="pdf",
            sys_inputs=inputs,
            pdf_standards=STANDARDS,
            timestamp=int(timestamp.timestamp()),
        )
    except typst.TypstError as error:
        raise GovernanceError(
            f"the PDF cannot be made: {error.message}", hint="the HTML report is not affected"
        ) from error
    return bytes(made)


def _carried(content: bytes) -> str:
    """Bytes as Typst can take them in: text behind a T, or the numbers of the bytes as JSON behind an N."""
    try:
        return "T" + content.decode("utf-8")
    except UnicodeDecodeError:
        return "N" + json.dumps(list(content))


@cache
def _template() -> bytes:
    return files("governance.rendering").joinpath("report.typ").read_bytes()


@cache
def _fonts() -> Any:
    """Only the fonts inside the typst package, so that every machine makes the same bytes."""
    return typst.Fonts(include_system_fonts=False, include_embedded_fonts=True)
