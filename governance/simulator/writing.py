"""Puts the two streams of the demo into files; the same seed gives the same bytes."""

from __future__ import annotations

import gzip
import hashlib
import shutil
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
from pyarrow import csv

from governance import artefacts
from governance.simulator import Ingest, credit, gateway, gateway_log, incidents, judge, letters, oversight
from governance.simulator.timeline import MONTHS

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from governance.simulator.faults import FaultPlan

LEVEL = 3  # of gzip, chosen here: twice as fast as the usual 9 for a tenth more bytes
CREDIT_MAPPINGS = ("applications", "reviews", "outcomes", "notices")
STREAM_CREDIT, STREAM_GATEWAY, STREAM_LETTERS = (
    1,
    2,
    3,
)  # apart: a change to one leaves the others as they were


class Written(NamedTuple):
    """Files of one stream."""

    ingests: tuple[Ingest, ...]
    records: int
    repeated: int = 0
    broken: int = 0


def write_credit(shipped: Path, folder: Path, seed: int, plan: FaultPlan) -> Written:
    """Applications by month, reviews, outcomes, letters, the model and the mappings."""
    names = ("model.txt", "card.yaml", "background.parquet")
    _copy(shipped, folder, (*names, *(f"{name}.mapping.yaml" for name in CREDIT_MAPPINGS)))
    rng = np.random.default_rng([seed, STREAM_CREDIT])
    decided = credit.decide(
        shipped / "applicants.parquet", lambda table: _scores(folder / "model.txt", table), rng, plan
    )
    paths = []
    for month, table in zip(MONTHS, credit.by_month(decided), strict=False):
        paths.append(folder / f"applications-{month}.csv.gz")
        _compress(paths[-1], _csv(table))
    (folder / "reviews.csv").write_bytes(_csv(oversight.reviews(decided, rng, plan)))
    (folder / "outcomes.csv").write_bytes(_csv(oversight.outcomes(decided, rng)))
    own = np.random.default_rng([seed, STREAM_LETTERS])
    (folder / "notices.csv").write_bytes(_csv(letters.letters(decided, own)))
    sides = (Ingest((folder / f"{name}.csv",), None, folder / f"{name}.mapping.yaml") for name in CREDIT_MAPPINGS[1:])
    ingests = (Ingest(tuple(paths), None, folder / "applications.mapping.yaml"), *sides)
    return Written(ingests, len(decided))


def write_gateway(shipped: Path, folder: Path, seed: int, plan: FaultPlan) -> Written:
    """Requests by month, assessments and their mapping."""
    _copy(shipped, folder, ("prices.json", "assessments.mapping.yaml"))
    rng = np.random.default_rng([seed, STREAM_GATEWAY])
    requests = gateway.replay(shipped / "measured.parquet", rng, plan)
    ids = gateway_log.draw_ids(len(requests), rng)
    prices = gateway_log.read_prices(folder / "prices.json", set(requests.models.tolist()))
    logs = gateway_log.by_month(requests, ids, prices, rng)
    paths = []
    for month, log in zip(MONTHS, logs, strict=False):
        paths.append(folder / f"requests-{month}.jsonl.gz")
        _compress(paths[-1], "".join(f"{line}\n" for line in log.lines).encode())
    (folder / "assessments.csv").write_bytes(_csv(judge.assess(requests, ids, rng, plan)))
    ingests = (
        Ingest(tuple(paths), "litellm", None),
        Ingest((folder / "assessments.csv",), None, folder / "assessments.mapping.yaml"),
    )
    return Written(ingests, len(requests), sum(log.repeated for log in logs), sum(log.broken for log in logs))


def write_operations(shipped: Path, folder: Path, plan: FaultPlan) -> Written:
    """Incidents and their mapping."""
    _copy(shipped, folder, ("incidents.mapping.yaml",))
    table = incidents.incidents(plan)
    (folder / "incidents.csv").write_bytes(_csv(table))
    return Written((Ingest((folder / "incidents.csv",), None, folder / "incidents.mapping.yaml"),), table.num_rows)


def _scores(model: Path, table: pa.Table) -> credit.Scores:
    digest = hashlib.sha256(model.read_bytes()).hexdigest()
    return np.asarray(artefacts.scores(model, table, sha256=digest), dtype=np.float64)


def _copy(shipped: Path, folder: Path, names: Iterable[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        shutil.copyfile(shipped / name, folder / name)


def _csv(table: pa.Table) -> bytes:
    buffer = pa.BufferOutputStream()
    csv.write_csv(table, buffer, csv.WriteOptions(quoting_style="needed"))
    return bytes(buffer.getvalue())


def _compress(path: Path, content: bytes) -> None:
    path.write_bytes(gzip.compress(content, LEVEL, mtime=0))
