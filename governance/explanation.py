"""Request id -> explanation: what decided, why, under which rules, and how it can be proven.

Stored attributions come first; where there are none and the model is registered, they are computed now and said to be.
What is not known is a fact of its own: each is named with the reason in `missing`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from governance.engines.duckdb import Engine
from governance.explained.casefile import latest_findings, open_casefile
from governance.explained.changes import changes
from governance.explained.contributions import attribution, grade
from governance.explained.decided import NOT_OF_A_WIDE_TABLE, Decided
from governance.explained.in_force import own_findings, policies_in_force
from governance.explained.proofs import proof
from governance.explained.readings import readings
from governance.explained.reasons import data_used, meaning, reasons
from governance.explained.settled import settled
from governance.explained.stages import decided_by
from governance.storage.store import Store

OF_A_REQUEST = ("attempts", "guardrails", "reviews", "outcomes", "assessments", "notices")
_LATENCIES = ("latency_us", "ttft_us", "queue_us")


@dataclass(frozen=True, slots=True)
class Explanation:
    """One explained decision, or one request in which nothing was decided about anybody.

    Attributes:
        document: The JSON of `explain`.
    """

    document: Mapping[str, Any]

    @property
    def decision_id(self) -> str | None:
        """Id of the decision, or None for a request without one."""
        found = self.document["decision_id"]
        return None if found is None else str(found)


def explain(
    store_path: Path, wanted: str, *, as_of: int | None = None, compute: bool = True, whole: bool = False
) -> list[Explanation]:
    """The explanations of the decisions of one request; one for the request itself where it decided nothing.

    Args:
        store_path: The store; it may be read-only.
        wanted: Any request, client, response, trace or decision id.
        as_of: Number of ledger entries to read; all by default.
        compute: Whether contributions that are not stored are computed now.
        whole: Whether also what takes longer is looked up: what would have changed an adverse result, and who read
            explanations of the request before.

    Raises:
        NotFoundError: No request has that id.
        GovernanceError: Several have.
        LedgerError: A file is not the one that the ledger names.
    """
    snapshot = Store(store_path).snapshot(as_of)
    with Engine() as engine:
        case = open_casefile(snapshot, engine, wanted)
        moment = case.decisions[0]["decision_ts"] if case.decisions else case.request["start_ts"]
        findings = latest_findings(snapshot, engine, moment)
    decisions = [row for row in case.decisions if row["decision_id"] == wanted] or case.decisions
    return [_explanation(Decided(snapshot, case, row, findings), compute, whole) for row in decisions or [{}]]


def _explanation(decided: Decided, compute: bool, whole: bool) -> Explanation:
    policies = policies_in_force(decided)
    stands = settled(decided, policies)
    decided = replace(decided, decision={**decided.decision, "favourable": stands.favourable})
    request, decision = decided.request, decided.decision
    stage = decided_by(decided)
    attributed = attribution(decided, compute=compute) if decision.get("decision_id") else None
    document = {
        "request_id": request["request_id"],
        "decision_id": decision.get("decision_id"),
        "request_uid": request["request_uid"],
        "time": decided.moment,
        "grade": grade(attributed),
        "decided_by": stage,
        "decision": stands.decision,
        "decision_before": stands.before,
        "favourable": stands.favourable,
        "score": decision.get("score"),
        "threshold": decision.get("threshold"),
        "confidence": decision.get("confidence"),
        "model": decided.model,
        "model_version": decision.get("model_version") or request["model_version"],
        "explanation": attributed,
        "reasons": reasons(decided, stage, attributed),
        "meaning": meaning(decided, stands.decision),
        "data_used": data_used(decided),
        "changes": changes(decided, stage["stage"]) if whole else None,
        "findings": own_findings(decided, policies),
        "policies": policies,
        "request": _filled(request),
        **{table: decided.of[table] for table in OF_A_REQUEST},
        "subject": decided.subject(),
        "cost_usd": _cost(decided),
        "latency_us": {name: request[name] for name in _LATENCIES if request[name] is not None},
        "readings": readings(decided) if whole else None,
        "missing": decided.missing,
        "proof": proof(decided),
    }
    return Explanation(document)


def _filled(request: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value
        for name, value in request.items()
        if value not in (None, [], {}) and name not in NOT_OF_A_WIDE_TABLE
    }


def _cost(decided: Decided) -> float | None:
    """The cost that the source logged, else the one computed."""
    known = (decided.request[name] for name in ("cost_reported", "cost_computed"))
    cost = next((cost for cost in known if cost is not None), None)
    if cost is None:
        decided.lacks("cost_usd", "the log carries no cost, and none was computed")
    return None if cost is None else float(Decimal(str(cost)))
