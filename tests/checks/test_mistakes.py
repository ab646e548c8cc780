"""What a policy may not say about our kinds, each refused when the policy is read."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from governance.extensions import checks

MISTAKES: list[tuple[str, dict[str, Any], str]] = [
    ("change-evaluated", {"suite": "s", "metric": "m"}, "give `min`, or `max` where less is better"),
    ("change-evaluated", {"suite": "s", "metric": "m", "min": 1, "per": "month"}, "are for shares of requests"),
    ("change-evaluated", {"suite": "s", "metric": "m", "min": 1, "max_share": 0.1}, "are for shares of requests"),
    ("change-rollback", {"within": "1d"}, "Field required"),
    ("change-rollback", {"checks": [], "within": "1d"}, "at least 1 item"),
    ("change-rollback", {"checks": ["a"], "within": "soon"}, "no duration"),
    ("change-rollback", {"checks": ["a"], "within": "1d", "by": "model"}, "the subjects are the versions"),
    ("change-retraining", {}, "give `checks`, `max_age_days` or `max_requests`"),
    ("change-retraining", {"checks": ["a"]}, "`checks` and `within` belong together"),
    ("change-retraining", {"max_age_days": 1, "per": "month"}, "the subjects are models and their versions"),
    ("cost-price-change", {"max_rise": 0, "per": "month"}, "the windows are compared as wholes"),
    ("cost-price-change", {"max_rise": 0, "reference": {"window": "Q2"}}, "'Q2' is not a window"),
    ("contract-registered", {"by": "model"}, "the subjects are the versions of models"),
    ("completeness-schema", {"max_change": 0.1, "per": "month"}, "the windows are compared as wholes"),
    ("completeness-schema", {"max_change": 0.1, "records": "features", "by": "model"}, "the subjects are the models"),
    ("explanation-stability", {"between": ["a", "b"], "adverse": "up"}, "give `min_top`, `min_sign` or `min_rank`"),
    ("explanation-stability", {"between": ["a", "a"], "adverse": "up", "min_top": 1}, "two different explanations"),
    ("explanation-stability", {"between": ["a", "@b"], "adverse": "up", "min_top": 1}, "METHOD or METHOD@BACKGROUND"),
    ("resilience-drills", {"drills": []}, "at least 1 item"),
    ("resilience-drills", {"drills": [{"name": "a"}, {"name": "a"}]}, "two `drills` have one name"),
    ("resilience-drills", {"drills": [{"name": "a"}], "per": "day", "min_days": 2}, "could never be reached"),
    ("drift-output", {"reference": {"window": "last-7d"}, "max": 1}, "a reference must not move"),
    ("cost-budget", {"max_usd": -1}, "greater than or equal to 0"),
    ("cost-budget", {"max_usd": 1, "warn_at": 1}, "less than 1"),
    ("escalation", {"below": 0.5, "within": "five days"}, "no duration; write 90s, 30m, 12h, 5d or 2w"),
    ("escalation", {"below": 0}, "greater than 0"),
    ("explanation-coverage", {"additivity": 0}, "greater than 0"),
    ("explanation-coverage", {"of": "refused"}, "'adverse' or 'all'"),
    ("explanation-notices", {"notice": "n", "within": "soon"}, "no time to answer; write 30d, 4w or 1mo"),
    ("explanation-notices", {"notice": "n", "within": "0d"}, "no time to answer"),
    ("explanation-notices", {"notice": "n", "within": "1d", "of": "asked", "per": "month"}, "`per` is not for"),
    ("explanation-notices", {"notice": "n", "within": "1d", "of": "asked", "start": "opened"}, "`start` is not for"),
    ("fallback", {}, "give `max_share`, `worse_by` or both"),
    ("fallback", {"max_share": 0.1, "score": "good"}, "`score` is what `worse_by` compares"),
    ("latency-slo", {"max_ms": 1}, "give either `quantile` or `share`"),
    ("output-quality", {"score": "good"}, "give `min`, `max_drop` or both"),
    ("output-quality", {"score": "good", "min": 1, "reference": {"window": "2026-Q2"}}, "give that too"),
    ("output-quality", {"score": "good", "max_drop": 1, "reference": {"window": "Q2"}}, "'Q2' is not a window; use"),
    ("output-quality", {"score": "", "min": 1}, "at least 1 character"),
    ("fairness-impact-ratio", {}, "Field required"),
    ("fairness-impact-ratio", {"by": ["sex"], "outcome": "score"}, "'favourable' or 'above-median'"),
]


@pytest.mark.parametrize(("kind", "fields", "said"), MISTAKES)
def test_mistake_is_named(kind: str, fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        checks()[kind].model_validate({"id": "x", "kind": kind, **fields})
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("text", "microseconds"),
    [
        ("90s", 90_000_000),
        ("30m", 1_800_000_000),
        ("1.5h", 5_400_000_000),
        ("5d", 432_000_000_000),
        ("2w", 1_209_600e6),
    ],
)
def test_durations(text: str, microseconds: float) -> None:
    check: Any = checks()["escalation"].model_validate({"id": "x", "kind": "escalation", "below": 0.5, "within": text})
    assert check.within_us == microseconds
