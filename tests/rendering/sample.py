"""A made-up quarterly report with every kind of block, and strings that try to break out of it."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from governance import charts
from governance.blocks import (
    MIME,
    AnyBlock,
    Between,
    Bullets,
    Code,
    Column,
    Cover,
    Fact,
    Heading,
    Link,
    Missing,
    PageBreak,
    Spark,
    Strong,
    Table,
    Verbatim,
    Verdicts,
    facts,
    notice,
    paragraph,
    section,
)
from governance.drawings import Interval, Span, Step

HOSTILE = (
    "<script>document.title='owned'</script>",
    "<img src=x onerror=document.title='owned'>",
    "\"><svg/onload=alert(1)>'",
    "abc\u202etxt.exe",
    "\x1b[31mred\x1b]8;;http://x.example/\x07link",
    "]] #panic() $x$ `raw` \\ /* */ // *bold* @ref <label> {{ 7*7 }} {% raw %}",
    "&lt;b&gt; &amp; ]]> <!-- -->",
    "zero\u200bwidth and e" + "\u0301" * 12,
    "\u4e2d\u6587 \U0001f600 \u0627\u0644\u0639\u0631\u0628\u064a\u0629 \u05e9\u05dc\u05d5\u05dd",
    "sur\ud800rogate \x00 nul",
    '=HYPERLINK("http://x.example")',
    "a" * 300,
)
DIGEST = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
START, END = datetime(2026, 7, 1, tzinfo=UTC), datetime(2026, 10, 1, tzinfo=UTC)
WEEKS = tuple((date(2026, 7, 6) + timedelta(weeks=week)).isoformat() for week in range(12))
MONTHS = ("Jul", "Aug", "Sep")
FEATURES = ("credit_limit", "pay_delay_1", "pay_delay_2", "bill_amount_1", "bill_amount_2", "paid_amount_1", "age")


def board_page() -> AnyBlock:
    figures = Table(
        "Ten figures for the board",
        (
            Column("Figure"),
            Column("2026-Q3", "number", digits=2),
            Column("2026-Q2", "number", digits=2),
            Column("Limit", "number", digits=2),
            Column("Since Q1 2025", "spark"),
            Column("Verdict", "verdict"),
            Column("Owner"),
        ),
        (
            (
                "Lowest impact ratio, sex",
                0.74,
                0.86,
                0.80,
                Spark((0.88, 0.87, 0.9, 0.86, 0.86, 0.74), 0.8),
                "failed",
                "model-risk",
            ),
            (
                "p99 latency, credit model (s)",
                0.81,
                0.79,
                1.5,
                Spark((0.7, 0.74, 0.8, 0.77, 0.79, 0.81), 1.5),
                "passed",
                "platform",
            ),
            ("Score PSI", 0.19, 0.04, 0.20, Spark((0.03, 0.02, 0.05, 0.04, 0.04, 0.19), 0.2), "warned", "model-risk"),
            (
                "Answers of the fallback",
                0.12,
                0.02,
                0.05,
                Spark((0.01, None, 0.02, 0.03, 0.02, 0.12), 0.05),
                "failed",
                "platform",
            ),
            (
                "Error rate by outcome",
                Missing("no label yet"),
                0.08,
                0.10,
                Spark((0.08, 0.08, 0.07, 0.09, 0.08, None), 0.1),
                "not_assessed",
                "model-risk",
            ),
        ),
        note="Intervals are 95 % Wilson score intervals. Verdicts are those of the stored findings.",
    )
    return section(
        "For the board",
        paragraph(
            "Of 82 findings, ",
            Strong("7 failed"),
            " and 4 could not be judged. The two that matter most: women are approved at 0.74 of the rate of men "
            "(limit 0.80), and unit ",
            Code("collections"),
            " spent 1.4 times its budget.",
            role="lead",
        ),
        Verdicts(failed=7, errored=0, warned=5, not_assessed=4, waived=1, passed=65),
        figures,
        notice(
            "bad",
            "Logs are missing for 14 hours on 3 August; every figure of that day rests on fewer rows. See ",
            Link("completeness", "completeness"),
            ".",
        ),
        paragraph("Measured by policy ", Code("credit-decisions v4"), ", 48 219 of 48 231 rows used.", role="method"),
    )


def completeness() -> AnyBlock:
    gap = datetime(2026, 8, 3, 4, tzinfo=UTC)
    spans = (Span(START, END, "there"), Span(gap, gap + timedelta(hours=14), "gap", "14 h missing, 3 Aug"))
    partial = datetime(2026, 9, 10, tzinfo=UTC)
    chart = charts.timeline(
        "Hours in which logs were received",
        START,
        END,
        {
            "credit decisions": spans,
            "llm gateway": (
                Span(START, END, "there"),
                Span(partial, partial + timedelta(days=4), "partial", "half the usual volume"),
            ),
        },
        note="Times in UTC.",
    )
    table = Table(
        "Records by source",
        (
            Column("Source"),
            Column("Records", "number"),
            Column("Stored", "number"),
            Column("Duplicates", "number"),
            Column("Quarantined", "number"),
            Column("Ignored", "number"),
            Column("First", "date"),
            Column("Last", "date"),
        ),
        (
            ("credit-decisions", 48231, 48219, 0, 12, 0, START, END - timedelta(minutes=1)),
            ("llm-gateway", 1204551, 1204409, 100, 42, 0, START, END - timedelta(seconds=12)),
        ),
        totals=("all", 1252782, 1252628, 100, 54, 0, None, None),
        note="Records = stored + duplicates + quarantined + ignored.",
    )
    return section(
        "Completeness and integrity",
        chart,
        table,
        notice("good", "The store verifies: 412 entries, no problem."),
        anchor="completeness",
    )


def fairness() -> AnyBlock:
    rows = (
        Interval("sex: male", 1.0, 0.97, 1.03, "n 11 604"),
        Interval("sex: female", 0.74, 0.70, 0.785, "n 18 112"),
        Interval("age band: 25-", 0.86, 0.79, 0.93, "n 2 410"),
        Interval("age band: 60+", None, note="not assessed, n 12"),
    )
    chart = charts.intervals("Impact ratio by group, with 95 % interval", rows, limit=0.8, limit_name="four-fifths")
    table = Table(
        "Impact ratio by sex and age band",
        (
            Column("Group"),
            Column("n", "number"),
            Column("Approved", "share"),
            Column("Ratio", "number", digits=3),
            Column("95 % interval", "interval", digits=3),
            Column("Limit", "number", digits=2),
            Column("Verdict", "verdict"),
            Column("Due", "date"),
        ),
        (
            ("sex: male", 11604, 0.553, 1, Between(0.972, 1.028), 0.8, "passed", None),
            ("sex: female", 18112, 0.409, 0.7396, Between(0.701, 0.785), 0.8, "failed", date(2026, 10, 31)),
            ("age band: 25-", 2410, 0.47, 0.861, Between(0.79, 0.93), 0.8, "waived", date(2026, 12, 31)),
            ("age band: 60+", 12, Missing("fewer than 30"), Missing("fewer than 30"), None, 0.8, "not_assessed", None),
            ("region: north", 9000, 0.99996, 0.9, Between(0.88, 0.93), 0.8, "errored", None),
        ),
    )
    return section(
        "Fairness", paragraph("Women are approved less often than the limit allows.", role="lead"), chart, table
    )


def drift() -> AnyBlock:
    values: dict[str, tuple[float | None, ...]] = {
        name: tuple(0.01 + 0.02 * row + (0.31 if row == 1 and month == 2 else 0.013 * month) for month in range(3))
        for row, name in enumerate(FEATURES)
    }
    values["age"] = (0.02, None, None)
    chart = charts.heat("PSI of each feature by month", MONTHS, values, limit=0.2)
    table = Table(
        "PSI of each feature",
        (
            Column("Feature", "code"),
            *(Column(month, "number", digits=3) for month in MONTHS),
            Column("Verdict", "verdict"),
        ),
        tuple(
            (
                name,
                *row,
                "failed" if name == "pay_delay_1" else "passed",
            )
            for name, row in values.items()
        ),
    )
    return section("Drift", chart, table)


def operations() -> AnyBlock:
    p99 = {
        "gpt-large": tuple(812 + 12 * week + (400 if week > 8 else 0) for week in range(12)),
        "gpt-small": tuple(300 + 3 * week for week in range(12)),
        "fallback": (None, None, 510, None, 520, 530, 545, 541, None, 560, 700, 712),
    }
    line = charts.line(
        "p99 latency by route", [week[5:] for week in WEEKS], p99, limit=1000, limit_name="SLO", unit="ms"
    )
    stacked = charts.bars(
        "Deciding stage by month",
        {"July": (9000, 4000, 300), "August": (8700, 4100, 350), "September": (7600, 3900, 1900)},
        parts=("model", "rule", "fallback"),
        unit="decisions",
    )
    cost = charts.bars(
        "Cost by business unit",
        {
            "retail": 4210.5,
            "collections": 1680.2,
            "a unit whose name is much too long for its place in the chart": 12.25,
        },
        limit=1200,
        limit_name="budget",
        unit="USD",
        digits=2,
    )
    money = Table(
        "Cost by business unit",
        (
            Column("Unit"),
            Column("Requests", "number"),
            Column("Cost", "money", "USD"),
            Column("Per request", "money", "USD"),
            Column("Of budget", "share"),
            Column("Verdict", "verdict"),
        ),
        (
            ("retail", 804221, Decimal("4210.501234"), Decimal("0.005236"), 0.84, "passed"),
            ("collections", 190442, Decimal("1680.20"), Decimal("0.008823"), 1.4002, "failed"),
            ("lab", 12, Decimal("0.000012"), Decimal("0.000001"), 0.00001, "passed"),
        ),
        totals=("all", 994675, Decimal("5890.70"), Decimal("0.005922"), None, None),
    )
    return section("Service levels and cost", line, stacked, cost, money)


def explanation() -> AnyBlock:
    steps = [
        Step(name, str(3 + index), value)
        for index, (name, value) in enumerate(zip(FEATURES, (0.92, -0.41, 0.3, 0.22, -0.12, 0.05, 0.004), strict=True))
    ]
    steps += [Step(HOSTILE[0], HOSTILE[3], 0.6), *(Step(f"minor_{index}", "", 0.001) for index in range(9))]
    output = -1.14 + sum(step.contribution for step in steps)
    chart = charts.waterfall("Why the score is what it is", -1.14, steps, output, threshold=-0.62, unit="log-odds")
    return section("One decision", chart, level=2)


def findings() -> AnyBlock:
    columns = (
        Column("Finding"),
        Column("Policy", "code"),
        Column("Check", "code"),
        Column("Subject"),
        Column("Value", "number"),
        Column("Limit", "number"),
        Column("n", "number"),
        Column("Verdict", "verdict"),
        Column("Severity"),
        Column("Owner"),
        Column("Due", "date"),
        Column("Controls", "code"),
    )
    rows = tuple(
        (
            f"F-{index:03}",
            "credit-decisions",
            "four-fifths-by-sex-and-age-band",
            f"sex female, age band {index}",
            0.5 + index / 100,
            0.8,
            30 + index * 7,
            "failed" if index % 3 else "warned",
            "high",
            "model-risk",
            date(2026, 10, 31),
            "nyc-ll144:5-301.b eu-ai-act:10.2",
        )
        for index in range(40)
    )
    return section(
        "Findings",
        paragraph("All findings with owner and due date."),
        Table("Findings that failed or are watched", columns, rows),
        PageBreak(),
    )


def hostile() -> AnyBlock:
    table = Table(
        "Text by strangers",
        (Column("Kind"), Column("Text"), Column("As code", "code")),
        tuple((f"case {index}", text, text) for index, text in enumerate(HOSTILE)),
    )
    return section(
        f"Strings {HOSTILE[0]}",
        paragraph(*HOSTILE[:3], Code(HOSTILE[4]), Strong(HOSTILE[5]), Link(HOSTILE[1], '"><script>')),
        Bullets(tuple((text,) for text in HOSTILE), numbered=True),
        notice("warn", *HOSTILE[3:6], title=HOSTILE[1]),
        facts(dict(zip(HOSTILE[:4], HOSTILE[4:8], strict=True)), title=HOSTILE[0], code=(HOSTILE[1],)),
        table,
        charts.bars(HOSTILE[0], {text[:80]: index for index, text in enumerate(HOSTILE)}, unit=HOSTILE[1]),
        charts.line(
            HOSTILE[4], HOSTILE[:3], {HOSTILE[5]: (1, 2, 3), HOSTILE[8]: (2, 2, 1)}, limit=2, limit_name=HOSTILE[3]
        ),
        Verbatim("\n".join(HOSTILE)),
    )


def manifest() -> AnyBlock:
    return section(
        "Manifest",
        facts(
            {
                "Ledger size": 412,
                "Ledger root": DIGEST,
                "Policy digest": DIGEST[::-1],
                "Software": "governance 0.1.0, duckdb 2.0.0",
                "Repeat with": "governance report --window 2026-Q3",
                "Label cut-off": None,
            },
            code=("Ledger root", "Policy digest", "Repeat with"),
        ),
        Heading("How it was measured", 3),
        Verbatim("select count(*)\n  from requests\n where start_ts >= $1"),
    )


def cover() -> Cover:
    return Cover(
        "Quarterly compliance report",
        "Credit decisions and LLM gateway, 2026-Q3",
        (
            Fact("Period", "1 July to 30 September 2026 (UTC)"),
            Fact("Prepared", date(2026, 10, 2)),
            Fact("Approved", None, reason="not yet signed"),
            Fact("Ledger", "412 entries"),
            Fact("Root", DIGEST, "code"),
        ),
    )


def blocks() -> list[AnyBlock]:
    return [
        board_page(),
        completeness(),
        fairness(),
        drift(),
        operations(),
        explanation(),
        findings(),
        hostile(),
        manifest(),
    ]


WORDS = """# Notebook title

