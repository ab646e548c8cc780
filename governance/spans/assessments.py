"""Scores of answers in traces: OpenTelemetry's evaluation events, and OpenInference's annotations of spans.

    gen_ai.evaluation.result                     a log record, or an event of the span that is judged
    annotations.<i>.annotation.<field>           attributes of the span that is judged, or of a span of the kind
    evaluations.<i>.evaluation.<field>           EVALUATOR with one link to it
    trace.annotations..., session.annotations... of its whole trace, or session

Source: open-telemetry/semantic-conventions-genai docs/gen-ai/gen-ai-events.md; Arize-ai/openinference
spec/annotations.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from governance.formats.conversions import as_text, canonical_json, hex_id, sha256_of
from governance.formats.fields import Aliases, Fields
from governance.formats.protojson import attributes, events, member
from governance.formats.rows import Row, UnreadableError
from governance.formats.times import at_nanoseconds, nanoseconds

EVALUATION = "gen_ai.evaluation.result"
COLUMNS = ("assessment_id", "target_id", "name", "score", "label", "annotator_kind", "created_ts")
_EVENT = Aliases(
    {
        "name": ("gen_ai.evaluation.name",),
        "score": ("gen_ai.evaluation.score.value",),
        "label": ("gen_ai.evaluation.score.label",),
        "target": ("gen_ai.response.id",),
    }
)
_ANNOTATION = Aliases({name: (name,) for name in ("name", "score", "label", "annotator_kind")})
_KEY = re.compile(r"(?:(trace|session)\.)?(annotation|evaluation)s\.(\d{1,6})\.\2\.(\w+)")
_STARTS = tuple(f"{scope}{kind}s." for scope in ("", "trace.", "session.") for kind in ("annotation", "evaluation"))
_KINDS = {"HUMAN": "human", "LLM": "llm", "CODE": "code"}


def is_annotated(key: object) -> bool:
    """Whether an attribute may be part of an annotation."""
    return isinstance(key, str) and key.startswith(_STARTS)


def evaluation(log: Mapping[str, Any], own: Mapping[str, Any], source: str) -> Row:
    """The assessment that a log record states.

    Args:
        log: The record.
        own: Its attributes.
        source: Name of the source, for its id.

    Raises:
        UnreadableError: It has no time, no name, or nothing that it is about.
    """
    fields = Fields(own, _EVENT)
    ns = nanoseconds(member(log, "timeUnixNano"), "timeUnixNano") or nanoseconds(
        member(log, "observedTimeUnixNano"), "observedTimeUnixNano"
    )
    target = fields.text("target") or hex_id(member(log, "spanId"), 8) or hex_id(member(log, "traceId"), 16)
    if ns is None or target is None or fields.text("name") is None:
        raise UnreadableError(
            "missing_value", "an evaluation needs a time, a name, and the response or span that it judges"
        )
    return _row(fields, f"{source}:{sha256_of(canonical_json(log))[:32]}", target, at_nanoseconds(ns))


def assessed(span: Mapping[str, Any], own: Mapping[str, Any], session: str | None, source: str) -> Iterator[Row]:
    """The assessments in the attributes and events of a span; one without a name, a time or a target is none.

    Args:
        span: The span.
        own: Its attributes.
        session: Its session.
        source: Name of the source, for ids.
    """
    annotations = _annotations(own)
    results = [event for event in events(span) if event.get("name") == EVALUATION]
    if not annotations and not results:
        return
    span_id, trace_id = hex_id(member(span, "spanId"), 8), hex_id(member(span, "traceId"), 16)
    ended = member(span, "endTimeUnixNano") or member(span, "startTimeUnixNano")
    ns = nanoseconds(ended, "endTimeUnixNano")
    targets = {None: _linked(span) or span_id, "trace": trace_id, "session": session}
    for (scope, *_), found in annotations.items():
        fields = Fields(found, _ANNOTATION)
        target, name = targets[scope], fields.text("name")
        if ns is not None and target is not None and name is not None:
            digest = sha256_of(canonical_json([trace_id, target, found]))[:32]
            kind = _KINDS.get(fields.text("annotator_kind") or "")
            yield _row(fields, f"{source}:{digest}", target, at_nanoseconds(ns)) | {"annotator_kind": kind}
    for event in results:
        if span_id is not None:
            at = {"traceId": trace_id, "spanId": span_id, "timeUnixNano": member(event, "timeUnixNano") or ended}
            yield evaluation({**event, **at}, attributes(event.get("attributes")), source)


def _annotations(own: Mapping[str, Any]) -> dict[tuple[str | None, str, str], dict[str, Any]]:
    """Scope, form and number of each annotation -> its fields."""
    found: dict[tuple[str | None, str, str], dict[str, Any]] = {}
    for key, value in own.items():
        match = _KEY.fullmatch(key) if is_annotated(key) else None
        if match:
            found.setdefault((match[1], match[2], match[3]), {})[match[4]] = value
    return found


def _linked(span: Mapping[str, Any]) -> str | None:
    """The span that an evaluator judged: the one that it links to, if it is one."""
    own = attributes(span.get("attributes"))
    links = span.get("links")
    is_evaluator = as_text(own.get("openinference.span.kind") or "").upper() == "EVALUATOR"
    if not is_evaluator or not isinstance(links, list) or len(links) != 1 or not isinstance(links[0], Mapping):
        return None
    return hex_id(member(links[0], "spanId"), 8)


def _row(fields: Fields, assessment_id: str, target: str, created: datetime) -> Row:
    score = fields.decimal("score")
    return {
        "assessment_id": assessment_id,
        "target_id": target,
        "name": fields.text("name"),
        "score": None if score is None else float(score),
        "label": fields.text("label"),
        "created_ts": created,
    }
