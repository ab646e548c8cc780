"""The rules that a decision was made under, and what checks found about decisions like it."""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from governance.explained.decided import Decided
from governance.storage.checked_files import Row

_ORDER = ["failed", "warned", "errored", "waived", "not_assessed", "passed"]


def policies_in_force(decided: Decided) -> list[dict[str, Any]]:
    """The versions in force at that moment, of the policies that are about this record."""
    newest: dict[str, dict[str, Any]] = {}
    for entry in decided.snapshot.of_kind("policy"):
        facts = {**entry.facts, "entry": entry.number}
        known = newest.get(facts["policy"])
        if _begun(facts, decided.moment) and (known is None or known["from_ts"] <= facts["from_ts"]):
            newest[facts["policy"]] = facts
    return [facts for facts in newest.values() if not _ended(facts, decided.moment) and _is_about(facts, decided)]


def _is_about(facts: Mapping[str, Any], decided: Decided) -> bool:
    request = decided.request
    own = {
        "model": decided.model,
        "operation": request["operation"],
        "business_unit": request["business_unit"],
        "environment": request["environment"],
    }
    return all(
        any(fnmatch.fnmatchcase(own[name] or "", glob) for glob in globs)
        for name, globs in facts.get("applies_to", {}).items()
        if name in own and globs
    )


def _begun(facts: Mapping[str, Any], moment: str) -> bool:
    return datetime.fromisoformat(facts["from_ts"]) <= datetime.fromisoformat(moment)


def _ended(facts: Mapping[str, Any], moment: str) -> bool:
    return facts["to_ts"] is not None and datetime.fromisoformat(facts["to_ts"]) <= datetime.fromisoformat(moment)


def own_findings(decided: Decided, policies: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Findings whose subject this decision belongs to, or that show it as a sample, failures first."""
    about = {(policy["policy"], policy["version"]) for policy in policies}
    traits = {**decided.request, **decided.decision, **decided.subject()}
    found = []
    for row in decided.findings:
        shown = decided.request["request_id"] in json.loads(row["evidence"])["request_ids"]
        subject = json.loads(row["subject"])
        inside = all(str(traits.get(name)) == str(value) for name, value in subject.items() if name in traits)
        foreign = any(name not in traits for name in subject)
        if (row["policy"], row["version"]) in about and (shown or (inside and not foreign)):
            found.append(_finding(row, subject, shown=shown))
    if not decided.findings:
        decided.lacks("findings", "no check has run on a window that holds this moment")
    return sorted(found, key=lambda finding: (_ORDER.index(finding["verdict"]), not finding["shown_as_sample"]))


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
