"""Drift: its figures against scipy, published figures and hand calculation, and what it says of odd samples."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial.distance import jensenshannon

from governance.engines.duckdb import Engine
from governance.findings import Verdict, Window
from tests.checks.drifted import WINDOW, Moved, lay_out
from tests.conftest import shared_data

ORACLE = json.loads(shared_data("oracles/drift_dev.json").read_text())["cases"]
VALUES = st.lists(st.integers(-5, 5) | st.floats(-1e6, 1e6).map(lambda x: round(x, 3)), min_size=1, max_size=40)
WORDS = st.lists(st.sampled_from(["a", "b", "c", "d", None]), min_size=1, max_size=40)


@pytest.fixture(name="engine")
def engine_fixture() -> Iterator[Engine]:
    with Engine() as engine:
        yield engine


def moved(engine: Engine, reference: list[Any], now: list[Any]) -> Moved:
    """One model with one input."""
    return lay_out(engine, {"m": ({"x": reference}, {"x": now})})


def value(reference: list[Any], now: list[Any], measure: str) -> float | None:
    """The figure of one input."""
    with Engine() as engine:
        return moved(engine, reference, now).one(measure=measure)[0].value


def shares(values: list[Any], keys: list[Any]) -> np.ndarray:
    return np.array([values.count(key) for key in keys]) / len(values)


def psi_by_hand(reference: list[float], now: list[float]) -> float:
    """Deciles of the reference as upper ends; an empty bin is half a record."""
    ends = np.unique(np.quantile(reference, np.arange(1, 10) / 10, method="inverted_cdf"))
    counts = [
        np.bincount(np.searchsorted(ends, side, side="left"), minlength=ends.size + 1) for side in (reference, now)
    ]
    if ends[0] == min(reference):
        below = sum(x < ends[0] for x in now)
        counts = [np.append(counts[0], 0), np.append(counts[1], below)]
        counts[1][0] -= below
    kept = (counts[0] + counts[1]) > 0
    p, q = (np.maximum(side[kept], 0.5) / side.sum() for side in counts)
    return float(np.sum((q - p) * np.log(q / p)))


class TestPublishedFigures:
    """Figures of other projects, recomputed with scipy (`shared/data/oracles/drift_dev.json`)."""

    def test_wasserstein(self, engine: Engine) -> None:
        oracle = next(case for case in ORACLE if case["test"] == "wasserstein")
        np.random.seed(1)  # noqa: NPY002 - the recipe of the oracle
        reference, now = np.random.normal(0, 1, 10_000), np.random.normal(1, 1, 1000)  # noqa: NPY002
        found, judged = moved(engine, list(reference), list(now)).one(measure="wasserstein")
        assert found.counts["distance"] == pytest.approx(oracle["expected"], abs=oracle["tol"])
        assert found.counts["distance"] == pytest.approx(stats.wasserstein_distance(reference, now), rel=1e-12)
        assert found.value == pytest.approx(found.counts["distance"] / reference.std(), rel=1e-11)
        assert judged.verdict is Verdict.FAILED

    def test_jensen_shannon(self, engine: Engine) -> None:
        oracle = next(case for case in ORACLE if case["test"] == "jensen_shannon_distance_categorical")
        np.random.seed(1)  # noqa: NPY002 - the recipe of the oracle
        reference = list(np.random.choice(["a", "b", "c", "d"], 10_000))  # noqa: NPY002
        now = list(np.random.choice(["a", "b", "c", "e"], 1000))  # noqa: NPY002
        found, judged = moved(engine, reference, now).one(measure="js")
        assert found.value == pytest.approx(oracle["expected"], abs=oracle["tol"])
        keys = ["a", "b", "c", "d", "e"]
        expected = jensenshannon(shares(reference, keys), shares(now, keys), base=2)
        assert found.value == pytest.approx(expected, rel=1e-12)
        assert "the share of values that the reference lacks went from 0.0% to 25" in (judged.reason or "")


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of the p-values that scipy computes beside the figure
class TestAgainstScipy:
    @settings(max_examples=20, suppress_health_check=[HealthCheck.too_slow])
    @given(reference=VALUES, now=VALUES)
    def test_numbers(self, reference: list[float], now: list[float]) -> None:
        reference, now = [float(x) for x in reference], [float(x) for x in now]
        with Engine() as engine:
            own = moved(engine, reference, now)
            ks, distance, psi = (own.one(measure=measure)[0] for measure in ("ks", "wasserstein", "psi"))
        assert ks.value == pytest.approx(stats.ks_2samp(reference, now, method="asymp").statistic, abs=1e-12)
        assert distance.counts["distance"] == pytest.approx(
            stats.wasserstein_distance(reference, now), rel=1e-9, abs=1e-9
        )
        assert psi.value == pytest.approx(psi_by_hand(reference, now), rel=1e-9, abs=1e-12)
        spread = float(np.std(reference))
        if len(set(reference)) > 1:
            assert distance.value == pytest.approx(distance.counts["distance"] / spread, rel=1e-6, abs=1e-11)

    @settings(max_examples=20, suppress_health_check=[HealthCheck.too_slow])
    @given(reference=WORDS, now=WORDS)
    def test_names(self, reference: list[str | None], now: list[str | None]) -> None:
        found = value(reference, now, "js")
        if all(x is None for x in reference):
            assert found is None
            return
        known = list(dict.fromkeys(reference))
        now_known = [x if x in known or x is None else "new" for x in now]
        keys = [*dict.fromkeys([*known, *now_known])]
        assert found == pytest.approx(jensenshannon(shares(reference, keys), shares(now_known, keys), base=2), abs=1e-9)


class TestBins:
    def test_psi_by_hand(self, engine: Engine) -> None:
        """Shares 0.5, 0.3, 0.2 become 0.4, 0.3, 0.3."""
        reference, now = ["a"] * 50 + ["b"] * 30 + ["c"] * 20, ["a"] * 40 + ["b"] * 30 + ["c"] * 30
        found, _ = moved(engine, reference, now).one()
        assert found.value == pytest.approx(-0.1 * math.log(0.8) + 0.1 * math.log(1.5), rel=1e-12)
        assert [(one["bin"], one["reference_n"], one["n"]) for one in found.counts["bins"]] == [
            ("a", 50, 40),
            ("b", 30, 30),
            ("c", 20, 30),
        ]

    def test_deciles_are_values_of_the_reference(self, engine: Engine) -> None:
        found, _ = moved(engine, list(range(1, 101)), [5, 15, 95, 101, -7]).one()
        assert [(one["bin"], one["reference_n"], one["n"]) for one in found.counts["bins"]][:2] == [
            ("up to 10", 10, 2),
            ("above 10, up to 20", 10, 1),
        ]
        assert found.counts["bins"][-1]["bin"] == "above 90"
        assert found.counts["bins"][-1]["n"] == 2

    @pytest.mark.parametrize("stranger", [-1.0, 2.0])
    def test_a_constant_does_not_hide_other_values(self, stranger: float) -> None:
        assert value([1.0] * 50, [1.0] * 50, "psi") == 0
        assert (value([1.0] * 50, [stranger] * 50, "psi") or 0) > 5

    def test_equal_deciles_count_once(self, engine: Engine) -> None:
        found, _ = moved(engine, [0] * 95 + [1] * 5, [0] * 50 + [1] * 50).one()
        assert [(one["bin"], one["reference_n"], one["n"]) for one in found.counts["bins"]] == [
            ("up to 0", 95, 50),
            ("above 0", 5, 50),
        ]

    def test_missing_values_and_no_numbers_are_a_bin(self, engine: Engine) -> None:
        found, judged = moved(engine, [1.0, 2.0] * 50, [1.0, 2.0, None, math.nan, math.inf] * 20).one()
        assert found.counts["bins"][-1] | {"part": 0} == {
            "bin": "(missing values)",
            "reference_n": 0,
            "n": 60,
            "part": 0,
        }
        assert (found.counts["missing"], found.counts["reference_missing"]) == (60, 0)
        assert judged.reason is not None
        assert "the share of missing values went from 0.0% to 60.0%" in judged.reason

    def test_rare_and_new_names_share_a_bin(self, engine: Engine) -> None:
        reference = [f"v{n}" for n in range(60) for _ in range(100 - n)]
        found, _ = moved(engine, reference, ["v0", "v55", "v59", "other", "another"]).one()
        named = {one["bin"]: (one["reference_n"], one["n"]) for one in found.counts["bins"]}
        assert len(named) == 52
        assert named["v49"] == (51, 0)
        assert named["(rarer values of the reference)"] == (sum(100 - n for n in range(50, 60)), 2)
        assert named["(values that the reference lacks)"] == (0, 2)

    def test_truth_values_decimals_and_times(self, engine: Engine) -> None:
        engine.execute(
            "CREATE TABLE \"features:m\" AS SELECT i::VARCHAR AS decision_id, TIMESTAMPTZ '2026-06-01 00:00:00Z' + "
            "INTERVAL (i) HOUR AS decision_ts, i % 2 = 0 AS flag, (i % 7)::DECIMAL(9, 2) AS amount, "
            "TIMESTAMP '2026-01-01' + INTERVAL (i % 5) DAY AS since FROM range(1440) t(i)"
        )
        own = Moved(engine, {"features:m": ()})
        kinds = {key[0]: found for key, (found, _) in own.found(measure="ks").items()}
        assert kinds["flag"].value is None
        assert "names" in (kinds["flag"].reason or "")
        assert all(kinds[name].value is not None for name in ("amount", "since"))
        assert {one["bin"] for one in own.found()[("flag",)][0].counts["bins"]} == {"true", "false"}


class TestOddSamples:
    def test_no_reference(self, engine: Engine) -> None:
        found, judged = moved(engine, [], [1.0] * 50).one()
        assert (found.value, judged.verdict) == (None, Verdict.NOT_ASSESSED)
        assert judged.reason == "2026-06 holds no records to compare with"

    def test_small_reference(self, engine: Engine) -> None:
        found, judged = moved(engine, [1.0, 2.0], [3.0] * 50).one(minimum_n=30)
        assert found.value is not None
        assert judged.reason == "2 records of 2026-06, fewer than the 30 that a verdict needs"

    @pytest.mark.parametrize("measure", ["psi", "js", "ks", "wasserstein"])
    def test_new_input(self, engine: Engine, measure: str) -> None:
        _, judged = moved(engine, [None] * 40, [3.0] * 50).one(measure=measure)
        assert judged.verdict is Verdict.NOT_ASSESSED
        assert judged.reason == "none of the 40 records of 2026-06 has a value, but 50 of 50 now have one: it is new"

    def test_vanished_input_fails_on_bins(self, engine: Engine) -> None:
        own = moved(engine, [1.0, 2.0] * 40, [None] * 50)
        assert own.one()[1].verdict is Verdict.FAILED
        _, judged = own.one(measure="ks")
        assert (
            judged.reason == "none of the 50 records has a value, but 80 of the 80 of 2026-06 have one: it has vanished"
        )

    def test_nothing_on_either_side(self, engine: Engine) -> None:
        _, judged = lay_out(engine, {"m": ({"x": [None] * 9, "y": [1] * 9}, {"x": [None] * 9, "y": [1] * 9})}).found()[
            ("x",)
        ]
        assert judged.reason == "no record has a value, neither of the 9 of 2026-06 nor of the 9 now"

    def test_constant_reference_has_no_spread(self, engine: Engine) -> None:
        own = moved(engine, [4.0] * 50, [4.0] * 25 + [5.0] * 25)
        assert "all 50 values of 2026-06 are the same" in (own.one(measure="wasserstein")[1].reason or "")
        assert own.one(measure="ks")[0].value == 0.5

    def test_no_records_now(self, engine: Engine) -> None:
        for measure in ("psi", "ks"):
            assert not moved_empty(engine).measured(measure=measure).observations

    def test_window_overlaps_reference(self, engine: Engine) -> None:
        own = moved(engine, [1.0] * 40, [1.0] * 40)
        scope = own.scope(window=Window(datetime(2026, 6, 30, tzinfo=UTC), WINDOW.end, "odd"))
        found, judged = own.found(scope)[()]
        assert judged.verdict is Verdict.NOT_ASSESSED
        assert "compared to themselves" in (found.reason or "")

    def test_unknown_input(self, engine: Engine) -> None:
        own = moved(engine, [1.0] * 40, [1.0] * 40)
        found = own.found(features=["x", "xx"])
        assert found[("x",)][1].verdict is Verdict.PASSED
        assert found[("xx",)][1].reason == "no record of m has an input of that name; did you mean 'x'?"

    def test_hostile_names_are_only_names(self, engine: Engine) -> None:
        name = """x"; DROP TABLE "features:m"; --'$start"""
        own = lay_out(engine, {"m": ({name: ["it's", "b"] * 30}, {name: ["it's", "c'"] * 30})})
        for measure in ("psi", "ks"):
            assert (name,) in own.found(measure=measure)


def moved_empty(engine: Engine) -> Moved:
    """An input that only June has."""
    engine.execute('DROP TABLE IF EXISTS "features:m"')
    engine.execute(
        "CREATE TABLE \"features:m\" AS SELECT 'a' AS decision_id, 1.0 AS x, "
        "TIMESTAMPTZ '2026-06-02 00:00:00Z' AS decision_ts"
    )
    return Moved(engine, {"features:m": ()})
