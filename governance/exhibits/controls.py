"""Control coverage: how far the findings of a window answer what regulations and frameworks ask for.

The states are those of `governance controls --window`; nothing is judged here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any, TypeAlias

from governance.blocks import (
    AnyBlock,
    Bullets,
    Cell,
    Column,
    Link,
    Section,
    Strong,
    Table,
    Words,
    notice,
    paragraph,
    section,
)
from governance.blocks.prose import Piece
from governance.controls.catalogue import MAINTAINED, NO_LONGER, STALE_DAYS, State, control_ids, framework_ids
from governance.controls.coverage import Covered, FrameworkCoverage, coverage
from governance.display import number
from governance.exhibits.found import WORST_FIRST, place
from governance.exhibits.period import Period
from governance.exhibits.policies import document, versions
from governance.exhibits.sentences import cut_off, group, nothing, plural

Key: TypeAlias = tuple[str, str]  # policy and check
MOST_ROWS = 120  # chosen here: about four sheets; all controls are listed by the command
# Which rows stay where there are too many: what somebody must act on first.
_ORDER = (
    State.WITH_FINDING,
    State.MISSING,
    State.NOT_APPLICABLE,
    State.NO_LONGER,
    State.BEYOND,
    State.EVIDENCED,
)


def answered(period: Period, made: str = "") -> Section:
    """Counts of controls by framework and state, the controls that checks name, and those that none does.

    Args:
        period: The store and its window.
        made: The day on which the report is made, ISO; that of the newest ledger entry by default.
    """
    named = _named(period)
    found = coverage(period.history, _in_scope(named), period.span.window)
    listed = _listed(found, named)
    today = date.fromisoformat(made) if made else cut_off(period)
    window = period.span.window.name
    return group(
        _stale(found, today),
        _summary(found),
        _unknown(named),
        *(_table(period, one, listed, named) for one in found if any(c.control.id in listed for c in one.controls)),
        None if listed else nothing(f"No check that ran on {window} names a control of the catalogue."),
        section("Controls that no check names", Bullets(tuple(_rest(one, named) for one in found)), level=2),
        paragraph(
            f"How judged: as `governance controls FRAMEWORK --window {window}` does, which lists every control. "
            "Evidence are the findings of this window and of the windows within it; a reading aid, not legal advice.",
            role="method",
        ),
    )


def figures(period: Period, *, previous: bool = False) -> dict[State, int]:
    """How many controls of the frameworks in scope are in each state, in the window or in the one before."""
    window = period.span.previous if previous else period.span.window
    found = coverage(period.history, _in_scope(_named(period)), window)
    return {state: sum(one.count(state) for one in found) for state in State}


def frameworks(period: Period) -> list[str]:
    """The frameworks of the catalogue that the policies in force name."""
    named = {control.partition(":")[0] for control in _named(period)}
    return [name for name in framework_ids() if name in named]


def _named(period: Period) -> dict[str, list[Key]]:
    """Control -> the checks that name it: those of the policies in force, and those whose findings do."""
    found: dict[str, list[Key]] = {}
    for version in versions(period):
        if version.is_in_force(period.span.window):
            for check in document(period, version.sha256).get("checks") or []:
                for control in check.get("controls") or []:
                    found.setdefault(str(control), []).append((version.policy, str(check["id"])))
    for one in period.judged:
        for control in one.controls:
            found.setdefault(control, []).append(one.key)
    return {control: list(dict.fromkeys(keys)) for control, keys in found.items()}


def _in_scope(named: Iterable[str]) -> list[str]:
    """The maintained frameworks, and those of the appendix that a check names."""
    used = {control.partition(":")[0] for control in named}
    return [name for name in framework_ids() if name in MAINTAINED or name in used]


def _listed(found: Sequence[FrameworkCoverage], named: Mapping[str, Any]) -> set[str]:
    """The controls that are shown one by one: those that a check names, at most `MOST_ROWS`."""
    own = [c for one in found for c in one.controls if c.control.id in named or c.findings]
    return {c.control.id for c in sorted(own, key=lambda c: _ORDER.index(c.state))[:MOST_ROWS]}


def _stale(found: Sequence[FrameworkCoverage], today: date) -> AnyBlock | None:
    old = [one.framework for one in found if one.framework.is_stale(today)]
    if not old:
        return None
    read = ", ".join(f"{one.name} (on {one.as_of})" for one in old)
    return notice("warn", f"Last read more than {STALE_DAYS} days ago, so check before relying on it: {read}.")


def _summary(found: Sequence[FrameworkCoverage]) -> Table:
    columns = (
        Column("framework"),
        Column("status"),
        Column("read on", "date"),
        Column("controls", "number", digits=0),
        *(Column(str(state), "number", digits=0) for state in State),
    )
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (
            one.framework.name + ("" if one.framework.maintained else " (appendix)"),
            one.framework.status.replace("_", " "),
            one.framework.as_of,
            len(one.controls),
            *(one.count(state) for state in State),
        )
        for one in found
    )
    note = (
        "With finding: a finding failed, warned or is waived. Evidence missing: nothing was judged. Beyond the tool: "
        "a log gives context only. What applies later, or no longer, is counted apart whatever was found."
    )
    return Table("Controls by framework and state", columns, rows, note)


def _table(period: Period, one: FrameworkCoverage, listed: set[str], named: Mapping[str, list[Key]]) -> Table:
    own = [covered for covered in one.controls if covered.control.id in listed]
    left = sum(covered.control.id in named or bool(covered.findings) for covered in one.controls) - len(own)
    columns = (Column("control", "code"), Column("what it asks"), Column("state"), Column("checks and verdicts"))
    rows = tuple(_row(period, covered, named.get(covered.control.id, [])) for covered in own)
    note = f"{plural(left, 'more control')} named by checks: see `governance controls {one.framework.id}`."
    return Table(one.framework.name, columns, rows, note if left else "")


def _row(period: Period, covered: Covered, keys: Sequence[Key]) -> tuple[Cell, ...]:
    control = covered.control
    return control.ref, control.title, _state(covered), Words(_evidence(period, covered, keys))


def _state(covered: Covered) -> str:
    """The state, with the day from which it will be another, or since which it is none."""
    control = covered.control
    if covered.state is State.NOT_APPLICABLE:
        begins = control.dates.get("applies_from")
        return f"{covered.state}: from {begins}" if begins else f"{covered.state}: {control.status.replace('_', ' ')}"
    if covered.state is State.NO_LONGER:
        why = control.status if control.status in NO_LONGER else "withdrawn"
        return f"{covered.state}: {why}"
    return str(covered.state)


def _evidence(period: Period, covered: Covered, keys: Sequence[Key]) -> tuple[Piece, ...]:
    """Each check that names the control, as a link to its findings, with their verdicts."""
    shown = {one.key for one in period.judged}
    by_check: dict[Key, list[str]] = {key: [] for key in keys}
    for row in covered.findings:
        by_check.setdefault((row["policy"], row["check_id"]), []).append(row["verdict"])
    pieces: list[Piece] = []
    for (policy, check), verdicts in by_check.items():
        name = f"{policy}: {check}"
        pieces.append("; " if pieces else "")
        pieces.append(Link(name, place(policy, check)) if (policy, check) in shown else name)
        pieces.append(f" ({_counts(verdicts)})")
    return tuple(piece for piece in pieces if piece)


def _counts(verdicts: Sequence[str]) -> str:
    said = [f"{verdicts.count(name)} {name.replace('_', ' ')}" for name in WORST_FIRST if name in verdicts]
    return ", ".join(said) or "no finding"


def _rest(one: FrameworkCoverage, named: Mapping[str, Any]) -> tuple[Piece, ...]:
    """The controls of a framework that no check names, by state."""
    own = [c for c in one.controls if c.control.id not in named and not c.findings]
    pieces: list[Piece] = [Strong(one.framework.name), ": "]
    said = []
    for state in State:
        refs = [c.control.ref for c in own if c.state is state]
        if refs:
            said.append(f"{state} ({number(len(refs), 0)}): {', '.join(refs)}")
    return (*pieces, "; ".join(said) or "every control is named by a check", ".")


def _unknown(named: Iterable[str]) -> AnyBlock | None:
    strange = sorted(set(named) - control_ids())
    return notice("warn", f"Named by checks and not in the catalogue: {', '.join(strange)}.") if strange else None
