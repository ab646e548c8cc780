"""What is kept of the body of a half that came alone: the inputs or the answers in it, and none of its other words.

A body that is made of them again has the same decisions and inputs as the whole one.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from governance.formats.conversions import as_text, look_up
from governance.formats.decision_rows import Answer, answer_of
from governance.formats.inference_bodies import inputs_of, outputs_of
from governance.records import text_of

_MODEL = ("model_name", "model_version")


def kept_inputs(body: Any) -> list[dict[str, str | None]]:
    """The inputs of each item of a call, as text, which is what their types are told by.

    Raises:
        UnreadableError: The body cannot be read as what it says it is.
    """
    return [
        {name: None if value is None else text_of(value) for name, value in item.items()} for item in inputs_of(body)
    ]


def body_of_inputs(kept: list[dict[str, str | None]]) -> Any:
    """The body of a call that has the inputs which `kept_inputs` gave."""
    return {"instances": kept}


def kept_answers(body: Any) -> dict[str, Any]:
    """What a model put out for each item of an answer, and the model that says so.

    Raises:
        UnreadableError: The body cannot be read as what it says it is.
    """
    answers = [[None if part is None else str(part) for part in answer_of(output)] for output in outputs_of(body)]
    model = {name: as_text(value) for name in _MODEL if (value := look_up(body, (name,)))}
    return model | {"predictions": answers}


def body_of_answers(kept: dict[str, Any]) -> Any:
    """The body of an answer that says what `kept_answers` gave."""
    return kept | {"predictions": [_answer(*parts) for parts in kept["predictions"]]}


def _answer(decision: str | None, score: str | None, confidence: str | None) -> Answer:
    exact = [None if number is None else Decimal(number) for number in (score, confidence)]
    return Answer(decision, exact[0], exact[1])
