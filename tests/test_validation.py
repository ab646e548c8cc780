"""Mistakes in what people write: each once, at its line, in one sentence."""

from __future__ import annotations

from typing import Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from governance.documents import yamltext
from governance.documents.validation import validation_mistakes


class Leaf(BaseModel):
    model_config = ConfigDict(extra="forbid")

    size: float | str | None = None
    count: int = 0
    kind: Literal["black", "white"] = "black"


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
        ("leaves: [{size: [1]}]", ["t.yaml:1: leaves.0.size: this should be a number or text"]),
        ("leaves: []", ["t.yaml:1: leaves: at least 1 item must be listed, not 0"]),
        ("edges: 2", ["t.yaml:1: leaves: the field 'leaves' is missing"]),
        (
            "leaves:\n- {size: {}}\n- {count: x}",
            [
                "t.yaml:2: leaves.0.size: this should be a number or text",
                "t.yaml:3: leaves.1.count: this should be a whole number",
            ],
        ),
        (
            "leaves: [{}]\nedges: [1, x]",
            [
                "t.yaml:2: edges: this should be a whole number",
                "t.yaml:2: edges.1: this should be a number",
            ],
        ),
        ("leaves: [{siz: 1}]", ["t.yaml:1: leaves.0.siz: no field is called 'siz'"]),
    ],
)
def test_each_once(text: str, expected: list[str]) -> None:
    assert mistakes(text) == expected


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("leaves: [{siz: 1}]", "did you mean 'size'?"),
        ("leavs: [{}]\nleaves: [{}]", "did you mean 'leaves'?"),
        ("leaves: {a: b}", "write [a, b], or a line '- a' for each"),
        ("leaves: [text]", "write {name: value}, or a line 'name: value' for each"),
        ("leaves: [{count: '1.5'}]", "write digits alone, without quotes"),
        ("leaves: [{kind: blak}]", "did you mean 'black'?"),
        ("leaves: [{kind: 7}]", None),
        ("edges: 1", None),
    ],
)
def test_what_to_do_about_it(text: str, hint: str | None) -> None:
    document = yamltext.parse(text, "t.yaml")
    with pytest.raises(ValidationError) as caught:
        Tree.model_validate(document.value)
    assert next(validation_mistakes(caught.value, document, Tree)).hint == hint
