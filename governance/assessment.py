"""Tables and policies -> findings: every check measured in the engine, judged in Python, and stored."""

from __future__ import annotations

import hashlib
import json
import logging
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from governance.checks import Check, Measurement
from governance.engines.duckdb import Engine, EngineError, identifier
from governance.engines.gate import refusal
from governance.errors import MissingExtraError, Mistake, NotFoundError, PolicyError
from governance.findings import Evidence, Finding, Judgement, Observation, Subject, Verdict, Window, stamp
from governance.ledger import StagedFile
from governance.policy import Policy, due_date
from governance.scopes import Scope, UnknownDimensionError
from governance.store import Snapshot, Store
from governance.tables import FINDINGS
from governance.workspace import Workspace

log = logging.getLogger(__name__)


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


def assess(
    workspace: Workspace,
    policies: Sequence[Policy],
    window: Window,
    *,
    now: datetime,
    as_of: int | None = None,
) -> Assessment:
    """Measures and judges every check of the policies in a window, and stores the findings.

    Args:
        workspace: Where the store is.
        policies: Versions to check; each judges the part of the window in which it is in force.
        window: When.
        now: When it is judged; due dates count from it.
        as_of: Number of ledger entries to read; all by default.

    Raises:
        PolicyError: A predicate is more than a read-only expression.
        NotFoundError: No policy is in force in the window, or the ledger has fewer entries.
        BusyError: Another process is writing.
    """
    store = Store(workspace.store)
    snapshot = store.snapshot(as_of)
    with Engine(store.spill) as engine:
        snapshot.attach(engine)
        columns = {name: tuple(engine.columns(identifier(name))) for name in snapshot.views()}
        run = _Run(engine, snapshot, workspace, columns, window, now)
        findings = tuple(finding for policy in policies for finding in run.policy(policy))
    if not findings:
        raise NotFoundError(
            f"no policy is in force in {window.name}",
            where=str(workspace.policies),
            hint="look at `in_force: {from: ...}`",
        )
    _store_findings(store, workspace, snapshot, policies, window, findings, run, now)
    return Assessment(window, findings, snapshot.checkpoint.size, snapshot.checkpoint.root)


