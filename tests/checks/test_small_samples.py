"""Groups of 0, 1 and 5, no outcome, everybody refused, everything unknown: a right number or none, never 0.0 or NaN."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterator
from typing import Any

import pytest

from governance.checks import Check
from governance.engines.duckdb import Engine
from governance.extensions import checks
from governance.findings import Judgement, Observation, Verdict
from governance.measurement.scopes import Scope
from tests.checks.real_decisions import ALWAYS, lay_out

LATE: dict[str, Any] = {"outcome": "outcome"}
CLASS: dict[str, Any] = {"positive_when": "adverse"}
CHECKS: list[tuple[str, dict[str, Any]]] = [
    *(
        ("performance-classification", LATE | CLASS | {"metric": metric, "min": 0.5})
        for metric in ("accuracy", "precision", "recall", "f1")
    ),
    ("performance-classification", LATE | {"metric": "auc", "min": 0.5}),
    ("performance-classification", LATE | {"metric": "brier", "max": 0.5}),
    ("performance-calibration", LATE | {"max_ece": 0.1, "max_gap": 0.1}),
    ("performance-regression", LATE | {"metric": "mae", "max": 1}),
    ("performance-regression", LATE | {"metric": "rmse", "max": 1}),
    ("fairness-error-rates", LATE | CLASS | {"max_difference": 0.1, "min_ratio": 0.8}),
    ("fairness-calibration", LATE | {"bands": 2, "max_difference": 0.1}),
    ("fairness-conditional", {"given": "region", "each_level": True}),
    ("fairness-service", {"max_difference": 0.1}),
]


def people_of(size: int, kind: str) -> list[tuple[Any, ...]]:
    """Rows (group, region, favourable, positive, score, number, stage) of a kind of small sample."""
    chance = random.Random(f"{size} {kind}")
    rows = []
    for place in range(size):
        favourable = chance.choice([True, False, None])
        positive = chance.choice([True, False, None])
        score = chance.choice([0.0, 0.25, 0.5, 1.0, None])
        if kind == "no positives":
            positive = False
        elif kind in ("all refused", "all favoured"):
            favourable = kind == "all favoured"
        elif kind == "all unknown":
            favourable = positive = score = None
        stage = chance.choice(["model", "fallback", "cache", "rule", None])
        rows.append(("abc"[place % 3], "xy"[chance.randrange(2)], favourable, positive, score, score, stage))
    return rows


def sql(value: object) -> str:
    return "NULL" if value is None else f"'{value}'" if isinstance(value, str) else str(value)


def findings(rows: list[tuple[Any, ...]]) -> Iterator[tuple[str, Observation, Judgement]]:
    """What every check finds in the rows."""
    values = ", ".join(f"('{place}', {', '.join(map(sql, row))})" for place, row in enumerate(rows))
    names = "id, grp, region, favourable, positive, score, value_num, deciding_stage"
    empty = "SELECT '' AS id, '' AS grp, '' AS region, true AS favourable, true AS positive, 0.1 AS score, "
    empty += "0.1 AS value_num, '' AS deciding_stage WHERE false"
    with Engine() as engine:
        people = lay_out(engine, f"SELECT * FROM (VALUES {values}) t({names})" if rows else empty, ["grp", "region"])
        for kind, fields in CHECKS:
            own = {"id": "a", "kind": kind, "by": ["grp"], "minimum_n": 3} | fields
            check: Check = checks()[kind].model_validate(own)
            for one in check.measure(engine, Scope(ALWAYS, columns=people.columns)).observations:
                yield kind, one, check.verdict(one)


@pytest.mark.parametrize("what", ["mixed", "no positives", "all refused", "all favoured", "all unknown"])
@pytest.mark.parametrize("size", [0, 1, 5, 15])
def test_small_samples(size: int, what: str) -> None:
    kinds = set()
    for kind, one, judged in findings(people_of(size, what)):
        assert_honest(one, judged)
        assert one.value is None or what != "all unknown", "a rate of nothing is no number"
        kinds.add(kind)
    assert bool(kinds) is (size > 0)


def assert_honest(one: Observation, judged: Judgement) -> None:
    json.dumps([one.value, one.n, one.interval, one.counts, judged.limit], allow_nan=False, default=str)
    if one.value is None:
        assert judged.verdict is Verdict.NOT_ASSESSED
        assert judged.reason
        assert one.interval is None
        return
    assert math.isfinite(one.value)
    assert one.n > 0
    if one.n < 3:
        assert judged.verdict is Verdict.NOT_ASSESSED
    if one.interval is not None:
        low, high = one.interval
        assert low - 1e-9 <= one.value <= high + 1e-9, one
        assert low < high, one
