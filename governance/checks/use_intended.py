"""Whether a system is used as intended: where, by whom, through which channel, and how much."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from governance.checks import Check, Row, above
from governance.checks._groups import DECISION_ID, REQUEST_ID, columns, decided, grouped, unattributed
from governance.checks._listed import Listing, listed
from governance.checks._references import own_columns
from governance.checks._shares import LISTED, bound_globs, counted, exceeds, globs, observed, told
from governance.engines.duckdb import literal
from governance.findings import Judgement, Observation, Verdict
from governance.measurement.scopes import Scope, subject_of

VOLUME = "per_day"
_TAG = "tags."


class UseIntended(Check):
    """Intended use: whether requests or decisions stay within the population, places, channels and volume declared.

    What is measured: for each field in `within`, the share of the records whose value is none of those declared, with
    its Wilson interval and the values that were seen outside; with `max_per_day`, the largest number of records of one
    day (in the workspace's time zone), with the days above the limit. Records that do not say are counted apart.

    Why it matters: a deployer must use a system as its instructions say (Regulation (EU) 2024/1689, article 26(1)), and
    a model is valid for what it was made and tested for (SS1/23, principle 1.2). Only a log can show actual use.

    Example:
        - id: intended-use
          kind: use-intended
          records: requests
          within:
            region: ["eu-*"]
            operation: [chat]
            tags.channel: [web, branch]
          max_share: 0.001
          max_per_day: 20000
          severity: medium

    Fields:
        records: `requests` or `decisions`.
        within: Field -> globs, case-sensitive, of the values that are intended. A field is a column of the records, a
            protected attribute (of decisions), or `tags.NAME` (of requests).
        max_share: Share outside above which the check fails; exactly on it passes.
        max_per_day: Records of a day above which the check fails; exactly so many pass.

    Each field and the volume are subjects of their own, told apart by `measure`. One record is enough for a verdict,
    unless `minimum_n` says otherwise.

    A failure can mean: a system that other people found useful too; a new market or product that nobody assessed; a
    test that runs in production; or a declaration that is older than the use that was agreed.
    """

    needs: ClassVar[tuple[str, ...]] = ()

    records: Literal["requests", "decisions"] = "requests"
    within: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    max_share: float = Field(default=0.0, ge=0, lt=1)
    max_per_day: int | None = Field(default=None, ge=0)
    minimum_n: int = Field(default=1, ge=1)

    @property
    def table(self) -> str:  # type: ignore[override]  # the field says which records are meant
        """The records that are looked at."""
        return self.records

    @field_validator("within", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {name: (found,) if isinstance(found, str) else found for name, found in value.items()}

    @model_validator(mode="after")
    def _some_bound(self) -> UseIntended:
        if not self.within and self.max_per_day is None:
            raise ValueError("give `within`, `max_per_day` or both")
        for name, values in self.within.items():
            if not values:
                raise ValueError(f"`within` names no value of '{name}'")
            if name == VOLUME or (name.startswith(_TAG) and self.records != "requests"):
                raise ValueError(f"'{name}' is no field of {self.records}")
        return self

    def bound(self, scope: Scope) -> dict[str, Any]:
        own: dict[str, Any] = {}
        for place, patterns in enumerate(self.within.values()):
            own |= bound_globs(f"intended_{place}", patterns)
        return scope.parameters | own | ({} if self.max_per_day is None else {"max_per_day": self.max_per_day})

    def statement(self, scope: Scope) -> str:
        values = "".join(f"{self._field(scope, name)} AS v{place}, " for place, name in enumerate(self.within))
        is_request = self.records == "requests"
        time = "r.start_ts" if is_request else "d.decision_ts"
        parts = []
        if self.within:
            fields = [_outside(place, name, patterns) for place, (name, patterns) in enumerate(self.within.items())]
            parts.append(f"SELECT {_COLUMNS} FROM ({listed(self, fields, 'records', several=True)})")
        if self.max_per_day is not None:
            parts.append(f"SELECT {_COLUMNS} FROM ({self._volumes()})")
        source = f"{scope.requests()} r" if is_request else decided(self._with_fields(), scope)
        return (
            f"WITH records AS NOT MATERIALIZED (SELECT {columns(self, scope)}{values}"
            f"CAST({scope.local(time)} AS DATE) AS local_day, "
            f"{REQUEST_ID if is_request else DECISION_ID} AS id, {time} AS ts FROM {source}) "
            f"{' UNION ALL '.join(parts)} ORDER BY axis, subject"
        )

    def _with_fields(self) -> UseIntended:
        """The same check with its fields as groups, so that protected attributes are joined where one is a field."""
        return self.model_copy(update={"by": (*self.by, *((name,) for name in self.within))})

    def _field(self, scope: Scope, name: str) -> str:
        """SQL of a field.

        Raises:
            UnknownDimensionError: No record carries it.
        """
        if name.startswith(_TAG):
            return f"r.tags[{literal(name.removeprefix(_TAG))}]"
        return f"CAST({scope.dimension(name, self.table)} AS VARCHAR)"

    def _volumes(self) -> str:
        """The busiest day of each group, and the first record of it: an axis that leaves a dimension out sums first."""
        own = own_columns(self)
        daily = f"SELECT {own}local_day, count(*) AS n, min(ts) AS first_ts FROM records GROUP BY ALL"
        figures = (
            f"'{VOLUME}' AS measure, max(n) AS value, CAST(sum(n) AS BIGINT) AS n, CAST(sum(n) AS BIGINT) AS records, "
            "count(*) FILTER (n > $max_per_day) AS marked, arg_max(first_ts, (n, local_day)) AS first_ts, "
            f"arg_max({{'n': n, 'value': strftime(local_day, '%Y-%m-%d')}}, (n, local_day), {LISTED}) "
            "FILTER (n > $max_per_day) AS seen"
        )
        parts, ids = [], []
        for place, axis in enumerate(self.axes):
            only = self.model_copy(update={"by": (axis,) if axis else ()})
            days = (
                f"(SELECT {own_columns(only)}local_day, CAST(sum(n) AS BIGINT) AS n, min(first_ts) AS first_ts "
                "FROM daily GROUP BY ALL)"
            )
            found, firsts = grouped(only, figures, days, measure=VOLUME), "ts, min(id) AS id"
            parts.append(f"SELECT * REPLACE ({place} AS axis) FROM ({found})")
            first = grouped(only, firsts, "firsts", measure=VOLUME, also=["ts"])
            ids.append(f"SELECT * REPLACE ({place} AS axis) FROM ({first})")
        return (
            f"WITH daily AS MATERIALIZED ({daily}), busiest AS MATERIALIZED ({' UNION ALL '.join(parts)}), "
            "firsts AS MATERIALIZED (SELECT * FROM records WHERE ts IN (SELECT first_ts FROM busiest)) "
            f"SELECT b.*, [i.id] AS samples FROM busiest b JOIN ({' UNION ALL '.join(ids)}) i "
            "ON i.axis = b.axis AND i.subject = b.subject AND i.ts = b.first_ts"
        )

    def observe(self, rows: Sequence[Row], scope: Scope) -> list[Observation]:  # noqa: ARG002 - the form of a check
        return [self._volume(row) if row["measure"] == VOLUME else self._share(row) for row in rows]

    def _share(self, row: Row) -> Observation:
        counts = {self.records: row["records"], "outside": row["marked"], "unknown": row["records"] - row["n"]}
        counts["seen"] = counted(row["seen"])
        reason = f"none of the {row['records']} {self.records} says its {row['measure']}" if row["n"] == 0 else None
        return observed(row, "outside_share", counts, reason)

    def _volume(self, row: Row) -> Observation:
        counts = {self.records: row["records"], "days_above": row["marked"], "seen": counted(row["seen"])}
        subject, samples = subject_of(row["subject"]), tuple(row["samples"])
        return Observation(subject, "busiest_day", float(row["value"]), self.records, row["n"], counts, None, samples)

    def limit(self) -> Mapping[str, Any]:
        own: dict[str, Any] = {}
        if self.within:
            own = {"within": {name: list(values) for name, values in self.within.items()}, "max_share": self.max_share}
        return own | ({} if self.max_per_day is None else {"max_per_day": self.max_per_day})

    def judge(self, observation: Observation) -> Judgement:
        counts, n, who = observation.counts, observation.n, unattributed(observation.subject)
        seen = told(counts["seen"])
        if observation.metric == "busiest_day":
            if above(observation.value or 0.0, float(self.max_per_day or 0)):
                days = "1 day" if counts["days_above"] == 1 else f"{counts['days_above']} days"
                said = f"more than {self.max_per_day} {self.records} on {days}: {seen}"
                return Judgement(Verdict.FAILED, f"{who}{said}", self.limit())
            return Judgement(Verdict.PASSED, who or None, self.limit())
        unknown = f"{counts['unknown']} more do not say it" if counts["unknown"] else ""
        if exceeds(counts["outside"], n, self.max_share):
            field = dict(observation.subject)["measure"]
            said = f"{counts['outside']:,} of {n:,} {self.records} have another {field} than declared: {seen}"
            return Judgement(Verdict.FAILED, f"{who}{said}{'; ' if unknown else ''}{unknown}", self.limit())
        return Judgement(Verdict.PASSED, f"{who}{unknown}" or None, self.limit())


def _outside(place: int, name: str, patterns: Sequence[str]) -> Listing:
    outside = f"NOT {globs(f'v{place}', f'intended_{place}', patterns)}"
    return Listing(name, outside, f"CASE WHEN {outside} THEN v{place} END", f"v{place} IS NOT NULL")


_COLUMNS = "axis, subject, measure, value, n, records, marked, samples, seen"
