"""Inspect's evaluation logs, on two recorded ones (shared) and on logs made by hand."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from governance.sources import Ignored, UnreadableError
from governance.sources.inspect_ai import SOURCE
from tests.sources.reading import fates, rows_of, told, values_in

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def metric(name: str, value: Any) -> dict[str, Any]:
    return {"name": name, "value": value, "options": {}}


def score(name: str, reducer: str | None = None, **metrics: Any) -> dict[str, Any]:
    own = {"name": name, "scorer": name, "metrics": {key: metric(key, value) for key, value in metrics.items()}}
    return own | ({"reducer": reducer} if reducer else {})


LOG: dict[str, Any] = {
    "version": 2,
    "status": "success",
    "eval": {
        "eval_id": "e1",
        "run_id": "r1",
        "task_id": "t1",
        "task": "refusals",
        "task_version": 3,
        "created": "2026-06-01T10:00:00+02:00",
        "dataset": {"name": "refusals-de", "samples": 50},
        "model": "openai/gpt-4o",
        "revision": {"type": "git", "commit": "abc1234"},
    },
    "results": {"total_samples": 50, "completed_samples": 49, "scores": [score("match", accuracy=0.9, stderr=0.02)]},
    "stats": {"started_at": "2026-06-01T10:00:01+02:00", "completed_at": "2026-06-01T10:05:00+02:00"},
}
VALUES = [LOG]


def changed(**parts: Any) -> dict[str, Any]:
    return LOG | parts


def test_a_log_with_one_score() -> None:
    (row,) = rows_of(SOURCE, LOG)["evaluations"]
    assert row == {
        "evaluation_id": "e1:match:accuracy",
        "model": "openai/gpt-4o",
        "suite": "refusals",
        "suite_version": "3",
        "dataset": "refusals-de",
        "scorer": "match",
        "metric": "accuracy",
        "value": 0.9,
        "stderr": 0.02,
        "samples": 50,
        "completed": 49,
        "status": "success",
        "started_ts": datetime(2026, 6, 1, 8, 0, 1, tzinfo=UTC),
        "ended_ts": datetime(2026, 6, 1, 8, 5, tzinfo=UTC),
        "code_revision": "abc1234",
    }


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "log_formats",
            {
                "evaluation_id": "BpiPFmbVcMCRUAXv8ovCTx:9eTnG3tV8jGRYoTPMH54Ee:match:accuracy",
                "model": "ollama/llama3.1",
                "value": 0.0,
                "stderr": 0.0,
                "samples": 1,
                "started_ts": datetime(2024, 10, 15, 16, 53, 13, tzinfo=UTC),
            },
        ),
        (
            "no_samples",
            {
                "evaluation_id": "SnKtvCqGnnegLQ7qSBFDzy:match:accuracy",
                "value": 2 / 3,
                "status": "cancelled",
                "completed": 3,
                "ended_ts": datetime(2025, 5, 13, 0, 28, 15, tzinfo=UTC),
            },
        ),
    ],
)
def test_recorded_logs(name: str, expected: dict[str, Any], shared_data: Callable[[str], Path]) -> None:
    (value,) = values_in(shared_data(f"samples/inspect_ai/{name}.json"))
    (row,) = rows_of(SOURCE, value)["evaluations"]
    assert told(row, expected) == expected


def test_an_error_that_could_belong_to_two_figures_is_a_figure_of_its_own() -> None:
    results = {"scores": [score("match", accuracy=0.9, mean=0.8, stderr=0.02)]}
    rows = rows_of(SOURCE, changed(results=results))["evaluations"]
    assert [(row["metric"], row["value"], row["stderr"]) for row in rows] == [
        ("accuracy", 0.9, None),
        ("mean", 0.8, None),
        ("stderr", 0.02, None),
    ]


def test_one_scorer_with_two_reducers_is_told_apart() -> None:
    results = {"scores": [score("match", "mean", accuracy=0.5), score("match", "max", accuracy=0.7)]}
    rows = rows_of(SOURCE, changed(results=results))["evaluations"]
    assert [row["evaluation_id"] for row in rows] == ["e1:match:accuracy (mean)", "e1:match:accuracy (max)"]


def test_a_figure_that_is_not_finite_is_none() -> None:
    rows = rows_of(SOURCE, changed(results={"scores": [score("match", accuracy="NaN")]}))["evaluations"]
    assert rows[0]["value"] is None


@pytest.mark.parametrize("results", [None, {}, {"scores": []}, {"scores": 7}])
def test_a_run_without_results_is_ignored_and_counted(results: Any) -> None:
    assert fates(SOURCE, changed(status="error", results=results)) == [Ignored("evaluation without results")]


@pytest.mark.parametrize(
    ("part", "reason"),
    [
        ({"eval": LOG["eval"] | {"task": None}}, "missing_value"),
        ({"eval": {"task": "t", "model": "m", "created": None}, "stats": {}}, "missing_value"),
        ({"stats": {"started_at": "soon"}}, "bad_time"),
        ({"results": {"scores": [score("match", accuracy="high")]}}, "type_mismatch"),
    ],
)
def test_what_cannot_be_read(part: dict[str, Any], reason: str) -> None:
    (found,) = fates(SOURCE, changed(**part))
    assert isinstance(found, UnreadableError)
    assert found.reason == reason
