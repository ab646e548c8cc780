"""What each input contributed to the score: as stored, else computed now, and how far it can be relied on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from governance.errors import GovernanceError
from governance.explained.decided import NOT_OF_A_WIDE_TABLE, Decided
from governance.explained.replay import attribution_now
from governance.storage.checked_files import Row

_FIXED = NOT_OF_A_WIDE_TABLE | set(
    "model model_version artefact_sha256 method library output_space background_sha256 base_value output_value "
    "additivity_error score_error score_tolerance computed_ts".split()
)


def attribution(decided: Decided, *, compute: bool) -> dict[str, Any] | None:
    """The contributions with their method and error; None, with the reason noted, where there are none.

    Args:
        decided: The decision.
        compute: Whether those that are not stored are computed now.
    """
    rows = decided.of["attributions"]
    if rows:
        return _stored(min(rows, key=lambda row: (row["method"] == "native", row["computed_ts"])), decided.features())
    if not compute:
        decided.lacks("contributions", "none are stored")
        return None
    try:
        return attribution_now(decided.snapshot, decided.decision, decided.features())
    except GovernanceError as error:
        decided.lacks("contributions", f"{error.what}; {error.hint}" if error.hint else error.what)
        return None


def _stored(row: Row, features: Mapping[str, Any]) -> dict[str, Any]:
    parts = [
        {"feature": name, "value": features.get(name, features.get(name.replace("_", " "))), "contribution": value}
        for name, value in row.items()
        if name not in _FIXED and value is not None
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


def grade(found: Mapping[str, Any] | None) -> str:
    """How strong an explanation is: reproduced, attributed, unequal, or record alone."""
    if found is None:
        return "record"
    equal = found["equals_logged_score"]
    return "attributed" if equal is None else "reproduced" if equal else "unequal"
