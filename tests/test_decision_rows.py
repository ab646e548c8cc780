"""Outputs of models as decisions: classes, scores, shares; a text that a model wrote is none."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from governance.formats.decision_rows import MAX_LABEL, answer_of, predicted

AT = datetime(2026, 7, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("output", "decision", "score", "confidence"),
    [
        pytest.param(1, "1", None, None, id="class"),
        pytest.param("approved", "approved", None, None, id="word"),
        pytest.param(True, "true", None, None, id="truth value"),
        pytest.param(Decimal("0.70"), None, "0.70", None, id="score"),
        pytest.param(0.5, None, "0.5", None, id="binary float"),
        pytest.param([Decimal("0.7")], None, "0.7", None, id="list of one"),
        pytest.param([Decimal("0.2"), Decimal("0.8")], "[0.2,0.8]", None, "0.8", id="shares"),
        pytest.param([1, 2], "[1,2]", None, None, id="list"),
        pytest.param({"label": "spam", "score": Decimal("0.9")}, "spam", "0.9", None, id="label and score"),
        pytest.param(
            {"prediction": 1, "probabilities": [Decimal("0.25"), Decimal("0.75")]}, "1", None, "0.75", id="V2"
        ),
        pytest.param({"generated_text": "Dear"}, None, None, None, id="an object with content"),
        pytest.param("x" * (MAX_LABEL + 1), None, None, None, id="a text that a model wrote"),
        pytest.param(None, None, None, None, id="nothing"),
        pytest.param([], None, None, None, id="empty"),
    ],
)
def test_what_an_output_says(output: Any, decision: str | None, score: str | None, confidence: str | None) -> None:
    answer = answer_of(output)
    assert answer.decision == decision
    assert answer.score == (None if score is None else Decimal(score))
    assert answer.confidence == (None if confidence is None else Decimal(confidence))


def request() -> dict[str, Any]:
    return {"request_uid": "m:1", "request_id": "1", "source": "m", "operation": "predict"}


def test_each_decision_has_its_inputs() -> None:
    row, flags = request(), set[str]()
    bodies = ({"instances": [[1], [2]]}, {"predictions": [Decimal("0.125"), 1]})
    found = predicted(row, bodies, AT, ("m", "3"), flags)
    assert [(item["decision_id"], item["score"], item["score_digits"]) for item in found.decisions] == [
        ("m:1#0", 0.125, 3),
        ("m:1#1", None, None),
    ]
    assert {
        model: [(item.decision_id, item.version, item.values) for item in rows]
        for model, rows in found.features.items()
    } == {"m": [("m:1#0", "3", {"column_0": 1}), ("m:1#1", "3", {"column_0": 2})]}
    assert (row["n_decisions"], flags) == (2, set())


def test_inputs_that_are_not_as_many_are_left_out_and_flagged() -> None:
    flags = set[str]()
    found = predicted(request(), ({"instances": [1, 2, 3]}, {"predictions": [1]}), AT, (None, None), flags)
    assert (len(found.decisions), found.features, flags) == (1, {}, {"items_differ"})


def test_no_answer_is_no_decision() -> None:
    row = request()
    assert predicted(row, ({"instances": [1]}, None), AT, (None, None), set()) == ([], {})
    assert row["n_decisions"] == 0
