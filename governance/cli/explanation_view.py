"""The terminal view of an explanation: what decided, why, under which rules, what it cost, and the proof."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from governance.cli.policies import MARKS, STYLES
from governance.display import ABSENT, money, number, visible

if TYPE_CHECKING:
    from rich.console import Console

SHOWN_INPUTS = 8  # chosen here: what fits a screen beside the rest; --json has all
BAR = 12
_LATENCY = {"latency_us": "in all", "ttft_us": "to first token", "queue_us": "in a queue"}
_GRADES = {
    "reproduced": "the contributions add up to the logged score",
    "attributed": "contributions are known, but no score was logged to compare them with",
    "unequal": "the contributions do NOT add up to the logged score: they explain another model or other inputs",
    "record": "the record alone; there are no contributions",
}


def show(console: Console, document: Mapping[str, Any], reader: str) -> None:
    """Prints one explanation for an engineer, the person concerned, or an auditor."""
    if reader == "subject":
        _subject(console, document)
        return
    _head(console, document)
    _contributions(console, document)
    _reasons(console, document["reasons"])
    _request(console, document)
    _people(console, document)
    _rules(console, document)
    _missing(console, document["missing"])
    _proof(console, document["proof"], whole=reader == "auditor")


def _section(console: Console, title: str) -> None:
    console.print()
    console.print(title, style="bold")


def _pairs(console: Console, pairs: Iterable[tuple[str, object]]) -> None:
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True, style="dim")
    table.add_column(overflow="fold")
    for name, value in pairs:
        if value is not None and value != "":
            table.add_row(name, Text(visible(str(value))))
    console.print(table)


def _head(console: Console, document: Mapping[str, Any]) -> None:
    decision = document["decision"]
    outcome = {True: "favourable", False: "adverse", None: None}[document["favourable"]]
    title = f"{document['decision_id'] or document['request_uid']}"
    console.print(Text(visible(title), style="bold"))
    by = document["decided_by"]
    model = " ".join(str(part) for part in (document["model"], document["model_version"]) if part)
    _pairs(
        console,
        [
            ("decided", f"{decision} ({outcome})" if outcome else decision),
            ("decided by", f"{by['stage'] or 'nothing'}: {by['evidence']}"),
            ("time", document["time"].replace("T", " ").replace("Z", " UTC")),
            ("score", _score(document)),
            ("confidence", None if document["confidence"] is None else number(document["confidence"])),
            ("model", model or None),
        ],
    )


def _score(document: Mapping[str, Any]) -> str | None:
    if document["score"] is None:
        return None
    limit = document["threshold"]
    return f"{document['score']:.6g}" + (f", threshold {limit:.6g}" if limit is not None else "")


def _contributions(console: Console, document: Mapping[str, Any]) -> None:
    explanation = document["explanation"]
    if explanation is None:
        return
    origin = "stored" if explanation["stored"] else "computed now, not at decision time"
    _section(console, f"Why: contributions to the {explanation['output_space']} ({explanation['method']}, {origin})")
    stage = document["decided_by"]["stage"]
    if stage != "model":
        console.print(f"They explain the model's score, which is not what decided: the {stage} did.", style="yellow")
    parts = explanation["contributions"]
    largest = max((abs(part["contribution"]) for part in parts), default=0.0) or 1.0
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    table.add_column("input", overflow="fold")
    table.add_column("value", justify="right", overflow="fold")
    table.add_column("effect", justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    table.add_row("base value", "", f"{explanation['base_value']:+.4f}", "")
    for part in parts[:SHOWN_INPUTS]:
        table.add_row(
            Text(visible(part["feature"])), Text(_value(part["value"])), *_effect(part["contribution"], largest)
        )
    rest = parts[SHOWN_INPUTS:]
    if rest:
        table.add_row(f"{len(rest)} others", "", f"{sum(part['contribution'] for part in rest):+.4f}", "")
    table.add_row("output", "", f"{explanation['output_value']:+.4f}", "", style="bold")
    console.print(table)
    grade = "reproduced" if explanation["equals_logged_score"] else "unequal"
    if explanation["equals_logged_score"] is None:
        grade = "attributed"
    error = explanation["score_error"]
    console.print(
        _GRADES[grade] + (f" (error {error:.1e})" if error is not None else ""),
        style="" if grade != "unequal" else "red",
    )


def _effect(contribution: float, largest: float) -> tuple[str, Text]:
    """The number with its sign, and a bar; the sign says what the colour says."""
    length = max(1, round(BAR * abs(contribution) / largest))
    sign, style = ("▲", "red") if contribution > 0 else ("▼", "blue")
    return f"{contribution:+.4f}", Text(sign + "█" * length, style=style)


def _value(value: Any) -> str:
    if value is None:
        return ABSENT
    return number(value) if isinstance(value, int | float) and not isinstance(value, bool) else visible(str(value))


def _reasons(console: Console, reasons: Sequence[Mapping[str, Any]]) -> None:
    if not reasons:
        return
    _section(console, "Principal reasons")
    for reason in reasons:
        name = reason.get("text") or reason.get("group") or reason.get("rule")
        rule = f" (rule {reason['rule']})" if reason.get("rule") else ""
        console.print(Text(f"{reason['rank']}. {visible(str(name))}{visible(rule)}"))


def _request(console: Console, document: Mapping[str, Any]) -> None:
    request = document["request"]
    _section(console, "Request")
    latency = [f"{_LATENCY[name]} {value / 1000:,.0f} ms" for name, value in document["latency_us"].items()]
    tokens = [
        f"{request[name]:,} {name.removesuffix('_tokens')}"
        for name in ("input_tokens", "output_tokens")
        if name in request
    ]
    cost = document["cost_usd"]
    requested, served = request.get("model_requested"), request.get("model_served")
    _pairs(
        console,
        [
            ("id", request.get("request_id")),
            ("trace", request.get("trace_id")),
            ("status", request.get("status") if request.get("status") != "ok" else None),
            ("error", request.get("error_type")),
            ("asked for", requested if requested != served else None),
            ("served by", served if document["decision_id"] is None else None),
            ("prompt", " ".join(str(request[n]) for n in ("prompt_name", "prompt_version") if n in request)),
            ("route", request.get("route_cause")),
            ("fallbacks", request.get("fallbacks") or None),
            ("cache", request.get("cache_status")),
            ("latency", ", ".join(latency)),
            ("tokens", ", ".join(tokens)),
            ("cost", None if cost is None else money(cost, "USD")),
            ("unit", request.get("business_unit")),
        ],
    )


def _people(console: Console, document: Mapping[str, Any]) -> None:
    if document["reviews"]:
        _section(console, "Reviews by people")
    for review in document["reviews"]:
        done = review["completed_ts"] or "not completed"
        late = _before_effect(review)
        console.print(
            Text(visible(f"{review['outcome'] or 'open'} by {review['reviewer'] or 'unknown'}, {done}{late}"))
        )
    _listed(
        console,
        "Outcomes known later",
        [f"{r['name']} = {r['value']}, known {r['known_ts']}" for r in document["outcomes"]],
    )
    judged = [f"{r['name']} {r['score']} by {r['annotator'] or r['annotator_kind']}" for r in document["assessments"]]
    _listed(console, "Assessments", judged)
    _listed(console, "Guardrails", [f"{r['guardrail']}: {r['verdict']}" for r in document["guardrails"]])
    calls = [f"{r['kind']} {r['model'] or r['name'] or ''}: {r['status']}" for r in document["attempts"]]
    _listed(console, "Upstream calls", calls)


def _listed(console: Console, title: str, lines: Sequence[str]) -> None:
    if lines:
        _section(console, title)
    for line in lines:
        console.print(Text(visible(line)))


def _before_effect(review: Mapping[str, Any]) -> str:
    if review["effective_ts"] is None or review["completed_ts"] is None:
        return ""
    return ", before effect" if review["completed_ts"] <= review["effective_ts"] else ", AFTER it took effect"


def _rules(console: Console, document: Mapping[str, Any]) -> None:
    if document["policies"]:
        _section(console, "Policies in force at that time")
    for policy in document["policies"]:
        approved = f", approved by {policy['approved_by']}" if policy.get("approved_by") else ", not approved"
        console.print(
            Text(visible(f"{policy['policy']} version {policy['version']} ({policy['sha256'][:12]}){approved}"))
        )
    shown = [finding for finding in document["findings"] if finding["verdict"] != "passed"]
    passed = len(document["findings"]) - len(shown)
    if document["findings"]:
        _section(console, f"Findings that this record belongs to ({passed} passed)")
    for finding in shown[:10]:
        verdict = finding["verdict"]
        subject = ", ".join(f"{k} {v}" for k, v in finding["subject"].items())
        text = f"{finding['check']} [{subject or 'all'}]: {finding['reason'] or verdict}"
        console.print(Text.assemble((MARKS[verdict], STYLES[verdict]), " ", visible(text)))
    if len(shown) > 10:  # noqa: PLR2004 - a screen
        console.print(f"  and {len(shown) - 10} more in --json", style="dim")


def _missing(console: Console, missing: Sequence[Mapping[str, str]]) -> None:
    if missing:
        _section(console, "What is not known")
    for item in missing:
        console.print(Text(f"{visible(item['what'])}: {visible(item['why'])}"))


def _proof(console: Console, proof: Mapping[str, Any], *, whole: bool) -> None:
    _section(console, "Proof")
    ledger = proof["ledger"]
    console.print(f"{len(proof['files'])} files read, each with the digest that the ledger names")
    console.print(f"ledger {ledger['size']} entries, root {ledger['root']}", soft_wrap=True)
    console.print(f"source file {proof['file_sha256'][:16]}, record {proof['row_no']}")
    for file in proof["files"] if whole else ():
        console.print(f"  entry {file['entry']}: {file['path']}", soft_wrap=True)


def _subject(console: Console, document: Mapping[str, Any]) -> None:
    """Plain language, no numbers that mean nothing to the person, nothing about others."""
    stage = document["decided_by"]["stage"]
    who = {
        "model": "An automated system decided, using a statistical model.",
        "rule": "An automated system decided, by a fixed rule.",
        "cache": "An automated system gave an answer that it had given before.",
        "fallback": "A replacement system answered.",
        "human": "A person decided.",
    }.get(stage, "Nothing was decided.")
    console.print(
        Text(f"Your request of {document['time'][:10]}: {visible(str(document['decision'] or 'no decision'))}")
    )
    console.print(who)
    done = [review for review in document["reviews"] if review["completed_ts"]]
    console.print("A person reviewed it." if done else "No review by a person is recorded.")
    if document["reasons"]:
        console.print("The main reasons, the most important first:")
    for reason in document["reasons"]:
        console.print(Text(f"  {reason['rank']}. {visible(str(reason.get('text') or reason.get('rule')))}"))
    if not document["reasons"] and document["favourable"] is False:
        console.print("The reasons are not on record; ask the organisation for them.")
    console.print("You can ask the organisation for a review by a person, and to correct what is wrong about you.")
    console.print(Text(f"Quote this reference: {visible(str(document['request_id']))}"))
