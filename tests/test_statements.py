"""What an `sql` check may be: one SELECT over named views, and nothing that reads anything else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pydantic import ValidationError

from governance.checks.sql import Sql
from governance.engines.duckdb import Engine, EngineError
from governance.engines.statements import Selection, selection
from tests.checks.cases import Case, measured

if TYPE_CHECKING:
    from collections.abc import Iterator

VIEWS = ("requests", "decisions")


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with Engine() as found:
        yield found


def inspect(engine: Engine, sql: str) -> Selection:
    return selection(engine, sql, views=VIEWS, parameters=("start", "end"))


@pytest.mark.parametrize(
    ("sql", "tables", "columns"),
    [
        ("SELECT 1 AS value", set(), ("value",)),
        ("FROM requests SELECT status, count(*) AS n GROUP BY ALL", {"requests"}, ("status", "n")),
        ("SELECT r.status FROM requests r, decisions d", {"requests", "decisions"}, ("status",)),
        ("WITH a AS (SELECT * FROM requests) SELECT max(latency_us) AS value FROM a", {"requests"}, ("value",)),
        ("WITH a AS (SELECT 1 AS x), b AS (SELECT * FROM a) SELECT x FROM b JOIN a USING (x)", set(), ("x",)),
        ("WITH payloads AS (SELECT 1 AS x) SELECT x FROM (SELECT x FROM payloads)", set(), ("x",)),
        ("SELECT 1 AS value UNION ALL SELECT 2", set(), ("value",)),
        ("SELECT (SELECT count(*) FROM decisions) AS value", {"decisions"}, ("value",)),
        ('SELECT "a" AS value FROM "features:it\'s; --"', {"features:it's; --"}, ("value",)),
        ("SELECT row_number() OVER (ORDER BY status) AS value FROM requests -- why", {"requests"}, ("value",)),
        ("SELECT count(*) FILTER (start_ts < CAST($end AS TIMESTAMPTZ)) AS n FROM requests", {"requests"}, ("n",)),
        ("SELECT *, count(*) FROM requests", {"requests"}, (None, None)),
        ("SELECT '-- ; $x' AS value", set(), ("value",)),
    ],
)
def test_lets_through(engine: Engine, sql: str, tables: set[str], columns: tuple[str | None, ...]) -> None:
    assert inspect(engine, sql) == Selection(frozenset(tables), columns)


@pytest.mark.parametrize(
    "sql",
    [
        "",
        "SELECT 1; SELECT 2",
        "DROP VIEW requests",
        "COPY requests TO 'x.csv'",
        "ATTACH 'x.db'",
        "INSTALL httpfs",
        "SET threads = 1",
        "INSERT INTO requests SELECT * FROM requests",
        "WITH x AS (DELETE FROM requests RETURNING *) SELECT * FROM x",
        "SELECT * FROM 'x.csv'",
        'SELECT * FROM "/etc/passwd"',
        "SELECT * FROM read_csv('x.csv')",
        "SELECT * FROM read_text('x')",
        "SELECT * FROM glob('*')",
        "SELECT * FROM duckdb_settings()",
        "SELECT * FROM range(1000000000000)",
        "SELECT * FROM query('SELECT 1')",
        "SELECT * FROM query_table('requests')",
        "SELECT getenv('HOME') AS value",
        "SELECT current_setting('threads') AS value",
        "SELECT content FROM read_blob('x')",
        "SELECT random() AS value",
        "SELECT now() AS value",
        "SELECT current_timestamp AS value",
        "SELECT current_user AS value",
        "SELECT * FROM requests TABLESAMPLE 10%",
        "SELECT * FROM requests USING SAMPLE 3",
        "SELECT * FROM main.requests",
        "SELECT * FROM information_schema.tables",
        "SELECT * FROM payloads",
        "SELECT * FROM quarantine",
        "WITH RECURSIVE x AS (SELECT 1 UNION ALL SELECT 1 FROM x) SELECT * FROM x",
        "WITH payloads AS (SELECT * FROM payloads) SELECT * FROM payloads",
        "SELECT * FROM (WITH payloads AS (SELECT 1) SELECT * FROM payloads) a, payloads",
        'SELECT * FROM (WITH "x.csv" AS (SELECT 1) SELECT * FROM "x.csv") a, "x.csv"',
        "WITH a AS (SELECT * FROM b), b AS (SELECT 1) SELECT * FROM a",
        "WITH payloads AS (SELECT 1) SELECT * FROM main.payloads",
        "SELECT $other AS value",
        "SELECT list_transform([1], lambda x: x) AS value",
        "DESCRIBE requests",
        "SUMMARIZE requests",
        "PIVOT requests ON status USING count(*)",
        "SELECT 1 AS value) AS x, (SELECT 2 AS value",
        "SELECT 1 AS value) SELECT 2 AS value --",
        "SELECT (SELECT getenv('HOME')) AS value",
        "SELECT 1 AS value FROM requests WHERE EXISTS (SELECT 1 FROM read_text('x'))",
        "SELECT count(*) OVER (PARTITION BY getenv('HOME')) AS value FROM requests",
        "SELECT sum(1) FILTER (getenv('HOME') = '') AS value FROM requests",
        "SELECT 1 AS value ORDER BY getenv('HOME')",
        "SELECT 1 AS value LIMIT (SELECT count(*) FROM read_text('x'))",
        "SELECT 1 AS value FROM requests GROUP BY GROUPING SETS ((getenv('HOME')))",
        "SELECT 1 AS value FROM requests HAVING getenv('HOME') = ''",
        "SELECT 1 AS value FROM requests QUALIFY getenv('HOME') = ''",
        "SELECT 1 AS value FROM requests r JOIN decisions d ON getenv('HOME') = ''",
        "SELECT 1 AS value FROM (VALUES (getenv('HOME'))) v",
    ],
)
def test_refuses(engine: Engine, sql: str) -> None:
    assert inspect(engine, sql).refusal


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"sql": "SELECT 1 AS value, 1 AS n"}, "without a limit"),
        ({"sql": "SELECT 1 AS value, 1 AS n", "min": 2, "max": 1}, "no value could pass"),
        ({"sql": "SELECT 1 AS value", "max": 1}, "no column 'n'"),
        ({"sql": "SELECT 1 AS n", "max": 1}, "no column 'value'"),
        ({"sql": "SELECT 1 AS value, 1 AS n, 2 AS more", "max": 1}, "'more' in `by`"),
        ({"sql": "SELECT * FROM requests", "max": 1}, "no column 'value'"),
        ({"sql": "SELECT 1 AS value, 1 AS n, 1 AS n", "max": 1}, "a column twice"),
        ({"sql": "SELECT 1 AS value, 1 AS n", "max": 1, "by": ["model"]}, "no column 'model'"),
        ({"sql": "SELECT 1 AS value, 1 AS n", "max": 1, "per": "month"}, "belong into the statement"),
        ({"sql": "SELECT getenv('HOME') AS value, 1 AS n", "max": 1}, "the function 'getenv' is not allowed"),
    ],
)
def test_a_mistake_is_found_when_the_policy_is_read(fields: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Sql.model_validate({"id": "own", "kind": "sql"} | fields)


def test_two_rows_for_one_subject_are_an_error() -> None:
    sql = "SELECT latency_us AS value, 1 AS n FROM requests"
    case = Case("sql", "twice", {"sql": sql, "max": 1}, [], {"requests": [{"repeat": 2, "latency_us": 1}]})
    with pytest.raises(EngineError, match="several rows for one subject"):
        measured(case)