class _Run:
    """One assessment while it runs."""

    def __init__(
        self,
        engine: Engine,
        snapshot: Snapshot,
        workspace: Workspace,
        columns: Mapping[str, tuple[str, ...]],
        window: Window,
        now: datetime,
    ) -> None:
        self.engine = engine
        self.snapshot = snapshot
        self.workspace = workspace
        self.columns = columns
        self.window = window
        self.now = now
        self.run_id = uuid.uuid4().hex
        self.views_sql = snapshot.views_sql().encode()
        self.views_sha256 = hashlib.sha256(self.views_sql).hexdigest()

    def policy(self, policy: Policy) -> Iterator[Finding]:
        """The findings of one version, in the part of the window in which it is in force."""
        window = self.window.clip(*policy.in_force(self.workspace.timezone))
        if window is None or window.start >= self.now:
            return
        for check in policy.checks:
            yield from self.check(policy, check, window)

    def check(self, policy: Policy, check: Check, window: Window) -> Iterator[Finding]:
        """The findings of one check; whatever stops it is a finding too."""
        # What has not happened yet is no silence, and no missing review
        scope = self._scope(policy, check, window.clip(None, self.now) or window)
        measured, reason, verdict = None, None, Verdict.NOT_ASSESSED
        try:
            measured = check.measure(self.engine, scope)
        except UnknownDimensionError as error:
            reason = f"no record carries '{error.name}'; map it as a column or under `subjects:`"
        except MissingExtraError as error:
            verdict, reason = Verdict.ERRORED, f"{error.what}; {error.hint}"
        except EngineError as error:
            log.debug("check %s could not run", check.id, exc_info=True)
            verdict, reason = Verdict.ERRORED, f"the measurement could not run: {error}"
        if measured is None or not measured.observations:
            reason = reason or self._why_nothing(check, scope)
            nothing = Observation((), "records", None, "records", 0, reason=reason)
            yield self._finding(policy, check, window, measured, nothing, Judgement(verdict, reason, check.limit()))
            return
        for observation in measured.observations:
            yield self._finding(policy, check, window, measured, observation, check.verdict(observation))

    def _scope(self, policy: Policy, check: Check, window: Window) -> Scope:
        applies = policy.head.applies_to
        predicates = [text for text in (applies.where, check.where) if text]
        for text in predicates:
            refused = refusal(self.engine, text)
            if refused:
                raise PolicyError(
                    [Mistake(f"{policy.path}: {check.id}: where", f"the predicate is refused: {refused}")]
                )
        return Scope(
            window,
            {
                "model": applies.model,
                "operation": applies.operation,
                "business_unit": applies.business_unit,
                "environment": applies.environment,
            },
            tuple(f"({text})" for text in predicates),
            policy.head.favourable,
            self.workspace.timezone,
            self.columns,
            fiscal_year_start_month=self.workspace.fiscal_year_start_month,
            store=self.workspace.store,
        )

    def _why_nothing(self, check: Check, scope: Scope) -> str:
        """The first thing that is missing: records at all, or a column that the kind needs."""
        relation = scope.requests() if check.table == "requests" else scope.decisions()
        total = self.engine.value(f"SELECT count(*) FROM {relation}", scope.parameters)
        if not total:
            return f"no {check.table} in the window that the policy applies to"
        for needed in check.needs:
            table, _, column = needed.partition(".")
            if table in ("requests", "decisions"):
                where = scope.requests() if table == "requests" else scope.decisions()
                filled = self.engine.value(f"SELECT count({column}) FROM {where}", scope.parameters)
            else:
                filled = self.engine.value(f"SELECT count(*) FROM {table}") if table in self.columns else 0
            if not filled:
                return f"{total} {check.table}, but {needed} is empty; no source that was ingested fills it"
        return f"{total} {check.table}, but none that the check can measure"

    def _finding(
        self,
        policy: Policy,
        check: Check,
        window: Window,
        measured: Measurement | None,
        observation: Observation,
        judgement: Judgement,
    ) -> Finding:
        judged = self._waived(policy, check, window, observation.subject, judgement)
        open_ = judged.verdict in (Verdict.FAILED, Verdict.WARNED, Verdict.ERRORED)
        checkpoint = self.snapshot.checkpoint
        sql = ((measured.sql_of or {}).get(observation.subject) or measured.sql) if measured else ""
        evidence = Evidence(
            sql,
            {name: value for name, value in (measured.parameters if measured else {}).items() if f"${name}" in sql},
            self.views_sha256,
            type(check).method(),
            observation.samples,
            checkpoint.size,
            checkpoint.root,
        )
        identity = [self.run_id, policy.name, policy.version, check.id, json.dumps(dict(observation.subject))]
        return Finding(
            hashlib.sha256("|".join([*identity, observation.metric]).encode()).hexdigest()[:32],
            window,
            policy.name,
            policy.version,
            policy.sha256,
            check.id,
            check.kind,
            observation,
            judged,
            check.severity,
            check.owner or policy.head.owner,
            due_date(check, self.now) if open_ else None,
            check.controls,
            evidence,
        )

    def _waived(
        self, policy: Policy, check: Check, window: Window, subject: Subject, judgement: Judgement
    ) -> Judgement:
        """The judgement, or the waiver that excepts it: one that holds to the last day of what was measured."""
        if judgement.verdict not in (Verdict.FAILED, Verdict.WARNED):
            return judgement
        last_day = (window.end - timedelta(microseconds=1)).date()
        for waiver in policy.head.waivers:
            if waiver.covers(check.id, subject, last_day):
                excepted = f"waived by {waiver.approved_by} until {waiver.until}: {waiver.reason}"
                return Judgement(Verdict.WAIVED, f"{excepted} ({judgement.reason})", judgement.limit)
        return judgement


