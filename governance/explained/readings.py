"""Who read explanations of a request before, as far as the ledger has sealed it."""

from __future__ import annotations

from typing import Any

from governance.explained.decided import Decided


def readings(decided: Decided) -> list[dict[str, Any]]:
    """When (`at`), by which account (`by`), for whom (`for`), and in which ledger entry; the oldest first.

    What was read since the last writer waits in the spool and is not among them.
    """
    uid = decided.request["request_uid"]
    found = [
        {"at": event["at"], "by": event["by"], "for": event["for"], "entry": entry.number}
        for entry in decided.snapshot.of_kind("readings")
        for event in entry.facts["events"]
        if uid in event["requests"]
    ]
    return sorted(found, key=lambda event: str(event["at"]))
