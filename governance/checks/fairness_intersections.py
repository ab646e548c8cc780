"""Impact ratios of all intersections of several attributes, with the false discoveries among them under control."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import combinations
from typing import Any, ClassVar

from pydantic import Field, model_validator

from governance.checks import Check, Row
from governance.checks._discoveries import false_discovery_rates, p_of_difference
from governance.checks._ratios import Group
from governance.checks._references import parts
from governance.checks.fairness_impact_ratio import ImpactRatio
from governance.findings import Judgement, Observation, Subject, Verdict
from governance.measurement.scopes import Scope, subject_of


class Intersections(Check):
    """Intersections: impact ratios of every combination of attributes, such as sex by age band by origin.

    What is measured: for each combination of 2 to `depth` of the attributes in `by`, the favourable rate of each group
    and its ratio to the highest rate among the groups with `minimum_n` records, as `fairness-impact-ratio` does. Among
    many groups some lie far below by chance. So each group is also tested against everybody else on its axis (z, or
    Fisher's exact test where numbers are small), and the share of false ones among the discoveries is held at
    `false_discovery` (Benjamini & Hochberg 1995) over all groups that are judged, whose number is stated. The test is
    against everybody else and not against the highest group, because that was chosen for its rate.

    Why it matters: a system can treat women and older people well, and older women badly; no check of one attribute at
    a time shows that (Kearns and others 2018; 6 RCNY 5-301(b), intersectional categories; NIST AI RMF, MEASURE 2.11).

    Example:
        - id: intersections
          kind: fairness-intersections
          by: [sex, age_band, origin]
          depth: 3
          min: 0.8
          false_discovery: 0.05
          minimum_n: 30
          severity: high

    Fields:
        by: At least two attributes; the intersections are made of them.
        depth: Most attributes in an intersection.
        min: Ratio below which a group fails; exactly on it passes, decided in whole numbers.
        false_discovery: Share of false discoveries that is accepted among all.
        smallest_share: Groups with a smaller share of the axis' records are left out.

    A ratio below `min` that is no discovery is a warning: among so many groups it may be chance.

    A failure can mean: a rule or model treats the group worse; two lawful factors meet in it; or the favourable outcome
    is mapped the wrong way round.
    """

    needs: ClassVar[tuple[str, ...]] = ("decisions.favourable",)

    by: tuple[tuple[str, ...], ...] = Field(min_length=2)
    depth: int = Field(default=2, ge=2, le=5)
    min: float = Field(default=0.8, gt=0, le=1)
    false_discovery: float = Field(default=0.05, gt=0, lt=1)
    smallest_share: float = Field(default=0.0, ge=0, lt=1)

    @model_validator(mode="after")
    def _attributes(self) -> Intersections:
        if any(len(axis) != 1 for axis in self.by):
            raise ValueError("`by` lists single attributes; the intersections are made of them")
        if self.depth > len(self.by):
            raise ValueError(f"`depth` is more than the {len(self.by)} attributes in `by`")
        return self

    @property
    def ratios(self) -> ImpactRatio:
        """The check of the ratios themselves, with an axis for each combination."""
        names = [axis[0] for axis in self.by]
        sizes = range(2, self.depth + 1)
        return ImpactRatio(
            id=self.id,
            kind="fairness-impact-ratio",
            by=tuple(axis for size in sizes for axis in combinations(names, size)),
            min=self.min,
            smallest_share=self.smallest_share,
            minimum_n=self.minimum_n,
            per=self.per,
        )

    def bound(self, scope: Scope) -> dict[str, Any]:
        return self.ratios.bound(scope)

    def statement(self, scope: Scope) -> str:
        return self.ratios.statement(scope)

    def observe(self, rows: Sequence[Row], scope: Scope) -> list[Observation]:
        observations = self.ratios.observe(rows, scope)
        tests = self._tests(rows, {one.subject for one in observations if self._is_judged(one)})
        rates = false_discovery_rates([p for p, _ in tests.values()])
        discovered = {
            subject: {
                "others_favourable": others.favourable,
                "others_n": others.n,
                "p_against_others": p,
                "false_discovery_rate": rate,
                "comparisons": len(tests),
            }
            for (subject, (p, others)), rate in zip(tests.items(), rates, strict=True)
        }
        return [self._beside(one, discovered.get(one.subject)) for one in observations]

    def _is_judged(self, one: Observation) -> bool:
        return one.value is not None and one.n >= self.minimum_n

    def _tests(self, rows: Sequence[Row], judged: set[Subject]) -> dict[Subject, tuple[float, Group]]:
        """The p value of each judged group against everybody else whose group is known on its axis, and these."""
        found = {}
        for part in parts(rows, "axis", "period"):
            known = [row for row in part if row["known"]]
            everybody = Group(sum(row["favourable"] for row in known), sum(row["n"] for row in known))
            for row in known:
                subject, k, n = subject_of(row["subject"]), row["favourable"], row["n"]
                others = Group(everybody.favourable - k, everybody.n - n)
                if subject in judged and others.n:
                    found[subject] = p_of_difference(k, n, *others), others
        return found

    def _beside(self, one: Observation, more: Mapping[str, Any] | None) -> Observation:
        kept = {name: value for name, value in one.counts.items() if name not in ("z", "p", "fisher_p")}
        return replace(one, counts={**kept, **(more or {})})

    def limit(self) -> Mapping[str, Any]:
        return {"min": self.min, "depth": self.depth, "false_discovery": self.false_discovery}

    def judge(self, observation: Observation) -> Judgement:
        counts = observation.counts
        ratio = Group(counts["favourable"], observation.n).rate
        ratio /= Group(counts["reference_favourable"], counts["reference_n"]).rate
        if ratio >= Fraction(str(self.min)):
            return Judgement(Verdict.PASSED, None, self.limit())
        rate, comparisons = counts["false_discovery_rate"], counts["comparisons"]
        reason = f"the favourable rate is {float(ratio):.3f} of the highest, below {self.min:g}; "
        reason += f"{counts['favourable']:,} of {observation.n:,} against {counts['others_favourable']:,} of "
        reason += f"{counts['others_n']} others, false discovery rate {rate:.3g} in {comparisons} comparisons"
        if rate > self.false_discovery:
            return Judgement(Verdict.WARNED, f"{reason}, which may be chance", self.limit())
        return Judgement(Verdict.FAILED, reason, self.limit())
