"""Details of requests among OpenTelemetry's logs: bodies of the span that they belong to, or requests of their own.

The records are made from the conventions (open-telemetry/semantic-conventions-genai, gen-ai-events.md).
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from governance.assessment import assess
from governance.compaction import compact
from governance.engines.duckdb import Engine
from governance.explained.casefile import open_casefile
from governance.explanation import explain
from governance.findings import parse_window
from governance.ingestion import FileReport, ingest
from governance.inventory import status
from governance.policies.policy import read_policies
from governance.storage.store import Store
from governance.tables import SPAN_MISSING
from tests.logbooks import NOW, Logbook, logbook
from tests.sources.test_otlp import END, SPAN, START, TRACE, listed, span_of

ASKED = json.dumps([{"role": "user", "parts": [{"type": "text", "content": "Hi"}]}])
ANSWERED = json.dumps([{"role": "assistant", "parts": [], "finish_reason": "stop"}])
CHAT = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m", "gen_ai.usage.input_tokens": 3}
BODIES = {"gen_ai.input.messages": ASKED, "gen_ai.output.messages": ANSWERED}
IDS = {"traceId": TRACE, "spanId": SPAN}


@pytest.fixture
def book(tmp_path: Path) -> Logbook:
    return logbook(tmp_path)


def traces(*spans: dict[str, Any]) -> str:
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": list(spans)}]}]}) + "\n"


def event(attributes: dict[str, Any], **members: object) -> dict[str, Any]:
    name = {"eventName": "gen_ai.client.inference.operation.details", "timeUnixNano": str(END)}
    return name | {"attributes": listed(attributes)} | members


def logs(*events: dict[str, Any]) -> str:
    resource = {"attributes": listed({"service.name": "desk"})}
    return json.dumps({"resourceLogs": [{"resource": resource, "scopeLogs": [{"logRecords": list(events)}]}]}) + "\n"


def read(book: Logbook, **files: str) -> list[FileReport]:
    paths = [str(book.write(f"{name}.jsonl", content)) for name, content in files.items()]
    done = ingest(book.workspace, paths, now=NOW)
    for report in done.files:
        assert report.records == report.stored + report.duplicates + report.quarantined + report.ignored
    return list(done.files)


def unmatched(book: Logbook) -> int | None:
    found: int | None = status(book.workspace.store)["unmatched"].get("payloads")
    return found


SPANS, EVENTS = traces(span_of(CHAT)), logs(event(CHAT | BODIES, **IDS))


@pytest.mark.parametrize("first", ["spans", "events", "one file", "one file, events first", "later"])
def test_the_bodies_of_a_span(book: Logbook, first: str) -> None:
    if first == "later":
        read(book, a=EVENTS)
        assert book.values("SELECT quality_flags FROM requests") == [[SPAN_MISSING]]
        read(book, b=SPANS)
    elif first.startswith("one file"):
        parts = [SPANS, EVENTS] if first == "one file" else [EVENTS, SPANS]
        (report,) = read(book, all="".join(parts))
        assert (report.records, report.stored) == (2, 2)
    else:
        reports = read(book, a=SPANS if first == "spans" else EVENTS, b=EVENTS if first == "spans" else SPANS)
        assert [(report.stored, report.conflicts) for report in reports] == [(1, 0), (1, 0)]
    assert not unmatched(book)
    rows = book.rows("SELECT role, bytes, body, r.request_uid FROM payloads JOIN requests r USING (request_uid)")
    assert sorted((row["role"], row["bytes"], row["body"]) for row in rows) == [
        ("request", len(ASKED), None),
        ("response", len(ANSWERED), None),
    ]
    (found,) = explain(book.workspace.store, f"otlp:{TRACE}:{SPAN}")
    assert found.document["request_id"] == SPAN
    assert book.verifies()


def test_what_comes_again_is_a_duplicate(book: Logbook) -> None:
    read(book, a=SPANS, b=EVENTS)
    other = {"traceId": TRACE, "spanId": "aaaaaaaaaaaaaaaa"}
    again = read(book, c=EVENTS + SPANS + logs(event(BODIES, **other)))
    assert [(report.stored, report.duplicates, report.conflicts) for report in again] == [(1, 2, 0)]
    assert len(book.rows("SELECT * FROM payloads")) == 4
    assert unmatched(book) == 2


def test_bodies_are_kept_where_the_workspace_says_so(book: Logbook) -> None:
    book = replace(book, workspace=replace(book.workspace, keep_payloads=True))
    read(book, a=EVENTS, b=SPANS)
    assert sorted(book.values("SELECT body FROM payloads")) == sorted([ASKED, ANSWERED])


def test_another_body_under_the_same_ids_is_kept_beside_the_first(book: Logbook) -> None:
    other = logs(event(BODIES | {"gen_ai.output.messages": "[]"} | {"gen_ai.input.messages": '[{"role": "x"}]'}, **IDS))
    reports = read(book, a=EVENTS, b=other, c=other + EVENTS)
    assert [(report.stored, report.duplicates) for report in reports] == [(1, 0), (1, 0), (0, 2)]
    assert len(book.rows("SELECT * FROM payloads")) == 3


def test_one_body_of_two_may_be_new(book: Logbook) -> None:
    other = logs(event(BODIES | {"gen_ai.output.messages": '[{"role": "assistant", "parts": [1]}]'}, **IDS))
    reports = read(book, a=EVENTS, b=other)
    assert [(report.stored, report.duplicates) for report in reports] == [(1, 0), (1, 0)]
    assert sorted(book.values("SELECT role FROM payloads")) == ["request", "response", "response"]


def test_a_span_that_comes_again_with_one_more_score_is_a_duplicate_with_a_new_score(book: Logbook) -> None:
    def score(number: int) -> dict[str, Any]:
        start = f"annotations.{number}.annotation"
        return {f"{start}.name": f"n{number}", f"{start}.score": number}

    reports = read(book, a=traces(span_of(CHAT | score(0))), b=traces(span_of(CHAT | score(0) | score(1))))
    assert [(report.stored, report.duplicates, report.conflicts) for report in reports] == [(1, 0, 0), (1, 0, 0)]
    assert sorted(book.values("SELECT name FROM assessments")) == ["n0", "n1"]
    assert book.values("SELECT count(*) FROM requests") == [1]
    (again,) = read(book, c=traces(span_of(CHAT | score(1))) + traces(span_of(CHAT | score(0))))
    assert (again.stored, again.duplicates) == (0, 2)


SCHEMA = """\
policy: answers
version: 1
owner: o
in_force: {from: 2026-01-01}
checks:
  - {id: c, kind: contract-schema, records: response_bodies, max_share: 0, json_schema: {type: array}, severity: low}
