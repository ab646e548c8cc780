"""Figures of several kinds against the same figures computed another way: plain loops, numpy and scipy."""

from __future__ import annotations

import random
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from governance.findings import Observation
from tests.checks.cases import Case, measured

START = datetime(2026, 7, 1, tzinfo=UTC)
Row = dict[str, Any]


def observations(kind: str, check: Row, rows: dict[str, list[Row]]) -> dict[tuple[str | None, ...], Observation]:
    """Values of the subject -> what was observed."""
    found = measured(Case(kind, "recomputed", check, [], rows))
    found.engine.close()
    return {tuple(value for _, value in seen.subject): seen for seen, _ in found.findings}


def traffic(seed: int, n: int, minutes: int) -> list[Row]:
    """Requests at random moments of a stretch, worse in some of its hours."""
    chance = random.Random(seed)
    rows = []
    for number in range(n):
        minute = chance.randrange(minutes)
        is_bad = chance.random() < (0.6 if minute // 60 % 7 == 3 else 0.05)
        status = chance.choice(["error", "timeout"]) if is_bad else chance.choice(["ok"] * 9 + ["cancelled"])
        moment = START + timedelta(minutes=minute, seconds=chance.randrange(60))
        rows.append({"start_ts": moment.isoformat(), "status": status, "request_id": f"r{number}"})
    return rows


def part(row: Row, minutes: int) -> int:
    """Number of the part of the day that a request lies in."""
    return int((datetime.fromisoformat(row["start_ts"]) - START).total_seconds()) // (60 * minutes)


@pytest.mark.parametrize("seed", range(3))
def test_burn_rate_by_looking_every_five_minutes(seed: int) -> None:
    rows = [row for row in traffic(seed, 900, 48 * 60) if row["status"] != "cancelled"]
    alert = {"long": "2h", "short": "15m", "max": 3}
    check = {"objective": 0.9, "alerts": [alert], "minimum_n": 20}
    (seen,) = observations("service-burn-rate", check, {"requests": rows}).values()
    rates = []
    for look in sorted({part(row, 5) for row in rows}):
        shares = []
        for size in (24, 3):
            inside = [row["status"] != "ok" for row in rows if look - size < part(row, 5) <= look]
            shares.append((sum(inside) / len(inside), len(inside)))
        if shares[0][1] >= 20:
            rates.append(min(share for share, _ in shares) / 0.1)
    assert seen.value == pytest.approx(max(rates))
    assert seen.counts["looks"] == len(rates)
    assert seen.counts["burning"] == sum(rate > 3 + 1e-9 for rate in rates)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("needed", [None, 0.5])
def test_availability_by_hand(seed: int, needed: float | None) -> None:
    rows = [row for row in traffic(seed, 400, 30 * 60) if row["status"] != "cancelled"]
    check = {"unit": "5-minutes", "min_share": 0.5, "minimum_n": 1} | ({"ok_share": needed} if needed else {})
    (seen,) = observations("service-availability", check, {"requests": rows}).values()
    parts: dict[int, list[bool]] = defaultdict(list)
    for row in rows:
        parts[part(row, 5)].append(row["status"] == "ok")
    up = {place: any(found) and sum(found) >= (needed or 0) * len(found) for place, found in parts.items()}
    longest = best = 0
    for place in range(max(up) + 1):
        longest = longest + 1 if up.get(place) is False else 0
        best = max(best, longest)
    assert (seen.n, seen.counts["up"], seen.counts["longest_down"]) == (len(up), sum(up.values()), best)


@pytest.mark.parametrize("seed", range(3))
def test_cost_of_a_decision_by_the_ratio_of_means(seed: int) -> None:
    from scipy import stats

    chance = random.Random(seed)
    requests, decisions, costs, units = [], [], [], []
    for number in range(60):
        made, cost = chance.randrange(4), chance.randrange(1, 1000)
        requests.append({"request_uid": f"u{number}", "cost_reported": f"{cost / 1000}"})
        decisions += [{"request_uid": f"u{number}", "decision_id": f"u{number}#{item}"} for item in range(made)]
        costs.append(cost / 1000)
        units.append(made)
    (seen,) = observations("cost-per-decision", {"max_usd": 1}, {"requests": requests, "decisions": decisions}).values()
    ratio = sum(costs) / sum(units)
    residuals = [cost - ratio * made for cost, made in zip(costs, units, strict=True)]
    variance = sum(residual**2 for residual in residuals) / 59
    half = stats.t.ppf(0.975, 59) * (variance / 60) ** 0.5 / (sum(units) / 60)
    assert seen.value == pytest.approx(ratio)
    assert seen.interval == pytest.approx((ratio - half, ratio + half), rel=1e-6)


@pytest.mark.parametrize(("seed", "n"), [(0, 30), (1, 75), (2, 200)])
def test_waits_by_numpy_and_a_binomial_interval(seed: int, n: int) -> None:
    import numpy as np

    chance = random.Random(seed)
    waits = [chance.randrange(1, 100_000) for _ in range(n)]
    rows = [{"queue_us": wait} for wait in waits] + [{}] * 5
    check = {"max_wait_ms": 50, "quantile": 0.9}
    (seen,) = observations("service-queue", check, {"requests": rows}).values()
    assert seen.value == pytest.approx(np.quantile(waits, 0.9) / 1000)
    assert seen.counts["unmeasured"] == 5
    if seen.interval is not None:
        low, high = (sorted(waits).index(round(end * 1000)) + 1 for end in seen.interval)
        from scipy import stats

        # Ranks that enclose the quantile with about 95 %: exactly by the binomial distribution of how many lie below
        assert 0.90 <= stats.binom.cdf(high - 1, n, 0.9) - stats.binom.cdf(low - 1, n, 0.9) <= 0.99


@pytest.mark.parametrize("seed", range(3))
def test_missing_numbers_by_a_set(seed: int) -> None:
    chance = random.Random(seed)
    numbers = [chance.randrange(1000, 1300) for _ in range(200)]
    rows = [{"request_id": f"a-{number}", "request_uid": f"u{place}"} for place, number in enumerate(numbers)]
    check = {"pattern": "-([0-9]+)$", "max_share": 0.5}
    (seen,) = observations("completeness-sequence", check, {"requests": rows}).values()
    missing = set(range(min(numbers), max(numbers) + 1)) - set(numbers)
    assert seen.counts["missing"] == len(missing)
    assert seen.counts["repeated"] == len(numbers) - len(set(numbers))
    assert seen.value == pytest.approx(len(missing) / (max(numbers) - min(numbers) + 1))


@pytest.mark.parametrize("seed", range(3))
def test_open_minutes_by_walking_through_the_calls(seed: int) -> None:
    chance = random.Random(seed)
    calls, moment = [], START
    for _ in range(80):
        moment += timedelta(minutes=chance.randrange(1, 300))
        calls.append((moment, chance.choice(["closed", "open", "half_open"]), chance.choice(["ok", "blocked"])))
    rows = [
        {"request_uid": "u", "kind": "primary", "start_ts": at.isoformat(), "breaker_state": state, "status": status}
        for at, state, status in calls
    ]
    check = {"max_openings": 0, "max_open_minutes": 0, "max_calls_while_open": 0}
    found = observations("resilience-breaker", check, {"requests": [{"request_uid": "u"}], "attempts": rows})
    openings, minutes, since = 0, 0.0, None
    for at, state, _ in calls:
        if state == "open" and since is None:
            openings, since = openings + 1, at
        elif state != "open" and since is not None:
            minutes, since = minutes + (at - since).total_seconds() / 60, None
    if since is not None:
        minutes += (datetime(2026, 8, 1, tzinfo=UTC) - since).total_seconds() / 60
    through = sum(state == "open" and status == "ok" for _, state, status in calls)
    values = {subject[-1]: seen.value for subject, seen in found.items()}
    assert values == {
        "openings": openings,
        "open_minutes": pytest.approx(minutes),
        "calls_while_open": through,
    }


@pytest.mark.parametrize("seed", range(3))
def test_attribution_adds_up_to_the_last_digit(seed: int) -> None:
    from decimal import Decimal

    chance = random.Random(seed)
    rows = []
    for _ in range(300):
        row: Row = {"cost_reported": f"{chance.randrange(10**9) / Decimal(10**12):.12f}"}
        if chance.random() < 0.9:
            row["user_id"] = f"u{chance.randrange(25)}"
        rows.append(row)
    check = {"by": ["user_id"], "max_share": 0.5}
    (seen,) = observations("cost-attribution", check, {"requests": rows}).values()
    counts = seen.counts
    listed = sum((Decimal(spent) for spent in counts["dearest"].values()), Decimal(0))
    total = Decimal(counts["total_usd"])
    assert listed + Decimal(counts["others_usd"]) + Decimal(counts["unattributed_usd"]) == total
    assert total == sum((Decimal(row["cost_reported"]) for row in rows), Decimal(0))
    nobody = sum((Decimal(row["cost_reported"]) for row in rows if "user_id" not in row), Decimal(0))
    assert Decimal(counts["unattributed_usd"]) == nobody
    assert seen.value == pytest.approx(float(nobody / total))
