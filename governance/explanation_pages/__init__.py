"""Explanations as pages: the JSON of `explain` -> blocks -> one static page or a PDF, by reader.

The order is that of the terminal: what decided, why, the request, the people, the rules, what is not known, the proof.
The person concerned reads plain language: no scores, no weights, nothing about others.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from governance.blocks import AnyBlock, Cover, Fact, Section, section
from governance.display import moment, number
from governance.explanation_pages import record, subject, why
from governance.rendering.page import page
from governance.rendering.printed import POINTS
from governance.workspace import NOBODY, Office

Document = Mapping[str, Any]
SUBJECT, AUDITOR = "subject", "auditor"
LETTER_POINTS = 13  # its lists are a little smaller, and have the 12 points that guidelines for clear print ask for


def html(documents: Sequence[Document], reader: str, office: Office = NOBODY) -> bytes:
    """The explanations as one static page.

    Args:
        documents: The JSON of `explain`, one for each decision.
        reader: engineer, subject or auditor.
        office: Whom the person concerned is told to ask.
    """
    return page(_blocks(documents, reader, office), _title(documents), footer=_footer(documents, reader)).encode()


def pdf(documents: Sequence[Document], reader: str, office: Office = NOBODY) -> bytes:
    """The explanations as PDF; its date is that of the decision, so that the same record gives the same bytes.

    Raises:
        MissingExtraError: typst is not installed.
    """
    from governance.rendering.pdf import pdf_of  # noqa: PLC0415 - brings typst

    dated = datetime.fromisoformat(str(documents[0]["time"])).astimezone(UTC)
    footer = _footer(documents, reader)
    points = LETTER_POINTS if reader == SUBJECT else POINTS
    return pdf_of(_blocks(documents, reader, office), _title(documents), timestamp=dated, footer=footer, points=points)


def group(documents: Sequence[Document], reader: str) -> Section:
    """The explanations as one block, for a notebook."""
    return section("", *_blocks(documents, reader, NOBODY))


def _title(documents: Sequence[Document]) -> str:
    return f"Explanation of {documents[0]['request_id']}"


def _footer(documents: Sequence[Document], reader: str) -> str:
    ledger = documents[0]["proof"]["ledger"]
    return "" if reader == SUBJECT else f"Ledger of {ledger['size']} entries, root {ledger['root'][:16]}"


def _blocks(documents: Sequence[Document], reader: str, office: Office) -> list[AnyBlock]:
    if reader == SUBJECT:
        return [block for document in documents for block in subject.letter(document, office)]
    cover = _cover(documents[0], several=len(documents))
    if len(documents) == 1:
        return [cover, *_parts(documents[0], reader)]
    return [cover, *(section(str(one["decision_id"]), *_lowered(_parts(one, reader))) for one in documents)]


def _lowered(parts: Iterable[AnyBlock]) -> list[AnyBlock]:
    """Parts one level lower, where each decision of a request has a section of its own."""
    return [
        section(one.title, *one.blocks, level=2) if isinstance(one, Section) and one.title else one for one in parts
    ]


def _cover(document: Document, *, several: int) -> Cover:
    by = document["decided_by"]
    outcome = {True: "favourable", False: "adverse", None: ""}[document["favourable"]]
    model = " ".join(str(part) for part in (document["model"], document["model_version"]) if part)
    known = [
        Fact("Decision", f"{document['decision'] or 'none'}{f' ({outcome})' if outcome else ''}"),
        Fact("Before the review", document["decision_before"]),
        Fact("Decided by", by["stage"] or "nothing"),
        Fact("Time", moment(datetime.fromisoformat(document["time"])) + " UTC"),
        Fact("Score", document["score"], reason=_threshold(document)),
        Fact("Confidence", document["confidence"]),
        Fact("Model", model or None),
        Fact("Decisions of the request", several) if several > 1 else None,
        Fact(
            "Decision id" if document["decision_id"] else "Request",
            document["decision_id"] or document["request_uid"],
            "code",
        ),
    ]
    shown = tuple(fact for fact in known if fact is not None and fact.value is not None)
    return Cover(
        f"Explanation of {document['request_id']}",
        f"What decided, why, and how it can be proven: {by['evidence']}",
        shown,
    )


def _threshold(document: Document) -> str:
    limit = document["threshold"]
    return "" if limit is None or document["score"] is None else f"threshold {number(limit)}"


def _parts(document: Document, reader: str) -> list[AnyBlock]:
    """The sections for engineers and auditors, those without content left out."""
    return [
        *why.contributions(document),
        *why.reasons(document),
        *why.changes(document),
        *record.request(document),
        *record.people(document),
        *record.rules(document),
        *record.missing(document),
        *record.proof(document, whole=reader == AUDITOR),
    ]
