"""Policies on one state of the tables -> findings: each check is measured in the engine, judged, and waived."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from governance.checks import Check, Measurement
from governance.engines.duckdb import Engine, EngineError
from governance.engines.gate import refusal
from governance.errors import MissingExtraError, Mistake, PolicyError, nearest
from governance.findings import Evidence, Finding, Judgement, Observation, Subject, Verdict, Window
from governance.measurement.emptiness import why_none
from governance.measurement.scopes import Scope, UnknownDimensionError
from governance.policies.policy import Policy, due_date
from governance.progress import Say, unheard
from governance.tables import CANONICAL

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Ground:
    """What figures are computed from.

    Attributes:
        columns: View -> its columns.
        timezone: Zone in which days begin.
        fiscal_year_start_month: Month in which the first quarter of a year begins.
        store: Folder of the store, for checks that look at its files.
        size: Ledger entries.
        root: Root of the tree over them, hex.
        views_sha256: Digest of the script that creates the views.
    """

    columns: Mapping[str, Sequence[str]]
    timezone: str = "UTC"
    fiscal_year_start_month: int = 1
    store: Path | None = None
    size: int = 0
    root: str = ""
    views_sha256: str = ""


class Examination:
    """Checks that run on one ground in one window; each run has an id of its own."""

    def __init__(
        self, engine: Engine, ground: Ground, window: Window, now: datetime, run_id: str, say: Say = unheard
    ) -> None:
        self.engine = engine
        self.ground = ground
        self.window = window
        self.now = now
        self.run_id = run_id
        self.say = say

    def policy(self, policy: Policy) -> Iterator[Finding]:
        """The findings of one version, in the part of the window in which it is in force."""
        window = self.window.clip(*policy.in_force(self.ground.timezone))
        if window is None or window.start >= self.now:
            return
        for place, check in enumerate(policy.checks, 1):
            self.say(f"{policy.name} {place}/{len(policy.checks)} {check.id}")
            yield from self.check(policy, check, window)

    def check(self, policy: Policy, check: Check, window: Window) -> Iterator[Finding]:
        """The findings of one check; whatever stops it is a finding too."""
        # What has not happened yet is no silence, and no missing review
        scope = self._scope(policy, check, window.clip(None, self.now) or window)
        measured, reason, verdict = None, None, Verdict.NOT_ASSESSED
        try:
            measured = check.measure(self.engine, scope)
        except UnknownDimensionError as error:
            reason = f"no record carries '{error.name}'; {self._where_from(check, error.name)}"
        except MissingExtraError as error:
            verdict, reason = Verdict.ERRORED, f"{error.what}; {error.hint}"
        except EngineError as error:
            log.debug("check %s could not run", check.id, exc_info=True)
            verdict, reason = Verdict.ERRORED, f"the measurement could not run: {error}"
        if measured is None or not measured.observations:
            reason = reason or self._why_nothing(check, scope)
            nothing = Observation((), "records", None, "records", 0, reason=reason)
            yield self._finding(policy, check, window, measured, nothing, Judgement(verdict, reason, check.limit()))
            return
        for observation in measured.observations:
            yield self._finding(policy, check, window, measured, observation, check.verdict(observation))

    def _scope(self, policy: Policy, check: Check, window: Window) -> Scope:
        applies = policy.head.applies_to
        predicates = [text for text in (applies.where, check.where) if text]
        for text in predicates:
            refused = refusal(self.engine, text)
            if refused:
                raise PolicyError(
                    [Mistake(f"{policy.path}: {check.id}: where", f"the predicate is refused: {refused}")]
                )
        return Scope(
            window,
            {
                "model": applies.model,
                "operation": applies.operation,
                "business_unit": applies.business_unit,
                "environment": applies.environment,
            },
            tuple(f"({text})" for text in predicates),
            policy.head.favourable,
            self.ground.timezone,
            self.ground.columns,
            fiscal_year_start_month=self.ground.fiscal_year_start_month,
            store=self.ground.store,
        )

    def _why_nothing(self, check: Check, scope: Scope) -> str:
        """The first thing that is missing: records at all, or a column that the kind needs."""
        if check.why_nothing is not None:
            return check.why_nothing
        relation = scope.requests() if check.table == "requests" else scope.decisions()
        total = self.engine.value(f"SELECT count(*) FROM {relation}", scope.parameters)
        if not total:
            return why_none(self.engine, scope, check.table)
        for needed in check.needs:
            if not any(self._is_filled(column, scope) for column in needed.split("|")):
                either = needed.replace("|", " or ")
                return f"{total:,} {check.table}, but {either} is empty; no source that was ingested fills it"
        return f"{total:,} {check.table}, but none that the check can measure"

    def _where_from(self, check: Check, name: str) -> str:
        """What to do about a group that no record carries: one that is spelt like it, or a mapping."""
        known = CANONICAL["requests"].names if check.table == "requests" else self.ground.columns.get("subjects", ())
        return nearest(name, known) or "map it as a column or under `subjects:`"

    def _is_filled(self, needed: str, scope: Scope) -> bool:
        """Whether a column of the records in scope, or a table that joins them, holds anything."""
        table, _, column = needed.partition(".")
        if table in ("requests", "decisions"):
            where = scope.requests() if table == "requests" else scope.decisions()
            return bool(self.engine.value(f"SELECT count({column}) FROM {where}", scope.parameters))
        return table in self.ground.columns and bool(self.engine.value(f"SELECT count(*) FROM {table}"))

    def _finding(
        self,
        policy: Policy,
        check: Check,
        window: Window,
        measured: Measurement | None,
        observation: Observation,
        judgement: Judgement,
    ) -> Finding:
        judged = _waived(policy, check, window, observation.subject, judgement)
        open_ = judged.verdict in (Verdict.FAILED, Verdict.WARNED, Verdict.ERRORED)
        sql = ((measured.sql_of or {}).get(observation.subject) or measured.sql) if measured else ""
        evidence = Evidence(
            sql,
            {name: value for name, value in (measured.parameters if measured else {}).items() if f"${name}" in sql},
            self.ground.views_sha256,
            type(check).method(),
            observation.samples,
            self.ground.size,
            self.ground.root,
        )
        identity = [self.run_id, policy.name, policy.version, check.id, json.dumps(dict(observation.subject))]
        return Finding(
            hashlib.sha256("|".join([*identity, observation.metric]).encode()).hexdigest()[:32],
            window,
            policy.name,
            policy.version,
            policy.sha256,
            check.id,
            check.kind,
            observation,
            judged,
            check.severity,
            check.owner or policy.head.owner,
            due_date(check, self.now) if open_ else None,
            check.controls,
            evidence,
        )


def _waived(policy: Policy, check: Check, window: Window, subject: Subject, judgement: Judgement) -> Judgement:
    """The judgement, or the waiver that excepts it: one that holds to the last day of what was measured.

    A failure that a waiver no longer excepts stays one, and its reason says so.
    """
    if judgement.verdict not in (Verdict.FAILED, Verdict.WARNED):
        return judgement
    last_day = (window.end - timedelta(microseconds=1)).date()
    matching = [waiver for waiver in policy.head.waivers if waiver.matches(check.id, subject)]
    for waiver in matching:
        if waiver.covers(check.id, subject, last_day):
            excepted = f"waived by {waiver.approved_by} until {waiver.until}: {waiver.reason}"
            return Judgement(Verdict.WAIVED, f"{excepted} ({judgement.reason})", judgement.limit)
    if matching:
        last = max(matching, key=lambda waiver: waiver.until)
        expired = f"the waiver by {last.approved_by} expired on {last.until}"
        return Judgement(judgement.verdict, f"{judgement.reason}; {expired}", judgement.limit)
    return judgement
