"""Values of logs as canonical values: exact times, durations, money, tokens, ids, nested JSON.

No value goes through a binary float: a float that a caller still has is taken by its shortest decimal text.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from governance.formats.rows import UnreadableError

if TYPE_CHECKING:
    from collections.abc import Sequence

US_PER_S = 1_000_000
US_PER_MS = 1_000
NS_PER_US = 1_000
MAX_WHOLE = 2**63 - 1
MONEY_DIGITS = Decimal("0.000000000001")  # DECIMAL(18,12)
MONEY_LIMIT = Decimal(1_000_000)
JSON_LEVELS = 3  # text inside text: three is the most seen in real logs, more is an attack

REDACTED_MARKERS = ("__REDACTED__", "redacted-by-litellm")  # OpenInference, LiteLLM
TRUNCATED_MARKERS = ("litellm_truncated",)

NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,4})?", re.ASCII)
_NOT_FINITE = {"nan", "inf", "+inf", "-inf", "infinity", "+infinity", "-infinity"}
_MAX_DIGITS = 400  # no logged number is longer; int() of a longer text costs quadratic time
_WHOLE_DIGITS = len(str(MAX_WHOLE))
_NAN = Decimal("NaN")


def number(value: object, field: str) -> Decimal:
    """The number as an exact decimal; NaN where the log says NaN or Infinity.

    Raises:
        UnreadableError: `type_mismatch`, neither a number nor the text of one.
    """
    if isinstance(value, Decimal):
        return value if value.is_finite() else _NAN
    if isinstance(value, int) and not isinstance(value, bool):
        return Decimal(value)
    if isinstance(value, float | str):
        written = str(value).strip()
        if written.lower() in _NOT_FINITE:
            return _NAN
        if len(written) <= _MAX_DIGITS and NUMBER.fullmatch(written):
            return Decimal(written)
    raise UnreadableError("type_mismatch", f"{field} is not a number: {brief(value)}")


def whole(value: Decimal, field: str) -> int:
    """The number as a 64-bit integer.

    Raises:
        UnreadableError: `type_mismatch` for a fraction, `out_of_range` beyond 64 bits.
    """
    if value and value.adjusted() > len(str(MAX_WHOLE)):  # before int(), which would write out 1e999999
        raise UnreadableError("out_of_range", f"{field} does not fit 64 bits: {brief(value)}")
    if value != value.to_integral_value():
        raise UnreadableError("type_mismatch", f"{field} is not a whole number: {brief(value)}")
    if abs(value) > MAX_WHOLE:
        raise UnreadableError("out_of_range", f"{field} does not fit 64 bits: {brief(value)}")
    return int(value)


def digits(texts: Sequence[str]) -> list[int] | None:
    """The whole numbers that texts are, shape (texts,); None unless all are plain digits that fit 64 bits."""
    joined = "".join(texts)
    if not joined.isascii() or not joined.isdigit() or "" in texts or max(map(len, texts)) > _WHOLE_DIGITS:
        return None
    found = list(map(int, texts))
    return found if max(found) <= MAX_WHOLE else None


def money(value: Decimal, field: str) -> Decimal:
    """The amount with twelve decimals, rounded half to even.

    Raises:
        UnreadableError: `out_of_range`, a million or more in either direction.
    """
    fits = not value or value.adjusted() < len(str(MONEY_LIMIT))  # looked at first: abs() of 1e9999999 overflows
    if fits and abs(value) < MONEY_LIMIT:
        amount = value.quantize(MONEY_DIGITS)
        if abs(amount) < MONEY_LIMIT:
            return amount
    raise UnreadableError("out_of_range", f"{field} does not fit DECIMAL(18,12): {brief(value)}")


def microseconds(value: Decimal, field: str, unit_us: int = US_PER_S) -> int:
    """The duration in whole microseconds, rounded half to even.

    Args:
        value: Duration in units of `unit_us` microseconds.
        field: Name for the error.
        unit_us: Microseconds in one unit of `value`.

    Raises:
        UnreadableError: `out_of_range` beyond 64 bits.
    """
    if value and value.adjusted() > len(str(MAX_WHOLE)):
        raise UnreadableError("out_of_range", f"{field} does not fit 64 bits: {brief(value)}")
    return whole((value * unit_us).to_integral_value(), field)


def clean(text: str, field: str) -> str:
    """The text without NUL characters.

    Raises:
        UnreadableError: `bad_utf8`, a lone surrogate, which no UTF-8 file can hold.
    """
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise UnreadableError("bad_utf8", f"{field} holds a lone surrogate") from error
    return text.replace("\0", "")


def as_text(value: object) -> str:
    """The value as text: numbers in plain decimal form (1.0 is `1`), booleans `true`/`false`, others as JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or value is None:
        return json.dumps(value)
    if isinstance(value, int | float | Decimal):
        return _number_text(number(value, "number"))
    return canonical_json(value)


