"""The fields of one logged model request, by whichever of their names the log uses, and what was odd about them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from governance.conversions import (
    as_text,
    brief,
    canonical_json,
    clean,
    decode_json,
    look_up,
    microseconds,
    money,
    number,
    payload_state,
    sha256_of,
    whole,
)
from governance.sources import Row, UnreadableError

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from decimal import Decimal

Aliases = Mapping[str, tuple[str, ...]]

TOKEN_COLUMNS = ("input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens")
STATUS_WORDS = (  # in the order in which they are looked for in the class of an error
    ("timeout", ("timeout", "timedout", "timed_out", "deadline")),
    ("cancelled", ("cancel", "aborted")),
    ("blocked", ("contentpolicy", "content_policy", "content_filter", "contentfilter", "guardrail")),
)
TIMEOUT_CODES = (408, 504)  # RFC 9110: Request Timeout, Gateway Timeout
HTTP_CODES = range(100, 600)
HTTP_ERROR = 400

_LOOKS_LIKE_JSON = re.compile(r'\s*(?:\{\s*["}]|\[\s*[\]\[{"\d-])')


class Fields:
    """Reads columns out of one record.

    A name in the alias table is a key of the record, or `key#path`: a dotted path inside the object under that key,
    which may itself be JSON text. The first name that has a value wins.

    Args:
        values: The record, or its attributes.
        aliases: Column to names, in order of precedence.
        encoded: Keys whose values are JSON text even where they stand for a plain text or number.

    Attributes:
        flags: What was odd so far: nonfinite, bad_nested_json, nul_removed, negative_tokens.
    """

    def __init__(
        self, values: Mapping[str, Any], aliases: Aliases, encoded: Callable[[str], bool] = lambda _: False
    ) -> None:
        self.flags: set[str] = set()
        self._values = values
        self._aliases = aliases
        self._encoded = encoded
        self._nested: dict[str, Any] = {}

    def raw(self, column: str) -> Any:  # noqa: ANN401  (as logged)
        """The value under the first name that has one (null and empty text are none), as logged."""
        return self.first_of(*self._aliases[column])

    def first_of(self, *names: str) -> Any:  # noqa: ANN401  (as logged)
        """The value under the first of these names that has one, as logged."""
        for name in names:
            key, _, path = name.partition("#")
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

    def nested(self, key: str) -> Any:  # noqa: ANN401  (JSON is anything)
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


def token_flags(row: Row, reported_total: int | None) -> set[str]:
    """What does not add up in the token counts of a request row."""
    taken = [row.get(column) for column in TOKEN_COLUMNS]
    tokens_in, cache_read, cache_write, tokens_out, reasoning = taken
    flags = set()
    if tokens_in is not None and (cache_read or 0) + (cache_write or 0) > tokens_in:
        flags.add("cache_exceeds_input")
    if tokens_out is not None and (reasoning or 0) > tokens_out:
        flags.add("reasoning_exceeds_output")
    if tokens_in is not None and tokens_out is not None and reported_total not in {None, tokens_in + tokens_out}:
        flags.add("total_differs")
    return flags


def http_status(*candidates: object) -> int | None:
    """The first candidate that is an HTTP status code, as number or text."""
    for candidate in candidates:
        written = as_text(candidate).strip() if candidate is not None else ""
        if re.fullmatch(r"\d{3}", written, re.ASCII) and int(written) in HTTP_CODES:
            return int(written)
    return None


def error_status(error_type: str | None, code: int | None) -> str:
    """The status of a failed request: timeout, cancelled, blocked or error, by the class of its error and HTTP code."""
    if code in TIMEOUT_CODES:
        return "timeout"
    name = (error_type or "").lower()
    return next((status for status, words in STATUS_WORDS if any(word in name for word in words)), "error")


def parameter_text(name: str, value: object) -> str:
    """A sampling parameter as text, the same for each way to write it: `stop` is always a list."""
    if name == "stop" and not isinstance(value, list):
        value = [value]
    return as_text(value)


class Bodies:
    """The payload rows of one request, and the states that its own row names.

    Args:
        request_uid: The request.
        start_ts: When it started.

    Attributes:
        columns: The columns that the rows have.
        rows: The rows added so far.
        flags: What was odd in them: nul_removed.
    """

    columns = ("payload_id", "request_uid", "start_ts", "role", "body", "bytes", "sha256", "state")

    def __init__(self, request_uid: str, start_ts: datetime) -> None:
        self.rows: list[Row] = []
        self.flags: set[str] = set()
        self._request_uid = request_uid
        self._start_ts = start_ts

    def add(self, role: str, body: str | None) -> str:
        """Adds a body, where there is one.

        Returns:
            Its state: complete, truncated, redacted or absent.
        """
        if not body:
            return "absent"
        cleaned = clean(body, role)
        if cleaned != body:
            self.flags.add("nul_removed")
            body = cleaned
        state = payload_state(body)
        row = {
            "payload_id": f"{self._request_uid}#{role}",
            "request_uid": self._request_uid,
            "start_ts": self._start_ts,
            "role": role,
            "body": body,
            "bytes": len(body.encode()),
            "sha256": sha256_of(body),
            "state": state,
        }
        self.rows.append(row)
        return state


def body_text(value: object) -> str | None:
    """A prompt or response body as text: text as it is, anything else as JSON; null where it is empty."""
    if value is None or value in ("", [], {}):
        return None
    if isinstance(value, str):
        return None if value.strip() in {"", "{}", "[]", "null"} else value
    return canonical_json(value)
