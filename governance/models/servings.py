"""What was live when: the versions that the log shows at work, beside what was registered, approved and due.

The log is the witness: a version was live when requests were answered by it. The registry says what was meant.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from governance.engines.duckdb import Engine
from governance.errors import GovernanceError
from governance.models.registered import RegisteredModel, models
from governance.moments import stamp
from governance.registry import models_view
from governance.storage.store import Snapshot

_MODEL = "coalesce(model_served, model_requested)"

# Requests and decisions that one version answered; a decision may name a model that its request does not
_SERVED = (
    f"SELECT {_MODEL} AS name, model_version AS version, start_ts AS ts, 1 AS request, 0 AS decision FROM requests "
    f"WHERE {_MODEL} IS NOT NULL UNION ALL "
    "SELECT model, model_version, decision_ts, 0, 1 FROM decisions WHERE model IS NOT NULL"
)
_PROMPTED = (
    "SELECT prompt_name AS name, prompt_version AS version, start_ts AS ts, 1 AS request, 0 AS decision FROM requests "
    "WHERE prompt_name IS NOT NULL OR prompt_version IS NOT NULL"
)


@dataclass(frozen=True, slots=True)
class Seen:
    """What the log shows of one version.

    Attributes:
        name: Of the model or prompt, None where the log gives a version alone.
        version: None where the log gives none.
        requests: How many it answered.
        decisions: How many it made.
        first: When the first began, ISO in UTC.
        last: When the last began.
        before: When the last one at or before the asked moment began, None without a moment.
        after: When the first one at or after that moment began.
    """

    name: str | None
    version: str | None
    requests: int
    decisions: int
    first: str
    last: str
    before: str | None = None
    after: str | None = None


@dataclass(frozen=True, slots=True)
class Serving:
    """One version of a model: what the log shows, what is registered, and where the two do not fit.

    Attributes:
        model: Name, as the log or the registry has it.
        version: Version, None where the log gives none.
        seen: None for a version that was registered and never served.
        facts: What is registered, None for a version that is not.
        problems: Where the two do not fit.
    """

    model: str
    version: str | None
    seen: Seen | None
    facts: Mapping[str, Any] | None
    problems: tuple[str, ...]


def moment_of(text: str, timezone: str) -> datetime:
    """A day (its first moment) or a time, in the workspace's zone where it names none.

    Raises:
        GovernanceError: It is neither.
    """
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        hint = "write it as 2026-07-15 or 2026-07-15T09:30+02:00"
        raise GovernanceError(f"'{text}' is no time", where="--at", hint=hint) from error
    return found if found.tzinfo else found.replace(tzinfo=ZoneInfo(timezone))


def live(snapshot: Snapshot, engine: Engine, *, at: datetime | None = None, model: str | None = None) -> list[Serving]:
    """The versions that were ever served or registered, or those that were live at a moment.

    Live at a moment are the versions that answered at or before it and at or after it. Approval and validation are
    judged at that moment; when the version was entered in the registry is shown and not judged, because a log may be
    older than the store.

    Args:
        snapshot: The store.
        engine: Any engine.
        at: The moment; timezone-aware.
        model: Only this one.
    """
    snapshot.attach(engine, ["requests", "decisions"])
    seen = {(found.name or "", found.version): found for found in _seen(engine, _SERVED, at)}
    registered = _registered(snapshot, engine)
    keys = [*registered, *seen] if at is None else [key for key, found in seen.items() if found.before and found.after]
    found = [_serving(key, seen.get(key), registered, at) for key in dict.fromkeys(keys) if model in (None, key[0])]
    return sorted(found, key=lambda one: (one.model, one.seen.first if one.seen else "~", one.version or ""))


def prompts_seen(snapshot: Snapshot, engine: Engine) -> list[Seen]:
    """The versions of prompts that the log shows at work."""
    snapshot.attach(engine, ["requests"])
    return _seen(engine, _PROMPTED, None)


def _seen(engine: Engine, source: str, at: datetime | None) -> list[Seen]:
    moment = "CAST($at AS TIMESTAMPTZ)"
    around = f"max(ts) FILTER (ts <= {moment}) AS before, min(ts) FILTER (ts >= {moment}) AS after"
    nothing = "NULL AS before, NULL AS after"
    rows = engine.records(
        "SELECT name, version, sum(request)::BIGINT AS requests, sum(decision)::BIGINT AS decisions, "
        f"min(ts) AS first, max(ts) AS last, {nothing if at is None else around} "
        f"FROM ({source}) GROUP BY name, version ORDER BY name, first, version",
        {} if at is None else {"at": stamp(at)},
    )
    return [Seen(**row) for row in rows]


def _registered(snapshot: Snapshot, engine: Engine) -> dict[tuple[str, str | None], Mapping[str, Any]]:
    """The registered versions; the first approval is the one that counts."""
    sql = models_view(snapshot.entries)
    rows = engine.records(f"SELECT model, version, approved_by, approved_ts FROM ({sql})") if sql else []
    approved = {(row["model"], row["version"]): {name: row[name] for name in _APPROVAL} for row in rows}
    return {(one.model, one.version): _facts(one) | approved[one.model, one.version] for one in models(snapshot)}


_APPROVAL = ("approved_by", "approved_ts")


def _facts(one: RegisteredModel) -> dict[str, Any]:
    kept = ("owner", "tier", "valid_from", "next_validation", "approval_status", "artefact_sha256")
    return {"entry": one.entry, "registered": one.at} | {name: one.facts.get(name) for name in kept}


def _serving(
    key: tuple[str, str | None],
    seen: Seen | None,
    registered: Mapping[tuple[str, str | None], Mapping[str, Any]],
    at: datetime | None,
) -> Serving:
    name, version = key
    facts = registered.get(key)
    if facts is None and version is None:
        own = [found for (other, _), found in registered.items() if other == name]
        facts = own[0] if len(own) == 1 else None  # as checks do: a log without versions means the only one
    return Serving(name, version, seen, facts, tuple(_problems(seen, facts, at)))


def _problems(seen: Seen | None, facts: Mapping[str, Any] | None, at: datetime | None) -> list[str]:
    if seen is None:
        return ["never served"]
    if facts is None:
        return ["not registered"]
    found = []
    approved, due = facts["approved_ts"], facts["next_validation"]
    if approved is None or (at is not None and approved > stamp(at)):
        found.append("not approved" if at is None else "not approved then")
    elif seen.first < approved:
        found.append("served before its approval")
    if facts["valid_from"] and seen.first < _start(facts["valid_from"]):
        found.append("served before it was valid")
    if due and stamp(at or datetime.fromisoformat(seen.last))[:10] > str(due):
        found.append("validation was due" if at else "served after its validation was due")
    return found


def _start(day: str) -> str:
    """The first moment of a day, in UTC as in the view of models."""
    return stamp(datetime.combine(date.fromisoformat(day), time(), UTC))
