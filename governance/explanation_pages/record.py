"""The record: the request, what people and other systems did about it, the rules, what is not known, and the proof."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from governance.blocks import AnyBlock, Cell, Column, Fact, Facts, Table, notice, section
from governance.display import money, number

Document: TypeAlias = Mapping[str, Any]
MOST_FINDINGS = 20  # chosen here: of those that did not pass; the JSON has all


def request(document: Document) -> list[AnyBlock]:
    """What was sent and what came back: status, versions, latency, tokens, cost, ids."""
    sent = document["request"]
    cost = document["cost_usd"]
    known = {
        "Status": sent.get("status"),
        "Error": sent.get("error_type"),
        "Asked for": sent.get("model_requested"),
        "Served by": sent.get("model_served"),
        "Prompt": " ".join(str(sent[name]) for name in ("prompt_name", "prompt_version") if name in sent),
        "Route": sent.get("route_cause"),
        "Fallbacks": sent.get("fallbacks"),
        "Instead of": sent.get("fallback_from"),
        "Cache": sent.get("cache_status"),
        **{
            _words(name.removesuffix("_us")): f"{number(value / 1000, 0)} ms"
            for name, value in document["latency_us"].items()
        },
        "Tokens in": sent.get("input_tokens"),
        "Tokens out": sent.get("output_tokens"),
        "Cost": None if cost is None else money(cost, "USD"),
        "Business unit": sent.get("business_unit"),
    }
    ids = {
        name: sent.get(name) for name in ("request_id", "client_request_id", "response_id", "trace_id", "session_id")
    }
    facts = [Fact(name, value) for name, value in known.items() if value not in (None, "")]
    facts += [Fact(_words(name), value, "code") for name, value in ids.items() if value is not None]
    return [section("Request", *_conflicts(document), Facts(tuple(facts)))]


def _conflicts(document: Document) -> list[AnyBlock]:
    """That the record came again with other content: then it is not certain what was logged."""
    count = document["proof"]["conflicts"]
    if not count:
        return []
    times = f"This record came {count + 1} times with different content. "
    return [notice("warn", times, "What came first is explained; the rest is kept in the store as conflicts.")]


def _words(name: str) -> str:
    text = name.replace("_", " ").replace("ttft", "time to first token").replace("queue", "time in queue")
    return text[:1].upper() + text[1:]


def people(document: Document) -> list[AnyBlock]:
    """Reviews, notices, outcomes, assessments, guardrails and upstream calls, each where there is one."""
    tables = [
        _rows(
            "Reviews by people",
            document["reviews"],
            "reviewer trigger requested_ts completed_ts effective_ts outcome reason",
        ),
        _rows(
            "Notices to the person",
            document["notices"],
            "name notice_id opened_ts sent_ts received_ts channel noted_ts",
        ),
        _rows("Outcomes known later", document["outcomes"], "name value occurred_ts known_ts"),
        _rows("Assessments", document["assessments"], "name score label annotator_kind annotator created_ts"),
        _rows("Guardrails", document["guardrails"], "guardrail stage verdict action score"),
        _rows("Upstream calls", document["attempts"], "kind model name status latency_us breaker_state"),
    ]
    shown = [table for table in tables if table is not None]
    return [section("Reviews, notices, outcomes and calls", *shown)] if shown else []


def _rows(caption: str, rows: Sequence[Mapping[str, Any]], names: str) -> Table | None:
    """Rows of a side table with the columns that some row fills."""
    kept = [name for name in names.split() if any(row.get(name) is not None for row in rows)]
    if not rows or not kept:
        return None
    columns = tuple(
        Column(name.removesuffix("_ts").replace("_", " "), "date" if name.endswith("_ts") else "text") for name in kept
    )
    lines = tuple(tuple(_cell(row.get(name)) for name in kept) for row in rows)
    return Table(caption, columns, lines)


def _cell(value: object) -> Cell:
    return value if value is None or isinstance(value, str | int | float) else str(value)


def rules(document: Document) -> list[AnyBlock]:
    """The policies in force at that time, and the findings that this record belongs to."""
    blocks: list[AnyBlock] = []
    if document["policies"]:
        columns = (
            Column("policy"),
            Column("version"),
            Column("valid from", "date"),
            Column("approved by"),
            Column("sha256", "code"),
        )
        rows = tuple(
            (p["policy"], p["version"], p["from"], p.get("approved_by") or "nobody", p["sha256"])
            for p in document["policies"]
        )
        blocks.append(Table("Policies in force at that time", columns, rows))
    other = [finding for finding in document["findings"] if finding["verdict"] != "passed"]
    if document["findings"]:
        heads = (
            Column("check"),
            Column("subject"),
            Column("verdict", "verdict"),
            Column("reason"),
            Column("owner"),
            Column("due", "date"),
        )
        lines = tuple(
            (f"{f['policy']}: {f['check']}", _subject(f["subject"]), f["verdict"], f["reason"], f["owner"], f["due"])
            for f in other
        )
        passed = len(document["findings"]) - len(other)
        note = f"{passed} more passed. " + ("The worst are shown." if len(lines) > MOST_FINDINGS else "")
        blocks.append(Table("Findings that this record belongs to", heads, lines[:MOST_FINDINGS], note.strip()))
    return [section("Rules", *blocks)] if blocks else []


def _subject(subject: Mapping[str, Any]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in subject.items()) or "all"


def missing(document: Document) -> list[AnyBlock]:
    """What is not known, each with the reason."""
    if not document["missing"]:
        return []
    return [
        section(
            "What is not known", Facts(tuple(Fact(one["what"], None, reason=one["why"]) for one in document["missing"]))
        )
    ]


def proof(document: Document, *, whole: bool) -> list[AnyBlock]:
    """Where the record lies, and how it hangs in the ledger; for an auditor with every file."""
    own = document["proof"]
    known = (
        Fact("Files read", len(own["files"]), reason="each with the digest that the ledger names"),
        Fact("Ledger entries", own["ledger"]["size"]),
        Fact("Root", own["ledger"]["root"], "code"),
        Fact("Source file", own["file_sha256"], "code"),
        Fact("Record in it", own["row_no"]),
    )
    blocks: list[AnyBlock] = [Facts(known)]
    if whole:
        columns = (
            Column("file", "code"),
            Column("entry", "number", digits=0),
            Column("steps of its proof", "number", digits=0),
        )
        rows = tuple((file["path"], file["entry"], len(file["inclusion"])) for file in own["files"])
        blocks.append(
            Table(
                "Files that hold this record", columns, rows, "The hashes of each proof are in the JSON of `explain`."
            )
        )
        blocks += _readings(document["readings"] or ())
    return [section("Proof", *blocks)]


def _readings(known: Sequence[Mapping[str, Any]]) -> list[AnyBlock]:
    """Who read explanations of it before, where the ledger has sealed that anybody did."""
    columns = (Column("at", "date"), Column("account"), Column("for"), Column("entry", "number", digits=0))
    rows = tuple((one["at"], one["by"], one["for"], one["entry"]) for one in known)
    return [Table("Explanations of it that were read before", columns, rows)] if rows else []
