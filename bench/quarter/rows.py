"""What the rows are: SQL of the columns of each table, over the number `i` of a request.

Half of the requests ask for one credit decision, four in ten are chats, one in ten ranks five applicants: as many
decisions as requests. Every value follows from `i` by a hash, so that the same rows come out on any machine.
"""

from __future__ import annotations

FEATURES = (
    "LIMIT_BAL",
    *(f"PAY_{n}" for n in (0, 2, 3, 4, 5, 6)),
    *(f"BILL_AMT{n}" for n in range(1, 7)),
    *(f"PAY_AMT{n}" for n in range(1, 7)),
    "UTILISATION",
)

MACROS = (
    "CREATE MACRO u(i, k) AS (hash(i * 4096 + k) >> 11) / 9007199254740992.0",
    "CREATE MACRO pick(i, k, names) AS names[1 + CAST(floor(u(i, k) * len(names)) AS BIGINT)]",
    "CREATE MACRO normal(i, k) AS sqrt(-2 * ln(1 - u(i, k))) * cos(2 * pi() * u(i, k + 1))",
    "CREATE MACRO kind_of(i) AS CASE WHEN u(i, 0) < 0.5 THEN 'credit' WHEN u(i, 0) < 0.9 THEN 'chat' ELSE 'rank' END",
    "CREATE MACRO native(i) AS left(md5(CAST(i AS VARCHAR)), 20) || '-' || i",
    "CREATE MACRO late(i) AS 28 + CAST(floor(u(i, 50) * 5) AS BIGINT)",  # days until the outcome is known
)

_CHAT, _CREDIT = "kind = 'chat'", "kind = 'credit'"
_MODEL = "CASE kind WHEN 'credit' THEN 'credit-default' WHEN 'rank' THEN 'screening' ELSE chat_model END"
_VERSION = "CASE WHEN kind <> 'credit' THEN '2508' WHEN ts < TIMESTAMPTZ '2026-08-15 00:00:00Z' THEN '1' ELSE '2' END"
_STATUS = "CASE WHEN u(i, 4) < 0.004 THEN 'error' WHEN u(i, 4) < 0.006 THEN 'timeout' ELSE 'ok' END"
_COST = f"CASE WHEN {_CHAT} THEN CAST(0.0004 + u(i, 5) * 0.02 AS DECIMAL(18,12)) END"
_SHARED = {"is_conflict": "false", "file_sha256": "repeat('a', 64)"}

