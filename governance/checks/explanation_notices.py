"""Whether people were told in time: of an adverse decision, or what they had asked for."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from governance.checks import Check, Row
from governance.checks._groups import columns, decided, grouped, unattributed
from governance.checks._references import own_columns
from governance.findings import Judgement, Observation, Verdict
from governance.measurement.sample_ids import ids
from governance.measurement.scopes import Scope, subject_of
from governance.measurement.statistics import wilson
from governance.wording import percent, term

_TERM = re.compile(r"([1-9]\d{0,3})(d|w|mo)")
_DAYS = {"d": 1, "w": 7}
_DAY_US = 86_400_000_000
_DUE = {"adverse": "d.favourable IS FALSE", "favourable": "d.favourable", "all": "true"}


class Notices(Check):
    """Notices: was each person told in time, of a decision about them or what they had asked for?

    What is measured: of the notices that were due, the share that was sent in time, with its Wilson interval. With
    `of: adverse` (or `favourable`, `all`) one is due for each such decision of the window; a notice is found by the
    decision that it names, or by the request, and then tells of all decisions of that request. With `of: asked` one is
    due for each request of a person, such as for access or for reasons, whose clock started in the window. One that was
    sent before the decision tells of something else.

    Why it matters: an applicant is told of adverse action within 30 days (12 CFR 1002.9(a)(1)), of reasons within 30
    days of asking (1002.9(a)(2)); a request for access or an objection is answered within one month (Regulation (EU)
    2016/679, article 12(3)). What was not sent cannot be contested.

    Example:
        - id: adverse-action-notices
          kind: explanation-notices
          of: adverse
          notice: adverse_action
          within: 30d
          severity: high
          controls: [ecoa-reg-b:1002.9.a1]

    Fields:
        notice: Name of the notice, as the log has it.
        of: Decisions that it is due for: `adverse`, `favourable` or `all`; or `asked`, where a person asks for it.
        within: Time from the start of the clock to sending: 30d, 4w or 1mo (a calendar month, counted in UTC); exactly
            so long is in time.
        start: When the clock starts: `decision`, or `opened`, what the notice itself says (`opened_ts`, such as the
            complete application), and where it does not or there is none, the decision. `asked` always starts it.
        min_share: Share in time below which the check fails; exactly on it passes.

    Counted apart, and not judged: notices whose time was not over when the last notice of that name was noted, nor at
    the end of the window; decisions of which the log does not say whether they were adverse; and with `asked` notices
    that do not say when the clock started. Where the policy narrows what it applies to, and with `by`, `asked` looks at
    those that name a decision. Without any notice of that name in the store nothing is assessed: nobody can tell
    then whether none were sent, or whether they were not logged. `per` is not for `asked`.

    A failure can mean: letters that wait for a signature; refusals by a rule or a fallback that no process follows up;
    or notices that are kept in another system than the one that was read.
    """

    needs: ClassVar[tuple[str, ...]] = ("notices.sent_ts",)

    notice: str = Field(min_length=1)
    of: Literal["adverse", "favourable", "all", "asked"] = "adverse"
    within: str
    start: Literal["decision", "opened"] = "decision"
    min_share: float = Field(default=1.0, gt=0, le=1)

    @field_validator("within")
    @classmethod
    def _is_term(cls, value: str) -> str:
        if not _TERM.fullmatch(value):
            raise ValueError(f"'{value}' is no time to answer; write 30d, 4w or 1mo")
        return value

    @model_validator(mode="after")
    def _whole(self) -> Notices:
        if self.of == "asked" and self.per:
            raise ValueError("`per` is not for `of: asked`")
        if self.of == "asked" and "start" in self.model_fields_set:
            raise ValueError("`start` is not for `of: asked`, where the clock starts when the person asks")
        return self

    def bound(self, scope: Scope) -> dict[str, Any]:
        number, unit = _TERM.fullmatch(self.within).groups()  # type: ignore[union-attr]
        term = {"months": int(number)} if unit == "mo" else {"within_us": int(number) * _DAYS[unit] * _DAY_US}
        parameters = scope.with_past().parameters if self.of == "asked" else scope.parameters
        return parameters | {"notice": self.notice} | term

    def statement(self, scope: Scope) -> str:
        over = "epoch_us(start_ts) + $within_us"
        if self.within.endswith("mo"):
            over = "epoch_us(make_timestamp(epoch_us(start_ts)) + to_months(CAST($months AS INTEGER)))"
        state = (
            "CASE WHEN NOT is_due THEN NULL WHEN start_ts IS NULL THEN 4 "
            f"WHEN epoch_us(sent_ts) <= {over} THEN 3 WHEN sent_ts IS NOT NULL THEN 2 "
            f"WHEN epoch_us(known_until) <= {over} THEN 0 ELSE 1 END"
        )
        return (
            "WITH named AS (SELECT *, "
            "coalesce(target_id = decision_id, false) OR request_uid IS NULL AS names_decision "
            "FROM notices WHERE name = $notice), "
            "known AS (SELECT count(*) AS notices, "
            "greatest(max(noted_ts), CAST($end AS TIMESTAMPTZ)) AS known_until FROM named), "
            f"{self._asked(scope) if self.of == 'asked' else self._decided(scope)}, "
            f"judged AS (SELECT {own_columns(self)}ts, id, is_due, is_unknown, {state} AS state, k.notices, "
            "(epoch_us(sent_ts) - epoch_us(start_ts)) / 8.64e10 AS days FROM due CROSS JOIN known k) "
            f"{grouped(self, _FIGURES, 'judged')} ORDER BY axis, subject"
        )

    def _decided(self, scope: Scope) -> str:
        """The common table `due`: every decision in scope, with when its clock started and when it was told."""
        told = (
            "SELECT d.decision_id, n.opened_ts, CASE WHEN n.sent_ts >= d.decision_ts THEN n.sent_ts END AS sent_ts "
            "FROM decided d JOIN named n ON {} = d.{} AND {}n.names_decision"
        )
        start = "decision_ts" if self.start == "decision" else "coalesce(t.opened_ts, d.decision_ts)"
        unknown = "false" if self.of == "all" else "favourable IS NULL"
        return (
            f"decided AS MATERIALIZED (SELECT {columns(self, scope)}d.decision_id, d.request_uid, d.decision_ts, "
            f"d.favourable FROM {decided(self, scope)}), "
            "told AS (SELECT decision_id, min(opened_ts) AS opened_ts, min(sent_ts) AS sent_ts FROM ("
            f"{told.format('n.decision_id', 'decision_id', '')} UNION ALL "
            f"{told.format('n.request_uid', 'request_uid', 'NOT ')}) GROUP BY decision_id), "
            f"due AS (SELECT {own_columns(self)}d.decision_ts AS ts, d.decision_id AS id, "
            f"coalesce({_DUE[self.of]}, false) AS is_due, {unknown} AS is_unknown, {start} AS start_ts, t.sent_ts "
            "FROM decided d LEFT JOIN told t ON t.decision_id = d.decision_id)"
        )

    def _asked(self, scope: Scope) -> str:
        """The common table `due`: every request of a person whose clock started in the window, or nobody knows when."""
        whole = scope.with_past()
        every = f"(SELECT * FROM {whole.decisions()} UNION ALL SELECT * FROM {whole.decisions(reference=True)})"
        narrowed = scope.filters or scope.predicates or self.by
        opened, noted = (scope.during(f"min({name})", reference=False) for name in ("opened_ts", "noted_ts"))
        joined = f"{'' if narrowed else 'LEFT '}JOIN {every} d ON d.decision_id = a.decision_id"
        source = decided(self, whole).replace(f"{whole.decisions()} d", f"asked a {joined}", 1)
        return (
            "asked AS (SELECT coalesce(notice_id, state_id) AS notice, max(decision_id) AS decision_id, "
            "min(opened_ts) AS opened_ts, min(sent_ts) AS sent_ts, min(noted_ts) AS noted_ts, "
            f"min(target_id) AS target_id FROM named GROUP BY 1 HAVING ({opened}) "
            f"OR (min(opened_ts) IS NULL AND {noted})), "
            f"due AS (SELECT {columns(self, scope)}coalesce(d.decision_ts, a.noted_ts) AS ts, "
            "coalesce(a.decision_id, a.target_id) AS id, true AS is_due, false AS is_unknown, a.opened_ts AS start_ts, "
            f"CASE WHEN a.sent_ts >= a.opened_ts THEN a.sent_ts END AS sent_ts FROM {source})"
        )

    def observe(self, rows: Sequence[Row], scope: Scope) -> list[Observation]:  # noqa: ARG002 - the form of a check
        return [self._observation(row) for row in rows]

    def _observation(self, row: Row) -> Observation:
        named = ("records", "due", "in_time", "late", "missing", "pending", "start_unknown", "favourable_unknown")
        counts = {name: row[name] for name in named} | {"median_days": row["median_days"]}
        reason = self._why_no_share(row)
        value, interval = (row["value"], wilson(row["in_time"], row["n"])) if reason is None else (None, None)
        subject, samples = subject_of(row["subject"]), ids(row["samples"])
        return Observation(subject, "share_in_time", value, "share", row["n"], counts, interval, samples, reason)

    def _why_no_share(self, row: Row) -> str | None:
        if row["due"] == 0 and row["favourable_unknown"] == row["records"]:
            return f"none of the {row['records']} decisions says whether it was favourable"
        if row["due"] == 0:
            return f"none of the {row['records']} decisions was {self.of}"
        if row["notices"] == 0:
            return f"{row['due']} notices were due, but the store holds none called '{self.notice}'; ingest notices"
        if row["n"] == 0 and row["start_unknown"] == row["due"]:
            return f"none of the {row['due']} notices says when its clock started"
        if row["n"] == 0:
            return f"the time for the notices of {row['pending']} that are due is not over"
        return None

    def limit(self) -> Mapping[str, Any]:
        own = {"notice": self.notice, "of": self.of, "within": self.within, "min_share": self.min_share}
        return own | ({} if self.of == "asked" else {"start": self.start})

    def judge(self, observation: Observation) -> Judgement:
        counts, n, who = observation.counts, observation.n, unattributed(observation.subject)
        said = f"{counts['in_time']:,} of {n:,} notices were sent within {term(self.within)}"
        said += "".join(f", {counts[name]:,} {name}" for name in ("late", "missing") if counts[name])
        said += f"; the time for {counts['pending']:,} more is not over" if counts["pending"] else ""
        said += f"; {counts['start_unknown']:,} more without a start" if counts["start_unknown"] else ""
        if Fraction(counts["in_time"], n) < Fraction(str(self.min_share)):
            reason = f"{who}{said} ({observation.value:.1%}, below {percent(self.min_share)})"
            return Judgement(Verdict.FAILED, reason, self.limit())
        uncertain = who or counts["start_unknown"] or counts["pending"]
        return Judgement(Verdict.PASSED, f"{who}{said}" if uncertain else None, self.limit())


# Of what is due: 0 its time is not over, 1 never sent, 2 sent late, 3 sent in time, 4 nobody knows when its time began
_FIGURES = (
    "count(*) FILTER (state = 3) / nullif(count(*) FILTER (state IN (1, 2, 3)), 0) AS value, "
    "count(*) FILTER (state IN (1, 2, 3)) AS n, count(*) AS records, count(*) FILTER (is_due) AS due, "
    "count(*) FILTER (state = 3) AS in_time, count(*) FILTER (state = 2) AS late, "
    "count(*) FILTER (state = 1) AS missing, count(*) FILTER (state = 0) AS pending, "
    "count(*) FILTER (state = 4) AS start_unknown, count(*) FILTER (is_unknown) AS favourable_unknown, "
    "max(notices) AS notices, median(days) FILTER (state IN (2, 3)) AS median_days, "
    "min({'ts': ts, 'id': id}, 10) FILTER (state IN (1, 2)) AS samples"
)
