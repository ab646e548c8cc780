"""Whether the store still is what its ledger says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from pydantic import Field, model_validator

from governance.checks import Check, Measurement, Row
from governance.engines.duckdb import Engine
from governance.errors import GovernanceError
from governance.findings import Judgement, Observation, Verdict
from governance.measurement.scopes import Scope
from governance.verification import verify

LEDGER, FILES = "ledger", "files"
SHOWN = 5  # problems that a finding names; `governance verify` names all


class Integrity(Check):
    """Integrity: the files of the store are those that its ledger names, unchanged, in order and signed.

    What is measured: the number of problems that `governance verify` finds, apart for the ledger (entries, checkpoints
    and signatures) and for the files that its entries name (the digest of each, computed anew). The counts name the
    first problems.

    Why it matters: a log that could have been changed proves nothing, and records must be kept under the control of the
    one who answers for them (Regulation (EU) 2024/1689, articles 12, 19(1) and 26(6)).

    Example:
        - id: untouched-records
          kind: integrity
          severity: critical

    Fields:
        None but those that all kinds have; `by`, `per` and `where` are not for this kind.

    One entry or file is enough for a verdict, unless `minimum_n` says otherwise. The figure is no SQL: its evidence is
    the method, and `governance verify` on the same folder repeats it (and compares the rows of merged files with those
    that they replaced, which this check does not). What no verification can know stands in the
    counts as `unknown`: above all whether rows were changed before they were ingested, and whether a holder of the key
    wrote the ledger anew; a checkpoint kept elsewhere (`governance verify --checkpoint`) narrows that.

    A failure can mean: a file that was changed, lost or added by hand; a disk that fails; a copy that was cut; or
    somebody who does not want a record to be found.
    """

    needs: ClassVar[tuple[str, ...]] = ()
    why_nothing: ClassVar[str | None] = "there are rows and no store, so there is nothing to verify"

    minimum_n: int = Field(default=1, ge=1)

    @model_validator(mode="after")
    def _whole(self) -> Integrity:
        if self.by or self.per or self.where:
            raise ValueError("`by`, `per` and `where` are not for this kind: the store is looked at as a whole")
        return self

    def measure(self, engine: Engine, scope: Scope) -> Measurement:  # noqa: ARG002 - the files are read, not the views
        return Measurement(self.observe((), scope), "", {})

    def statement(self, scope: Scope) -> str:
        raise NotImplementedError("the files are verified, no statement is run")

    def observe(self, rows: Sequence[Row], scope: Scope) -> list[Observation]:  # noqa: ARG002 - no rows are read
        if scope.store is None:
            return []
        try:
            found = verify(scope.store, compare_rows=False)
        except GovernanceError as error:
            return [Observation((), "problems", None, "problems", 0, reason=f"{error.what} ({error.where})")]
        parts: dict[str, list[str]] = {LEDGER: [], FILES: []}
        for problem in found.problems:
            part = LEDGER if problem.path.startswith("ledger") else FILES
            parts[part].append(f"{problem.path}: {problem.what}")
        looked_at = {LEDGER: found.entries, FILES: found.segments}
        return [
            Observation(
                (("part", part),),
                "problems",
                float(len(problems)),
                "problems",
                looked_at[part],
                {part: looked_at[part], "problems": problems[:SHOWN], "unknown": found.notes[-1]},
            )
            for part, problems in parts.items()
        ]

    def verdict(self, observation: Observation) -> Judgement:
        """As for every check; but a problem is one however few entries there are."""
        return self.judge(observation) if observation.value else super().verdict(observation)

    def limit(self) -> Mapping[str, Any]:
        return {"problems": 0}

    def judge(self, observation: Observation) -> Judgement:
        if observation.value:
            shown = "; ".join(observation.counts["problems"])
            more = int(observation.value) - len(observation.counts["problems"])
            noun = "problem" if observation.value == 1 else "problems"
            reason = f"{observation.value:.0f} {noun}: {shown}{f'; and {more} more' if more > 0 else ''}"
            return Judgement(Verdict.FAILED, reason, self.limit())
        return Judgement(Verdict.PASSED, None, self.limit())