REQUESTS = _SHARED | {
    "request_uid": "'bench:' || native(i)",
    "source": "'bench'",
    "request_id": "native(i)",
    "id_origin": "'native'",
    "session_id": f"CASE WHEN {_CHAT} THEN 's' || i // 4 END",
    "environment": "'prod'",
    "service_name": "kind || '-service'",
    "region": "pick(i, 6, ['eu-west', 'eu-central', 'eu-north'])",
    "operation": "CASE kind WHEN 'credit' THEN 'predict' WHEN 'rank' THEN 'rank' ELSE 'chat' END",
    "start_ts": "ts",
    "end_ts": "ts + to_microseconds(latency_us)",
    "latency_us": "latency_us",
    "ttft_us": f"CASE WHEN {_CHAT} THEN latency_us // 5 END",
    "queue_us": "CAST(u(i, 7) * 200000 AS BIGINT)",
    "provider": f"CASE WHEN {_CHAT} THEN 'mistral' ELSE 'own' END",
    "model_requested": _MODEL,
    "model_served": _MODEL,
    "model_version": _VERSION,
    "prompt_name": f"CASE WHEN {_CHAT} THEN 'summary' END",
    "prompt_version": f"CASE WHEN {_CHAT} THEN pick(i, 8, ['3', '4']) END",
    "input_tokens": f"CASE WHEN {_CHAT} THEN 200 + CAST(u(i, 9) * 4000 AS BIGINT) END",
    "output_tokens": f"CASE WHEN {_CHAT} THEN 20 + CAST(u(i, 10) * 900 AS BIGINT) END",
    "cost_reported": _COST,
    "cost_computed": f"CASE WHEN {_CHAT} THEN CAST(0.0004 + u(i, 5) * 0.02 AS DECIMAL(18,12)) END",
    "cost_currency": f"CASE WHEN {_CHAT} THEN 'USD' END",
    "status": _STATUS,
    "http_status": f"CASE WHEN u(i, 11) < 0.003 THEN 429 WHEN {_STATUS} = 'error' THEN 500 ELSE 200 END",
    "error_type": f"CASE WHEN {_STATUS} = 'error' THEN 'upstream_error' END",
    "retries": "CASE WHEN u(i, 12) < 0.05 THEN 1 ELSE 0 END",
    "fallbacks": "CASE WHEN u(i, 13) < 0.03 THEN 1 ELSE 0 END",
    "route_cause": "CASE WHEN u(i, 13) < 0.03 THEN pick(i, 14, ['timeout', 'rate_limit', 'error']) END",
    "cache_status": "CASE WHEN u(i, 15) < 0.1 THEN 'exact_hit' WHEN u(i, 15) < 0.12 THEN 'semantic_hit' "
    "ELSE 'miss' END",
    "experiment_arm": f"CASE WHEN {_CHAT} THEN pick(i, 16, ['prompt-4', 'prompt-5']) END",
    "user_id": "'user' || CAST(u(i, 17) * 5000 AS BIGINT)",
    "business_unit": "CASE WHEN u(i, 18) < 0.995 "
    "THEN pick(i, 19, ['claims', 'retail', 'legal', 'cards', 'people']) END",
    "tags": "MAP {'channel': pick(i, 20, ['web', 'branch', 'app'])}",
    "input_state": "'absent'",
    "output_state": "'absent'",
    "n_decisions": "CASE kind WHEN 'credit' THEN 1 WHEN 'rank' THEN 5 ELSE 0 END",
    "row_no": "i + 1",
}

_FAVOURABLE = "score < CASE WHEN sex = 'female' THEN 0.28 ELSE 0.3 END"
DECISIONS = _SHARED | {
    "decision_id": "decision_id",
    "request_uid": "'bench:' || native(i)",
    "request_id": "native(i)",
    "source": "'bench'",
    "item_index": "item",
    "entity_id": "'p' || p",
    "decision_ts": "ts",
    "model": _MODEL,
    "model_version": _VERSION,
    "operation": "CASE kind WHEN 'credit' THEN 'predict' ELSE 'rank' END",
    "environment": "'prod'",
    "business_unit": REQUESTS["business_unit"],
    "decision": f"CASE WHEN {_FAVOURABLE} THEN 'approved' ELSE 'refused' END",
    "favourable": _FAVOURABLE,
    "score": "score",
    "threshold": "0.3",
    "confidence": "greatest(score, 1 - score)",
    "deciding_stage": "CASE WHEN u(i, 13) < 0.03 THEN 'fallback' WHEN u(i, 15) < 0.12 THEN 'cache' ELSE 'model' END",
    "escalated": "greatest(score, 1 - score) < 0.6",
    "row_no": "i + 1",
}

SUBJECTS = _SHARED | {
    "decision_id": "decision_id",
    "decision_ts": "ts",
    "sex": "sex",
    "age_band": "pick(p, 31, ['25-', '25..39', '40..59', '60+'])",
    "race": "pick(p, 32, ['white', 'black', 'asian', 'hispanic', 'native', 'other'])",
    "row_no": "i + 1",
}

