"""Values of logs become canonical values exactly, and hostile ones cost nothing and crash nothing."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.formats.conversions import (
    MAX_WHOLE,
    as_text,
    brief,
    canonical_json,
    clean,
    decode_json,
    hex_id,
    look_up,
    microseconds,
    money,
    number,
    payload_state,
    sha256_of,
    whole,
)
from governance.formats.times import at_nanoseconds, moment, nanoseconds
from governance.sources import UnreadableError

HOSTILE = [Decimal(text) for text in ("1e999999999", "-1e999999999", "1e9999999", "0e999999999", "1e-999999999")]


def reason_of(call: Any, *args: object) -> str:
    with pytest.raises(UnreadableError) as caught:
        call(*args)
    return caught.value.reason


class TestNumber:
    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            pytest.param(7, Decimal(7), id="int"),
            pytest.param(0.1, Decimal("0.1"), id="double by its shortest text"),
            pytest.param(Decimal("0.10"), Decimal("0.1"), id="decimal"),
            pytest.param(" 1.5e3 ", Decimal(1500), id="text"),
            pytest.param("-.5", Decimal("-0.5"), id="text without a leading zero"),
        ],
    )
    def test_it_is_exact(self, value: object, expected: Decimal) -> None:
        assert number(value, "x") == expected

    @pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", float("nan"), float("inf"), Decimal("sNaN")])
    def test_what_is_not_finite_is_nan(self, value: object) -> None:
        assert number(value, "x").is_nan()

    @pytest.mark.parametrize("value", [True, None, "", "1_000", "0x1f", "\uff11", "1,5", [], {}, "9" * 401, "1e99999"])
    def test_what_is_no_number_is_refused(self, value: object) -> None:
        assert reason_of(number, value, "x") == "type_mismatch"


class TestWhole:
    @given(st.integers(-MAX_WHOLE, MAX_WHOLE))
    def test_64_bits_are_exact(self, value: int) -> None:
        assert whole(Decimal(value), "x") == value

    def test_one_more_is_refused(self) -> None:
        assert reason_of(whole, Decimal(MAX_WHOLE + 1), "x") == "out_of_range"

    def test_a_fraction_is_refused_and_not_rounded(self) -> None:
        assert reason_of(whole, Decimal("12.7"), "x") == "type_mismatch"
        assert whole(Decimal("12.0"), "x") == 12

    @pytest.mark.parametrize("value", HOSTILE)
    def test_hostile_exponents_cost_nothing(self, value: Decimal) -> None:
        if value:
            assert reason_of(whole, value, "x") in {"out_of_range", "type_mismatch"}
        else:
            assert whole(value, "x") == 0


class TestMoney:
    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            pytest.param("0.00022500000000000002", "0.000225000000", id="a double's noise"),
            pytest.param("0.0000000000005", "0.000000000000", id="half to even, down"),
            pytest.param("0.0000000000015", "0.000000000002", id="half to even, up"),
            pytest.param("999999.999999999999", "999999.999999999999", id="largest"),
            pytest.param("-1.5", "-1.5", id="a credit"),
        ],
    )
    def test_it_has_twelve_decimals(self, value: str, expected: str) -> None:
        amount = money(Decimal(value), "cost")
        assert amount == Decimal(expected)
        assert amount.as_tuple().exponent == -12

    @pytest.mark.parametrize("value", ["1000000", "-1000000", "999999.9999999999999"])
    def test_what_does_not_fit_is_refused(self, value: str) -> None:
        assert reason_of(money, Decimal(value), "cost") == "out_of_range"

    @pytest.mark.parametrize("value", HOSTILE)
    def test_hostile_exponents_cost_nothing(self, value: Decimal) -> None:
        if value.adjusted() > 0 and value:
            assert reason_of(money, value, "cost") == "out_of_range"
        else:
            assert money(value, "cost") == 0

    def test_a_million_sums_are_exact(self) -> None:
        assert sum([money(number(0.000225, "cost"), "cost")] * 1_000_000) == Decimal(225)


class TestDurations:
    @given(st.integers(0, 10**15), st.sampled_from([1, 1_000, 1_000_000]))
    def test_whole_microseconds_survive_any_unit(self, expected_us: int, unit_us: int) -> None:
        assert microseconds(Decimal(expected_us) / unit_us, "x", unit_us) == expected_us

    @given(st.decimals(0, 10**9, places=9))
    def test_they_are_the_nearest_whole_microsecond(self, seconds: Decimal) -> None:
        assert abs(Fraction(seconds) * 10**6 - microseconds(seconds, "x")) <= Fraction(1, 2)

    @pytest.mark.parametrize("value", HOSTILE)
    def test_hostile_exponents_cost_nothing(self, value: Decimal) -> None:
        if value.adjusted() > 0 and value:
            assert reason_of(microseconds, value, "x") == "out_of_range"
        else:
            assert microseconds(value, "x") == 0


class TestNanoseconds:
    @given(st.integers(1, 253_402_300_799_999_999_999 // 100))
    def test_text_and_number_are_exact(self, ns: int) -> None:
        assert nanoseconds(str(ns), "t") == nanoseconds(ns, "t") == nanoseconds(Decimal(ns), "t") == ns

    def test_a_double_cannot_hold_them(self) -> None:
        assert reason_of(nanoseconds, 1.5e18, "t") == "bad_time"

    @pytest.mark.parametrize("value", [None, "", 0, "0"])
    def test_not_set_is_none(self, value: object) -> None:
        assert nanoseconds(value, "t") is None

    def test_the_time_is_cut_not_rounded(self) -> None:
        assert at_nanoseconds(1_999) == datetime(1970, 1, 1, 0, 0, 0, 1, tzinfo=UTC)

    @pytest.mark.parametrize("value", HOSTILE[:3])
    def test_hostile_exponents_are_no_time(self, value: Decimal) -> None:
        assert reason_of(nanoseconds, value, "t") == "bad_time"


class TestMoment:
    @given(st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
    def test_each_form_gives_the_same_time(self, at: datetime) -> None:
        micros = (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
        seconds = Decimal(micros) / 10**6
        elsewhere = at.astimezone(timezone(timedelta(hours=-4)))
        forms: list[object] = [seconds, str(seconds), at.isoformat(), elsewhere.isoformat()]
        forms.append(at.isoformat().replace("+00:00", "Z"))
        assert {moment(form, "t").at for form in forms} == {at}
        assert not any(moment(form, "t").is_assumed_utc for form in forms)

    @given(st.integers(1_500_000_000_000_000, 2_000_000_000_000_000))
    def test_a_double_of_this_century_gives_its_microsecond(self, micros: int) -> None:
        at = moment(micros / 10**6, "t").at
        assert (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) == micros

    def test_a_time_without_a_zone_says_so(self) -> None:
        read = moment("2025-01-24 09:20:46.847371", "t")
        assert read == (datetime(2025, 1, 24, 9, 20, 46, 847371, tzinfo=UTC), True)

    def test_more_than_six_digits_are_cut(self) -> None:
        assert moment("2025-01-24T09:20:46.8473719Z", "t").at.microsecond == 847371

    @pytest.mark.parametrize(
        "value",
        [
            "",
            "soon",
            None,
            True,
            [],
            "NaN",
            1e30,
            "2025-02-30T00:00:00Z",
            10**18,
            "0001-01-01T00:00:00+14:00",
            *HOSTILE[:3],
        ],
    )
    def test_what_is_no_time_is_refused(self, value: object) -> None:
        assert reason_of(moment, value, "t") == "bad_time"


class TestText:
    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            pytest.param(1, "1", id="int"),
            pytest.param(1.0, "1", id="whole double"),
            pytest.param(Decimal("0.50"), "0.5", id="decimal"),
            pytest.param(Decimal("1E+2"), "100", id="exponent"),
            pytest.param(1e-7, "0.0000001", id="small double"),
            pytest.param(Decimal("-0.0"), "0", id="negative zero"),
            pytest.param(Decimal("NaN"), "NaN", id="not a number"),
            pytest.param(Decimal("1e999999999"), "1E+999999999", id="hostile exponent"),
            pytest.param(True, "true", id="truth value"),
            pytest.param("a", "a", id="text"),
            pytest.param(["\n"], '["\\n"]', id="list"),
        ],
    )
    def test_values_have_one_text(self, value: object, expected: str) -> None:
        assert as_text(value) == expected

    def test_nul_is_removed_and_a_lone_surrogate_refused(self) -> None:
        assert clean("a\0b", "x") == "ab"
        assert reason_of(clean, "\ud800", "x") == "bad_utf8"

    def test_brief_is_brief(self) -> None:
        assert len(brief("x" * 1000)) == 60
        assert len(brief(Decimal("1e999999999"))) < 60


class TestIds:
    @given(st.binary(min_size=16, max_size=16).filter(any))
    def test_hex_of_either_case_and_base64_are_the_same_id(self, raw: bytes) -> None:
        forms = [raw.hex(), raw.hex().upper(), base64.b64encode(raw).decode()]
        assert {hex_id(form, 16) for form in forms} == {raw.hex()}

    @given(st.binary(min_size=8, max_size=8).filter(any))
    def test_spans_too(self, raw: bytes) -> None:
        assert hex_id(base64.b64encode(raw).decode(), 8) == hex_id(raw.hex().upper(), 8) == raw.hex()

    @pytest.mark.parametrize("value", [None, "", " ", "0" * 32, "A" * 22 + "=="])
    def test_no_id_is_none(self, value: object) -> None:
        assert hex_id(value, 16) is None

    @pytest.mark.parametrize("value", ["req-1", "123e4567-e89b-12d3-a456-426614174000", "x" * 24])
    def test_an_id_of_another_form_stays(self, value: str) -> None:
        assert hex_id(value, 16) == value


class TestJson:
    def test_numbers_are_exact_and_nan_is_nan(self) -> None:
        value = decode_json('{"a": 0.1, "b": NaN, "c": 12345678901234567890}')
        assert value["a"] == Decimal("0.1")
        assert value["b"].is_nan()
        assert value["c"] == 12345678901234567890

    def test_text_in_text_is_decoded_while_it_holds_objects(self) -> None:
        assert decode_json(json.dumps(json.dumps({"a": 1}))) == {"a": 1}
        assert decode_json(json.dumps("123")) == "123"
        assert decode_json(json.dumps("{no json")) == "{no json"

    @pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "nope", '{"a": ' + "9" * 5000 + "}"])
    def test_what_is_no_json_is_a_value_error(self, text: str) -> None:
        with pytest.raises(ValueError, match=r"."):
            decode_json(text)

    def test_canonical_json_has_one_form(self) -> None:
        first, second = {"b": 1, "a": [Decimal("0.5"), "é"]}, {"a": [0.5, "é"], "b": 1}
        assert canonical_json(first) == canonical_json(second) == '{"a":[0.5,"é"],"b":1}'
        assert canonical_json(Decimal("0.1234567890123456789")) == '"0.1234567890123456789"'
        assert sha256_of("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

    @pytest.mark.parametrize(
        ("path", "expected"),
        [
            pytest.param("a.b", 1, id="nested"),
            pytest.param("c.*.d", [2, 3], id="each element"),
            pytest.param("c.*", [{"d": 2}, {}, {"d": 3}], id="elements"),
            pytest.param("a.b.c", None, id="through a number"),
            pytest.param("x", None, id="absent"),
            pytest.param("a.*", None, id="not a list"),
        ],
    )
    def test_paths(self, path: str, expected: object) -> None:
        assert look_up({"a": {"b": 1}, "c": [{"d": 2}, {}, {"d": 3}]}, path.split(".")) == expected


@pytest.mark.parametrize(
    ("body", "state"),
    [
        ("Hello", "complete"),
        ('[{"content": "__REDACTED__"}]', "redacted"),
        ("redacted-by-litellm", "redacted"),
        ("a (litellm_truncated 10 chars) b", "truncated"),
    ],
)
def test_markers_tell_the_state_of_a_body(body: str, state: str) -> None:
    assert payload_state(body) == state
