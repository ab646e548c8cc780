"""Lines of spans that are read by their patterns become exactly what they become record by record."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance import batches
from governance.patterns import files
from governance.patterns import runs as subject
from governance.patterns.files import source_records
from governance.patterns.runs import Run
from governance.patterns.spreads import Spread, Spreads
from governance.patterns.templates import MAX_SLOTS
from governance.records import open_log, records
from governance.records import stretches as cutting
from governance.sourced import source_batches
from governance.sources.otlp import SOURCE
from governance.spans.columns import FEWEST
from tests.sources.test_hostile_records import NUMBERS, SHAPES, TEXTS, paths, replaced, span
from tests.sources.test_otlp import END, START, evaluation_of, export_of, listed, recorded_spans, span_of
from tests.test_span_columns import LEAVES, MADE, NAMES, ODD

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from governance.batches import Batch
    from governance.records.record import Line

AT = datetime(2026, 7, 1, tzinfo=UTC)
HOLDER = ("resourceSpans", 0, "scopeSpans", 0)
REAL = Path(__file__).parent / "sources" / "otlp_openinference_spans.jsonl"

HOSTILE_NUMBERS = [
    *"0 -0 1.50 1e3 1E+5 1e-7 1e400 -1e-400 1e9999 1e-9999 1e99999 1e999999 1e99999999999999999 1e-9999999".split(),
    *"9e9999999999999999999 0.30000000000000004 -2.2250738585072014e-308 0.00022500000000000002".split(),
    *"123456789012345678 18446744073709551616 true false null tru 01 1. .5 - +1 NaN -Infinity [1] {} 1e".split(),
    *("0.1234567890123456789012345678901234567890", "9" * 20, "9" * 39, "9" * 41, "1" * 5_000),
    *("1 ", " 1", "1\t", '"1"', '""'),
]
HOSTILE_TEXTS = [
    *(r"\u0000", r"\ud800", r"\ud83d\ude00", r"\n\t\"\\\/", r"\u00e9", r"\x", "é€😀", "\\", "\x01", "\x7f"),
    *('"', "{", "null", "", " ", "\udcff", '\\"key\\": ', "a" * 70_000),
]


def line(value: object) -> bytes:
    return json.dumps(value, default=lambda exact: int(exact) if exact == int(exact) else float(exact)).encode() + b"\n"


def usual(number: int = 0, **members: object) -> dict[str, Any]:
    attributes: dict[str, Any] = {"gen_ai.operation.name": "chat", "gen_ai.request.model": f"large {number % 3}"}
    attributes |= {"gen_ai.usage.input_tokens": number, "gen_ai.response.id": f"é\n{number}", "session.id": "s"}
    return span_of(attributes, **{"name": "chat", "spanId": f"{number + 1:016x}"} | members)


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "PATTERNS_FROM", 0)
    monkeypatch.setattr(subject, "_SHARE", 1)


def told(found: Iterable[Batch]) -> list[Any]:
    return [
        (
            {name: (table.schema, table.to_pylist()) for name, table in batch.tables.items()},
            (batch.records, batch.rejected, batch.ignored, batch.lone),
        )
        for batch in found
    ]


def compare(lines: Sequence[bytes], folder: Path) -> int:
    """Reads a file both ways; how many of its lines were read by their patterns."""
    path = folder / "spans.jsonl"
    path.write_bytes(b"".join(lines))
    log = open_log(path)
    alike = 0

    def counted(entries: Iterable[Any]) -> Any:
        nonlocal alike
        for entry in entries:
            alike += sum(len(each.places) for each in entry.alike) if isinstance(entry, Run) else 0
            yield entry

    quick = told(source_batches(counted(source_records(log, SOURCE.meaning)), SOURCE, now=AT))
    slow = told(source_batches(records(log), SOURCE, now=AT))
    assert len(quick) == len(slow)
    for mine, theirs in zip(quick, slow, strict=True):
        assert mine == theirs
    return alike


def exported(*spans: object) -> bytes:
    return line(export_of(*spans))


class TestWhatIsUsual:
    def test_lines_of_one_span(self, tmp_path: Path) -> None:
        assert compare([exported(usual(number)) for number in range(50)], tmp_path) == 50

    def test_lines_of_three_spans_of_two_shapes(self, tmp_path: Path) -> None:
        tool = span_of({"gen_ai.operation.name": "execute_tool"})
        lines = [exported(usual(number), tool, usual(number + 100)) for number in range(50)]
        lines[7] = exported(usual(7, traceId="no id"), tool, usual(107))
        lines[9] = exported(usual(9), tool, usual(109, startTimeUnixNano="never"))
        assert compare(lines, tmp_path) == 50

    @pytest.mark.parametrize("attributes", MADE)
    def test_each_generation_of_names(self, attributes: dict[str, Any], tmp_path: Path) -> None:
        members: list[dict[str, Any]] = [{"status": {"code": code}, "kind": code} for code in (0, 1, 2)]
        members.append({"status": {"code": 2, "message": "too much"}, "parentSpanId": "00f067aa0ba902b7"})
        lines = [exported(span_of(attributes, **members[number % 4])) for number in range(40)]
        assert compare(lines, tmp_path) == 40

    @pytest.mark.parametrize("recorded", recorded_spans())
    def test_recorded_spans(self, recorded: dict[str, Any], tmp_path: Path) -> None:
        slots = len(json.dumps(recorded).split('Value": '))
        has_pattern = not recorded.get("events") and slots < MAX_SLOTS
        assert compare([exported(recorded)] * 10, tmp_path) == (10 if has_pattern else 0)

    def test_spans_by_themselves(self, tmp_path: Path) -> None:
        compare(REAL.read_bytes().splitlines(keepends=True) * FEWEST, tmp_path)
        assert compare([line(usual(number)) for number in range(50)], tmp_path) == 50

    def test_spans_as_an_sdk_prints_them(self, tmp_path: Path) -> None:
        printed = [record.value for record in records(open_log(REAL.parent / "otel_console.json"))]
        assert compare([line(each) for each in printed * 20], tmp_path) == 0

    def test_other_records_between(self, tmp_path: Path) -> None:
        others = [b"\n", b"{\n", b" \t\n", line(evaluation_of()), line({"other": 1}), b"[1]\n", b"\xff\n"]
        others += [exported(usual(1), usual(2), "no span"), exported(), line({"log": "x", "stream": "stdout"})]
        others += [line({"log": json.dumps(export_of(usual())), "stream": "stdout"}), exported(usual())[:-9] + b"\n"]
        others += [b'{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"m"}]}]}]}\n']
        lines = [each for number, other in enumerate(others) for each in (exported(usual(number)), other)]
        assert compare([*lines, *(exported(usual(number)) for number in range(30))], tmp_path) >= 42

    @pytest.mark.parametrize("stretch", [1 << 20, 3_000])
    def test_lines_that_a_runtime_has_cut(self, stretch: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(cutting, "STRETCH_BYTES", stretch)
        stamp = b"2026-07-01T00:00:00Z stdout "
        lines = [exported(usual(number)) for number in range(40)]
        lines[7] = stamp + b"F " + lines[7]
        lines[20] = stamp + b"P " + lines[20][:50] + b"\n"
        lines[22] = stamp + b"F " + exported(usual(20))[50:]
        assert compare(lines, tmp_path) == 19

    @pytest.mark.parametrize("start", [b"\xef\xbb\xbf", b"\xef\xbb\xbf\n", b"\n\n", b"2026-07-01T00:00:00Z "])
    @pytest.mark.parametrize("end", [b"", b"\n", b"\r\n", b" \r\r\n\n"])
    def test_ends_of_lines(self, start: bytes, end: bytes, tmp_path: Path) -> None:
        lines = [exported(usual(number)).rstrip() for number in range(30)]
        assert compare([start, *(each + b"\r\n" for each in lines), lines[0] + end], tmp_path) >= 29

    @pytest.mark.parametrize(("rows", "size"), [(7, 1 << 20), (1_000, 4_000), (3, 100)])
    @pytest.mark.parametrize(("block", "stretch"), [(4, 1 << 20), (16, 3_000)])
    def test_batches_are_cut_in_the_same_places(
        self, rows: int, size: int, block: int, stretch: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(batches, "BATCH_RECORDS", rows)
        monkeypatch.setattr(files, "BATCH_RECORDS", rows)
        monkeypatch.setattr(batches, "BATCH_BYTES", size)
        monkeypatch.setattr(subject, "BLOCK", block)
        monkeypatch.setattr(cutting, "STRETCH_BYTES", stretch)
        lines = [exported(usual(number)) for number in range(60)]
        lines[5] = b"broken\r\r\n"
        lines[11] = b"\n"
        lines[30] = exported(usual(1), usual(2), usual(3))
        compare(lines, tmp_path)

    def test_a_broken_file(self, tmp_path: Path) -> None:
        content = gzip.compress(b"".join(exported(usual(number)) for number in range(2_000)))
        compare([content[:-2_000]], tmp_path)


def usual_ones(count: int = 40) -> list[Any]:
    tool = span_of({"gen_ai.operation.name": "execute_tool"})
    return [usual(number) if number % 5 else tool for number in range(count)]


class TestManySpansInALine:
    @pytest.fixture(autouse=True)
    def _counted(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.spread: list[Spread | None] = []
        own = Spreads.spread

        def counted(spreads: Spreads, line: Line) -> Spread | None:
            self.spread.append(own(spreads, line))
            return self.spread[-1]

        monkeypatch.setattr(Spreads, "spread", counted)
        monkeypatch.setattr(subject, "MAX_FAILURES", -1)

    def records(self) -> tuple[int, int]:
        """How many records were in lines of many, and how many of those were odd."""
        spread = [each for each in self.spread if each is not None]
        return sum(each.records for each in spread), sum(len(each.odd) for each in spread)

    def test_usual_ones(self, tmp_path: Path) -> None:
        lines = [exported(*usual_ones(count)) for count in (40, 60, 3, 100)]
        compare(lines, tmp_path)
        assert self.records() == (200, 0)

    def test_of_several_resources_and_scopes(self, tmp_path: Path) -> None:
        groups: list[dict[str, Any]] = [
            {
                "resource": {"attributes": listed({"service.name": name, "user.id": 7})},
                "scopeSpans": [{"scope": {"name": scope}, "spans": usual_ones(count)} for scope, count in scopes],
                "schemaUrl": "[{",
            }
            for name, scopes in (("a", [("x", 20), ("spans", 0), ("z", 10)]), ("b", [("y", 20)]), ("c", []))
        ]
        groups[1] |= {"schemaUrl": 'say "spans":[{', "resource": None}
        forms = [line({"resourceSpans": groups}), line({"resourceSpans": groups[:1]})]
        forms.append(forms[0].replace(b"resourceSpans", b"resource_spans").replace(b"scopeSpans", b"scope_spans"))
        forms.append(forms[0].replace(b": [", b":[").replace(b", {", b" ,\t{"))
        compare(forms, tmp_path)
        assert self.records() == (50 + 30 + 50 + 50, 4 * 2)  # a scope with two tools: fewer than can be read at once

    def test_odd_ones_among_usual_ones(self, tmp_path: Path) -> None:
        odd: list[Any] = [usual(1, traceId="x"), usual(2, startTimeUnixNano="never"), usual(3, events=[{"name": "e"}])]
        odd += [
            usual(4, endTimeUnixNano=None),
            usual(6, name='"spans": [{'),
            {},
            usual(1, status={}),
        ]
        odd += [
            span_of({"gen_ai.request.model": "m", "gen_ai.prompt": "{" * 50}),
            usual(1, events=[{"name": "gen_ai.choice"}]),
        ]
        lines = [exported(*usual_ones(), *odd, *usual_ones(), *odd), exported(*usual_ones(), usual(5, name="\0"))]
        compare(lines, tmp_path)
        assert self.records()[0] == 80 + 2 * len(odd)
        assert 2 * len(odd) - 6 <= self.records()[1] <= 2 * len(odd)

    @pytest.mark.parametrize("what", [*NUMBERS[:3], *TEXTS, *SHAPES])
    def test_any_value_anywhere(self, what: object, tmp_path: Path) -> None:
        value = export_of(usual(3), *usual_ones(20))
        places = [path for path in paths(value) if path[:6] != (*HOLDER, "spans") or path[6:7] in {(), (0,)}]
        compare([line(replaced(value, path, what)) for path in places], tmp_path)

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            (b"}, {", b"} {"),
            (b"}, {", b"},, {"),
            (b"}, {", b"}, 7, {"),
            (b"}, {", b'}, "x", {'),
            (b"}, {", b"}, [], {"),
            (b"}, {", b"}, null, {"),
            (b"}, {", b"}], {"),
            (b"}, {", b"}}, {"),
            (b"}, {", b"}, {}, {"),
            (b"}, {", b"}, {]}, {"),
            (b"}, {", b"}, {{}}, {"),
            (b'"chat"', b'"\\ud800"'),
            (b'"chat"', b'"\\u0000"'),
            (b'"chat"', b'"\xff"'),
            (b'"chat"', b'"x", "name": "y"'),
            (b'"chat"', b"[" * 70 + b"]" * 70),
            (b'"chat"', b"[" * 57 + b"]" * 57),
            (b'"chat"', b"[" * 58 + b"]" * 58),
            (b'"chat"', b"1e99999999999999999999"),
            (b"[{", b"[,{"),
            (b"}]", b"},]"),
            (b'"spans"', b'"sp\\u0061ns"'),
            (b'"spans"', b'"spans" : [], "spans"'),
            (b'"spans"', b'"spans" "spans"'),
            (b'"spans":', b'"spans",'),
            (b'"spans":', b'"spans" '),
            (b'"scopeSpans"', b'"instrumentationLibrarySpans"'),
            (b'"scopeSpans"', b'"otherSpans"'),
            (b'"scopeSpans"', b'"scopeSpans": [{"spans": []}], "instrumentationLibrarySpans"'),
            (b'"resourceSpans"', b'"resourceLogs"'),
            (b'"resourceSpans"', b'"others"'),
            (b'"resourceSpans"', b'"more": 1, "resourceSpans"'),
            (b"]}\n", b"]}}\n"),
            (b"]}\n", b"\n"),
            (b"]}\n", b"]} x\n"),
        ],
    )
    def test_broken_lines(self, old: bytes, new: bytes, tmp_path: Path) -> None:
        whole = exported(*usual_ones())
        places = [place for place in range(len(whole)) if whole.startswith(old, place)]
        assert places
        chosen = {places[0], places[-1], places[len(places) // 2], places[-min(len(places), 2)]}
        lines = [whole[:place] + new + whole[place + len(old) :] for place in sorted(chosen)]
        compare([whole, *lines, whole], tmp_path)
        assert self.records()[0] >= 80

    @given(st.lists(st.dictionaries(st.sampled_from(NAMES), LEAVES, max_size=4), min_size=1, max_size=4))
    def test_generated_ones(self, attributes: list[dict[str, Any]]) -> None:
        spans = [span_of({"gen_ai.request.model": "m"} | each) for each in attributes]
        with TemporaryDirectory() as folder:
            compare([exported(*spans * 20), exported(*spans * 7)], Path(folder))


class TestWhatIsOdd:
    def test_any_value_anywhere(self, tmp_path: Path) -> None:
        value = export_of(usual(3, status={"code": 2, "message": "no"}, events=[], kind=3))
        hostile = [replaced(value, path, what) for path in paths(value) for what in (*NUMBERS[:3], *TEXTS, *SHAPES)]
        lines = [line(changed) for changed in hostile for _ in range(FEWEST)]
        assert compare(lines, tmp_path) > len(lines) / 4

    def test_any_value_of_a_recorded_span(self, tmp_path: Path) -> None:
        value = span()
        hostile = [replaced(value, path, what) for path in paths(value) for what in (*TEXTS, *SHAPES[:3])]
        lines = [line(changed) for changed in hostile for _ in range(FEWEST)]
        for start in range(0, len(lines), 2_000):
            compare(lines[start : start + 2_000], tmp_path)

    @pytest.mark.parametrize("attributes", [pytest.param(made, id=str(place)) for place, made in enumerate(MADE)])
    def test_any_value_of_any_attribute(self, attributes: dict[str, Any], tmp_path: Path) -> None:
        changed = [attributes | {name: value} for name in attributes for value in ODD]
        compare([exported(span_of(each)) for each in [*changed, *[attributes] * FEWEST]], tmp_path)

    @pytest.mark.parametrize("number", HOSTILE_NUMBERS)
    def test_numbers(self, number: str, tmp_path: Path) -> None:
        slot = '"key": "gen_ai.usage.input_tokens", "value": {"intValue": '
        lines = [exported(usual(at)).decode() for at in range(30)]
        plain = [each.replace(f'{slot}"{at}"', f"{slot}{at}") for at, each in enumerate(lines)]
        assert plain != lines
        double = slot.replace("intValue", "doubleValue")
        odd = [plain[3].replace(f"{slot}3", f"{form}{number}") for form in (slot, double)]
        temperature = [each.replace("gen_ai.usage.input_tokens", "gen_ai.request.temperature") for each in odd]
        cost = [each.replace("gen_ai.usage.input_tokens", "llm.cost.total") for each in odd]
        chosen = [*plain, *(odd + temperature + cost) * FEWEST]
        assert compare([each.encode() for each in chosen], tmp_path) >= 30

    @pytest.mark.parametrize("text", HOSTILE_TEXTS)
    @pytest.mark.parametrize("place", ["large 0", "gen_ai.request.model", "stringValue", "resourceSpans", "chat"])
    def test_texts(self, text: str, place: str, tmp_path: Path) -> None:
        lines = [exported(usual(number)).decode() for number in range(30)]
        odd = lines[3].replace(place, text)
        chosen = [*lines, odd, *[odd] * FEWEST]
        assert compare([each.encode("utf-8", "surrogateescape") for each in chosen], tmp_path) >= 30

    def test_orders_spaces_and_doubles(self, tmp_path: Path) -> None:
        value = export_of(usual(3))
        forms = [json.dumps(value, separators=each) for each in ((",", ":"), (" , ", " : "), (",\t", ":"))]
        plain = forms[0]
        forms += [json.dumps(value, sort_keys=True), plain.replace('"spanId":', '"spanId":"x","spanId":')]
        forms += [plain.replace('"name":"chat"', each) for each in ('"name":"a","name":"b"', '"name":null', '"x":[]')]
        forms += [plain.replace('"attributes":[]', each) for each in ('"attributes":[7]', '"attributes":{}', '"x":{}')]
        forms += [plain.replace("gen_ai.request.model", "session.id"), plain + "}", plain + " {}", plain[1:]]
        lines = [each.encode() + b"\n" for each in forms * FEWEST]
        assert compare(lines, tmp_path) > len(lines) / 3

    def test_values_that_a_span_may_not_have(self, tmp_path: Path) -> None:
        members: list[dict[str, Any]] = [
            {"startTimeUnixNano": START},
            {"startTimeUnixNano": "0"},
            {"startTimeUnixNano": str(END), "endTimeUnixNano": str(START)},
            {"endTimeUnixNano": None},
            {"traceId": "0" * 32},
            {"traceId": "A" * 32},
            {"spanId": "6+6+6+6+6+4="},
            {"droppedAttributesCount": 2},
            {"events": [{"name": "exception", "attributes": []}]},
            {"events": [{"name": "First Token Stream Event", "timeUnixNano": str(START + 5_000)}]},
            {"events": [{"name": "gen_ai.choice", "attributes": []}]},
            {"links": [{"spanId": "b" * 16}]},
            {"status": {"code": "STATUS_CODE_ERROR"}},
            {"status": {}},
            {"status": "ERROR"},
        ]
        lines = [exported(usual(number, **each)) for each in members for number in range(2 * FEWEST)]
        assert compare(lines, tmp_path) > len(lines) / 2

    def test_json_text_that_nests_deeply(self, tmp_path: Path) -> None:
        deep = {"mlflow.spanType": "LLM", "mlflow.spanInputs": "[" * 990 + "]" * 990}
        compare([exported(usual(1)), *[exported(span_of(deep))] * 20], tmp_path)

    def test_lines_with_nothing_in_common(self, tmp_path: Path) -> None:
        lines = [exported(span_of({f"name {number}": "x", "gen_ai.request.model": "m"})) for number in range(90)]
        compare(lines, tmp_path)


@given(
    st.dictionaries(st.sampled_from(NAMES), st.lists(LEAVES, min_size=1, max_size=3), max_size=7),
    st.integers(1, 9),
    st.integers(1, 3),
)
def test_generated_spans(attributes: dict[str, list[Any]], count: int, spans: int) -> None:
    chosen = [
        {name: values[place % len(values)] for name, values in attributes.items()} | {"gen_ai.request.model": "m"}
        for place in range(count)
    ]
    lines = [exported(*[span_of(each)] * spans) for each in chosen * FEWEST]
    with TemporaryDirectory() as folder:
        assert compare(lines, Path(folder)) > 0
