"""Inference events of KServe's and Seldon's loggers: a call and its answer as two CloudEvents with one id.

Both halves are joined, whether they stand in one file, in several (KServe's blob store writes one for each half) or
come in different runs. KServe logs an answer only if it was HTTP 200, so that a request without one is *incomplete*: it
failed, or its answer has not come yet. An answer without its request is flagged `request_missing`, and says when it was
sent, not when it was asked for. When the other half comes, both are one request, and what was stored of the first alone
counts no longer (`--as-of` shows it as it was). For this the store keeps, in `halves/`, the inputs or the outputs of
each half that came alone, and never its body. The model's version is in the log only where a V2 answer names it.

    specversion, type, data        structured CloudEvents, JSON or base64 (KServe 1.0, Seldon 0.3)
    reqType, bytes, inferenceService   the records of KServe's blob store
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar, NamedTuple, TypeAlias

from governance.formats.conversions import NS_PER_US, as_text, canonical_json, clean, decode_json, look_up
from governance.formats.decision_rows import DECISION_COLUMNS, predicted
from governance.formats.fields import Aliases, Fields
from governance.formats.kept_bodies import body_of_answers, body_of_inputs, kept_answers, kept_inputs
from governance.formats.llm_requests import Bodies, body_text
from governance.formats.request_rows import ALWAYS, fills, finished, identity, needed_time, object_of
from governance.formats.rows import Row
from governance.formats.times import EPOCH, since_epoch
from governance.sources import Halved, Ignored, Rows, UnreadableError

NAMES: dict[str, tuple[str, ...]] = {
    "id": ("requestid", "id"),
    "type": ("type", "reqType"),
    "time": ("time", "occurrenceTime"),
    "service": ("inferenceservicename", "inferenceService"),
    "namespace": ("namespace",),
    "component": ("component",),
    "endpoint": ("endpoint",),
    "model": ("modelid",),
    "traceparent": ("traceparent", "metadata#traceparent"),
}
KINDS = {"request", "response"}
PREDICTOR = ("", "predictor")
_ALIASES = Aliases(NAMES)
_ENVELOPE = tuple(name for names in NAMES.values() for name in names if "#" not in name)
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}", re.IGNORECASE)


class Kept(NamedTuple):
    """What was kept of a half that came alone.

    Attributes:
        event: What the event says beside its body.
        body: A body that makes the same decisions and inputs as that of the event.
        state: Of the body of the event, which is stored.
        flags: What was odd about that.
    """

    event: Mapping[str, Any]
    body: Any
    state: str
    flags: frozenset[str]


Half: TypeAlias = Mapping[str, Any] | Kept


class Pair(NamedTuple):
    """The two halves of one call; None for one that was not met."""

    request: Half | None
    response: Half | None


class KServeSource(Halved):
    """Events in JSON Lines, an array, or a file each."""

    name: ClassVar[str] = "kserve"
    title: ClassVar[str] = "KServe and Seldon inference events (CloudEvents), V1 and V2 protocol"
    fills: ClassVar[tuple[str, ...]] = fills(
        requests=(
            *(*ALWAYS, "request_id", "trace_id", "end_ts", "latency_us", "service_name", "model_served"),
            *("model_version", "experiment_arm", "tags"),
        ),
        decisions=(*DECISION_COLUMNS, "model", "model_version"),
        features=("decision_id", "decision_ts"),
        payloads=Bodies.columns,
    )
    verified: ClassVar[str] = (
        "one pair that KServe's documentation prints, and two V2 requests of MLServer's own tests; blob records, "
        "Seldon events and V2 answers on made records only"
    )

    def recognises(self, value: Mapping[str, Any]) -> bool:
        if value.keys() >= {"inferenceService", "reqType"}:
            return True
        return "specversion" in value and ".inference." in as_text(value.get("type") or "")

    def key(self, record: Any) -> str | None:
        if not isinstance(record, Mapping) or _kind(record) not in KINDS:
            return None
        found = record.get("requestid") or record.get("id")
        return None if not found else f"{as_text(found)}|{as_text(record.get('component') or '')}"

    def join(self, first: Any, second: Any) -> Any | None:
        halves = {_kind(_event(half)): half for half in (first, second)}
        return Pair(halves["request"], halves["response"]) if halves.keys() == KINDS else None

    def kept(self, record: Any) -> str | None:
        body = _data(record)
        try:
            said = kept_inputs(body) if _kind(record) == "request" else kept_answers(body)
            bodies = Bodies("", EPOCH)
            state = bodies.add("body", body_text(body))
            traceparent = Fields(record, _ALIASES).text("traceparent")
            event = {name: record[name] for name in _ENVELOPE if name in record} | {"traceparent": traceparent}
            found = {"event": event, "said": said, "state": state, "flags": sorted(bodies.flags)}
            return clean(canonical_json(found), "half")
        except UnreadableError:
            return None

    def recalled(self, kept: str) -> Any:
        found = decode_json(kept)
        said = found["said"]
        body = body_of_inputs(said) if _kind(found["event"]) == "request" else body_of_answers(said)
        return Kept(found["event"], body, found["state"], frozenset(found["flags"]))

    def rows(self, record: Any) -> Rows | Ignored:
        if isinstance(record, Pair):
            return _rows(record)
        value = object_of(record)
        kind = _kind(value)
        if kind not in KINDS:
            return Ignored("event that is no request or answer")
        return _rows(Pair(value, None) if kind == "request" else Pair(None, value))


SOURCE = KServeSource()


def _kind(value: Mapping[str, Any]) -> str:
    """`request`, `response`, or the end of another type."""
    return as_text(value.get("type") or value.get("reqType") or "").rpartition(".")[2]


def _event(half: Half) -> Mapping[str, Any]:
    return half.event if isinstance(half, Kept) else half


def _rows(pair: Pair) -> Rows:
    asked, answered = (None if half is None else Fields(_event(half), _ALIASES) for half in pair)
    fields = asked or answered
    assert fields is not None  # noqa: S101 - a pair has at least one half
    bodies = (_data(pair.request), _data(pair.response))
    row = _identity(fields, pair) | _times(asked, answered) | _model(fields, bodies[1]) | {"operation": "predict"}
    row["trace_id"] = _trace(asked) or _trace(answered)
    row["status"] = "ok" if answered else "incomplete"
    if asked is None:
        fields.flags.add("request_missing")
    at: datetime = row["end_ts"] or row["start_ts"]
    found = predicted(row, bodies, at, (row["model_served"], row["model_version"]), fields.flags)
    stored = {role: half for role, half in pair._asdict().items() if isinstance(half, Kept)}
    fields.flags.update(*(half.flags for half in stored.values()))
    texts = {role: body_text(body) for role, body in zip(pair._fields, bodies, strict=True) if role not in stored}
    made = finished(row, fields, texts, stored={role: half.state for role, half in stored.items()})
    return Rows({**made.tables, "decisions": found.decisions}, found.features) if found.decisions else made


def _identity(fields: Fields, pair: Pair) -> Row:
    """The id of the call; of a transformer or explainer before the same predictor, with its name."""
    logged, component = fields.text("id"), fields.text("component") or ""
    unique = logged if logged is None or component in PREDICTOR else f"{logged}:{component}"
    row = identity(SOURCE.name, unique, next(half for half in pair if half is not None))
    return row | {"request_id": logged}


def _times(asked: Fields | None, answered: Fields | None) -> Row:
    start = needed_time(asked, "time") if asked else None
    end = needed_time(answered, "time") if answered else None
    latency_us = None
    if asked and answered and start and end:
        elapsed = since_epoch(end, answered.text("time") or "") - since_epoch(start, asked.text("time") or "")
        latency_us = elapsed // NS_PER_US if elapsed >= 0 else None
        if elapsed < 0:
            asked.flags.add("negative_latency")
    return {"start_ts": start or end, "end_ts": end if asked else None, "latency_us": latency_us}


def _model(fields: Fields, answer: Any) -> Row:
    named, version = look_up(answer, ("model_name",)), look_up(answer, ("model_version",))
    service, namespace = fields.text("service"), fields.text("namespace")
    return {
        "service_name": service,
        "model_served": fields.text("model") or (fields.cleaned(as_text(named), "model_name") if named else service),
        "model_version": fields.cleaned(as_text(version), "model_version") if version else None,
        "experiment_arm": fields.text("endpoint"),
        "tags": None if namespace is None else {"namespace": namespace},
    }


def _trace(fields: Fields | None) -> str | None:
    found = _TRACEPARENT.fullmatch(fields.text("traceparent") or "") if fields else None
    return found[1].lower() if found else None


def _data(event: Half | None) -> Any:
    """The body of an event, decoded where it is JSON; text of another kind as it is."""
    if event is None:
        return None
    if isinstance(event, Kept):
        return event.body
    data = event.get("data")
    encoded = event.get("data_base64") or event.get("bytes")
    if data is None and isinstance(encoded, str):
        try:
            data = base64.b64decode(encoded, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            return encoded  # a binary body is kept as its base64
    if isinstance(data, str):
        try:
            return decode_json(data)
        except ValueError:
            return data
    return data
