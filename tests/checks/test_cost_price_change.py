"""Rates of the reference window against numpy's least squares, the split of the change, and the interval's coverage."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.checks.cases import Case, measured

RATES = np.array([3e-6, 15e-6, 3e-7])  # USD for a token of input, output and cached input


def _drawn(draw: np.random.Generator, n: int, *, cached: bool) -> np.ndarray:
    """Token counts of shape (n, 3): fresh input, output, cached input."""
    fresh, written = draw.integers(50, 5000, n), draw.integers(1, 2000, n)
    return np.stack([fresh, written, draw.integers(0, 4000, n) if cached else np.zeros(n, int)], axis=1)


def _rows(tokens: np.ndarray, costs: np.ndarray, day: str) -> list[dict[str, Any]]:
    return [
        {
            "start_ts": f"{day}T00:00:00Z",
            "model_served": "m",
            "input_tokens": int(fresh + cached),
            "cache_read_tokens": int(cached),
            "output_tokens": int(written),
            "cost_reported": f"{cost:.12f}",
            "cost_currency": "USD",
        }
        for (fresh, written, cached), cost in zip(tokens, costs, strict=True)
    ]


@pytest.mark.parametrize(("seed", "noise", "cached"), [(1, 0.0, True), (2, 0.2, True), (3, 0.2, False)])
def test_predicted_by_least_squares(seed: int, noise: float, *, cached: bool) -> None:
    """With noise the fit is not exact; it is then that of numpy, which factors the requests and not their sums."""
    draw = np.random.default_rng(seed)
    before, now = _drawn(draw, 200, cached=cached), _drawn(draw, 150, cached=cached)
    paid = (before @ RATES) * draw.lognormal(0, noise, 200)
    pays = (now @ RATES) * 1.1 * draw.lognormal(0, noise, 150)
    rows = {"requests": [*_rows(before, paid, "2026-06-10"), *_rows(now, pays, "2026-07-10")]}
    found = measured(Case("cost-price-change", "oracle", {"max_rise": 0.5}, [], rows=rows))
    found.engine.close()
    ((seen, _),) = found.findings
    used = slice(None) if cached else slice(2)
    rates, *_ = np.linalg.lstsq(before[:, used].astype(float), paid.round(12), rcond=None)
    predicted = now[:, used] @ rates
    assert seen.value == pytest.approx(pays.sum() / predicted.sum() - 1, rel=1e-6)
    counts = seen.counts
    change = 1000 * (pays.sum() / now.sum() - paid.sum() / before.sum())
    assert counts["by_price"] + counts["by_mix"] == pytest.approx(change, rel=1e-9)
    assert counts["by_price"] == pytest.approx(1000 * (pays.sum() - predicted.sum()) / now.sum(), rel=1e-6)
    if not noise:
        assert seen.value == pytest.approx(0.1, rel=1e-6)
        assert seen.interval == pytest.approx((0.1, 0.1), abs=1e-6)


def test_interval_holds_what_it_should() -> None:
    """Of 95 % intervals of requests with noise in their cost, about that share holds the true change."""
    draw, held = np.random.default_rng(7), 0
    for _ in range(60):
        before, now = _drawn(draw, 300, cached=False), _drawn(draw, 80, cached=False)
        pays = (now @ RATES) * draw.lognormal(0, 0.3, 80)
        rows = {"requests": [*_rows(before, before @ RATES, "2026-06-10"), *_rows(now, pays, "2026-07-10")]}
        found = measured(Case("cost-price-change", "coverage", {"max_rise": 0.5}, [], rows=rows))
        found.engine.close()
        ((seen, _),) = found.findings
        low, high = seen.interval or (0.0, 0.0)
        held += low <= np.exp(0.3**2 / 2) - 1 <= high
    assert held >= 52  # 57 are expected; fewer than 52 in one of a hundred draws
