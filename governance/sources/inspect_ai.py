"""Inspect's evaluation logs as JSON (format 2): one log is one record, each figure of each scorer one evaluation.

`stderr` stands beside the one figure that it belongs to. A log that came to no result is ignored; one that was
cancelled or failed with results keeps its status. `.eval` archives are to be turned into JSON by `inspect log convert`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import isfinite
from typing import Any, ClassVar

from governance.formats.conversions import as_text, clean, number, whole
from governance.formats.request_rows import fills, object_of
from governance.formats.rows import Row
from governance.formats.times import moment
from governance.sources import Ignored, Rows, Source, UnreadableError

COLUMNS = (
    *("evaluation_id", "model", "suite", "suite_version", "dataset", "scorer", "metric", "value", "stderr"),
    *("samples", "completed", "status", "started_ts", "ended_ts", "code_revision"),
)
STDERR = "stderr"


class InspectAi(Source):
    """Inspect logs."""

    name: ClassVar[str] = "inspect-ai"
    title: ClassVar[str] = "Inspect evaluation logs (JSON)"
    fills: ClassVar[tuple[str, ...]] = fills(evaluations=COLUMNS)
    verified: ClassVar[str] = "two recorded logs, one of a finished and one of a cancelled run"

    def recognises(self, value: Mapping[str, Any]) -> bool:
        made = value.get("eval")
        return isinstance(made, Mapping) and {"task", "model", "created"} <= made.keys() and "status" in value

    def rows(self, record: Any) -> Rows | Ignored:
        log = object_of(record)
        run, results = _part(log, "eval"), _part(log, "results")
        found = results.get("scores")
        scores = [score for score in found if isinstance(score, Mapping)] if isinstance(found, list) else []
        if not scores:
            return Ignored("evaluation without results")
        shared, identity = _run(log, run, results), _id(run)
        return Rows({"evaluations": [row for score in scores for row in _figures(shared, identity, score)]})


def _run(log: Mapping[str, Any], run: Mapping[str, Any], results: Mapping[str, Any]) -> Row:
    """What all figures of a log share."""
    stats = _part(log, "stats")
    started, ended = stats.get("started_at") or run.get("created"), stats.get("completed_at")
    if not started:
        raise UnreadableError("missing_value", "eval.created is missing")
    return {
        "model": _text(run.get("model")),
        "suite": _needed(run.get("task"), "eval.task"),
        "suite_version": _text(run.get("task_version")),
        "dataset": _text(_part(run, "dataset").get("name")),
        "samples": _whole(results.get("total_samples"), "results.total_samples"),
        "completed": _whole(results.get("completed_samples"), "results.completed_samples"),
        "status": _text(log.get("status")),
        "started_ts": moment(started, "stats.started_at").at,
        "ended_ts": moment(ended, "stats.completed_at").at if ended else None,
        "code_revision": _text(_part(run, "revision").get("commit")),
    }


def _figures(shared: Row, identity: str, score: Mapping[str, Any]) -> Iterator[Row]:
    """The rows of one scorer; one that is reduced in two ways appears twice, told apart by the reducer."""
    name, reducer = _needed(score.get("name"), "results.scores.name"), _text(score.get("reducer"))
    figures = {
        key: _value(metric, key) for key, metric in _part(score, "metrics").items() if isinstance(metric, Mapping)
    }
    others = [key for key in figures if key != STDERR]
    error = figures.pop(STDERR) if STDERR in figures and len(others) == 1 else None
    for key, value in figures.items():
        metric = f"{key} ({reducer})" if reducer else key
        own: Row = {"scorer": _text(score.get("scorer")) or name, "metric": metric, "value": value, "stderr": error}
        yield shared | own | {"evaluation_id": f"{identity}:{name}:{metric}"}


def _id(run: Mapping[str, Any]) -> str:
    """Newer logs have an id of their own; older ones those of the run and of the task in it."""
    own = _text(run.get("eval_id"))
    parts = [own] if own else [_needed(run.get("run_id"), "eval.run_id"), _text(run.get("task_id")) or ""]
    return ":".join(parts)


def _part(value: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = value.get(name)
    return found if isinstance(found, Mapping) else {}


def _text(value: Any) -> str | None:
    return None if value is None else clean(as_text(value), "text") or None


def _needed(value: Any, field: str) -> str:
    found = _text(value)
    if found is None:
        raise UnreadableError("missing_value", f"{field} is missing")
    return found


def _value(metric: Mapping[str, Any], name: str) -> float | None:
    logged = metric.get("value")
    found = None if logged is None else number(logged, f"metrics.{name}.value")
    return None if found is None or not isfinite(found) else float(found)


def _whole(value: Any, field: str) -> int | None:
    return None if value is None else whole(number(value, field), field)


SOURCE = InspectAi()
