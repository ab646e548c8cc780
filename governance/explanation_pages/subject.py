"""The person concerned: plain language, without scores and weights, and nothing about others."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeAlias

from governance.blocks import AnyBlock, Bullets, Cover, paragraph, section
from governance.display import written_out
from governance.wording import told
from governance.workspace import Office

Document: TypeAlias = Mapping[str, Any]
WHO = {
    "model": "An automated system decided, using a statistical model.",
    "rule": "An automated system decided, by a fixed rule.",
    "cache": "An automated system gave an answer that it had given before.",
    "fallback": "A replacement system answered.",
    "human": "A person decided.",
}


def letter(document: Document, office: Office) -> list[AnyBlock]:
    """Plain language for the person concerned: the outcome, who decided, why, what they can do, and whom they ask."""
    day = written_out(datetime.fromisoformat(document["time"]).date())
    reviewed = any(review["completed_ts"] for review in document["reviews"])
    blocks: list[AnyBlock] = [
        Cover("About your request", f"{day} · reference {document['request_id']}"),
        paragraph(f"The decision: {document['decision'] or 'no decision was made'}.", role="lead"),
        paragraph(
            WHO.get(document["decided_by"]["stage"], "Nothing was decided."),
            " A person reviewed it." if reviewed else " No review by a person is recorded.",
        ),
    ]
    if document["reasons"]:
        items = tuple((told(one),) for one in document["reasons"])
        blocks.append(section("The main reasons, the most important first", Bullets(items, numbered=True)))
    elif document["favourable"] is False:
        blocks.append(section("The reasons", paragraph(f"They are not on record. Ask {office.name} for them.")))
    asked = [
        f"Ask {office.name} to have a person review the decision, and say what you think of it.",
        "Ask which data about you were used, and have what is wrong corrected.",
        *([f"Contact: {office.contact}"] if office.contact else []),
        f"Quote this reference: {document['request_id']}",
    ]
    blocks.append(section("What you can do", Bullets(tuple((one,) for one in asked))))
    return blocks
