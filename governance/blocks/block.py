"""What every block of a report is: data with a stable JSON form, an HTML form, and a line of plain text.

The JSON form is what travels in an executed notebook; every page, PDF or export is made from it and never from HTML.
An object that can stand in a place where others can too carries its kind as `"type"`.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from html import escape
from math import isfinite
from types import NoneType, UnionType
from typing import Any, ClassVar, Literal, TypeAlias, Union, get_args, get_origin, get_type_hints

from governance.display import visible

MIME = "application/vnd.governance.block+json"

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"


class Block(ABC):
    """One thing that a report shows; its text is data and never markup."""

    type: ClassVar[str]

    @abstractmethod
    def to_html(self) -> str:
        """The block as HTML whose every text is escaped."""

    @abstractmethod
    def plain(self) -> str:
        """The block in a line or few, for a terminal and for diffs."""

    def to_json(self) -> dict[str, Json]:
        """The block as a JSON document with its `type` first."""
        return {"type": self.type, **_document(self)}

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Json]:
        """What Jupyter shows and papermill keeps."""
        del include, exclude
        return {
            MIME: self.to_json(),
            "text/html": f'<div class="gov">{STYLE}{self.to_html()}</div>',
            "text/plain": self.plain(),
        }


# Enough to be readable in a notebook, in light and dark themes; reports bring a style sheet of their own. Jupyter's own
# sheet aligns all cells to the right and floats the names of facts beside their values, which overlap then.
STYLE = (
    "<style>.gov table{border-collapse:collapse;font-variant-numeric:tabular-nums}.gov caption{text-align:left;"
    "font-weight:600}.gov .table th,.gov .table td{text-align:left}.gov .table tbody th,.gov dt{font-weight:400}"
    ".gov .table .num{text-align:right}"
    ".gov svg{max-width:100%;height:auto}.gov dl{display:grid;grid-template-columns:max-content 1fr;gap:.2em 1.5em}"
    ".gov dl>div{display:contents}.gov dt,.gov dd{float:none;clear:none;width:auto;margin:0;padding:0}"
    ".gov dl.tiles{display:flex;gap:1.5em}.gov dl.tiles>div{display:block}</style>"
)


LONG_WORD = 24  # chosen here: characters; a longer word is an id or a digest, and may be broken anywhere


def has_long_word(text: str) -> bool:
    """Whether a word of the text would push a column wide if it could not be broken."""
    return any(len(word) > LONG_WORD for word in text.replace("-", " ").split())


def text_html(text: str) -> str:
    """Text by a stranger as HTML."""
    return escape(visible(text))


def _document(value: Any) -> dict[str, Json]:
    """The fields of a dataclass in their order."""
    return {field.name: encoded(getattr(value, field.name)) for field in fields(value)}


def encoded(value: object) -> Json:
    """A value of a block as JSON: exact decimals and times as text, objects with their type.

    Raises:
        ValueError: A float is not finite; what cannot be computed is None with a reason.
    """
    match value:
        case None | bool() | int() | str():
            return value
        case float() if isfinite(value):
            return value
        case Decimal() if value.is_finite():
            return str(value)
        case date():
            return value.isoformat()
        case tuple():
            return [encoded(one) for one in value]
        case _ if is_dataclass(value):
            kind = getattr(value, "type", None)
            return {**({"type": kind} if kind else {}), **_document(value)}
        case _:
            raise ValueError(f"{value!r} cannot stand in a block")


def revived(hint: Any, value: Json) -> Any:
    """The value that a JSON document stands for, of the type that the hint demands.

    Raises:
        ValueError: It is of another type.
    """
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in {Union, UnionType}:
        return _one_of(arguments, value)
    if origin is Literal and value in arguments:
        return value
    if origin is tuple and isinstance(value, list):
        hints = arguments[:1] * len(value) if arguments[-1] is Ellipsis else arguments
        return tuple(revived(one, entry) for one, entry in zip(hints, value, strict=True))
    if isinstance(hint, type) and is_dataclass(hint) and isinstance(value, dict):
        return _object(hint, value)
    if origin is None and _fits(hint, value):
        return _scalar(hint, value)
    raise ValueError(f"{str(value)[:80]!r} is not what a block holds here")


def _one_of(hints: tuple[Any, ...], value: Json) -> Any:
    """The value as the first member of a union that it can be."""
    if isinstance(value, dict):
        kinds = {one.type: one for one in hints if is_dataclass(one) and hasattr(one, "type")}
        kind = kinds.get(str(value.get("type")))
        if kind is None:
            raise ValueError(f"no block is called {str(value.get('type'))[:80]!r} here")
        return _object(kind, value)
    for hint in sorted(hints, key=lambda one: one is float):  # a whole number stays whole where both are allowed
        if get_origin(hint) is tuple and isinstance(value, list):
            return revived(hint, value)
        if get_origin(hint) is None and _fits(hint, value):
            return _scalar(hint, value)
    raise ValueError(f"{str(value)[:80]!r} is not what a block holds here")


def _object(kind: Any, value: Mapping[str, Json]) -> Any:
    """A dataclass from its document; every field must be known, and those without default given."""
    hints = _hints(kind)
    known = {field.name: field for field in fields(kind)}
    given = {name: entry for name, entry in value.items() if name != "type"}
    strange = sorted(given.keys() - known.keys())
    missing = [n for n, f in known.items() if n not in given and f.default is MISSING and f.default_factory is MISSING]
    if strange or missing:
        raise ValueError(
            f"{kind.__name__} has no field {strange[0]!r}" if strange else f"{kind.__name__} needs {missing[0]!r}"
        )
    return kind(**{name: revived(hints[name], entry) for name, entry in given.items()})


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def _fits(hint: Any, value: Json) -> bool:
    if hint is NoneType:
        return value is None
    if hint in {date, datetime, Decimal}:
        return isinstance(value, str)
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(hint, type) and isinstance(value, hint)


def _scalar(hint: Any, value: Json) -> Any:
    if hint is datetime:
        return datetime.fromisoformat(str(value))
    if hint is float:
        return float(str(value))
    return value
