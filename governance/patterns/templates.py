"""One line of JSON -> the bytes between its values, and the object with a slot in place of each value."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from governance.compiled.tree import BARE, TEXT

MAX_SLOTS = 200  # chosen here: a dozen spans in a line; with more, hardly two lines have as many
# Texts with the colon behind them if they are keys, numbers and words: all that is no mark, in a line that is JSON
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"([ \t\r\n]*:)?|[-+.\w]+')


@dataclass(frozen=True, slots=True)
class Slot:
    """The place of a value in lines of one pattern.

    Attributes:
        number: Which of their values, from 0.
        kind: TEXT or BARE.
    """

    number: int
    kind: int


class Template(NamedTuple):
    """What lines have in common.

    Attributes:
        literals: Bytes before each value, and behind the last one with the line end.
        kinds: What each value is, TEXT or BARE.
        value: The object, a `Slot` in place of each value.
    """

    literals: tuple[bytes, ...]
    kinds: tuple[int, ...]
    value: dict[str, Any]


def template_of(line: bytes, value: dict[str, Any]) -> Template | None:
    """The template of a line; None where nothing, or too much, differs between lines.

    Null, the keys of key-value messages and codes of a status are no values, for they say what the others mean.

    Args:
        line: An object, and its line end.
        value: What the strict parser read of it; slots are put into it.
    """
    tokens = [token for token in _TOKEN.finditer(line) if token[1] is None]
    leaves = list(_leaves(value))
    if len(tokens) != len(leaves):
        return None
    literals, kinds, at = list[bytes](), list[int](), 0
    for token, (holder, key) in zip(tokens, leaves, strict=True):
        if _is_literal(holder, key):
            continue
        kind = TEXT if token[0].startswith(b'"') else BARE
        start, end = (token.start() + 1, token.end() - 1) if kind == TEXT else token.span()
        literals.append(line[at:start])
        holder[key] = Slot(len(kinds), kind)
        kinds.append(kind)
        at = end
    return Template((*literals, line[at:]), tuple(kinds), value) if 0 < len(kinds) <= MAX_SLOTS else None


def _leaves(value: Any) -> Iterator[tuple[Any, Any]]:
    """Where each value stands, in their order: what holds it, and its key or place in that."""
    for key, item in value.items() if isinstance(value, dict) else enumerate(value):
        if isinstance(item, dict | list):
            yield from _leaves(item)
        else:
            yield value, key


def _is_literal(holder: Any, key: Any) -> bool:
    return holder[key] is None or (key == "key" and "value" in holder) or key == "code"
