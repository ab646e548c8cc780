"""Output quality: what assessments say about the answers, by version and over time."""

from __future__ import annotations

from governance import charts
from governance.blocks import AnyBlock, Chart, Column, Section, Table
from governance.exhibits import families
from governance.exhibits.period import Period, Row
from governance.exhibits.sentences import counted, group, nothing
from governance.exhibits.verdicts import judged

KIND = "output-quality"
MODEL = "coalesce(r.model_served, r.model_requested, 'not stated')"
MOST_LINES = 6


def by_version(period: Period) -> Section:
    """Mean scores by week for each model and prompt version, and what was judged."""
    blocks: list[AnyBlock] = []
    version = _version(period)
    for score in _scores(period):
        rows = _weekly(period, score, version)
        blocks += [_chart(period, score, rows), _versions(period, score, version)]
    if not blocks:
        blocks.append(nothing("No output of this window was assessed by a person, a user, code or a judge."))
    blocks += judged(period, *families.PERFORMANCE)
    return group(*blocks, counted(period, "quality", "assessments joined to their requests, by time of the request"))


def _version(period: Period) -> str:
    """SQL of the version of an answer: its model, and its prompt where a model had several."""
    rows = period.rows(
        "quality",
        f"SELECT {MODEL} AS model, count(DISTINCT r.prompt_version) AS n "
        "FROM assessments a JOIN requests r USING (request_uid) "
        f"WHERE {period.in_either('r.start_ts')} GROUP BY 1 HAVING count(DISTINCT r.prompt_version) > 1",
    )
    return f"{MODEL} || coalesce(', prompt ' || r.prompt_version, '')" if rows else MODEL


def _scores(period: Period) -> list[str]:
    rows = period.rows(
        "quality",
        "SELECT a.name, count(*) AS n FROM assessments a JOIN requests r USING (request_uid) "
        f"WHERE {period.during('r.start_ts')} AND a.score IS NOT NULL GROUP BY a.name ORDER BY n DESC, a.name LIMIT 3",
    )
    return [row["name"] for row in rows]


def _weekly(period: Period, score: str, version: str) -> list[Row]:
    return period.rows(
        "quality",
        f"SELECT {period.calendar(period.step, 'r.start_ts')} AS week, {version} AS version, "
        "avg(a.score) AS mean, count(*) AS n "
        "FROM assessments a JOIN requests r USING (request_uid) "
        f"WHERE a.name = $score AND a.score IS NOT NULL AND {period.in_either('r.start_ts')} "
        "GROUP BY ALL ORDER BY week, version",
        score=score,
    )


def _chart(period: Period, score: str, rows: list[Row]) -> Chart:
    weeks = sorted({row["week"] for row in rows})
    sizes: dict[str, int] = {}
    for row in rows:
        sizes[row["version"]] = sizes.get(row["version"], 0) + row["n"]
    drawn = sorted(sizes, key=lambda name: (-sizes[name], name))[:MOST_LINES]
    means = {(row["week"], row["version"]): row["mean"] for row in rows if row["n"] >= FEWEST}
    series = {version: [means.get((week, version)) for week in weeks] for version in sorted(drawn)}
    limits = {one.bound.value for one in period.of_kind(KIND) if one.bound and one.metric.startswith(score)}
    note = f"By the time of the request; points of fewer than {FEWEST} assessments are gaps."
    return charts.line(
        f"Mean {score} by {period.step}", weeks, series, limit=min(limits, default=None), digits=2, note=note
    )


FEWEST = 5  # chosen here: a mean of fewer says more about chance than about the version


def _versions(period: Period, score: str, version: str) -> Table:
    rows = period.rows(
        "quality",
        f"SELECT {version} AS version, "
        f"avg(a.score) FILTER ({period.is_now('r.start_ts')}) AS mean, "
        f"count(*) FILTER ({period.is_now('r.start_ts')}) AS n, min(r.start_ts) AS first, "
        f"avg(a.score) FILTER (NOT {period.is_now('r.start_ts')}) AS mean_before "
        "FROM assessments a JOIN requests r USING (request_uid) "
        f"WHERE a.name = $score AND a.score IS NOT NULL AND {period.in_either('r.start_ts')} GROUP BY 1 ORDER BY 1",
        score=score,
    )
    columns = (
        Column("version"),
        Column("assessed", "number", digits=0),
        Column(f"mean {score}", "number", digits=3),
        Column(period.span.previous.name, "number", digits=3),
        Column("first seen", "date"),
    )
    lines = tuple((row["version"], row["n"], row["mean"], row["mean_before"], row["first"][:10]) for row in rows)
    return Table(f"Mean {score} by version", columns, lines)
