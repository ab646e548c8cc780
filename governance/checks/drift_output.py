"""How far the outputs of a system have moved from a reference."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator

from governance.checks._drift import Drift, Nothing
from governance.checks._drift_records import Dimension, Samples, Variable
from governance.engines.duckdb import Engine
from governance.measurement.scopes import Scope

Output = Literal["score", "decision", "favourable", "output_tokens", "finish_reason", "status"]

_DECISIONS = {
    "score": Variable("score", *2 * ("CASE WHEN isfinite(d.score) THEN d.score END",), is_numeric=True),
    "decision": Variable("decision", "d.decision", "d.decision", is_numeric=False),
    "favourable": Variable("favourable", *2 * ("CAST(d.favourable AS VARCHAR)",), is_numeric=False),
}
_REQUESTS = {
    "output_tokens": Variable("output_tokens", *2 * ("CAST(r.output_tokens AS DOUBLE)",), is_numeric=True),
    "finish_reason": Variable("finish_reason", *2 * ("array_to_string(r.finish_reasons, '+')",), is_numeric=False),
    "status": Variable("status", "r.status", "r.status", is_numeric=False),
}


class DriftOutput(Drift):
    """Drift of outputs: how far what a system answers has moved from a reference.

    What is measured: for each output, and each group in `by` or part of the calendar in `per`, one figure that compares
    its values in the window with those of the reference: psi, js, ks or wasserstein, on the same bins and with the same
    floor of chance as `drift-input` says in its manual. Outputs are the score, the mix of decisions, and whether they
    were favourable; of requests that decide nothing the length of the answer in tokens, why it ended, and the status
    (which also says blocked).

    Why it matters: a score that moves while inputs do not points at the model or what stands before it; an answer that
    gets shorter or ends otherwise is how a silent change at a provider shows. Lenders validate score distributions
    (Regulation B, comment 2(p)-2), and ongoing monitoring is a duty for models (SR 26-2).

    Example:
        - id: score-drift
          kind: drift-output
          reference: {window: 2026-Q2}
          of: score
          measure: psi
          max: 0.1
          minimum_n: 500
          severity: medium

    Fields:
        reference: `{window: 2026-Q2}`, which must not overlap the checked window, or `{window: previous}`, the one
            before it, or `as_of` as in `drift-input`. `{training: true}` is refused: a background sample holds inputs.
        of: One of, or a list of: `score`, `decision`, `favourable`, `output_tokens`, `finish_reason`, `status`. Unless
            named: those of the first three that any decision has or, where there are no decisions, those of the others
            that any request has; with ks and wasserstein the numbers among them.
        measure: The `statistic`: psi, js, ks or wasserstein; psi unless named.
        max: Figure above which the check fails; exactly on it passes.
        minimum_n: Records that both sides must have.

    A failure can mean: other inputs (see drift-input); a new version of the model or prompt; a changed threshold or
    rule behind the score; a fallback that answers in its place; or answers that are cut off.
    """

    needs: ClassVar[tuple[str, ...]] = ()

    of: tuple[Output, ...] | None = Field(default=None, min_length=1)

    @field_validator("of", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value

    @field_validator("reference")
    @classmethod
    def _is_window(cls, value: Any) -> Any:
        if value.training:
            raise ValueError("the sample that a model is registered with holds no outputs; name a window")
        return value

    def samples(self, engine: Engine, scope: Scope) -> Iterator[Samples | Nothing]:
        for table, known in (("decisions", _DECISIONS), ("requests", _REQUESTS)):
            chosen = [known[name] for name in self.of or () if name in known]
            if self.of is None:
                counted = self._counted(engine, scope, table, known)
                chosen = [known[name] for name, n in counted.items() if n and self._compares(known[name])]
                if not any(counted.values()):
                    continue
            if chosen:
                yield self._samples(scope, table, chosen)
            if self.of is None:
                return

    def _compares(self, variable: Variable) -> bool:
        return variable.is_numeric or self.statistic in ("psi", "js")

    def _counted(self, engine: Engine, scope: Scope, table: str, known: dict[str, Variable]) -> dict[str, int]:
        """Records, now or in the reference, that have each output."""
        counts = ", ".join(f"count({variable.sql}) AS {name}" for name, variable in known.items())
        found = [
            engine.records(f"SELECT {counts} FROM {_records(scope, table, reference=side)}", scope.parameters)[0]
            for side in (False, True)
        ]
        return {name: found[0][name] + found[1][name] for name in known}

    def _samples(self, scope: Scope, table: str, chosen: Sequence[Variable]) -> Samples:
        time = "r.start_ts" if table == "requests" else "d.decision_ts"
        own = {name: scope.dimension(name, table) for name in self.dimensions}
        dimensions = {name: Dimension(name, sql, sql) for name, sql in own.items()}
        if self.per:
            dimensions[self.per] = Dimension(self.per, scope.calendar(self.per, time), None)
        attributes = any(sql.startswith("s.") for sql in own.values())
        joined = " LEFT JOIN subjects s ON s.decision_id = d.decision_id" if attributes else ""
        return Samples(
            "output",
            chosen,
            f"{_records(scope, table)}{joined}",
            f"{_records(scope, table, reference=True)}{joined}",
            [(*axis, *([self.per] if self.per else [])) for axis in self.axes],
            dimensions,
            "coalesce(r.request_id, r.request_uid)" if table == "requests" else "coalesce(d.request_id, d.decision_id)",
        )


def _records(scope: Scope, table: str, *, reference: bool = False) -> str:
    """FROM clause of the decisions in scope as `d`, or of the requests as `r`."""
    if table == "requests":
        return f"{scope.requests(reference=reference)} r"
    return f"{scope.decisions(reference=reference)} d"
