"""The interval of the field that changed most, beside statsmodels."""

from __future__ import annotations

import pytest
from statsmodels.stats.proportion import confint_proportions_2indep

from tests.checks.cases import Case, measured


@pytest.mark.parametrize(("was", "now"), [(90, 150), (60, 180), (100, 20), (0, 200), (50, 99)])
def test_interval_allows_for_all_fields(was: int, now: int) -> None:
    """Of 100 records before and 200 now; the figure is a distance, so a fall is counted upwards too."""
    rows = {
        "requests": [
            {"repeat": was, "start_ts": "2026-06-10T00:00:00Z", "team": "a"},
            {"repeat": 100 - was, "start_ts": "2026-06-10T00:00:00Z"},
            {"repeat": now, "start_ts": "2026-07-10T00:00:00Z", "team": "a"},
            {"repeat": 200 - now, "start_ts": "2026-07-10T00:00:00Z"},
        ]
    }
    found = measured(Case("completeness-schema", "oracle", {"max_change": 0.01}, [], rows=rows))
    found.engine.close()
    ((seen, _),) = found.findings
    alpha = 0.05 / seen.counts["fields"]
    low, high = confint_proportions_2indep(now, 200, was, 100, method="newcomb", compare="diff", alpha=alpha)
    expected = (low, high) if now / 200 >= was / 100 else (-high, -low)
    assert seen.value == pytest.approx(abs(now / 200 - was / 100))
    assert seen.interval == pytest.approx(expected, abs=1e-9)