_MONEY = {name: f"round(exp(8 + normal(i, {100 + 2 * n})), 2)" for n, name in enumerate(FEATURES) if "_AMT" in name}
_INPUTS = {
    "LIMIT_BAL": "CAST(1000 * (1 + floor(u(i, 60) * 500)) AS BIGINT)",
    **{
        name: f"CAST(floor(u(i, {70 + n}) * 10) AS BIGINT) - 2"
        for n, name in enumerate(FEATURES)
        if name.startswith("PAY_") and "AMT" not in name
    },
    **_MONEY,
    "UTILISATION": "CASE WHEN u(i, 61) < 0.95 THEN u(i, 62) END",
}
MODEL_INPUTS = _SHARED | {"decision_id": "decision_id", "decision_ts": "ts", **_INPUTS, "row_no": "i + 1"}

ATTRIBUTIONS = {
    "decision_id": "decision_id",
    "decision_ts": "ts",
    "model": "'credit-default'",
    "model_version": _VERSION,
    "artefact_sha256": "repeat('b', 64)",
    "method": "'xgboost'",
    "library": "'xgboost 3.2.0'",
    "output_space": "'margin'",
    "base_value": "-1.2",
    "output_value": "ln(score / (1 - score))",
    "additivity_error": "u(i, 63) * 1e-7",
    "score_error": "u(i, 64) * 1e-7",
    "score_tolerance": "1e-6",
    "computed_ts": "ts",
    **{name: f"normal(i, {200 + 2 * n})" for n, name in enumerate(FEATURES)},
}

_TARGET = {"target_id": "native(i)", "request_uid": "'bench:' || native(i)", "decision_id": "decision_id"}
OUTCOMES = _SHARED | {
    "outcome_id": "md5('o' || i)",
    **_TARGET,
    "name": "'default_next_month'",
    "value": "CASE WHEN u(i, 51) < score THEN '1' ELSE '0' END",
    "value_num": "CASE WHEN u(i, 51) < score THEN 1 ELSE 0 END",
    "positive": "u(i, 51) < score",
    "known_ts": "ts + to_days(CAST(late(i) AS INTEGER))",
    "row_no": "i + 1",
}

REVIEWS = _SHARED | {
    "review_id": "md5('r' || i)",
    **_TARGET,
    "reviewer": "'reviewer' || CAST(floor(u(i, 40) * 40) AS BIGINT)",
    "trigger": "'low_confidence'",
    "requested_ts": "ts",
    "started_ts": "ts + INTERVAL 2 HOUR",
    "completed_ts": "ts + INTERVAL 2 HOUR + to_seconds(30 + u(i, 41) * 600)",
    "effective_ts": "ts + INTERVAL 5 HOUR",
    "outcome": "CASE WHEN u(i, 42) < 0.1 THEN 'overridden' ELSE 'confirmed' END",
    "row_no": "i + 1",
}

ATTEMPTS = _SHARED | {
    "attempt_uid": "'bench:' || native(i) || ':0'",
    "request_uid": "'bench:' || native(i)",
    "attempt_no": "0",
    "kind": "'primary'",
    "provider": "'mistral'",
    "model": _MODEL,
    "start_ts": "ts",
    "latency_us": "latency_us",
    "status": _STATUS,
    "breaker_state": "CASE WHEN (i // 40) % 5000 = 0 THEN 'open' ELSE 'closed' END",
    "row_no": "i + 1",
}

GUARDRAILS = _SHARED | {
    "guardrail_id": "'bench:' || native(i) || ':pii'",
    "request_uid": "'bench:' || native(i)",
    "start_ts": "ts",
    "guardrail": "'pii'",
    "stage": "'pre'",
    "verdict": "CASE WHEN u(i, 45) < 0.02 THEN 'deny' WHEN u(i, 45) < 0.03 THEN 'not_run' ELSE 'allow' END",
    "row_no": "i + 1",
}

ASSESSMENTS = _SHARED | {
    "assessment_id": "md5('a' || i)",
    **_TARGET,
    "decision_id": "'bench:' || native(i) || '#0'",
    "name": "'groundedness'",
    "score": "0.7 + 0.3 * u(i, 46)",
    "annotator_kind": "'llm'",
    "created_ts": "ts",
    "row_no": "i + 1",
}
