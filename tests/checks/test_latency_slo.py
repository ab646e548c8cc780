"""Quantiles and their intervals against numpy and the binomial distribution."""

from __future__ import annotations

import math
import random
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

from governance.checks.latency_slo import LatencySlo
from tests.checks.cases import Case, measured

if TYPE_CHECKING:
    from governance.findings import Observation


def observed(rows: list[dict[str, Any]], **check: Any) -> list[Observation]:
    found = measured(Case("latency-slo", "property", {"max_ms": 100, **check}, [], {"requests": rows}))
    found.engine.close()
    return [seen for seen, _ in found.findings]


@pytest.mark.parametrize("n", [1, 2, 19, 20, 57, 100, 640, 5000])
@pytest.mark.parametrize("quantile", [0.5, 0.9, 0.95, 0.99])
def test_quantile_and_the_ranks_of_its_interval(n: int, quantile: float) -> None:
    import numpy as np

    micros = [int(random.expovariate(1e-5)) for _ in range(n)]
    (seen,) = observed([{"latency_us": latency} for latency in micros], quantile=quantile)
    ordered = sorted(latency / 1000 for latency in micros)
    assert seen.value == pytest.approx(float(np.quantile(ordered, quantile)), rel=1e-9)
    low, high = seen.counts["interval_ranks"]
    named = [ordered[rank - 1] if 1 <= rank <= n else None for rank in (low, high)]
    if n >= 1 / (1 - quantile):  # below that nothing is judged, and too few rows are looked at for an interval
        assert seen.counts["interval_ms"] == [None if end is None else pytest.approx(end) for end in named]
        assert seen.interval == (None if None in named else pytest.approx(tuple(named)))
    assert seen.counts["within"] == sum(latency <= 100_000 for latency in micros)


@pytest.mark.parametrize("quantile", [0.5, 0.75, 0.9, 0.95, 0.99, 0.999])
def test_intervals_hold_the_true_quantile_in_about_95_of_100_samples(quantile: float) -> None:
    """The number of records below the true quantile is binomial: so is the chance that two ranks enclose it."""
    from scipy.stats import binom

    for n in [*range(math.ceil(1 / (1 - quantile)), 3000, 97), 10_000, 100_000]:
        spread = 1.959963984540054 * math.sqrt(n * quantile * (1 - quantile))
        low, high = math.ceil(n * quantile - spread) - 1, math.ceil(n * quantile + spread)
        above_low = 1 - (binom.cdf(low - 1, n, quantile) if low >= 1 else 0)
        above_high = 1 - binom.cdf(high - 1, n, quantile) if high <= n else 0
        assert above_low - above_high >= 0.947, n


def test_groups_without_a_name_have_an_interval_too() -> None:
    rows = [{"latency_us": 1000 * number, "model_served": name} for number in range(200) for name in ("m", None)]
    found = {dict(seen.subject)["model"]: seen for seen in observed(rows, quantile=0.9, by=["model"])}
    assert found["m"].interval == found[None].interval
    assert found["m"].interval == (170.0, 188.0)


@pytest.mark.parametrize("fields", [{}, {"quantile": 0.9, "share": 0.9}, {"quantile": 1.0}, {"quantile": 0.4}])
def test_one_form_of_limit(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        LatencySlo.model_validate({"id": "x", "kind": "latency-slo", "max_ms": 1, **fields})
