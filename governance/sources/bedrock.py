"""AWS Bedrock's model invocation log (ModelInvocationLog 1.0), from its bucket or log group.

The log has one time, to the second, and no end; a latency is known only where the model's answer carries one. Its
counts leave cached tokens out of the input, as Bedrock's own API does; they are added here. What a caller sends as
`requestMetadata` becomes tags, and team, business unit, project, session and trace where it is named so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from governance.formats.conversions import US_PER_MS, look_up
from governance.formats.fields import Aliases, Fields
from governance.formats.llm_requests import (
    Bodies,
    body_text,
    error_status,
    http_status,
    parameter_names,
    sampling_parameters,
)
from governance.formats.provider_usage import NO_USAGE, reported_usage
from governance.formats.request_rows import ALWAYS, end_after, fills, finished, identity, needed_time, object_of
from governance.formats.rows import Row
from governance.sources import Ignored, Rows, Source

TEXT_NAMES: dict[str, tuple[str, ...]] = {
    "response_id": ("answer#id",),
    "trace_id": ("requestMetadata#traceId", "requestMetadata#trace_id"),
    "session_id": ("requestMetadata#session", "requestMetadata#sessionId", "requestMetadata#session_id"),
    "environment": ("requestMetadata#environment",),
    "region": ("inferenceRegion", "region"),
    "user_id": ("identity#arn",),
    "team": ("requestMetadata#team",),
    "business_unit": (
        *("requestMetadata#businessUnit", "requestMetadata#business_unit"),
        *("requestMetadata#costCentre", "requestMetadata#costCenter"),
    ),
    "project": ("requestMetadata#project",),
}
OTHER_NAMES: dict[str, tuple[str, ...]] = {
    "request_id": ("requestId",),
    "timestamp": ("timestamp",),
    "model": ("modelId",),
    "input": ("input#inputTokenCount", "measured#inputTokenCount"),
    "cache_read": ("input#cacheReadInputTokenCount", "measured#cacheReadInputTokenCount"),
    "cache_write": ("input#cacheWriteInputTokenCount", "measured#cacheWriteInputTokenCount"),
    "output": ("output#outputTokenCount", "measured#outputTokenCount"),
    "latency_ms": ("answer#metrics.latencyMs", "measured#invocationLatency"),
    "ttft_ms": ("measured#firstByteLatency",),
    "finish_reasons": (
        *("answer#stopReason", "answer#messageStop.stopReason", "answer#stop_reason", "answer#delta.stop_reason"),
        *("answer#completionReason", "answer#choices.*.finish_reason"),
        "answer#results.*.completionReason",
    ),
    "error_code": ("errorCode",),
    "metadata": ("requestMetadata",),
}
# members of the request body: Converse, Titan and Nova, then what most models take at the top
_WITHIN = ("input#inputBodyJson.inferenceConfig", "input#inputBodyJson.textGenerationConfig", "input#inputBodyJson")
PARAMETERS: dict[str, tuple[str, ...]] = {
    "temperature": (".temperature",),
    "top_p": (".topP", ".top_p"),
    "top_k": (".topK", ".top_k"),
    "max_tokens": (".maxTokens", ".maxTokenCount", ".max_tokens", ".max_gen_len"),
    "stop": (".stopSequences", ".stop_sequences", ".stop"),
}
_ALIASES = Aliases(
    TEXT_NAMES
    | OTHER_NAMES
    | parameter_names(
        {name: tuple(at + path for at in _WITHIN for path in paths) for name, paths in PARAMETERS.items()}, ()
    )
)
_FOUNDATION = re.compile(r"arn:[^:]+:bedrock:[^:]*:[^:]*:(?:foundation-model|inference-profile)/(.+)")


class BedrockSource(Source):
    """Invocation records: an object per line, or an array of them."""

    name: ClassVar[str] = "bedrock"
    title: ClassVar[str] = "AWS Bedrock model invocation log"
    fills: ClassVar[tuple[str, ...]] = fills(
        requests=(
            *(*ALWAYS, "request_id", "end_ts", "latency_us", "ttft_us", "provider", "model_requested", "model_served"),
            *TEXT_NAMES,
            *(
                "parameters",
                "input_tokens",
                "cache_read_tokens",
                "cache_write_tokens",
                "output_tokens",
                "reasoning_tokens",
            ),
            *("http_status", "error_type", "finish_reasons", "tags"),
        ),
        payloads=Bodies.columns,
    )
    verified: ClassVar[str] = (
        "two Converse records of one agent turn, one streamed call (its ids and times were blanked) and one record "
        "without bodies; cached tokens, errors and inference profiles on made records only"
    )

    def recognises(self, value: Mapping[str, Any]) -> bool:
        return value.get("schemaType") == "ModelInvocationLog"

    def rows(self, record: Any) -> Rows | Ignored:
        value = object_of(record)
        answer = look_up(value, ("output", "outputBodyJson"))
        chunks = [chunk for chunk in answer if isinstance(chunk, Mapping)] if isinstance(answer, list) else [answer]
        fields = Fields({**value, "answer": _joined(chunks), "measured": _measured(chunks)}, _ALIASES)
        row = identity(self.name, fields.text("request_id"), value) | _times(fields) | _model(fields)
        row |= {column: fields.text(column) for column in TEXT_NAMES}
        row |= _tokens(fields, chunks) | _result(fields, value)
        row["operation"] = _operation(value)
        row["parameters"] = sampling_parameters(fields, PARAMETERS)
        row["tags"] = fields.scalars("metadata") or None
        if look_up(value, ("input", "inputBodyS3Path")) or look_up(value, ("output", "outputBodyS3Path")):
            fields.flags.add("body_elsewhere")
        asked = body_text(look_up(value, ("input", "inputBodyJson")))
        return finished(row, fields, {"request": asked, "response": body_text(answer)})


SOURCE = BedrockSource()


def _joined(chunks: list[Any]) -> dict[str, Any]:
    """An answer as one object; of a stream, the last chunk that has a member says it."""
    return {key: item for chunk in chunks if isinstance(chunk, Mapping) for key, item in chunk.items()}


def _measured(chunks: list[Any]) -> dict[str, Any]:
    """What Bedrock measured of a stream, in its last chunk; a Converse stream has the latency in `metadata`."""
    found: dict[str, Any] = {}
    for chunk in chunks:
        metrics = look_up(chunk, ("amazon-bedrock-invocationMetrics",))
        latency = look_up(chunk, ("metadata", "metrics", "latencyMs"))
        found |= metrics if isinstance(metrics, Mapping) else {}
        found |= {} if latency is None else {"invocationLatency": latency}
    return found


def _times(fields: Fields) -> Row:
    start = needed_time(fields, "timestamp")
    latency_us = fields.microseconds("latency_ms", US_PER_MS)
    return {
        "start_ts": start,
        "end_ts": end_after(start, latency_us),
        "latency_us": latency_us,
        "ttft_us": fields.microseconds("ttft_ms", US_PER_MS),
    }


def _model(fields: Fields) -> Row:
    """The model as asked for; what answered is known unless an application's own profile hides it."""
    asked = fields.text("model")
    known = _FOUNDATION.fullmatch(asked or "")
    is_hidden = asked is not None and asked.startswith("arn:") and known is None
    served = None if is_hidden else known[1] if known else asked
    return {"provider": "aws.bedrock", "model_requested": asked, "model_served": served}


