"""Decisions -> stored attributions: contributions of many scores at once, each compared with the logged score."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from governance.batches import schema
from governance.engines.duckdb import Engine, identifier
from governance.errors import GovernanceError, SourceError, nearest
from governance.explainers import Attributions, explainer, reproduction
from governance.findings import Window
from governance.ingestion import model_folder
from governance.models.registered import RegisteredModel, find_model
from governance.moments import stamp
from governance.proof.ledger import StagedFile
from governance.storage.store import Snapshot, Store
from governance.tables import ATTRIBUTIONS
from governance.workspace import Workspace

ROWS_AT_ONCE = 50_000  # chosen here: 50,000 x 100 contributions are 40 MB


@dataclass(frozen=True, slots=True)
class Attributed:
    """What was computed for one version of a model.

    Attributes:
        model, version: Which.
        method: Explainer, or None where none could be used.
        decisions: In the window.
        stored: Attributions that were computed and stored now.
        already: Those that were stored before.
        unequal: Those whose sum is not the logged score within its tolerance.
        largest_error: Largest |base + contributions - output of the model|.
        reason: Why nothing was computed.
    """

    model: str
    version: str
    method: str | None
    decisions: int
    stored: int
    already: int
    unequal: int
    largest_error: float | None
    reason: str | None = None


def attribute(
    workspace: Workspace, window: Window, *, now: datetime, adverse: bool, method: str | None = None
) -> list[Attributed]:
    """Computes and stores the attributions of the decisions in a window that have none yet.

    Args:
        workspace: Where the store is.
        window: When.
        now: When they are computed.
        adverse: Only decisions that are not favourable.
        method: Explainer; by default interventional where a background is registered, else native.

    Raises:
        GovernanceError: There are no decisions in the window.
        BusyError: Another process is writing.
    """
    store = Store(workspace.store)
    results = []
    with store.writing(workspace.key, now) as writer:
        snapshot = store.snapshot()
        with Engine(store.spill) as engine:
            snapshot.attach(engine)
            work = _Work(engine, snapshot, store, window, now, adverse=adverse, method=method)
            for model, version, decisions in work.versions():
                result, staged = work.version(model, version, decisions)
                results.append(result)
                if staged:
                    facts: dict[str, Any] = {"model": model, "version": version, "method": result.method}
                    facts["rows"] = result.stored
                    read = {"size": snapshot.checkpoint.size, "root": snapshot.checkpoint.root}
                    writer.commit("attributions", facts | {"read": read}, staged, at=stamp(now))
    if not results:
        raise GovernanceError(
            f"there are no decisions in {window.name}", where="--window", hint="`governance status` shows when"
        )
    return results


class _Work:
    """One run over a window."""

    def __init__(
        self,
        engine: Engine,
        snapshot: Snapshot,
        store: Store,
        window: Window,
        now: datetime,
        *,
        adverse: bool,
        method: str | None,
    ) -> None:
        self.engine = engine
        self.snapshot = snapshot
        self.store = store
        self.now = now
        self.method = method
        self.parameters: dict[str, Any] = {"start": window.start.isoformat(), "end": window.end.isoformat()}
        self.where = "decision_ts >= CAST($start AS TIMESTAMPTZ) AND decision_ts < CAST($end AS TIMESTAMPTZ)"
        if adverse:
            self.where += " AND favourable IS FALSE"

    def versions(self) -> list[tuple[str, str, int]]:
        """Model, version and number of decisions, in order of name."""
        where = f"{self.where} AND model IS NOT NULL"
        sql = f"SELECT model, model_version, count(*) FROM decisions WHERE {where} GROUP BY ALL ORDER BY ALL"
        return [(row[0], row[1] or "", row[2]) for row in self.engine.rows(sql, self.parameters)]

    def version(self, model: str, version: str, decisions: int) -> tuple[Attributed, list[StagedFile]]:
        """The attributions of one version of a model, and their files."""
        registered = find_model(self.snapshot, model, version)
        reason = self._why_not(registered, model)
        if reason is not None or registered is None:
            return Attributed(model, version, None, decisions, 0, 0, 0, None, reason), []
        method = self.method or best_method(registered)
        wanted = self._wanted(registered, method)
        already = decisions - wanted.num_rows
        tables = [
            self._attributed(registered, method, wanted.slice(start, ROWS_AT_ONCE))
            for start in range(0, wanted.num_rows, ROWS_AT_ONCE)
        ]
        staged: list[StagedFile] = []
        for rows in tables:
            folder = model_folder(ATTRIBUTIONS.name, model, rows)
            staged += self.store.stage_days(ATTRIBUTIONS, rows, folder=folder, facts={"model": model})
        errors = [error for rows in tables for error in rows.column("additivity_error").to_pylist()]
        unequal = sum(_unequal(rows) for rows in tables)
        largest = max(errors, default=None)
        return Attributed(model, version, method, decisions, wanted.num_rows, already, unequal, largest), staged

    def _why_not(self, registered: RegisteredModel | None, model: str) -> str | None:
        if registered is None:
            return "no such model version is registered"
        if registered.artefact_sha256 is None:
            return "it is registered without a model file"
        if model not in self.snapshot.models():
            return "its inputs are not in the log"
        return None

    def _wanted(self, registered: RegisteredModel, method: str) -> pa.Table:
        """Inputs and logged scores of the decisions that have no attribution by that method yet."""
        names = logged_names(registered, self.engine.columns(identifier(f"features:{registered.model}")))
        features = ", ".join(f"f.{identifier(logged)} AS {identifier(name)}" for name, logged in names.items())
        anti = ""
        if registered.model in self.snapshot.models(ATTRIBUTIONS.name):
            stored = identifier(f"{ATTRIBUTIONS.name}:{registered.model}")
            anti = (
                f"AND NOT EXISTS (SELECT 1 FROM {stored} a WHERE a.decision_id = d.decision_id AND a.method = $method)"
            )
        return self.engine.arrow(
            f"SELECT d.decision_id, d.decision_ts, d.score, d.score_digits, {features} FROM decisions d "
            f"JOIN {identifier(f'features:{registered.model}')} f ON f.decision_id = d.decision_id "
            f"WHERE {self.where.replace('decision_ts', 'd.decision_ts')} "
            f"AND d.model = $model AND d.model_version = $version {anti} "
            "ORDER BY d.decision_ts, d.decision_id",
            self.parameters | {"model": registered.model, "version": registered.version, "method": method},
        )

    def _attributed(self, registered: RegisteredModel, method: str, wanted: pa.Table) -> pa.Table:
        found = compute(self.snapshot, registered, method, wanted)
        return _rows(registered, wanted, found, self.now)


def best_method(registered: RegisteredModel) -> str:
    """The explainer for a model: against its registered background where it has one and its splits allow it."""
    return "interventional" if registered.background_sha256 and not registered.facts["categorical"] else "native"


def logged_names(registered: RegisteredModel, known: Collection[str]) -> dict[str, str]:
    """Input of the model -> name under which the log has it: LightGBM writes `a_b` for a column called `a b`.

    Raises:
        SourceError: The log lacks an input.
    """
    by_model_name = {name.replace(" ", "_"): name for name in known} | {name: name for name in known}
    missing = [name for name in registered.facts["features"] if name not in by_model_name]
    if missing:
        hint = nearest(missing[0], known) or "map it under `features:`"
        where = f"{registered.model} {registered.version}"
        raise SourceError(f"the log has no input '{missing[0]}'", where=where, hint=hint)
    return {name: by_model_name[name] for name in registered.facts["features"]}


def compute(snapshot: Snapshot, registered: RegisteredModel, method: str, rows: pa.Table) -> Attributions:
    """The attributions of some rows by a registered model, in a child process."""
    background = None
    if method != "native" and registered.background_sha256:
        background = pq.read_table(snapshot.blob(registered.background_sha256))
    return explainer(method).explain(
        snapshot.blob(str(registered.artefact_sha256)),
        rows,
        background,
        sha256=str(registered.artefact_sha256),
        background_sha256=registered.background_sha256,
    )


def _rows(registered: RegisteredModel, wanted: pa.Table, found: Attributions, now: datetime) -> pa.Table:
    n = wanted.num_rows
    checks = list(score_checks(registered, wanted, found))
    fixed = {
        "decision_id": wanted.column("decision_id"),
        "decision_ts": wanted.column("decision_ts"),
        "model": [registered.model] * n,
        "model_version": [registered.version] * n,
        "artefact_sha256": [registered.artefact_sha256] * n,
        "method": [found.method] * n,
        "library": [found.library] * n,
        "output_space": [found.output_space] * n,
        "background_sha256": [found.background_sha256] * n,
        "base_value": [found.base_value] * n,
        "output_value": found.output_values,
        "additivity_error": found.additivity_errors,
        "score_error": [error for error, _ in checks],
        "score_tolerance": [tolerance for _, tolerance in checks],
        "computed_ts": [now.astimezone(UTC)] * n,
    }
    table = pa.table(fixed).cast(schema(ATTRIBUTIONS))
    for name in found.features:
        table = table.append_column(pa.field(name, pa.float64()), found.contributions.column(name))
    return table


def score_checks(
    registered: RegisteredModel, wanted: pa.Table, found: Attributions
) -> Iterator[tuple[float | None, float | None]]:
    """Distance between explanation and logged score, and how far it may be, of each row; None where none was logged."""
    contributions = [found.contributions.column(name).to_pylist() for name in found.features]
    for place, (score, digits) in enumerate(
        zip(wanted.column("score").to_pylist(), wanted.column("score_digits").to_pylist(), strict=True)
    ):
        if score is None:
            yield None, None
            continue
        own = [column[place] for column in contributions]
        link, scale = registered.facts["link"], float(registered.facts["link_scale"])
        checked = reproduction(
            score, digits, found.base_value, own, link, format=registered.facts["format"], link_scale=scale
        )
        yield checked.error, checked.tolerance


def _unequal(rows: pa.Table) -> int:
    """Rows whose sum is not the logged score, or whose logged number can be no score of the model's link."""
    pairs = zip(rows.column("score_error").to_pylist(), rows.column("score_tolerance").to_pylist(), strict=True)
    return sum(1 for error, tolerance in pairs if tolerance is not None and (error is None or error > tolerance))
