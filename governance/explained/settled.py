"""What stands in the end: the decision as logged, or as a person changed it, and whether it favours the person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from governance.explained.decided import Decided
from governance.storage.checked_files import Row


class Settled(NamedTuple):
    """The decision that stands.

    Attributes:
        decision: As logged, or after the review that changed it; None where nobody says.
        favourable: Whether it favours the person: as logged, else as a policy in force names it; None if unknown.
        before: What had been decided, where a person changed it.
    """

    decision: str | None
    favourable: bool | None
    before: str | None = None


def settled(decided: Decided, policies: Sequence[Mapping[str, Any]]) -> Settled:
    """The decision that stands; what nobody says of it is noted.

    Args:
        decided: The decision.
        policies: Those in force that are about it.
    """
    own, override = decided.decision, last_override(decided.of["reviews"])
    logged = own.get("decision")
    final = own.get("final_decision") or (override["final_decision"] if override else logged)
    if final is None and override is not None:
        decided.lacks("decision", "a review changed it, and does not say what was decided instead")
        return Settled(None, None, logged)
    if final == logged:
        favourable = own.get("favourable")
        return Settled(logged, _by_policy(own, policies) if favourable is None and logged else favourable)
    favourable = _by_policy({**own, "decision": final}, policies)
    if favourable is None:
        decided.lacks("favourable", f"the decision was changed to '{final}', and no policy says whether that is")
    return Settled(final, favourable, logged)


def last_override(reviews: Sequence[Row]) -> Row | None:
    """The last review that came to a result, if it changed the decision."""
    done = [row for row in reviews if row["outcome"] in ("overridden", "confirmed")]
    last = max(done, key=lambda row: str(row["completed_ts"] or row["requested_ts"]), default=None)
    return last if last is not None and last["outcome"] == "overridden" else None


def _by_policy(row: Mapping[str, Any], policies: Sequence[Mapping[str, Any]]) -> bool | None:
    """What the policies that name favourable values by the decision say of it; None where they do not agree."""
    said = {
        all(row.get(name) in values for name, values in policy["favourable"].items())
        for policy in policies
        if "decision" in (policy.get("favourable") or {})
    }
    return said.pop() if len(said) == 1 else None
