"""Writes the source files of the demo: what an organisation would have, real and measured data on a new calendar."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import as_file, files
from typing import TYPE_CHECKING

from governance.simulator.faults import (
    DriftedInput,
    FallbackStorm,
    Fault,
    FaultPlan,
    GroupRefused,
    LoggingDown,
    OverBudget,
    UnreviewedWeeks,
    WorseAnswers,
)
from governance.simulator.origins import REAL_AND_SIMULATED, Origin

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "REAL_AND_SIMULATED",
    "DriftedInput",
    "FallbackStorm",
    "Fault",
    "FaultPlan",
    "GroupRefused",
    "Ingest",
    "LoggingDown",
    "Origin",
    "OverBudget",
    "Simulation",
    "UnreviewedWeeks",
    "WorseAnswers",
    "simulate",
]

SEED = 20260401


@dataclass(frozen=True, slots=True)
class Ingest:
    """Files that are ingested together, in the order in which an organisation would deliver them.

    Attributes:
        paths: The files.
        source: Name of the log format, or None where a mapping says how to read them.
        mapping: Mapping file, or None where the format is a known one.
    """

    paths: tuple[Path, ...]
    source: str | None
    mapping: Path | None


@dataclass(frozen=True, slots=True)
class Simulation:
    """What was written, and what was planted in it.

    Attributes:
        folder: Folder of the source files.
        ingests: What to ingest, in order.
        model, card, background: The credit model, its card and the sample of training rows to register with it.
        prices: Excerpt of the price table that the costs were computed with.
        faults: The planted faults; empty for the clean twin.
        applications, requests: Distinct records in the two logs.
        repeated: Lines of the gateway log that stand there twice.
        broken: Lines of the gateway log that are no JSON.
    """

    folder: Path
    ingests: tuple[Ingest, ...]
    model: Path
    card: Path
    background: Path
    prices: Path
    faults: tuple[Fault, ...]
    applications: int
    requests: int
    repeated: int
    broken: int


def simulate(folder: Path, *, clean: bool = False, seed: int = SEED, faults: FaultPlan | None = None) -> Simulation:
    """Writes the source files of the demo.

    Args:
        folder: Where to; it is made, and files of the same names are replaced.
        clean: Plants no fault, whatever `faults` says: the twin with the same traffic.
        seed: The same seed gives the same files.
        faults: Which faults are planted; None plants all seven as the demo shows them.

    Raises:
        MissingExtraError: lightgbm is not installed; the applicants are scored when this runs.
    """
    from governance.simulator.writing import write_credit, write_gateway, write_operations  # noqa: PLC0415  (loads numpy and pyarrow)

    plan = FaultPlan.none() if clean else faults or FaultPlan()
    with as_file(files("governance").joinpath("demo_data")) as shipped:
        credit = write_credit(shipped / "credit", folder / "credit", seed, plan)
        gateway = write_gateway(shipped / "gateway", folder / "gateway", seed, plan)
        operations = write_operations(shipped / "operations", folder / "operations", plan)
    return Simulation(
        folder=folder,
        ingests=(*credit.ingests, *gateway.ingests, *operations.ingests),
        model=folder / "credit" / "model.txt",
        card=folder / "credit" / "card.yaml",
        background=folder / "credit" / "background.parquet",
        prices=folder / "gateway" / "prices.json",
        faults=plan.faults(),
        applications=credit.records,
        requests=gateway.records,
        repeated=gateway.repeated,
        broken=gateway.broken,
    )
