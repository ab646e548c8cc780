"""What a check says: a window, what was observed in it, and what was found."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from governance.errors import GovernanceError

JSON = Any

if TYPE_CHECKING:
    from collections.abc import Mapping

Subject = tuple[tuple[str, str | None], ...]


class Verdict(StrEnum):
    """The six verdicts, never mixed; absence of evidence is `NOT_ASSESSED`, never `PASSED`."""

    PASSED = "passed"
    FAILED = "failed"
    WARNED = "warned"
    NOT_ASSESSED = "not_assessed"
    ERRORED = "errored"
    WAIVED = "waived"


@dataclass(frozen=True, slots=True)
class Window:
    """A half-open stretch of time, `start <= t < end`, in UTC.

    Attributes:
        start: First moment.
        end: First moment after it.
        name: As the user wrote it.
        timezone: Zone in which its days begin.
    """

    start: datetime
    end: datetime
    name: str
    timezone: str = "UTC"

    def clip(self, start: datetime | None, end: datetime | None) -> Window | None:
        """The part that lies between two moments, or None if there is none."""
        first = max(self.start, start) if start else self.start
        last = min(self.end, end) if end else self.end
        return Window(first, last, self.name, self.timezone) if first < last else None

    def previous(self) -> Window:
        """The stretch before: the calendar quarter, month or day for those, else one of equal length."""
        local = self.start.astimezone(ZoneInfo(self.timezone)).replace(tzinfo=None)
        is_whole = (local.day, local.time()) == (1, time())  # and not what a policy's first day left of it
        if is_whole and (quarter := re.fullmatch(r"(\d{4})-Q([1-4])", self.name)):
            year, number = int(quarter[1]), int(quarter[2])
            name = f"{year - 1}-Q4" if number == 1 else f"{year}-Q{number - 1}"
            start = _shift(local, -3)
        elif is_whole and re.fullmatch(r"\d{4}-\d{2}", self.name):
            start = _shift(local, -1)
            name = f"{start:%Y-%m}"
        elif re.fullmatch(r"\d{4}-\d{2}-\d{2}", self.name):
            start = local - timedelta(days=1)
            name = f"{start:%Y-%m-%d}"
        else:
            return Window(self.start - (self.end - self.start), self.start, f"before {self.name}", self.timezone)
        return Window(_utc(start, ZoneInfo(self.timezone)), self.start, name, self.timezone)


def _utc(local: datetime, zone: ZoneInfo) -> datetime:
    return local.replace(tzinfo=zone).astimezone(UTC)


_FORMS = "2026-Q3, 2026-07, 2026-07-15, 2026-07-01..2026-10-01, last-30d, last-1h or last-quarter"


def parse_window(text: str, *, now: datetime, timezone: str = "UTC", fiscal_start_month: int = 1) -> Window:
    """The window that a user named.

    Args:
        text: `2026-Q3`, `2026-07`, `2026-07-15`, `2026-07-01..2026-10-01` (half-open), `last-30d` (whole days up to
            last midnight), `last-1h`, `last-quarter`.
        now: Timezone-aware; only the `last-...` forms look at it.
        timezone: Name of the zone in which days begin.
        fiscal_start_month: Month (1 to 12) in which the first quarter of a fiscal year begins; `2026-Q1` is the quarter
            that begins in that month of 2026.

    Raises:
        GovernanceError: The text names no window, or an empty one.
    """
    if not is_timezone(timezone):
        raise GovernanceError(
            f"no time zone is called '{timezone}'", where="governance.toml: timezone", hint="use a name such as UTC"
        )
    zone = ZoneInfo(timezone)
    try:
        start, end = _bounds(text.strip(), now, zone, fiscal_start_month)
    except (ValueError, OverflowError) as error:
        hint = _other_case(text.strip(), now, zone, fiscal_start_month) or f"use {_FORMS}"
        raise GovernanceError(f"'{text}' is not a window", where="--window", hint=hint) from error
    window = Window(start, end, text.strip(), timezone)
    if window.start >= window.end:
        raise GovernanceError(
            f"the window '{text}' is empty", where="--window", hint="its end must lie after its start"
        )
    return window


def _other_case(text: str, now: datetime, zone: ZoneInfo, fiscal_start_month: int) -> str | None:
    """Hint for a window that is one in other letters, such as 2026-q3 or Last-30d."""
    for other in (text.upper(), text.lower()):
        try:
            _bounds(other, now, zone, fiscal_start_month)
        except (ValueError, OverflowError):
            continue
        return f"did you mean '{other}'?"
    return None


def is_timezone(name: str) -> bool:
    """Whether a time zone has this name."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def _bounds(text: str, now: datetime, zone: ZoneInfo, fiscal_start: int) -> tuple[datetime, datetime]:
    """Start and end in UTC."""
    if last := re.fullmatch(r"last-(\d{1,5})([hm])", text):
        unit = {"h": timedelta(hours=1), "m": timedelta(minutes=1)}[last[2]]
        end = now.astimezone(UTC)  # an hour is an hour, also when the clocks change
        return end - int(last[1]) * unit, end
    start, end = _calendar(text, now.astimezone(zone).date(), fiscal_start)
    return _utc(start, zone), _utc(end, zone)


