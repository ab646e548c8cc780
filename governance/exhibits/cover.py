"""Cover and attestation: what was looked at, when it was frozen, and who answers for the report."""

from __future__ import annotations

from governance import __version__
from governance.blocks import Column, Cover, Fact, PageBreak, Section, Table
from governance.exhibits import controls, origins
from governance.exhibits.period import Period
from governance.exhibits.sentences import at, days, group

TITLE = "AI governance report"
LINE = "." * 24  # where a hand writes
ROLES = ("Prepared by", "Reviewed by", "Approved by")


def page(period: Period) -> Section:
    """Title, period, cut-off and ledger; lines for those who prepare, review and approve it."""
    return group(_cover(period), origins.notice_of(period), _attestation(), PageBreak())


def _cover(period: Period) -> Cover:
    checkpoint, span = period.snapshot.checkpoint, period.span
    newest = period.snapshot.entries[-1]
    known = (
        Fact("Systems", systems(period)),
        Fact("Period", f"{days(span)} ({span.timezone})"),
        Fact("Compared with", f"{span.previous.name}: {days(span, previous=True)}"),
        Fact("Cut-off", f"{at(newest.at)} UTC, {checkpoint.size} ledger entries"),
        Fact("Ledger", checkpoint.text.splitlines()[0]),
        Fact("Policies", _policies(period)),
        Fact("Frameworks that they name", ", ".join(controls.frameworks(period)) or "none"),
        Fact("Made with", f"governance {__version__}"),
        Fact("Ledger root", checkpoint.root, "code"),
    )
    return Cover(TITLE, f"{span.window.name} · {days(span)}", known)


def systems(period: Period) -> str:
    """The models that answered or decided in the window, named."""
    rows = period.rows(
        "cover",
        "SELECT DISTINCT coalesce(model_served, model_requested) AS model FROM requests "
        f"WHERE {period.during('start_ts')} AND coalesce(model_served, model_requested) IS NOT NULL ORDER BY 1",
    )
    return ", ".join(row["model"] for row in rows) or "none"


def _policies(period: Period) -> str:
    return ", ".join(dict.fromkeys(f"{one.policy} {one.version}" for one in period.judged)) or "none"


def _attestation() -> Table:
    columns = (Column("attestation"), Column("name"), Column("date"), Column("signature"))
    rows = tuple((role, LINE, LINE, LINE) for role in ROLES)
    return Table("Attestation", columns, rows, "To be filled in by hand or by an electronic signature on the PDF.")
