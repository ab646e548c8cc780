"""Stored findings as triggers: which versions a failed finding concerns, since when it is known, and when it ended.

1. A finding is known from the moment at which it was judged, not from the window that it is about.
2. It ends when a later run of the same check finds the same subject passed or waived, in a window that ends no earlier.
   What a person answers does not end it; a waiver does, once a run has applied it.
3. It concerns the model and version that its subject names. Where it names none, it concerns every model or version in
   scope that served on a day of its window, so that `checks` must name checks of those models only.
4. Failures of one version that end together are one stretch, from the first of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, get_args

from pydantic import Field

from governance.checks import Severity
from governance.measurement.scopes import Scope

SEVERITIES: tuple[str, ...] = get_args(Severity)
Checks = Annotated[tuple[str, ...], Field(min_length=1)]


def unjudged(checks: Sequence[str]) -> str:
    """Why nothing can be said where no finding of the named checks is stored."""
    found = f"no finding about it by {' or '.join(checks)} was stored before the window ended"
    return f"{found}; what is stored later counts in the window of that day"


def bound(checks: Sequence[str], at_least: Severity) -> dict[str, Any]:
    """What `tables` binds: the patterns of checks, and the severities that count."""
    patterns = {f"check_{place}": pattern for place, pattern in enumerate(checks)}
    return patterns | {"severities": list(SEVERITIES[SEVERITIES.index(at_least) :])}


def tables(scope: Scope, checks: Sequence[str], *, of_versions: bool) -> str:
    """The common tables `days`, `judged` and `stretches`.

    Args:
        scope: With its past.
        checks: Patterns of `check` or `policy/check`.
        of_versions: Whether findings concern versions, or models as a whole.

    Returns:
        `days(model, version, day, n, first_ts)`: what served on which day (UTC), from the beginning to the end of the
        window. `judged(model, version, verdict, ...)`: the findings with what they concern. `stretches(model, version,
        failed_ts, ended_ts, failed_by)`: when failures stood, `ended_ts` null while they do.
    """
    served = (
        "SELECT coalesce(model_served, model_requested) AS model, model_version AS version, "
        "CAST(make_timestamp(epoch_us(start_ts)) AS DATE) AS day, start_ts AS ts FROM "
    )
    is_named = (
        "false"
        if not checks
        else " OR ".join(
            f"check_id GLOB $check_{place} OR policy || '/' || check_id GLOB $check_{place}"
            for place in range(len(checks))
        )
    )
    fits = "(f.model IS NULL OR f.model = d.model)"
    fits += " AND (f.model_version IS NULL OR f.model_version = d.version)" if of_versions else ""
    version = "d.version" if of_versions else "CAST(NULL AS VARCHAR) AS version"
    return (
        "days AS (SELECT model, version, day, count(*) AS n, min(ts) AS first_ts FROM ("
        f"{served}{scope.requests(reference=True)} WHERE is_shadow IS NOT TRUE UNION ALL "
        f"{served}{scope.requests()} WHERE is_shadow IS NOT TRUE) WHERE model IS NOT NULL "
        "GROUP BY model, version, day), "
        "named AS (SELECT finding_id, policy, check_id, subject, metric, verdict, assessed_ts, window_start, "
        "window_end, severity, json_extract_string(subject, '$.model') AS model, "
        "json_extract_string(subject, '$.model_version') AS model_version FROM findings "  # `version` is the policy's
        f"WHERE ({is_named}) AND assessed_ts < CAST($end AS TIMESTAMPTZ)), "
        "ending AS (SELECT f.finding_id, min(g.assessed_ts) AS ended_ts FROM named f JOIN named g "
        "ON g.policy = f.policy AND g.check_id = f.check_id AND g.subject = f.subject AND g.metric = f.metric "
        "AND g.verdict IN ('passed', 'waived') AND g.assessed_ts > f.assessed_ts AND g.window_end >= f.window_end "
        "WHERE f.verdict = 'failed' GROUP BY f.finding_id), "
        f"judged AS (SELECT DISTINCT d.model, {version}, f.finding_id, f.policy || '/' || f.check_id AS name, "
        "f.verdict, f.assessed_ts, e.ended_ts FROM named f LEFT JOIN ending e ON e.finding_id = f.finding_id "
        f"JOIN days d ON {fits} AND timezone('UTC', f.window_start) < d.day + INTERVAL 1 DAY "
        "AND timezone('UTC', f.window_end) > d.day WHERE list_contains($severities, f.severity)), "
        "stretches AS (SELECT model, version, min(assessed_ts) AS failed_ts, ended_ts, "
        "list_sort(list(DISTINCT name)) AS failed_by FROM judged WHERE verdict = 'failed' "
        "GROUP BY model, version, ended_ts)"
    )
