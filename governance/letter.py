"""What the person concerned may read of a decision: plain sentences, without scores and weights, nothing about others.

The sentences are fixed and their slots are filled from the record and the settings of the workspace; the terminal, the
page and the PDF show the same ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, TypeAlias

from governance.display import written_out
from governance.wording import all_of, told
from governance.workspace import NOBODY, Office

Document: TypeAlias = Mapping[str, Any]
_WHO = {
    "model": "An automated system decided, using a statistical model.",
    "rule": "An automated system decided, by a fixed rule.",
    "cache": "An automated system gave an answer that it had given before.",
    "fallback": "A replacement system answered.",
    "human": "A person decided.",
}


_ASKED = "The same version of the model was asked again to find this."


_ANSWERED = {
    "model": "An automated system answered.",
    "cache": "An automated system gave an answer that it had given before.",
    "fallback": "A replacement system answered.",
}  # where nothing was decided about anybody


class Part(NamedTuple):
    """Some sentences under a title.

    Attributes:
        title: Of the part.
        lines: One sentence, or the items of a list.
        is_ranked: Whether their order matters.
        lead: What is said before the list.
        close: What is said after it.
    """

    title: str
    lines: tuple[str, ...]
    is_ranked: bool = False
    lead: str = ""
    close: str = ""


class Letter(NamedTuple):
    """A letter to the person concerned.

    Attributes:
        day: Day of the decision, as prose writes it.
        reference: Id that the person quotes.
        outcome: What was decided.
        role: What a system and people had to do with it.
        parts: The reasons, the data, what would have changed the result, and what the person can do.
    """

    day: str
    reference: str
    outcome: str
    role: str
    parts: tuple[Part, ...]


def letter(document: Document, office: Office) -> Letter:
    """The outcome, who decided, why, what the person can do until when, and whom they ask.

    Args:
        document: The JSON of `explain`.
        office: Whom they ask, and in what time.
    """
    by = "" if office.name == NOBODY.name else f" of {office.name}"
    is_decided = document["decision_id"] is not None
    return Letter(
        written_out(datetime.fromisoformat(document["time"]).date()),
        str(document["request_id"]),
        f"The decision{by}: {document['decision'] or 'not on record'}." if is_decided else "No decision was made.",
        _role(document, is_decided=is_decided),
        (
            *_reasons(document, office),
            *_data(document),
            *_changes(document),
            *_meaning(document),
            Part("What you can do", tuple(_rights(document, office))),
        ),
    )


def _role(document: Document, *, is_decided: bool) -> str:
    """What a system and people had to do with it."""
    if document["decision_before"] is not None:
        return f"First the decision was: {document['decision_before']}. A person reviewed it and changed it."
    stage = document["decided_by"]["stage"]
    who = _WHO.get(stage, "Nothing was decided.") if is_decided else _ANSWERED.get(stage, "No answer was given.")
    if stage == "human":
        return who
    if any(review["completed_ts"] for review in document["reviews"]):
        return f"{who} A person reviewed it."
    asked = "A person was asked to review it." if document["reviews"] else "No review by a person is recorded."
    return f"{who} {asked}"


def _reasons(document: Document, office: Office) -> list[Part]:
    if document["reasons"]:
        lines = tuple(told(one) for one in document["reasons"])
        return [Part("The main reasons, the most important first", lines, is_ranked=True)]
    if document["favourable"] is False:
        return [Part("The reasons", (f"They are not on record. Ask {office.name} for them.",))]
    return []


def _data(document: Document) -> list[Part]:
    return [Part("Data about you that the system uses", tuple(document["data_used"]))] if document["data_used"] else []


def _meaning(document: Document) -> list[Part]:
    return [Part("What it means", (str(document["meaning"]),))] if document["meaning"] else []


def _changes(document: Document) -> list[Part]:
    """What would have changed an adverse result, or that this cannot be told; nothing where nobody asked."""
    title, found = "What would have changed the result", document["changes"]
    if found is None:
        is_unknown = any(one["what"] == "changes" for one in document["missing"])
        return [Part(title, ("This cannot be told from what is on record.",))] if is_unknown else []
    if not found["found"]:
        lead = "With all else as it was, none of these would have led to another result, not even up to three together:"
        return [Part(title, tuple(f"if {text}" for text in found["tried"]), lead=lead, close=_ASKED)]
    lines = tuple(f"if {all_of(one)}" for one in found["found"])
    lead = "With all else as it was, the statistical model would have come to a favourable result"
    lead += " in each of these cases:" if len(lines) > 1 else ":"
    return [Part(title, lines, lead=lead, close=f"{_ASKED} It is no promise about a new request.")]


def _rights(document: Document, office: Office) -> Sequence[str]:
    thing = "decision" if document["decision_id"] is not None else "answer"
    said = [f"Ask {office.name} to have a person review the {thing}, and say what you think of it."]
    if office.object_within:
        said[0] += f" You have {office.object_within}, from the day on which you get this letter."
    said += [
        "Ask which data about you were used, and have what is wrong corrected.",
    ]
    if office.answer_within:
        said.append(f"You will be answered within {office.answer_within} of asking.")
    if office.contact:
        said.append(f"Contact: {office.contact}")
    if office.supervisor:
        said.append(f"If you are not content with the answer, you can complain to: {office.supervisor}")
    return [*said, f"Quote this reference: {document['request_id']}"]
