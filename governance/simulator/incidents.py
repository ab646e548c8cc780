"""The incidents of the demo: two whose clocks ran, and one that belongs to a planted fault."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

if TYPE_CHECKING:
    from governance.simulator.faults import FaultPlan

# Made up. Each was reported in time: no fault is planted here, so that the clean twin shows the clocks too.
_COLUMNS = (
    *("ticket", "model", "severity", "regime", "summary"),
    *("opened", "aware", "classified", "reported", "closed"),
)
_ALWAYS = (
    (
        *("INC-2026-017", "mistral-large-2411", "high", "gdpr", "a summary of one client was shown to another team"),
        *("2026-05-19T08:12:00Z", "2026-05-19T13:40:00Z", "2026-05-19T16:05:00Z", "2026-05-21T11:30:00Z"),
        "2026-06-02T09:00:00Z",
    ),
    (
        *("INC-2026-029", "mistral-large-2411", "high", "gdpr", "a case file was sent to the assistant by mistake"),
        *("2026-08-11T15:02:00Z", "2026-08-12T07:20:00Z", "2026-08-12T09:45:00Z", "2026-08-14T16:10:00Z"),
        "2026-08-27T10:00:00Z",
    ),
)
_OF_THE_STORM = (
    *("INC-2026-024", "mistral-large-2411", "major", "dora", "the provider did not answer; a smaller model did"),
    *("2026-07-13T06:00:00Z", "2026-07-13T07:35:00Z", "2026-07-13T09:10:00Z", "2026-07-13T12:25:00Z"),
    "2026-07-20T09:00:00Z",
)


def incidents(plan: FaultPlan) -> pa.Table:
    """One row per incident, with the moments that the clocks of rules start and end at."""
    rows = [*_ALWAYS, *([_OF_THE_STORM] if plan.fallback_storm else [])]
    return pa.table({name: [row[place] for row in rows] for place, name in enumerate(_COLUMNS)})
