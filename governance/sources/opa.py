"""Decision logs of Open Policy Agent: uploaded arrays, and the lines that it prints.

Each event is a request to a policy and one decision that a rule made: `rule_id` is the path (or query) that was asked
for, `decision` the result (of an object, its `allow` or `allowed`), model and version the policy bundle and its
revision. What was erased or masked in input or result makes that body *redacted*. Whether a result favours a person
depends on the rule: a policy says so with `favourable`, the log does not.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from governance.formats.conversions import as_text, clean, look_up
from governance.formats.fields import Aliases, Fields
from governance.formats.llm_requests import Bodies, body_text
from governance.formats.request_rows import ALWAYS, fills, finished, identity, needed_time, object_of
from governance.formats.rows import Row
from governance.sources import Ignored, Rows, Source, UnreadableError

TEXT_NAMES: dict[str, tuple[str, ...]] = {
    # of a check that Envoy asked for: its own id and trace
    "client_request_id": ("input#attributes.request.http.id",),
    "span_id": ("span_id",),
    "environment": ("labels#environment",),
}
OTHER_NAMES: dict[str, tuple[str, ...]] = {
    "decision_id": ("decision_id",),
    "timestamp": ("timestamp",),
    "rule": ("path", "query"),
    "trace_id": ("trace_id",),
    "traceparent": ("input#attributes.request.http.headers.traceparent",),
    "duration_ns": ("metrics#timer_server_handler_ns", "metrics#timer_rego_query_eval_ns"),
    "error_type": ("error#code",),
    "labels": ("labels",),
}
KEYS = frozenset({"decision_id", "timestamp"})
ONE_OF = frozenset({"path", "query"})
CONSOLE = frozenset({"msg", "level"})
VERDICTS = ("allow", "allowed", "decision", "verdict")
NS_PER_US = 1000
_ALIASES = Aliases(TEXT_NAMES | OTHER_NAMES)


class OpaSource(Source):
    """Events of an upload (an array), or the lines of the console among other lines of the server."""

    name: ClassVar[str] = "opa"
    title: ClassVar[str] = "Open Policy Agent decision log"
    fills: ClassVar[tuple[str, ...]] = fills(
        requests=(
            *ALWAYS,
            "request_id",
            "trace_id",
            "latency_us",
            "model_version",
            "model_served",
            *TEXT_NAMES,
            "error_type",
            "tags",
        ),
        decisions=(
            *("decision_id", "request_uid", "request_id", "source", "item_index", "decision_ts", "operation"),
            *("environment", "model", "model_version", "decision", "deciding_stage", "rule_id"),
        ),
        payloads=Bodies.columns,
    )
    verified: ClassVar[str] = (
        "three uploaded events of OPA's documentation and one recorded console line; errors and several bundles on "
        "made records only"
    )

    def recognises(self, value: Mapping[str, Any]) -> bool:
        keys = value.keys()
        return keys >= KEYS and not keys.isdisjoint(ONE_OF) and not keys.isdisjoint({"input", "result", "labels"})

    def rows(self, record: Any) -> Rows | Ignored:
        value = object_of(record)
        if "decision_id" not in value and value.keys() >= CONSOLE:
            return Ignored("server log line")
        fields = Fields(value, _ALIASES)
        rule = fields.text("rule")
        if rule is None:
            raise UnreadableError("missing_value", "neither path nor query is set")
        at = needed_time(fields, "timestamp")
        row = identity(self.name, fields.text("decision_id"), value) | {"operation": "policy", "start_ts": at}
        row |= {column: fields.text(column) for column in TEXT_NAMES} | _bundle(value)
        row["trace_id"] = fields.text("trace_id") or _trace_of(fields.text("traceparent"))
        row["latency_us"] = _latency(fields)
        is_error = value.get("error") is not None
        row |= {"status": "error" if is_error else "ok", "error_type": fields.text("error_type") if is_error else None}
        row["tags"] = fields.scalars("labels") or None
        row["n_decisions"] = int("result" in value)
        bodies = {"request": body_text(value.get("input")), "response": body_text(value.get("result"))}
        bodies["error"] = body_text(value.get("error"))
        made = _redacted(finished(row, fields, bodies), value)
        return made if "result" not in value else Rows({**made.tables, "decisions": [_decision(row, rule, value)]})


SOURCE = OpaSource()


def _trace_of(traceparent: str | None) -> str | None:
    """The trace in a W3C traceparent header: version, trace, span, flags."""
    parts = (traceparent or "").split("-")
    return parts[1].lower() if len(parts) == 4 and len(parts[1]) == 32 else None  # noqa: PLR2004  (W3C Trace Context)


def _latency(fields: Fields) -> int | None:
    nanoseconds = fields.whole("duration_ns")
    return None if nanoseconds is None or nanoseconds < 0 else nanoseconds // NS_PER_US


def _bundle(value: Mapping[str, Any]) -> Row:
    """The policy in force: name and revision of its bundle, of several joined in order of name."""
    logged = value.get("bundles")
    bundles = sorted(logged.items()) if isinstance(logged, Mapping) else []
    revisions = [as_text(look_up(bundle, ("revision",)) or "") for _, bundle in bundles]
    old = value.get("revision")  # before bundles had names
    return {
        "model_served": "+".join(name for name, _ in bundles) or None,
        "model_version": "+".join(revisions).strip("+") or (as_text(old) if old else None),
    }


def _decision(row: Row, rule: str, value: Mapping[str, Any]) -> Row:
    result = value["result"]
    inner = [result[name] for name in VERDICTS if name in result] if isinstance(result, Mapping) else []
    said = inner[0] if inner else None if isinstance(result, Mapping) else result  # an object may carry the whole input
    return {
        "decision_id": f"{row['request_uid']}#0",
        "request_uid": row["request_uid"],
        "request_id": row["request_id"],
        "source": SOURCE.name,
        "item_index": 0,
        "decision_ts": row["start_ts"],
        "operation": row["operation"],
        "environment": row["environment"],
        "model": row["model_served"],
        "model_version": row["model_version"],
        "decision": None if said is None else clean(as_text(said), "result"),
        "deciding_stage": "rule",
        "rule_id": rule,
    }


def _redacted(made: Rows, value: Mapping[str, Any]) -> Rows:
    """The rows with the state `redacted` for each body from which something was taken."""
    lists = [value[name] for name in ("erased", "masked") if isinstance(value.get(name), list)]
    pointers = [as_text(pointer) for listed in lists for pointer in listed]
    hidden = {role for role, root in (("request", "/input"), ("response", "/result")) if _under(pointers, root)}
    if not hidden:
        return made
    request = dict(next(iter(made.tables["requests"])))
    names = {"request": "input_state", "response": "output_state"}
    request |= {names[role]: "redacted" for role in hidden}
    payloads = [
        body | ({"state": "redacted"} if body["role"] in hidden else {}) for body in made.tables.get("payloads", ())
    ]
    return Rows({"requests": [request]} | ({"payloads": payloads} if payloads else {}))


def _under(pointers: list[str], root: str) -> bool:
    return any(pointer == root or pointer.startswith(f"{root}/") for pointer in pointers)
