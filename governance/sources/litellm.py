"""LiteLLM's StandardLoggingPayload: one JSON object per call, as its bucket and callback loggers write it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from governance.formats.litellm_names import GUARDRAIL_COLUMNS, REQUEST_COLUMNS
from governance.formats.litellm_rows import rows_of
from governance.formats.llm_requests import Bodies
from governance.sources import Ignored, Rows, Source

if TYPE_CHECKING:
    from collections.abc import Mapping

KEYS = frozenset({"id", "call_type", "startTime", "model"})
ONE_OF = frozenset({"response_cost", "hidden_params", "model_map_information"})


class LiteLlmSource(Source):
    """Payloads of LiteLLM's loggers: an object per file, an array, or JSON Lines."""

    name: ClassVar[str] = "litellm"
    title: ClassVar[str] = "LiteLLM StandardLoggingPayload (S3, GCS, Azure and callback logs)"
    fills: ClassVar[tuple[str, ...]] = (
        *(f"requests.{column}" for column in REQUEST_COLUMNS),
        *(f"payloads.{column}" for column in Bodies.columns),
        *(f"guardrails.{column}" for column in GUARDRAIL_COLUMNS),
    )
    verified: ClassVar[str] = (
        "one recorded payload of LiteLLM's own tests; routing, retries, guardrails and cache hits on made records only"
    )

    def recognises(self, value: Mapping[str, Any]) -> bool:
        """Whether the object has the keys of a StandardLoggingPayload."""
        return value.keys() >= KEYS and not value.keys().isdisjoint(ONE_OF)

    def rows(self, record: Any) -> Rows | Ignored:
        """The request, its bodies and the verdicts of its guardrails."""
        return rows_of(record, self.name)


SOURCE = LiteLlmSource()
