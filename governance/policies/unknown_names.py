"""What a policy names and a store does not hold: a model, an attribute, an input, an outcome, a group, a value.

A name is doubted only where the store holds others of its sort: a store without any outcome says nothing about the name
of one (`status --coverage` tells what is missing altogether).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from functools import cache
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from governance.engines.duckdb import Engine, identifier
from governance.errors import nearest
from governance.policies.columns import attributes
from governance.tables import (
    ASSESSMENTS,
    CANONICAL,
    DECISIONS,
    EVALUATIONS,
    GUARDRAILS,
    NOTICES,
    OUTCOMES,
    REQUESTS,
    SUBJECTS,
)

if TYPE_CHECKING:
    from governance.checks import Check
    from governance.policies.policy import Policy
    from governance.storage.store import Snapshot

LISTED = 6  # names that a hint lists; chosen here: they fit on a line or two
MOST_VALUES = 10_000  # chosen here: a column with more different values holds no names of groups
_APPLIES_TO = ("model", "operation", "business_unit", "environment")
_HAS_INPUT = "model in the store has the input"
_SERVED = "coalesce(model_served, model_requested)"


class Sort(NamedTuple):
    """Where names of one sort stand in the canonical tables."""

    table: str
    column: str
    said: str


# Field of a check that holds a name of the log's, or several -> where such names stand
NAMES = {
    "outcome": Sort(OUTCOMES.name, "name", "outcome"),
    "score": Sort(ASSESSMENTS.name, "name", "assessment"),
    "notice": Sort(NOTICES.name, "name", "notice"),
    "suite": Sort(EVALUATIONS.name, "suite", "suite of evaluations"),
    "metric": Sort(EVALUATIONS.name, "metric", "metric of evaluations"),
    "guardrails": Sort(GUARDRAILS.name, "guardrail", "guardrail"),
    "arm": Sort(REQUESTS.name, "experiment_arm", "arm of an experiment"),
    "against": Sort(REQUESTS.name, "experiment_arm", "arm of an experiment"),
}
_FREE = (
    str,
    str | None,
    tuple[str, ...],
    tuple[str, ...] | None,
)  # of a field whose values the kind itself does not list


class Unknown(NamedTuple):
    """A name that the store does not hold.

    Attributes:
        path: Where it stands in the policy.
        what: What is wrong with it.
        hint: The nearest name, or those that there are.
    """

    path: tuple[str | int, ...]
    what: str
    hint: str


class Held:
    """Names that a store holds, each sort looked up once, when it is first asked for.

    Args:
        engine: Runs the look-ups; views of the store are attached to it.
        snapshot: The store.
    """

    def __init__(self, engine: Engine, snapshot: Snapshot) -> None:
        self._engine = engine
        self._snapshot = snapshot
        self._views = {name for name, segments in snapshot.segments.items() if segments}
        self._views |= {SUBJECTS.name} if "subject_records" in self._views else set()
        snapshot.attach(engine, [name for name in CANONICAL if name in self._views])
        self.values = cache(self._values)
        self.inputs = cache(self._inputs)

    def _values(self, table: str, expression: str) -> frozenset[str]:
        """The different values of a column; none where there are more than names of groups could be."""
        if table not in self._views:
            return frozenset()
        rows = self._engine.rows(
            f"SELECT DISTINCT CAST({expression} AS VARCHAR) AS value FROM {table} WHERE {expression} IS NOT NULL "
            f"LIMIT {MOST_VALUES + 1}"
        )
        return frozenset(value for (value,) in rows) if len(rows) <= MOST_VALUES else frozenset()

    @property
    def is_filled(self) -> bool:
        """Whether there is a request."""
        return REQUESTS.name in self._views

    def attributes(self) -> frozenset[str]:
        """The protected attributes."""
        if SUBJECTS.name not in self._views:
            return frozenset()
        return frozenset(self._engine.columns(SUBJECTS.name)) - {*SUBJECTS.names}

    def _inputs(self, globs: tuple[str, ...]) -> frozenset[str]:
        """The inputs of the models whose names a glob matches, of all without one."""
        models = [name for name in self._snapshot.models() if not globs or _is_among(name, globs)]
        views = [identifier(f"features:{name}") for name in models]
        self._snapshot.attach(self._engine, [f"features:{name}" for name in models])
        return frozenset(column for view in views for column in self._engine.columns(view)) - {
            *CANONICAL["features"].names
        }

    def groups(self, check: Check, name: str) -> frozenset[str]:
        """The values by which records are told apart along a dimension of a check."""
        own = CANONICAL[check.table]
        if own.column(name) is not None:
            return self.values(own.name, identifier(name))
        if name == "model" and own is REQUESTS:
            return self.values(REQUESTS.name, _SERVED)
        return self.values(SUBJECTS.name, identifier(name)) if name in self.attributes() else frozenset()

    def applying(self, name: str) -> frozenset[str]:
        """The values that a part of `applies_to` is compared with."""
        column = _SERVED if name == "model" else name
        own = self.values(DECISIONS.name, name) if DECISIONS.column(name) is not None else frozenset()
        return self.values(REQUESTS.name, column) | own


def unknown_names(policy: Policy, held: Held) -> Iterator[Unknown]:
    """What a policy names and the store does not hold; of one that applies to nothing there, only that."""
    found = list(_applying(policy, held))
    if found:
        yield from found
        return
    yield from _favourable(policy, held)
    for place, check in enumerate(policy.checks):
        own = (_dimensions(check, held), _named(check, held), _inputs(policy, check, held), _references(check, held))
        for one in chain.from_iterable(own):
            yield one._replace(path=("checks", place, *one.path))
    yield from _waived(policy, held)


def _applying(policy: Policy, held: Held) -> Iterator[Unknown]:
    for name in _APPLIES_TO:
        globs: tuple[str, ...] = getattr(policy.head.applies_to, name)
        known = held.applying(name) if globs else frozenset()
        if globs and not known and held.is_filled:
            what = f"no record in the store says its {name.replace('_', ' ')}, so the policy applies to nothing"
            yield Unknown(
                ("applies_to", name), what, f"map it, such as {name}: {{constant: NAME}}, or leave it out here"
            )
        if known and not any(_is_among(value, globs) for value in known):
            asked = " or ".join(f"'{glob}'" for glob in globs)
            what = f"nothing in the store has the {name.replace('_', ' ')} {asked}, so the policy applies to nothing"
            yield Unknown(("applies_to", name), what, _hint(globs[0], known))


def _favourable(policy: Policy, held: Held) -> Iterator[Unknown]:
    for column, values in policy.head.favourable.items():
        known = held.values(DECISIONS.name, column) if DECISIONS.column(column) is not None else frozenset()
        yield from _missing(("favourable", column), values, known, f"decision in the store has the {column}")


def _dimensions(check: Check, held: Held) -> Iterator[Unknown]:
    own = CANONICAL[check.table]
    if own is not DECISIONS:
        return  # columns alone, and those are looked at without a store
    known = held.attributes()
    if not known or known.issuperset(name for name in check.dimensions if own.column(name) is None):
        return
    meant = attributes(check)  # a kind may know dimensions of its own, such as the reviewer
    for place, axis in enumerate(check.by):
        strange = [name for name in axis if name in meant]
        yield from _missing(("by", place), strange, known, "record in the store has the protected attribute")


def _named(check: Check, held: Held) -> Iterator[Unknown]:
    for field, sort in NAMES.items():
        values = _texts(check, field)
        known = held.values(sort.table, sort.column) if values else frozenset()
        yield from _missing((field,), values, known, f"{sort.said} in the store is called")


def is_free(kind: type[Check], field: str) -> bool:
    """Whether a kind has such a field and anybody may write what he likes into it."""
    declared = kind.model_fields.get(field)
    return declared is not None and declared.annotation in _FREE


def _texts(check: Check, field: str) -> tuple[str, ...]:
    """The names in a field of a check; none where the kind lists itself what may stand there."""
    value = getattr(check, field) if is_free(type(check), field) else None
    return value if isinstance(value, tuple) else (value,) if value else ()


def _forbidden(check: Check, known: frozenset[str]) -> Iterator[Unknown]:
    """Forbidden inputs, if no model has any: one that is absent is as it should be, but then nothing is assessed."""
    groups: Mapping[str, tuple[str, ...]] = getattr(check, "groups", {})
    names = _texts(check, "forbidden")
    if known and names and not any(_is_among(own, names) for own in (*known, *groups)):
        listed = ", ".join(names)
        yield Unknown(("forbidden",), f"no model in the store has any of the inputs {listed}", _hint(names[0], known))


def _inputs(policy: Policy, check: Check, held: Held) -> Iterator[Unknown]:
    """Inputs of models that a check names: to look at, as part of a reason, as a factor, or as forbidden."""
    groups: Mapping[str, tuple[str, ...]] = getattr(check, "groups", {})
    named: dict[tuple[str, ...], tuple[str, ...]] = {("features",): _texts(check, "features")}
    named |= {("groups", name): own for name, own in groups.items()}
    factor = _texts(check, "given")
    if not any((*named.values(), factor, _texts(check, "forbidden"))):
        return
    known = held.inputs(policy.head.applies_to.model)
    for path, names in named.items():
        yield from _missing(path, names, known, _HAS_INPUT)
    if known:
        yield from _missing(("given",), factor, known | held.attributes() | set(DECISIONS.names), _HAS_INPUT)
    yield from _forbidden(check, known)


def _references(check: Check, held: Held) -> Iterator[Unknown]:
    """Groups that others are compared with."""
    for field in ("reference", "denominator"):
        value = getattr(check, field, None)
        if isinstance(value, str) and not value.startswith("highest"):
            axes = [axis[0] for axis in check.by if len(axis) == 1]
            value = {axes[0]: value} if len(axes) == len(check.by) == 1 else {}
        for name, group in value.items() if isinstance(value, dict) else ():
            yield from _missing((field,), [group], held.groups(check, name), f"record in the store has the {name}")


def _waived(policy: Policy, held: Held) -> Iterator[Unknown]:
    checks = {check.id: check for check in policy.checks}
    for place, waiver in enumerate(policy.head.waivers):
        check = checks[waiver.check]
        for name, value in waiver.subject.items():
            known = held.groups(check, name) if name in check.dimensions else frozenset()
            path = ("waivers", place, "subject", name)
            yield from _missing(path, [value], known, f"record in the store has the {name}")


def _missing(path: tuple[str | int, ...], names: Iterable[str], known: frozenset[str], said: str) -> Iterator[Unknown]:
    for name in names if known else ():
        if name not in known:
            yield Unknown(path, f"no {said} '{name}'", _hint(name, known))


def _is_among(value: str, globs: Iterable[str]) -> bool:
    return any(fnmatchcase(value, glob) for glob in globs)


def _hint(name: str, known: Iterable[str]) -> str:
    names = sorted(known)
    listed = ", ".join(names[:LISTED]) + (f" and {len(names) - LISTED} more" if len(names) > LISTED else "")
    return nearest(name, names) or f"the store has {listed}"
