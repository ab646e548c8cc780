"""Tables and policies -> findings: every check measured in the engine, judged in Python, and stored."""

from __future__ import annotations

import hashlib
import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from governance.engines.duckdb import Engine, identifier
from governance.errors import NotFoundError
from governance.examination import Examination, Ground
from governance.finding_rows import finding_document, finding_row
from governance.findings import Finding, Verdict, Window
from governance.measurement.false_alarms import FalseAlarms, Judged, false_alarms
from governance.moments import stamp
from governance.policies.policy import Policy
from governance.progress import Say, unheard
from governance.proof.ledger import StagedFile
from governance.storage.store import Snapshot, Store
from governance.tables import FINDINGS
from governance.workspace import Workspace

MEMORY_LIMIT = "850MB"  # of the engine: Great Expectations and Arrow need room beside it, with ten million rows too


@dataclass(frozen=True, slots=True)
class Assessment:
    """What an assessment found, and the ledger that it was computed from."""

    window: Window
    findings: tuple[Finding, ...]
    ledger_size: int
    ledger_root: str

    def counts(self) -> dict[str, int]:
        """Verdict -> number of findings, every verdict named."""
        found = Counter(str(finding.judgement.verdict) for finding in self.findings)
        return {str(verdict): found.get(str(verdict), 0) for verdict in Verdict}

    def false_alarms(self) -> FalseAlarms:
        """How many failures chance alone is expected to give."""
        return false_alarms(
            Judged(
                (one.policy, one.version, one.check),
                one.kind,
                one.judgement.verdict,
                one.observation.counts,
                one.judgement.limit,
            )
            for one in self.findings
        )


def assess(
    workspace: Workspace,
    policies: Sequence[Policy],
    window: Window,
    *,
    now: datetime,
    as_of: int | None = None,
    say: Say = unheard,
) -> Assessment:
    """Measures and judges every check of the policies in a window, and stores the findings.

    Args:
        workspace: Where the store is.
        policies: Versions to check; each judges the part of the window in which it is in force.
        window: When.
        now: When it is judged; due dates count from it.
        as_of: Number of ledger entries to read; all by default.
        say: Told which check is measured.

    Raises:
        PolicyError: A predicate is more than a read-only expression.
        NotFoundError: No policy is in force in the window, or the ledger has fewer entries.
        BusyError: Another process is writing.
    """
    store = Store(workspace.store)
    snapshot = store.snapshot(as_of)
    run_id = uuid.uuid4().hex
    views_sql = snapshot.views_sql().encode()
    with Engine(store.spill, MEMORY_LIMIT) as engine:
        snapshot.attach(engine)
        ground = Ground(
            {name: tuple(engine.columns(identifier(name))) for name in snapshot.views()},
            workspace.timezone,
            workspace.fiscal_year_start_month,
            workspace.store,
            snapshot.checkpoint.size,
            snapshot.checkpoint.root,
            hashlib.sha256(views_sql).hexdigest(),
        )
        examined = Examination(engine, ground, window, now, run_id, say)
        findings = tuple(finding for policy in policies for finding in examined.policy(policy))
    if not findings:
        raise NotFoundError(
            f"no policy is in force in {window.name}",
            where=str(workspace.policies),
            hint="look at `in_force: {from: ...}`",
        )
    _store_findings(store, workspace, snapshot, policies, _Run(run_id, window, views_sql), findings, now)
    return Assessment(window, findings, snapshot.checkpoint.size, snapshot.checkpoint.root)


class _Run(NamedTuple):
    """One assessment: its id, its window, and the script of the views that it read."""

    run_id: str
    window: Window
    views_sql: bytes


def _store_findings(
    store: Store,
    workspace: Workspace,
    snapshot: Snapshot,
    policies: Sequence[Policy],
    run: _Run,
    findings: Sequence[Finding],
    now: datetime,
) -> None:
    import pyarrow as pa  # noqa: PLC0415

    from governance.batches import schema  # noqa: PLC0415 - brings pyarrow, which only writing needs

    rows = [finding_row(finding, run.run_id, now) for finding in findings]
    at = stamp(now)
    with store.writing(workspace.key, now) as writer:
        known = {str(entry.facts["sha256"]) for entry in snapshot.of_kind("policy")}
        for policy in {policy.sha256: policy for policy in policies}.values():
            if policy.sha256 not in known:
                writer.commit(
                    "policy",
                    _policy_facts(policy, workspace.timezone),
                    [store.stage_blob(policy.raw, {"blob": "policy"})],
                    at=at,
                )
        staged: list[StagedFile] = store.stage_days(FINDINGS, pa.Table.from_pylist(rows, schema=schema(FINDINGS)))
        if not snapshot.blob(hashlib.sha256(run.views_sql).hexdigest()).exists():
            staged.append(store.stage_blob(run.views_sql, {"blob": "views"}))
        facts: dict[str, Any] = {
            "run": run.run_id,
            "window": {"start": stamp(run.window.start), "end": stamp(run.window.end), "name": run.window.name},
            "read": {"size": snapshot.checkpoint.size, "root": snapshot.checkpoint.root},
            "findings": len(findings),
            "policies": sorted({finding.policy_sha256 for finding in findings}),
        }
        writer.commit("findings", facts, staged, at=at)


def _policy_facts(policy: Policy, timezone: str) -> dict[str, Any]:
    approved = policy.head.approved
    start, end = policy.in_force(timezone)
    applies = policy.head.applies_to.model_dump(exclude_none=True)
    return {
        "favourable": {name: list(values) for name, values in policy.head.favourable.items()},
        "policy": policy.name,
        "version": policy.version,
        "sha256": policy.sha256,
        "from": str(policy.head.in_force.from_),
        "to": str(policy.head.in_force.to) if policy.head.in_force.to else None,
        "from_ts": stamp(start),
        "to_ts": None if end is None else stamp(end),
        "applies_to": {
            name: value if isinstance(value, str) else list(value) for name, value in applies.items() if value
        },
        "owner": policy.head.owner,
        "approved_by": approved.by if approved else None,
        "approved_on": str(approved.on) if approved else None,
    }


def document(assessment: Assessment) -> dict[str, Any]:
    """The JSON of `check`."""
    return {
        "window": {"start": _iso(assessment.window.start), "end": _iso(assessment.window.end)},
        "ledger": {"size": assessment.ledger_size, "root": assessment.ledger_root},
        "counts": assessment.counts(),
        "false_alarms": assessment.false_alarms().document(),
        "findings": [finding_document(finding) for finding in assessment.findings],
    }


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
