"""What would have changed an adverse result: true by the model's own library, and else said why it cannot be told."""

from __future__ import annotations

import copy
import csv
import json
from collections.abc import Mapping
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from governance.cards import parse_card
from governance.errors import PolicyError, SourceError
from governance.explained.actions import Step, candidates, steps
from governance.explained.changes import changes
from governance.explained.decided import Decided
from governance.explained.derived import followed, require_formulas
from governance.explanation import explain
from governance.formula import names_in, value_of
from governance.letter import Letter, letter
from governance.models.registration import register
from governance.workspace import NOBODY
from tests import boosters
from tests.logbooks import NOW, Logbook, logbook
from tests.test_explanation_pages import changed

ACTIONS: dict[str, dict[str, Any]] = {
    "earn": {
        "inputs": ["income"],
        "towards": "up",
        "to": [0, 0.5, 1, 2],
        "text": "you had earned {value}, not {before}",
    },
    "repay": {"inputs": ["debt"], "towards": "down", "to": [0, -1], "text": "you had owed {value}"},
    "move": {"inputs": ["odd_name", "unused"], "towards": "up", "to": [0.5, 1.5], "text": "you had lived elsewhere"},
}
CARD = {
    "meanings": {"no": "you may ask again"},
    "data_used": ["what you told us"],
    "name": "desk",
    "version": "1",
    "favourable_when": "at_least",
    "actions": ACTIONS,
}
MAPPING = """\
source: desk
columns:
  request_id: id
  start_ts: {constant: 2026-07-01T09:00:00Z}
  model: {constant: desk}
  model_version: version
  decision: answer
  favourable: {column: answer, map: {"yes": true, "no": false}}
  score: score
  threshold: {constant: 0.5}
  deciding_stage: stage
features: [income, debt, age, unused, odd name]
subjects: {sex: gender}
"""
THRESHOLD = 0.5


def register_desk(book: Logbook, card: Mapping[str, Any] = CARD) -> None:
    path, _ = boosters.lightgbm_model().save(book.folder)
    register(book.workspace, book.write("card.json", json.dumps(card)), now=NOW, artefact=path)


@pytest.fixture(name="book")
def book_fixture(tmp_path: Path) -> Logbook:
    return logbook(tmp_path)


@pytest.fixture(name="desk")
def desk_fixture(book: Logbook) -> Logbook:
    """A log of every applicant, decided by the model's own scores, but for a few that are told here."""
    rows = boosters.rows()
    scores = boosters.lightgbm_model().scores(rows)
    path = book.folder / "log.csv"
    with path.open("w", newline="", encoding="utf-8") as log:
        writer = csv.writer(log)
        writer.writerow(["id", "version", "answer", "score", "stage", "gender", *boosters.FEATURES])
        for place, (row, score) in enumerate(zip(rows, scores, strict=True)):
            known = ["" if np.isnan(value) else repr(float(value)) for value in row]
            answer = "yes" if score >= THRESHOLD else "no"
            writer.writerow([f"a{place}", "1", answer, repr(float(score)), "model", "f", *known])
            if place == 0:  # the same applicant: decided by a rule, refused against the score, scored by something else
                writer.writerow(["ruled", "1", "no", 0.1, "rule", "f", *known])
                writer.writerow(["against", "1", "no", 0.9, "model", "f", *known])
                writer.writerow(["other", "1", "no", 0.4321, "model", "f", *known])
                writer.writerow(["unknown", "2", "no", 0.1, "model", "f", *known])
    book.ingest(path, mapping=MAPPING)
    return book


