"""The names and words of LiteLLM's two logs: which field is which column, and what its words mean. Data only.

`key#path` is a path inside the object, or its JSON text, under a key. Earlier names win. Sources: BerriAI/litellm
litellm/types/utils.py (StandardLoggingPayload), litellm/proxy/schema.prisma and _types.py (LiteLLM_SpendLogs).
"""

from __future__ import annotations

_USAGE = ("metadata#usage_object", "response#usage", "metadata#additional_usage_values")


def _in_usage(*paths: str) -> tuple[str, ...]:
    return tuple(f"{usage}.{path}" for path in paths for usage in _USAGE)


TEXT_NAMES: dict[str, tuple[str, ...]] = {
    "client_request_id": ("litellm_call_id",),
    "trace_id": ("trace_id", "metadata#trace_id"),
    "session_id": ("session_id", "metadata#session_id"),
    "provider": ("custom_llm_provider",),
    "model_requested": ("model_group",),
    "model_served": ("model",),
    "prompt_name": ("metadata#prompt_management_metadata.prompt_id",),
    "prompt_version": (
        "metadata#prompt_management_metadata.prompt_version",
        "metadata#requester_metadata.prompt_version",
    ),
    "route_name": ("metadata#routing_decision.routed_model",),
    "route_cause": ("metadata#routing_decision.cause",),
    "end_user_id": ("end_user", "metadata#user_api_key_end_user_id"),
    "team": ("metadata#user_api_key_team_alias", "metadata#user_api_key_team_id", "team_id"),
    # the nearest thing that LiteLLM has to a business unit is the organisation, else the team, of the key
    "business_unit": (
        "metadata#user_api_key_org_alias",
        "metadata#user_api_key_team_alias",
        "metadata#user_api_key_org_id",
        "organization_id",
        "metadata#user_api_key_team_id",
        "team_id",
    ),
    "project": ("metadata#user_api_key_project_alias", "metadata#user_api_key_project_id"),
}
TOKEN_NAMES: dict[str, tuple[str, ...]] = {
    "input_tokens": ("prompt_tokens",),
    "cache_read_tokens": _in_usage(
        "prompt_tokens_details.cached_tokens", "cache_read_input_tokens", "input_tokens_details.cached_tokens"
    ),
    "cache_write_tokens": _in_usage("cache_creation_input_tokens", "prompt_tokens_details.cache_creation_tokens"),
    "output_tokens": ("completion_tokens",),
    "reasoning_tokens": _in_usage(
        "completion_tokens_details.reasoning_tokens", "output_tokens_details.reasoning_tokens"
    ),
}
OTHER_NAMES: dict[str, tuple[str, ...]] = {
    "id": ("id", "request_id"),
    "response_id": ("response#id",),
    "call_type": ("call_type",),
    "start_ts": ("startTime",),
    "end_ts": ("endTime",),
    "first_token_ts": ("completionStartTime",),
    "response_time": ("response_time",),
    "duration_ms": ("request_duration_ms",),
    "total_tokens": ("total_tokens",),
    "cost_reported": ("response_cost", "spend"),
    "status": ("status", "metadata#status"),
    "guardrail_status": ("status_fields#guardrail_status",),
    "error_type": ("error_information#error_class", "metadata#error_information.error_class"),
    "error_code": ("error_information#error_code", "metadata#error_information.error_code"),
    "error_text": ("error_str", "error_information#error_message", "metadata#error_information.error_message"),
    "finish_reasons": ("response#choices.*.finish_reason",),
    "retries": ("metadata#attempted_retries",),
    "fallbacks": ("metadata#attempted_fallbacks",),
    "original_model": ("metadata#original_model_group",),
    "cache_hit": ("cache_hit",),
    "is_shadow": ("metadata#is_silent_experiment",),
    "user_id": (
        "metadata#user_api_key_user_id",
        "user",
        "metadata#user_api_key_hash",
        "metadata#user_api_key",
        "api_key",
    ),
    "labels": ("request_tags",),
    "caller_metadata": ("metadata#requester_metadata",),
    "logged_metadata": ("metadata#spend_logs_metadata",),
    "guardrails": ("guardrail_information", "metadata#guardrail_information"),
}
REQUEST_COLUMNS = (
    *("request_uid", "source", "request_id", "response_id", "id_origin", "operation", "start_ts", "end_ts"),
    *("latency_us", "ttft_us", *TEXT_NAMES, *TOKEN_NAMES, "parameters", "cost_reported", "cost_currency"),
    *("status", "http_status", "error_type", "finish_reasons", "retries", "fallbacks", "fallback_from"),
    *("cache_status", "is_shadow", "user_id", "tags", "input_state", "output_state", "n_decisions", "quality_flags"),
)

# LiteLLM calls the chat interface "completion" and the old completion interface "text_completion"; the leading "a" of
# asynchronous calls is taken off first
OPERATIONS = {
    "completion": "chat",
    "acompletion": "chat",
    "anthropic_messages": "chat",
    "aanthropic_messages": "chat",
    "responses": "chat",
    "aresponses": "chat",
    "generate_content": "chat",
    "agenerate_content": "chat",
    "text_completion": "completion",
    "atext_completion": "completion",
    "embedding": "embedding",
    "aembedding": "embedding",
    "image_generation": "image",
    "aimage_generation": "image",
    "rerank": "rank",
    "arerank": "rank",
    "moderation": "moderation",
    "amoderation": "moderation",
    "transcription": "transcription",
    "atranscription": "transcription",
    "speech": "speech",
    "aspeech": "speech",
}
VERDICTS = {
    "success": "allow",
    "guardrail_flagged": "warn",
    "guardrail_intervened": "deny",
    "guardrail_failed_to_respond": "error",
    "not_run": "not_run",
    "blocked": "deny",
}
STAGES = {"pre_call": "pre", "during_call": "during", "post_call": "post", "pre_mcp_call": "tool"}
GUARDRAIL_NAMES: dict[str, tuple[str, ...]] = {
    "guardrail": ("guardrail_name", "guardrail_id"),
    "stage": ("guardrail_mode",),
    "action": ("guardrail_action",),
    "score": ("risk_score", "confidence_score"),
    "duration": ("duration",),
}
GUARDRAIL_COLUMNS = (
    *("guardrail_id", "request_uid", "start_ts", "guardrail", "stage", "verdict", "action", "score", "latency_us"),
)
SUCCEEDED = {"success"}
FAILED = {"failure", "failed", "error"}
CACHING_IS_OFF = "Cache OFF"
