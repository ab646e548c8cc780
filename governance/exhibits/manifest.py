"""Manifest: the ledger, the files, the statements and the software that this report was made from."""

from __future__ import annotations

import hashlib
import platform
from importlib.metadata import PackageNotFoundError, version

from governance import __version__
from governance.blocks import AnyBlock, Column, Fact, Facts, Section, Table, Verbatim, section
from governance.exhibits import answers, origins
from governance.exhibits.period import Period
from governance.exhibits.sentences import group
from governance.moments import stamp

SOFTWARE = (
    "duckdb",
    "pyarrow",
    "papermill",
    "nbconvert",
    "typst",
    "great-expectations",
    "shap",
    "lightgbm",
    "xgboost-cpu",
)


def page(period: Period, notebook: str = "") -> Section:
    """What it takes to make this report again, and to see that it is the same.

    Args:
        period: The store and its window.
        notebook: `NAME@SHA256` of the notebook that `governance report` rendered, before it was run.
    """
    blocks: list[AnyBlock] = [
        _facts(period, notebook),
        _checkpoint(period),
        _tables(period),
        _evidence(period),
    ]
    return group(*blocks, _statements(period), *origins.tables(period))


def _facts(period: Period, notebook: str) -> Facts:
    span, checkpoint = period.span, period.snapshot.checkpoint
    name, _, digest = notebook.rpartition("@")
    command = f"governance report {name} --window {span.window.name} --as-of {checkpoint.size}" if name else None
    installed = ", ".join(f"{name} {found}" for name in SOFTWARE if (found := _version(name)))
    return Facts(
        (
            Fact(
                "To repeat it",
                command,
                "code",
                reason="" if command else "this notebook was not run by `governance report`",
            ),
            Fact(
                "Notebook",
                digest or None,
                "code",
                reason="sha256 before it was run" if digest else "not known",
            ),
            Fact("Window", f"{stamp(span.window.start)} to {stamp(span.window.end)}, end not included"),
            Fact("Window before", f"{stamp(span.previous.start)} to {stamp(span.previous.end)}"),
            Fact("Calendar", f"days, weeks and months of {span.timezone}; times in this report are UTC"),
            Fact("Ledger entries read", checkpoint.size),
            Fact("Software", f"governance {__version__}, Python {platform.python_version()}, {installed}"),
        )
    )


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _checkpoint(period: Period) -> Section:
    return section("Checkpoint, as signed", Verbatim(period.snapshot.checkpoint.text.rstrip("\n")), level=2)


def _tables(period: Period) -> Table:
    rows = []
    for name, segments in sorted(period.snapshot.segments.items()):
        joined = "\n".join(sorted(segment.sha256 for segment in segments))
        rows.append((name, len(segments), sum(s.rows for s in segments), hashlib.sha256(joined.encode()).hexdigest()))
    columns = (
        Column("table"),
        Column("files", "number", digits=0),
        Column("rows", "number", digits=0),
        Column("sha256 over the digests of its files", "code"),
    )
    note = "The digest is of the files' own digests in hexadecimal, sorted, one to a line; the ledger names each file."
    return Table("Files of the store by table", columns, tuple(rows), note)


def _evidence(period: Period) -> Table:
    own = [one for one in period.judged if one.verdict != "passed"]
    columns = (
        Column("policy and check"),
        Column("subject"),
        Column("finding", "code"),
        Column("entries read", "number", digits=0),
    )
    shown = sorted(own, key=lambda one: one.badness)[: answers.MOST_ROWS]
    rows = tuple((f"{o.policy}: {o.check}", o.about(), o.finding_id, o.ledger_size) for o in shown)
    passed = len(period.judged) - len(own)
    note = f"Each finding is stored with its whole statement and parameters; so are the {passed} that passed."
    note = f"{note} {answers.unshown(len(own) - len(shown))}".strip()
    return Table("Evidence of what did not pass", columns, rows, note)


def _statements(period: Period) -> Table:
    columns = (
        Column("section"),
        Column("statement and parameters, sha256", "code"),
        Column("rows", "number", digits=0),
    )
    rows = tuple(dict.fromkeys((query.exhibit, query.sha256, query.rows) for query in period.queries))
    note = (
        "Counts and charts; figures that were judged come from stored findings. `quarter.queries` holds the whole text."
    )
    return Table("Statements that this report ran", columns, rows, note)
