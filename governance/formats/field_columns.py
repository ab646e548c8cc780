"""The fields of many records of one shape, column by column: what `Fields` reads of each, as long as nothing is odd.

A record with a value that is odd in any way - it would be flagged, refused, or is of a kind not foreseen here - is
named, and is then read alone by `Fields`. So both ways have the same result by construction, and this one may be brief.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeVar

from governance.formats.conversions import MAX_WHOLE, digits, look_up, number, whole
from governance.formats.fields import Aliases, Fields
from governance.formats.rows import UnreadableError

Values = Sequence[Any]
Read = TypeVar("Read")

_ONE = Aliases({"value": ("value",)})


class FieldColumns:
    """Reads columns out of many records that have the same keys.

    Args:
        records: How many there are.
        values: Key -> its value in each record, shape (records,); never None.
        aliases: The names of each column.
        encoded: Keys whose values are JSON text even where they stand for a plain text or number.

    Attributes:
        odd: Places of the records that must be read alone.
    """

    def __init__(
        self,
        records: int,
        values: Mapping[str, Values],
        aliases: Aliases,
        encoded: Callable[[str], bool] = lambda _: False,
    ) -> None:
        self.odd: set[int] = set()
        self._records = records
        self._values = values
        self._paths = aliases.paths
        self._named = {column for key in values for column in aliases.columns.get(key, ())}
        self._encoded = encoded
        self._nested: dict[str, Values] = {}

    def __len__(self) -> int:
        return self._records

    def raw(self, column: str) -> Values | None:
        """The value of each record under the first name that has one, as logged; None where no record has any."""
        found: Values | None = None
        for key, path in self._paths[column] if column in self._named else ():
            if key not in self._values:
                continue
            values = self._values[key]
            if path:
                values = [look_up(value, path) for value in self.nested(key)]
            elif self._encoded(key):
                values = self.nested(key)
            if "" in values:
                values = [None if value == "" else value for value in values]
            if found is None:
                found = values
            else:
                found = [new if old is None else old for old, new in zip(found, values, strict=True)]
            if None not in found:
                return found
        return None if found is None or found.count(None) == len(found) else found

    def nested(self, key: str) -> Values:
        """The value of each record under a key, decoded where it is JSON text."""
        if key not in self._nested:
            values = self._values.get(key)
            self._nested[key] = [None] * len(self) if values is None else self.each(values, _decoded)
        return self._nested[key]

    def each(self, values: Iterable[Any], read: Callable[[Fields], Read]) -> list[Read | None]:
        """What `Fields` reads of each value under the column `value`; a record that it flags or refuses is odd."""
        found: list[Read | None] = []
        for place, value in enumerate(values):
            fields = Fields({"value": value}, _ONE)
            read_value = None
            try:
                read_value = read(fields)
            except UnreadableError:
                self.odd.add(place)
            if fields.flags:
                self.odd.add(place)
            found.append(read_value)
        return found

    def text(self, column: str) -> Values | None:
        """The values as texts; null where nothing but white space is left."""
        values = self.raw(column)
        if values is None:
            return None
        if set(map(type, values)) != {str}:
            return self.cleaned(self.each(values, lambda fields: fields.text("value")))
        return self.cleaned([value.strip() or None for value in values])

    def cleaned(self, texts: Sequence[str | None]) -> Sequence[str | None]:
        """The texts; those that no column may hold make their record odd."""
        if not _is_clean("".join(filter(None, texts))):
            self.odd |= {place for place, text in enumerate(texts) if text and not _is_clean(text)}
        return texts

    def whole(self, column: str) -> Values | None:
        """The values as whole numbers."""
        values = self.raw(column)
        return None if values is None else self.integers(values)

    def integers(self, values: Values) -> Sequence[int | None]:
        """Whole numbers, as numbers or as texts."""
        kinds = set(map(type, values))
        if kinds == {int} and max(values) <= MAX_WHOLE and min(values) >= -MAX_WHOLE:
            return values
        plain = digits(values) if kinds == {str} else None
        return self.numbers(values, whole) if plain is None else plain

    def numbers(self, values: Values, read: Callable[[Decimal, str], Read]) -> list[Read | None]:
        """What is read of each exact number; one that is not finite, or cannot be read, makes its record odd."""
        found: list[Read | None] = []
        for place, value in enumerate(values):
            read_value = None
            if value is not None:
                try:
                    exact = number(value, "value")
                    read_value = None if exact.is_nan() else read(exact, "value")
                except UnreadableError:
                    pass
                if read_value is None:
                    self.odd.add(place)
            found.append(read_value)
        return found

    def tokens(self, column: str) -> Values | None:
        """The values as counts."""
        return self.refuse_negative(self.whole(column))

    def decimals(self, column: str, read: Callable[[Decimal, str], Read]) -> Values | None:
        """What is read of each value as an exact number."""
        values = self.raw(column)
        return None if values is None else self.numbers(values, read)

    def refuse_negative(self, values: Values | None) -> Values | None:
        """The numbers; negative ones make their record odd."""
        if values is not None and min((value for value in values if value is not None), default=0) < 0:
            self.odd |= {place for place, value in enumerate(values) if value is not None and value < 0}
        return values

    def texts(self, column: str) -> Values | None:
        """The values as lists of texts."""
        values = self.raw(column)
        return None if values is None else self.each(values, lambda fields: fields.texts("value"))


def _decoded(fields: Fields) -> Any:
    return fields.nested("value")


def _is_clean(text: str) -> bool:
    """Whether it holds neither a NUL character nor half a character (lone surrogate)."""
    try:
        return "\0" not in text and text.encode() is not None
    except UnicodeEncodeError:
        return False
