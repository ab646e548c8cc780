"""What became of findings: stored findings and the responses in the ledger -> issues, each open, answered or resolved.

1. A finding calls for action if it failed, warned or errored. Runs of one check on the same subject, figure and window
   are one issue: its first run says since when it is known and when it is due, so that a new run postpones nothing.
2. The newest run of a check in a window speaks for it. An issue that it no longer finds is superseded.
3. A response belongs to the issue, whichever of its runs it was given to. The last one counts: a resolution makes the
   issue resolved, any other makes it answered.
4. What is compared over time is the same figure of the same subject in other periods: other parts of the calendar where
   the check has `per`, else other windows (one is earlier that began before, or ended before).
5. An issue without a resolution is cleared if the last later period that was judged passed, unless somebody answered it
   after that was judged. Nobody said that it is settled, but it is no longer found; what was found stays as it is.
6. An issue that is neither answered nor cleared is recurring if an earlier period called for action, else open.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from itertools import pairwise
from typing import Any

from governance.engines.duckdb import Engine
from governance.errors import GovernanceError, NotFoundError
from governance.findings import Window
from governance.history.periods import ACUTE, Timeline, period, without_part
from governance.history.responses import RESPONSE, Response, responses
from governance.moments import stamp
from governance.storage.store import Snapshot, Store
from governance.workspace import Workspace

MAX_TEXT = 10_000  # characters; chosen here: an answer, not a file
_COLUMNS = (
    "finding_id, run_id, assessed_ts, window_start, window_end, policy, version, check_id, kind, subject, metric, "
    "value, unit, interval_low, interval_high, n, limits, verdict, reason, severity, owner, due, controls, "
    "json_extract_string(evidence, '$.method') AS method"
)

Row = Mapping[str, Any]


class Status(StrEnum):
    """Where an issue stands."""

    OPEN = "open"
    RECURRING = "recurring"
    ANSWERED = "answered"
    RESOLVED = "resolved"
    CLEARED = "cleared"
    SUPERSEDED = "superseded"


@dataclass(frozen=True, slots=True)
class Change:
    """Two runs of a check whose figures were computed in different ways."""

    before: str  # method
    after: str
    at: str  # when the first run of the new method was judged, UTC


@dataclass(frozen=True, slots=True)
class Issue:
    """One thing that somebody must act on.

    Attributes:
        row: The newest stored finding of it.
        status: Where it stands.
        first: When it was first judged, UTC.
        due: The day by which it must be answered: that of the first run.
        responses: What was said about it, oldest first.
        earlier: Findings on the same subject in earlier periods that called for action, one for each, oldest first.
        cleared: The finding of the last later period that was judged, if it passed.
        changes: Where the method changed between runs of the check on this subject, oldest first.
    """

    row: Row
    status: Status
    first: str
    due: date | None
    responses: tuple[Response, ...]
    earlier: tuple[Row, ...]
    cleared: Row | None
    changes: tuple[Change, ...]

    def age_days(self, today: date) -> int:
        """Days since it was first judged."""
        return (today - datetime.fromisoformat(self.first).date()).days

    def is_late(self, today: date) -> bool:
        """Whether its due day has passed and somebody must still act."""
        return self.due is not None and self.due < today and not self.is_over

    @property
    def is_over(self) -> bool:
        """Whether nobody need act on it any more."""
        return self.status in (Status.RESOLVED, Status.CLEARED, Status.SUPERSEDED)


class History:
    """The findings and responses of a store, as of a number of ledger entries."""

    def __init__(self, snapshot: Snapshot, engine: Engine) -> None:
        """Reads both.

        Args:
            snapshot: The state of the store.
            engine: One in which the view `findings` is attached.
        """
        order = {entry.facts["run"]: entry.number for entry in snapshot.of_kind("findings")}
        rows = engine.records(f"SELECT {_COLUMNS} FROM findings ORDER BY finding_id")
        rows.sort(key=lambda row: order[row["run_id"]])
        self._by_id: dict[str, Row] = {row["finding_id"]: row for row in rows}
        self._runs: dict[tuple[Any, ...], list[Row]] = {}
        self._series: dict[tuple[Any, ...], list[Row]] = {}
        self._newest: dict[tuple[Any, ...], str] = {}
        for row in rows:
            self._runs.setdefault(_issue_key(row), []).append(row)
            self._series.setdefault(_series_key(row), []).append(row)
            self._newest[_window_key(row)] = row["run_id"]
        self._timelines: dict[tuple[Any, ...], Timeline] = {}
        self._responses: dict[tuple[Any, ...], list[Response]] = {}
        for response in responses(snapshot):
            if response.finding_id in self._by_id:
                key = _issue_key(self._by_id[response.finding_id])
                self._responses.setdefault(key, []).append(response)

    def issues(self) -> list[Issue]:
        """Every issue that the newest runs found, the first to be due first."""
        newest = [rows[-1] for rows in self._runs.values() if self._is_current(rows[-1])]
        found = [self._issue(row) for row in newest if row["verdict"] in ACUTE]
        return sorted(found, key=lambda one: (one.due or date.max, one.row["policy"], one.row["finding_id"]))

    def within(self, window: Window) -> list[Row]:
        """The findings of every window that lies in this one, of each check and window those of the newest run."""
        bounds = stamp(window.start), stamp(window.end)
        rows = self._by_id.values()
        return [
            row
            for row in rows
            if self._is_current(row) and bounds[0] <= row["window_start"] and row["window_end"] <= bounds[1]
        ]

    def issue(self, finding_id: str) -> Issue:
        """The issue of one finding, which may have any verdict.

        Args:
            finding_id: Its id, or the beginning of it.

        Raises:
            NotFoundError: There is none, or there are several.
        """
        return self._issue(self._by_id[self.find(finding_id)])

    def find(self, beginning: str) -> str:
        """The one id that begins so.

        Raises:
            NotFoundError: There is none, or there are several.
        """
        if beginning in self._by_id:
            return beginning
        found = [name for name in self._by_id if name.startswith(beginning.lower())] if beginning else []
        if not found:
            hint = "`governance finding list` names them"
            raise NotFoundError(f"no finding has an id that begins with '{beginning}'", where="ID", hint=hint)
        if len(found) > 1:
            listed = ", ".join(name[: len(beginning) + 6] for name in sorted(found)[:8])
            more = f" and {len(found) - 8} more" if len(found) > 8 else ""  # noqa: PLR2004 - enough to choose from
            raise NotFoundError(f"{len(found)} findings have ids that begin so: {listed}{more}", where="ID")
        return found[0]

    def _is_current(self, row: Row) -> bool:
        return bool(self._newest[_window_key(row)] == row["run_id"])

    def _issue(self, row: Row) -> Issue:
        runs = [one for one in self._runs[_issue_key(row)] if one["verdict"] in ACUTE] or [row]
        series = self._series[_series_key(row)]
        earlier, cleared = self._timeline(_series_key(row)).around(period(row))
        said = self._responses.get(_issue_key(row), [])
        first = runs[0]
        return Issue(
            row,
            self._status(row, said, earlier, cleared),
            first["assessed_ts"],
            date.fromisoformat(first["due"]) if first["due"] else None,
            tuple(said),
            tuple(earlier),
            cleared,
            tuple(_changes(series)),
        )

    def _timeline(self, series: tuple[Any, ...]) -> Timeline:
        """The newest findings of a series; made once, as a series of hours is long."""
        if series not in self._timelines:
            self._timelines[series] = Timeline([one for one in self._series[series] if self._is_current(one)])
        return self._timelines[series]

    def _status(self, row: Row, said: Sequence[Response], earlier: Sequence[Row], cleared: Row | None) -> Status:
        if not self._is_current(row) and not self._found_again(row):
            return Status.SUPERSEDED
        if said and said[-1].resolves:
            return Status.RESOLVED
        if cleared is not None and not (said and said[-1].at > cleared["assessed_ts"]):
            return Status.CLEARED
        if said:
            return Status.ANSWERED
        return Status.RECURRING if earlier else Status.OPEN

    def _found_again(self, row: Row) -> bool:
        last = self._runs[_issue_key(row)][-1]
        return self._is_current(last) and last["verdict"] in ACUTE


def _issue_key(row: Row) -> tuple[Any, ...]:
    return (*_series_key(row), row["subject"], row["window_start"], row["window_end"])


def _series_key(row: Row) -> tuple[Any, ...]:
    return row["policy"], row["check_id"], without_part(row["subject"]), row["metric"]


def _window_key(row: Row) -> tuple[Any, ...]:
    return row["policy"], row["check_id"], row["window_start"], row["window_end"]


def _changes(series: Sequence[Row]) -> list[Change]:
    """Where one run of the check was computed in another way than the run before it."""
    return [
        Change(a["method"], b["method"], b["assessed_ts"]) for a, b in pairwise(series) if a["method"] != b["method"]
    ]


def read_history(workspace: Workspace, *, as_of: int | None = None) -> History:
    """The findings and responses of a workspace.

    Raises:
        NotFoundError: The ledger does not have that many entries.
    """
    store = Store(workspace.store)
    snapshot = store.snapshot(as_of)
    with Engine(store.spill) as engine:
        snapshot.attach(engine, ["findings"])
        return History(snapshot, engine)


def respond(workspace: Workspace, finding_id: str, *, by: str, text: str, resolves: bool, now: datetime) -> Issue:
    """Enters what a person says about a finding into the ledger.

    Args:
        workspace: Where the finding is.
        finding_id: Its id, or the beginning of it.
        by: Who says it.
        text: What.
        resolves: Whether the matter is settled by it.
        now: When.

    Returns:
        The issue with the response.

    Raises:
        NotFoundError: There is no such finding, or there are several.
        GovernanceError: The finding calls for no action, or name or text are empty or too long.
        BusyError: Another process is writing.
    """
    name, said = by.strip(), text.strip()
    if not name or not said or len(said) > MAX_TEXT or len(name) > MAX_TEXT:
        where = "--by" if not name or len(name) > MAX_TEXT else "--text"
        raise GovernanceError(f"the response needs a name and a text of at most {MAX_TEXT:,} characters", where=where)
    row = read_history(workspace).issue(finding_id).row
    if row["verdict"] not in ACUTE:
        hint = "only what failed, warned or errored is answered"
        raise GovernanceError(f"the finding is {row['verdict'].replace('_', ' ')}", where=row["finding_id"], hint=hint)
    facts = {
        "finding": row["finding_id"],
        "policy": row["policy"],
        "check": row["check_id"],
        "by": name,
        "text": said,
        "resolves": resolves,
    }
    with Store(workspace.store).writing(workspace.key, now) as writer:
        writer.commit(RESPONSE, facts, at=stamp(now))
    return read_history(workspace).issue(row["finding_id"])


def subject(row: Row) -> dict[str, str | None]:
    """What a stored finding is about."""
    found: dict[str, str | None] = json.loads(row["subject"])
    return found
