"""Request id -> explanation: what decided, why, under which rules, and how it can be proven.

Stored attributions come first; where there are none and the model is registered, they are computed now and said to be.
What is not known is a fact of its own: each is named with the reason in `missing`.
"""

from __future__ import annotations

import fnmatch
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from governance.casefile import Casefile, latest_findings, open_casefile
from governance.engines.duckdb import Engine
from governance.errors import GovernanceError
from governance.proof.merkle import leaf_hash, prove_inclusion
from governance.replay import attribution_now
from governance.storage.checked_files import Row
from governance.storage.store import Snapshot, Store

MAX_REASONS = 4  # more than four are not likely to help: Regulation B, comment 9(b)(2)-1
_WIDE = {"decision_id", "decision_ts", "is_conflict", "file_sha256", "row_no"}
_OF_RECORD = {"record_id", "target_id", "request_uid", "known_ts"}
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


def explain(store_path: Path, wanted: str, *, as_of: int | None = None, compute: bool = True) -> list[Explanation]:
    """The explanations of the decisions of one request; one for the request itself where it decided nothing.

    Args:
        store_path: The store; it may be read-only.
        wanted: Any request, client, response, trace or decision id.
        as_of: Number of ledger entries to read; all by default.
        compute: Whether contributions that are not stored are computed now.

    Raises:
        NotFoundError: No request has that id.
        GovernanceError: Several have.
        LedgerError: A file is not the one that the ledger names.
    """
    store = Store(store_path)
    snapshot = store.snapshot(as_of)
    with Engine() as engine:
        case = open_casefile(snapshot, engine, wanted)
        moment = case.decisions[0]["decision_ts"] if case.decisions else case.request["start_ts"]
        found = latest_findings(snapshot, engine, moment)
    decisions = [row for row in case.decisions if row["decision_id"] == wanted] or case.decisions
    rows: list[Row | None] = [*decisions] or [None]
    return [_Explained(snapshot, case, row, found, compute=compute).explanation() for row in rows]