def _calendar(text: str, today: date, fiscal_start: int) -> tuple[datetime, datetime]:
    """Start and end as the clocks on the wall show them."""
    midnight = datetime.combine(today, time())
    if quarter := re.fullmatch(r"(\d{4})-Q([1-4])", text):
        return _quarter(int(quarter[1]), int(quarter[2]), fiscal_start)
    if text == "last-quarter":
        this = _shift(midnight.replace(day=1), -((today.month - fiscal_start) % 3))
        return _shift(this, -3), this
    if last := re.fullmatch(r"last-(\d{1,5})d", text):
        return midnight - timedelta(days=int(last[1])), midnight
    if re.fullmatch(r"\d{4}-\d{2}", text):
        first = datetime.strptime(text, "%Y-%m")  # noqa: DTZ007
        return first, _shift(first, 1)
    if ".." in text:
        since, until = text.split("..", 1)
        return _moment(since), _moment(until)
    start = datetime.combine(date.fromisoformat(text), time())
    return start, start + timedelta(days=1)


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is not None:
        raise ValueError(text)
    return moment


def _quarter(year: int, number: int, fiscal_start: int) -> tuple[datetime, datetime]:
    first = _shift(datetime(year, 1, 1), fiscal_start - 1 + 3 * (number - 1))  # noqa: DTZ001
    return first, _shift(first, 3)


def _shift(first: datetime, months: int) -> datetime:
    index = first.year * 12 + first.month - 1 + months
    return first.replace(year=index // 12, month=index % 12 + 1)


@dataclass(frozen=True, slots=True)
class Observation:
    """A measured fact about one subject, not yet judged.

    Attributes:
        subject: Names and values that say what was measured, such as (("sex", "female"),).
        metric: Name of the figure.
        value: The figure, or None with a `reason`.
        unit: Unit of the figure: share (0..1), usd, ms, ratio, ...
        n: Records under the figure.
        counts: The counts under it.
        interval: Lower and upper end, or None.
        samples: Ids of requests that show it, at most ten.
        reason: Why there is no figure.
        facts: Further measured numbers that `judge` needs.
    """

    subject: Subject
    metric: str
    value: float | None
    unit: str
    n: int
    counts: Mapping[str, JSON] = field(default_factory=dict)
    interval: tuple[float, float] | None = None
    samples: tuple[str, ...] = ()
    reason: str | None = None
    facts: Mapping[str, JSON] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict with its reason and the limit that it was judged against."""

    verdict: Verdict
    reason: str | None
    limit: Mapping[str, JSON]


@dataclass(frozen=True, slots=True)
class Evidence:
    """What it takes to repeat a figure.

    Attributes:
        sql: One statement over the canonical views; the row whose subject columns equal the finding's subject holds
            the stored figure in column `value`.
        parameters: Values that the statement binds, as text or numbers.
        views_sha256: Blob with the CREATE VIEW statements that the statement runs on, paths relative to the store.
        method: Name and digest of the way in which the figure is computed.
        samples: Ids of requests that show it.
        ledger_size: Ledger entries that the figure was computed from.
        ledger_root: Root of the Merkle tree over them, hex.
    """

    sql: str
    parameters: Mapping[str, JSON]
    views_sha256: str
    method: str
    samples: tuple[str, ...]
    ledger_size: int
    ledger_root: str


@dataclass(frozen=True, slots=True)
class Finding:
    """A judged observation, as stored."""

    finding_id: str
    window: Window
    policy: str
    version: str
    policy_sha256: str
    check: str
    kind: str
    observation: Observation
    judgement: Judgement
    severity: str
    owner: str
    due: date | None
    controls: tuple[str, ...]
    evidence: Evidence
