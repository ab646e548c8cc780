"""The request row of one logged call and its bodies: what most formats of model requests share beyond their names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from governance.formats.conversions import US_PER_MS, brief, canonical_json, microseconds, number, sha256_of
from governance.formats.fields import Fields
from governance.formats.llm_requests import TOKEN_COLUMNS, Bodies, token_flags
from governance.formats.rows import Row, Rows, UnreadableError
from governance.formats.times import EPOCH, moment

# what every request row has
ALWAYS = (
    *("request_uid", "source", "id_origin", "operation", "start_ts", "status"),
    *("input_state", "output_state", "n_decisions", "quality_flags"),
)
_US = timedelta(microseconds=1)


def fills(**tables: Iterable[str]) -> tuple[str, ...]:
    """Columns by table as `table.column`, each once.

    Example:
        >>> fills(requests=("start_ts", "status"))
        ('requests.start_ts', 'requests.status')
    """
    return tuple(f"{table}.{column}" for table, columns in tables.items() for column in dict.fromkeys(columns))


def object_of(record: Any) -> Mapping[str, Any]:
    """The record, which must be an object; times and maps of a Parquet file as JSON would have them.

    Raises:
        UnreadableError: `not_an_object`.
    """
    if not isinstance(record, Mapping):
        raise UnreadableError("not_an_object", f"not an object: {brief(record)}")
    if all(map(_is_json, record.values())):
        return record
    return {key: value if _is_json(value) else _as_json(value) for key, value in record.items()}


def _is_json(value: Any) -> bool:
    if isinstance(value, list):
        return not value or not isinstance(value[0], tuple)
    return value is None or isinstance(value, str | int | float | Decimal | dict)


def _as_json(value: Any) -> Any:
    """A map (which Arrow gives as a list of pairs) as an object, a time as ISO text, bytes as hex."""
    if isinstance(value, list):
        return {str(pair[0]): pair[1] for pair in value if isinstance(pair, tuple) and len(pair) == 2}  # noqa: PLR2004
    if isinstance(value, date):  # a datetime is one too
        return value.isoformat()
    return value.hex() if isinstance(value, bytes) else str(value)


def identity(source: str, request_id: str | None, record: object) -> Row:
    """The ids of a request: the logged one, else the digest of the record, so that a re-run finds it again."""
    return {
        "request_uid": f"{source}:{request_id or sha256_of(canonical_json(record))[:32]}",
        "id_origin": "native" if request_id else "content_hash",
        "source": source,
        "request_id": request_id,
        "n_decisions": 0,
    }


def time_of(fields: Fields, column: str) -> datetime | None:
    """The time under a column's names; one without a zone is taken as UTC and flagged."""
    value = fields.raw(column)
    if value is None:
        return None
    read = moment(value, column)
    if read.is_assumed_utc:
        fields.flags.add("tz_assumed")
    return read.at


def needed_time(fields: Fields, column: str) -> datetime:
    """The time under a column's names.

    Raises:
        UnreadableError: `missing_value`, or `bad_time`.
    """
    at = time_of(fields, column)
    if at is None:
        raise UnreadableError("missing_value", f"{column} is not set")
    return at


def at_milliseconds(value: Any, field: str) -> datetime:
    """The time that is so many milliseconds after 1970.

    Raises:
        UnreadableError: `bad_time`, no number, or beyond any calendar.
    """
    try:
        exact = number(value, field)
        if not exact.is_nan():
            return EPOCH + timedelta(microseconds=microseconds(exact, field, US_PER_MS))
    except (UnreadableError, OverflowError) as error:
        raise UnreadableError("bad_time", f"{field} is no time in milliseconds: {brief(value)}") from error
    raise UnreadableError("bad_time", f"{field} is no time in milliseconds: {brief(value)}")


def elapsed_us(start: datetime, end: datetime | None, fields: Fields) -> int | None:
    """Microseconds from start to end; null, and flagged, where the end comes first."""
    if end is None:
        return None
    if end < start:
        fields.flags.add("negative_latency")
        return None
    return (end - start) // _US


def end_after(start: datetime, latency_us: int | None) -> datetime | None:
    """When a request ended that took so long; null where that is not known or beyond any calendar."""
    if latency_us is None:
        return None
    try:
        return start + timedelta(microseconds=latency_us)
    except OverflowError as error:
        raise UnreadableError("out_of_range", f"a request cannot take {latency_us} microseconds") from error


def finished(
    row: Row,
    fields: Fields,
    bodies: Mapping[str, str | None],
    total: int | None = None,
    stored: Mapping[str, str] | None = None,
) -> Rows:
    """The request with its bodies, their states and what was odd.

    Args:
        row: The request; its token columns are set where they are known.
        fields: What it was read from, for the flags.
        bodies: Role (request, response, error) to body.
        total: Total of tokens as logged, to compare with.
        stored: Role to state of the bodies that are stored already.
    """
    kept = Bodies(row["request_uid"], row["start_ts"])
    states = {role: kept.add(role, body) for role, body in bodies.items()} | dict(stored or {})
    whole = dict.fromkeys(TOKEN_COLUMNS) | row
    odd = fields.flags | kept.flags | token_flags(whole, total)
    row = row | {
        "input_state": states.get("request", "absent"),
        "output_state": states.get("response", "absent"),
        "quality_flags": sorted(odd),
    }
    return Rows({"requests": [row]} | ({"payloads": kept.rows} if kept.rows else {}))