class _Explained:
    """One decision while it is explained."""

    def __init__(
        self, snapshot: Snapshot, case: Casefile, decision: Row | None, findings: Sequence[Row], *, compute: bool
    ) -> None:
        self.snapshot = snapshot
        self.case = case
        self.decision = decision
        self.request = case.request
        self.findings = findings
        self.compute = compute
        self.missing: list[dict[str, str]] = []
        key = decision["decision_id"] if decision else None
        self.of = {table: case.of_decision(table, key) if key else rows for table, rows in case.rows.items()}

    def explanation(self) -> Explanation:
        decision = self.decision or {}
        policies = self._policies()
        decided_by = self._decided_by()
        attribution = self._attribution() if self.decision else None
        document = {
            "request_id": self.request["request_id"],
            "decision_id": decision.get("decision_id"),
            "request_uid": self.request["request_uid"],
            "time": decision.get("decision_ts") or self.request["start_ts"],
            "grade": self._grade(attribution),
            "decided_by": decided_by,
            "decision": decision.get("final_decision") or decision.get("decision"),
            "favourable": decision.get("favourable"),
            "score": decision.get("score"),
            "threshold": decision.get("threshold"),
            "confidence": decision.get("confidence"),
            "model": decision.get("model") or self.request["model_served"] or self.request["model_requested"],
            "model_version": decision.get("model_version") or self.request["model_version"],
            "explanation": attribution,
            "reasons": self._reasons(decided_by, attribution),
            "findings": self._own_findings(policies),
            "policies": policies,
            "request": self._request_facts(),
            "attempts": self.of["attempts"],
            "guardrails": self.of["guardrails"],
            "reviews": self.of["reviews"],
            "outcomes": self.of["outcomes"],
            "assessments": self.of["assessments"],
            "subject": self._subject(),
            "cost_usd": self._cost(),
            "latency_us": {name: self.request[name] for name in _LATENCIES if self.request[name] is not None},
            "missing": self.missing,
            "proof": self._proof(),
        }
        return Explanation(document)

    def _wide(self, table: str) -> dict[str, Any]:
        rows = self.of[table]
        return {name: value for name, value in rows[0].items() if name not in _WIDE} if rows else {}

    def _subject(self) -> dict[str, Any]:
        """Protected attributes; of one that the log and other files give, the one that became known last."""
        parts = [(row["decision_ts"], row) for row in self.of["subjects"]]
        parts += [(row["known_ts"], row) for row in self.of["subject_records"]]
        found: dict[str, Any] = {}
        for _, row in sorted(parts, key=lambda part: (part[0], part[1]["file_sha256"], part[1]["row_no"])):
            own = {name: value for name, value in row.items() if name not in _WIDE | _OF_RECORD}
            found |= {name: value for name, value in own.items() if value is not None or name not in found}
        return found

    def _decided_by(self) -> dict[str, Any]:
        """The stage that decided, and what says so; a person who overrode comes before what was logged."""
        stage, evidence = self._logged_stage() or self._inferred_stage()
        return {"stage": stage, "evidence": evidence}

    def _logged_stage(self) -> tuple[str, str] | None:
        decision = self.decision or {}
        override = next((row for row in self.of["reviews"] if row["outcome"] == "overridden"), None)
        if override:
            return "human", f"review {override['review_id']}: overridden by {override['reviewer'] or 'a reviewer'}"
        if decision.get("deciding_stage"):
            rule = f", rule {decision['rule_id']}" if decision.get("rule_id") else ""
            return decision["deciding_stage"], f"logged as decided by the {decision['deciding_stage']}{rule}"
        return ("rule", f"rule {decision['rule_id']} is logged with the decision") if decision.get("rule_id") else None

    def _inferred_stage(self) -> tuple[str | None, str]:
        request = self.request
        if request["cache_status"] in ("exact_hit", "semantic_hit"):
            return "cache", f"the answer came from a cache ({request['cache_status']})"
        if request["fallbacks"]:
            instead = f" instead of {request['fallback_from']}" if request["fallback_from"] else ""
            return "fallback", f"{request['model_served']} answered{instead}"
        if request["status"] != "ok":
            return None, f"nothing was decided: the request ended with status {request['status']}"
        return "model", "no rule, cache, fallback or review is logged, so the model's output stood"

    def _attribution(self) -> dict[str, Any] | None:
        rows = self.of["attributions"]
        if rows:
            return self._stored(min(rows, key=lambda row: (row["method"] == "native", row["computed_ts"])))
        if not self.compute:
            self.missing.append({"what": "contributions", "why": "none are stored"})
            return None
        try:
            return attribution_now(self.snapshot, self.decision or {}, self._wide("features"))
        except GovernanceError as error:
            self.missing.append(
                {"what": "contributions", "why": f"{error.what}; {error.hint}" if error.hint else error.what}
            )
            return None

    def _stored(self, row: Row) -> dict[str, Any]:
        features = self._wide("features")
        fixed = set(_ATTRIBUTION_FIELDS) | _WIDE
        parts = [
            {"feature": name, "value": features.get(name, features.get(name.replace("_", " "))), "contribution": value}
            for name, value in row.items()
            if name not in fixed and value is not None
        ]
        parts.sort(key=lambda part: -abs(part["contribution"]))
        error, tolerance = row["score_error"], row["score_tolerance"]
        equal = None if tolerance is None else error is not None and bool(error <= tolerance)
        return {
            "method": row["method"],
            "output_space": row["output_space"],
            "base_value": row["base_value"],
            "output_value": row["output_value"],
            "additivity_error": row["additivity_error"],
            "score_error": error,
            "score_tolerance": tolerance,
            "equals_logged_score": equal,
            "background_sha256": row["background_sha256"],
            "artefact_sha256": row["artefact_sha256"],
            "library": row["library"],
            "computed": row["computed_ts"],
            "stored": True,
            "contributions": parts,
        }

    def _grade(self, attribution: Mapping[str, Any] | None) -> str:
        """How strong the explanation is: reproduced, attributed, unequal, or record alone."""
        if attribution is None:
            return "record"
        equal = attribution["equals_logged_score"]
        return "attributed" if equal is None else "reproduced" if equal else "unequal"

    def _reasons(self, decided_by: Mapping[str, Any], attribution: Mapping[str, Any] | None) -> list[dict[str, Any]]:
        """At most four, never padded: the rule or person first, else the groups that pushed the adverse way."""
        if decided_by["stage"] == "rule":
            return [{"rank": 1, "rule": (self.decision or {}).get("rule_id"), "text": "a rule decided, not the score"}]
        if decided_by["stage"] == "human":
            given = [row["reason"] for row in self.of["reviews"] if row["outcome"] == "overridden" and row["reason"]]
            return [{"rank": place, "text": text} for place, text in enumerate(given, 1)]
        if attribution is None or decided_by["stage"] not in ("model", None):
            return []
        if attribution["equals_logged_score"] is False:
            self.missing.append({"what": "reasons", "why": "the contributions do not add up to the logged score"})
            return []
        return self._principal_reasons(attribution)

    def _principal_reasons(self, attribution: Mapping[str, Any]) -> list[dict[str, Any]]:
        facts = self._model_facts(str(attribution.get("artefact_sha256")))
        adverse = facts.get("adverse")
        if adverse not in ("up", "down"):
            self.missing.append(
                {"what": "reasons", "why": "the model's card does not say which way is adverse (`adverse: up|down`)"}
            )
            return []
        sign = 1 if adverse == "up" else -1
        group_of = {name: group for group, names in facts.get("groups", {}).items() for name in names}
        sums: dict[str, float] = {}
        members: dict[str, list[dict[str, Any]]] = {}
        for part in attribution["contributions"]:
            group = group_of.get(part["feature"], part["feature"])
            sums[group] = math.fsum((sums.get(group, 0.0), part["contribution"]))
            members.setdefault(group, []).append({"feature": part["feature"], "value": part["value"]})
        texts = facts.get("reasons", {})
        pushed = sorted(
            ((total, group) for group, total in sums.items() if total * sign > 0),
            key=lambda pair: (-abs(pair[0]), pair[1]),
        )
        return [
            {
                "rank": place,
                "group": group,
                "text": texts.get(group, group),
                "contribution": total,
                "inputs": members[group],
            }
            for place, (total, group) in enumerate(pushed[:MAX_REASONS], 1)
        ]

    def _model_facts(self, artefact_sha256: str) -> Mapping[str, Any]:
        found = [
            entry.facts
            for entry in self.snapshot.of_kind("model")
            if entry.facts.get("artefact_sha256") == artefact_sha256
        ]
        return found[-1] if found else {}

    def _policies(self) -> list[dict[str, Any]]:
        """The versions in force at that moment, of the policies that are about this record."""
        moment = (self.decision or {}).get("decision_ts") or self.request["start_ts"]
        newest: dict[str, dict[str, Any]] = {}
        for entry in self.snapshot.of_kind("policy"):
            facts = {**entry.facts, "entry": entry.number}
            known = newest.get(facts["policy"])
            if _begun(facts, moment) and (known is None or known["from_ts"] <= facts["from_ts"]):
                newest[facts["policy"]] = facts
        return [facts for facts in newest.values() if not _ended(facts, moment) and self._is_about(facts)]

    def _is_about(self, facts: Mapping[str, Any]) -> bool:
        decision = self.decision or {}
        model = decision.get("model") or self.request["model_served"] or self.request["model_requested"]
        own = {
            "model": model,
            "operation": self.request["operation"],
            "business_unit": self.request["business_unit"],
            "environment": self.request["environment"],
        }
        applies = facts.get("applies_to", {})
        return all(
            any(fnmatch.fnmatchcase(own[name] or "", glob) for glob in globs)
            for name, globs in applies.items()
            if name in own and globs
        )

    def _own_findings(self, policies: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Findings whose subject this decision belongs to, or that show it as a sample, failures first."""
        about = {(policy["policy"], policy["version"]) for policy in policies}
        traits = {**self.request, **(self.decision or {}), **self._subject()}
        found = []
        for row in self.findings:
            evidence = json.loads(row["evidence"])
            shown = self.request["request_id"] in evidence["request_ids"]
            subject = json.loads(row["subject"])
            inside = all(str(traits.get(name)) == str(value) for name, value in subject.items() if name in traits)
            foreign = any(name not in traits for name in subject)
            if (row["policy"], row["version"]) in about and (shown or (inside and not foreign)):
                found.append(_finding(row, subject, shown=shown))
        order = ["failed", "warned", "errored", "waived", "not_assessed", "passed"]
        if not self.findings:
            self.missing.append({"what": "findings", "why": "no check has run on a window that holds this moment"})
        return sorted(found, key=lambda finding: (order.index(finding["verdict"]), not finding["shown_as_sample"]))

    def _request_facts(self) -> dict[str, Any]:
        left_out = {*_WIDE, "is_conflict"}
        return {
            name: value for name, value in self.request.items() if value not in (None, [], {}) and name not in left_out
        }

    def _cost(self) -> Any:
        cost = (
            self.request["cost_reported"]
            if self.request["cost_reported"] is not None
            else self.request["cost_computed"]
        )
        if cost is None:
            why = "the log carries no cost, and none was computed"
            self.missing.append({"what": "cost_usd", "why": why})
        return None if cost is None else float(Decimal(str(cost)))

    def _proof(self) -> dict[str, Any]:
        """Where each file that was read stands in the ledger, and the proof that its entry is in the tree."""
        entry_of = {file.path: entry for entry in self.snapshot.entries for file in entry.files}
        leaves = [leaf_hash(entry.raw) for entry in self.snapshot.entries]
        files = []
        for segment in self.case.files.values():
            entry = entry_of[segment.path]
            proof = [sibling.hex() for sibling in prove_inclusion(leaves, entry.number)]
            files.append({"path": segment.path, "sha256": segment.sha256, "entry": entry.number, "inclusion": proof})
        checkpoint = self.snapshot.checkpoint
        return {
            "ledger": {"size": checkpoint.size, "root": checkpoint.root},
            "file_sha256": self.request["file_sha256"],
            "row_no": self.request["row_no"],
            "conflicts": self.case.conflicts,
            "files": sorted(files, key=lambda file: file["path"]),
            "digests": "each file that was read has the digest that the ledger names",
        }


_ATTRIBUTION_FIELDS = (
    "model model_version artefact_sha256 method library output_space background_sha256 base_value output_value "
    "additivity_error score_error score_tolerance computed_ts"
).split()


def _finding(row: Row, subject: Mapping[str, Any], *, shown: bool) -> dict[str, Any]:
    return {
        "finding": row["finding_id"],
        "policy": row["policy"],
        "version": row["version"],
        "check": row["check_id"],
        "kind": row["kind"],
        "subject": subject,
        "metric": row["metric"],
        "value": row["value"],
        "verdict": row["verdict"],
        "reason": row["reason"],
        "severity": row["severity"],
        "owner": row["owner"],
        "due": row["due"],
        "shown_as_sample": shown,
    }


def _begun(facts: Mapping[str, Any], moment: str) -> bool:
    return datetime.fromisoformat(facts["from_ts"]) <= datetime.fromisoformat(moment)


def _ended(facts: Mapping[str, Any], moment: str) -> bool:
    return facts["to_ts"] is not None and datetime.fromisoformat(facts["to_ts"]) <= datetime.fromisoformat(moment)
