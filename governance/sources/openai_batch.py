"""Output of OpenAI's Batch API: one line per request, in any order, successes and failures.

The lines hold no question (it stands in the input file), no latency, and no time but the one at which a model answered.
A line without it cannot be placed in time and goes to quarantine: embeddings, and requests that failed. A batch is
billed at a price of its own, so that each request says the service tier `batch`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from governance.formats.conversions import look_up
from governance.formats.fields import Aliases, Fields
from governance.formats.llm_requests import Bodies, body_text, error_status, http_status
from governance.formats.provider_usage import reported_usage
from governance.formats.request_rows import ALWAYS, fills, finished, identity, needed_time, object_of
from governance.formats.rows import Row
from governance.sources import Ignored, Rows, Source

TEXT_NAMES: dict[str, tuple[str, ...]] = {
    "client_request_id": ("custom_id",),
    "response_id": ("response#body.id",),
    "model_served": ("response#body.model",),
}
OTHER_NAMES: dict[str, tuple[str, ...]] = {
    "id": ("id",),
    "created": ("response#body.created", "response#body.created_at"),
    "finish_reasons": ("response#body.choices.*.finish_reason",),
    "object": ("response#body.object",),
    "error_type": ("error#code", "response#body.error.code", "response#body.error.type"),
    "total_tokens": ("response#body.usage.total_tokens",),
}
KEYS = frozenset({"id", "custom_id", "response"})
OPERATIONS = {
    "chat.completion": "chat",
    "response": "chat",
    "text_completion": "completion",
    "list": "embedding",
}
_ALIASES = Aliases(TEXT_NAMES | OTHER_NAMES)


class OpenAiBatchSource(Source):
    """Lines of a batch's output and error files."""

    name: ClassVar[str] = "openai-batch"
    title: ClassVar[str] = "OpenAI Batch API output"
    fills: ClassVar[tuple[str, ...]] = fills(
        requests=(
            *(*ALWAYS, "request_id", *TEXT_NAMES, "provider", "parameters"),
            *("input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens"),
            *("http_status", "error_type", "finish_reasons"),
        ),
        payloads=Bodies.columns,
    )
    verified: ClassVar[str] = "one recorded line and two of the format's documentation; failures on made records only"

    def recognises(self, value: Mapping[str, Any]) -> bool:
        return value.keys() >= KEYS and str(value["id"]).startswith("batch_req_")

    def rows(self, record: Any) -> Rows | Ignored:
        value = object_of(record)
        fields = Fields(value, _ALIASES)
        body = look_up(value, ("response", "body"))
        row = identity(self.name, fields.text("id"), value) | {"start_ts": needed_time(fields, "created")}
        row |= {column: fields.text(column) for column in TEXT_NAMES} | _result(fields, value)
        row |= reported_usage(body).columns()
        row |= {"provider": "openai", "parameters": {"service_tier": "batch"}}
        row["operation"] = OPERATIONS.get(fields.text("object") or "", "inference")
        bodies = {"response": body_text(body), "error": body_text(value.get("error"))}
        return finished(row, fields, bodies, fields.tokens("total_tokens"))


SOURCE = OpenAiBatchSource()


def _result(fields: Fields, value: Mapping[str, Any]) -> Row:
    code = http_status(look_up(value, ("response", "status_code")))
    error_type = fields.text("error_type")
    is_ok = error_type is None and (code is None or code < 400)  # noqa: PLR2004  (HTTP: errors begin there)
    status = "ok" if is_ok else error_status(error_type, code)
    reasons = fields.texts("finish_reasons")
    return {"status": status, "http_status": code, "error_type": error_type, "finish_reasons": reasons}
