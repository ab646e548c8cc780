"""What tokens cost: the arithmetic over price rows, once for a single request and once for many, both exact.

A provider charges parts of the input and of the output at prices of their own. Every token is in exactly one part, and
a part without a price of its own is charged like the next wider one:

    part                what is left of            charged like
    input               input - all parts below    input
    cache_read          cached and not audio       cache_read, else input
    cache_write         written to the cache       cache_write, else input
    input_audio         audio and not cached       input_audio, else input
    cache_audio_read    cached audio               cache_audio_read, else cache_read, else input
    output              output - all parts below   output
    reasoning           spent on reasoning         reasoning, else output
    output_audio        spoken                     output_audio, else output

A price that is not known makes the request unpriced, never free; so do counts that contradict each other.

Source: the units of pydantic/genai-prices (prices/units.yml), of which these are the ones that logs report.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time
from decimal import Context, Decimal
from functools import reduce
from typing import TYPE_CHECKING, Any, NamedTuple

from governance.errors import SourceError

if TYPE_CHECKING:
    import pyarrow as pa

STANDARD = "standard"
DIGITS = 12  # of a stored amount, after the point: DECIMAL(18,12)
PRICE_DIGITS = 24  # of a price per token, after the point
LIMIT_USD = Decimal(10) ** 6  # what DECIMAL(18,12) holds
_LAST_DIGIT = Decimal(1).scaleb(6 - PRICE_DIGITS)  # of a price per million
_LEADING = 6  # digits before the point of a stated price, so that a price per token fits its Arrow type
_EXACT = Context(prec=100)  # the default of 28 digits would round long prices times many tokens

PARTS: Mapping[str, tuple[str, ...]] = {
    "input": ("input",),
    "cache_read": ("cache_read", "input"),
    "cache_write": ("cache_write", "input"),
    "input_audio": ("input_audio", "input"),
    "cache_audio_read": ("cache_audio_read", "cache_read", "input"),
    "output": ("output",),
    "reasoning": ("reasoning", "output"),
    "output_audio": ("output_audio", "output"),
}
# Which counts make up a part, and with which sign: what is counted in a narrower part is taken out of the wider one
_TERMS: Mapping[str, Mapping[str, int]] = {
    "input": {"input": 1, "cache_read": -1, "cache_write": -1, "input_audio": -1, "cache_audio_read": 1},
    "cache_read": {"cache_read": 1, "cache_audio_read": -1},
    "cache_write": {"cache_write": 1},
    "input_audio": {"input_audio": 1, "cache_audio_read": -1},
    "cache_audio_read": {"cache_audio_read": 1},
    "output": {"output": 1, "reasoning": -1, "output_audio": -1},
    "reasoning": {"reasoning": 1},
    "output_audio": {"output_audio": 1},
}
OF_OUTPUT = ("output", "reasoning", "output_audio")
UNITS = tuple(PARTS)


class Tokens(NamedTuple):
    """Token counts of one request in the inclusive convention; None is unknown, which a part may be and a whole not."""

    input: int | None
    output: int | None
    cache_read: int | None = None
    cache_write: int | None = None
    reasoning: int | None = None
    input_audio: int | None = None
    output_audio: int | None = None
    cache_audio_read: int | None = None


class Priced(NamedTuple):
    """Cost of a request in USD, exact.

    Attributes:
        input: For the tokens in.
        output: For the tokens out.
        total: Both, and what is charged for the request as such.
        price_id: The price that was in force.
    """

    input: Decimal
    output: Decimal
    total: Decimal
    price_id: str


class Unpriced(NamedTuple):
    """A request whose cost is not known, and why."""

    reason: str


@dataclass(frozen=True, slots=True)
class PriceRow:
    """The prices of one model under one condition.

    Attributes:
        price_id: Names the row: table, provider, model and condition.
        provider: As the price table calls it.
        model: As the price table calls it.
        prices: Unit -> USD per million tokens.
        service_tier: standard, batch, flex or priority.
        per_request: USD for each request, whatever its tokens.
        over_tokens: The row holds for requests with more tokens in than that.
        valid_from: From when, timezone-aware; None is from the beginning.
        daily: From when to when on each day, UTC, half-open; None is the whole day.
    """

    price_id: str
    provider: str
    model: str
    prices: Mapping[str, Decimal]
    service_tier: str = STANDARD
    per_request: Decimal = field(default=Decimal(0))
    over_tokens: int | None = None
    valid_from: datetime | None = None
    daily: tuple[time, time] | None = None

    def price_of(self, part: str) -> Decimal | None:
        """USD per million tokens of a part; None where neither it nor a wider one has a price."""
        return next((self.prices[unit] for unit in PARTS[part] if unit in self.prices), None)

    def is_in_force(self, at: datetime) -> bool:
        """Whether the row holds at a moment."""
        if self.valid_from is not None and at < self.valid_from:
            return False
        if self.daily is None:
            return True
        start, end = self.daily
        now = at.astimezone(UTC).time()
        return start <= now < end if start <= end else now >= start or now < end


def usd(value: object, where: str, per: int = 1) -> Decimal:
    """A price that a table states, times `per`, as a decimal of at most 18 digits after the point.

    Raises:
        SourceError: It is no number, negative, or not finite.
    """
    if isinstance(value, Decimal) and value.is_finite() and value >= 0 and value.adjusted() < _LEADING:
        return _EXACT.quantize(_EXACT.multiply(value, Decimal(per)), _LAST_DIGIT).normalize(_EXACT)
    raise SourceError(f"no price: {str(value)[:80]}", where=where, hint="a price is a number, 0 or more")


def cost(rows: Sequence[PriceRow], tokens: Tokens, at: datetime) -> Priced | Unpriced:
    """What a request cost.

    Args:
        rows: Prices of its model; of those that hold, the last counts.
        tokens: What it used.
        at: When it started; timezone-aware.
    """
    row = next((row for row in reversed(rows) if row.is_in_force(at) and _is_so_long(row, tokens.input)), None)
    if row is None:
        return Unpriced("no price was in force then")
    if tokens.input is None or (tokens.output is None and row.price_of("output")):
        return Unpriced("the log does not say the tokens")
    counts = _parts(tokens)
    if min(counts.values()) < 0:
        return Unpriced("the parts of the tokens exceed the whole")
    amounts: dict[str, Decimal] = {}
    for part, count in counts.items():
        price = row.price_of(part)
        if count and price is None:
            return Unpriced(f"the price table has no price for {part} tokens")
        amounts[part] = _EXACT.multiply(price or Decimal(0), Decimal(count).scaleb(-6))
    of_output = _sum(amounts[part] for part in OF_OUTPUT)
    of_input = _sum(amount for part, amount in amounts.items() if part not in OF_OUTPUT)
    return Priced(of_input, of_output, _sum([of_input, of_output, row.per_request]), row.price_id)


def _is_so_long(row: PriceRow, tokens_in: int | None) -> bool:
    return row.over_tokens is None or (tokens_in is not None and tokens_in > row.over_tokens)


def _sum(amounts: Any) -> Decimal:
    return reduce(_EXACT.add, amounts, Decimal(0))


def _parts(tokens: Tokens) -> dict[str, int]:
    """How many tokens are in each part."""
    known = {name: count or 0 for name, count in tokens._asdict().items()}
    return {part: sum(sign * known[name] for name, sign in terms.items()) for part, terms in _TERMS.items()}


def costs(rows: Sequence[PriceRow], counts: Mapping[str, pa.Array], starts: pa.Array) -> pa.Array:
    """What many requests of one model cost; the same as `cost` of each, to twelve digits after the point.

    Args:
        rows: Prices of the model; of those that hold, the last counts.
        counts: Count of `Tokens` -> int64; those that are left out are unknown.
        starts: When each started, UTC.

    Returns:
        decimal128(18, 12) in USD, rounded half to even; null where the request is unpriced.
    """
    import pyarrow as pa  # noqa: PLC0415 - `governance price` alone needs no tables
    import pyarrow.compute as pc  # noqa: PLC0415

    found = pa.nulls(len(starts), pa.decimal128(18, DIGITS))
    for row in rows:
        holds = pc.and_(_hold(row, starts), _are_so_long(row, counts["input"]))
        if pc.any(holds).as_py():
            found = pc.if_else(holds, _amounts(row, counts), found)
    return found


def _hold(row: PriceRow, starts: pa.Array) -> pa.Array:
    """Which moments the row holds at: the vector form of `is_in_force`."""
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.compute as pc  # noqa: PLC0415

    holds = pa.repeat(pa.scalar(value=True), len(starts))
    if row.valid_from is not None:
        holds = pc.greater_equal(starts, pa.scalar(row.valid_from, starts.type))
    if row.daily is None:
        return holds
    start, end = (pa.scalar(moment, pa.time64("us")) for moment in row.daily)
    now = pc.cast(pc.local_timestamp(starts), pa.time64("us"))
    after, before = pc.greater_equal(now, start), pc.less(now, end)
    within = pc.and_(after, before) if row.daily[0] <= row.daily[1] else pc.or_(after, before)
    return pc.and_(holds, within)


def _are_so_long(row: PriceRow, tokens_in: pa.Array) -> pa.Array:
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.compute as pc  # noqa: PLC0415

    if row.over_tokens is None:
        return pa.repeat(pa.scalar(value=True), len(tokens_in))
    return pc.fill_null(pc.greater(tokens_in, row.over_tokens), fill_value=False)


def _amounts(row: PriceRow, counts: Mapping[str, pa.Array]) -> pa.Array:
    """What the requests cost at the prices of one row."""
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.compute as pc  # noqa: PLC0415

    tokens_in, tokens_out = counts["input"], counts["output"]
    known = pc.is_valid(tokens_in)
    if row.price_of("output"):
        known = pc.and_(known, pc.is_valid(tokens_out))
    per_token, whole = pa.decimal256(38, PRICE_DIGITS), pa.decimal256(19, 0)  # no product or sum below overflows these
    total = pa.repeat(pa.scalar(row.per_request, per_token), len(tokens_in))
    for part, terms in _TERMS.items():
        own = {name: sign for name, sign in terms.items() if name in counts}
        if not own:
            continue
        count = pa.repeat(pa.scalar(Decimal(0), whole), len(tokens_in))
        for name, sign in own.items():
            combine = pc.add if sign > 0 else pc.subtract
            count = combine(count, pc.fill_null(counts[name], 0).cast(whole))
        price = row.price_of(part)
        zero = pa.scalar(Decimal(0), count.type)
        known = pc.and_(known, pc.greater_equal(count, zero) if price is not None else pc.equal(count, zero))
        if price:
            total = pc.add(total, pc.multiply(count, pa.scalar(price.scaleb(-6, _EXACT), per_token)))
    rounded = pc.round(total, ndigits=DIGITS, round_mode="half_to_even")
    known = pc.and_(known, pc.less(rounded, pa.scalar(LIMIT_USD, rounded.type)))
    return pc.if_else(known, rounded, None).cast(pa.decimal128(18, DIGITS))
