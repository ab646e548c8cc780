"""The credit stream: real applicants, scored by a real model, on a simulated calendar.

The applicants and what became of them are real; times, units, latencies and the people who review are not
(`origins.py` lists every column).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from governance.simulator.faults import GROUPS
from governance.simulator.timeline import HOUR_US, arrivals, iso, monday_in, month_bounds, month_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from governance.simulator.faults import DriftedInput, FaultPlan, GroupRefused, LoggingDown
    from governance.simulator.timeline import Micros

    Flags = NDArray[np.bool_]
    Scores = NDArray[np.float64]

MODEL = "credit-default"
MODEL_VERSION = "2026.1"
THRESHOLD = 0.5  # refused at or above; chosen here, refuses about one applicant in eight
LOW_CONFIDENCE = 0.6  # a person looks at what lies below
ARREARS_RULE = "arrears-3-months"
ARREARS_MONTHS = 3
LABEL = "default_next_month"
UNITS = ("branch-north", "branch-south", "online", "partners")
UNIT_SHARES = (0.25, 0.2, 0.4, 0.15)
SEXES = {1: "male", 2: "female"}
AGE_EDGES = (25, 35, 50)
NOT_FEATURES = ("ID", "SEX", "AGE", "MARRIAGE", LABEL)


@dataclass(frozen=True, slots=True)
class Applications:
    """The decided applications, in the order of time; every array has shape (n,).

    Attributes:
        people: The 23 inputs of the source, the client's number and what became of them.
        times: When each was decided.
        scores: Probability of default, rounded to the ten digits that are logged.
        by_rule: Whether the arrears rule decided and not the model.
        refused: The logged decision.
        units: Business unit.
        latency_ms: Time that the decision took.
    """

    people: pa.Table
    times: Micros
    scores: Scores
    by_rule: Flags
    refused: Flags
    units: NDArray[np.str_]
    latency_ms: Scores

    def __len__(self) -> int:
        return len(self.times)

    @property
    def ids(self) -> list[str]:
        """Request ids, in the order of decision."""
        return [f"app-{number}" for number in column(self.people, "ID")]

    @property
    def confidence(self) -> Scores:
        """Probability of the likelier class."""
        return np.maximum(self.scores, 1.0 - self.scores)

    @property
    def unsure(self) -> Flags:
        """Decisions of the model that a person has to look at."""
        return (self.confidence < LOW_CONFIDENCE) & ~self.by_rule

    def kept(self, mask: Flags) -> Applications:
        """The applications for which the mask is true."""
        return Applications(
            self.people.filter(pa.array(mask)),
            self.times[mask],
            self.scores[mask],
            self.by_rule[mask],
            self.refused[mask],
            self.units[mask],
            self.latency_ms[mask],
        )


def column(table: pa.Table, name: str) -> NDArray[np.int64]:
    """A column of whole numbers; int64, shape (n,)."""
    values: NDArray[np.int64] = table.column(name).to_numpy().astype(np.int64)
    return values


def model_inputs(people: pa.Table) -> pa.Table:
    """The columns that the model sees; float64."""
    features = people.drop_columns(list(NOT_FEATURES))
    return features.cast(pa.schema([(name, pa.float64()) for name in features.column_names]))


def decide(
    shipped: Path, score: Callable[[pa.Table], Scores], rng: np.random.Generator, plan: FaultPlan
) -> Applications:
    """The applications of two quarters with the planned faults in them.

    Args:
        shipped: Parquet file of the applicants.
        score: Probability of default for a table of model inputs.
        rng: Decides who applies when, where, and how long it took.
        plan: Faults to plant.
    """
    people = pq.read_table(shipped)
    people = people.take(rng.permutation(people.num_rows))
    times = arrivals(people.num_rows, rng)
    if plan.drifted_input:
        people = _drifted(people, times, plan.drifted_input)
    scores = np.round(score(model_inputs(people)), 10)
    by_rule = column(people, "PAY_0") >= ARREARS_MONTHS
    units = rng.choice(UNITS, people.num_rows, p=UNIT_SHARES)
    latency_ms = np.round(rng.lognormal(np.log(60), 0.35, people.num_rows), 3)
    decided = Applications(people, times, scores, by_rule, by_rule | (scores >= THRESHOLD), units, latency_ms)
    faulty = np.random.default_rng([plan.seed, 1])
    if plan.group_refused:
        decided = _refusing(decided, plan.group_refused, faulty)
    if plan.logging_down and plan.logging_down.stream == "credit":
        decided = decided.kept(~is_silent(decided.times, plan.logging_down))
    return decided


def is_silent(times: Micros, fault: LoggingDown) -> Flags:
    """Whether each moment lies in the hours in which logging is down."""
    start = monday_in(fault.month) + 9 * HOUR_US
    return (times >= start) & (times < start + fault.hours * HOUR_US)


def _drifted(people: pa.Table, times: Micros, fault: DriftedInput) -> pa.Table:
    start, end = month_bounds(fault.month)
    values = column(people, fault.feature)
    hit = (times >= start) & (times < end)
    changed = np.where(hit, np.round(values * fault.factor).astype(np.int64), values)
    position = people.column_names.index(fault.feature)
    return people.set_column(position, fault.feature, pa.array(changed))


def belongs(people: pa.Table, group: Mapping[str, str]) -> Flags:
    """Whether each person is in a group such as `{"sex": "female", "age_band": "25-"}`."""
    sexes = np.array([SEXES[number] for number in column(people, "SEX")])
    bands = np.array(GROUPS["age_band"])[np.searchsorted(AGE_EDGES, column(people, "AGE"), side="right")]
    known = {"sex": sexes, "age_band": bands}
    mask = np.ones(people.num_rows, dtype=np.bool_)
    for attribute, value in group.items():
        mask &= known[attribute] == value
    return mask


def _refusing(decided: Applications, fault: GroupRefused, rng: np.random.Generator) -> Applications:
    """Refuses a share of the group's approvals; the score stays, and the log names no rule."""
    start, _ = month_bounds(fault.month)
    hit = belongs(decided.people, fault.group) & ~decided.refused & (decided.times >= start)
    hit &= rng.uniform(size=len(decided)) < fault.share
    return replace(decided, refused=decided.refused | hit)


