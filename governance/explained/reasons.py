"""The reasons of a decision: at most four, never padded."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from governance.explained.decided import Decided
from governance.explained.thresholds import OTHER_CAUSE, had_other_cause
from governance.models.registered import find_model
from governance.wording import RULE_DECIDED

MIN_SHARE = 0.02  # chosen here: of what pushed the adverse way; less moved nothing, and is no principal reason
MAX_REASONS = 4  # more than four are not likely to help: Regulation B, comment 9(b)(2)-1


def reasons(
    decided: Decided, decided_by: Mapping[str, Any], attribution: Mapping[str, Any] | None
) -> list[dict[str, Any]]:
    """The rule or person first, else the groups of inputs that pushed the adverse way.

    Args:
        decided: The decision.
        decided_by: The stage that decided it.
        attribution: What its inputs contributed, if that is known.
    """
    if decided_by["stage"] == "rule":
        return [_rule(decided)]
    if decided_by["stage"] == "human":
        given = [row["reason"] for row in decided.of["reviews"] if row["outcome"] == "overridden" and row["reason"]]
        return [{"rank": place, "text": text} for place, text in enumerate(given, 1)]
    if attribution is None or decided_by["stage"] not in ("model", None):
        return []
    if decided.decision.get("favourable"):
        return []  # what pushed the adverse way is no reason of a decision that went the other way
    facts = _model_facts(decided, str(attribution.get("artefact_sha256")))
    why = _why_none(decided, attribution, facts)
    if why is not None:
        decided.lacks("reasons", why)
        return []
    return _principal(attribution["contributions"], facts)


def _why_none(decided: Decided, attribution: Mapping[str, Any], facts: Mapping[str, Any]) -> str | None:
    """Why the contributions are not the reasons of the decision."""
    if attribution["equals_logged_score"] is False:
        return "the contributions do not add up to the logged score"
    if facts.get("adverse") not in ("up", "down"):
        return "the model's card does not say which way is adverse (`adverse: up|down`)"
    return OTHER_CAUSE if had_other_cause(decided.decision, facts) else None


def data_used(decided: Decided) -> list[str]:
    """Categories of data about the person, as the card of the model that is named with the decision has them."""
    return list(_card(decided).get("data_used") or ())


def meaning(decided: Decided, decision: str | None) -> str | None:
    """What a decision means for the person and what happens next, in the words of that card."""
    said: str | None = (_card(decided).get("meanings") or {}).get(decision)
    return said


def _card(decided: Decided) -> Mapping[str, Any]:
    """The facts of the model that is named with the decision; none where it is not registered."""
    name = decided.decision.get("model")
    known = find_model(decided.snapshot, name, decided.decision.get("model_version") or "") if name else None
    return known.facts if known is not None else {}


def _rule(decided: Decided) -> dict[str, Any]:
    """The rule, in the words that the card of the model has for it."""
    rule = decided.decision.get("rule_id")
    text = (_card(decided).get("reasons") or {}).get(rule)
    return {"rank": 1, "rule": rule, "text": text or RULE_DECIDED}


def _model_facts(decided: Decided, artefact_sha256: str) -> Mapping[str, Any]:
    found = [
        entry.facts
        for entry in decided.snapshot.of_kind("model")
        if entry.facts.get("artefact_sha256") == artefact_sha256
    ]
    return found[-1] if found else {}


def _principal(contributions: list[dict[str, Any]], facts: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The groups of inputs whose sums push the adverse way, the strongest first."""
    sign = 1 if facts["adverse"] == "up" else -1
    group_of = {name: group for group, names in facts.get("groups", {}).items() for name in names}
    sums: dict[str, float] = {}
    members: dict[str, list[dict[str, Any]]] = {}
    for part in contributions:
        group = group_of.get(part["feature"], part["feature"])
        sums[group] = math.fsum((sums.get(group, 0.0), part["contribution"]))
        members.setdefault(group, []).append({"feature": part["feature"], "value": part["value"]})
    texts = facts.get("reasons", {})
    pushed = sorted(
        ((total, group) for group, total in sums.items() if total * sign > 0),
        key=lambda pair: (-abs(pair[0]), pair[1]),
    )
    least = MIN_SHARE * math.fsum(abs(total) for total, _ in pushed)
    return [
        {
            "rank": place,
            "group": group,
            "text": texts.get(group, group),
            "contribution": total,
            "inputs": members[group],
        }
        for place, (total, group) in enumerate(pushed[:MAX_REASONS], 1)
        if abs(total) >= least
    ]
