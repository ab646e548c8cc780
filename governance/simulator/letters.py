"""Letters to applicants: of each refusal, and the answers to those who asked which data were used."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from governance.simulator.timeline import DAY_US, EXPORTED, HOUR_US, SECOND_US, iso, micros

if TYPE_CHECKING:
    from governance.simulator.credit import Applications
    from governance.simulator.timeline import Micros

ASKING_SHARE = 0.02  # of those who were refused
SLOWEST_DAYS, SLOWEST_ANSWER_DAYS = 14, 25  # within the 30 days and the month that the rules give
CHANNELS = ("letter", "portal")


def letters(decided: Applications, rng: np.random.Generator) -> pa.Table:
    """One row per letter that was sent by the time of the export or is asked for by then; none is late."""
    refused = np.flatnonzero(decided.refused)
    told = _morning(decided.times[refused] + rng.integers(1, SLOWEST_DAYS, refused.size) * DAY_US, rng)
    curious = np.flatnonzero(rng.uniform(size=refused.size) < ASKING_SHARE)
    asked = told[curious] + rng.integers(1, 20, curious.size) * DAY_US
    answered = _morning(asked + rng.integers(2, SLOWEST_ANSWER_DAYS, curious.size) * DAY_US, rng)
    sent, begun = np.concatenate([told, answered]), np.concatenate([told, asked])
    is_answer = np.arange(sent.size) >= refused.size
    is_sent = sent <= micros(EXPORTED)
    ids = decided.ids
    kinds = np.where(is_answer, "access", "adverse_action")
    whom = [ids[row] for row in np.concatenate([refused, refused[curious]])]
    table = pa.table(
        {
            "letter": [
                f"{'answer' if answer else 'refusal'}-{one}" for answer, one in zip(is_answer, whom, strict=True)
            ],
            "application_id": whom,
            "kind": kinds,
            "asked": np.where(is_answer, iso(begun), ""),
            "sent": np.where(is_sent, iso(sent), ""),
            "noted": iso(np.where(is_sent, sent, begun)),
            "channel": rng.choice(CHANNELS, sent.size),
        }
    )
    return table.filter(pa.array(is_sent | (is_answer & (begun <= micros(EXPORTED)))))


def _morning(times: Micros, rng: np.random.Generator) -> Micros:
    """The same days, some time in the morning when the letter shop sends."""
    return times // DAY_US * DAY_US + 7 * HOUR_US + rng.integers(0, 3 * 3_600, times.size) * SECOND_US
