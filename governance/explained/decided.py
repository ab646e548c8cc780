"""One decision, or one request in which nothing was decided, with all that is stored about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from governance.explained.casefile import Casefile
from governance.storage.checked_files import Row
from governance.storage.store import Snapshot

NOT_OF_A_WIDE_TABLE = {"decision_id", "decision_ts", "is_conflict", "file_sha256", "row_no"}
_OF_RECORD = {"record_id", "target_id", "request_uid", "known_ts"}


@dataclass(frozen=True)
class Decided:
    """One decision while it is explained.

    Attributes:
        snapshot: The store.
        case: The request's casefile.
        decision: The decision's row; empty where nothing was decided about anybody.
        findings: Findings whose window holds the moment.
        missing: What is not known, each with the reason; the parts add to it.
    """

    snapshot: Snapshot
    case: Casefile
    decision: Row
    findings: Sequence[Row]
    missing: list[dict[str, str]] = field(default_factory=list)

    @property
    def request(self) -> Row:
        """The request's row."""
        return self.case.request

    @property
    def moment(self) -> str:
        """When it was decided, else when the request began; ISO time."""
        return str(self.decision.get("decision_ts") or self.request["start_ts"])

    @property
    def model(self) -> str | None:
        """The model that decided, as far as the log tells."""
        found: str | None = (
            self.decision.get("model") or self.request["model_served"] or self.request["model_requested"]
        )
        return found

    @cached_property
    def of(self) -> dict[str, list[Row]]:
        """Table -> rows that belong to the decision, or to its request as a whole."""
        key = self.decision.get("decision_id")
        return {table: self.case.of_decision(table, key) if key else rows for table, rows in self.case.rows.items()}

    def lacks(self, what: str, why: str) -> None:
        """Notes that something is not known, and the reason."""
        self.missing.append({"what": what, "why": why})

    def features(self) -> dict[str, Any]:
        """The model's inputs by name."""
        rows = self.of["features"]
        return {name: value for name, value in rows[0].items() if name not in NOT_OF_A_WIDE_TABLE} if rows else {}

    def subject(self) -> dict[str, Any]:
        """Protected attributes; of one that the log and other files give, the one that became known last."""
        parts = [(row["decision_ts"], row) for row in self.of["subjects"]]
        parts += [(row["known_ts"], row) for row in self.of["subject_records"]]
        found: dict[str, Any] = {}
        for _, row in sorted(parts, key=lambda part: (part[0], part[1]["file_sha256"], part[1]["row_no"])):
            own = {name: value for name, value in row.items() if name not in NOT_OF_A_WIDE_TABLE | _OF_RECORD}
            found |= {name: value for name, value in own.items() if value is not None or name not in found}
        return found
