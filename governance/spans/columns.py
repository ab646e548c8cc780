"""Spans of one shape -> columns of requests and their bodies; what is odd is left to who reads spans one by one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from governance.formats.conversions import (
    MAX_WHOLE,
    NS_PER_US,
    US_PER_MS,
    US_PER_S,
    digits,
    hex_id,
    microseconds,
    money,
    payload_state,
)
from governance.formats.field_columns import FieldColumns, Values
from governance.formats.genai_names import OPERATIONS, PARAMETERS, SIGNS_OF_A_REQUEST, TEXT_NAMES, TOKEN_NAMES
from governance.formats.llm_requests import (
    HTTP_ERROR,
    PARAMETER,
    TOKEN_COLUMNS,
    error_status,
    http_status,
    parameter_text,
    provider_name,
    token_flags,
)
from governance.formats.protojson import status_name
from governance.formats.rows import Ignored, Many, Part, UnreadableError
from governance.spans.bodies import SpanBodies, payloads
from governance.spans.kinds import BODY_COLUMNS, ID_COLUMNS, SaidByBody, body_operation, kind_words, span_kind
from governance.spans.names import ALIASES, first_token_us, is_encoded
from governance.spans.shapes import SpanGroup, grouped

Columns = dict[str, Values]

FEWEST = 4  # spans of one shape; what it takes to read fewer at once is more than to read them one by one
_EARLIEST_NS, _LATEST_NS = 31_536_000 * 10**9, 7_289_654_400 * 10**9  # 1971 to 2200, as for every time in the store
_HEX = "0123456789abcdef"


def read_spans(records: Sequence[Any], source: str) -> Many:
    """What of the records of an export can be read at once.

    Args:
        records: As `protojson.split` gives them.
        source: Name of the log format.
    """
    return read_groups((found.group() for found in grouped(records).groups), len(records), source)


def read_groups(groups: Iterable[SpanGroup], records: int, source: str) -> Many:
    """What of groups of spans can be read at once.

    Args:
        groups: The groups.
        records: How many records there are, those among them that are in no group.
        source: Name of the log format.
    """
    parts, ignored = list[Part](), dict[int, Ignored]()
    for group in groups:
        if len(group) < FEWEST:
            continue
        try:
            kinds = _by_kind(group)
            for kind, some in kinds.items():
                if isinstance(kind, Ignored):
                    ignored |= dict.fromkeys(some.places, kind)
                else:
                    parts += _Requests(some, kind, source).parts()
        except RecursionError:  # JSON text inside a span may nest deeper than the span itself may
            pass
    read = {*ignored, *(place for part in parts for place in part.places)}
    return Many(set(range(records)) - read, parts, ignored)


def _by_kind(group: SpanGroup) -> dict[str | SaidByBody | Ignored, SpanGroup]:
    """The spans by what kind of span they are; without those whose attributes are malformed."""
    own = group.attributes()
    odd = own.odd | group.resource_attributes().odd
    words = {name: kind_words(own[name]) for name in OPERATIONS if name in own}
    is_like_a_request = any(name in own for name in SIGNS_OF_A_REQUEST)
    combinations = list(zip(*words.values(), strict=True)) if words else [()] * len(group)
    meant = {
        combination: span_kind(dict(zip(words, combination, strict=True)), is_like_a_request=is_like_a_request)
        for combination in set(combinations)
    }
    indices: dict[str | SaidByBody | Ignored, list[int]] = {}
    for index, combination in enumerate(combinations):
        if index not in odd:
            indices.setdefault(meant[combination], []).append(index)
    return {kind: group.some(chosen) for kind, chosen in indices.items()}


class _Requests:
    """Requests of one kind while they are read."""

    def __init__(self, group: SpanGroup, kind: str | SaidByBody, source: str) -> None:
        self._group = group
        self._kind = kind
        self._source = source
        self._own = group.attributes()
        self._fields = FieldColumns(len(group), {**group.resource_attributes(), **self._own}, ALIASES, is_encoded)

    def parts(self) -> list[Part]:
        """The rows of the requests and of their bodies."""
        row = self._identity() | self._times()
        row |= self._given({column: self._fields.text(column) for column in TEXT_NAMES})
        row |= self._given({column: self._fields.tokens(column) for column in TOKEN_NAMES})
        row |= self._given({"provider": self._provider(), "parameters": self._parameters(), "tags": self._tags()})
        row |= self._cost() | self._result()
        row["operation"] = self._operation()
        row["quality_flags"] = self._flags(row)
        bodies = SpanBodies(self._group, self._own, self._fields)
        told = {role: bodies.bodies(role) for role in ("request", "response")} | {"error": bodies.errors()}
        states = {role: [payload_state(body) if body else "absent" for body in told[role]] for role in told}
        row |= {"input_state": states["request"], "output_state": states["response"]}
        parts = [self._part("requests", range(len(self._group)), row)]
        for role, texts in told.items():
            indices = [place for place, text in enumerate(texts) if text]
            if indices:
                parts.append(self._part("payloads", indices, payloads(row, role, texts, states[role])))
        return parts

    def _part(self, table: str, indices: Sequence[int], columns: Mapping[str, Values]) -> Part:
        """The rows of some of the spans, as far as these are not odd."""
        odd, places = self._fields.odd, self._group.places
        if odd:
            kept = [place for place, index in enumerate(indices) if index not in odd]
            columns = {name: [values[place] for place in kept] for name, values in columns.items()}
            indices = [indices[place] for place in kept]
        return Part(table, [places[index] for index in indices], columns)

    def _given(self, columns: Mapping[str, Values | None]) -> Columns:
        return {name: values for name, values in columns.items() if values is not None}

    def _same(self, value: Any) -> Values:
        return [value] * len(self._group)

    def _identity(self) -> Columns:
        trace_ids, span_ids = self._ids("traceId", 16), self._ids("spanId", 8)
        self._fields.odd |= {place for place, ids in enumerate(zip(trace_ids, span_ids, strict=True)) if None in ids}
        return {
            "request_uid": [f"{self._source}:{trace}:{span}" for trace, span in zip(trace_ids, span_ids, strict=True)],
            "id_origin": self._same("native"),
            "source": self._same(self._source),
            "n_decisions": self._same(0),
            "request_id": span_ids,
            "trace_id": trace_ids,
            "span_id": span_ids,
            "parent_span_id": self._ids("parentSpanId", 8),
        }

    def _ids(self, name: str, size: int) -> Values:
        if name not in self._group.shape.members:
            return self._same(None)
        ids = self._group.member(name)
        is_hex = set(map(type, ids)) == {str} and set(map(len, ids)) == {2 * size} and not "".join(ids).strip(_HEX)
        return ids if is_hex and "0" * (2 * size) not in ids else [hex_id(written, size) for written in ids]

    def _times(self) -> Columns:
        starts, ends = self._nanoseconds("startTimeUnixNano"), self._nanoseconds("endTimeUnixNano")
        is_odd = (starts < _EARLIEST_NS) | (ends < starts) | (ends >= _LATEST_NS)
        self._fields.odd |= set(np.flatnonzero(is_odd).tolist())
        return {
            "start_ts": (starts // NS_PER_US).tolist(),
            "end_ts": (ends // NS_PER_US).tolist(),
            "latency_us": ((ends - starts) // NS_PER_US).tolist(),
            **self._given(
                {"ttft_us": self._first_tokens(starts.tolist()), "queue_us": self._durations("queue_s", US_PER_S)}
            ),
        }

    def _nanoseconds(self, name: str) -> npt.NDArray[np.int64]:
        """Times; 0 for what is none, or none that is written in the usual way."""
        values = self._group.member(name)
        found = digits(values) if set(map(type, values)) == {str} else None
        return np.array([_nanoseconds(value) for value in values] if found is None else found, np.int64)

    def _durations(self, column: str, unit_us: int) -> Values | None:
        def read(exact: Decimal, field: str) -> int:
            return -1 if exact < 0 else microseconds(exact, field, unit_us)

        return self._fields.refuse_negative(self._fields.decimals(column, read))

    def _first_tokens(self, starts: Sequence[int]) -> Values | None:
        measured = (self._durations("ttft_s", US_PER_S), self._durations("ttft_ms", US_PER_MS))
        found = self._first_of([values for values in measured if values is not None])
        told = self._group.member("events")
        if not any(told):
            return found
        found = list(found or self._same(None))
        for place, (events, start) in enumerate(zip(told, starts, strict=True)):
            if found[place] is None:
                try:
                    found[place] = first_token_us({"events": events}, start)
                except UnreadableError:
                    self._fields.odd.add(place)
        return found

    def _first_of(self, columns: Sequence[Values]) -> Values | None:
        """The first value of each row that is not null."""
        if len(columns) < 2:  # noqa: PLR2004
            return columns[0] if columns else None
        return [next((value for value in values if value is not None), None) for values in zip(*columns, strict=True)]

    def _operation(self) -> Values:
        kind = self._kind
        if not isinstance(kind, SaidByBody):
            return self._same(kind)
        raw = {column: self._fields.raw(column) for column in BODY_COLUMNS}
        texts = {column: self._fields.text(column) for column in ID_COLUMNS}

        def told(place: int, name: object) -> str:
            def value(column: str, columns: Mapping[str, Values | None]) -> Any:
                values = columns[column]
                return None if values is None else values[place]

            span_name = str(name or "")
            return (
                body_operation(partial(value, columns=raw), partial(value, columns=texts), self._own, span_name)
                or kind.otherwise
            )

        return [told(place, name) for place, name in enumerate(self._group.member("name"))]

    def _provider(self) -> Values | None:
        names = self._fields.text("provider")
        if names is None:
            return None
        pairs = list(zip(names, self._fields.text("llm_system") or self._same(None), strict=True))
        known = {pair: provider_name(*pair) for pair in set(pairs)}
        return [known[pair] for pair in pairs]

    def _parameters(self) -> Values | None:
        found = {}
        for parameter in PARAMETERS:
            if (values := self._fields.raw(PARAMETER + parameter)) is not None:
                texts = [None if value is None else parameter_text(parameter, value) for value in values]
                found[parameter] = self._fields.cleaned(texts)
        return self._maps(found)

    def _maps(self, columns: Mapping[str, Values]) -> Values | None:
        if not columns:
            return None
        rows = (zip(columns, values, strict=True) for values in zip(*columns.values(), strict=True))
        return [{name: value for name, value in row if value is not None} or None for row in rows]

    def _tags(self) -> Values | None:
        metadata, labels = self._fields.raw("metadata"), self._fields.raw("labels")
        if metadata is None and labels is None:
            return None
        scalars = self._fields.each(metadata or self._same(None), lambda fields: fields.scalars("value"))
        named = self._fields.each(labels or self._same(None), lambda fields: fields.labels("value"))
        return [{**(first or {}), **(second or {})} or None for first, second in zip(scalars, named, strict=True)]

    def _cost(self) -> Columns:
        costs = self._fields.decimals("cost_reported", money)
        if costs is None:
            return {}
        return {"cost_reported": costs, "cost_currency": [None if cost is None else "USD" for cost in costs]}

    def _result(self) -> Columns:
        error_types, codes = self._fields.text("error_type"), self._fields.raw("http_status")
        found = self._given({"error_type": error_types, "finish_reasons": self._fields.texts("finish_reasons")})
        if error_types is None and codes is None and "status" not in self._group.shape.members:
            return found | {"status": self._same("ok")}
        types = error_types or self._same(None)
        read = [http_status(code, kind) for code, kind in zip(codes or self._same(None), types, strict=True)]
        rows = zip(self._group.member("status"), types, read, strict=True)
        statuses = [
            error_status(kind, code)
            if kind or (code or 0) >= HTTP_ERROR or status_name({"status": status}) == "ERROR"
            else "ok"
            for status, kind, code in rows
        ]
        return found | {"http_status": read, "status": statuses}

    def _flags(self, row: Columns) -> Values:
        totals = self._fields.tokens("total_tokens")
        dropped = self._group.member("droppedAttributesCount")
        self._fields.odd |= {place for place, count in enumerate(dropped) if count not in (None, 0)}
        counts = {column: row[column] for column in TOKEN_COLUMNS if column in row}
        if totals is None and counts.keys() <= {"input_tokens", "output_tokens"}:
            return [[] for _ in self._group.places]
        counted = zip(*counts.values(), strict=True) if counts else self._same(())
        rows = (dict(zip(counts, values, strict=True)) for values in counted)
        return [
            sorted(token_flags(tokens, total)) for tokens, total in zip(rows, totals or self._same(None), strict=True)
        ]


def _nanoseconds(value: object) -> int:
    if type(value) is str:
        (value,) = digits([value]) or (0,)
    return value if type(value) is int and 0 <= value <= MAX_WHOLE else 0
