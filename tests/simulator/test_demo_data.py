"""The shipped data: small, attributed, made anew from its sources; and the policies that go with it."""

from __future__ import annotations

import runpy
import sys
from typing import TYPE_CHECKING
from unittest import mock

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml

from tests.simulator.simulated import DEMO_DATA, REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray


@pytest.fixture(scope="module")
def remade(shared_data: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped files that come from public data, made anew in another folder."""
    pytest.importorskip("lightgbm", reason="the script trains with lightgbm")
    data = shared_data("cost/genai_prices.json.gz").parents[1]
    folder = tmp_path_factory.mktemp("remade")
    for name in ("credit", "gateway"):
        (folder / name).mkdir()
    script = REPOSITORY / "scripts" / "make_demo_data.py"
    with mock.patch.object(sys, "argv", [str(script), str(data), str(folder)]):
        runpy.run_path(str(script), run_name="__main__")
    return folder


def predicted(model: Path) -> NDArray[np.float64]:
    import lightgbm

    rows = pq.read_table(DEMO_DATA / "credit" / "background.parquet")
    matrix = np.column_stack([column.to_numpy().astype(np.float64) for column in rows.columns])
    return np.asarray(lightgbm.Booster(model_file=str(model)).predict(matrix))


class TestShippedData:
    def test_all_of_it_is_small_and_attributed(self) -> None:
        attribution = (DEMO_DATA / "ATTRIBUTION.md").read_text(encoding="utf-8")
        files = [path for path in DEMO_DATA.rglob("*") if path.is_file()]
        assert sum(path.stat().st_size for path in files) < 2_000_000
        taken = [path for path in files if path.suffix in {".parquet", ".txt", ".json"}]
        assert len(taken) == 5
        assert all(path.relative_to(DEMO_DATA).as_posix() in attribution for path in taken)

    def test_it_can_be_made_anew(self, remade: Path) -> None:
        for name in ("credit/applicants.parquet", "credit/background.parquet", "gateway/measured.parquet"):
            assert pq.read_table(remade / name).equals(pq.read_table(DEMO_DATA / name))
        assert (remade / "gateway/prices.json").read_bytes() == (DEMO_DATA / "gateway/prices.json").read_bytes()

    def test_a_model_trained_anew_predicts_the_same(self, remade: Path) -> None:
        ours, theirs = predicted(DEMO_DATA / "credit" / "model.txt"), predicted(remade / "credit" / "model.txt")
        assert np.abs(ours - theirs).max() < 1e-6


class TestPolicies:
    @pytest.mark.parametrize("name", ["credit-decisions", "llm-assistant"])
    def test_controls_are_in_the_catalogue(self, name: str, shared_data: Callable[[str], Path]) -> None:
        folder = shared_data("../controls")
        known = {
            control["id"]
            for path in folder.glob("*.yaml")
            for control in yaml.safe_load(path.read_text(encoding="utf-8"))["controls"]
        }
        document = yaml.safe_load((REPOSITORY / "policies" / f"{name}.yaml").read_text(encoding="utf-8"))
        named = {control for check in document["checks"] for control in check["controls"]}
        assert named <= known
