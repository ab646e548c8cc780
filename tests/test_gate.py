"""What a policy's `where` may be: an expression over columns, and nothing that runs, reads or leaves its place."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from governance.engines.duckdb import Engine
from governance.engines.gate import refusal


@pytest.fixture(scope="module", name="engine")
def _engine() -> Iterator[Engine]:
    with Engine() as engine:
        yield engine


@pytest.mark.parametrize(
    "text",
    [
        "score > 0.5",
        "NOT (region IS NULL OR latency_us BETWEEN 1 AND 2)",
        "lower(status) = 'ok' AND model_served IN ('a', 'b')",
        "\"we ird; -- column\" = 'x;y -- no comment'",
        "x = 'it''s'",
        "x LIKE 'a%' OR x GLOB 'b*' OR x SIMILAR TO 'c'",
        "tags['tier'] = 'gold'",
        "start_ts >= TIMESTAMPTZ '2026-07-01 00:00:00+00'",
        "start_ts - decision_ts > INTERVAL 1 DAY",
        "CASE WHEN x THEN y ELSE z END",
        "CAST(x AS INTEGER) = 1",
        "coalesce(cost_reported, cost_computed) > 0.01",
        "list_contains(quality_flags, 'tz_assumed')",
        "x =\n  1",
        "-x > 1",
    ],
)
def test_an_expression_over_columns_passes(engine: Engine, text: str) -> None:
    assert refusal(engine, text) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  ",
        "x = ",
        "true) UNION SELECT 1 FROM decisions WHERE (true",
        "true UNION SELECT 1",
        "true) OR (true",
        "true) GROUP BY (1",
        "true GROUP BY 1",
        "true ORDER BY 1",
        "true LIMIT 1",
        "true QUALIFY true",
        "true; DROP TABLE requests",
        "x = 1 -- the rest is gone",
        "x = 1 /* the rest is gone",
        "x = 1 /* a */ OR true",
        "(SELECT count(*) FROM requests) > 1",
        "x IN (SELECT request_id FROM requests)",
        "EXISTS (FROM requests)",
        "x IN (FROM read_csv('/etc/passwd'))",
        "read_text('/etc/passwd') = x",
        "getenv('HOME') = x",
        "pg_catalog.lower(x) = 'a'",
        "count(*) > 1",
        "sum(x) OVER () > 1",
        "$start = 1",
        "? = 1",
        "#1 = 1",
        "* = 1",
        "COLUMNS(*) = 1",
        "now() > start_ts",
        "current_date > start_ts",
        "current_user = x",
        "random() > 0.5",
        "repeat('a', 1000000000) = x",
        "[y FOR y IN x] = []",
        "list_filter(x, lambda y: y)",
        "x COLLATE nocase = 'a'",
        "x = $$a$$",
        "x = e'\\' -- '",
        "x = 'open",
        'x = "open',
        "PRAGMA version",
        "SELECT 1",
        "x = '\0'",
        "(" * 5_000,
    ],
)
def test_everything_else_is_refused_with_the_reason(engine: Engine, text: str) -> None:
    reason = refusal(engine, text)
    assert reason
    assert "\n" not in reason
