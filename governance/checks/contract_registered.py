"""Whether a model is fed the inputs that it was registered with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from pydantic import Field, model_validator

from governance.checks import Check, Row
from governance.checks._shares import LISTED
from governance.engines.duckdb import identifier, literal
from governance.findings import Judgement, Observation, Verdict
from governance.measurement.sample_ids import ids
from governance.measurement.scopes import Scope, subject_of, subject_sql
from governance.tables import FEATURES

_VIEWS = "features:"


class ContractRegistered(Check):
    """Registered inputs: whether the log feeds each version of a model the inputs that it was registered with.

    What is measured: for each version that decided, the number of inputs that differ: those of its card that no
    decision of the window has a value for, and those that decisions have a value for and the card does not name. The
    counts name both.

    Why it matters: a model that gets an input it never learned ignores it, and one that misses an input takes it as
    unknown; both answer as confidently as before. Inputs must be relevant to what the system is for (Regulation (EU)
    2024/1689, article 26(4)), and the card is what was approved (SR 26-2, inventory and implementation).

    Example:
        - id: inputs-as-registered
          kind: contract-registered
          ignore: [applied_at]
          severity: medium

    Fields:
        ignore: Logged inputs that the model does not use, which the card need not name.
        max_differences: Inputs that may differ; exactly so many pass, none unless given.
        minimum_n: Decisions with inputs below which nothing is judged.

    The inputs of a version are those of `governance model register`; a space and an underscore are the same, as some
    formats cannot hold spaces. A version that is not registered, or registered without inputs, is not assessed. `by`
    and `per` are not for this kind. There is no interval: every decision is looked at.

    A failure can mean: a step before the model that was released before the model was; a log that leaves an input out;
    a card of another version; or a mapping that takes columns for inputs that are none.
    """

    needs: ClassVar[tuple[str, ...]] = ("models.features",)

    ignore: tuple[str, ...] = ()
    max_differences: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _whole(self) -> ContractRegistered:
        if self.by or self.per:
            raise ValueError("`by` and `per` are not for this kind: the subjects are the versions of models")
        return self

    def bound(self, scope: Scope) -> dict[str, Any]:
        return scope.parameters | {"ignored": [_plain(name) for name in self.ignore]}

    def statement(self, scope: Scope) -> str:
        parts = [
            self._fed(scope, view, [name for name in held if name not in FEATURES.names])
            for view, held in sorted(scope.columns.items())
            if view.startswith(_VIEWS)
        ]
        nothing = (
            "SELECT '' AS model, '' AS version, 0 AS n, [''] AS fed, "
            "[{'ts': CAST(NULL AS TIMESTAMPTZ), 'id': ''}] AS samples WHERE false"
        )
        subject = subject_sql(["model", "model_version"], ["f.model", "f.version"])
        missing = "list_filter(g.features, lambda x: NOT list_contains(f.fed, replace(x, ' ', '_')))"
        known = "list_transform(g.features, lambda y: replace(y, ' ', '_'))"
        return (
            "WITH sole AS (SELECT model, min(version) AS version FROM models GROUP BY model "
            "HAVING min(version) = max(version)), "
            f"fed AS ({' UNION ALL '.join(parts) or nothing}), "
            f"found AS (SELECT {subject} AS subject, f.n, f.samples, g.model IS NOT NULL AS is_known, "
            f"len(g.features) AS registered, {missing} AS missing, list_filter(f.fed, lambda x: "
            f"NOT list_contains({known}, x) AND NOT list_contains($ignored, x)) AS added FROM fed f "
            "LEFT JOIN sole s ON s.model = f.model AND f.version IS NULL "
            "LEFT JOIN models g ON g.model = f.model AND g.version = coalesce(f.version, s.version)) "
            "SELECT 0 AS axis, *, CASE WHEN registered > 0 THEN len(missing) + len(added) END AS value FROM found "
            "ORDER BY subject"
        )

    def _fed(self, scope: Scope, view: str, names: Sequence[str]) -> str:
        """SELECT of each version of a model with the inputs that any decision has a value for."""
        filled = ", ".join(
            f"CASE WHEN count(f.{identifier(name)}) > 0 THEN {literal(_plain(name))} END" for name in names
        )
        return (
            f"SELECT {literal(view.removeprefix(_VIEWS))} AS model, d.model_version AS version, count(*) AS n, "
            f"list_filter(CAST([{filled}] AS VARCHAR[]), lambda x: x IS NOT NULL) AS fed, "
            "arg_min({'ts': d.decision_ts, 'id': d.decision_id}, (d.decision_ts, d.decision_id), "
            f"{LISTED}) AS samples "
            f"FROM {scope.decisions()} d JOIN {identifier(view)} f ON f.decision_id = d.decision_id "
            "GROUP BY d.model_version"
        )

    def observe(self, rows: Sequence[Row], scope: Scope) -> list[Observation]:  # noqa: ARG002 - the form of a check
        return [self._observation(row) for row in rows]

    def _observation(self, row: Row) -> Observation:
        subject, n = subject_of(row["subject"]), row["n"]
        reason = None
        if not row["is_known"]:
            reason = f"{n:,} decisions have inputs, but no such version is registered"
        elif row["value"] is None:
            reason = "it is registered without the names of its inputs"
        counts = {name: None if reason else row[name] for name in ("registered", "missing", "added")}
        value = None if reason else float(row["value"])
        samples = ids(row["samples"]) if value else ()
        return Observation(subject, "differing_inputs", value, "inputs", n, counts, None, samples, reason)

    def limit(self) -> Mapping[str, Any]:
        return {"max_differences": self.max_differences}

    def judge(self, observation: Observation) -> Judgement:
        missing, added = observation.counts["missing"], observation.counts["added"]
        parts = [f"{len(missing)} registered and not fed ({_listed(missing)})"] if missing else []
        parts += [f"{len(added)} fed and not registered ({_listed(added)})"] if added else []
        said = "; ".join(parts) or None
        if len(missing) + len(added) > self.max_differences:
            return Judgement(Verdict.FAILED, said, self.limit())
        return Judgement(Verdict.PASSED, said, self.limit())


def _plain(name: str) -> str:
    return name.replace(" ", "_")


def _listed(names: Sequence[str]) -> str:
    shown = [" ".join(name.split())[:60] for name in names[:5]]
    return ", ".join(shown) + (", ..." if len(names) > len(shown) else "")
