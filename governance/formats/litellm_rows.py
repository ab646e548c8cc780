"""The rows that one call becomes, as either of LiteLLM's two logs tells it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from governance.formats.conversions import US_PER_MS, US_PER_S, as_text, brief, canonical_json, decode_json, sha256_of
from governance.formats.fields import Aliases, Fields
from governance.formats.genai_names import PARAMETERS
from governance.formats.litellm_names import (
    CACHING_IS_OFF,
    FAILED,
    GUARDRAIL_NAMES,
    OPERATIONS,
    OTHER_NAMES,
    STAGES,
    SUCCEEDED,
    TEXT_NAMES,
    TOKEN_NAMES,
    VERDICTS,
)
from governance.formats.llm_requests import (
    Bodies,
    body_text,
    error_status,
    http_status,
    parameter_names,
    provider_name,
    sampling_parameters,
    token_flags,
)
from governance.formats.request_rows import time_of
from governance.formats.rows import Row, Rows, UnreadableError

_ALIASES = Aliases(TEXT_NAMES | TOKEN_NAMES | OTHER_NAMES | parameter_names(PARAMETERS, ("model_parameters",)))
_GUARDRAIL_ALIASES = Aliases(GUARDRAIL_NAMES)
_CACHE_HIT = re.compile(r"(?P<id>.+)_cache_hit[\d.]+")


def rows_of(record: Any, source: str) -> Rows:
    """The request, its bodies and the verdicts of its guardrails.

    Args:
        record: One object of the log.
        source: Name of the source, with which `request_uid` begins.

    Raises:
        UnreadableError: A value that is needed is missing, or one cannot be read.
    """
    if not isinstance(record, Mapping):
        raise UnreadableError("not_an_object", f"not an object: {brief(record)}")
    fields = Fields(record, _ALIASES)
    row = _identity(record, fields, source) | _times(record, fields) | {"n_decisions": 0}
    row |= {column: fields.text(column) for column in TEXT_NAMES}
    row |= {column: fields.tokens(column) for column in TOKEN_NAMES}
    row["provider"] = provider_name(row["provider"])
    row |= _cost(record, fields) | _result(fields, is_ended=row["latency_us"] is not None) | _routing(row, fields)
    row["cache_status"] = _cache_status(record, fields)
    row["user_id"] = _account(fields)
    row["parameters"] = sampling_parameters(fields, PARAMETERS)
    tags = (fields.scalars("caller_metadata"), fields.scalars("logged_metadata"), fields.labels("labels"))
    row["tags"] = {key: value for part in tags for key, value in part.items()} or None
    bodies = Bodies(row["request_uid"], row["start_ts"])
    row["input_state"] = bodies.add("request", _first_body(record, "messages", "proxy_server_request"))
    row["output_state"] = bodies.add("response", _first_body(record, "response"))
    bodies.add("error", body_text(fields.raw("error_text")))
    guardrails = [_guardrail(row, number, verdict) for number, verdict in enumerate(_guardrail_records(fields))]
    odd = fields.flags | bodies.flags | token_flags(row, fields.tokens("total_tokens"))
    if any(_guardrail_word(verdict) not in VERDICTS for verdict in _guardrail_records(fields)):
        odd |= {"unknown_guardrail_status"}
    row["quality_flags"] = sorted(odd)
    tables = {"requests": [row], "payloads": bodies.rows, "guardrails": guardrails}
    return Rows({name: rows for name, rows in tables.items() if rows})


def _identity(record: Mapping[str, Any], fields: Fields, source: str) -> Row:
    """The ids. A cache hit keeps the suffix that LiteLLM appends, because it is a request of its own."""
    request_id = fields.text("id")
    cached = _CACHE_HIT.fullmatch(request_id or "")
    call_type = fields.text("call_type")
    if call_type is None:
        raise UnreadableError("missing_value", "call_type is not set")
    return {
        "request_uid": f"{source}:{request_id or sha256_of(canonical_json(record))[:32]}",
        "id_origin": "native" if request_id else "content_hash",
        "source": source,
        "request_id": request_id,
        "response_id": fields.text("response_id") or (cached["id"] if cached else None),
        "operation": OPERATIONS.get(call_type, call_type),
    }


def _times(record: Mapping[str, Any], fields: Fields) -> Row:
    start, end, first_token = (time_of(fields, column) for column in ("start_ts", "end_ts", "first_token_ts"))
    if start is None:
        raise UnreadableError("missing_value", "startTime is not set")
    latency_us = fields.microseconds("response_time", US_PER_S)
    latency_us = fields.microseconds("duration_ms", US_PER_MS) if latency_us is None else latency_us
    if end is not None:
        latency_us = (end - start) // timedelta(microseconds=1)
        if latency_us < 0:
            fields.flags.add("negative_latency")
            latency_us = None
    # of a call that did not stream, LiteLLM says that the first token came with the last
    is_streamed = first_token not in {None, end} and (record.get("stream") is True or "stream" not in record)
    ttft_us = (first_token - start) // timedelta(microseconds=1) if first_token and is_streamed else None
    ttft_us = None if ttft_us is not None and ttft_us < 0 else ttft_us
    return {"start_ts": start, "end_ts": end, "latency_us": latency_us, "ttft_us": ttft_us}


def _cost(record: Mapping[str, Any], fields: Fields) -> Row:
    cost = fields.money("cost_reported")
    if not cost and record.get("response_cost_failure_debug_info"):
        fields.flags.add("cost_unknown")  # LiteLLM had no price: not the same as free
        cost = None
    return {"cost_reported": cost, "cost_currency": None if cost is None else "USD"}


def _result(fields: Fields, *, is_ended: bool) -> Row:
    error_type = fields.text("error_type")
    code = http_status(fields.raw("error_code"))
    word = (fields.text("status") or "").lower()
    if word and word not in SUCCEEDED | FAILED:
        raise UnreadableError("unmapped_value", f"status is neither success nor failure: {brief(word)}")
    status = "ok" if is_ended else "incomplete"
    if word in FAILED or (not word and (error_type or fields.raw("error_text"))):
        status = error_status(error_type, code)
    if "guardrail_intervened" in {fields.text("guardrail_status"), *map(_guardrail_word, _guardrail_records(fields))}:
        status = "blocked"
    reasons = fields.texts("finish_reasons")
    return {"status": status, "http_status": code, "error_type": error_type, "finish_reasons": reasons}


def _routing(row: Row, fields: Fields) -> Row:
    fallbacks, original = fields.whole("fallbacks"), fields.text("original_model")
    is_fallback = fallbacks if fallbacks is not None else row["model_requested"] not in {None, original}
    return {
        "retries": fields.whole("retries"),
        "fallbacks": fallbacks,
        "fallback_from": original if is_fallback else None,
        "is_shadow": fields.boolean("is_shadow"),
    }


def _cache_status(record: Mapping[str, Any], fields: Fields) -> str | None:
    if _CACHE_HIT.fullmatch(fields.text("id") or "") or fields.boolean("cache_hit"):
        return "exact_hit"
    if record.get("cache_key") == CACHING_IS_OFF:
        return "disabled"
    return "miss" if fields.boolean("cache_hit") is False else None


def _account(fields: Fields) -> str | None:
    """The calling account; a key that was logged in clear is a secret and only its digest is kept."""
    account = fields.text("user_id")
    if account is not None and account.startswith("sk-"):
        fields.flags.add("secret_hashed")
        return sha256_of(account)
    return account


def _first_body(record: Mapping[str, Any], *names: str) -> str | None:
    return next((body for name in names if (body := body_text(record.get(name))) is not None), None)


def _guardrail_records(fields: Fields) -> Iterator[Mapping[str, Any]]:
    """The verdicts as logged: a list, one alone, or the JSON text of either."""
    logged = fields.raw("guardrails")
    if isinstance(logged, str):
        try:
            logged = decode_json(logged)
        except ValueError:
            fields.flags.add("bad_nested_json")
    for verdict in logged if isinstance(logged, list) else [logged]:
        if isinstance(verdict, Mapping):
            yield verdict


def _guardrail_word(verdict: Mapping[str, Any]) -> str:
    return as_text(verdict.get("guardrail_status") or "").lower()


def _guardrail(row: Row, position: int, logged: Mapping[str, Any]) -> Row:
    verdict = VERDICTS.get(_guardrail_word(logged), "error")
    masked = logged.get("masked_entity_count")
    is_masked = isinstance(masked, Mapping) and any(masked.values())
    own = Fields(logged, _GUARDRAIL_ALIASES)
    score = own.decimal("score")
    return {
        "guardrail_id": f"{row['request_uid']}#{position}",
        "request_uid": row["request_uid"],
        "start_ts": row["start_ts"],
        "guardrail": own.text("guardrail") or "unnamed",
        "stage": STAGES.get(own.text("stage") or ""),
        "verdict": "modify" if is_masked and verdict == "allow" else verdict,
        "action": own.text("action"),
        "score": None if score is None else float(score),
        "latency_us": own.microseconds("duration", US_PER_S),
    }
