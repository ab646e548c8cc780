"""Records in the envelopes of container engines, agents and log stores: the same rows as without.

The envelopes are made from what their programs document; what they hold are real records.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from governance.errors import SourceError
from governance.ingestion import FileReport, ingest
from governance.quarantine.held import Selection
from governance.quarantine.retrial import retry
from governance.records import open_log, records
from tests.logbooks import NOW, Logbook, logbook

SAMPLES = Path(__file__).parent / "sources"
ACCESS = (SAMPLES / "envoy_ai_gateway.jsonl").read_text().splitlines()
AT = "2026-07-01T00:00:00.000000000Z"

Wrapped = Callable[[Sequence[str]], str]


def lines(wrapped: Callable[[str], Any]) -> Wrapped:
    return lambda texts: "".join(json.dumps(wrapped(text)) + "\n" for text in texts)


def docker(text: str) -> dict[str, Any]:
    return {"log": f"{text}\n", "stream": "stdout", "time": AT}


def event(text: str) -> dict[str, Any]:
    return {"id": "1", "timestamp": 1_782_864_000_000, "message": text}


def filebeat(text: str) -> dict[str, Any]:
    return {"@timestamp": AT, "message": text, "log": {"offset": 0}, "agent": {"type": "filebeat"}}


def subscription(texts: Sequence[str]) -> str:
    """As Firehose writes what CloudWatch sends: a test of the destination first, and no line ends."""
    control = {"messageType": "CONTROL_MESSAGE", "logEvents": [event('{"check": "health"}')]}
    sent = [{"messageType": "DATA_MESSAGE", "logGroup": "g", "logEvents": [event(text)]} for text in texts]
    return "".join(json.dumps(one) for one in (control, *sent))


ENVELOPES: dict[str, Wrapped] = {
    "docker": lines(docker),
    "fluent bit": lines(lambda text: docker(text) | {"kubernetes": {}, "log_processed": json.loads(text)}),
    "cri": lambda texts: "".join(f"{AT} stdout F {text}\n" for text in texts),
    "kubectl": lambda texts: "".join(f"{AT} {text}\n" for text in texts),
    "cloudwatch": lambda texts: json.dumps({"events": [event(text) for text in texts], "searchedLogStreams": []}),
    "google": lines(lambda text: {"jsonPayload": json.loads(text), "logName": "l", "insertId": "1", "timestamp": AT}),
    "elasticsearch": lines(lambda text: {"_index": "x", "_id": "1", "_source": json.loads(text)}),
    "filebeat in elasticsearch": lines(lambda text: {"_index": "x", "_source": filebeat(text)}),
    "vector": lines(lambda text: {"message": text, "source_type": "file", "timestamp": AT}),
    "loki": lines(lambda text: {"labels": {"app": "gateway"}, "line": text, "timestamp": AT}),
    "splunk": lines(lambda text: {"preview": False, "result": {"_raw": text, "_time": AT}}),
    "answer to a search": lambda texts: json.dumps(
        {"took": 1, "hits": {"total": 2, "hits": [{"_index": "x", "_source": json.loads(text)} for text in texts]}}
    ),
    "page": lambda texts: json.dumps({"data": [json.loads(text) for text in texts], "meta": {"page": 1}}),
    "objects behind each other": "".join,
}


@pytest.fixture
def book(tmp_path: Path) -> Logbook:
    return logbook(tmp_path)


def read(book: Logbook, name: str, content: str | bytes) -> FileReport:
    (report,) = ingest(book.workspace, [str(book.write(name, content))], now=NOW).files
    assert report.records == report.stored + report.duplicates + report.quarantined + report.ignored
    return report


def stored(book: Logbook) -> list[dict[str, Any]]:
    return book.rows("SELECT * EXCLUDE (file_sha256, row_no) FROM requests ORDER BY ALL")


@pytest.mark.parametrize("name", ENVELOPES)
def test_records_are_the_same_as_without_their_envelope(tmp_path: Path, name: str) -> None:
    plain, wrapped = logbook(tmp_path / "plain"), logbook(tmp_path / "wrapped")
    read(plain, "access.log", "\n".join(ACCESS) + "\n")
    report = read(wrapped, "access.log", ENVELOPES[name](ACCESS))
    assert (report.source, report.stored) == ("envoy-ai-gateway", len(ACCESS))
    assert stored(wrapped) == stored(plain) != []
    assert read(wrapped, "again.log.gz", gzip.compress(ENVELOPES[name](ACCESS).encode())).duplicates == len(ACCESS)
    assert wrapped.verifies()


def test_a_subscription_through_firehose(book: Logbook) -> None:
    report = read(book, "delivered", gzip.compress(subscription(ACCESS).encode()))
    assert (report.records, report.stored) == (len(ACCESS) + 1, len(ACCESS))


def test_a_text_that_is_no_record_is_kept_and_told(book: Logbook) -> None:
    texts = ["listening on :1975", ACCESS[0], ACCESS[1][:80], '{"a": 1, "a": 2}', "[1]"]
    report = read(book, "c.log", ENVELOPES["docker"](texts))
    assert (report.stored, report.reasons) == (1, {"bad_json": 2, "duplicate_key": 1, "not_an_object": 1})
    kept = [json.loads(raw)["log"] for _, _, raw in book.quarantine()]
    assert kept == [f"{text}\n" for text in (texts[0], *texts[2:])]
    assert sum(file.quarantined for file in retry(book.workspace, Selection(), now=NOW).files) == 4


def test_of_one_envelope_some_events_may_be_records(book: Logbook) -> None:
    texts = ["START RequestId: 1", ACCESS[0], "END RequestId: 1", ACCESS[1]]
    report = read(book, "c.json", ENVELOPES["cloudwatch"](texts))
    assert (report.records, report.stored, report.quarantined) == (4, 2, 2)
    assert book.values("SELECT row_no FROM requests ORDER BY row_no") == [2, 4]


def test_parts_of_a_line_that_a_runtime_has_cut_are_one_again(book: Logbook) -> None:
    """Two streams take turns; a part whose rest never came is kept."""
    at, one, two = AT, ACCESS[0], ACCESS[1]
    lines = [
        *(f"{at} stdout P {one[:40]}", f"{at} stderr P {two[:30]}", f"{at} stdout P {one[40:90]}"),
        *(f"{at} stderr F {two[30:]}", f"{at} stdout F {one[90:]}", f"{at} stdout P {one[:20]}"),
    ]
    report = read(book, "c.log", "".join(f"{line}\n" for line in lines))
    assert (report.records, report.stored, report.reasons) == (3, 2, {"bad_json": 1})
    assert book.values("SELECT count(DISTINCT request_id) FROM requests") == [2]
    assert [raw for _, _, raw in book.quarantine()] == [lines[-1].encode()]
    broken = [f"{at} stdout P {one[:40]}", f"{at} stdout F {one[50:]}"]
    report = read(book, "d.log", "".join(f"{line}\n" for line in (*broken, f"{at} stdout F {two}")))
    assert (report.duplicates, report.quarantined) == (1, 1)
    assert book.quarantine()[0] == (1, "bad_json", "\n".join(broken).encode())
    assert sum(file.quarantined for file in retry(book.workspace, Selection(), now=NOW).files) == 2


def test_halves_in_envelopes_are_joined(book: Logbook) -> None:
    asked, answered = (SAMPLES / "kserve_pair.jsonl").read_text().splitlines()
    read(book, "asked.log", ENVELOPES["cri"]([asked]))
    report = read(book, "answered.log", ENVELOPES["docker"]([answered]))
    assert (report.source, report.conflicts) == ("kserve", 0)
    assert book.values("SELECT status FROM requests") == ["ok"]


def test_an_envelope_holds_at_most_two_others(book: Logbook) -> None:
    text = ACCESS[0]
    for _ in range(3):
        text = json.dumps(docker(text))
    assert read(book, "three.log", f"{text}\n").stored == 1
    deeper = json.dumps(docker(text))
    report = read(book, "four.log", f"{json.dumps(docker(ACCESS[1]))}\n{deeper}\n")
    assert (report.stored, report.ignored) == (1, 1)  # the format knows no such line


def test_a_record_that_looks_like_an_envelope_is_read_as_it_is(book: Logbook) -> None:
    record = json.loads(ACCESS[0]) | {"message": "{}", "@timestamp": AT, "source_type": "file"}
    assert read(book, "a.jsonl", json.dumps(record) + "\n").stored == 1


@pytest.mark.parametrize(
    "page", [{"data": [1, {"a": 1}]}, {"data": []}, {"data": [{"a": 1}], "other": 1}, {"hits": {}}]
)
def test_what_is_no_page_of_records_is_not_recognised(book: Logbook, page: dict[str, Any]) -> None:
    with pytest.raises(SourceError, match="not recognised"):
        ingest(book.workspace, [str(book.write("a.json", json.dumps(page)))], now=NOW)


def test_a_page_of_other_things_is_kept(book: Logbook) -> None:
    page = {"data": [json.loads(ACCESS[0]), 7, "text"]}
    report = read(book, "a.json", json.dumps(page))
    assert (report.records, report.stored, report.quarantined) == (3, 1, 2)


def test_objects_behind_each_other_need_a_file_of_one_line(tmp_path: Path) -> None:
    """A second line shows that the file holds lines, where a broken one does not spoil the others."""
    path = tmp_path / "a.jsonl"
    path.write_text('{"a": 1}{"a": 2}\n{"a": 3}\n')
    assert [(record.value, record.reason) for record in records(open_log(path))] == [
        (None, "bad_json"),
        ({"a": 3}, None),
    ]
    path.write_text('{"a": 1}{"a": 2} {"a": 3}\n')
    assert [record.value for record in records(open_log(path))] == [{"a": 1}, {"a": 2}, {"a": 3}]
