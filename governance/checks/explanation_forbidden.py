"""Whether forbidden inputs or their proxies stand among the principal reasons of adverse decisions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from pydantic import Field

from governance.checks import Check, Row
from governance.checks._attributions import (
    COUNTED,
    COUNTS,
    DUE,
    Adverse,
    Groups,
    Reason,
    among_the_first,
    attributed,
    decisions_with_reasons,
    reasons_of,
    why_no_reasons,
)
from governance.checks._groups import unattributed
from governance.checks._shares import Measure, exceeds, observed, shares
from governance.errors import nearest
from governance.findings import Judgement, Observation, Verdict
from governance.measurement.scopes import Scope

MOST_NAMES = 60  # one bit of a whole number for each


class Forbidden(Check):
    """Forbidden reasons: does a prohibited characteristic, or a proxy for one, stand among the principal reasons?

    What is measured: of the adverse decisions of the model whose stored contributions lead to the logged score, the
    share in which one of the `forbidden` inputs is among the `top` reasons, with its Wilson interval, and how often
    each one is. Reasons are the inputs, or groups of them, that pushed the decision the adverse way, the strongest
    first, as in `governance explain`.

    Why it matters: a prohibited basis may not decide on credit, and the reasons that are told to people must be those
    that decided (12 CFR 1002.4(a), 1002.9(b)(2)). On public card data with sex, age and marriage as inputs, one of them
    stood among the first four reasons of 8 % to 80 % of refusals, depending on background and grouping; a tool that
    drops such reasons in silence hides the problem from the lender and a lie from the applicant.

    Example:
        - id: no-prohibited-reason
          kind: explanation-forbidden
          forbidden: [sex, "age*", postcode]
          groups: {education: [edu_school, edu_college], postcode: [postcode_area, distance_to_branch]}
          adverse: up
          top: 4
          max_share: 0
          severity: critical
          controls: [ecoa-reg-b:1002.4.a]

    Fields:
        forbidden: Names of inputs or groups, or patterns such as `age*`. A group is meant if one of its inputs is.
        groups: Name -> inputs that are one reason; this is also how proxies are named after what they stand for.
        adverse: Direction of the model's margin that is bad for the person: `up` or `down`.
        top: Number of principal reasons.
        max_share: Share above which the check fails; exactly on it passes.

    One explained decision is enough for a verdict unless `minimum_n` says otherwise. Names that no explained model has
    as an input are listed as `absent`; if none of the names is known, nothing is assessed, for a misspelt name must not
    pass. Decisions that were decided by a rule or a person are left out.

    A failure can mean: the model was trained with the characteristic; an input carries it (a title, a school, a place);
    or a group mixes lawful inputs with others.
    """

    needs: ClassVar[tuple[str, ...]] = ("decisions.favourable", "attributions.*")

    forbidden: tuple[str, ...] = Field(min_length=1, max_length=MOST_NAMES)
    groups: Groups = Field(default_factory=dict)
    adverse: Adverse
    top: int = Field(default=4, ge=1)
    max_share: float = Field(default=0.0, ge=0, lt=1)
    minimum_n: int = Field(default=1, ge=1)

    def _models(self, scope: Scope) -> dict[str, list[Reason]]:
        return {view: reasons_of(inputs, self.groups) for view, inputs in attributed(scope).items()}

    def statement(self, scope: Scope) -> str:
        figures = {view: self._hits(reasons) for view, reasons in self._models(scope).items()}
        records = decisions_with_reasons(self, scope, self.groups, self.adverse, figures)
        each = ", ".join(
            f"count(*) FILTER ({DUE} AND fits AND (figure & {1 << place}) <> 0) AS hits_{place}"
            for place in range(len(self.forbidden))
        )
        named = Measure("forbidden", "figure <> 0", f"{DUE} AND fits", f"{COUNTS}, {each}")
        return (
            f"WITH records AS ({records}) {shares(self, [named], 'records', ids='of_decisions')} ORDER BY axis, subject"
        )

    def _hits(self, reasons: Sequence[Reason]) -> str:
        """A whole number with a bit for each forbidden name that is among the first reasons of a model."""
        bits = []
        for bit, pattern in enumerate(self.forbidden):
            meant = [place for place, reason in enumerate(reasons) if reason.is_called(pattern)]
            tests = " OR ".join(f"({among_the_first(reasons, place, self.top)})" for place in meant)
            bits += [f"CASE WHEN {tests} THEN {1 << bit} ELSE 0 END"] if tests else []
        return f"CAST({' + '.join(bits) or '0'} AS BIGINT)"

    def observe(self, rows: Sequence[Row], scope: Scope) -> list[Observation]:
        known = [reason for reasons in self._models(scope).values() for reason in reasons]
        absent = [name for name in self.forbidden if not any(reason.is_called(name) for reason in known)]
        reason = None
        if len(absent) == len(self.forbidden) and known:
            hint = nearest(absent[0], {name for one in known for name in (one.name, *one.inputs)})
            reason = f"no explained model has an input or group called {', '.join(absent)}"
            reason += f"; {hint}" if hint else ""
        return [self._observation(row, absent, reason) for row in rows]

    def _observation(self, row: Row, absent: Sequence[str], unknown: str | None) -> Observation:
        counts = {name: row[name] for name in COUNTED} | {"decisions": row["records"], "explained": row["n"]}
        by_name = {name: row[f"hits_{place}"] for place, name in enumerate(self.forbidden) if name not in absent}
        counts |= {"with_forbidden": row["marked"], "by_name": by_name, "absent": list(absent)}
        return observed(row, "forbidden_reason_share", counts, why_no_reasons(row, row["n"]) or unknown)

    def limit(self) -> Mapping[str, Any]:
        return {"max_share": self.max_share, "top": self.top, "forbidden": list(self.forbidden)}

    def judge(self, observation: Observation) -> Judgement:
        counts, n, who = observation.counts, observation.n, unattributed(observation.subject)
        hits = [f"{name} in {count}" for name, count in counts["by_name"].items() if count]
        often = f"{counts['with_forbidden']:,} of {n:,} adverse decisions"
        said = f"{often} have a forbidden reason among the first {self.top}"
        said += f" ({', '.join(hits)})" if hits else ""
        left = counts["without"] + counts["other_score"]
        said += f"; {left} more have no reasons" if left else ""
        said += f"; no explained model has {', '.join(counts['absent'])}" if counts["absent"] else ""
        if exceeds(counts["with_forbidden"], n, self.max_share):
            return Judgement(Verdict.FAILED, f"{who}{said}", self.limit())
        notable = who or hits or left or counts["absent"]
        return Judgement(Verdict.PASSED, f"{who}{said}" if notable else None, self.limit())
