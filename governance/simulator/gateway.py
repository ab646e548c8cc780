"""The gateway stream: measured requests of six serving systems, on a simulated calendar.

Tokens, times to first token and generation times are measured; which unit asked, when, and through which route is
not (`origins.py` lists every column). A *row* carries what was measured and the unit, a *slot* is a moment: faults
that move traffic swap the slots of two rows, so that nothing is invented and the calendar stays as busy as it was.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow.parquet as pq

from governance.simulator.credit import is_silent
from governance.simulator.faults import UNITS
from governance.simulator.timeline import DAY_US, arrivals, monday_in, month_bounds, month_of

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from governance.simulator.faults import FallbackStorm, FaultPlan, OverBudget
    from governance.simulator.timeline import Micros

    Flags = NDArray[np.bool_]
    Whole = NDArray[np.int64]
    Words = NDArray[np.str_]


class Route(NamedTuple):
    """What a caller asks the gateway for, and the model that stands behind it."""

    group: str
    model: str


SUMMARY = "case-summary"
ARCHIVE = "case-archive"
BEFORE_RELEASE = "mistral-large-2407"
RELEASED = "mistral-large-2411"
RELEASE_MONTH = "2026-08"
ROUTES = {
    "ps_stack_low_high": Route(SUMMARY, RELEASED),
    "ps_stack_high_low": Route(SUMMARY, RELEASED),
    "ps_naive": Route(SUMMARY, RELEASED),
    "naive": Route(SUMMARY, RELEASED),
    "aibrix_naive_7": Route("case-triage", "mistral-small-2603"),
    "aibrix_high_low": Route(ARCHIVE, "mistral-medium-2508"),  # also the fallback of case-summary
}
USUAL_FALLBACK_SHARE = 0.15  # of the archive's requests; about 2 % of all summaries
ERROR_SHARE = 0.005
CACHE_SHARE = 0.01
ERRORS = ("RateLimitError", "InternalServerError", "Timeout")
TIMEOUT_US = 120_000_000


@dataclass(frozen=True, slots=True)
class Requests:
    """The gateway's requests in the order of time; every array has shape (n,).

    Attributes:
        times: When each began.
        systems: Measured system that served it.
        groups: What was asked for.
        models: Model that answered.
        units: Business unit.
        users: Number of the user in the measured data.
        input_tokens, output_tokens, ttft_us, total_us: As measured; simulated where `errors` or `cached`.
        fallen_back: Answered by the archive route in the place of case-summary.
        in_storm: Of those, the ones of the planted storm.
        errors: Class of the error, "" for none.
        cached: Answered from the gateway's cache.
    """

    times: Micros
    systems: Words
    groups: Words
    models: Words
    units: Words
    users: Whole
    input_tokens: Whole
    output_tokens: Whole
    ttft_us: Whole
    total_us: Whole
    fallen_back: Flags
    in_storm: Flags
    errors: Words
    cached: Flags

    def __len__(self) -> int:
        return len(self.times)

    def taken(self, rows: Whole) -> Requests:
        """The requests of these positions, in that order."""
        return Requests(*(getattr(self, name)[rows] for name in self.__slots__))


def release_month(plan: FaultPlan) -> str:
    """Month on the first of which the new model version answers; the same in the clean twin."""
    return plan.worse_answers.month if plan.worse_answers else RELEASE_MONTH


def replay(shipped: Path, rng: np.random.Generator, plan: FaultPlan) -> Requests:
    """The measured requests on the calendar of two quarters, with the planned faults in them.

    Args:
        shipped: Parquet file of the measured requests.
        rng: Decides when each comes, and which fail or are cached.
        plan: Faults to plant.
    """
    table = pq.read_table(shipped)
    size = table.num_rows
    measured = {name: table.column(name).to_numpy().astype(np.int64) for name in table.column_names if name != "system"}
    systems = np.array(table.column("system").to_pylist())
    times = rng.permutation(arrivals(size, rng))
    groups = np.array([ROUTES[system].group for system in systems])
    units = np.array(UNITS)[measured["user_no"] % len(UNITS)]
    fallen_back = (groups == ARCHIVE) & (rng.uniform(size=size) < USUAL_FALLBACK_SHARE)
    errors = np.where(rng.uniform(size=size) < ERROR_SHARE, rng.choice(ERRORS, size), "")
    cached = (errors == "") & ~fallen_back & (rng.uniform(size=size) < CACHE_SHARE)
    brief = rng.integers(15_000, 60_000, size)  # microseconds: a cache hit, or an error that is refused at once
    total = np.where(cached | (errors != ""), brief, measured["ttft_us"] + measured["generation_us"])
    faulty = np.random.default_rng([plan.seed, 2])
    if plan.over_budget:
        times = _moved_to_month(times, units, groups, plan.over_budget, faulty)
    in_storm = np.zeros(size, dtype=np.bool_)
    if plan.fallback_storm:
        free = (groups == ARCHIVE) & ~fallen_back & (errors == "") & ~cached
        times, in_storm = _stormed(times, groups == SUMMARY, free, plan.fallback_storm, faulty)
    requests = Requests(
        times=times,
        systems=systems,
        groups=groups,
        models=_models(systems, times, month_bounds(release_month(plan))[0]),
        units=units,
        users=measured["user_no"],
        input_tokens=np.where(errors == "", measured["prompt_tokens"], 0),
        output_tokens=np.where(errors == "", measured["output_tokens"], 0),
        ttft_us=np.where(cached | (errors != ""), total, measured["ttft_us"]),
        total_us=np.where(errors == "Timeout", TIMEOUT_US, total),
        fallen_back=fallen_back | in_storm,
        in_storm=in_storm,
        errors=errors,
        cached=cached,
    )
    return _logged(requests, plan)


def _models(systems: Words, times: Micros, released: int) -> Words:
    models = np.array([ROUTES[system].model for system in systems])
    return np.where((models == RELEASED) & (times < released), BEFORE_RELEASE, models)


def _logged(requests: Requests, plan: FaultPlan) -> Requests:
    """In the order of time, without what came while logging was down."""
    rows = np.argsort(requests.times)
    down = plan.logging_down
    if down and down.stream == "gateway":
        rows = rows[~is_silent(requests.times[rows], down)]
    return requests.taken(rows)


def _swapped(times: Micros, these: Whole, those: Whole) -> Micros:
    """The times after the rows of two equally long lists have changed places."""
    swapped = times.copy()
    swapped[these], swapped[those] = times[those], times[these]
    return swapped


def _moved_to_month(times: Micros, units: Words, groups: Words, fault: OverBudget, rng: np.random.Generator) -> Micros:
    """Moves summaries of one unit from other months into one, in exchange for those of other units."""
    start, end = month_bounds(fault.month)
    inside = (times >= start) & (times < end)
    own, summary = units == fault.unit, groups == SUMMARY
    usual = np.bincount(month_of(times[own & summary])).mean()
    outside, others = np.flatnonzero(own & summary & ~inside), np.flatnonzero(~own & summary & inside)
    missing = round(fault.times * usual) - int((own & summary & inside).sum())
    count = min(max(missing, 0), outside.size, others.size)
    return _swapped(times, rng.choice(outside, count, replace=False), rng.choice(others, count, replace=False))


def _stormed(
    times: Micros, asked: Flags, spare: Flags, fault: FallbackStorm, rng: np.random.Generator
) -> tuple[Micros, Flags]:
    """Puts answers of the fallback system into the slots of a share of the summaries on some days."""
    start = monday_in(fault.month)
    stormy = (times >= start) & (times < start + fault.days * DAY_US)
    hit = rng.permutation(np.flatnonzero(asked & stormy & (rng.uniform(size=times.size) < fault.share)))
    answers = np.flatnonzero(spare & ~stormy)
    count = min(hit.size, answers.size)
    rows = rng.choice(answers, count, replace=False)
    in_storm = np.zeros(times.size, dtype=np.bool_)
    in_storm[rows] = True
    return _swapped(times, hit[:count], rows), in_storm