def _store_findings(
    store: Store,
    workspace: Workspace,
    snapshot: Snapshot,
    policies: Sequence[Policy],
    window: Window,
    findings: Sequence[Finding],
    run: _Run,
    now: datetime,
) -> None:
    import pyarrow as pa  # noqa: PLC0415

    from governance.batches import schema  # noqa: PLC0415 - brings pyarrow, which only writing needs

    rows = [_row(finding, run.run_id, now) for finding in findings]
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
        if not snapshot.blob(run.views_sha256).exists():
            staged.append(store.stage_blob(run.views_sql, {"blob": "views"}))
        facts: dict[str, Any] = {
            "run": run.run_id,
            "window": {"start": stamp(window.start), "end": stamp(window.end), "name": window.name},
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


def _row(finding: Finding, run_id: str, now: datetime) -> dict[str, Any]:
    observation, evidence = finding.observation, finding.evidence
    low, high = observation.interval or (None, None)
    return {
        "finding_id": finding.finding_id,
        "run_id": run_id,
        "assessed_ts": now.astimezone(UTC),
        "window_start": finding.window.start,
        "window_end": finding.window.end,
        "policy": finding.policy,
        "version": finding.version,
        "policy_sha256": finding.policy_sha256,
        "check_id": finding.check,
        "kind": finding.kind,
        "subject": json.dumps(dict(observation.subject), ensure_ascii=False),
        "metric": observation.metric,
        "value": observation.value,
        "unit": observation.unit,
        "interval_low": low,
        "interval_high": high,
        "n": observation.n,
        "counts": _json(observation.counts),
        "limits": _json(finding.judgement.limit),
        "verdict": str(finding.judgement.verdict),
        "reason": finding.judgement.reason,
        "severity": finding.severity,
        "owner": finding.owner,
        "due": str(finding.due) if finding.due else None,
        "controls": list(finding.controls),
        "evidence": _json(evidence_document(evidence)),
    }


def evidence_document(evidence: Evidence) -> dict[str, Any]:
    """What a stored finding and the JSON of `check` say about a figure's evidence."""
    return {
        "sql": evidence.sql,
        "parameters": dict(evidence.parameters),
        "views_sha256": evidence.views_sha256,
        "method": evidence.method,
        "request_ids": list(evidence.samples),
        "ledger": {"size": evidence.ledger_size, "root": evidence.ledger_root},
    }


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def document(assessment: Assessment) -> dict[str, Any]:
    """The JSON of `check`."""
    return {
        "window": {"start": _iso(assessment.window.start), "end": _iso(assessment.window.end)},
        "ledger": {"size": assessment.ledger_size, "root": assessment.ledger_root},
        "counts": assessment.counts(),
        "findings": [_finding_document(finding) for finding in assessment.findings],
    }


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _finding_document(finding: Finding) -> dict[str, Any]:
    observation = finding.observation
    return {
        "policy": finding.policy,
        "version": finding.version,
        "policy_sha256": finding.policy_sha256,
        "check": finding.check,
        "kind": finding.kind,
        "subject": dict(observation.subject),
        "metric": observation.metric,
        "value": observation.value,
        "unit": observation.unit,
        "interval": list(observation.interval) if observation.interval else None,
        "n": observation.n,
        "counts": dict(observation.counts),
        "limit": dict(finding.judgement.limit),
        "verdict": str(finding.judgement.verdict),
        "reason": finding.judgement.reason,
        "severity": finding.severity,
        "owner": finding.owner,
        "due": str(finding.due) if finding.due else None,
        "controls": list(finding.controls),
        "evidence": evidence_document(finding.evidence),
        "finding": finding.finding_id,
    }
