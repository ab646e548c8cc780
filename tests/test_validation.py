"""Mistakes in what people write: each once, at its line, in one sentence."""

from __future__ import annotations

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from governance.documents import yamltext
from governance.documents.validation import validation_mistakes


class Leaf(BaseModel):
    model_config = ConfigDict(extra="forbid")

    size: float | str | None = None
    count: int = 0


class Tree(BaseModel):
    model_config = ConfigDict(extra="forbid")

    leaves: tuple[Leaf, ...] = Field(min_length=1)
    edges: int | tuple[float, ...] = 1


def mistakes(text: str) -> list[str]:
    document = yamltext.parse(text, "t.yaml")
    with pytest.raises(ValidationError) as caught:
        Tree.model_validate(document.value)
    return [f"{one.where}: {one.what}" for one in validation_mistakes(caught.value, document, Tree)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("leaves: [{size: [1]}]", ["t.yaml:1: leaves.0.size: input should be a valid number or a valid string"]),
        ("leaves: []", ["t.yaml:1: leaves: tuple should have at least 1 item after validation, not 0"]),
        ("edges: 2", ["t.yaml:1: leaves: field required"]),
        (
            "leaves:\n- {size: {}}\n- {count: x}",
            [
                "t.yaml:2: leaves.0.size: input should be a valid number or a valid string",
                "t.yaml:3: leaves.1.count: input should be a valid integer, unable to parse string as an integer",
            ],
        ),
        (
            "leaves: [{}]\nedges: [1, x]",
            [
                "t.yaml:2: edges: input should be a valid integer",
                "t.yaml:2: edges.1: input should be a valid number, unable to parse string as a number",
            ],
        ),
        ("leaves: [{siz: 1}]", ["t.yaml:1: leaves.0.siz: no field is called 'siz'"]),
    ],
)
def test_each_once(text: str, expected: list[str]) -> None:
    assert mistakes(text) == expected
