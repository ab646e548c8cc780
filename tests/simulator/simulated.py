"""A simulated folder, with its files as tables."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import duckdb
import numpy as np

from governance.simulator import SEED, FaultPlan, Simulation, simulate

if TYPE_CHECKING:
    from numpy.typing import NDArray

REPOSITORY = Path(__file__).resolve().parents[2]
SATURDAY = 5  # Monday is 0
DEMO_DATA = REPOSITORY / "governance" / "demo_data"
VIEWS = """
CREATE VIEW applications AS
SELECT *, CASE SEX WHEN 1 THEN 'male' ELSE 'female' END AS sex_name,
       CASE WHEN AGE < 25 THEN '25-' WHEN AGE < 35 THEN '25..34' WHEN AGE < 50 THEN '35..49' ELSE '50+' END AS age_band,
       time >= TIMESTAMPTZ '2026-07-01' AS reported
FROM read_csv('{folder}/credit/applications-*.csv.gz');
CREATE VIEW notices AS SELECT * FROM read_csv('{folder}/credit/notices.csv');
CREATE VIEW reviews AS SELECT * FROM read_csv('{folder}/credit/reviews.csv');
CREATE VIEW outcomes AS SELECT * FROM read_csv('{folder}/credit/outcomes.csv');
CREATE TABLE requests AS
SELECT *, to_timestamp(startTime) AS time, metadata.user_api_key_team_alias AS unit,
       metadata.attempted_fallbacks AS fallbacks, to_timestamp(startTime) >= TIMESTAMPTZ '2026-07-01' AS reported
FROM read_json('{folder}/gateway/requests-*.jsonl.gz', ignore_errors = true)
WHERE id IS NOT NULL
QUALIFY row_number() OVER (PARTITION BY id) = 1;
CREATE VIEW assessments AS SELECT * FROM read_csv('{folder}/gateway/assessments.csv');
"""


Row = tuple[Any, ...]
Columns = dict[str, "NDArray[Any]"]


@dataclass(frozen=True)
class Files:
    """A simulated folder and the tables in it: those of the credit desk, requests and assessments."""

    made: Simulation
    connection: duckdb.DuckDBPyConnection

    def rows(self, sql: str) -> list[Row]:
        """All rows of a statement."""
        return self.connection.execute(sql).fetchall()

    def value(self, sql: str) -> Any:
        """The only value of a statement."""
        return self.rows(sql)[0][0]

    def columns(self, sql: str) -> Columns:
        """The columns of a statement, each of shape (rows,)."""
        return {name: np.asarray(values) for name, values in self.connection.execute(sql).fetchnumpy().items()}

    def is_true(self, condition: str, table: str) -> bool:
        """Whether a condition holds in every row."""
        return bool(self.value(f"SELECT bool_and({condition}) FROM {table}"))


class Simulate(Protocol):
    """Simulates, or gives what was simulated before with the same arguments."""

    def __call__(self, *, clean: bool = False, seed: int = SEED, faults: FaultPlan | None = None) -> Files:
        """The files."""


def read(folder: Path, *, clean: bool = False, seed: int = SEED, faults: FaultPlan | None = None) -> Files:
    """Simulates into a folder and reads it back."""
    made = simulate(folder, clean=clean, seed=seed, faults=faults)
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute(VIEWS.format(folder=folder))
    return Files(made, connection)


def headings(files: Files, path: Path) -> list[str]:
    """Columns of a CSV file."""
    return [column[0] for column in files.connection.execute(f"SELECT * FROM read_csv('{path}') LIMIT 0").description]
