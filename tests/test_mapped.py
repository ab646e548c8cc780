"""Mapped tables -> rows: strict casts, settled types of inputs, side tables, and the same from every form of file."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from governance.errors import PolicyError, SourceError
from tests.logbooks import MAPPING, Logbook, logbook

ANY = """\
source: t
columns:
  request_id: id
  start_ts: {constant: 2026-07-01T00:00:00Z}
"""


@pytest.fixture
def book(tmp_path: Path) -> Logbook:
    return logbook(tmp_path)


def jsonl(*values: Any) -> str:
    return "".join(json.dumps(value) + "\n" for value in values)


def one(book: Logbook, rule: str, value: Any, column: str, table: str = "requests") -> Any:
    """What a rule makes of a value, or the reason why it cannot."""
    content = jsonl({"id": "a", "v": value})
    report = book.read("one.jsonl", content, ANY + f"  {column}: {rule}\n")
    if report.quarantined:
        return next(iter(report.reasons))
    return book.values(f"SELECT {column} FROM {table}")[0]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (15, 15),
        ("15", 15),
        ("15.0", 15),
        ("1e3", 1000),
        (-3, -3),
        (12.7, "type_mismatch"),
        ("12.7", "type_mismatch"),
        ("1_000", "type_mismatch"),
        ("twelve", "type_mismatch"),
        (True, "type_mismatch"),
        (9_223_372_036_854_775_807, 9_223_372_036_854_775_807),
        (9_223_372_036_854_775_808, "out_of_range"),
        (10**400, "out_of_range"),
        (None, None),
        ("", None),
        ("NaN", None),
    ],
)
def test_whole_numbers(book: Logbook, value: Any, expected: Any) -> None:
    assert one(book, "v", value, "input_tokens") == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("stop", ["stop"]),
        (["stop", "length"], ["stop", "length"]),
        (["stop", None, 1], ["stop", "1"]),
        ('["stop"]', ["stop"]),
        ([], []),
        ("[cut", ["[cut"]),
        (None, None),
    ],
)
def test_several_texts(book: Logbook, value: Any, expected: Any) -> None:
    assert one(book, "v", value, "finish_reasons") == expected


@pytest.mark.parametrize(
    ("rule", "value", "expected"),
    [
        ("v", "0.000035", Decimal("0.000035")),
        ("v", 3.4999999999999996e-05, Decimal("0.000035")),
        ("{column: v, scale: 0.01}", "12.345", Decimal("0.12345")),
        ("v", "1000000", "out_of_range"),
        ("v", "99999999999999999999999999", "out_of_range"),
        ("v", "free", "type_mismatch"),
        ("v", "nan", None),
    ],
)
def test_money(book: Logbook, rule: str, value: Any, expected: Any) -> None:
    found = one(book, rule, value, "cost_reported")
    assert (Decimal(str(found)) if isinstance(expected, Decimal) else found) == expected


@pytest.mark.parametrize(
    ("rule", "value", "expected"),
    [
        ("{column: v, unit: s}", "0.25", 250_000),
        ("{column: v, unit: ms}", 1.5, 1_500),
        ("{column: v, unit: ns}", 1_999, 2),
        ("{column: v, unit: min}", "2", 120_000_000),
        ("{column: v, unit: s}", "99999999999999999999", "out_of_range"),
        ("{column: v, unit: s}", "soon", "type_mismatch"),
    ],
)
def test_durations(book: Logbook, rule: str, value: Any, expected: Any) -> None:
    assert one(book, rule, value, "latency_us") == expected


@pytest.mark.parametrize(
    ("rule", "value", "expected", "flags"),
    [
        ("v", "2026-07-01T10:00:00Z", "2026-07-01T10:00:00.000000Z", []),
        ("v", "2026-07-01T10:00:00.1234567Z", "2026-07-01T10:00:00.123456Z", []),
        ("v", "2026-07-01 10:00:00,5+02:00", "2026-07-01T08:00:00.500000Z", []),
        ("v", "2026-07-01T10:00:00-0400", "2026-07-01T14:00:00.000000Z", []),
        ("v", "2026-07-01 10:00:00 UTC", "2026-07-01T10:00:00.000000Z", []),
        ("v", "2026-07-01T10:00:00", "2026-07-01T10:00:00.000000Z", ["tz_assumed"]),
        ("v", "2026-07-01", "2026-07-01T00:00:00.000000Z", ["tz_assumed"]),
        ("{column: v, timezone: Europe/Berlin}", "2026-07-01", "2026-06-30T22:00:00.000000Z", []),
        ("{column: v, timezone: Europe/Berlin}", "2026-07-01T10:00:00", "2026-07-01T08:00:00.000000Z", []),
        ("{column: v, timezone: Europe/Berlin}", "2026-07-01T10:00:00Z", "2026-07-01T10:00:00.000000Z", []),
        ("{column: v, format: epoch_s}", "1782900000.5", "2026-07-01T10:00:00.500000Z", []),
        ("{column: v, format: epoch_ms}", 1782900000123, "2026-07-01T10:00:00.123000Z", []),
        ("{column: v, format: epoch_ns}", 1782900000123456789, "2026-07-01T10:00:00.123456Z", []),
        ("{column: v, format: epoch_s}", 1782900000123, "bad_time", None),
        ("{column: v, format: epoch_s}", "99999999999999999999999999999", "bad_time", None),
        ('{column: v, format: "%d.%m.%Y %H:%M", timezone: Europe/Berlin}', "01.07.2026 12:00", "2026-07-01T10:00:00.000000Z", []),  # noqa: E501
        ('{column: v, format: "%Y-%m-%d %H:%M%z", timezone: Asia/Tokyo}', "2026-07-01 12:00+0200", "2026-07-01T10:00:00.000000Z", []),  # noqa: E501
        ("v", "2026-07-01T10:00:00 Europe/Berlin", "bad_time", None),
        ("v", "infinity", "bad_time", None),
        ("v", "epoch", "bad_time", None),
        ("v", "yesterday", "bad_time", None),
        ("v", "0001-01-01T00:00:00Z", "bad_time", None),
        ("v", "2026-02-30T00:00:00Z", "bad_time", None),
        ("v", None, "missing_value", None),
    ],
)  # fmt: skip
def test_times(book: Logbook, rule: str, value: Any, expected: str, flags: list[str] | None) -> None:
    mapping = f"source: t\ncolumns: {{request_id: id, start_ts: {rule}}}\n"
    report = book.read("one.jsonl", jsonl({"id": "a", "v": value}), mapping)
    if flags is None:
        assert dict(report.reasons) == {expected: 1}
    else:
        assert book.rows("SELECT start_ts, quality_flags FROM requests") == [
            {"start_ts": expected, "quality_flags": flags}
        ]


def test_numbers_that_are_not_finite_become_null_with_a_flag(book: Logbook) -> None:
    content = '{"id": "a", "v": NaN, "f": -Infinity}\n{"id": "b", "v": 0.5, "f": 1}\n'
    report = book.read("log.jsonl", content, ANY + "  score: v\nfeatures: [f]\n")
    assert report.quarantined == 0
    assert book.rows(
        "SELECT r.request_id, score, f, quality_flags FROM requests r JOIN decisions USING (request_uid) "
        'JOIN "features:" USING (decision_id) ORDER BY 1'
    ) == [
        {"request_id": "a", "score": None, "f": None, "quality_flags": ["nonfinite"]},
        {"request_id": "b", "score": 0.5, "f": 1.0, "quality_flags": []},
    ]


def test_an_unmapped_value_is_quarantined_unless_there_is_a_default(book: Logbook) -> None:
    rule = "  favourable: {column: v, map: {1.0: true, 0: false, unknown: null%s}}\n"
    content = jsonl(
        *({"id": str(place), "v": v} for place, v in enumerate([1, "1", 1.0, "0", "unknown", "maybe", True]))
    )
    report = book.read("log.jsonl", content, ANY + rule % "")
    assert dict(report.reasons) == {"unmapped_value": 2}
    assert book.values("SELECT favourable FROM decisions ORDER BY request_id") == [True, True, True, False, None]
    other = ANY.replace("source: t", "source: u") + "  favourable: {column: v, map: {1: true}, default: false}\n"
    assert book.read("log.jsonl", content, other).quarantined == 0


def test_bands(book: Logbook) -> None:
    ages = [24, 25, 39, 39.5, 40, 60, "old", None]
    content = jsonl(*({"id": str(place), "v": age} for place, age in enumerate(ages)))
    report = book.read("log.jsonl", content, ANY + "subjects: {age: {column: v, bands: [25, 40, 60]}}\n")
    assert dict(report.reasons) == {"type_mismatch": 1}
    assert book.values("SELECT age FROM subjects ORDER BY decision_id") == [
        "25-", "25..39", "25..39", "25..39", "40..59", "60+", None,
    ]  # fmt: skip


def test_ids_keep_every_digit_and_letter(book: Logbook) -> None:
    ids = ["00123", "1e5", "2026-07-01", 9007199254740993, 1795163693371734303, 2**70, "007", "x\x00y", "ÄÖ"]
    book.read("log.jsonl", jsonl(*({"id": value} for value in ids)), ANY)
    assert book.values("SELECT request_id FROM requests ORDER BY row_no") == [
        "00123", "1e5", "2026-07-01", "9007199254740993", "1795163693371734303", str(2**70), "007", "xy", "ÄÖ",
    ]  # fmt: skip
    assert book.values("SELECT request_id FROM requests WHERE list_contains(quality_flags, 'nul_removed')") == ["xy"]


def test_a_record_without_an_id_is_quarantined_and_a_table_without_ids_gets_them_from_content(book: Logbook) -> None:
    assert dict(book.read("log.jsonl", jsonl({"id": ""}, {"x": 1}), ANY).reasons) == {"missing_value": 2}
    mapping = "source: u\ncolumns: {start_ts: at, score: v}\n"
    row = {"at": "2026-07-01T00:00:00Z", "v": 1}
    book.read("a.jsonl", jsonl(row, row, row | {"v": 2}), mapping)
    ids = book.values("SELECT request_id FROM requests ORDER BY row_no")
    assert ids[1] == f"{ids[0]}-2"
    assert book.values("SELECT DISTINCT id_origin FROM requests") == ["content_hash"]
    again = book.read("b.jsonl", jsonl({"v": 1, "at": "2026-07-01T00:00:00Z"}, row, row), mapping)
    assert (again.stored, again.duplicates) == (1, 2)  # the order of keys is no content; a third equal row is new


class TestInputs:
    def test_a_key_first_seen_on_line_30001_is_an_input(self, book: Logbook) -> None:
        content = jsonl(*({"id": place, "f": place} for place in range(30_000)), {"id": "late", "f": 1, "late": 7})
        book.read("log.jsonl", content, ANY + 'features: "*"\n')
        assert book.rows('SELECT late, f FROM "features:" WHERE late IS NOT NULL') == [{"late": 7.0, "f": 1.0}]

    def test_a_value_of_another_type_on_line_30001_is_quarantined(self, book: Logbook) -> None:
        content = jsonl(*({"id": place, "f": place} for place in range(30_000)), {"id": "late", "f": "oops"})
        report = book.read("log.jsonl", content, ANY + 'features: "*"\n')
        assert dict(report.reasons) == {"type_mismatch": 1}
        assert book.quarantine() == [(30_001, "type_mismatch", b'{"id": "late", "f": "oops"}')]
        assert book.values('SELECT typeof(f) FROM "features:" LIMIT 1') == ["DOUBLE"]

    def test_a_type_is_kept_from_file_to_file_for_each_version(self, book: Logbook) -> None:
        mapping = ANY + "  model: m\n  model_version: v\nfeatures: [f]\n"
        numbers = [{"id": f"n{place}", "m": "a", "v": "1", "f": place} for place in range(5)]
        book.read("a.jsonl", jsonl(*numbers), mapping)
        report = book.read("b.jsonl", jsonl({"id": "x", "m": "a", "v": "1", "f": "high"}), mapping)
        assert dict(report.reasons) == {"type_mismatch": 1}
        report = book.read("c.jsonl", jsonl({"id": "y", "m": "a", "v": "2", "f": "high"}), mapping)
        assert report.stored == 1
        assert book.values('SELECT f FROM "features:a" ORDER BY decision_id') == [
            "0.0",
            "1.0",
            "2.0",
            "3.0",
            "4.0",
            "high",
        ]

    def test_texts_stay_texts(self, book: Logbook) -> None:
        content = jsonl(
            {"id": 1, "zip": "00123", "key": 2**60, "yes": True, "note": "1", "mixed": 1},
            {"id": 2, "zip": "99999", "key": 2**60 + 1, "yes": False, "note": "x", "mixed": "b"},
        )
        book.read("log.jsonl", content, ANY + 'features: "*"\n')
        assert book.rows('SELECT zip, key, yes, note, mixed FROM "features:" ORDER BY decision_id') == [
            {"zip": "00123", "key": str(2**60), "yes": True, "note": "1", "mixed": "1"},
            {"zip": "99999", "key": str(2**60 + 1), "yes": False, "note": "x", "mixed": "b"},
        ]

    def test_ten_models_in_one_log_have_each_their_own(self, book: Logbook) -> None:
        content = jsonl(*({"id": place, "m": f"m{place % 10}", f"f{place % 10}": place} for place in range(100)))
        book.read("log.jsonl", content, ANY + '  model: m\nfeatures: "*"\n')
        assert book.snapshot.models() == [f"m{place}" for place in range(10)]
        assert list(
            book.rows(
                'SELECT * EXCLUDE (decision_id, decision_ts, is_conflict, file_sha256, row_no) FROM "features:m3"'
            )[0]
        ) == ["f3"]

    def test_hostile_names(self, book: Logbook) -> None:
        row = {
            "id": 1,
            "decision_id": "mine",
            "row_no": 5,
            "": 1,
            "A": 2,
            "a": 3,
            "q\"uo'te": 4,
            "x; DROP TABLE y": 5,
            "t": 6,
            "uid": 7,
        }
        book.read("log.jsonl", jsonl(row, row), ANY + 'features: "*"\n')
        (found,) = book.rows('SELECT * EXCLUDE (decision_ts, is_conflict, file_sha256, row_no) FROM "features:"')
        assert found == {
            "_input": 1.0, "A": 2.0, "a_1": 3.0, "decision_id": "t:1#0", "decision_id_input": "mine", 'q"uo\'te': 4.0,
            "row_no_input": 5.0, "t": 6.0, "uid": 7.0, "x; DROP TABLE y": 5.0,
        }  # fmt: skip

    def test_ids_for_models_and_data_for_keys_are_refused(self, book: Logbook) -> None:
        content = jsonl(*({"id": place, "f": 1} for place in range(1_001)))
        with pytest.raises(SourceError, match="1001 different models"):
            book.read("log.jsonl", content, ANY + "  model: id\nfeatures: [f]\n")
        with pytest.raises(SourceError, match="5001 columns"):
            book.read(
                "log.jsonl", jsonl({"id": 1} | {f"k{place}": 1 for place in range(5_001)}), ANY + 'features: "*"\n'
            )
        assert book.snapshot.of_kind("ingest") == []


def test_nested_values_are_reached_by_paths(book: Logbook) -> None:
    content = jsonl({"id": 1, "usage": {"in": {"n": 5}}, "a.b": "flat", "list": [1, {"x": None}]})
    book.read(
        "log.jsonl", content, ANY + "  input_tokens: usage.in.n\n  user_id: a.b\n  team: list\n  project: usage.no\n"
    )
    assert book.rows("SELECT input_tokens, user_id, team, project FROM requests") == [
        {"input_tokens": 5, "user_id": "flat", "team": '[1,{"x":null}]', "project": None}
    ]


def test_a_column_that_a_table_does_not_have_is_a_mistake_of_the_mapping(book: Logbook) -> None:
    before = book.digest()
    good = book.write("good.csv", "id,at,score,decision\n1,2026-07-01T00:00:00Z,0.5,yes\n")
    bad = book.write("bad.csv", "id,at,scor,decision\n1,2026-07-01T00:00:00Z,0.5,yes\n")
    with pytest.raises(SourceError, match="no column 'score'") as caught:
        book.ingest(good, bad)
    assert caught.value.hint == "did you mean 'scor'?"
    assert book.digest() == before


def test_the_same_table_as_csv_json_lines_and_parquet(book: Logbook) -> None:
    rows: list[dict[str, Any]] = [
        {"id": f"r{place}", "at": datetime(2026, 7, 1 + place % 3, 10, tzinfo=UTC), "n": place, "x": place / 4}
        | {"b": place % 2 == 0, "w": None if place % 5 else "text"}
        for place in range(50)
    ]
    table = pa.Table.from_pylist(rows)
    pq.write_table(table, book.folder / "t.parquet")
    texts = [{name: value.isoformat() if name == "at" else value for name, value in row.items()} for row in rows]
    book.write("t.jsonl", jsonl(*texts))
    lines = ["id,at,n,x,b,w", *(",".join("" if v is None else str(v) for v in row.values()) for row in texts)]
    book.write("t.csv", "\n".join(lines) + "\n")
    for form in ("csv", "jsonl", "parquet"):
        columns = "{request_id: id, start_ts: at, input_tokens: n, score: x, user_id: w}"
        mapping = f"source: {form}\ncolumns: {columns}\nfeatures: [b, x]\n"
        assert book.ingest(book.folder / f"t.{form}", mapping=mapping).stored == 50
    left_out = "source, request_uid, file_sha256, row_no"
    same = book.values(f"SELECT count(*) FROM (SELECT DISTINCT * EXCLUDE ({left_out}) FROM requests)")
    assert same == [50]
    inputs = book.rows('SELECT b, x, count(*) AS n FROM "features:" GROUP BY ALL')
    assert {row["n"] for row in inputs} == {3}


def test_parquet_types(book: Logbook) -> None:
    table = pa.table(
        {
            "id": pa.array([2**63 + 1], pa.uint64()),
            "at": pa.array([1782900000123456789], pa.timestamp("ns", "UTC")),
            "s": [{"n": {"m": 7}, "l": [1, 2]}],
            "raw": [b"\xff\x00"],
            "money": [Decimal("0.10")],
            "Id": ["other case"],
        }
    )
    pq.write_table(table, book.folder / "t.parquet")
    mapping = (
        "source: t\ncolumns: {request_id: id, start_ts: at, input_tokens: s.n.m, user_id: raw, cost_reported: money, "
        "team: Id, project: s.l, session_id: s}\n"
    )
    report = book.ingest(book.folder / "t.parquet", mapping=mapping)
    assert report.stored == 1
    (row,) = book.rows("SELECT * FROM requests")
    assert (row["request_id"], row["start_ts"]) == (str(2**63 + 1), "2026-07-01T10:00:00.123456Z")
    assert (row["input_tokens"], row["user_id"], row["team"]) == (7, "ff00", "other case")
    assert (row["project"], json.loads(row["session_id"])) == ("[1,2]", {"n": {"m": 7}, "l": [1, 2]})
    assert row["quality_flags"] == []


def test_a_parquet_row_that_does_not_fit_keeps_its_values(book: Logbook) -> None:
    pq.write_table(pa.table({"id": ["a", "b"], "n": [1.0, 12.7]}), book.folder / "t.parquet")
    report = book.ingest(book.folder / "t.parquet", mapping=ANY + "  input_tokens: n\n")
    assert (report.stored, report.quarantined) == (1, 1)
    ((line, reason, raw),) = book.quarantine()
    assert (line, reason, json.loads(raw)) == (2, "type_mismatch", {"id": "b", "n": 12.7})


def test_a_negative_latency_is_flagged(book: Logbook) -> None:
    mapping = "source: t\ncolumns: {request_id: id, start_ts: a, end_ts: b}\n"
    content = jsonl(
        {"id": 1, "a": "2026-07-01T00:00:01Z", "b": "2026-07-01T00:00:00Z"},
        {"id": 2, "a": "2026-07-01T00:00:01Z", "b": "2026-07-01T00:00:02Z"},
    )
    book.read("log.jsonl", content, mapping)
    assert book.rows("SELECT latency_us, quality_flags FROM requests ORDER BY request_id") == [
        {"latency_us": -1_000_000, "quality_flags": ["negative_latency"]},
        {"latency_us": 1_000_000, "quality_flags": []},
    ]


def test_several_outcomes_in_one_table(book: Logbook) -> None:
    mapping = MAPPING + (
        "outcomes:\n- {name: repaid, column: repaid, positive: true, known: {constant: 2026-08-01T00:00:00Z}}\n"
        "- {name: late_days, column: days, known: seen}\n"
    )
    content = (
        "id,at,score,decision,repaid,days,seen\n"
        "1,2026-07-01T00:00:00Z,0.5,yes,True,3,2026-08-02T00:00:00Z\n"
        "2,2026-07-01T00:00:00Z,0.5,yes,false,,\n"
        "3,2026-07-01T00:00:00Z,0.5,yes,,4,\n"
    )
    report = book.read("log.csv", content, mapping)
    assert dict(report.reasons) == {"missing_value": 1}
    assert book.rows("SELECT target_id, name, value_num, positive FROM outcomes ORDER BY target_id, name") == [
        {"target_id": "loans:1#0", "name": "late_days", "value_num": 3.0, "positive": None},
        {"target_id": "loans:1#0", "name": "repaid", "value_num": None, "positive": True},
        {"target_id": "loans:2#0", "name": "repaid", "value_num": None, "positive": False},
    ]


BODIES = ANY + "  error_type: e\n  http_status: h\npayloads: {request: messages, response: r}\n"


def test_bodies_of_a_table_are_payloads_and_their_states_stand_with_the_request(book: Logbook) -> None:
    asked = [{"role": "user", "content": "Grüße"}]
    book.read(
        "bodies.jsonl",
        jsonl(
            {"id": "a", "messages": asked, "r": {"text": "hello"}},
            {"id": "b", "messages": [], "r": None},
            {"id": "c", "messages": "plain", "r": "redacted-by-litellm"},
            {"id": "d", "messages": "a\x00b", "r": "... (litellm_truncated 3 chars)"},
        ),
        BODIES,
    )
    states = "SELECT concat_ws(' ', request_id, input_state, output_state) FROM requests ORDER BY request_id"
    assert book.values(states) == [
        "a complete complete",
        "b absent absent",
        "c complete redacted",
        "d complete truncated",
    ]
    (row,) = book.rows("SELECT * FROM payloads WHERE payload_id = 't:a#request'")
    body = json.dumps(asked, ensure_ascii=False, separators=(",", ":"))
    assert (row["role"], row["body"], row["bytes"]) == ("request", None, len(body.encode()))
    assert row["sha256"] == hashlib.sha256(body.encode()).hexdigest()
    assert book.values("SELECT count(*) FROM payloads") == [6]
    assert book.values("SELECT quality_flags[1] FROM requests WHERE request_id = 'd'") == ["nul_removed"]


@pytest.mark.parametrize(
    ("error_type", "code", "status"),
    [
        (None, None, "ok"),
        ("", 200, "ok"),
        ("None", 200, "ok"),
        (False, 302, "ok"),
        ("RateLimitError", None, "error"),
        ("APITimeoutError", 200, "timeout"),
        ("content_policy_violation", 400, "blocked"),
        (None, 429, "error"),
        (None, 504, "timeout"),
        ("none", 503, "error"),
    ],
)
def test_a_request_ends_as_its_error_and_code_say_where_no_status_is_mapped(
    book: Logbook, error_type: Any, code: int | None, status: str
) -> None:
    book.read("ends.jsonl", jsonl({"id": "a", "e": error_type, "h": code}), BODIES)
    assert book.values("SELECT status FROM requests") == [status]


def test_a_status_that_the_log_gives_goes_before_its_error(book: Logbook) -> None:
    logged = jsonl({"id": "a", "e": "Timeout", "s": "ok"}, {"id": "b", "e": "Timeout", "s": None})
    book.read("given.jsonl", logged, ANY + "  error_type: e\n  status: s\n")
    assert book.values("SELECT status FROM requests ORDER BY request_id") == ["ok", "timeout"]


@pytest.mark.parametrize(
    "part", ["payloads: {request: v}", "features: [v]", "outcomes: {name: v, column: v, known: at}"]
)
def test_what_belongs_to_requests_is_refused_in_a_mapping_of_another_table(book: Logbook, part: str) -> None:
    mapping = "source: t\ntable: assessments\ncolumns: {request_id: id, name: n, created_ts: at}\n" + part + "\n"
    with pytest.raises(PolicyError, match="belongs to a mapping of requests"):
        book.read("side.jsonl", jsonl({"id": "a", "n": "tone", "at": "2026-07-01T00:00:00Z", "v": 1}), mapping)
