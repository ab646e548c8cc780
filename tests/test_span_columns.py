"""Spans that are read at once become exactly what they become one by one."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.formats.genai_names import OPERATIONS, OTHER_NAMES, PARAMETERS, TEXT_NAMES, TOKEN_NAMES
from governance.records import Record
from governance.sourced import source_batches
from governance.sources import Many, Source
from governance.sources.otlp import SOURCE, OtlpSource
from governance.spans.columns import FEWEST
from tests.sources.reading import exact_of
from tests.sources.test_hostile_records import NUMBERS, SHAPES, TEXTS, paths, replaced, span
from tests.sources.test_otlp import END, GENERATIONS, START, evaluation_of, export_of, recorded_spans, span_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from governance.batches import Batch

AT = datetime(2026, 7, 1, tzinfo=UTC)


class OneByOne(OtlpSource):
    """The same format, each span read alone."""

    many = Source.many


def batch_of(source: Source, values: Sequence[Any]) -> Batch:
    records = [Record(number, None, b"%d" % number, value) for number, value in enumerate(values, 1)]
    (batch,) = source_batches(records, source, now=AT)
    return batch


def compare(values: Sequence[Any]) -> Batch:
    """Reads the objects both ways, and says what they became."""
    quick, slow = batch_of(SOURCE, values), batch_of(OneByOne(), values)
    assert quick.tables.keys() == slow.tables.keys()
    for name, table in slow.tables.items():
        assert quick.tables[name].to_pylist() == table.to_pylist()
        assert quick.tables[name].schema == table.schema
    assert (quick.records, quick.rejected, quick.ignored) == (slow.records, slow.rejected, slow.ignored)
    return quick


def left_of(values: Sequence[Any]) -> list[int]:
    """Places of the spans that are not read at once."""
    made: Many = SOURCE.many([record for value in values for record in SOURCE.split(value)])
    return sorted(made.left)


MADE: list[Any] = [parameter.values[0] for parameter in GENERATIONS]
ATTRIBUTES = [pytest.param(made, id=str(parameter.id)) for made, parameter in zip(MADE, GENERATIONS, strict=True)]
ODD: list[Any] = ["", " ", " x ", "\0", "a\0", "NaN", "1e400", -1, 2**63, 0.5, True, [], ["a"], ["a", ""], "[1"]
ODD += ['{"a":"\\ud800"}', '"\\ud800"', "9" * 19, "9" * 18, "1_0", "+7", "007", "__REDACTED__", '{"n": 1}']
ODD += ["\u0663", "\u00b2", "litellm_truncated", "[]", "null", "unknown", "-0", "1.0"]


class TestWhatIsUsual:
    @pytest.mark.parametrize("attributes", ATTRIBUTES)
    def test_each_generation_of_names_is_read_at_once(self, attributes: dict[str, Any]) -> None:
        spans = [span_of(attributes, status={"code": code}, kind=3) for code in (0, 1, 1, "STATUS_CODE_OK")]
        value = export_of(*spans, resource={"service.name": "desk", "user.id": "somebody"})
        assert left_of([value]) == []
        assert compare([value, value]).records == 8

    @pytest.mark.parametrize("recorded", recorded_spans())
    def test_so_are_recorded_spans(self, recorded: dict[str, Any]) -> None:
        values = [exact_of(export_of(recorded))] * FEWEST
        is_exception = any(event["name"] == "exception" for event in recorded.get("events", ()))
        assert left_of(values) == ([*range(FEWEST)] if is_exception else [])
        compare(values)

    def test_fewer_are_read_one_by_one(self) -> None:
        attributes = MADE[0]
        assert left_of([export_of(span_of(attributes))] * (FEWEST - 1)) == [*range(FEWEST - 1)]

    def test_spans_of_several_kinds_and_shapes_keep_their_order(self) -> None:
        spans: list[Any] = [span_of(attributes) for attributes in MADE] * FEWEST
        other = [{"openinference.span.kind": "TOOL"}, {"gen_ai.operation.name": "execute_tool"}, {"http.method": "GET"}]
        spans += [span_of(attributes) for attributes in other] * FEWEST
        batch = compare([export_of(*spans, "no span", *spans), evaluation_of(), {"other": 1}, export_of(*spans)])
        assert batch.ignored == {"tool span": 6 * FEWEST, "not a model request": 3 * FEWEST}
        assert len(batch.rejected) == 2

    def test_a_text_in_another_kind_of_value_has_a_shape_of_its_own(self) -> None:
        counts = [{"stringValue": "7"}, {"intValue": "7"}, {"intValue": 7}, {"doubleValue": Decimal("7.0")}]
        spans = []
        for count in counts * FEWEST:
            one = span_of({"gen_ai.operation.name": "chat"})
            one["attributes"].append({"key": "gen_ai.usage.input_tokens", "value": count})
            spans.append({**one, "attributes": list(one["attributes"])})
        value = {"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}
        assert left_of([value]) == []
        assert compare([value]).tables["requests"].column("input_tokens").to_pylist() == [7] * len(spans)


class TestWhatIsOdd:
    def test_any_value_anywhere(self) -> None:
        value = exact_of(span())
        hostile = [replaced(value, path, what) for path in paths(value) for what in (*NUMBERS, *TEXTS, *SHAPES)]
        for start in range(0, len(hostile), 500):
            compare([changed for changed in hostile[start : start + 500] for _ in range(FEWEST)])

    @pytest.mark.parametrize("attributes", ATTRIBUTES)
    def test_any_value_of_any_attribute_among_usual_ones(self, attributes: dict[str, Any]) -> None:
        spans = [span_of(attributes | {name: value}) for name in attributes for value in ODD]
        compare([exact_of(export_of(*spans, *[span_of(attributes)] * FEWEST))])

    @pytest.mark.parametrize(
        "members",
        [
            {"startTimeUnixNano": START},
            {"startTimeUnixNano": "0"},
            {"startTimeUnixNano": "+1782000000123456789"},
            {"startTimeUnixNano": str(10**18 * 8)},
            {"startTimeUnixNano": "31535999999999999"},
            {"startTimeUnixNano": str(END), "endTimeUnixNano": str(START)},
            {"endTimeUnixNano": "0"},
            {"endTimeUnixNano": None},
            {"endTimeUnixNano": str(10**18 * 8)},
            {"traceId": "0" * 32},
            {"traceId": "A" * 32},
            {"spanId": "6+6+6+6+6+4="},
            {"spanId": ""},
            {"parentSpanId": "00f067aa0ba902b7"},
            {"parentSpanId": ""},
            {"trace_id": "b" * 32},
            {"name": None},
            {"name": "Images"},
            {"droppedAttributesCount": 2},
            {"droppedAttributesCount": 0},
            {"dropped_attributes_count": 1},
            {"status": {"code": 2, "message": "too \0 much"}},
            {"status": {"code": 2, "message": "too much"}},
            {"status": "ERROR"},
            {"events": [{"name": "exception", "attributes": []}]},
            {"events": [{"name": "First Token Stream Event", "timeUnixNano": str(START + 5_000)}]},
            {"events": [{"name": "First Token Stream Event", "timeUnixNano": "soon"}]},
            {"events": {"name": "exception", "attributes": 7}},
            {"events": ["x"]},
        ],
    )
    def test_members_of_spans(self, members: dict[str, Any]) -> None:
        usual = [span_of(attributes) for attributes in MADE]
        changed = [one | members for one in usual]
        compare([export_of(*changed * FEWEST, *usual * FEWEST)])

    def test_attributes_that_are_not_formed_as_they_should_be(self) -> None:
        usual = span_of(MADE[1])
        wrong: list[Any] = [
            {"key": "user.id", "value": {"stringValue": "another"}},
            {"key": "user.id", "value": {}},
            {"key": "new", "value": {"stringValue": None}},
            {"key": "new", "value": {"string_value": "x"}},
            {"key": "new", "value": {"stringValue": "x", "intValue": 1}},
            {"key": "new", "value": "x"},
            {"key": "new"},
            {"key": 1, "value": {"stringValue": "x"}},
            {"key": ["new"], "value": {"stringValue": "x"}},
            {"key": "new", "value": {"kvlistValue": {"values": [7]}}},
            {"key": "new", "value": {"kvlistValue": {"values": [{"key": "a", "value": {"intValue": "1"}}]}}},
            "new",
        ]
        spans = [usual | {"attributes": [*usual["attributes"], pair]} for pair in wrong for _ in range(FEWEST)]
        own = {"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}
        resources = [
            {"resource": {"attributes": [pair]}, "scopeSpans": [{"spans": [usual] * FEWEST}]} for pair in wrong
        ]
        assert compare([own, {"resourceSpans": resources}]).rejected

    @pytest.mark.parametrize("depth", [900, 990, 100_000])
    def test_json_text_that_nests_deeply(self, depth: int) -> None:
        deep = {"mlflow.spanType": "LLM", "mlflow.spanInputs": "[" * depth + "]" * depth}
        compare([export_of(*[span_of(deep)] * FEWEST)])


NAMES = sorted(
    {
        name.partition("#")[0]
        for table in (TEXT_NAMES, TOKEN_NAMES, OTHER_NAMES, PARAMETERS)
        for names in table.values()
        for name in names
    }
    - {""}
    | {*OPERATIONS, "llm.input_messages.0.message.content", "gen_ai.system_instructions", "exception.message", "x"}
)
LEAVES = st.one_of(
    st.sampled_from(
        [*(word for words in OPERATIONS.values() for word in words), "stop", "504", "google", '["a", "b"]']
    ),
    st.sampled_from(
        ['{"model": "m", "temperature": 0.5, "messages": [1]}', '{"usage": {"prompt_tokens": 3}, "id": "i"}']
    ),
    st.text(max_size=5),
    st.integers(-2, 2**64),
    st.floats(allow_nan=False, allow_infinity=False, width=16),
    st.booleans(),
    st.lists(st.text(max_size=3), max_size=2),
)


@given(st.dictionaries(st.sampled_from(NAMES), st.lists(LEAVES, min_size=1, max_size=3), max_size=7), st.integers(1, 9))
def test_generated_spans(attributes: dict[str, list[Any]], count: int) -> None:
    chosen = [
        {name: values[place % len(values)] for name, values in attributes.items()} | {"gen_ai.request.model": "m"}
        for place in range(count)
    ]
    compare([exact_of(export_of(*map(span_of, chosen * FEWEST)))])
