"""On which side of the threshold a score lies: an adverse decision with a score on the other side had another cause."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

OTHER_CAUSE = "the score lies on the favourable side of the threshold, so that something else decided"


def threshold_of(decision: Mapping[str, Any], facts: Mapping[str, Any]) -> float | None:
    """The threshold in force, as logged with the decision, else as the card of that version says."""
    known = decision.get("threshold"), facts.get("threshold")
    found = next((value for value in known if value is not None), None)
    return None if found is None else float(found)


def is_favourable(score: float, threshold: float, adverse: str) -> bool:
    """Whether a score lies beyond the threshold, away from the adverse direction (`up` or `down`).

    On the threshold is on neither side for sure: some models decide there one way, some the other.
    """
    return score < threshold if adverse == "up" else score > threshold


def had_other_cause(decision: Mapping[str, Any], facts: Mapping[str, Any]) -> bool:
    """Whether a decision was adverse although its logged score lies on the favourable side."""
    score, threshold = decision.get("score"), threshold_of(decision, facts)
    if decision.get("favourable") is not False or score is None or threshold is None:
        return False
    return is_favourable(score, threshold, facts["adverse"])
