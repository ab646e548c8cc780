"""One measure per planted fault, computed from the files alone by formulas of its own.

Each says by how much the limit of the shipped policy is crossed: above 0 the check must fail, below it must not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.parquet as pq
import yaml

from tests.simulator.simulated import DEMO_DATA, REPOSITORY, SATURDAY, Files, Row

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray


def limits(policy: str, check: str) -> Mapping[str, Any]:
    """The check as the shipped policy has it."""
    document = yaml.safe_load((REPOSITORY / "policies" / f"{policy}.yaml").read_text(encoding="utf-8"))
    found: dict[str, Any] = next(item for item in document["checks"] if item["id"] == check)
    return found


# One measure per planted fault: by how much the worst subject crosses the limit of the policy; above 0 is a failure.


def drift(files: Files) -> dict[str, float]:
    """Largest PSI of each input in a month against the reference, in deciles of the reference, over the limit."""
    features = pq.read_schema(DEMO_DATA / "credit" / "background.parquet").names
    limit = limits("credit-decisions", "input-drift")["max"]
    table = files.columns(f"SELECT month(time) AS month, {', '.join(features)} FROM applications")
    month = table["month"]
    worst = {}
    for name in features:
        values = table[name]
        reference = values[month < 7]
        worst[name] = max(psi(reference, values[month == number]) for number in (7, 8, 9)) - limit
    return worst


def psi(reference: NDArray[Any], current: NDArray[Any]) -> float:
    """Population stability index over the deciles of the reference."""
    edges = np.unique(np.quantile(reference, np.linspace(0, 1, 11)))[1:-1]
    shares = []
    for values in (reference, current):
        counts = np.bincount(np.searchsorted(edges, values, side="right"), minlength=edges.size + 1)
        shares.append(np.maximum(counts / counts.sum(), 1e-4))
    return float(np.sum((shares[1] - shares[0]) * np.log(shares[1] / shares[0])))


def unfairness(files: Files) -> dict[Row, float]:
    """The limit less the impact ratio of each group, against the most favoured one of its kind."""
    limit = limits("credit-decisions", "four-fifths")["min"]
    short: dict[Row, float] = {}
    for columns in ("sex_name, NULL", "NULL, age_band", "sex_name, age_band"):
        rows = files.rows(
            f"SELECT {columns}, avg((decision = 'approved')::INT) FROM applications WHERE reported GROUP BY ALL"
        )
        best = max(rate for *_, rate in rows)
        short |= {tuple(group): limit - rate / best for *group, rate in rows}
    return short


def unreviewed(files: Files) -> float:
    """The least share reviewed, less the share of unsure decisions reviewed before effect."""
    check = limits("credit-decisions", "human-review")
    share = files.value(
        f"""SELECT avg((review_id IS NOT NULL AND completed < effective AND completed < time + INTERVAL 5 DAY)::INT)
        FROM applications LEFT JOIN reviews USING (application_id)
        WHERE reported AND confidence < {check["below"]}"""
    )
    return float(check["min_share"] - share)


def bad_answers(files: Files) -> dict[str, float]:
    """The least mean score, less the mean score of each model."""
    limit = limits("llm-assistant", "answer-quality")["min"]
    rows = files.rows(
        """SELECT requests.model, avg(assessments.score) FROM requests JOIN assessments ON request_id = id
        WHERE reported GROUP BY ALL"""
    )
    return {model: limit - score for model, score in rows}


def bad_fallbacks(files: Files) -> dict[int, float]:
    """By month: how much lower the answers of the fallback are scored than the others, over the limit."""
    limit = limits("llm-assistant", "fallback-quality")["worse_by"]
    rows = files.rows(
        """SELECT month(time), avg(assessments.score) FILTER (fallbacks = 0)
                - avg(assessments.score) FILTER (fallbacks > 0), count(*) FILTER (fallbacks > 0)
        FROM requests JOIN assessments ON request_id = id WHERE reported GROUP BY ALL"""
    )
    assert min(n for *_, n in rows) >= limits("llm-assistant", "fallback-quality")["minimum_n"]
    return {month: difference - limit for month, difference, _ in rows}


def many_fallbacks(files: Files) -> float:
    """Largest share of fallbacks in a week, over the limit."""
    weeks = files.rows(
        "SELECT date_trunc('week', time)::TEXT, avg(fallbacks) FROM requests WHERE reported GROUP BY ALL"
    )
    return float(max(share for _, share in weeks) - limits("llm-assistant", "fallback-share")["max_share"])


def overspent(files: Files) -> dict[tuple[str, int], float]:
    """Cost of each unit in each month, over the budget, USD."""
    rows = files.rows("SELECT unit, month(time), sum(response_cost) FROM requests WHERE reported GROUP BY ALL")
    budget = limits("llm-assistant", "monthly-budget")["max_usd"]
    return {(unit, month): cost - budget for unit, month, cost in rows}


def silent_minutes(files: Files, table: str, policy: str) -> float:
    """Longest stretch of working hours without a record, over the limit, minutes; stops at the ends of a day."""
    moments = [moment for (moment,) in files.rows(f"SELECT epoch_ms(time) FROM {table} WHERE reported")]
    minutes = np.sort(np.array(moments) / 60_000)
    first, last = minutes[0] // 1440, minutes[-1] // 1440
    longest = 0.0
    for day in np.arange(first, last + 1):
        if (day + 3) % 7 < SATURDAY:  # 1970 began on a Thursday
            opens, closes = day * 1440 + 8 * 60, day * 1440 + 18 * 60
            inside = minutes[(minutes >= opens) & (minutes < closes)]
            longest = max(longest, float(np.diff([opens, *inside, closes]).max()))
    return longest - float(limits(policy, "silent-hours")["max_gap_minutes"])
