"""Numbers, times and strangers' text as people read them."""

import unicodedata
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance import display
from governance.display import MINUS, THIN


@pytest.mark.parametrize(
    ("value", "digits", "written"),
    [
        (0, None, "0"),
        (1234567, None, f"1{THIN}234{THIN}567"),
        (-0.5, 1, f"{MINUS}0.5"),
        (0.7996, 2, "0.80"),
        (0.7996, 3, "0.800"),
        (0.7996, 4, "0.7996"),
        (0.12345, None, "0.123"),
        (12.3456, None, "12.3"),
        (0.00012, None, "0.000120"),
        (Decimal("0.5"), 0, "<1"),
        (2.5, 0, "2"),
        (3.5, 0, "4"),
        (float("nan"), None, display.ABSENT),
        (float("inf"), 2, display.ABSENT),
        (10**30, None, "1.000e+30"),
        (10**400, None, "1.000e+400"),
    ],
)
def test_number(value: float | Decimal, digits: int | None, written: str) -> None:
    assert display.number(value, digits) == written


@given(st.floats(allow_nan=False, allow_infinity=False), st.integers(0, 12))
def test_what_is_not_zero_is_never_written_as_zero(value: float, digits: int) -> None:
    written = display.number(value, digits)
    assert (value == 0) == (not written.strip(f"0.{MINUS}"))


def test_money_has_cents_and_more_where_it_is_small() -> None:
    assert display.money(Decimal("1234.5"), "USD") == f"1{THIN}234.50{THIN}USD"
    assert display.money(Decimal("0.000123456")) == "0.000123"
    assert display.money(0) == "0.00"


def test_a_share_is_never_rounded_to_all_or_nothing() -> None:
    assert display.percent(0.123) == "12.3"
    assert display.percent(1) == "100.0"
    assert display.percent(0.99996) == ">99.9"
    assert display.percent(0.00001) == "<0.1"
    assert display.share(0.5) == f"50.0{THIN}%"
    assert display.share(float("nan")) == display.ABSENT


def test_times_are_utc() -> None:
    berlin = timezone(timedelta(hours=2))
    assert display.moment(date(2026, 7, 1)) == "2026-07-01"
    assert display.moment(datetime(2026, 7, 1, 2, 30, tzinfo=berlin)) == "2026-07-01 00:30"
    assert display.moment(datetime(2026, 7, 1, 2, 30, 5, tzinfo=UTC)) == "2026-07-01 02:30:05"
    assert display.written_out(date(2026, 7, 1)) == f"1{THIN}July 2026"


def test_a_time_without_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        display.moment(datetime(2026, 7, 1))  # noqa: DTZ001


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("plain", "plain"),
        ("Żółw naïve δ 中文", "Żółw naïve δ 中文"),
        ("a\x1b[31mb", "a\\x1b[31mb"),
        ("abc\u202etxt.exe", "abc\\u202etxt.exe"),
        ("a\u200bb\ufeff", "a\\u200bb\\ufeff"),
        ("a\nb\tc", "a\\nb\\tc"),
        ("\ud800", "\\ud800"),
        ("\U000e0041", "\\U000e0041"),
        ("\u2028", "\\u2028"),
        ("e" + "\u0301" * 4, "e" + "\u0301" * 3 + "\\u0301"),
    ],
)
def test_strange_characters_are_shown(text: str, seen: str) -> None:
    assert display.visible(text) == seen


@given(st.text())
def test_visible_text_never_acts(text: str) -> None:
    shown = display.visible(text)
    assert not [one for one in shown if unicodedata.category(one) in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}]
    assert display.visible(shown) == shown


def test_long_text_says_how_much_is_left_out() -> None:
    assert display.shortened("a" * 12, 10) == "a" * 10 + "… (+2 characters)"
    assert display.shortened("a" * 10, 10) == "a" * 10
