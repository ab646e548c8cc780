"""What a predictive model answered, item by item, as decisions.

A log of predictions says what the model put out, not what was done with it:

    a whole number, a word, a truth value    the decision as logged (a class)
    a number with a point                    the score as logged; what it led to was decided elsewhere
    an object                                its `prediction`, `label`, `class` or `decision`; `score` or `probability`
    a list                                   the decision as JSON; confidence is the largest share if they add up to 1
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from governance.conversions import as_text, clean, look_up, number
from governance.rows import Row

DECISION_COLUMNS = (
    *("decision_id", "request_uid", "request_id", "source", "item_index", "decision_ts", "operation"),
    *("decision", "score", "score_digits", "confidence"),
)
_DECISION = ("decision", "prediction", "predicted_label", "label", "class")
_SCORE = ("score", "probability", "predicted_probability")
_ROUNDING = Decimal("0.001")  # chosen here: shares printed with three digits still add up to 1


class Answer(NamedTuple):
    """What a model put out for one item."""

    decision: str | None
    score: Decimal | None
    confidence: Decimal | None


def answer_of(output: Any) -> Answer:
    """The decision, score and confidence in one output of a model."""
    if isinstance(output, Mapping):
        named = next((output[name] for name in _DECISION if output.get(name) is not None), None)
        score = next((found for name in _SCORE if (found := _number(output.get(name))) is not None), None)
        if named is None and score is None:
            return Answer(as_text(output), None, None)
        inner = answer_of(named) if not isinstance(named, Mapping) else Answer(as_text(named), None, None)
        return Answer(inner.decision, inner.score if score is None else score, inner.confidence)
    if isinstance(output, list):
        return answer_of(output[0]) if len(output) == 1 else Answer(as_text(output), None, _largest_share(output))
    if _is_fractional(output):
        return Answer(None, _number(output), None)
    return Answer(None if output is None else as_text(output), None, None)


def _is_fractional(output: Any) -> bool:
    return isinstance(output, float) or (isinstance(output, Decimal) and output.as_tuple().exponent != 0)


def _number(value: Any) -> Decimal | None:
    if value is None or isinstance(value, bool | str | Mapping | list):
        return None
    exact = number(value, "output")
    return None if exact.is_nan() else exact


def _largest_share(output: list[Any]) -> Decimal | None:
    shares = [_number(item) for item in output]
    known = [share for share in shares if share is not None and 0 <= share <= 1]
    adds_up = len(known) == len(output) > 1 and abs(sum(known, Decimal(-1))) <= _ROUNDING
    return max(known) if adds_up else None


def decisions_of(
    request: Row, outputs: Iterable[Any], at: datetime, model: str | None, version: str | None
) -> list[Row]:
    """One decision per output.

    Args:
        request: The request row.
        outputs: What the model put out, in order of the items.
        at: When it was decided.
        model: Model that scored it, where the log says so.
        version: Its version, where the log says so.
    """
    return [
        {
            "decision_id": f"{request['request_uid']}#{place}",
            "request_uid": request["request_uid"],
            "request_id": request["request_id"],
            "source": request["source"],
            "item_index": place,
            "decision_ts": at,
            "operation": request["operation"],
            "model": model,
            "model_version": version,
            **_columns(answer_of(output)),
        }
        for place, output in enumerate(outputs)
    ]


def _columns(answer: Answer) -> Row:
    exponent = answer.score.as_tuple().exponent if answer.score is not None else None
    return {
        "decision": None if answer.decision is None else clean(answer.decision, "decision"),
        "score": None if answer.score is None else float(answer.score),
        "score_digits": -exponent if isinstance(exponent, int) and exponent < 0 else None,
        "confidence": None if answer.confidence is None else float(answer.confidence),
    }


def outputs_of(body: Any) -> list[Any]:
    """The outputs in the answer of a model server: `predictions`, `outputs`, `result`, or a list."""
    for name in ("predictions", "outputs", "result", "results"):
        found = look_up(body, (name,))
        if found is not None:
            return found if isinstance(found, list) else [found]
    return body if isinstance(body, list) else []
