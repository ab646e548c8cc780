"""How values are written for people: text by strangers, numbers, money, shares, times, verdicts.

The rules, once for terminal, HTML and PDF:

1. Text from a log is shown, never obeyed: control, bidirectional, invisible and unassigned characters become escapes.
2. Digits are fixed in a column; thousands are parted by a narrow no-break space (U+202F), so that no number wraps;
   the screen of a terminal shows it as a comma.
3. A value that is not zero is never printed as zero: it becomes "<0.01".
4. No value is a dash; the reason stands beside it where it is known.
5. Times are UTC and written as in ISO 8601, without the T.
"""

from __future__ import annotations

import unicodedata
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal
from math import isfinite
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable

Number: TypeAlias = int | float | Decimal

ABSENT = "\N{EM DASH}"
MINUS = "\N{MINUS SIGN}"
THIN = "\N{NARROW NO-BREAK SPACE}"
LARGEST = 10**18  # chosen here: more digits than this are noise, and are written with an exponent
WIDE = Context(prec=60)  # holds 18 digits before the point and every decimal place that a caller may ask for
MARKS_IN_A_ROW = 3  # chosen here: Vietnamese and Hebrew need two; a pile of them covers the lines above


class Sign(NamedTuple):
    """How a verdict is shown: never by colour alone."""

    mark: str
    word: str


# In the order in which a reader should see them.
SIGNS = {
    "failed": Sign("✗", "failed"),
    "errored": Sign("‼", "errored"),
    "warned": Sign("!", "warned"),
    "not_assessed": Sign("?", "not assessed"),
    "waived": Sign("~", "waived"),
    "passed": Sign("✓", "passed"),
}


def escaped(character: str) -> str:
    """One character as the escape that names it, as Python writes it: a backslash and n, x1b, u202e or U000e0041."""
    return character.encode("unicode_escape").decode("ascii")


def visible(text: str) -> str:
    """Text in which every character can be seen and none acts.

    Controls, formats (bidirectional overrides, zero-width signs, tags), surrogates, private and unassigned characters,
    line and paragraph separators become escapes; so do combining marks beyond the third in a row.
    """
    if text.isascii() and text.isprintable():
        return text
    shown: list[str] = []
    piled = 0
    for character in text:
        category = unicodedata.category(character)
        piled = piled + 1 if category[0] == "M" else 0
        inert = category[0] != "C" and category not in {"Zl", "Zp"} and piled <= MARKS_IN_A_ROW
        shown.append(character if inert else escaped(character))
    return "".join(shown)


def shortened(text: str, limit: int) -> str:
    """The first `limit` characters of a visible text, and how many more there are."""
    if len(text) <= limit:
        return visible(text)
    return f"{visible(text[:limit])}… (+{number(len(text) - limit, 0)} characters)"


def exact(value: Number) -> Decimal:
    """The number as it is written in decimal: a float by its shortest form, a boolean as 0 or 1."""
    return Decimal(int(value)) if isinstance(value, int) else Decimal(str(value))


def is_finite(value: Number) -> bool:
    """Whether there is a number to write; whole numbers of any size are."""
    return isinstance(value, int) or isfinite(value)


def fitting_digits(values: Iterable[Number]) -> int:
    """Decimal places that show the largest of the values with three significant digits; 0 if all are whole."""
    known = [exact(value) for value in values if is_finite(value)]
    if all(value == value.to_integral_value() for value in known):
        return 0
    return min(max(2 - max(abs(value) for value in known).adjusted(), 0), 8)


def money_digits(values: Iterable[Number]) -> int:
    """Decimal places of a column of money: cents, or more where the largest amount is under one unit."""
    largest = max((abs(exact(value)) for value in values if is_finite(value)), default=Decimal(1))
    return 2 if largest >= 1 or largest == 0 else min(2 - largest.adjusted(), 12)


def number(value: Number, digits: int | None = None) -> str:
    """A number with fixed decimal places, a true minus sign and parted thousands.

    Args:
        value: Finite or not; what is not finite is written as the dash.
        digits: Decimal places; None fits them to this one value.
    """
    if not is_finite(value):
        return ABSENT
    places = fitting_digits([value]) if digits is None else digits
    true = exact(value)
    if abs(true) >= LARGEST:
        return f"{true:.3e}"
    rounded = true.quantize(Decimal(1).scaleb(-places), ROUND_HALF_EVEN, WIDE)
    if rounded == 0 and true != 0:
        least = format(Decimal(1).scaleb(-places), "f")
        return f"<{least}" if true > 0 else f">{MINUS}{least}"
    sign = MINUS if rounded < 0 else ""
    return sign + format(abs(rounded), ",f").replace(",", THIN)


def money(value: Number, currency: str = "", digits: int | None = None) -> str:
    """An amount, in cents or finer where it is small, with its currency behind it."""
    places = money_digits([value]) if digits is None else digits
    return f"{number(value, places)}{THIN}{visible(currency)}" if currency else number(value, places)


def percent(value: Number, digits: int = 1) -> str:
    """A share (0..1) in percent without the sign; almost all is not written as 100."""
    if not is_finite(value):
        return ABSENT
    written = number(exact(value) * 100, digits)
    claims_all = value < 1 and written.partition(".")[0] == "100"
    return f">{number(100 - Decimal(1).scaleb(-digits), digits)}" if claims_all else written


def share(value: Number, digits: int = 1) -> str:
    """A share (0..1) as it stands in a sentence: `12.3 %`."""
    return f"{percent(value, digits)}{THIN}%" if is_finite(value) else ABSENT


def moment(value: date) -> str:
    """A day as `2026-07-01`; a time in UTC as `2026-07-01 09:30`, with seconds where there are any.

    Raises:
        ValueError: The time has no time zone.
    """
    if not isinstance(value, datetime):
        return value.isoformat()
    if value.tzinfo is None:
        raise ValueError(f"{value} has no time zone")
    utc = value.astimezone(UTC).replace(tzinfo=None)
    return utc.isoformat(sep=" ", timespec="seconds" if utc.second or utc.microsecond else "minutes")


MONTHS = {
    1: "January",
    2: "February",
    3: "March",
    4: "April",
    5: "May",
    6: "June",
    7: "July",
    8: "August",
    9: "September",
    10: "October",
    11: "November",
    12: "December",
}


def written_out(value: date) -> str:
    """A day as prose writes it: `1 July 2026` (not from the locale, which differs between machines)."""
    return f"{value.day}{THIN}{MONTHS[value.month]} {value.year}"