def _number_text(value: Decimal) -> str:
    if not value.is_finite() or not value:
        return "NaN" if value.is_nan() else "0"
    if not -30 < value.adjusted() < 30:  # noqa: PLR2004  (1e999999 in plain digits is a megabyte)
        return str(value)
    plain = format(value, "f")
    return plain.rstrip("0").rstrip(".") if "." in plain else plain


def hex_id(value: object, size: int) -> str | None:
    """A trace or span id as lower-case hex; None for an empty or all-zero one.

    Args:
        value: Hex of either case, or base64 as protobuf libraries and MLflow write it.
        size: Bytes of the id: 16 for a trace, 8 for a span.

    Returns:
        The id; text of any other form comes back as it is, so that nothing is lost.
    """
    written = as_text(value).strip() if value is not None else ""
    if re.fullmatch(rf"[0-9a-fA-F]{{{2 * size}}}", written):
        written = written.lower()
    elif len(written) == 4 * -(-size // 3):
        try:
            decoded = base64.b64decode(written, validate=True)
        except binascii.Error:
            decoded = b""
        written = decoded.hex() if len(decoded) == size else written
    return written if written.strip("0") else None


def canonical_json(value: object) -> str:
    """The value as JSON with sorted keys and no spaces; a decimal that a double cannot hold stands as text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=_json_number)


def _json_number(value: object) -> float | str:
    if isinstance(value, Decimal) and value.is_finite():
        double = float(value)
        if Decimal(str(double)) == value:
            return double
    return str(value)


def sha256_of(text: str) -> str:
    """The SHA-256 of the text in UTF-8, hex."""
    return hashlib.sha256(text.encode()).hexdigest()


def decode_json(text: str) -> Any:
    """What the JSON text says, decoded again while that is the JSON text of an object or list.

    Numbers are exact decimals; NaN and Infinity, which MLflow writes, become a decimal NaN.

    Raises:
        ValueError: The text is no JSON, or nests too deeply.
    """
    value: Any = text
    for level in range(JSON_LEVELS):
        if not isinstance(value, str) or (level and not value.lstrip().startswith(("{", "["))):
            break
        try:
            value = json.loads(value, parse_float=Decimal, parse_constant=lambda _: _NAN)
        except RecursionError as error:
            raise ValueError("nests too deeply") from error
        except ValueError:
            if not level:
                raise
            break  # a text that only looks like JSON
    return value


def look_up(value: object, steps: Sequence[str]) -> Any:
    """What lies at a path in decoded JSON, or None; `*` stands for each element of a list.

    Example:
        >>> look_up({"choices": [{"finish_reason": "stop"}]}, ("choices", "*", "finish_reason"))
        ['stop']
    """
    for position, step in enumerate(steps):
        if step == "*":
            found = [look_up(element, steps[position + 1 :]) for element in value] if isinstance(value, list) else []
            return [element for element in found if element is not None] or None
        if not isinstance(value, dict):
            return None
        value = value.get(step)
    return value


def payload_state(body: str) -> str:
    """`redacted` or `truncated` where the body carries a marker of its logger, else `complete`."""
    if any(marker in body for marker in REDACTED_MARKERS):
        return "redacted"
    if any(marker in body for marker in TRUNCATED_MARKERS):
        return "truncated"
    return "complete"


def brief(value: object) -> str:
    """The value in at most 60 characters, for an error."""
    written = repr(value) if not isinstance(value, Decimal) else str(value)
    return written if len(written) <= 60 else written[:57] + "..."  # noqa: PLR2004
