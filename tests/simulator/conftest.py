"""Simulated folders, each written once for all tests here."""

from __future__ import annotations

import pytest

from governance.simulator import SEED, FaultPlan
from tests.simulator.simulated import Files, Simulate, read


@pytest.fixture(scope="session")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Simulate:
    pytest.importorskip("lightgbm", reason="the simulator scores its applicants with lightgbm")
    made: dict[str, Files] = {}

    def files(*, clean: bool = False, seed: int = SEED, faults: FaultPlan | None = None) -> Files:
        key = repr((clean, seed, faults))
        if key not in made:
            made[key] = read(tmp_path_factory.mktemp("demo"), clean=clean, seed=seed, faults=faults)
        return made[key]

    return files


@pytest.fixture(scope="session")
def clean(simulated: Simulate) -> Files:
    return simulated(clean=True)


@pytest.fixture(scope="session")
def faulty(simulated: Simulate) -> Files:
    return simulated()
