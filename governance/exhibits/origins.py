"""Which columns are real and which are simulated, where the store holds the traffic of the demo."""

from __future__ import annotations

from governance.blocks import AnyBlock, Column, Link, Notice, Table, notice
from governance.exhibits.period import Period

DEMO_MARKER = ".governance-demo"  # the demo leaves it in the folders that it makes
ANCHOR = "real-and-simulated"


def is_demo(period: Period) -> bool:
    """Whether the store lies in a folder that the demo made."""
    return (period.snapshot.root.parent / DEMO_MARKER).is_file()


def notice_of(period: Period) -> Notice | None:
    """A word on the cover of a demo's report: nothing in it is about a real organisation."""
    if not is_demo(period):
        return None
    return notice(
        "warn",
        "Applicants, tokens and response times are real or measured; all else is simulated, and faults were planted "
        "for the checks to find. ",
        Link("Which column is which", ANCHOR),
        ".",
        title="Demonstration",
    )


def tables(period: Period) -> list[AnyBlock]:
    """For each file of the demo, which columns are real, measured, computed and simulated; none for other stores."""
    if not is_demo(period):
        return []
    from governance.simulator.origins import REAL_AND_SIMULATED  # noqa: PLC0415 - other stores do without

    columns = (Column("file", "code"), Column("origin"), Column("columns"))
    rows = []
    for origin in REAL_AND_SIMULATED:
        for name in ("real", "measured", "computed", "simulated"):
            listed = getattr(origin, name)
            if listed:
                rows.append((origin.file, name, "; ".join(listed)))
    sources = " ".join(f"{one.file}: {one.source or 'no data set'}. {one.note}" for one in REAL_AND_SIMULATED)
    return [Table("What is real and what is simulated", columns, tuple(rows), sources, anchor=ANCHOR)]
