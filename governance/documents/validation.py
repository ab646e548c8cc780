"""What pydantic says of a YAML document, as mistakes with their lines: each thing that is wrong once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from governance.documents import yamltext
from governance.errors import Mistake, nearest

if TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError
    from pydantic_core import ErrorDetails

_SHOULD_BE = "input should be "


def validation_mistakes(
    error: ValidationError, document: yamltext.Document, model: type[BaseModel], prefix: tuple[str | int, ...] = ()
) -> Iterator[Mistake]:
    """The mistakes that pydantic found, each at its line, with the nearest known name for a misspelt one.

    A value that is none of several types is one mistake, not one for each; a list that is too short because what it
    holds is wrong is none of its own.
    """
    found: dict[tuple[str | int, ...], list[str]] = {}
    errors = error.errors()
    places = [_place(item, document.value, prefix) for item in errors]
    for item, place in zip(errors, places, strict=True):
        if item["type"] == "extra_forbidden":
            name = str(place[-1])
            known = tuple(model.model_fields)
            yield Mistake(document.at(place), f"no field is called '{name}'", nearest(name, known))
        elif item["type"] != "too_short" or not any(_is_inside(other, place) for other in places):
            text = item["msg"].removeprefix("Value error, ")
            found.setdefault(place, []).append(text[0].lower() + text[1:])
    for place, texts in found.items():
        for what in _merged(texts):
            yield Mistake(document.at(place), what)


def _place(item: ErrorDetails, value: Any, prefix: tuple[str | int, ...]) -> tuple[str | int, ...]:
    """Where in the document an error is: pydantic names the branches of a choice of types too."""
    steps = (*prefix, *item["loc"])
    path: list[str | int] = []
    for number, step in enumerate(steps):
        below = _below(value, step)
        names_what_is_not_there = item["type"] == "missing" and number == len(steps) - 1
        if below is not _NOTHING or names_what_is_not_there:
            path.append(step)
            value = below
    return tuple(path)


_NOTHING = object()


def _below(value: Any, step: str | int) -> Any:
    if isinstance(value, dict):
        return value.get(step, _NOTHING)
    if isinstance(value, list) and isinstance(step, int) and step < len(value):
        return value[step]
    return _NOTHING


def _is_inside(place: Sequence[str | int], other: Sequence[str | int]) -> bool:
    return len(place) > len(other) and tuple(place[: len(other)]) == tuple(other)


def _merged(texts: Sequence[str]) -> list[str]:
    """Each sentence once; those that say what the value should be as one."""
    wanted = list(dict.fromkeys(text.removeprefix(_SHOULD_BE) for text in texts if text.startswith(_SHOULD_BE)))
    others = [text for text in dict.fromkeys(texts) if not text.startswith(_SHOULD_BE)]
    return [*([_SHOULD_BE + " or ".join(wanted)] if wanted else []), *others]
