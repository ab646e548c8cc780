"""Which spans are requests to a model, and of what kind."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple

from governance.formats.conversions import as_text
from governance.formats.genai_names import OPERATIONS, OTHER_SPANS
from governance.formats.rows import Ignored

_OPEN = "gen_ai.operation.name"  # conventions add operations; an unknown one that counts tokens is a request
# columns that `body_operation` reads, as logged and as texts
BODY_COLUMNS = ("body_object", "body_messages", "body_prompt", "body_images")
ID_COLUMNS = ("output_type", "client_request_id", "response_id")


class SaidByBody(NamedTuple):
    """The operation is what the body of the request says.

    Attributes:
        otherwise: The operation if the body does not say it.
    """

    otherwise: str


def kind_word(value: Any) -> str:
    """The value of an attribute that names a kind of span, as it is compared."""
    return as_text(value or "").strip('"').lower()


def kind_words(values: Sequence[Any]) -> list[str]:
    """The `kind_word` of each value, shape (values,); logs repeat a few of them."""
    if set(map(type, values)) != {str}:
        return [kind_word(value) for value in values]
    known = {value: kind_word(value) for value in set(values)}
    return [known[value] for value in values]


def span_kind(words: Mapping[str, str], *, is_like_a_request: bool) -> str | SaidByBody | Ignored:
    """The operation of a model request, or what the span is instead.

    Args:
        words: Attribute of `OPERATIONS` -> its `kind_word`, of those that the span has.
        is_like_a_request: Whether it has one of the signs of a request.
    """
    for name, operations in OPERATIONS.items():
        word = words.get(name, "")
        if word in {"", "unknown"}:
            continue
        if word in operations:
            return operations[word] or SaidByBody("chat")
        if word not in OTHER_SPANS and name == _OPEN and is_like_a_request:
            return word
        return Ignored(OTHER_SPANS.get(word, f"{word} span"))
    return SaidByBody("inference") if is_like_a_request else Ignored("not a model request")


def body_operation(
    raw: Callable[[str], Any], text: Callable[[str], str | None], attributes: Collection[str], span_name: str
) -> str | None:
    """The operation that the bodies of a request say, or the form of its id.

    Args:
        raw: The value of a column, as logged.
        text: The value of a column, as text.
        attributes: Names of the span's own attributes.
        span_name: Its name.
    """
    if text("output_type") == "image":
        return "image"
    if raw("body_object") == "text_completion" or _has(attributes, "llm.prompts.", "llm.choices."):
        return "completion"
    if raw("body_messages") or _has(attributes, "llm.input_messages.", "gen_ai.input.messages"):
        return "chat"
    if raw("body_prompt"):
        is_image = raw("body_images") is not None or span_name.lower().startswith("image")
        return "image" if is_image else "completion"
    request_id = text("client_request_id") or text("response_id") or ""
    return {"chatcmpl": "chat", "cmpl": "completion"}.get(request_id.partition("-")[0])


def _has(attributes: Collection[str], *starts: str) -> bool:
    return any(key.startswith(starts) for key in attributes)
