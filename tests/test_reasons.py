"""Reasons of a decision: at most four, none of what moved nothing, and rules in the words of the card."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from governance.explained.decided import Decided
from governance.explained.reasons import reasons
from governance.wording import RULE_DECIDED

CARD = {
    "model": "m",
    "version": "1",
    "artefact_sha256": "a",
    "adverse": "up",
    "groups": {"arrears": ["late_1", "late_2"]},
    "reasons": {"arrears": "Payments were late", "three-late": "Three payments were late"},
}


def decided(**row: Any) -> Decided:
    entry = SimpleNamespace(facts=CARD, number=1, at="2026-07-01T00:00:00Z")
    snapshot = SimpleNamespace(of_kind=lambda kind: [entry] if kind == "model" else [])
    own = {"model": "m", "model_version": "1", **row}
    return cast("Decided", SimpleNamespace(decision=own, snapshot=snapshot, of={}, lacks=lambda *_: None))


def pushed(**contributions: float) -> list[tuple[str, str]]:
    parts = [{"feature": name, "value": 1, "contribution": value} for name, value in contributions.items()]
    attribution = {"equals_logged_score": True, "artefact_sha256": "a", "contributions": parts}
    return [(one["group"], one["text"]) for one in reasons(decided(), {"stage": "model"}, attribution)]


def test_groups_are_summed_and_the_strongest_comes_first() -> None:
    found = pushed(debt=0.5, late_1=0.4, late_2=0.3, income=-2.0)
    assert found == [("arrears", "Payments were late"), ("debt", "debt")]


@pytest.mark.parametrize(("small", "count"), [(0.021, 2), (0.019, 1)])
def test_what_moved_nothing_is_no_principal_reason(small: float, count: int) -> None:
    assert len(pushed(debt=1.0 - small, tiny=small)) == count


def test_there_are_never_more_than_four() -> None:
    assert len(pushed(a=1.0, b=1.0, c=1.0, d=1.0, e=1.0)) == 4


@pytest.mark.parametrize(
    ("rule", "text"), [("three-late", "Three payments were late"), ("other", RULE_DECIDED), (None, RULE_DECIDED)]
)
def test_a_rule_has_the_words_of_the_card(rule: str | None, text: str) -> None:
    assert reasons(decided(rule_id=rule), {"stage": "rule"}, None) == [{"rank": 1, "rule": rule, "text": text}]
