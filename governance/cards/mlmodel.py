"""MLmodel files of MLflow: what was logged with a model; they name neither the model nor its version."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from governance.cards.parts import Said, inside

KEY = "flavors"


def said(value: dict[str, Any]) -> Said:
    """What an MLmodel file says; all of it is kept, the signature and the time readable.

    The signature holds JSON in text. The time is written without an offset and is UTC by its name.
    """
    fields = dict(value)
    notes = []
    signature = inside(value, "signature")
    if isinstance(signature, dict):
        try:
            fields["signature"] = {
                part: json.loads(found) if isinstance(found, str) else found for part, found in signature.items()
            }
        except (ValueError, RecursionError):
            notes.append("the signature is no JSON, so it is kept as text")
    created = inside(value, "utc_time_created")
    if isinstance(created, str):
        try:
            fields["utc_time_created"] = _utc(created)
        except ValueError:
            notes.append("utc_time_created is no time, so it is kept as text")
    return Said(fields, tuple(notes))


def _utc(text: str) -> str:
    found = datetime.fromisoformat(text)
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC).isoformat()
