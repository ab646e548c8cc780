"""The letter to the person concerned, as blocks of a page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from governance.blocks import AnyBlock, Bullets, Cover, paragraph, section
from governance.letter import Part
from governance.letter import letter as written
from governance.workspace import Office


def letter(document: Mapping[str, Any], office: Office) -> list[AnyBlock]:
    """The letter about one decision, and whom the person asks."""
    own = written(document, office)
    return [
        Cover("About your request", f"{own.day} · reference {own.reference}"),
        paragraph(own.outcome, role="lead"),
        paragraph(own.role),
        *(section(part.title, *_part(part)) for part in own.parts),
    ]


def _part(part: Part) -> list[AnyBlock]:
    """A list with what leads to it and what closes it, or a paragraph where there is one sentence alone."""
    if len(part.lines) == 1 and not part.is_ranked and not part.lead:
        return [paragraph(part.lines[0])]
    listed = Bullets(tuple((line,) for line in part.lines), numbered=part.is_ranked)
    return [*_said(part.lead), listed, *_said(part.close)]


def _said(sentence: str) -> list[AnyBlock]:
    return [paragraph(sentence)] if sentence else []
