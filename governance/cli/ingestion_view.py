"""What became of the records of files, for the terminal: each of a few; of many each format, and what needs a look."""

from __future__ import annotations

from collections import Counter
from pathlib import PurePath
from typing import TYPE_CHECKING

from governance.balances import COUNTS
from governance.display import visible

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from rich.console import Console

    from governance.drafts.attributes import Unmapped
    from governance.ingestion import FileReport, Ingestion

MOST = 20  # chosen here: files that fit on a screen with their reasons


def show(console: Console, done: Ingestion) -> None:
    """The balance of each file, or of each format where there are many files; then the state of the ledger."""
    if len(done.files) <= MOST:
        _table(console, "file", [(PurePath(report.path).name, [report]) for report in done.files])
        for report in done.files:
            _reasons(console, PurePath(report.path).name, [report])
    else:
        _by_format(console, done.files)
    console.print(f"Ledger: {done.ledger_size} entries, root {done.ledger_root[:16]}")


def show_unmapped(console: Console, found: Sequence[Unmapped]) -> None:
    """What looks like a protected attribute and is not stored as one, and what to do about it."""
    if found:
        console.print("These look like protected attributes, and fairness needs them as subjects:")
    for one in found:
        use = {"not read": "not read", "input": "only an input of the model"}.get(one.use, f"only read as {one.use}")
        rule = f"{{column: {one.column}, bands: {list(one.bands)}}}" if one.bands else one.column
        how = f"; map it: subjects: {{{one.attribute}: {rule}}}" if one.can_map else ""
        console.print(f"  {visible(one.column)}: {use}{visible(how)}")


def _by_format(console: Console, files: Sequence[FileReport]) -> None:
    formats: dict[str, list[FileReport]] = {}
    for report in files:
        formats.setdefault(report.source, []).append(report)
    rows = [(f"{name} ({len(own):,})", own) for name, own in formats.items()]
    _table(console, "format (files)", [*rows, (f"all ({len(files):,})", files)] if len(rows) > 1 else rows)
    for name, own in formats.items():
        _reasons(console, name, own)
    odd = sorted((report for report in files if any(_oddness(report))), key=_oddness, reverse=True)
    if odd:
        console.print(f"Files to look at: {len(odd):,}")
    for report in odd[:MOST]:
        console.print(f"  {visible(report.path)}: {', '.join(_odd_words(report))}", soft_wrap=True)
    if len(odd) > MOST:
        console.print(f"  and {len(odd) - MOST:,} more; --json lists every file")


def _odd_words(report: FileReport) -> Iterator[str]:
    if report.quarantined:
        yield f"{report.quarantined:,} quarantined"
    if report.conflicts:
        yield f"{report.conflicts:,} conflicts"
    if report.ignored == report.records:
        yield f"all {report.records:,} ignored"


def _oddness(report: FileReport) -> tuple[int, int, int]:
    """What somebody should look at: what could not be read, what came with other content, what came to nothing."""
    is_nothing = report.records > 0 and report.ignored == report.records
    return report.quarantined, report.conflicts, int(is_nothing)


def _table(console: Console, head: str, rows: Iterable[tuple[str, Sequence[FileReport]]]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(head, overflow="fold")
    for name in COUNTS:
        table.add_column(name if name != "quarantined" else "quarant.", justify="right")
    for name, reports in rows:
        sums = (sum(getattr(report, count) for report in reports) for count in COUNTS)
        table.add_row(Text(visible(name)), *(f"{total:,}" for total in sums))
    console.print(table)


def _reasons(console: Console, name: str, reports: Sequence[FileReport]) -> None:
    grown = [report for report in reports if report.from_byte]
    if grown:
        place = f"read on from byte {grown[0].from_byte:,}" if len(reports) == 1 else f"{len(grown):,} files read on"
        console.print(f"  {visible(name)}: {place}")
    reasons = sum((report.reasons for report in reports), Counter[str]())
    for reason, count in sorted(reasons.items()):
        console.print(f"  {visible(name)}: {count:,} {reason}")
