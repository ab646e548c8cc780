"""What is valid in a policy and yet does nothing, or not what it says: each warning is a certainty, never a taste.

| rule | says |
|---|---|
| never-fails | no figure can cross this limit, or the predicate lets no record through |
| one-group | groups are compared along an axis that `applies_to` leaves one value of |
| never-in-force | the version ends on or before the day on which it begins |
| not-approved | nobody approved the version |
| approved-late | it came into force before it was approved |
| approved-by-owner | the owner approved it |
| waiver-expired | the last day of a waiver is over |
| waiver-of-all | a waiver excepts every subject of a check |
| waiver-unmatched | no finding of the check can have the subject of the waiver |
| not-in-store | the policy names what the store at hand does not hold, though it holds others of that sort |
| control-not-in-force | a control is repealed or superseded |
| control-not-yet | a control does not apply yet: a note, for nothing need change |
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from governance.controls.catalogue import NO_LONGER, Control, read_framework
from governance.documents import yamltext
from governance.policies.limits import unreachable
from governance.policies.unknown_names import Held, unknown_names

if TYPE_CHECKING:
    from governance.checks import Check
    from governance.policies.language import Waiver
    from governance.policies.policy import Policy

_GLOB = frozenset("*?[")
NOT_YET = "control-not-yet"


@dataclass(frozen=True, slots=True)
class Warned:
    """One thing in a policy that is allowed and without effect, or not what it seems."""

    rule: str
    where: str  # file:line: field
    what: str
    hint: str

    @property
    def is_note(self) -> bool:
        """Whether nobody need do anything about it."""
        return self.rule == NOT_YET


def warnings(policy: Policy, today: date, held: Held | None = None) -> list[Warned]:
    """What a policy version says without effect on a day, in the order of the file.

    Args:
        policy: The version.
        today: The day.
        held: Names that a store holds, where there is one to ask.
    """
    document = yamltext.parse(policy.raw, str(policy.path))
    found = [*_of_version(policy, document), *_of_checks(policy, document)]
    found += [*_of_controls(policy, document, today), *_of_waivers(policy, document, today)]
    for one in unknown_names(policy, held) if held else ():
        found.append(Warned("not-in-store", document.at(one.path), one.what, one.hint))
    return sorted(found, key=lambda one: _line(one.where))


def _line(where: str) -> int:
    return next((int(part) for part in where.split(":") if part.strip().isdigit()), 0)


def _of_version(policy: Policy, document: yamltext.Document) -> Iterator[Warned]:
    head = policy.head
    begins, ends, approved = head.in_force.from_, head.in_force.to, head.approved
    if ends is not None and ends <= begins:
        what = f"the version is in force on no day: it begins on {begins} and ends on {ends}"
        yield Warned("never-in-force", document.at(("in_force",)), what, "`to` is the first day on which it ended")
    if approved is None:
        what = f"nobody approved version {policy.version}"
        yield Warned("not-approved", document.at(("version",)), what, "write `approved: {by: NAME, on: DAY}`")
        return
    if approved.on > begins:
        what = f"the version is in force from {begins}, but was approved on {approved.on}"
        yield Warned("approved-late", document.at(("approved",)), what, "begin on the day of the approval or later")
    if approved.by.strip().lower() == head.owner.strip().lower():
        what = f"the owner '{head.owner}' approved the version"
        yield Warned("approved-by-owner", document.at(("approved",)), what, "have somebody else approve it")


def _of_checks(policy: Policy, document: yamltext.Document) -> Iterator[Warned]:
    for place, check in enumerate(policy.checks):
        at: tuple[str | int, ...] = ("checks", place)
        for field, what in unreachable(check):
            yield Warned("never-fails", document.at((*at, field)), what, "set a limit that a figure can cross")
        yield from _constants(policy, check, document, at)
    for path, text in _predicates(policy):
        if _is_never_true(text):
            what = f"the predicate '{text}' lets no record through, so nothing is ever measured"
            yield Warned("never-fails", document.at(path), what, "compare a column with something")


def _constants(
    policy: Policy, check: Check, document: yamltext.Document, at: tuple[str | int, ...]
) -> Iterator[Warned]:
    """Axes of a comparison of groups on which there is only one group."""
    if not check.kind.startswith("fairness-"):
        return
    fixed = _fixed(policy)
    for number, axis in enumerate(check.by):
        if axis and all(name in fixed for name in axis):
            what = f"`applies_to` leaves one group along {', '.join(axis)}: there is nothing to compare it with"
            yield Warned("one-group", document.at((*at, "by", number)), what, "leave the axis out, or widen the policy")


def _fixed(policy: Policy) -> set[str]:
    """Columns that have one value in every record that the policy applies to."""
    applies = policy.head.applies_to
    named = {
        "model": applies.model,
        "operation": applies.operation,
        "business_unit": applies.business_unit,
        "environment": applies.environment,
    }
    return {name for name, globs in named.items() if len(globs) == 1 and not _GLOB & set(globs[0])}


def _predicates(policy: Policy) -> Iterator[tuple[tuple[str | int, ...], str]]:
    if policy.head.applies_to.where:
        yield ("applies_to", "where"), policy.head.applies_to.where
    for place, check in enumerate(policy.checks):
        if check.where:
            yield ("checks", place, "where"), check.where


def _is_never_true(text: str) -> bool:
    """Whether a predicate reads no column and comes to false or NULL. It passed the gate before."""
    from governance.engines.duckdb import Engine, EngineError  # noqa: PLC0415 - most policies have no predicate

    with Engine() as engine:
        try:
            return not engine.value(f"SELECT coalesce(CAST(({text}) AS BOOLEAN), false)")
        except EngineError:
            return False  # it reads a column, of which there is none here


@cache
def _control(name: str) -> Control | None:
    return next((one for one in read_framework(name.partition(":")[0])[1] if one.id == name), None)


def _of_controls(policy: Policy, document: yamltext.Document, today: date) -> Iterator[Warned]:
    """Each control that does not apply on that day, once, where it is named first."""
    named: dict[str, list[int]] = {}
    for place, check in enumerate(policy.checks):
        for name in check.controls:
            named.setdefault(name, []).append(place)
    for name, places in named.items():
        control = _control(name)
        if control is None or control.applies(today, today):
            continue
        at = document.at(("checks", places[0], "controls", policy.checks[places[0]].controls.index(name)))
        dates = ", ".join(f"{key.replace('_', ' ')} {day}" for key, day in control.dates.items())
        said = control.status.replace("_", " ") + (f" ({dates})" if dates else "")
        asking = ", ".join(policy.checks[place].id for place in places)
        what = f"{name} is {said}; named by {asking}"
        if control.status in NO_LONGER:
            yield Warned("control-not-in-force", at, what, "name what took its place")
        else:
            yield Warned(NOT_YET, at, what, "it counts once it applies; nothing need change")


def _of_waivers(policy: Policy, document: yamltext.Document, today: date) -> Iterator[Warned]:
    checks = {check.id: check for check in policy.checks}
    for place, waiver in enumerate(policy.head.waivers):
        at: tuple[str | int, ...] = ("waivers", place)
        if waiver.until < today:
            what = f"the waiver of {waiver.check} expired on {waiver.until}; what is measured later fails"
            yield Warned("waiver-expired", document.at((*at, "until")), what, "remove it, or have it approved anew")
        elif not waiver.subject:
            what = f"the waiver excepts every failure of {waiver.check} until {waiver.until}"
            yield Warned("waiver-of-all", document.at((*at, "check")), what, "name the subject that is excepted")
        why = _unmatched(checks[waiver.check], waiver)
        if why:
            hint = "write the subject as `check` shows it"
            yield Warned("waiver-unmatched", document.at((*at, "subject")), why, hint)


def _unmatched(check: Check, waiver: Waiver) -> str | None:
    """Why no finding of the check can have the subject of the waiver, or None if one might."""
    named = [name for name in waiver.subject if name in check.dimensions]
    for name in waiver.subject:
        if name not in check.dimensions and name != check.per and not _may_name(check, name):
            return f"no finding of {check.id} says anything about '{name}', so the waiver excepts nothing"
    if named and not any(set(named) <= set(axis) for axis in check.by) and not _crosses(check):
        together = ", ".join(named)
        return f"{check.id} measures {together} apart and not together, so the waiver excepts nothing"
    return None


def _crosses(check: Check) -> bool:
    return "depth" in type(check).model_fields  # fairness-intersections makes its axes itself


def _may_name(check: Check, name: str) -> bool:
    """Whether the kind may put a name of its own into a subject: it stands in quotes in the code, or in the check."""
    return f'"{name}"' in _code(type(check)) or f'"{name}"' in check.model_dump_json()


@cache
def _code(kind: type[Check]) -> str:
    own = inspect.getsource(sys.modules[kind.__module__])
    shared = Path(inspect.getfile(kind)).parent.glob("_[a-z]*.py")  # not __init__.py, which names what nobody uses
    return own + "".join(path.read_text(encoding="utf-8") for path in sorted(shared))
