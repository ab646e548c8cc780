"""What the report says of its methods, and that a change of method is seen beside the figure of before."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import governance as gov
from governance.blocks import Missing
from governance.display import SIGNS
from governance.exhibits.method import MEANINGS, measured
from governance.extensions import checks
from tests.exhibits.test_sections import rows

if TYPE_CHECKING:
    from governance.exploration import View


def test_every_verdict_has_a_meaning_and_every_kind_says_what_it_measures() -> None:
    assert MEANINGS.keys() == SIGNS.keys()
    for kind, check in checks().items():
        assert len(measured(check.manual())) > 60, kind
    assert measured("One line.\n\nSource: none.") == ""


def test_each_kind_that_ran_is_there_with_its_method(view: View) -> None:
    found = rows(gov.exhibits.method.page(view), "What each kind")
    assert set(found) == {one.kind for one in view.judged}
    _, method, against = found["fairness-impact-ratio"]
    assert against == "the same"
    assert len(str(method)) == 16


def test_a_change_of_method_breaks_the_series_where_it_is_seen(view: View) -> None:
    own = view.judged
    view.__dict__["judged"] = tuple(replace(one, method="another:0123456789abcdef") for one in own)
    assert {line[-1] for line in rows(gov.exhibits.method.page(view), "What each kind").values()} == {"another method"}
    assert rows(gov.exhibits.board.page(view), "The figures")["Fairness"][2] == "1.000 (another method)"
    assert rows(gov.exhibits.fairness.ratios(view), "Favourable")["female"][-2] == Missing("1.000 (another method)")
    line = rows(gov.exhibits.latency.response_times(view), "desk: response-time")["all"]
    assert str(line[-2]).endswith(" (another method)")


def test_the_expected_number_of_false_alarms_is_said(view: View) -> None:
    said = gov.exhibits.method.expected(view)
    assert "checks that test against it" in said or "none tests against chance" in said
    assert "how far the truth lies from it" in said
