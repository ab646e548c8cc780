"""The front of the report: its cover with the verdict below it, what it was made from, and who answers for it."""

from __future__ import annotations

from collections.abc import Sequence

from governance.blocks import Column, Cover, Fact, Facts, Section, Table
from governance.controls.catalogue import read_framework
from governance.exhibits import controls, front, origins
from governance.exhibits.period import Period
from governance.exhibits.sentences import at, days, group

TITLE = "AI governance report"
NAME, DATE = "." * 40, "." * 18  # where a hand writes
MOST_NAMES = 6  # chosen here: two lines
ROLES = ("Prepared by", "Reviewed by", "Approved by")


def page(period: Period) -> Section:
    """Title and verdict on the first page, lines for those who sign it, and what the report was made from."""
    return group(_cover(period), origins.notice_of(period), front.page(period), _attestation(), _made(period))


def _cover(period: Period) -> Cover:
    span = period.span
    known = (
        Fact("Systems", _few(systems(period))),
        Fact("Compared with", f"{span.previous.name}: {days(span, previous=True)}"),
        Fact("Records as of", f"{at(period.snapshot.entries[-1].at)} UTC"),
    )
    return Cover(TITLE, f"{span.window.name} · {days(span)}", known)


def _few(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    rest = len(names) - MOST_NAMES
    return ", ".join(names[:MOST_NAMES]) + (f" and {rest} more" if rest > 0 else "") or "none"


def _made(period: Period) -> Facts:
    """What the report was made from, for those who check it."""
    checkpoint = period.snapshot.checkpoint
    named = [read_framework(name)[0].name for name in controls.frameworks(period)]
    found = systems(period)
    known = (
        *((Fact("Systems", ", ".join(found)),) if len(found) > MOST_NAMES else ()),  # else the cover names them all
        Fact("Policies and their versions", _policies(period)),
        Fact("Frameworks that they name", "; ".join(named) or "none"),
        Fact("Ledger", f"{checkpoint.text.splitlines()[0]}, {checkpoint.size} entries"),
        Fact("Ledger root", checkpoint.root, "code"),
    )
    return Facts(known, "What this report was made from")


def systems(period: Period) -> list[str]:
    """The models that answered or decided in the window, named."""
    rows = period.rows(
        "cover",
        "SELECT DISTINCT coalesce(model_served, model_requested) AS model FROM requests "
        f"WHERE {period.during('start_ts')} AND coalesce(model_served, model_requested) IS NOT NULL ORDER BY 1",
    )
    return [str(row["model"]) for row in rows]


def _policies(period: Period) -> str:
    return ", ".join(dict.fromkeys(f"{one.policy} {one.version}" for one in period.judged)) or "none"


def _attestation() -> Table:
    columns = (Column("attestation"), Column("name"), Column("date"), Column("signature"))
    rows = tuple((role, NAME, DATE, NAME) for role in ROLES)
    return Table("Attestation", columns, rows, "To be filled in by hand or by an electronic signature on the PDF.")