This report says what **failed**, see `governance verify` and [the site](http://x.example/a).

- one
- two <script>alert(1)</script>

<script>alert(2)</script>

![picture](http://x.example/p.png)
"""


def notebook(shown: list[AnyBlock] | None = None, *, failing: bool = False) -> dict[str, Any]:
    """An executed notebook whose cells return the blocks, as papermill leaves it."""
    book = [code_cell("window = 'SECRET_CODE'", 1, tags=["parameters"])]
    book.append({"cell_type": "markdown", "id": "words", "metadata": {}, "source": WORDS})
    for count, block in enumerate([cover(), *(blocks() if shown is None else shown)], start=2):
        book.append(code_cell(f"exhibits.show({count})  # SECRET_CODE", count, displayed(block._repr_mimebundle_())))
    book.append(
        code_cell(
            "frame",
            90,
            {"output_type": "stream", "name": "stdout", "text": "printed <script>1</script>\n"},
            {"output_type": "stream", "name": "stderr", "text": "SECRET_WARNING"},
            displayed({"text/html": "<script>alert(3)</script>", "text/plain": ["plain <b>", "frame</b>"]}),
            displayed({"text/html": "<script>alert(4)</script>"}),
            displayed({MIME: {"type": "table", "caption": 7}}),
        )
    )
    if failing:
        error = {
            "output_type": "error",
            "ename": "ZeroDivisionError",
            "evalue": "by <b>zero",
            "traceback": ["SECRET_TRACE"],
        }
        book += [code_cell("1/0", 91, error), code_cell("later()", None)]
    language = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": language, "cells": book}


def code_cell(
    source: str, count: int | None, *outputs: dict[str, Any], tags: list[str] | None = None
) -> dict[str, Any]:
    return {
        "cell_type": "code",
        "id": f"cell-{count}",
        "metadata": {"tags": tags or []},
        "source": source,
        "execution_count": count,
        "outputs": list(outputs),
    }


def displayed(bundle: dict[str, Any]) -> dict[str, Any]:
    return {"output_type": "display_data", "metadata": {}, "data": bundle}
