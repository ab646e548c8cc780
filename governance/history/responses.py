"""What people said about findings: the responses in the ledger."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from governance.storage.store import Snapshot

RESPONSE = "response"  # kind of the ledger entries


@dataclass(frozen=True, slots=True)
class Response:
    """What a person said about a finding.

    Attributes:
        finding_id: The finding.
        at: When, UTC.
        by: Who.
        text: What.
        resolves: Whether the matter is settled by it.
        entry: Number of the ledger entry.
    """

    finding_id: str
    at: str
    by: str
    text: str
    resolves: bool
    entry: int

    def document(self) -> dict[str, Any]:
        """The response in the JSON of `finding show`."""
        return {"at": self.at, "by": self.by, "text": self.text, "resolves": self.resolves, "entry": self.entry}


def responses(snapshot: Snapshot) -> list[Response]:
    """All responses, oldest first."""
    found = []
    for entry in snapshot.of_kind(RESPONSE):
        said = entry.facts
        found.append(
            Response(said["finding"], entry.at, said["by"], said["text"], bool(said["resolves"]), entry.number)
        )
    return found
