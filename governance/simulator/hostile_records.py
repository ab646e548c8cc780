"""The records of hostile logs: what a good one is in each of four layouts, and what of it is stored."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from governance.simulator.hostility import BAD_NESTED, BAD_VALUES, OWN_BAD_VALUES

START = datetime(2026, 7, 1, tzinfo=UTC)
MAPPING = """\
source: mapped
columns:
  request_id: id
  start_ts: at
  model: {constant: credit}
  input_tokens: tokens
  cost_reported: cost
  user_id: note
  decision: decision
  score: score
features: [amount]
"""

Fields = dict[str, Any]


@dataclass(frozen=True)
class Layout:
    """What the records of a hostile log are.

    Attributes:
        suffix: .jsonl or .csv.
        is_mapped: Whether MAPPING reads them; else they are recognised.
        make: Number, dice -> a good record; its first field is its id.
        text: Its field that holds any text.
        stored: SQL that gives the id and what else is compared of each stored request.
        expected: Record -> the same.
        bad: Why a record cannot be read, and the fields that make it so.
        ignored: Line -> reason, of records that the format defines as something else.
    """

    suffix: str
    is_mapped: bool
    make: Callable[[int, random.Random], Fields]
    text: str
    stored: str
    expected: Callable[[Fields], tuple[Any, ...]]
    bad: tuple[tuple[str, Fields], ...]
    ignored: Mapping[bytes, str] = field(default_factory=dict)


def _moment(number: int) -> str:
    return (START + timedelta(seconds=number * 7 % (90 * 86_400))).isoformat().replace("+00:00", "Z")


def _mapped(number: int, dice: random.Random) -> Fields:
    return {
        "id": f"r{number}",
        "at": _moment(number),
        "tokens": dice.randrange(5_000),
        "cost": dice.randrange(1_000) / 100_000,
        "decision": dice.choice(("yes", "no")),
        "score": round(dice.random(), 6),
        "amount": dice.randrange(100_000),
        "note": f"note {number}",
    }


def _opa(number: int, dice: random.Random) -> Fields:
    return {
        "decision_id": f"d{number}",
        "timestamp": _moment(number),
        "labels": {"id": "gateway", "version": "1.4.2"},
        "path": f"credit/rule{number % 97}",
        "input": {"amount": dice.randrange(100_000), "texts": ["a", {"b": None}]},
        "result": dice.random() < 0.5,  # noqa: PLR2004 - evens
    }


def _spend(number: int, dice: random.Random) -> Fields:
    return {
        "request_id": f"chatcmpl-{number}",
        "call_type": "acompletion",
        "startTime": _moment(number),
        "spend": dice.randrange(1_000) / 100_000,
        "prompt_tokens": dice.randrange(5_000),
        "model": "gpt-4o-mini",
        "user": f"user {number}",
    }


def _plain(text: str) -> str:
    return text.replace("\0", "")


_MAPPED_SQL = (
    "SELECT r.request_id, r.input_tokens, CAST(r.cost_reported AS DOUBLE), r.user_id, d.score "
    "FROM requests r JOIN decisions d USING (request_uid)"
)


def _mapped_values(record: Fields) -> tuple[Any, ...]:
    score = None if str(record["score"]) in {"nan", "Infinity"} else record["score"]
    return (str(record["id"]), record["tokens"], record["cost"], _plain(record["note"]), score)


_mapped_layout = partial(Layout, is_mapped=True, make=_mapped, text="note", stored=_MAPPED_SQL, expected=_mapped_values)
LAYOUTS: dict[str, Layout] = {
    "mapped-json": _mapped_layout(".jsonl", bad=(*BAD_VALUES, *BAD_NESTED)),
    "mapped-csv": _mapped_layout(".csv", bad=BAD_VALUES),
    "opa": Layout(
        ".jsonl",
        is_mapped=False,
        make=_opa,
        text="path",
        stored="SELECT r.request_id, d.rule_id, d.decision FROM requests r JOIN decisions d USING (request_uid)",
        expected=lambda record: (record["decision_id"], _plain(record["path"]), str(record["result"]).lower()),
        bad=OWN_BAD_VALUES["opa"],
        ignored={b'{"level": "info", "msg": "Received request.", "time": "2026-07-01T00:00:00Z"}': "server log line"},
    ),
    "litellm-spend": Layout(
        ".csv",
        is_mapped=False,
        make=_spend,
        text="user",
        stored="SELECT request_id, input_tokens, CAST(cost_reported AS DOUBLE), user_id FROM requests",
        expected=lambda record: (
            record["request_id"],
            record["prompt_tokens"],
            record["spend"],
            _plain(record["user"]),
        ),
        bad=OWN_BAD_VALUES["litellm-spend"],
    ),
}
