"""Stored contributions as principal reasons: which inputs pushed a decision the adverse way, the strongest first.

A reason is a group of inputs (an input that is in no group is one of its own); its push is the sum of their
contributions in the adverse direction. Groups with the same push follow their names. Contributions that do not lead to
the logged score give no reasons, nor do decisions of a rule or a person. Where several methods were stored for one
decision the first one of SHAP counts, as for `governance explain`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Annotated, Literal, NamedTuple

from pydantic import AfterValidator

from governance.checks import Check, Row
from governance.checks._groups import columns, decided
from governance.engines.duckdb import identifier, literal
from governance.measurement.scopes import Scope
from governance.tables import ATTRIBUTIONS


def _one_group_each(groups: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    seen: dict[str, str] = {}
    for group, listed in groups.items():
        for name in listed:
            if seen.setdefault(name, group) != group:
                raise ValueError(f"the input '{name}' is in the groups '{seen[name]}' and '{group}'")
    return groups


Adverse = Literal["up", "down"]
Groups = Annotated[dict[str, tuple[str, ...]], AfterValidator(_one_group_each)]
VIEWS = "attributions:"

DUE = "NOT favourable AND coalesce(stage, 'model') = 'model'"
COUNTS = (
    f"count(*) FILTER ({DUE}) AS adverse, count(*) FILTER ({DUE} AND fits IS NULL) AS without, "
    f"count(*) FILTER ({DUE} AND NOT fits) AS other_score, count(*) FILTER (favourable IS NULL) AS unknown_favourable, "
    "count(*) FILTER (NOT favourable AND stage <> 'model') AS decided_otherwise"
)
COUNTED = ("adverse", "without", "other_score", "unknown_favourable", "decided_otherwise")


class Reason(NamedTuple):
    """A group of inputs of one model."""

    name: str
    inputs: tuple[str, ...]

    def is_called(self, pattern: str) -> bool:
        """Whether a name, or a pattern such as `sex_*`, means the group or one of its inputs."""
        return any(fnmatchcase(name, pattern) for name in (self.name, *self.inputs))

    def push(self, adverse: Adverse) -> str:
        """SQL of the sum of the contributions, positive where they are adverse."""
        total = " + ".join(f"coalesce({identifier(name)}, 0)" for name in self.inputs)
        return f"{'' if adverse == 'up' else '-'}({total})"


def attributed(scope: Scope) -> dict[str, tuple[str, ...]]:
    """View -> inputs, of each model that has stored contributions."""
    return {
        view: tuple(name for name in listed if name not in ATTRIBUTIONS.names)
        for view, listed in scope.columns.items()
        if view.startswith(VIEWS)
    }


def reasons_of(inputs: Sequence[str], groups: Mapping[str, Sequence[str]]) -> list[Reason]:
    """The groups of a model's inputs, in order of name."""
    grouped = {name: group for group, listed in groups.items() for name in listed}
    found: dict[str, list[str]] = {}
    for name in inputs:
        found.setdefault(grouped.get(name, name), []).append(name)
    return sorted(Reason(name, tuple(listed)) for name, listed in found.items())


def decisions_with_reasons(
    check: Check, scope: Scope, groups: Mapping[str, Sequence[str]], adverse: Adverse, figures: Mapping[str, str]
) -> str:
    """SELECT of the decisions in scope: groups, `favourable`, `stage`, `fits`, `figure`, `ts`, `id`.

    Args:
        check: Names the axes.
        scope: The decisions.
        groups: Name -> inputs that are one reason.
        adverse: Direction of the margin that is bad for the person.
        figures: View -> SQL of `figure` over the pushes `p0`, `p1`, ... of its reasons in order of name.
    """
    stored = [
        _pushed(view, reasons_of(inputs, groups), adverse, figures[view])
        for view, inputs in attributed(scope).items()
        if inputs
    ]
    nothing = "SELECT NULL AS decision_id, NULL AS fits, NULL AS figure, NULL AS place WHERE false"
    return (
        f"SELECT {columns(check, scope)}d.favourable, d.deciding_stage AS stage, a.found.fits, a.found.figure, "
        f"d.decision_ts AS ts, d.decision_id AS id FROM {decided(check, scope)} LEFT JOIN "
        # one value of both: arg_min passes over nulls, and would take the figure of another method then
        "(SELECT decision_id, arg_min({'fits': fits, 'figure': figure}, place) AS found "
        f"FROM ({' UNION ALL '.join(stored) or nothing}) GROUP BY decision_id) a ON a.decision_id = d.decision_id"
    )


def _pushed(view: str, reasons: Sequence[Reason], adverse: Adverse, figure: str) -> str:
    pushes = ", ".join(f"{reason.push(adverse)} AS p{place}" for place, reason in enumerate(reasons))
    # an error without a value beside a tolerance: the logged number can be no score of this model
    fits = "score_tolerance IS NULL OR coalesce(score_error <= score_tolerance, false) AS fits"
    return (
        f"SELECT decision_id, fits, {figure} AS figure, (method <> 'shap', computed_ts, method) AS place "
        f"FROM (SELECT decision_id, {fits}, method, computed_ts, {pushes} FROM {identifier(view)})"
    )


def among_the_first(reasons: Sequence[Reason], place: int, top: int) -> str:
    """SQL condition over the pushes: the reason is one of the first `top`."""
    own = f"p{place}"
    before = " + ".join(
        f"CASE WHEN p{other} {'>=' if other < place else '>'} {own} THEN 1 ELSE 0 END"
        for other in range(len(reasons))
        if other != place
    )
    return f"{own} > 0 AND {before or '0'} < {top}"


def first_reason(reasons: Sequence[Reason]) -> str:
    """SQL over the pushes: the name of the strongest reason, or null where nothing pushed the adverse way."""
    pushes = ", ".join(f"p{place}" for place in range(len(reasons)))
    named = " ".join(
        f"WHEN p{place} = greatest({pushes}) THEN {literal(one.name)}" for place, one in enumerate(reasons)
    )
    return f"CASE WHEN greatest({pushes}) > 0 THEN CASE {named} END END"


def why_no_reasons(row: Row, n: int) -> str | None:
    """Why no adverse decision has reasons; None where one has."""
    if n:
        return None
    if row["adverse"] == 0:
        said = f"no decision of the model is adverse; {row['unknown_favourable']} do not say whether they are"
        return said if row["unknown_favourable"] else "no decision of the model is adverse"
    said = f"none of the {row['adverse']} adverse decisions has contributions that lead to its score"
    return f"{said}; run `governance explain --window W --adverse`" if row["without"] == row["adverse"] else said
