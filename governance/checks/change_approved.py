"""Whether only approved versions of models and prompts were in use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from pydantic import Field, model_validator

from governance.checks import Check, Row
from governance.checks._groups import REQUEST_ID, columns, unattributed
from governance.checks._listed import Listing, listed
from governance.checks._shares import counted, exceeds, observed, told
from governance.findings import Judgement, Observation, Verdict
from governance.measurement.scopes import Scope

MODEL, PROMPT = "model", "prompt"
_STATES = ("unregistered", "unapproved", "too_early")


class ChangeApproved(Check):
    """Change control: whether every request was served by a version that a person had approved before.

    What is measured: the share of requests that a version served which was not registered, not approved by anybody, not
    yet approved when the request began, or not yet valid; with its Wilson interval. A version is found by name and
    version as the log gives them; where the log gives no version, by the name, if one version only is registered under
    it. With `prompts`, a second figure: the share of requests with a prompt version that the policy does not list.
    Requests that do not say which model or prompt version served them are counted apart.

    Why it matters: a change that nobody approved is the commonest cause of what goes wrong (SR 26-2 on change control;
    Regulation (EU) 2024/1689, article 17(1)(a) on the management of modifications); only the log shows what was really
    served.

    Example:
        - id: approved-versions
          kind: change-approved
          prompts: {triage: ["3", "4"]}
          severity: high

    Fields:
        models: Whether models are looked at; `false` for a policy about prompts alone.
        prompts: Name of a prompt -> the versions that may be used. A prompt that is not named here may not.
        max_share: Share of requests above which the check fails; exactly on it passes.

    With prompts and models there are two findings for each group, told apart by `measure`. One request is enough for a
    verdict, unless `minimum_n` says otherwise. An approval in a card holds from the beginning of its day (UTC), one by
    `governance model approve` from its moment.

    A failure can mean: a deployment that went around the approval; a provider that moved an alias to a new version; a
    version that is registered under another name than the log uses; or an approval that was entered too late.
    """

    table: ClassVar[str] = "requests"
    needs: ClassVar[tuple[str, ...]] = ("requests.model_served|requests.model_requested|requests.prompt_name",)

    models: bool = True
    prompts: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    max_share: float = Field(default=0.0, ge=0, lt=1)
    minimum_n: int = Field(default=1, ge=1)

    @model_validator(mode="after")
    def _something(self) -> ChangeApproved:
        if not self.models and not self.prompts:
            raise ValueError("name the `prompts` that may be used, or leave `models` on")
        return self

    def bound(self, scope: Scope) -> dict[str, Any]:
        allowed = [f"{name}\n{version}" for name, versions in self.prompts.items() for version in versions]
        return scope.parameters | {"allowed_prompts": allowed}

    def statement(self, scope: Scope) -> str:
        measures = []
        if self.models:
            each = tuple((name, f"count(*) FILTER (state = '{name}')") for name in _STATES)
            found = "CASE WHEN state <> 'approved' THEN served END"
            measures.append(Listing(MODEL, "state <> 'approved'", found, "state <> 'unknown'", each))
        if self.prompts:
            found = "CASE WHEN NOT prompt_allowed THEN prompt END"
            measures.append(Listing(PROMPT, "NOT prompt_allowed", found, "prompt IS NOT NULL"))
        sole = "SELECT model, min(version) AS version FROM models GROUP BY model HAVING min(version) = max(version)"
        registered = (
            "SELECT model, version, min(approved_ts) AS approved_ts, min(valid_from) AS valid_from "
            "FROM models GROUP BY model, version"
        )
        allowed = "list_contains($allowed_prompts, r.prompt_name || chr(10) || coalesce(r.prompt_version, ''))"
        return (
            f"WITH sole AS ({sole}), registered AS ({registered}), "
            f"served AS NOT MATERIALIZED (SELECT {columns(self, scope)}"
            "coalesce(r.model_served, r.model_requested) AS model, r.model_version AS version, "
            "r.prompt_name || coalesce(' ' || r.prompt_version, '') AS prompt, "
            f"{allowed if self.prompts else 'true'} AS prompt_allowed, {REQUEST_ID} AS id, r.start_ts AS ts "
            f"FROM {scope.requests()} r), "
            "judged AS NOT MATERIALIZED (SELECT s.*, s.model || coalesce(' ' || s.version, '') AS served, "
            "CASE WHEN s.model IS NULL OR (s.version IS NULL AND o.version IS NULL AND k.models > 0) THEN 'unknown' "
            "WHEN m.model IS NULL THEN 'unregistered' WHEN m.approved_ts IS NULL THEN 'unapproved' "
            "WHEN m.approved_ts > s.ts OR m.valid_from > s.ts THEN 'too_early' ELSE 'approved' END AS state "
            "FROM served s LEFT JOIN sole o ON o.model = s.model AND s.version IS NULL "
            "LEFT JOIN (SELECT model, count(*) AS models FROM registered GROUP BY model) k ON k.model = s.model "
            "LEFT JOIN registered m ON m.model = s.model AND m.version = coalesce(s.version, o.version)) "
            f"{listed(self, measures, 'judged')} ORDER BY axis, subject"
        )

    def observe(self, rows: Sequence[Row], scope: Scope) -> list[Observation]:  # noqa: ARG002 - the form of a check
        return [self._observation(row) for row in rows]

    def _observation(self, row: Row) -> Observation:
        counts: dict[str, Any] = {"requests": row["records"], "not_approved": row["marked"]}
        counts["unknown"] = row["records"] - row["n"]
        if row["measure"] == MODEL:
            counts |= {name: row[name] for name in _STATES}
        counts["versions"] = counted(row["seen"])
        reason = None
        if row["n"] == 0:
            what = "version of a model" if row["measure"] == MODEL else "prompt"
            reason = f"none of the {row['records']} requests says which {what} served it"
        return observed(row, f"unapproved_{row['measure']}_share", counts, reason)

    def limit(self) -> Mapping[str, Any]:
        prompts = {name: list(versions) for name, versions in self.prompts.items()}
        return {"max_share": self.max_share} | ({"prompts": prompts} if prompts else {})

    def judge(self, observation: Observation) -> Judgement:
        counts, n, who = observation.counts, observation.n, unattributed(observation.subject)
        unknown = f"; {counts['unknown']} more do not say which version" if counts["unknown"] else ""
        if exceeds(counts["not_approved"], n, self.max_share):
            causes = {
                "not registered": "unregistered",
                "not approved": "unapproved",
                "before the approval": "too_early",
            }
            said = ", ".join(f"{counts[key]} {cause}" for cause, key in causes.items() if counts.get(key))
            why = f" ({said})" if said else ""
            reason = f"{who}{counts['not_approved']:,} of {n:,} requests{why}: {told(counts['versions'])}{unknown}"
            return Judgement(Verdict.FAILED, reason, self.limit())
        return Judgement(Verdict.PASSED, f"{who}{unknown.removeprefix('; ')}" or None, self.limit())
