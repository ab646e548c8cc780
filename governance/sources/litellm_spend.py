"""LiteLLM's spend logs: rows of its table LiteLLM_SpendLogs, exported as JSON.

Retries and fallbacks are counted in the log, and not told one by one. What LiteLLM's own evaluation of an answer said
(`eval_information`, a score from 0 to 100) is an assessment.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar

from governance.formats.fields import Aliases, Fields
from governance.formats.litellm_names import GUARDRAIL_COLUMNS, REQUEST_COLUMNS
from governance.formats.litellm_rows import rows_of
from governance.formats.llm_requests import Bodies
from governance.sources import Ignored, Row, Rows, Source

if TYPE_CHECKING:
    from collections.abc import Mapping

KEYS = frozenset({"request_id", "call_type", "startTime", "spend"})
EVALUATION_COLUMNS = (
    *("assessment_id", "target_id", "name", "score", "label", "annotator_kind", "annotator", "created_ts"),
)
_EVALUATION = Aliases(
    {
        "name": ("metadata#eval_information.eval_name",),
        "score": ("metadata#eval_information.overall_score",),
        "passed": ("metadata#eval_information.passed",),
        "judge": ("metadata#eval_information.judge_model",),
    }
)


class LiteLlmSpendSource(Source):
    """Rows of LiteLLM_SpendLogs; `metadata`, `messages`, `response` and tags may be JSON text, ids may be empty."""

    name: ClassVar[str] = "litellm-spend"
    title: ClassVar[str] = "LiteLLM spend logs (table LiteLLM_SpendLogs)"
    fills: ClassVar[tuple[str, ...]] = (
        *(f"requests.{column}" for column in REQUEST_COLUMNS),
        *(f"payloads.{column}" for column in Bodies.columns),
        *(f"guardrails.{column}" for column in GUARDRAIL_COLUMNS),
        *(f"assessments.{column}" for column in EVALUATION_COLUMNS),
    )
    verified: ClassVar[str] = (
        "one call as two versions of LiteLLM log it in their own tests; routing, guardrails, evaluations and "
        "bodies on made records"
    )

    def recognises(self, value: Mapping[str, Any]) -> bool:
        """Whether the object has the keys of a spend log."""
        return value.keys() >= KEYS

    def rows(self, record: Any) -> Rows | Ignored:
        """The request, its bodies, the verdicts of its guardrails, and what an evaluation of its answer said."""
        made = rows_of(record, self.name)
        scores = [score for request in made.tables["requests"] for score in _evaluations(record, request)]
        return Rows({**made.tables, "assessments": scores}) if scores else made


SOURCE = LiteLlmSpendSource()


def _evaluations(record: Mapping[str, Any], request: Row) -> Iterator[Row]:
    fields = Fields(record, _EVALUATION)
    name, score, passed = fields.text("name"), fields.decimal("score"), fields.boolean("passed")
    if name is None or (score is None and passed is None):
        return
    yield {
        "assessment_id": f"{request['request_uid']}#evaluation",
        "target_id": request["request_uid"],
        "name": name,
        "score": None if score is None else float(score),
        "label": None if passed is None else "passed" if passed else "failed",
        "annotator_kind": "llm",
        "annotator": fields.text("judge"),
        "created_ts": request["end_ts"] or request["start_ts"],
    }
