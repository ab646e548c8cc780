"""Whether requests were served only by permitted models, providers, regions and routes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from pydantic import Field, field_validator, model_validator

from governance.checks import Check, Row
from governance.checks._groups import REQUEST_ID, columns, unattributed
from governance.checks._listed import Listing, listed
from governance.checks._shares import bound_globs, counted, exceeds, globs, observed, told
from governance.findings import Judgement, Observation, Verdict
from governance.measurement.scopes import Scope

_COLUMNS = {"models": "model_served", "providers": "provider", "regions": "region", "routes": "route_name"}
SUBSTITUTED = "substituted"


class Routing(Check):
    """Routing: whether requests were served only by permitted models, providers, regions and routes.

    What is measured: for each list that is given, the share of requests that were served outside it, with its Wilson
    interval; with `max_substituted`, the share of requests that another model answered than the one that was asked for.
    A model that was asked for by a general name and answered by a dated or tagged version of it (`m` and `m-2026-05-01`
    or `m:latest`) is the same; a provider's name before a slash is left out. Requests that do not say where they were
    served are counted apart.

    Why it matters: data may go only to the providers and regions that the contracts and the transfer rules allow
    (Regulation (EU) 2016/679, articles 28(3) and 44; Regulation (EU) 2022/2554, article 28(3)), and a system was
    approved with the models that it was tested with.

    Example:
        - id: permitted-routes
          kind: resilience-routing
          models: ["mistral-*"]
          providers: [mistral]
          regions: ["eu-*"]
          severity: high

    Fields:
        models: Globs, case-sensitive, of the models that may serve.
        providers: The same of providers.
        regions: The same of regions.
        routes: The same of route names.
        max_share: Share outside a list above which the check fails; exactly on it passes.
        max_substituted: Share of requests answered by another model than was asked for, above which the check fails;
            exactly on it passes.

    With several lists there is a finding for each, told apart by `measure`. One request is enough for a verdict, unless
    `minimum_n` says otherwise. The policy must apply to whatever may serve: one that applies to `model: "mistral-*"`
    does not see what another model answered.

    A failure can mean: a fallback to a provider that nobody approved; a gateway with a default that leads elsewhere; a
    key of a developer in production; or a name that the list spells in another way than the log.
    """

    table: ClassVar[str] = "requests"
    needs: ClassVar[tuple[str, ...]] = ("requests.model_served|requests.provider|requests.region|requests.route_name",)

    models: tuple[str, ...] = ()
    providers: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    routes: tuple[str, ...] = ()
    max_share: float = Field(default=0.0, ge=0, lt=1)
    max_substituted: float | None = Field(default=None, ge=0, lt=1)
    minimum_n: int = Field(default=1, ge=1)

    @field_validator("models", "providers", "regions", "routes", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _something(self) -> Routing:
        if not self._lists() and self.max_substituted is None:
            raise ValueError("give `models`, `providers`, `regions`, `routes` or `max_substituted`")
        return self

    def _lists(self) -> dict[str, tuple[str, ...]]:
        named = {"models": self.models, "providers": self.providers, "regions": self.regions, "routes": self.routes}
        return {name: patterns for name, patterns in named.items() if patterns}

    def bound(self, scope: Scope) -> dict[str, Any]:
        own: dict[str, str] = {}
        for name, patterns in self._lists().items():
            own |= bound_globs(f"permitted_{name}", patterns)
        return scope.parameters | own

    def statement(self, scope: Scope) -> str:
        measures = []
        for name, patterns in self._lists().items():
            column = _COLUMNS[name]
            outside = f"NOT {globs(column, f'permitted_{name}', patterns)}"
            seen = f"CASE WHEN {outside} THEN {column} END"
            measures.append(Listing(name, outside, seen, f"{column} IS NOT NULL"))
        if self.max_substituted is not None:
            seen = "CASE WHEN is_other THEN model_requested || ' -> ' || model_served END"
            measures.append(Listing(SUBSTITUTED, "is_other", seen, "is_other IS NOT NULL"))
        bare = "regexp_replace({}, '^.*/', '')"
        asked, served = bare.format("r.model_requested"), bare.format("r.model_served")
        same = f"{served} = {asked} OR regexp_full_match(substring({served}, length({asked}) + 1), '[-@:].*')"
        return (
            f"WITH served AS NOT MATERIALIZED (SELECT {columns(self, scope)}r.model_requested, "
            f"{', '.join(_COLUMNS.values())}, "
            f"NOT (starts_with({served}, {asked}) AND ({same})) AS is_other, {REQUEST_ID} AS id, r.start_ts AS ts "
            f"FROM {scope.requests()} r) {listed(self, measures, 'served')} ORDER BY axis, subject"
        )

    def observe(self, rows: Sequence[Row], scope: Scope) -> list[Observation]:  # noqa: ARG002 - the form of a check
        return [self._observation(row) for row in rows]

    def _observation(self, row: Row) -> Observation:
        is_substituted = row["measure"] == SUBSTITUTED
        metric = "substituted_share" if is_substituted else f"{row['measure']}_outside_share"
        counts = {"requests": row["records"], "outside": row["marked"], "unknown": row["records"] - row["n"]}
        counts["seen"] = counted(row["seen"])
        reason = None
        if row["n"] == 0:
            what = "model that was asked for and the one that answered" if is_substituted else _SINGULAR[row["measure"]]
            reason = f"none of the {row['records']} requests names the {what}"
        return observed(row, metric, counts, reason)

    def limit(self) -> Mapping[str, Any]:
        own: dict[str, Any] = {name: list(patterns) for name, patterns in self._lists().items()}
        if own:
            own["max_share"] = self.max_share
        return own | ({} if self.max_substituted is None else {"max_substituted": self.max_substituted})

    def judge(self, observation: Observation) -> Judgement:
        counts, n, who = observation.counts, observation.n, unattributed(observation.subject)
        is_substituted = observation.metric == "substituted_share"
        limit = (self.max_substituted or 0.0) if is_substituted else self.max_share
        unknown = f"{counts['unknown']} more do not say it" if counts["unknown"] else ""
        if exceeds(counts["outside"], n, limit):
            what = "answered by another model than was asked for" if is_substituted else "served outside the list"
            said = f"{counts['outside']:,} of {n:,} requests were {what}: {told(counts['seen'])}"
            return Judgement(Verdict.FAILED, f"{who}{said}{'; ' if unknown else ''}{unknown}", self.limit())
        return Judgement(Verdict.PASSED, f"{who}{unknown}" or None, self.limit())


_SINGULAR = {
    "models": "model that served it",
    "providers": "provider that served it",
    "regions": "region that served it",
    "routes": "route that was taken",
}