def refused(count: int) -> list[int]:
    """Applicants whom the model refuses, the nearest to the threshold first, then some far from it."""
    scores = boosters.lightgbm_model().scores(boosters.rows())
    below = [place for place in np.argsort(-scores) if scores[place] < THRESHOLD]
    return [int(below[len(below) * number // count]) for number in range(count)]


def told(desk: Logbook, wanted: str) -> tuple[dict[str, Any] | None, str | None]:
    """What is told about changes, and why nothing is."""
    document = explain(desk.workspace.store, wanted, whole=True)[0].document
    why = [one["why"] for one in document["missing"] if one["what"] == "changes"]
    return document["changes"], why[0] if why else None


def tried(row: np.ndarray[Any, Any], chosen: Mapping[str, float | None]) -> np.ndarray[Any, Any]:
    """The inputs after some actions, worked out once more and in another way."""
    columns = {"earn": (0,), "repay": (1,), "move": (4, 3)}
    after = row.copy()
    for name, value in chosen.items():
        for column in columns[name] if value is not None else ():
            further = after[column] > value if ACTIONS[name]["towards"] == "down" else after[column] < value
            after[column] = value if further else after[column]
    return after


@pytest.mark.parametrize("applicant", refused(3))
def test_what_is_told_is_what_the_library_says(desk: Logbook, applicant: int) -> None:
    register_desk(desk)
    row = boosters.rows()[applicant]
    everything = [
        dict(zip(ACTIONS, chosen, strict=True))
        for chosen in product(*([None, *action["to"]] for action in ACTIONS.values()))
    ]
    after = np.array([tried(row, chosen) for chosen in everything])
    differs = [~np.isclose(one, row, equal_nan=True) for one in after]
    scores = boosters.lightgbm_model().scores(after)
    helpful = [score for score, parts in zip(scores, differs, strict=True) if parts.any() and score > THRESHOLD]
    found, why = told(desk, f"a{applicant}")
    assert found is not None, why
    assert bool(found["found"]) == bool(helpful)
    assert len(found["found"]) <= 3
    for one in found["found"]:
        inputs = {part["input"]: part["to"] for step in one["changes"] for part in step["inputs"]}
        again = row.copy()
        for place, name in enumerate(("income", "debt", "age", "unused", "odd_name")):
            again[place] = inputs.get(name, again[place])
        assert one["score"] == pytest.approx(boosters.lightgbm_model().scores(again[None, :])[0], abs=1e-12)
        assert one["score"] > THRESHOLD
        assert again[2] == row[2] or np.isnan(row[2])  # no action names the age


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ("ruled", "the rule decided, and the log does not hold by what"),
        ("against", "the score lies on the favourable side of the threshold"),
        ("other", "the registered model does not give the logged score for the logged inputs"),
        ("unknown", "model desk 2 is not registered"),
    ],
)
def test_what_cannot_be_told_is_said(desk: Logbook, wanted: str, said: str) -> None:
    register_desk(desk)
    found, why = told(desk, wanted)
    assert found is None
    assert said in str(why)


@pytest.mark.parametrize(
    ("without", "said"),
    [
        ({"actions": {}}, "does not say what a person can change (`actions`)"),
        ({"favourable_when": None}, "does not say which way is adverse"),
        (
            {"actions": {"earn": ACTIONS["earn"] | {"to": [-99]}}},
            "the actions of the model's card would change none of the inputs",
        ),
    ],
)
def test_a_card_that_says_too_little_is_named(desk: Logbook, without: dict[str, Any], said: str) -> None:
    register_desk(desk, {name: value for name, value in (CARD | without).items() if value is not None})
    found, why = told(desk, f"a{refused(1)[0]}")
    assert found is None
    assert said in str(why)


def test_nothing_is_told_of_a_favourable_decision_or_where_nobody_asked(desk: Logbook) -> None:
    register_desk(desk)
    applicant = int(np.argmax(boosters.lightgbm_model().scores(boosters.rows())))
    assert told(desk, f"a{applicant}") == (None, None)
    document = explain(desk.workspace.store, f"a{refused(1)[0]}")[0].document
    assert document["changes"] is None
    assert not [one for one in document["missing"] if one["what"] == "changes"]


def test_reasons_are_not_invented_for_a_refusal_against_the_score(desk: Logbook) -> None:
    register_desk(desk)
    rows = boosters.rows()
    scores = boosters.lightgbm_model().scores(rows)
    best = int(np.argmax(scores))
    known = ["" if np.isnan(value) else repr(float(value)) for value in rows[best]]
    head = ",".join(["id", "version", "answer", "score", "stage", "gender", *boosters.FEATURES])
    line = ",".join(["turned", "1", "no", repr(float(scores[best])), "model", "f", *known])
    desk.read("more.csv", f"{head}\n{line}\n", MAPPING)
    document = explain(desk.workspace.store, "turned")[0].document
    assert document["data_used"] == ["what you told us"]
    assert document["meaning"] == "you may ask again"
    assert document["grade"] == "reproduced"
    assert document["reasons"] == []
    why = [one["why"] for one in document["missing"] if one["what"] == "reasons"]
    assert why == ["the score lies on the favourable side of the threshold, so that something else decided"]


def test_a_protected_attribute_is_never_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where a card names it: the action is left out, and that is said."""
    lacks: list[tuple[str, str]] = []
    action = {"inputs": ["SEX"], "towards": "down", "to": ["0"], "times": [], "text": "t"}
    facts = {"adverse": "up", "threshold": "0.5", "actions": {"other": action}, "features": ["SEX"]}
    model = SimpleNamespace(facts=facts, artefact_sha256="a", model="m", version="1")
    monkeypatch.setattr("governance.explained.changes.registered_model", lambda *_: model)
    own = SimpleNamespace(
        decision={"favourable": False, "score": 0.9}, snapshot=None, features=lambda: {"SEX": 2},
        subject=lambda: {"sex": "2"}, lacks=lambda what, why: lacks.append((what, why)),
    )  # fmt: skip
    assert changes(cast("Decided", own), "model") is None
    assert ("changes", "the action 'other' was left out, for SEX is a protected attribute") in lacks


def action(**fields: Any) -> dict[str, Any]:
    return {"inputs": ["x"], "towards": "down", "to": [], "times": [], "text": "t {value} {before}"} | fields


def test_an_action_changes_only_numbers_and_only_its_way() -> None:
    (own,) = steps({"a": action(to=["5", "12", "0"])}, {"x": 10, "y": 1})
    assert [(step.place, dict(step.changed), step.text) for step in own] == [
        (0, {"x": (10, 5.0)}, "t 5 10"),
        (2, {"x": (10, 0.0)}, "t 0 10"),
    ]
    (own,) = steps({"a": action(times=["0.5"])}, {"x": 8.0})
    assert own[0].changed == {"x": (8.0, 4.0)}
    for value in (None, True, "8", 0, -4):  # half of -4 is more, and not less
        assert steps({"a": action(times=["0.5"])}, {"x": value}) == []


def test_fewer_and_nearer_changes_come_first_and_no_input_is_changed_twice() -> None:
    def step(name: str, place: int, *inputs: str) -> Step:
        return Step(name, name, place, dict.fromkeys(inputs, (1.0, 0.0)))

    own = [[step("a", 0, "x"), step("a", 1, "x")], [step("b", 0, "x", "y")], [step("c", 0, "z")], [step("d", 0, "w")]]
    found = ["".join(f"{one.action}{one.place}" for one in chosen) for chosen in candidates(own)]
    assert found[:5] == ["a0", "b0", "c0", "d0", "a1"]
    assert not any("a" in one and "b" in one for one in found)
    assert found[-1] == "a1c0d0"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"to": [], "times": []}, "has the values to try under `to`, or factors under `times`"),
        ({"to": [1], "times": [0.5]}, "and not both"),
        ({"to": [1], "times": [], "text": "{amount}"}, "the text has {amount}"),
        ({"to": [1], "times": [], "inputs": ["x", "y"], "text": "{value}"}, "names a value"),
        ({"to": [1], "times": [], "inputs": []}, "at least 1 item"),
        ({"to": list(range(7)), "times": []}, "at most 6 items"),
        ({"times": [-1]}, "greater than or equal to 0"),
        ({"to": [1], "towards": "left"}, "'up' or 'down'"),
    ],
)
def test_a_mistake_in_an_action_is_told(wrong: dict[str, Any], said: str) -> None:
    card = {"name": "m", "actions": {"a": {"inputs": ["x"], "towards": "down", "text": "t"} | wrong}}
    with pytest.raises(PolicyError) as caught:
        parse_card(json.dumps(card).encode(), "card.json")
    assert said in caught.value.mistakes[0].what


def test_an_action_on_what_is_no_input_is_refused(book: Logbook) -> None:
    card = CARD | {"actions": {"earn": ACTIONS["earn"] | {"inputs": ["incme"]}}}
    with pytest.raises(SourceError, match="the action 'earn' on the card names 'incme', which is no input") as caught:
        register_desk(book, card)
    assert "income" in str(caught.value.hint)


FORMULA = "income * 0.5 - max(debt, 0)"


def line_of(name: str, row: np.ndarray[Any, Any]) -> str:
    score = float(boosters.lightgbm_model().scores(row[None, :])[0])
    return ",".join([name, "1", "no", repr(score), "model", "f", *(repr(float(value)) for value in row)])


def test_an_input_that_follows_from_others_changes_with_them(desk: Logbook) -> None:
    register_desk(desk, CARD | {"actions": {"earn": ACTIONS["earn"]}, "derived": {"odd_name": FORMULA}})
    row = np.array([-1.5, 0.25, 1.0, 0.0, -1.0])
    other = np.array([-1.5, 0.25, 1.0, 0.0, -0.9])
    head = ",".join(["id", "version", "answer", "score", "stage", "gender", *boosters.FEATURES])
    desk.read("more.csv", "\n".join([head, line_of("poor", row), line_of("odd", other)]) + "\n", MAPPING)
    found, why = told(desk, "poor")
    assert found is not None, why
    assert found["candidates"] == 4
    after = np.array([[income, 0.25, 1.0, 0.0, income * 0.5 - 0.25] for income in (0.0, 0.5, 1.0, 2.0)])
    scores = boosters.lightgbm_model().scores(after)
    assert scores.max() > THRESHOLD  # else nothing is tried here
    nearest = int(np.argmax(scores > THRESHOLD))
    (one,) = found["found"]
    assert one["score"] == pytest.approx(scores[nearest], abs=1e-12)
    assert one["derived"] == [{"input": "odd_name", "from": -1.0, "to": pytest.approx(after[nearest][4])}]
    assert told(desk, "odd") == (None, f"the input 'odd_name' is not what the card's formula gives ({FORMULA})")


@pytest.mark.parametrize(
    ("formula", "inputs", "value"),
    [
        ("debt / income", {"debt": 1, "income": 4.0}, 0.25),
        ("-(a + 2) * min(b, 3, 1)", {"a": 1.0, "b": 2.0}, -3.0),
        ("a / b", {"a": 1.0, "b": 0.0}, None),
        ("a * a", {"a": 1e200}, None),
        ("a + b", {"a": 1.0}, None),
        ("0.5", {}, 0.5),
    ],
)
def test_a_formula_is_arithmetic(formula: str, inputs: dict[str, float | None], value: float | None) -> None:
    assert value_of(formula, inputs) == value


@pytest.mark.parametrize(
    "formula",
    [
        "__import__('os').system('true')", "a.b", "a ** b", "9 ** 9 ** 9", "a if b else c", "lambda: a", "[a]", "a > b",
        "0or a", "'\\d'", "min(a)", "min(*a)", "max(a, b, key=c)", "open(a, b)", "True", "'a' + b", "a b",
        "", "a\x00", "(" * 300, "+".join("a" * 200), "-" * 199 + "a" * 2,
    ],
)  # fmt: skip
def test_what_is_no_arithmetic_is_refused(formula: str) -> None:
    with pytest.raises(ValueError, match=r"formula"):
        names_in(formula)


def test_formulas_do_not_hang_together_and_are_not_changed(book: Logbook) -> None:
    for derived, said in (
        ({"a": "b + 1", "b": "c"}, "the formula of 'a' needs 'b', which follows from others itself"),
        ({"income": "a"}, "the action 'earn' changes 'income', which follows from other inputs"),
        ({"a": "os.system"}, "'os.system' is not for formulas"),
    ):
        with pytest.raises(PolicyError) as caught:
            parse_card(json.dumps(CARD | {"derived": derived}).encode(), "card.json")
        assert said in caught.value.mistakes[0].what
    with pytest.raises(SourceError, match="the formula of 'age' on the card names 'incme', which is no input"):
        register_desk(book, CARD | {"derived": {"age": "incme * 2"}})


def test_a_combination_whose_formula_divides_by_zero_is_left_out() -> None:
    derived = {"ratio": "debt / income"}
    assert followed(derived, {"debt": 1.0, "income": 2.0, "ratio": 0.5}, {"income": 0.0}) is None
    assert followed(derived, {"debt": 1.0, "income": 2.0, "ratio": 0.5}, {"debt": 0.0}) == {"debt": 0.0, "ratio": 0.0}
    assert followed(derived, {"age": 3, "income": None}, {"age": 4.0}) == {"age": 4.0}
    require_formulas(derived, {"debt": 1.0, "income": 3.0, "ratio": 0.3333})
    require_formulas(derived, {"debt": 1.0, "income": None, "ratio": None})
    for odd in ({"debt": 1.0, "income": 3.0, "ratio": 0.4}, {"debt": 1.0, "income": 3.0, "ratio": None}):
        with pytest.raises(SourceError, match="is not what the card's formula gives"):
            require_formulas(derived, odd)


FOUND = {
    "tried": ["you had earned 2", "you had owed <0>"],
    "candidates": 7,
    "threshold": 0.5,
    "found": [
        {"score": 0.4, "changes": [{"text": "you had owed <0>"}, {"text": "you had earned 2"}]},
        {"score": 0.3, "changes": [{"text": "you had moved"}]},
    ],
}


def written(**more: Any) -> Letter:
    return letter(changed(**more), NOBODY)


def test_the_letter_says_what_would_have_helped_what_not_and_what_is_unknown() -> None:
    titles = [part.title for part in written(changes=FOUND).parts]
    assert titles == [
        "The main reasons, the most important first", "Data about you that the system uses",
        "What would have changed the result", "What it means", "What you can do",
    ]  # fmt: skip
    part = written(changes=FOUND).parts[2]
    assert part.lines == ("if you had owed <0>, and you had earned 2", "if you had moved")
    assert "favourable result in each of these cases" in part.lead
    assert "no promise" in part.close
    none = written(changes=copy.deepcopy(FOUND) | {"found": []}).parts[2]
    assert "none of these would have led to another result" in none.lead
    assert none.lines == ("if you had earned 2", "if you had owed <0>")
    unknown = written(changes=None, missing=[{"what": "changes", "why": "a rule decided"}]).parts[2]
    assert unknown.lines == ("This cannot be told from what is on record.",)
    assert len(written(changes=None).parts) == 4
