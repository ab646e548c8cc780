"""A finding as it is stored and as JSON shows it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from governance.findings import Evidence, Finding


def finding_row(finding: Finding, run_id: str, now: datetime) -> dict[str, Any]:
    """The row of the table `findings`."""
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


def finding_document(finding: Finding) -> dict[str, Any]:
    """The finding in the JSON of `check`."""
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
