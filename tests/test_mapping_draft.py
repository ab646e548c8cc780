"""A first mapping: what it guesses, that it can be used, and that no name or value of a stranger breaks it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance.cli import main
from governance.display import visible
from governance.drafts.draft import draft
from governance.drafts.profiles import Kind, profiles
from governance.errors import NotFoundError, SourceError
from governance.mapping import parse_mapping, shipped_mappings
from governance.records.record import MAX_RECORD_BYTES
from governance.rehearsal import rehearse
from tests.logbooks import NOW, logbook

LOANS = """\
Application,decidedAt,answer,probability,approved,gender,AGE,income_eur,duration_ms,total cost,note,actual
a-1,2026-07-01 10:00,granted,0.7,true,f,34,4100,9,0,"asked, rang to ask, wrote to ask, then came here to ask, again",1
a-2,2026-07-01 10:00:05,denied,0.22,false,m,51,38000,90,0.01,,0
a-3,2026-07-01 10:00:09,granted,0.93,true,f,27,52000,101,0.02,,1
"""


class Said(NamedTuple):
    """What a command said, and its exit code."""

    code: Any
    out: str
    err: str


def columns_of(text: str) -> dict[str, Any]:
    """The rules of a mapping, each as short as it can be written."""
    rules = parse_mapping(text.encode(), "draft").columns
    return {
        name: rule.column if {*said} == {"column"} else said
        for name, rule in rules.items()
        for said in [rule.model_dump(exclude_none=True)]
    }


def drafted(tmp_path: Path, name: str, content: str) -> Any:
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    return draft(path)


def lines(*records: dict[str, Any]) -> str:
    return "".join(json.dumps(record) + "\n" for record in records)


def test_a_log_of_decisions_is_understood_and_can_be_ingested_as_it_is(tmp_path: Path, golden: Any) -> None:
    made = drafted(tmp_path, "loans.csv", LOANS)
    golden("loans.mapping.yaml", made.text)
    assert made.known is None
    assert made.is_usable
    assert not made.reasons
    judged = {item.kind for item in made.coverage if item.judged}
    assert {"fairness-impact-ratio", "cost-budget", "latency-slo", "drift-input"} <= judged
    book = logbook(tmp_path / "book")
    mapping = book.write("loans.mapping.yaml", made.text)
    done = rehearse(book.workspace, [str(tmp_path / "loans.csv")], now=NOW, mapping=mapping)
    assert done.ingestion.total("stored") == 3
    assert {"decisions.favourable", "requests.latency_us", "subjects.*", "features.*"} <= {*done.columns}


def test_an_answer_inside_of_an_object_that_may_be_missing(tmp_path: Path) -> None:
    record = {"at": "2026-07-01T10:00:00Z", "messages": [{"role": "user"}], "tokens_in": 7}
    said = {"role": "assistant", "content": "No, he may not, for he was there already"}
    made = drafted(tmp_path, "chats.jsonl", lines(record | {"response": said}, record | {"response": None}))
    assert made.guesses.payloads == {"request": "messages", "response": "response.content"}


@pytest.mark.parametrize(
    ("record", "wanted"),
    [
        ({"screeningId": "S{n}", "candidate": {"id": "C{n}"}, "score": 0.5}, "screeningId"),
        ({"candidate": {"id": "C{n}"}, "model": {"id": "M{n}"}}, None),
        ({"meta": {"id": "S{n}"}, "traceId": "T{n}"}, "meta.id"),
        ({"trace_id": "T{n}"}, None),
        ({"caseNo": "S{n}", "id": "R{n}"}, "id"),
        ({"caseNo": "same"}, None),
    ],
)
def test_an_id_of_somebody_is_none_of_the_record(tmp_path: Path, record: dict[str, Any], wanted: str | None) -> None:
    text = json.dumps(record)
    rows = "".join(f'{{"at": "2026-07-01T10:00:0{n}Z", {text.replace("{n}", str(n))[1:]}\n' for n in range(4))
    made = drafted(tmp_path, "log.jsonl", rows)
    assert made.guesses.column_of("request_id") == wanted
    assert ("is it the id of each record?" in made.text) == (wanted == "screeningId")


def test_upstream_calls_inside_of_a_request_are_named_for_what_they_are(tmp_path: Path) -> None:
    record = {
        "at": "2026-07-01T10:00:00Z",
        "model": "m",
        "attempts": [{"n": 0, "status": 429}, {"n": 1, "status": 200}],
    }
    made = drafted(tmp_path, "gateway.jsonl", lines(record))
    assert "with table: attempts" in made.guesses.left["attempts"]
    assert max(map(len, made.text.splitlines())) <= 80


def test_a_log_of_chats_is_understood_with_its_bodies(tmp_path: Path) -> None:
    said = {"choices": [{"message": {"content": "yes"}}], "usage": {"prompt_tokens": 9, "completion_tokens": 1}}
    asked = [{"role": "user", "content": "May I?"}]
    record = {"id": "c-1", "created_at": "2026-07-01T10:00:00Z", "model": "m", "messages": asked, "response": said}
    made = drafted(tmp_path, "chats.jsonl", lines(record))
    assert columns_of(made.text) == {
        "request_id": "id",
        "start_ts": "created_at",
        "operation": {"constant": "chat"},
        "model": "model",
        "input_tokens": "response.usage.prompt_tokens",
        "output_tokens": "response.usage.completion_tokens",
    }
    mapping = parse_mapping(made.text.encode(), "draft")
    assert mapping.payloads == {"request": "messages", "response": "response.choices"}
    assert not mapping.decides


@pytest.mark.parametrize(
    ("record", "canonical", "rule"),
    [
        ({"ts": "2026-07-01T10:00:00Z"}, "start_ts", "ts"),
        ({"@timestamp": 1782000000}, "start_ts", {"column": "@timestamp", "format": "epoch_s"}),
        ({"created": 1782000000123}, "start_ts", {"column": "created", "format": "epoch_ms"}),
        ({"t": {"at": "01.07.2026 10:00"}}, "start_ts", {"column": "t.at", "format": "%d.%m.%Y %H:%M"}),
        ({"odd": "2026-07-01T10:00:00Z"}, "start_ts", "odd"),
        ({"latencySeconds": 0.5}, "latency_us", {"column": "latencySeconds", "unit": "s"}),
        ({"elapsed": 812}, "latency_us", {"column": "elapsed", "unit": "ms"}),
        ({"usage": {"prompt_tokens": 12}}, "input_tokens", "usage.prompt_tokens"),
        ({"cost_cents": 1.5}, "cost_reported", {"column": "cost_cents", "scale": 0.01}),
        ({"statusCode": 200}, "http_status", "statusCode"),
        ({"status": "Succeeded"}, "status", {"column": "status", "map": {"Succeeded": "ok"}}),
        ({"success": True}, "status", {"column": "success", "map": {"true": "ok", "false": "error"}}),
        ({"cacheHit": False}, "cache_status", {"column": "cacheHit", "map": {"true": "exact_hit", "false": "miss"}}),
        ({"status": "ok"}, "status", "status"),
        ({"y_pred_proba": 0.4}, "score", "y_pred_proba"),
        ({"User": "u-1"}, "user_id", "User"),
        ({"version": 2.1}, "model_version", "version"),
        ({"choice": {"finish_reason": "stop"}}, "finish_reasons", "choice.finish_reason"),
        ({"stopReasons": ["stop", "length"]}, "finish_reasons", "stopReasons"),
    ],
)  # fmt: skip
def test_a_column_is_known_by_name_and_values(
    tmp_path: Path, record: dict[str, Any], canonical: str, rule: Any
) -> None:
    at = {} if canonical == "start_ts" else {"timestamp": "2026-07-01T10:00:00Z"}
    made = drafted(tmp_path, "log.jsonl", lines(at | record))
    assert columns_of(made.text)[canonical] == rule
    assert not made.reasons


def test_ids_that_come_twice_are_no_ids_of_requests(tmp_path: Path) -> None:
    record = {"request_id": "r", "at": "2026-07-01T10:00:00Z"}
    made = drafted(tmp_path, "log.jsonl", lines(record, record))
    assert "request_id" not in columns_of(made.text)
    assert "request_id (an id, but not each record has its own)" in made.text


def test_a_log_without_times_gives_a_mapping_that_says_so_and_cannot_be_used_yet(tmp_path: Path) -> None:
    made = drafted(tmp_path, "log.csv", "id,prediction\n1,yes\n2,no\n")
    assert not made.is_usable
    assert "start_ts: {constant: WHEN}" in made.text
    with pytest.raises(Exception, match="'WHEN' is no time"):
        parse_mapping(made.text.encode(), "draft")


def test_what_cannot_be_read_is_said_with_its_reason(tmp_path: Path) -> None:
    made = drafted(tmp_path, "log.jsonl", lines({"at": "2026-07-01T10:00:00Z"}) + "{\n" + lines({"at": None, "x": 1}))
    assert {reason: count for reason, (count, _) in made.reasons.items()} == {"bad_json": 1, "missing_value": 1}
    assert "1 of its first 3 records can be read with it." in made.text


def test_a_known_format_is_named(shared_data: Callable[[str], Path]) -> None:
    assert draft(shared_data("samples/litellm/spend_logs_newer.json")).known == "litellm-spend"


@pytest.mark.parametrize(
    ("name", "content", "error", "said"),
    [
        ("empty.csv", "", SourceError, "empty"),
        ("broken.jsonl", "{\n{\n", SourceError, "none of its first 2 records can be read"),
        ("excel.csv", "sep=;\nid;at\n1;2\n", SourceError, "a column without a name"),
        ("header.csv", "a,b\n", SourceError, "none of its first 0 records can be read"),
    ],
)
def test_a_file_without_records_is_refused(
    tmp_path: Path, name: str, content: str, error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        drafted(tmp_path, name, content)
    with pytest.raises(NotFoundError):
        draft(tmp_path / "none.csv")


@pytest.mark.parametrize(
    ("content", "hint"),
    [
        (b"id,at,name\n1,2026-07-01T00:00:00Z,J\xfcrgen\n", "iconv -f ISO-8859-1 -t UTF-8"),
        (b'{"x": "' + b"y" * (MAX_RECORD_BYTES + 1) + b'"}\n', "MiB at most"),
        (b"sep=;\nid;at\n1;2\n", "remove the line that begins with sep="),
    ],
)
def test_the_way_out_of_a_file_that_cannot_be_read(tmp_path: Path, content: bytes, hint: str) -> None:
    path = tmp_path / ("log.jsonl" if content.startswith(b"{") else "log.csv")
    path.write_bytes(content)
    with pytest.raises(SourceError) as refused:
        draft(path)
    assert hint in str(refused.value.hint)


def test_columns_that_are_not_used_are_named_by_why_and_of_very_many_the_first(tmp_path: Path) -> None:
    names = [f"c{n:04}" for n in range(3_000)]
    rows = [",".join(["id", "at", *names, "later"]), ",".join(["1", "2026-07-01T00:00:00Z", *names, "2026-07-02"])]
    text = drafted(tmp_path, "wide.csv", "\n".join(rows) + "\n").text
    said = " ".join(text.replace("\n#   ", " ").split())
    assert f"c0059 and {3_000 - 60:,} more (not known); later (another time)" in said
    assert len(text.splitlines()) < 30


def test_two_readings_of_a_date_are_both_named(tmp_path: Path) -> None:
    made = drafted(tmp_path, "log.csv", "date,x\n03/04/2026,1\n")
    assert "could be %m/%d/%Y as well" in made.text


TEXT = st.text(max_size=12)
CELL = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), TEXT, st.lists(TEXT, max_size=2))
RECORD = st.dictionaries(TEXT, st.one_of(CELL, st.dictionaries(TEXT, CELL, max_size=3)), max_size=6)


@settings(deadline=None, max_examples=60)
@given(st.lists(RECORD, min_size=1, max_size=4), st.sampled_from(["label", "sex", "answer", "input", "at\n#x: y"]))
def test_whatever_strangers_write_the_mapping_can_be_read(
    tmp_path_factory: pytest.TempPathFactory, found: list[dict[str, Any]], name: str
) -> None:
    own = {"timestamp": "2026-07-01T10:00:00Z", "decision": "yes", name: "- {a: b} # *c"}
    path = tmp_path_factory.mktemp("log") / "log.jsonl"
    path.write_text(lines(*(record | own for record in found)), encoding="utf-8")
    try:
        made = draft(path)
    except SourceError:  # every record is broken: half a character, NaN in the wrong place
        return
    assert parse_mapping(made.text.encode(), "draft").decides
    assert all(visible(line) == line for line in made.text.splitlines())


def test_profiles_look_into_objects_but_not_for_ever() -> None:
    nested: dict[str, Any] = {"leaf": 1}
    for _ in range(6):
        nested = {"a": nested}
    (profile,) = profiles([nested])
    assert (profile.name, profile.kind) == ("a.a.a.a", Kind.NESTED)


@pytest.fixture
def run(tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Said]:
    """Runs a command in this process, in a folder that is no workspace and holds a log."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "loans.csv").write_text(LOANS, encoding="utf-8")

    def said(*arguments: str) -> Said:
        with pytest.raises(SystemExit) as done:
            main(arguments)
        return Said(done.value.code, *capfd.readouterr())

    return said


def test_the_command_writes_the_mapping_once_and_shows_it(tmp_path: Path, run: Callable[..., Said]) -> None:
    said = run("mapping", "init", "loans.csv")
    assert said.code == 0
    assert (tmp_path / "loans.mapping.yaml").read_text(encoding="utf-8") in said.out
    assert "ingest --dry-run loans.csv --mapping loans.mapping.yaml" in said.out
    again = run("mapping", "init", "loans.csv")
    assert again.code == 2
    assert "there is a file already" in again.err
    assert run("mapping", "init", "loans.csv", "--to", "none/x.yaml").code == 2
    document = json.loads(run("--json", "mapping", "init", "loans.csv", "--to", "other.yaml").out)
    assert document["mapping"] == "other.yaml"
    assert document["features"] == ["income_eur"]
    assert document["coverage"]["judged"] > 20


def test_a_shipped_mapping_is_printed_as_it_is(run: Callable[..., Said]) -> None:
    assert run("mapping", "show", "bentoml").out == shipped_mappings()["bentoml"].read_text(encoding="utf-8")
    wrong = run("mapping", "show", "bentml")
    assert wrong.code == 2
    assert "bentoml" in wrong.err