"""


@pytest.mark.parametrize("names", ["ab", "ba"])
def test_a_body_that_came_twice_counts_once(book: Logbook, names: str) -> None:
    """Instrumentations may write bodies into both; a span that comes again stays a duplicate of itself."""
    book = replace(book, workspace=replace(book.workspace, keep_payloads=True))
    spans = traces(span_of(CHAT | BODIES))
    read(book, **{names[0]: spans, names[1]: EVENTS})
    (again,) = read(book, c=spans + EVENTS)
    assert (again.duplicates, again.conflicts) == (2, 0)
    policies = read_policies([book.write("policy.yaml", SCHEMA)])
    done = assess(book.workspace, policies, parse_window("2026-06", now=NOW), now=NOW)
    assert [(found.observation.n, found.judgement.verdict) for found in done.findings] == [(1, "passed")]


def test_an_event_without_the_ids_of_a_span_is_a_request(book: Logbook) -> None:
    (report,) = read(book, a=logs(event(CHAT | BODIES), event(CHAT | BODIES), event(CHAT | {"error.type": "timeout"})))
    assert (report.stored, report.duplicates) == (2, 1)
    rows = book.rows(
        "SELECT id_origin, status, service_name, input_tokens, input_state, finish_reasons, latency_us, "
        "epoch_us(start_ts) AS at FROM requests ORDER BY status DESC"
    )
    assert [tuple(row.values()) for row in rows] == [
        ("content_hash", "timeout", "desk", 3, "absent", None, None, END // 1000),
        ("content_hash", "ok", "desk", 3, "complete", ["stop"], None, END // 1000),
    ]
    assert len(book.rows("SELECT * FROM payloads")) == 2


def test_what_holds_no_body_is_ignored_and_what_has_no_time_quarantined(book: Logbook) -> None:
    message = event({}, **IDS) | {"eventName": "gen_ai.user.message"}
    nested = event({}, **IDS, body={"kvlistValue": {"values": listed(BODIES)}})
    (report,) = read(book, a=logs(event(CHAT, **IDS), event(BODIES, **IDS, timeUnixNano="0"), message, nested))
    assert report.reasons == {
        "message without its content": 1,
        "missing_value": 1,
    }
    assert book.values("SELECT input_tokens FROM requests") == [3]
    assert (report.stored, len(book.values("SELECT role FROM payloads"))) == (2, 2)
    assert START < END


def test_an_event_whose_span_never_comes_is_the_request(book: Logbook) -> None:
    """Traces may be sampled where logs are not: the tokens of the others would be lost."""
    others = [{"traceId": TRACE, "spanId": f"{number:016x}"} for number in range(1, 5)]
    read(book, a=logs(*(event(CHAT | BODIES, **ids) for ids in others)), b=traces(span_of(CHAT | {"sampled": True})))
    assert book.values("SELECT sum(input_tokens) FROM requests") == [15]
    rows = book.rows("SELECT status, input_state, quality_flags, service_name FROM requests ORDER BY span_id")
    assert [tuple(row.values()) for row in rows[:4]] == [("ok", "complete", [SPAN_MISSING], "desk")] * 4
    (found,) = explain(book.workspace.store, "otlp:" + ":".join(others[2].values()))
    assert found.document["request_id"] == others[2]["spanId"]


def told(book: Logbook) -> list[Any]:
    columns = "status, latency_us, input_tokens, output_tokens, input_state, output_state, quality_flags"
    return [tuple(row.values()) for row in book.rows(f"SELECT {columns} FROM requests")]


@pytest.mark.parametrize("is_compacted", [False, True])
@pytest.mark.parametrize("own_bodies", [False, True])
@pytest.mark.parametrize("order", ["es", "se", "e s", "s e", "e e s", "s s e", "e es s", "se e s"])
def test_in_whatever_order_a_span_and_its_event_come(
    book: Logbook, order: str, own_bodies: bool, is_compacted: bool
) -> None:
    book = replace(book, workspace=replace(book.workspace, keep_payloads=True))
    record = {
        "s": traces(span_of(CHAT | {"gen_ai.usage.output_tokens": 2} | (BODIES if own_bodies else {}))),
        "e": EVENTS,
    }
    for number, part in enumerate(order.split()):
        (report,) = read(book, **{f"f{number}": "".join(map(record.__getitem__, part)) + "\n" * number})
        assert report.conflicts == 0
        if is_compacted:
            compact(book.workspace, now=NOW)
    assert told(book) == [("ok", (END - START) // 1000, 3, 2, "complete", "complete", [])]
    assert sorted(book.values("SELECT body FROM payloads")) == sorted([ASKED, ANSWERED])
    for number, part in enumerate(("e", "s", "es", "se")):
        (again,) = read(book, **{f"again{number}": "".join(map(record.__getitem__, part)) + "\n" * (9 + number)})
        assert (again.duplicates, again.stored, again.conflicts) == (len(part), 0, 0)
    with Engine() as engine:
        found = open_casefile(book.snapshot, engine, SPAN)
    assert (found.request["output_state"], len(found.rows["payloads"]), found.conflicts) == ("complete", 2, 0)
    assert book.verifies()


def test_what_the_event_alone_knows_is_taken_over(book: Logbook) -> None:
    """An instrumentation may leave the usage to the event; before the span comes, the store says what it knew."""
    bare = {name: value for name, value in CHAT.items() if "usage" not in name}
    read(book, a=EVENTS)
    before = book.snapshot.checkpoint.size
    read(book, b=traces(span_of(bare)))
    assert [row[2] for row in told(book)] == [3]
    with Engine() as engine:
        snapshot = Store(book.workspace.store).snapshot(before)
        snapshot.attach(engine)
        assert engine.rows("SELECT quality_flags, latency_us FROM requests") == [([SPAN_MISSING], None)]
    (again,) = read(book, c=traces(span_of(bare)) + "\n\n")
    assert (again.duplicates, again.conflicts) == (1, 0)
    (other,) = read(book, d=traces(span_of(bare | {"gen_ai.usage.input_tokens": 4})))
    assert (other.stored, other.conflicts) == (1, 1)


DAY_NS = 86_400 * 10**9


def states(book: Logbook) -> list[Any]:
    return [tuple(row.values()) for row in book.rows("SELECT input_state, output_state FROM requests")]


def test_bodies_that_come_by_event_are_states_of_the_request(book: Logbook) -> None:
    """In the view, in an explanation, and for a check; and as of the entry before they are absent."""
    policy = (
        SCHEMA.partition("  - ")[0] + "  - {id: c, kind: completeness-fields, bodies: {output: 1}, severity: low}\n"
    )
    policies = read_policies([book.write("policy.yaml", policy)])
    read(book, a=SPANS)
    before = book.snapshot.checkpoint.size
    assert states(book) == [("absent", "absent")]
    read(book, b=EVENTS)
    assert states(book) == [("complete", "complete")]
    with Engine() as engine:
        snapshot = Store(book.workspace.store).snapshot(before)
        snapshot.attach(engine)
        assert engine.rows("SELECT input_state FROM requests") == [("absent",)]
        assert open_casefile(snapshot, engine, SPAN).request["input_state"] == "absent"
        assert open_casefile(book.snapshot, engine, SPAN).request["input_state"] == "complete"
    done = assess(book.workspace, policies, parse_window("2026-06", now=NOW), now=NOW)
    assert [finding.judgement.verdict for finding in done.findings] == ["passed"]


@pytest.mark.parametrize("is_compacted", [False, True])
def test_bodies_of_another_day_are_found(book: Logbook, is_compacted: bool) -> None:
    """A request that began before midnight; its event is logged when it ends."""
    others = {"traceId": TRACE, "spanId": "bbbbbbbbbbbbbbbb"}
    for number in range(4):
        late = str(END + DAY_NS * (1 + number))
        read(book, **{f"a{number}": logs(event(BODIES | {"n": number}, **others, timeUnixNano=late))})
    read(book, b=SPANS, c=logs(event(BODIES, **IDS, timeUnixNano=str(END + DAY_NS))))
    if is_compacted:
        compact(book.workspace, now=NOW)
    for wanted in (SPAN, TRACE, f"otlp:{TRACE}:{SPAN}"):
        with Engine() as engine:
            found = open_casefile(book.snapshot, engine, wanted)
        assert sorted(row["role"] for row in found.rows["payloads"]) == ["request", "response"]
        assert found.request["output_state"] == "complete"
    assert book.verifies()


def message(name: str, body: dict[str, Any], **members: object) -> dict[str, Any]:
    """As the instrumentation of OpenAI's library for Python logs it: ids of the span, and the content in the body."""
    given = {"eventName": name, "timeUnixNano": str(END - 10), "observedTimeUnixNano": str(END)}
    values = listed({"gen_ai.system": "openai"})
    return given | {"attributes": values, "body": {"kvlistValue": {"values": listed(body)}}} | IDS | members