def _tokens(fields: Fields, chunks: list[Any]) -> Row:
    """The counts of the log; where it has none of the input or of the output, those in the answer."""
    found = (reported_usage(body) for chunk in chunks for body in _bodies(chunk))
    answered = next((usage.columns() for usage in found if usage.input is not None), NO_USAGE.columns())
    counts = [fields.tokens(name) for name in ("input", "cache_read", "cache_write")]
    tokens_in, read, written = counts
    tokens_out = fields.tokens("output")
    logged = {
        "input_tokens": None if tokens_in is None else sum(count or 0 for count in counts),
        "cache_read_tokens": read,
        "cache_write_tokens": written,
    }
    own = {"output_tokens": answered["output_tokens"] if tokens_out is None else tokens_out}
    return answered | (logged if tokens_in is not None else {}) | own


def _bodies(chunk: Any) -> Iterator[Any]:
    """Where the usage of an answer may lie: at its top, or in the `metadata` of a Converse stream."""
    yield chunk
    yield look_up(chunk, ("metadata",))


def _result(fields: Fields, value: Mapping[str, Any]) -> Row:
    error_type = fields.text("error_code")
    code = http_status(value.get("status"))
    reasons = fields.texts("finish_reasons")
    status = "ok" if error_type is None else error_status(error_type, code)
    if "guardrail_intervened" in (reasons or ()):
        status = "blocked"
    return {"status": status, "http_status": code, "error_type": error_type, "finish_reasons": reasons}


def _operation(value: Mapping[str, Any]) -> str:
    asked = look_up(value, ("input", "inputBodyJson"))
    if str(value.get("operation") or "").startswith("Converse") or look_up(asked, ("messages",)):
        return "chat"
    if "embed" in str(value.get("modelId") or ""):
        return "embedding"
    return "completion" if look_up(asked, ("inputText",)) or look_up(asked, ("prompt",)) else "inference"
