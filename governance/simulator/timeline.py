"""The two quarters that the demo plays in, and when requests arrive in them.

The first quarter is the reference, the second is reported on. Public holidays are left out.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Micros = NDArray[np.int64]  # microseconds since 1970, UTC

MONTHS = ("2026-04", "2026-05", "2026-06", "2026-07", "2026-08", "2026-09")
REFERENCE = "2026-Q2"
REPORTED = "2026-Q3"
START = datetime(2026, 4, 1, tzinfo=UTC)
END = datetime(2026, 10, 1, tzinfo=UTC)
EXPORTED = datetime(2026, 10, 5, 6, tzinfo=UTC)  # when the side tables were exported; nothing known later is in them
SATURDAY = 5  # Monday is 0
SECOND_US = 1_000_000
HOUR_US = 3_600 * SECOND_US
DAY_US = 24 * HOUR_US

# Relative traffic by hour of the day, UTC, chosen here: an office day with a few requests at night.
OFFICE_DAY = (*(0.03,) * 6, 0.2, 0.6, *(1.0,) * 4, 0.8, *(1.0,) * 4, 0.6, 0.3, 0.15, *(0.03,) * 4)
WEEKEND_DAY = (*(0.01,) * 8, *(0.06,) * 10, *(0.01,) * 6)


def micros(moment: datetime) -> int:
    """Whole microseconds since 1970."""
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def month_bounds(month: str) -> tuple[int, int]:
    """First moment of a month and first moment after it, microseconds since 1970."""
    first = datetime.strptime(month, "%Y-%m").replace(tzinfo=UTC)
    return micros(first), micros((first + timedelta(days=32)).replace(day=1))


def month_of(times: Micros) -> NDArray[np.int64]:
    """Position in `MONTHS` of each moment; shape (n,)."""
    edges = np.array([month_bounds(month)[0] for month in MONTHS[1:]])
    return np.searchsorted(edges, times, side="right")


def monday_in(month: str) -> int:
    """Midnight of the second Monday of a month, microseconds since 1970."""
    first = datetime.strptime(month, "%Y-%m").replace(tzinfo=UTC)
    return micros(first + timedelta(days=7 + (7 - first.weekday()) % 7))


def arrivals(count: int, rng: np.random.Generator) -> Micros:
    """Moments at which `count` requests arrive, ascending, distinct.

    A Poisson process of given size: uniform draws through the inverse of the cumulative intensity.
    """
    days = (END - START).days
    shape = [OFFICE_DAY if (START + timedelta(days=day)).weekday() < SATURDAY else WEEKEND_DAY for day in range(days)]
    cumulative = np.concatenate(([0.0], np.cumsum(np.concatenate(shape))))
    draws = np.sort(rng.uniform(0.0, cumulative[-1], count))
    hours = np.interp(draws, cumulative, np.arange(cumulative.size))
    times = micros(START) + np.floor(hours * HOUR_US).astype(np.int64)
    # Draws hardly ever fall on one microsecond; a step of one keeps the order strict when they do.
    distinct: Micros = np.maximum.accumulate(times - np.arange(count)) + np.arange(count)
    return distinct


def iso(times: Micros) -> NDArray[np.str_]:
    """ISO 8601 text with microseconds and Z; shape (n,)."""
    return np.datetime_as_string(times.astype("datetime64[us]"), unit="us", timezone="UTC")
