"""A first mapping for a table beside the log: which table it is, what its columns mean, and what nobody can know."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from governance.cli import main
from governance.drafts.draft import Draft, draft
from governance.mapping import parse_mapping
from governance.rehearsal import rehearse
from tests.logbooks import NOW, logbook

if TYPE_CHECKING:
    from pathlib import Path

ROWS = 24


class Export(NamedTuple):
    """A table as a tool exports it: its header, and what stands in a row."""

    head: str
    row: str  # of n: {n}, {bit}, {yes}; times: {t0}, {t1} (an hour later), ...


TOOL = Export(
    "Case ID,Queue,Analyst,Assigned At,Opened At,Closed At,AI Recommendation,Final Decision,Disposition,Comments",
    "C-{n},Appeal,ana{bit},{t0},{t1},{t2},decline,approve,{upheld},looked at",
)
AGREED = Export("request_id,reviewed_by,review_requested,reviewed_at,agreed", "r{n},u{bit},{t0},{t1},{yes}")
REVIEWED = Export("request_id,reviewed_by,reviewed_at,agreed", "r{n},u{bit},{t0},{yes}")
LOAN = Export("loan_id,defaulted,default_date,observed_at,loss_amount", "L{n},{bit},{t0},{t1},{n}.5")
EMPLOYED = Export("id,employed,since", "r{n},{bit},{t0}")
LABEL = Export("request_id,label", "r{n},{bit}")
STATUS = Export("application_id,outcome,outcome_date", "a{n},{status},{t0}")
LONG = Export("application_id,outcome,value,due,booked", "a{n},default_next_month,{bit},{t0},{t1}")
FRAUD = Export("transaction_id,is_fraud,chargeback_date", "t{n},{true},{t0}")
PEOPLE = Export("application_id,gender,birth_year,ethnicity,postcode", "a{n},{sex},19{n:02},b,{n}0")
DECLARED = Export("candidate_id,sex,age_group,disability,declared_on", "c{n},{sex},18-30,no,{t0}")
CUSTOMERS = Export("customer_id,gender,age,city,income,segment,signup_date", "c{n},{sex},3{bit},B,{n}00,gold,{t0}")
JIRA = Export("Issue key,Summary,Priority,Status,Created,Resolved,Assignee", "AI-{n},it said x,High,Done,{t0},{t1},bob")
TICKETS = Export(
    "number,short_description,severity,opened_at,detected_at,reported_to_authority,resolved_at,affected_model",
    "INC{n},x,2 - high,{t0},{t1},{t2},{t3},m",
)
COUNTS = Export("window_start,window_end,count,lb", "{t0},{t1},1{n},lb1")
HOURS = Export("hour,service,requests", "{t0},chat,1{n}")
SCORES = Export("trace_id,name,value,source,comment,timestamp", "t{n},helpful,{bit},HUMAN,nice,{t0}")
THUMBS = Export("message_id,rating,user,created_at", "m{n},{bit},u{bit},{t0}")
LETTERS = Export(
    "letter_id,application_id,letter_type,application_completed_at,mailed_on,channel",
    "L{n},a{n},adverse_action,{t0},{t1},post",
)
INLINE = Export(
    "id,timestamp,model,score,decision,income,debt,reviewer,reviewed_at,review_outcome",
    "d{n},{t0},loan,0.{n},{yes},{n}00,{n},bob,{t1},confirmed",
)
GATEWAY = Export("id,timestamp,model,severity,latency_ms,prompt_tokens,label", "g{n},{t0},m,INFO,{n},{n},{bit}")
PREDICTED = Export("id,ts,prediction,actual", "p{n},{t0},{bit},{bit}")
TRAINING = Export("id,f1,f2,f3,f4,f5,label", "{n},{n},2,3,4,5,{bit}")
LINES = Export("id,timestamp,severity,message,service", "{n},{t0},ERROR,it broke,chat")


def written(folder: Path, export: Export, name: str = "export.csv") -> Path:
    path = folder / name
    rows = [export.head, *(export.row.format(**_cells(n)) for n in range(ROWS))]
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


def _cells(n: int) -> dict[str, Any]:
    begin = datetime(2026, 7, 1, tzinfo=UTC) + timedelta(hours=n)
    times = {f"t{hours}": (begin + timedelta(hours=hours)).isoformat() for hours in range(4)}
    bit = n % 2
    words = {
        "yes": ("no", "yes")[bit],
        "true": ("false", "true")[bit],
        "sex": "fm"[bit],
        "status": "paid late".split()[bit],
    }
    return {"n": n, "bit": bit, "upheld": ("Upheld", "Overturned")[bit], **words, **times}


def columns_of(made: Draft) -> dict[str, Any]:
    """Canonical column -> its column, or the whole rule where more is said."""
    found = {guess.canonical: guess.rule for guess in made.guesses.columns}
    return {name: rule.get("column") if rule.keys() == {"column"} else rule for name, rule in found.items()}


@pytest.mark.parametrize(
    ("export", "table", "columns"),
    [
        (TOOL, "reviews", {"request_id": "Case ID", "requested_ts": "Assigned At", "completed_ts": "Closed At",
                           "original_decision": "AI Recommendation", "final_decision": "Final Decision",
                           "outcome": {"column": "Disposition",
                                       "map": {"Upheld": "confirmed", "Overturned": "overridden"}},
                           "trigger": {"column": "Queue", "map": {"Appeal": "complaint"}}}),
        (AGREED, "reviews", {"requested_ts": "review_requested", "reviewer": "reviewed_by",
                             "outcome": {"column": "agreed", "map": {"no": "overridden", "yes": "confirmed"}}}),
        (LOAN, "outcomes", {"name": {"constant": "defaulted"}, "value": "defaulted", "occurred_ts": "default_date",
                            "positive": {"column": "defaulted", "map": {"0": False, "1": True}},
                            "known_ts": "observed_at"}),
        (EMPLOYED, "outcomes", {"name": {"constant": "employed"}, "value": "employed"}),
        (STATUS, "outcomes", {"name": {"constant": "outcome"}, "value": "outcome", "known_ts": "outcome_date"}),
        (LONG, "outcomes", {"name": "outcome", "value": "value", "occurred_ts": "due", "known_ts": "booked"}),
        (DECLARED, "subject_records", {"request_id": "candidate_id", "known_ts": "declared_on"}),
        (JIRA, "incidents", {"incident_id": "Issue key", "severity": "Priority", "summary": "Summary",
                             "opened_ts": "Created", "closed_ts": "Resolved"}),
        (TICKETS, "incidents", {"incident_id": "number", "aware_ts": "detected_at", "model": "affected_model",
                                "reported_ts": "reported_to_authority"}),
        (COUNTS, "request_counts", {"window_start": "window_start", "window_end": "window_end", "expected": "count",
                                    "counted_by": "lb"}),
        (SCORES, "assessments", {"name": "name", "score": "value", "created_ts": "timestamp",
                                 "annotator_kind": {"column": "source", "map": {"HUMAN": "human"}}}),
        (LETTERS, "notices", {"notice_id": "letter_id", "request_id": "application_id", "name": "letter_type",
                              "opened_ts": "application_completed_at", "sent_ts": "mailed_on", "noted_ts": "mailed_on",
                              "channel": "channel"}),
        (THUMBS, "assessments", {"name": {"constant": "rating"}, "score": "rating", "request_id": "message_id"}),
    ],
)  # fmt: skip
def test_a_table_is_told_and_can_be_ingested_as_it_is(
    tmp_path: Path, export: Export, table: str, columns: dict[str, Any]
) -> None:
    path = written(tmp_path, export)
    made = draft(path)
    assert made.guesses.table == table
    assert made.because
    assert columns.items() <= columns_of(made).items()
    assert f"Read as {table}" in made.text
    assert made.is_usable
    assert not made.reasons
    assert parse_mapping(made.text.encode(), "draft").table == table
    book = logbook(tmp_path / "book")
    done = rehearse(book.workspace, [str(path)], now=NOW, mapping=book.write("m.yaml", made.text))
    assert done.ingestion.total("stored") == ROWS


@pytest.mark.parametrize(
    ("export", "table", "missing", "note"),
    [
        (REVIEWED, "reviews", ["requested_ts"], "reviewed_at says another time"),
        (LABEL, "outcomes", ["known_ts"], "known_ts: {constant: WHEN}"),
        (FRAUD, "outcomes", ["known_ts"], "chargeback_date says another time"),
        (PEOPLE, "subject_records", ["known_ts"], "birth_year (tells an age; make a band of it first)"),
        (HOURS, "request_counts", ["window_end"], "hour says another time"),
    ],
)
def test_what_nothing_says_is_not_made_up(
    tmp_path: Path, export: Export, table: str, missing: list[str], note: str
) -> None:
    made = draft(written(tmp_path, export))
    assert (made.guesses.table, made.guesses.missing, made.is_usable) == (table, missing, False)
    assert note in made.text
    with pytest.raises(Exception, match="'WHEN' is no time"):
        parse_mapping(made.text.encode(), "draft")


@pytest.mark.parametrize(
    ("export", "otherwise"),
    [
        (INLINE, ["reviews"]),
        (GATEWAY, ["outcomes"]),
        (PREDICTED, []),
        (TRAINING, ["outcomes"]),
        (LINES, []),
        (CUSTOMERS, ["subject_records"]),
    ],
)
def test_a_log_of_requests_stays_one(tmp_path: Path, export: Export, otherwise: list[str]) -> None:
    """What it may hold beside them is said."""
    made = draft(written(tmp_path, export))
    assert made.guesses.table == "requests"
    assert list(made.otherwise) == otherwise
    for name in otherwise:
        assert f"--table {name}" in " ".join(made.text.replace("\n# ", " ").split())


def test_what_was_said_in_a_review_is_no_input_of_the_model(tmp_path: Path) -> None:
    guesses = draft(written(tmp_path, INLINE)).guesses
    assert guesses.features == ["income", "debt"]
    assert guesses.left["review_outcome"] == "of a review"


def test_the_name_of_a_file_decides_where_the_columns_leave_it_open(tmp_path: Path) -> None:
    assert draft(written(tmp_path, CUSTOMERS, "customers.csv")).guesses.table == "subject_records"
    assert draft(written(tmp_path, GATEWAY, "incidents.csv")).guesses.table == "requests"


def test_the_user_says_which_table_it_is(tmp_path: Path) -> None:
    made = draft(written(tmp_path, INLINE), "reviews")
    assert (made.guesses.table, made.guesses.missing) == ("reviews", ["requested_ts"])
    assert columns_of(made)["completed_ts"] == "reviewed_at"
    assert draft(written(tmp_path, LOAN), "requests").guesses.table == "requests"
    bare = draft(written(tmp_path, TRAINING), "incidents")
    assert bare.guesses.missing == ["opened_ts"]
    assert bare.because == ()


@pytest.mark.parametrize("values", [("Upheld", "Unsure"), ("upheld", "")])
def test_a_word_that_nobody_knows_is_named(tmp_path: Path, values: tuple[str, str]) -> None:
    path = tmp_path / "reviews.csv"
    rows = [f"r{n},bob,2026-07-01T00:00:0{n}Z,{values[n % 2]}" for n in range(6)]
    path.write_text("request_id,reviewer,requested_at,outcome\n" + "\n".join(rows) + "\n", encoding="utf-8")
    made = draft(path)
    assert made.guesses.table == "reviews"
    assert ("go to quarantine: Unsure" in made.text) == ("Unsure" in values)
    assert {reason: count for reason, (count, _) in made.reasons.items()} == (
        {"unmapped_value": 3} if "Unsure" in values else {}
    )


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[Any, str, str]:
    with pytest.raises(SystemExit) as left:
        main(["mapping", "init", *words])
    out = capsys.readouterr()
    return left.value.code, out.out, out.err


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = str(written(tmp_path, TOOL))
    code, out, _ = run(capsys, path)
    assert code == 0
    assert "kinds of checks" not in out  # of reviews alone nothing can be judged
    assert max(map(len, out.splitlines()[:-1])) <= 100
    code, out, _ = run(capsys, path, "--table", "outcomes", "--to", "o.yaml", "--json")
    said = json.loads(out)
    assert (said["table"], said["coverage"], said["otherwise"]) == ("outcomes", None, ["reviews"])
    code, _, err = run(capsys, path, "--table", "review")
    assert code == 2
    assert "did you mean 'reviews'?" in err
