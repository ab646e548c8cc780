"""What `ingest` prints: each of a few files; of many the formats, their reasons, and the files that need a look."""

from __future__ import annotations

import io
from collections import Counter

from rich.console import Console

from governance.cli.ingestion_view import MOST, show
from governance.ingestion import FileReport, Ingestion


def printed(*files: FileReport) -> list[str]:
    """The lines on a terminal of 80 columns."""
    into = io.StringIO()
    show(Console(file=into, width=80, highlight=False, markup=False), Ingestion(files, 9, "f" * 64))
    return [line.rstrip() for line in into.getvalue().splitlines()]


def good(place: int, source: str = "opa") -> FileReport:
    return FileReport(f"logs/{place:04}.json", source, records=10, stored=10)


def bad(place: int, **counts: int) -> FileReport:
    odd = FileReport(f"logs/bad{place:04}.json", "otlp", records=3, reasons=Counter(bad_time=1))
    for name, count in counts.items():
        setattr(odd, name, count)
    return odd


def test_few_files_have_a_line_each() -> None:
    lines = printed(*map(good, range(MOST)))
    assert len([line for line in lines if line.startswith("00")]) == MOST
    assert lines[0].split() == "file records stored duplicates conflicts quarant. ignored".split()
    assert lines[-1] == "Ledger: 9 entries, root ffffffffffffffff"


def test_many_files_are_summed_by_format_and_the_odd_ones_are_named() -> None:
    odd = [bad(1, stored=2, quarantined=1), bad(2, stored=3, conflicts=2), bad(3, ignored=3)]
    lines = printed(*map(good, range(3_000)), *odd)
    assert [line.split() for line in lines[1:4]] == [
        ["opa", "(3,000)", "30,000", "30,000", "0", "0", "0", "0"],
        ["otlp", "(3)", "9", "5", "0", "2", "1", "3"],
        ["all", "(3,003)", "30,009", "30,005", "0", "2", "1", "3"],
    ]
    assert lines[4:9] == [
        "  otlp: 3 bad_time",
        "Files to look at: 3",
        "  logs/bad0001.json: 1 quarantined",
        "  logs/bad0002.json: 2 conflicts",
        "  logs/bad0003.json: all 3 ignored",
    ]
    assert len(lines) == 10
    assert max(map(len, lines)) <= 80


def test_of_many_odd_files_the_worst_are_named_and_the_others_counted() -> None:
    lines = printed(*(bad(place, stored=0, quarantined=place % 50 + 1) for place in range(100)))
    named = [line for line in lines if line.startswith("  logs/")]
    assert len(named) == MOST
    assert named[0] == "  logs/bad0049.json: 50 quarantined"
    assert "  and 80 more; --json lists every file" in lines


def test_a_strangers_file_name_does_nothing_to_the_terminal() -> None:
    report = bad(1, quarantined=1)
    report.path = "logs/\x1b[2Jx\u202e.json"
    lines = printed(*map(good, range(MOST)), report)
    assert "  logs/\\x1b[2Jx\\u202e.json: 1 quarantined" in lines
