"""Scores that a simulated judge gives a sample of the gateway's answers.

The measured requests carry no content, so nothing could be judged: every score here is drawn from a beta
distribution, and only the planted faults move its mean.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from governance.simulator.gateway import RELEASED, Requests
from governance.simulator.gateway_log import PROMPT_VERSION
from governance.simulator.timeline import HOUR_US, SECOND_US, iso, month_bounds

if TYPE_CHECKING:
    from governance.simulator.faults import FaultPlan

SAMPLED_SHARE = 0.3
USUAL_MEAN = 0.86
SPREAD = 25.0  # sum of the two parameters of the beta distribution; standard deviation about 0.07
GROUNDED_FROM = 0.7
JUDGE = "judge-small-2604"
SCORE = "groundedness"


def assess(requests: Requests, ids: list[str], rng: np.random.Generator, plan: FaultPlan) -> pa.Table:
    """One row per judged answer: each third answer or so, and every answer of the fallback."""
    answered = requests.errors == ""
    sampled = rng.uniform(size=len(requests)) < SAMPLED_SHARE
    rows = np.flatnonzero(answered & (sampled | requests.fallen_back))
    mean = np.full(rows.size, USUAL_MEAN)
    if plan.worse_answers:
        # The storm's answers stay below those of the model that they stand in for.
        late = requests.times[rows] >= month_bounds(plan.worse_answers.month)[0]
        mean -= plan.worse_answers.drop * ((requests.models[rows] == RELEASED) | (requests.in_storm[rows] & late))
    if plan.fallback_storm:
        mean -= plan.fallback_storm.drop * requests.in_storm[rows]
    mean = np.clip(mean, 0.02, 0.98)
    scores = np.round(rng.beta(mean * SPREAD, (1.0 - mean) * SPREAD), 3)
    done = requests.times[rows] + requests.total_us[rows]
    return pa.table(
        {
            "request_id": [ids[row] for row in rows],
            "score_name": [SCORE] * rows.size,
            "score": scores,
            "label": np.where(scores >= GROUNDED_FROM, "grounded", "doubtful"),
            "annotator_kind": ["llm"] * rows.size,
            "annotator": [JUDGE] * rows.size,
            "created": iso(done + rng.integers(60 * SECOND_US, HOUR_US, rows.size)),
            "model": requests.models[rows],
            "prompt_version": [PROMPT_VERSION] * rows.size,
        },
    )