def log_table(decided: Applications) -> pa.Table:
    """The rows of the application log, as text and numbers for CSV."""
    confidence = [f"{value:.10f}" for value in decided.confidence]
    ours = {
        "application_id": decided.ids,
        "time": iso(decided.times),
        "model": [MODEL] * len(decided),
        "model_version": [MODEL_VERSION] * len(decided),
        "score": [f"{value:.10f}" for value in decided.scores],
        "threshold": [f"{THRESHOLD:.2f}"] * len(decided),
        "decision": np.where(decided.refused, "refused", "approved"),
        "confidence": pa.array(confidence, mask=decided.by_rule),
        "stage": np.where(decided.by_rule, "rule", "model"),
        "rule": pa.array([ARREARS_RULE] * len(decided), mask=~decided.by_rule),
        "escalated": np.where(decided.unsure, "true", "false"),
        "business_unit": decided.units,
        "latency_ms": [f"{value:.3f}" for value in decided.latency_ms],
    }
    clients = [f"client-{number}" for number in column(decided.people, "ID")]
    inputs = decided.people.drop_columns(["ID", LABEL])
    table = pa.table({**ours, "client": clients})
    for name in inputs.column_names:
        table = table.append_column(name, inputs.column(name))
    return table


def by_month(decided: Applications) -> list[pa.Table]:
    """The application log, one table per month of the demo."""
    table = log_table(decided)
    months = month_of(decided.times)
    bounds = np.searchsorted(months, np.arange(months.max() + 2))
    return [table.slice(first, last - first) for first, last in pairwise(bounds.tolist())]
