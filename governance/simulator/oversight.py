"""What is known later about the credit decisions: reviews by people, and what became of the clients."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from governance.simulator.credit import LABEL, Applications, column
from governance.simulator.timeline import DAY_US, EXPORTED, HOUR_US, SATURDAY, SECOND_US, iso, micros, monday_in

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from governance.simulator.faults import FaultPlan, UnreviewedWeeks
    from governance.simulator.timeline import Micros

MINUTE_US = 60 * SECOND_US
MISSED_SHARE = 0.01  # reviews that are forgotten even in good weeks
OVERRIDDEN_SHARE = 0.12
REVIEWERS = tuple(f"reviewer-{number:02}" for number in range(1, 9))
MATURITY_DAYS = 40  # from the decision until the next month's payment is booked


def reviews(decided: Applications, rng: np.random.Generator, plan: FaultPlan) -> pa.Table:
    """One row per review that a person made of a decision of low confidence, before it took effect."""
    hit = decided.unsure & (rng.uniform(size=len(decided)) >= MISSED_SHARE)
    if plan.unreviewed_weeks:
        hit &= ~_is_unreviewed(decided.times, plan.unreviewed_weeks)
    rows = np.flatnonzero(hit)
    requested = decided.times[rows] + rng.integers(1, 30, rows.size) * SECOND_US
    started = _next_office_day(requested + rng.integers(10, 360, rows.size) * MINUTE_US)
    completed = started + rng.integers(3 * 60, 25 * 60, rows.size) * SECOND_US
    overridden = rng.uniform(size=rows.size) < OVERRIDDEN_SHARE
    refused = decided.refused[rows]
    words = np.array(["approved", "refused"])
    ids = decided.ids
    return pa.table(
        {
            "review_id": [f"review-{ids[row]}" for row in rows],
            "application_id": [ids[row] for row in rows],
            "reviewer": rng.choice(REVIEWERS, rows.size),
            "trigger": ["low_confidence"] * rows.size,
            "requested": iso(requested),
            "started": iso(started),
            "completed": iso(completed),
            "effective": iso(completed + 5 * MINUTE_US),
            "outcome": np.where(overridden, "overridden", "confirmed"),
            "original_decision": words[refused.astype(np.int64)],
            "final_decision": words[(refused ^ overridden).astype(np.int64)],
            "reason": np.where(overridden, "documents show another income", "no new facts"),
        },
    )


def _is_unreviewed(times: Micros, fault: UnreviewedWeeks) -> NDArray[np.bool_]:
    start = monday_in(fault.month)
    return (times >= start) & (times < start + fault.weeks * 7 * DAY_US)


def _next_office_day(times: Micros) -> Micros:
    """The same moments, or the next Monday from 07:00 for those on a Saturday or Sunday."""
    weekday = (times // DAY_US + 3) % 7  # 1970 began on a Thursday
    monday = (times // DAY_US + (7 - weekday)) * DAY_US + 7 * HOUR_US + times % (2 * HOUR_US)
    return np.where(weekday >= SATURDAY, monday, times)


def outcomes(decided: Applications, rng: np.random.Generator) -> pa.Table:
    """One row per client whose next payment is booked by the time of the export."""
    known = decided.times + MATURITY_DAYS * DAY_US + rng.integers(-3 * DAY_US, 3 * DAY_US, len(decided))
    rows = np.flatnonzero(known <= micros(EXPORTED))
    ids = decided.ids
    defaulted = column(decided.people, LABEL)[rows]
    return pa.table(
        {
            "application_id": [ids[row] for row in rows],
            "outcome": [LABEL] * rows.size,
            "value": defaulted,
            "due": iso(known[rows] - 5 * DAY_US),
            "booked": iso(known[rows]),
        },
    )
