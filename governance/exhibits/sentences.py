"""Sentences that all sections share: how a figure was measured, and why there is none."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from governance.blocks import AnyBlock, Code, Notice, Paragraph, Section, notice, paragraph, section
from governance.display import moment, number, written_out
from governance.exhibits.found import Found
from governance.exhibits.period import Period, Span

SHORT = (
    12  # digits of a digest that tell statements of one report apart; the whole one is in the manifest and the store
)


def group(*blocks: AnyBlock | None) -> Section:
    """The blocks that there are, together."""
    return section("", *(block for block in blocks if block is not None))


def measured(findings: Sequence[Found]) -> Paragraph:
    """How the figures of some findings were measured: policy, check, kind, statements, records, ledger entries."""
    checks: dict[tuple[str, str], dict[str, None]] = {}
    for one in findings:
        checks.setdefault((one.policy, one.version), {})[f"{one.check} ({one.kind})"] = None
    named = "; ".join(f"{policy} version {version}, {', '.join(own)}" for (policy, version), own in checks.items())
    statements = list(dict.fromkeys(one.sql_sha256[:SHORT] for one in findings))
    listed = ", ".join(statements[:3]) + (f" and {len(statements) - 3} more" if len(statements) > 3 else "")  # noqa: PLR2004
    records = max((one.n for one in findings), default=0)
    sizes = sorted({one.ledger_size for one in findings})
    return paragraph(
        f"How measured: {named}. Statement ",
        Code(listed),
        f"; at most {number(records, 0)} records under a figure; from {' and '.join(map(str, sizes))} ledger entries.",
        role="method",
    )


def counted(period: Period, exhibit: str, what: str) -> Paragraph:
    """How the counts of a section were made: the statements that it ran, and what they read."""
    own = [query for query in period.queries if query.exhibit == exhibit]
    statements = ", ".join(dict.fromkeys(query.sha256[:SHORT] for query in own))
    size = period.snapshot.checkpoint.size
    return paragraph(
        f"How counted: {what}. Statement ", Code(statements), f"; from {size} ledger entries.", role="method"
    )


def nothing(reason: str) -> Notice:
    """Why a section has nothing to show: that is a result too."""
    return notice("info", reason, title="Nothing to show")


def no_checks(period: Period, kinds: Iterable[str]) -> Notice:
    """That no policy asks for some kinds of check."""
    named = " or ".join(f"{kind}*" if kind.endswith("-") else kind for kind in kinds)
    return nothing(
        f"No policy asked for this in {period.span.window.name}: a check of the kind {named} would. "
        "`governance policy show` lists the kinds."
    )


def days(span: Span, *, previous: bool = False) -> str:
    """The first and the last day of a window, written out."""
    window, zone = (span.previous if previous else span.window), ZoneInfo(span.timezone)
    first, last = window.start.astimezone(zone), (window.end - timedelta(microseconds=1)).astimezone(zone)
    return f"{written_out(first)} to {written_out(last)}"


def cut_off(period: Period) -> date:
    """The day of the newest ledger entry that is read."""
    return datetime.fromisoformat(period.snapshot.entries[-1].at).date()


def at(text: str) -> str:
    """An ISO time as it is written for people."""
    return moment(datetime.fromisoformat(text))


def plural(count: int, one: str, many: str = "") -> str:
    """A count with its noun."""
    return f"{number(count, 0)} {one if count == 1 else many or one + 's'}"
