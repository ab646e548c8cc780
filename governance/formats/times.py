"""Times of logs as exact times: ISO 8601 text, seconds or nanoseconds since 1970."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from governance.formats.conversions import NS_PER_US, NUMBER, US_PER_S, brief, microseconds, number, whole
from governance.formats.rows import UnreadableError

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FRACTION = re.compile(r"\.(\d{1,9})")


class Moment(NamedTuple):
    """A time read from a log.

    Attributes:
        at: Aware, UTC, microseconds.
        is_assumed_utc: Whether the log gave no time zone.
    """

    at: datetime
    is_assumed_utc: bool


def nanoseconds(value: object, field: str) -> int | None:
    """Nanoseconds since 1970 as OTLP writes them (decimal text or number); None where it means "not set".

    Raises:
        UnreadableError: `bad_time`, no whole number of nanoseconds in the years 1970 to 9999.
    """
    if value is None or value == "":
        return None
    try:
        ns = whole(number(value, field), field)
    except (UnreadableError, ArithmeticError) as error:
        raise UnreadableError("bad_time", f"{field} is no time in nanoseconds: {brief(value)}") from error
    if isinstance(value, float) or ns < 0:  # a double holds 53 bits, a time in nanoseconds needs 61
        raise UnreadableError("bad_time", f"{field} is no time in nanoseconds: {brief(value)}")
    return ns or None


def at_nanoseconds(ns: int) -> datetime:
    """The time, cut to microseconds."""
    return EPOCH + timedelta(microseconds=ns // NS_PER_US)


def moment(value: object, field: str) -> Moment:
    """The time of an ISO 8601 text or of a number of seconds since 1970.

    Seconds are rounded to the nearest microsecond, because a double near 1.7e9 is that exact and no more.

    Raises:
        UnreadableError: `bad_time`, neither of the two, or outside the years 1 to 9999.
    """
    try:
        if isinstance(value, str) and not NUMBER.fullmatch(value.strip()):
            return _calendar(datetime.fromisoformat(value.strip()))
        seconds = number(value, field)
        if not seconds.is_nan():
            return Moment(EPOCH + timedelta(microseconds=microseconds(seconds, field)), is_assumed_utc=False)
    except (UnreadableError, ValueError, OverflowError) as error:
        raise UnreadableError("bad_time", f"{field} is no time: {brief(value)}") from error
    raise UnreadableError("bad_time", f"{field} is no time: {brief(value)}")


def iso_nanoseconds(value: object) -> object:
    """Nanoseconds since 1970 of an ISO 8601 text with a zone, with the digits that a datetime does not hold.

    Returns:
        The nanoseconds; anything else comes back as it is, for `nanoseconds` to refuse.
    """
    try:
        read = _calendar(datetime.fromisoformat(value.strip())) if isinstance(value, str) else None
    except (ValueError, OverflowError):
        return value
    if read is None or read.is_assumed_utc:
        return value
    return since_epoch(read.at, str(value))


def since_epoch(at: datetime, written: str) -> int:
    """Nanoseconds since 1970 of a time, with the digits that a datetime does not hold.

    Args:
        at: The time.
        written: How the log writes it.
    """
    since = at - EPOCH
    fraction = _FRACTION.search(written)
    below = int(fraction[1].ljust(9, "0")[6:9]) if fraction else 0
    return ((since.days * 86_400 + since.seconds) * US_PER_S + since.microseconds) * NS_PER_US + below


def _calendar(at: datetime) -> Moment:
    if at.tzinfo is None:
        return Moment(at.replace(tzinfo=UTC), is_assumed_utc=True)
    return Moment(at.astimezone(UTC), is_assumed_utc=False)
