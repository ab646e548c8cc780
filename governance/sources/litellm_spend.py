"""LiteLLM's spend logs: rows of its table LiteLLM_SpendLogs, exported as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from governance.formats.litellm_names import GUARDRAIL_COLUMNS, REQUEST_COLUMNS
from governance.formats.litellm_rows import rows_of
from governance.formats.llm_requests import Bodies
from governance.sources import Ignored, Rows, Source

if TYPE_CHECKING:
    from collections.abc import Mapping

KEYS = frozenset({"request_id", "call_type", "startTime", "spend"})


class LiteLlmSpendSource(Source):
    """Rows of LiteLLM_SpendLogs; `metadata`, `messages`, `response` and tags may be JSON text, ids may be empty."""

    name: ClassVar[str] = "litellm-spend"
    title: ClassVar[str] = "LiteLLM spend logs (table LiteLLM_SpendLogs)"
    fills: ClassVar[tuple[str, ...]] = (
        *(f"requests.{column}" for column in REQUEST_COLUMNS),
        *(f"payloads.{column}" for column in Bodies.columns),
        *(f"guardrails.{column}" for column in GUARDRAIL_COLUMNS),
    )
    verified: ClassVar[str] = (
        "one call as two versions of LiteLLM log it in their own tests; routing, guardrails and bodies on made records"
    )

    def recognises(self, value: Mapping[str, Any]) -> bool:
        """Whether the object has the keys of a spend log."""
        return value.keys() >= KEYS

    def rows(self, record: Any) -> Rows | Ignored:
        """The request, its bodies and the verdicts of its guardrails."""
        return rows_of(record, self.name)


SOURCE = LiteLlmSpendSource()