ASKED_BY_EVENT = {"content": "Say this is a test"}
CHOSEN = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "This is a test"}}


def test_messages_that_are_logged_by_themselves_are_bodies_of_their_own(book: Logbook) -> None:
    book = replace(book, workspace=replace(book.workspace, keep_payloads=True))
    told = message("gen_ai.user.message", ASKED_BY_EVENT)
    later = told | {"timeUnixNano": str(END + 5000)}
    old = {name: value for name, value in told.items() if name != "eventName"}
    old["attributes"] = listed({"event.name": "gen_ai.system.message", "gen_ai.system": "openai"})
    chosen = message("gen_ai.choice", CHOSEN)
    reports = read(book, a=logs(told, later, old, chosen, chosen), b=SPANS, c=logs(told, chosen))
    assert [(report.stored, report.duplicates) for report in reports] == [(4, 1), (1, 0), (0, 2)]
    bodies = book.rows("SELECT role, body FROM payloads ORDER BY start_ts, body")
    assert [(row["role"], json.loads(row["body"])) for row in bodies] == [
        ("request", {"role": "system"} | ASKED_BY_EVENT),
        ("request", {"role": "user"} | ASKED_BY_EVENT),
        ("response", CHOSEN),
        ("request", {"role": "user"} | ASKED_BY_EVENT),
    ]
    assert states(book) == [("complete", "complete")]
    assert unmatched(book) == 0


def test_messages_without_content_or_ids_are_ignored(book: Logbook) -> None:
    empty = message("gen_ai.choice", CHOSEN | {"message": {"role": "assistant"}})
    (report,) = read(book, a=logs(message("gen_ai.user.message", ASKED_BY_EVENT, traceId=""), empty))
    assert report.reasons == {"message without the ids of a span": 1, "message without its content": 1}
    assert report.ignored == 2
