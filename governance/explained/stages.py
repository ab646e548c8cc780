"""Who or what decided: a person, a rule, a cache, a fallback or the model."""

from __future__ import annotations

from typing import Any

from governance.explained.decided import Decided
from governance.explained.settled import last_override


def decided_by(decided: Decided) -> dict[str, Any]:
    """The `stage` that decided, and the `evidence`; a person who overrode comes before what was logged."""
    stage, evidence = _logged(decided) or _inferred(decided)
    return {"stage": stage, "evidence": evidence}


def _logged(decided: Decided) -> tuple[str, str] | None:
    override = last_override(decided.of["reviews"])
    if override:
        return "human", f"review {override['review_id']}: overridden by {override['reviewer'] or 'a reviewer'}"
    stage, rule_id = decided.decision.get("deciding_stage"), decided.decision.get("rule_id")
    if stage:
        return stage, f"logged as decided by the {stage}{f', rule {rule_id}' if rule_id else ''}"
    return ("rule", f"rule {rule_id} is logged with the decision") if rule_id else None


def _inferred(decided: Decided) -> tuple[str | None, str]:
    request = decided.request
    if request["cache_status"] in ("exact_hit", "semantic_hit"):
        return "cache", f"the answer came from a cache ({request['cache_status']})"
    if request["fallbacks"]:
        instead = f" instead of {request['fallback_from']}" if request["fallback_from"] else ""
        return "fallback", f"{request['model_served']} answered{instead}"
    if request["status"] != "ok":
        return None, f"nothing was decided: the request ended with status {request['status']}"
    return "model", "no rule, cache, fallback or review is logged, so the model's output stood"
