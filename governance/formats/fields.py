"""The fields of one logged record, by whichever of their names the log uses, and what was odd about them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from governance.formats.conversions import (
    as_text,
    brief,
    clean,
    decode_json,
    look_up,
    microseconds,
    money,
    number,
    whole,
)
from governance.formats.rows import UnreadableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from decimal import Decimal

_LOOKS_LIKE_JSON = re.compile(r'\s*(?:\{\s*["}]|\[\s*[\]\[{"\d-])')


class Aliases:
    """The names of each column, ready for look-up.

    A name is a key of the record, or `key#path`: a dotted path inside the object under that key, which may itself be
    JSON text. The first name that has a value wins.

    Args:
        names: Column to names, in order of precedence.
    """

    def __init__(self, names: Mapping[str, Iterable[str]]) -> None:
        self.paths = {column: tuple(map(self._path, written)) for column, written in names.items()}
        self.columns: dict[str, list[str]] = {}
        for column, paths in self.paths.items():
            for key in dict.fromkeys(key for key, _ in paths):
                self.columns.setdefault(key, []).append(column)

    @staticmethod
    def _path(name: str) -> tuple[str, tuple[str, ...]]:
        key, _, path = name.partition("#")
        return key, tuple(path.split(".")) if path else ()


class Fields:
    """Reads columns out of one record.

    Args:
        values: The record, or its attributes.
        aliases: The names of each column.
        encoded: Keys whose values are JSON text even where they stand for a plain text or number.

    Attributes:
        flags: What was odd so far: nonfinite, bad_nested_json, nul_removed, negative_tokens.
    """

    def __init__(
        self, values: Mapping[str, Any], aliases: Aliases, encoded: Callable[[str], bool] = lambda _: False
    ) -> None:
        self.flags: set[str] = set()
        self._values = values
        self._paths = aliases.paths
        # A record has a dozen keys, the aliases hundreds: only the columns that some key can fill are looked for
        self._named = {column for key in values for column in aliases.columns.get(key, ())}
        self._encoded = encoded
        self._nested: dict[str, Any] = {}

    def raw(self, column: str) -> Any:
        """The value under the first name that has one (null and empty text are none), as logged."""
        for key, path in self._paths[column] if column in self._named else ():
            value = self._values.get(key)
            if value is None:
                continue
            if path:
                value = look_up(self.nested(key), path)
            elif self._encoded(key):
                value = self.nested(key)
            if value is not None and value != "":
                return value
        return None

    def nested(self, key: str) -> Any:
        """The value under a key, decoded where it is JSON text; text that is no JSON stays text."""
        if key not in self._nested:
            value = self._values.get(key)
            if isinstance(value, str):
                try:
                    value = decode_json(value)
                except ValueError:
                    if _LOOKS_LIKE_JSON.match(value):
                        self.flags.add("bad_nested_json")
            self._nested[key] = value
        return self._nested[key]

    def text(self, column: str) -> str | None:
        """The value as text without NUL characters; null where nothing but white space is left."""
        value = self.raw(column)
        if isinstance(value, list) and len(value) == 1:
            value = value[0]
        return None if value is None else self.cleaned(as_text(value), column).strip() or None

    def cleaned(self, text: str, column: str) -> str:
        """The text without NUL characters."""
        cleaned = clean(text, column)
        if cleaned != text:
            self.flags.add("nul_removed")
        return cleaned

    def decimal(self, column: str) -> Decimal | None:
        """The value as an exact number; null where it is not finite."""
        value = self.raw(column)
        if value is None:
            return None
        exact = number(value, column)
        if exact.is_nan():
            self.flags.add("nonfinite")
            return None
        return exact

    def whole(self, column: str) -> int | None:
        """The value as a whole number."""
        exact = self.decimal(column)
        return None if exact is None else whole(exact, column)

    def tokens(self, column: str) -> int | None:
        """The value as a count; a negative one, which loggers write for "unknown", is null."""
        count = self.whole(column)
        if count is not None and count < 0:
            self.flags.add("negative_tokens")
            return None
        return count

    def money(self, column: str) -> Decimal | None:
        """The value as DECIMAL(18,12)."""
        exact = self.decimal(column)
        return None if exact is None else money(exact, column)

    def microseconds(self, column: str, unit_us: int) -> int | None:
        """The value, a duration in units of `unit_us` microseconds, as whole microseconds; null if negative."""
        exact = self.decimal(column)
        if exact is not None and exact < 0:
            self.flags.add("negative_duration")
            return None
        return None if exact is None else microseconds(exact, column, unit_us)

    def texts(self, column: str) -> list[str] | None:
        """The value as a list of texts: a list, the JSON text of one, or one text."""
        value = self.raw(column)
        if isinstance(value, str) and value.lstrip().startswith("["):
            try:
                value = decode_json(value)
            except ValueError:
                self.flags.add("bad_nested_json")
        items = value if isinstance(value, list) else [value]
        return [self.cleaned(as_text(item), column) for item in items if item is not None and item != ""] or None

    def boolean(self, column: str) -> bool | None:
        """The value as a truth value; null where it is none, as LiteLLM's text `None`.

        Raises:
            UnreadableError: `type_mismatch`, neither true nor false.
        """
        value = self.raw(column)
        word = as_text(value).strip().lower() if value is not None else "null"
        if word in {"true", "1"}:
            return True
        if word in {"false", "0"}:
            return False
        if word in {"none", "null", ""}:
            return None
        raise UnreadableError("type_mismatch", f"{column} is neither true nor false: {brief(value)}")

    def scalars(self, column: str) -> dict[str, str]:
        """The plain members of an object (texts, numbers, truth values) as text, for a map of tags."""
        value = self.raw(column)
        if isinstance(value, str):
            try:
                value = decode_json(value)
            except ValueError:
                self.flags.add("bad_nested_json")
        if not isinstance(value, Mapping):
            return {}
        plain = {key: item for key, item in value.items() if item is not None and not isinstance(item, Mapping | list)}
        return {self.cleaned(key, column): self.cleaned(as_text(item), column) for key, item in plain.items()}

    def labels(self, column: str) -> dict[str, str]:
        """A list of labels as a map of tags: each label with the value `true`."""
        return dict.fromkeys(self.texts(column) or (), "true")
