"""What pydantic says of a YAML document, as mistakes with their lines: each thing that is wrong once."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, get_args

from governance.documents import yamltext
from governance.errors import Mistake, nearest

if TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError
    from pydantic_core import ErrorDetails

_SHOULD_BE = "this should be "
# Beginning of pydantic's name for an error -> what the value should be, and how that is written in YAML
_WORDS = {
    "bool": ("true or false", "write true or false, without quotes"),
    "int_": ("a whole number", "write digits alone, without quotes"),
    "float": ("a number", "write it without quotes, such as 0.05"),
    "decimal": ("a number", "write it without quotes, such as 0.05"),
    "string_type": ("text", "put it in quotes"),
    "date_": ("a day", "write 2026-09-30"),
    "datetime": ("a moment", "write 2026-09-30T12:00:00Z"),
    "list_type": ("a list", "write [a, b], or a line '- a' for each"),
    "tuple_type": ("a list", "write [a, b], or a line '- a' for each"),
    "dict_type": ("a mapping", "write {name: value}, or a line 'name: value' for each"),
    "model_type": ("a mapping", "write {name: value}, or a line 'name: value' for each"),
}
_NAME = r"[a-z0-9][a-z0-9-]{0,62}"


def validation_mistakes(
    error: ValidationError, document: yamltext.Document, model: type[BaseModel], prefix: tuple[str | int, ...] = ()
) -> Iterator[Mistake]:
    """The mistakes that pydantic found, each at its line, with the nearest known name for a misspelt one.

    A value that is none of several types is one mistake, not one for each; a list that is too short because what it
    holds is wrong is none of its own.
    """
    found: dict[tuple[str | int, ...], list[tuple[str, str | None]]] = {}
    errors = error.errors()
    places = [_place(item, document.value, prefix) for item in errors]
    for item, place in zip(errors, places, strict=True):
        if item["type"] == "extra_forbidden":
            name = str(place[-1])
            known = _fields(model, place[len(prefix) : -1])
            yield Mistake(document.at(place), f"no field is called '{name}'", nearest(name, known))
        elif item["type"] != "too_short" or not any(_is_inside(other, place) for other in places):
            found.setdefault(place, []).append(_said(item))
    for place, said in found.items():
        for what, hint in _merged(said):
            yield Mistake(document.at(place), what, hint)


def _said(item: ErrorDetails) -> tuple[str, str | None]:
    """What is wrong and what to do about it, in the words of somebody who writes YAML."""
    for name, (wanted, how) in _WORDS.items():
        if item["type"].startswith(name):
            return _SHOULD_BE + wanted, how
    known = _own_words(item, item.get("ctx", {}))
    if known is not None:
        return known
    text = item["msg"].removeprefix("Value error, ")
    if text.startswith("Input should be "):
        return _SHOULD_BE + text.removeprefix("Input should be "), None
    return text[0].lower() + text[1:], None


def _own_words(item: ErrorDetails, context: dict[str, Any]) -> tuple[str, str | None] | None:
    match item["type"]:
        case "missing":
            return f"the field '{item['loc'][-1]}' is missing", None
        case "too_short":
            return f"at least {context['min_length']} item must be listed, not {context['actual_length']}", None
        case "string_pattern_mismatch" if _NAME in context["pattern"]:
            return "this is no name", "use small letters, digits and hyphens, at most 63"
        case "string_pattern_mismatch" if context["pattern"] == r"\S":
            return "this is blank", None
        case "literal_error":
            known = re.findall(r"'([^']*)'", context["expected"])
            return f"{_SHOULD_BE}{context['expected']}", nearest(str(item["input"]), known)
        case _:
            return None


def _fields(model: type[BaseModel], path: Sequence[str | int]) -> tuple[str, ...]:
    """Names of the fields that may stand at a place below a model; none where no model says so."""
    annotation: Any = model
    for step in path:
        for own in _models(annotation):
            by_name = {field.alias or name: field for name, field in own.model_fields.items()}
            if step in by_name:
                annotation = by_name[str(step)].annotation
                break
    return tuple(field.alias or name for own in _models(annotation) for name, field in own.model_fields.items())


def _models(annotation: Any) -> list[Any]:
    """The models in an annotation, such as those in `tuple[A, ...] | B | None`."""
    if isinstance(annotation, type) and hasattr(annotation, "model_fields"):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models(part)]


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


def _merged(said: Sequence[tuple[str, str | None]]) -> list[tuple[str, str | None]]:
    """Each sentence once; those that say what the value should be as one."""
    once = dict(reversed(said))
    wanted = {what.removeprefix(_SHOULD_BE): hint for what, hint in said if what.startswith(_SHOULD_BE)}
    others = [(what, once[what]) for what in dict.fromkeys(what for what, _ in said) if not what.startswith(_SHOULD_BE)]
    hints = list(dict.fromkeys(hint for hint in wanted.values() if hint))
    merged = [(_SHOULD_BE + " or ".join(wanted), "; or ".join(hints) or None)] if wanted else []
    return [*merged, *others]
