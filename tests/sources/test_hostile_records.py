"""Whatever stands anywhere in a record, a source gives rows, ignores it, or says why it cannot be read."""

from __future__ import annotations

import copy
import json
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from governance.formats.conversions import canonical_json
from governance.sources import REASONS, Rows, Source, UnreadableError
from governance.sources.litellm import SOURCE as LITELLM
from governance.sources.litellm_spend import SOURCE as LITELLM_SPEND
from governance.sources.otlp import SOURCE as OTLP

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).resolve().parent
NUMBERS: list[Any] = [0, -1, 2**70, Decimal("1e9999999"), Decimal("NaN"), float("inf"), "1e500"]
TEXTS: list[Any] = ["", "x", "{", "[1", '{"a": 1}', "[{}]", "\0", "__REDACTED__"]
SHAPES: list[Any] = [None, True, [], [[]], [None], {}, {"a": {}}, {"key": 1}, [{"key": "a"}], {"values": 3}]


def litellm(name: str) -> dict[str, Any]:
    value: dict[str, Any] = json.loads((HERE / name).read_text(encoding="utf-8"))
    value.pop("model_map_information", None)  # a price list, which no column reads
    return value


def span() -> dict[str, Any]:
    first, *_ = (HERE / "otlp_openinference_spans.jsonl").read_text(encoding="utf-8").splitlines()[1:]
    members = json.loads(first)["span"] | {
        "traceId": "a" * 32,
        "spanId": "b" * 16,
        "startTimeUnixNano": "1782000000000000000",
    }
    return {"resourceSpans": [{"resource": {"attributes": []}, "scopeSpans": [{"spans": [members]}]}]}


def paths(value: object, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in members:
        yield (*path, key)
        yield from paths(inner, (*path, key))


def replaced(value: dict[str, Any], path: tuple[Any, ...], hostile: object) -> dict[str, Any]:
    changed = copy.deepcopy(value)
    holder: Any = changed
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = hostile
    return changed


def fate_of(source: Source, record: object) -> str:
    """`read`, or the reason why not; what was read can be stored as UTF-8."""
    try:
        made = source.rows(record)
    except UnreadableError as error:
        return error.reason
    for rows in made.tables.values() if isinstance(made, Rows) else ():
        for row in rows:
            canonical_json({key: str(cell) for key, cell in row.items()}).encode()
    return "read"


@pytest.mark.parametrize(
    ("source", "value"),
    [
        pytest.param(OTLP, span(), id="otlp"),
        pytest.param(LITELLM, litellm("litellm.json"), id="litellm"),
        pytest.param(LITELLM_SPEND, litellm("litellm_spend_newer.json"), id="litellm-spend"),
    ],
)
def test_no_value_crashes_a_source(source: Source, value: dict[str, Any]) -> None:
    fates: Counter[str] = Counter()
    for path in paths(value):
        for hostile in (*NUMBERS, *TEXTS, *SHAPES):
            changed = replaced(value, path, hostile)
            source.recognises(changed)
            for record in source.split(changed):
                fates[fate_of(source, record)] += 1
    assert set(fates) <= {"read", *REASONS}
    assert fates.total() > fates["read"] > fates.total() / 2
