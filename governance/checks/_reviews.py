"""Completed reviews of the decisions in scope, a row each, with the reviewer as a dimension."""

from __future__ import annotations

from governance.checks import Check
from governance.checks._groups import DECISION_ID, columns, decided
from governance.measurement.scopes import Scope

OF_REVIEWS = ("reviewer", "trigger")  # dimensions that the review carries, not the decision


def reviewed(check: Check, scope: Scope) -> str:
    """SELECT of the completed reviews: `group_...`, `is_override`, `favourable`, `confidence`, `seconds`, `id`, `ts`.

    A review is one of the decision that it names; one that names a request is taken for its first decision, so that no
    review counts twice. Abandoned reviews are none; one that was returned neither confirms nor overrides. `favourable`
    is what the decision was before the review, `confidence` that of the model; `seconds` is the time from the start to
    the end of the review, null where the log does not say it or has it end first.

    Raises:
        UnknownDimensionError: An axis names something that neither the decisions nor the reviews carry.
    """
    plain = check.model_copy(
        update={"by": tuple(kept for axis in check.by if (kept := tuple(n for n in axis if n not in OF_REVIEWS)))}
    )
    own = "".join(f'v."{name}" AS "group_{name}", ' for name in OF_REVIEWS if name in check.dimensions)
    override = (
        "CASE coalesce(v.outcome, '') WHEN 'overridden' THEN true WHEN 'confirmed' THEN false "
        "WHEN '' THEN v.final_decision <> v.original_decision END"
    )
    return (
        f"SELECT {columns(plain, scope)}{own}d.decision_id, d.favourable, d.confidence, {override} AS is_override, "
        "CASE WHEN v.completed_ts >= v.started_ts "
        "THEN (epoch_us(v.completed_ts) - epoch_us(v.started_ts)) / 1e6 END "
        f"AS seconds, {DECISION_ID} AS id, v.completed_ts AS ts "
        f"FROM {decided(plain, scope)} JOIN reviews v ON v.decision_id = d.decision_id "
        "WHERE v.completed_ts IS NOT NULL AND v.outcome IS DISTINCT FROM 'abandoned'"
    )
