"""The bodies of requests in spans of one shape: prompts, answers and errors, as rows of payloads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from governance.formats.conversions import canonical_json, sha256_of
from governance.formats.field_columns import FieldColumns, Values
from governance.formats.llm_requests import body_text
from governance.formats.protojson import status_message
from governance.spans.names import INSTRUCTIONS, MESSAGES, PARTS, WHOLE_REQUESTS
from governance.spans.shapes import SpanGroup

Bodies = list[str | None]


class SpanBodies:
    """Reads the bodies of spans.

    Args:
        group: The spans.
        own: Their own attributes.
        fields: Their attributes and those of their resource; told of what is odd.
    """

    def __init__(self, group: SpanGroup, own: Mapping[str, Values], fields: FieldColumns) -> None:
        self._group = group
        self._own = own
        self._fields = fields

    def bodies(self, role: str) -> Bodies:
        """A body each: one attribute that holds it whole, else the attributes that hold its messages one by one.

        Args:
            role: request or response.
        """
        raw = self._fields.raw(f"{role}_body")
        found: Bodies = [None] * len(self._group) if raw is None else [body_text(value) for value in raw]
        is_whole = [body is not None for body in found]
        if role == "request" and INSTRUCTIONS in self._own:
            self._add_instructions(found)
        parts = [key for key in self._own if PARTS[f"{role}_body"].match(key)]
        for place, whole in enumerate(is_whole) if parts else ():
            if not whole:
                found[place] = canonical_json({key: self._own[key][place] for key in parts})
        return self._storable(found)

    def _add_instructions(self, bodies: Bodies) -> None:
        """Adds what the system was told to bodies that hold the messages alone."""
        messages, instructions = self._fields.nested(MESSAGES), self._fields.nested(INSTRUCTIONS)
        wholes = [self._own[key] for key in WHOLE_REQUESTS if key in self._own]
        for place, body in enumerate(bodies):
            if body is not None and not any(values[place] for values in wholes):
                parts = {"messages": messages[place], "system_instructions": instructions[place]}
                bodies[place] = canonical_json(parts)

    def errors(self) -> Bodies:
        """What each span says of its error, in words."""
        found: Bodies = [None] * len(self._group)
        if "status" in self._group.shape.members:
            found = [status_message({"status": status}) for status in self._group.member("status")]
        if "exception.message" in self._own:
            messages = self._own["exception.message"]
            found = [said or body_text(value) for said, value in zip(found, messages, strict=True)]
        return self._storable(found)

    def _storable(self, bodies: Bodies) -> Bodies:
        """The bodies of those spans that are not odd."""
        self._fields.cleaned(bodies)
        odd = self._fields.odd
        return [None if place in odd else body for place, body in enumerate(bodies)] if odd else bodies


def payloads(row: Mapping[str, Values], role: str, bodies: Bodies, states: Values) -> dict[str, Sequence[Any]]:
    """The payload rows of one role, of the requests that have such a body: at least one.

    Args:
        row: Columns of the requests.
        role: request, response or error.
        bodies: Shape (requests,).
        states: Shape (requests,).
    """
    rows = zip(row["request_uid"], row["start_ts"], bodies, states, strict=True)
    kept = [(uid, start, body, state) for uid, start, body, state in rows if body]
    uids, starts, texts, kinds = zip(*kept, strict=True)
    return {
        "payload_id": [f"{uid}#{role}" for uid in uids],
        "request_uid": uids,
        "start_ts": starts,
        "role": [role] * len(kept),
        "body": texts,
        "bytes": [len(text.encode()) for text in texts],
        "sha256": [sha256_of(text) for text in texts],
        "state": kinds,
    }
