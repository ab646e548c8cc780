"""Agreement of two explanations against scipy, decision by decision."""

from __future__ import annotations

import math
from statistics import fmean, stdev

import numpy as np
import pytest
from scipy import stats

from governance.checks._intervals import score_interval
from governance.findings import Observation
from tests.checks.cases import Case, measured

INPUTS = tuple("abcdefgh")


def _observed(own: np.ndarray, others: np.ndarray) -> dict[str, Observation]:
    """The three figures of decisions with these contributions, of shape (decisions, inputs)."""
    stored = [
        {"decision_id": f"case:d{number}#0", "method": method, **dict(zip(INPUTS, map(float, row), strict=True))}
        for method, rows in (("one", own), ("two", others))
        for number, row in enumerate(rows)
    ]
    rows = {"decisions": [{"repeat": len(own), "favourable": False}], "attributions": stored}
    check = {"between": ["one", "two"], "adverse": "up", "top": 3, "min_top": 0.5, "min_sign": 0.5, "min_rank": 0.5}
    found = measured(Case("explanation-stability", "oracle", check, [], rows=rows))
    found.engine.close()
    return {observation.metric.removesuffix("_agreement"): observation for observation, _ in found.findings}


@pytest.mark.parametrize(("seed", "noise", "digits"), [(1, 0.3, 6), (2, 1.0, 1), (3, 0.0, 3)])
def test_ranks_signs_and_first_reasons(seed: int, noise: float, digits: int) -> None:
    """Rounded to one digit many contributions are equal: their ranks are shared, as in scipy."""
    draw = np.random.default_rng(seed)
    own = draw.normal(size=(60, len(INPUTS))).round(digits)
    others = (own + draw.normal(scale=noise, size=own.shape)).round(digits) if noise else own.copy()
    seen = _observed(own, others)
    ranks = [float(stats.spearmanr(a, b).statistic) for a, b in zip(own, others, strict=True)]
    assert seen["rank"].value == pytest.approx(fmean(ranks), abs=1e-12)
    pairs = list(zip(own, others, strict=True))
    first = [({*_first(a)}, {*_first(b)}) for a, b in pairs]
    tops = [len(a & b) / max(len(a), len(b)) for a, b in first if a or b]
    signs = [sum(b[place] > 0 for place in _first(a)) / len(_first(a)) for a, b in pairs if _first(a)]
    assert seen["top"].value == pytest.approx(fmean(tops), abs=1e-12)
    assert seen["sign"].value == pytest.approx(fmean(signs), abs=1e-12)
    for name, values in (("rank", ranks), ("top", tops)):
        assert seen[name].n == len(values)
        assert seen[name].interval == pytest.approx(_interval(values, is_rank=name == "rank"), abs=1e-6)


def _first(row: np.ndarray) -> list[int]:
    last = np.sort(row)[::-1][2]
    return [place for place, push in enumerate(row) if push > 0 and push >= last]


def _interval(values: list[float], *, is_rank: bool) -> tuple[float, float]:
    n = len(values)
    if stdev(values) < 1e-12:  # the widest that figures within these bounds allow
        low, high = score_interval((values[0] + 1) / 2 if is_rank else values[0], n)
        return (2 * low - 1, 2 * high - 1) if is_rank else (low, high)
    half = float(stats.t.ppf(0.975, n - 1)) * stdev(values) / math.sqrt(n)
    return max(-1.0 if is_rank else 0.0, fmean(values) - half), min(1.0, fmean(values) + half)
