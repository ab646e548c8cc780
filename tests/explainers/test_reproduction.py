"""The comparison with the logged score: nothing that rounding explains is an error, and nothing else is excused."""

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from governance.artefacts import Link, score
from governance.explainers import reproduction

margins = st.floats(-12, 12)
links: st.SearchStrategy[Link] = st.sampled_from(["identity", "logit", "log"])
formats = st.sampled_from(["lightgbm-text", "xgboost-json"])


@given(margins, links, st.integers(0, 12), formats, st.sampled_from([1.0, 2.5]))
def test_a_rounded_score_is_reproduced(margin: float, link: Link, digits: int, name: str, scale: float) -> None:
    logged = float(f"{score(margin, link, scale):.{digits}f}")
    found = reproduction(logged, digits, 0.0, [margin], link, format=name, link_scale=scale)
    assert found.equal
    assert found.error is not None
    assert found.error <= found.tolerance


@given(margins, links, formats)
def test_a_full_float_is_reproduced(margin: float, link: Link, name: str) -> None:
    found = reproduction(score(margin, link), None, margin - 1.0, [0.25, 0.75], link, format=name)
    assert found.equal
    assert found.tolerance < 1e-3 or link == "logit"


@given(st.floats(-6, 6), links, st.integers(3, 10), st.floats(0.01, 5), st.sampled_from([-1, 1]))
def test_another_score_is_not_reproduced(margin: float, link: Link, digits: int, shift: float, sign: int) -> None:
    """Whatever would print as another number is found."""
    moved = margin + sign * shift
    logged = float(f"{score(margin, link):.{digits}f}")
    assume(abs(score(moved, link) - logged) > 10.0**-digits + 2e-6 * (1 + math.exp(7)))
    assert not reproduction(logged, digits, moved, [], link, format="lightgbm-text").equal


def test_half_of_the_last_digit_and_no_more() -> None:
    """0.7312 stands for 0.73115 to 0.73125; the logit's slope there is 1 / (p (1 - p)) = 5.09."""
    middle = math.log(0.7312 / 0.2688)
    inside, outside = math.log(0.731249 / 0.268751), math.log(0.731252 / 0.268748)
    found = reproduction(0.7312, 4, inside, [], "logit", format="lightgbm-text")
    assert found.equal
    assert found.error == pytest.approx(inside - middle)
    assert found.tolerance == pytest.approx(1e-6 + 0.00005 / (0.7312 * 0.2688), rel=1e-3)
    assert not reproduction(0.7312, 4, outside, [], "logit", format="lightgbm-text").equal
    assert reproduction(0.7312, None, middle + 0.9e-6, [], "logit", format="lightgbm-text").equal
    assert not reproduction(0.7312, None, middle + 1.1e-6, [], "logit", format="lightgbm-text").equal
    assert reproduction(2.0, None, 2.000009, [], "identity", format="xgboost-json").equal
    assert not reproduction(2.0, None, 2.000012, [], "identity", format="xgboost-json").equal


@pytest.mark.parametrize(
    ("logged", "digits", "margin", "equal"),
    [
        (1.0, 3, 9.0, True),
        (1.0, 3, 7.0, False),
        (0.0, 3, -9.0, True),
        (0.0, 3, -7.0, False),
        (1.0, None, 40.0, True),
        (1.0, None, 30.0, False),
        (0.0, None, -800.0, True),
    ],
)
def test_scores_at_a_bound(logged: float, digits: int | None, margin: float, equal: bool) -> None:
    found = reproduction(logged, digits, margin, [], "logit", format="lightgbm-text")
    assert found.equal is equal
    assert found.error is not None
    assert math.isfinite(found.error)
    assert math.isfinite(found.tolerance)


@pytest.mark.parametrize("logged", [1.2, -0.1, math.nan, math.inf])
def test_what_is_no_score_has_no_error(logged: float) -> None:
    found = reproduction(logged, 1, 0.0, [0.1], "logit", format="lightgbm-text")
    assert (found.error, found.equal) == (None, False)
    assert reproduction(0.5, 1, math.nan, [], "logit", format="lightgbm-text").error is None
