"""The source files as a whole: repeatable, complete, mapped, and every column accounted for."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from governance.mapping import read_mapping
from governance.simulator import REAL_AND_SIMULATED, Origin, simulate
from tests.simulator.simulated import REPOSITORY, headings

if TYPE_CHECKING:
    from pathlib import Path

    from tests.simulator.simulated import Files

# Of a JSON Lines log the columns are keys, some of them nested; these matter.
GATEWAY_KEYS = ["startTime", "endTime", "completionStartTime", "model", "prompt_tokens", "response_cost", "status"]


def digests(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


class TestFiles:
    def test_the_same_seed_gives_the_same_bytes(self, faulty: Files, tmp_path: Path) -> None:
        simulate(tmp_path)
        assert digests(tmp_path) == digests(faulty.made.folder)

    @pytest.mark.slow
    def test_another_seed_gives_other_logs(self, faulty: Files, tmp_path: Path) -> None:
        simulate(tmp_path, seed=3)
        ours, others = digests(tmp_path), digests(faulty.made.folder)
        assert {name for name in ours if ours[name] == others[name]} == {
            *(f"credit/{name}" for name in ("model.txt", "card.yaml", "background.parquet")),
            *(f"credit/{name}.mapping.yaml" for name in ("applications", "reviews", "outcomes", "notices")),
            *(f"gateway/{name}" for name in ("prices.json", "assessments.mapping.yaml")),
            *(f"operations/{name}" for name in ("incidents.csv", "incidents.mapping.yaml")),  # told, not drawn
        }

    def test_the_mappings_are_valid_and_name_columns_that_exist(self, faulty: Files) -> None:
        for ingest in faulty.made.ingests:
            if ingest.mapping is None:
                continue
            mapping, _ = read_mapping(ingest.mapping)
            columns = set(headings(faulty, ingest.paths[0]))
            used = [*mapping.columns.values(), *mapping.subjects.values()]
            assert {rule.column for rule in used if rule.column} <= columns
            assert set(mapping.features) <= columns

    def test_every_file_is_delivered_or_registered(self, faulty: Files) -> None:
        made = faulty.made
        named = {path for ingest in made.ingests for path in (*ingest.paths, ingest.mapping) if path}
        named |= {made.model, made.card, made.background, made.prices}
        assert named == {path for path in made.folder.rglob("*") if path.is_file()}

    def test_both_twins_have_the_same_traffic(self, faulty: Files, clean: Files) -> None:
        assert faulty.made.applications == clean.made.applications == 18_000
        assert clean.made.requests == 14_374
        lost = clean.made.requests - faulty.made.requests
        assert 30 < lost < 100

    def test_both_quarters_are_filled(self, clean: Files) -> None:
        for table in ("applications", "requests"):
            months = f"SELECT DISTINCT strftime(time, '%Y-%m') FROM {table}"
            assert {month for (month,) in clean.rows(months)} == {f"2026-{number:02}" for number in range(4, 10)}


def words(origin: Origin) -> set[str]:
    """The columns that are named, ranges such as `PAY_2 to PAY_6` written out."""
    said = " ".join((*origin.real, *origin.measured, *origin.computed, *origin.simulated))
    for kind, first in (("PAY_", 2), ("BILL_AMT", 1), ("PAY_AMT", 1)):
        numbers = range(first, 7)
        said = said.replace(f"{kind}{first} to {kind}6", " ".join(f"{kind}{number}" for number in numbers))
    return set(said.replace(",", " ").replace("(", " ").replace(")", " ").split())


class TestOrigins:
    def test_every_column_of_every_file_is_accounted_for(self, faulty: Files) -> None:
        for origin in REAL_AND_SIMULATED:
            path = next(faulty.made.folder.glob(origin.file))
            columns = GATEWAY_KEYS if ".jsonl" in path.name else headings(faulty, path)
            assert set(columns) - words(origin) == set()

    def test_every_log_is_listed(self, faulty: Files) -> None:
        listed = {path for origin in REAL_AND_SIMULATED for path in faulty.made.folder.glob(origin.file)}
        assert listed == {path for ingest in faulty.made.ingests for path in ingest.paths}


def test_naming_the_faults_loads_no_heavy_library() -> None:
    code = (
        "import sys, governance.simulator as s; s.FaultPlan().faults(); print({'numpy', 'pyarrow'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=REPOSITORY)
    assert done.stdout.strip() == "set()"
