"""What a predictive model answered, item by item, as decisions.

A log of predictions says what the model put out, not what was done with it:

    a whole number, a word, a truth value    the decision as logged (a class)
    a number with a point                    the score as logged; what it led to was decided elsewhere
    an object                                its `prediction`, `label`, `class` or `decision`; `score` or `probability`
    a list                                   the decision as JSON; confidence is the largest share if they add up to 1

A longer text is no class but content: it is kept as a body only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from governance.formats.conversions import as_text, clean, number
from governance.formats.inference_bodies import inputs_of, outputs_of
from governance.formats.rows import InputRow, Row

DECISION_COLUMNS = (
    *("decision_id", "request_uid", "request_id", "source", "item_index", "decision_ts", "operation"),
    *("decision", "score", "score_digits", "confidence"),
)
_DECISION = ("decision", "prediction", "predicted_label", "label", "class")
_SCORE = ("score", "probability", "predicted_probability")
_SHARES = ("probabilities", "predict_proba")
MAX_LABEL = 200  # characters; chosen here: longer is a text that a model wrote, not the name of a class
_ROUNDING = Decimal("0.001")  # chosen here: shares printed with three digits still add up to 1


class Answer(NamedTuple):
    """What a model put out for one item."""

    decision: str | None
    score: Decimal | None
    confidence: Decimal | None


def answer_of(output: Any) -> Answer:
    """The decision, score and confidence in one output of a model; an answer that was found before as it is."""
    if isinstance(output, Answer):
        return output
    if isinstance(output, Mapping):
        named = next((output[name] for name in _DECISION if output.get(name) is not None), None)
        score = next((found for name in _SCORE if (found := _number(output.get(name))) is not None), None)
        shares: list[Any] = next((output[name] for name in _SHARES if isinstance(output.get(name), list)), [])
        inner = Answer(None, None, None) if isinstance(named, Mapping) else answer_of(named)
        confidence = _largest_share(shares) if inner.confidence is None else inner.confidence
        return Answer(inner.decision, inner.score if score is None else score, confidence)
    if isinstance(output, list):
        return answer_of(output[0]) if len(output) == 1 else Answer(_label(output), None, _largest_share(output))
    if _is_fractional(output):
        return Answer(None, _number(output), None)
    return Answer(_label(output), None, None)


def _label(output: Any) -> str | None:
    if output is None or output == []:
        return None
    written = as_text(output)
    return written if len(written) <= MAX_LABEL else None


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


class Predicted(NamedTuple):
    """The decisions of a request, and their inputs by model."""

    decisions: list[Row]
    features: dict[str, list[InputRow]]


def predicted(
    request: Row, bodies: tuple[Any, Any], at: datetime, model: tuple[str | None, str | None], flags: set[str]
) -> Predicted:
    """One decision for each output of a model server's answer, with the inputs that led to it.

    Args:
        request: The request row; its `n_decisions` is set.
        bodies: Request and answer, decoded.
        at: When it was decided.
        model: Model that scored it and its version, where the log says so.
        flags: What is odd; grows by `items_differ` where there are not as many items in as out.
    """
    decisions = decisions_of(request, outputs_of(bodies[1]), at, *model)
    items = inputs_of(bodies[0]) if decisions else []
    request["n_decisions"] = len(decisions)
    if items and len(items) != len(decisions):
        flags.add("items_differ")
        items = []
    rows = [
        InputRow(decision["decision_id"], at, model[1] or "", item)
        for decision, item in zip(decisions, items, strict=False)
    ]
    return Predicted(decisions, {model[0] or "": rows} if rows else {})


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
