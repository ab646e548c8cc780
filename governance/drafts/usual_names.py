"""Names under which logs say what the canonical columns mean, those first that leave the least doubt.

Names are compared as words: `createdAt`, `Created At` and `created_at` are one name, and a name inside an object counts
by its end as well (`usage.prompt_tokens`). Source: the formats of `governance/sources/` and the public logs they were
tested on; nothing here decides anything, it only proposes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from governance.mapping import Role

_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_OTHER = re.compile(r"[^a-z0-9]+")
# end of a name -> unit, as mappings call it
UNITS = {
    **dict.fromkeys(("us", "usec", "micros", "microseconds"), "us"),
    **dict.fromkeys(("ms", "msec", "millis", "milliseconds"), "ms"),
    **dict.fromkeys(("s", "sec", "secs", "seconds"), "s"),
    **dict.fromkeys(("ns", "nanos", "nanoseconds"), "ns"),
    **dict.fromkeys(("min", "mins", "minutes"), "min"),
}
CENTS = ("cents", "cent")
_AMOUNTS = ("usd", "dollars", *CENTS)

TIMES: dict[str, str] = {
    "start_ts": "start_ts start_time started_at start request_time requested_at request_timestamp timestamp time ts "
    "event_time event_timestamp created_at created created_time logged_at log_time log_timestamp datetime date_time "
    "arrival_time received_at launch_time decided_at decision_time decision_ts decision_date prediction_time "
    "scored_at inference_time screening_date at when date",
    "end_ts": "end_ts end_time ended_at end finished_at finish_time completed_at completion_time response_time "
    "responded_at",
}
NUMBERS: dict[str, str] = {
    "latency_us": "latency duration elapsed elapsed_time response_time request_duration execution_time total_time "
    "total_latency processing_time inference_time took runtime request_latency",
    "ttft_us": "ttft time_to_first_token first_token_latency first_token time_to_first_chunk",
    "queue_us": "queue_time time_in_queue queue queued_for queue_latency wait_time waiting_time",
    "input_tokens": "input_tokens prompt_tokens tokens_in input_toks context_tokens input_token_count "
    "prompt_token_count num_prompt_tokens n_prompt_tokens input_length tokens_prompt",
    "output_tokens": "output_tokens completion_tokens tokens_out output_toks generated_tokens generation_tokens "
    "output_token_count candidates_token_count num_completion_tokens n_completion_tokens output_length "
    "tokens_completion",
    "cache_read_tokens": "cache_read_tokens cached_tokens cache_read_input_tokens cached_input_tokens",
    "cache_write_tokens": "cache_write_tokens cache_creation_input_tokens",
    "reasoning_tokens": "reasoning_tokens thinking_tokens",
    "cost_reported": "cost_reported cost total_cost response_cost spend price amount charge",
    "http_status": "http_status status_code response_code http_code http_status_code response_status_code "
    "response_status status code",
    "retries": "retries retry_count num_retries n_retries attempted_retries",
    "fallbacks": "fallbacks fallback_count num_fallbacks attempted_fallbacks",
    "score": "score probability predicted_probability y_pred_proba pred_proba proba prob risk_score model_score "
    "prediction_score decile_score prediction_probability",
    "threshold": "threshold cutoff cut_off decision_threshold",
    "confidence": "confidence confidence_score certainty",
}
TEXTS: dict[str, str] = {
    "request_id": "request_id req_id x_request_id id uuid event_id call_id inference_id transaction_id log_id "
    "prediction_id application_id application decision_id record_id correlation_id message_id row_id case_id",
    "client_request_id": "client_request_id",
    "response_id": "response_id completion_id",
    "trace_id": "trace_id",
    "span_id": "span_id",
    "parent_span_id": "parent_span_id parent_id",
    "session_id": "session_id conversation_id thread_id chat_id session conversation",
    "environment": "environment env deployment_environment",
    "service_name": "service_name service app_name application_name app endpoint",
    "region": "region aws_region",
    "operation": "operation operation_name call_type request_type task",
    "provider": "provider provider_name llm_provider vendor",
    "model_requested": "model_requested requested_model request_model",
    "model_served": "model_served served_model response_model",
    "model": "model model_name model_id deployment engine",
    "model_version": "model_version model_revision version",
    "prompt_name": "prompt_name prompt_template prompt_id template_name template_id",
    "prompt_version": "prompt_version prompt_template_version template_version prompt_version_id",
    "finish_reasons": "finish_reasons finish_reason stop_reason stop_reasons completion_reason",
    "cost_currency": "cost_currency currency",
    "status": "status state result_status",
    "error_type": "error_type error_code error_class error exception",
    "fallback_from": "fallback_from original_model original_model_group",
    "route_name": "route_name route routed_to backend",
    "route_cause": "route_cause route_reason routing_reason route_why",
    "cache_status": "cache_status cache_hit cache cached is_cached",
    "experiment_arm": "experiment_arm variant arm ab_group experiment",
    "user_id": "user_id user user_email username account_id account caller client_id client customer_id customer "
    "principal",
    "end_user_id": "end_user_id end_user",
    "team": "team team_name team_id department",
    "business_unit": "business_unit bu cost_center cost_centre org_unit division",
    "project": "project project_name project_id",
    "entity_id": "entity_id applicant_id applicant candidate_id candidate ticket_id case_id subject_id person_id",
    "decision": "decision prediction predicted predicted_label predicted_class y_pred pred verdict outcome_decision "
    "recommendation answer label_pred score_text result action",
    "deciding_stage": "deciding_stage decided_by",
    "rule_id": "rule_id rule rule_name",
    "final_decision": "final_decision decision_after_review",
}
FLAGS: dict[str, str] = {
    "favourable": "favourable favorable is_favourable is_favorable approved is_approved granted accepted admitted "
    "hired",
    "escalated": "escalated is_escalated needs_review sent_to_review human_review requires_review",
    "is_shadow": "is_shadow shadow",
}
# ends of names that tell records apart, and words of what else may be told apart so: a person, a model, a place
NUMBERED = ("id", "uuid", "guid", "number", "no", "key", "ref", "reference")
_OTHERS = frozenset(
    "user customer client account applicant candidate person patient employee member borrower subject session thread "
    "conversation chat team project tenant org organisation organization group model prompt template version parent "
    "span device job product department region branch store reviewer agent batch experiment variant rule policy".split()
)
SUBJECTS: dict[str, str] = {
    "sex": "sex gender",
    "race": "race ethnicity ethnic_group ethnic_origin race_ethnicity hispanic",
    "age_band": "age_band age_group age_cat age_range age date_of_birth birth_date birthdate dob year_of_birth "
    "birth_year yob",
    "religion": "religion faith",
    "disability": "disability disabled disability_status",
    "nationality": "nationality citizenship country_of_birth",
    "marital_status": "marital_status marriage marital civil_status",
    "sexual_orientation": "sexual_orientation",
    "pregnancy": "pregnancy pregnant",
}
# words around such a name that do not change what it means
_AROUND = frozenset(
    "applicant customer person client candidate patient employee member borrower user owner is code cd label years yrs "
    "derived self reported".split()
)
TRUTHS = "label target actual ground_truth truth y_true true_label outcome actual_outcome observed"
# what people and models wrote, by its role in the request; it is no input of a model of tables
BODIES: dict[Role, str] = {
    "request": "messages prompt input request input_text request_body question query body text content message",
    "response": "response completion output choices response_choices output_text response_body reply answer_text "
    "response_content response_text response_message_content response_message assistant_message completion_text",
}


def words(name: str) -> str:
    """A name as words in lower case, joined by underscores.

    Example:
        >>> words("Created At"), words("requestID"), words("@timestamp")
        ('created_at', 'request_id', 'timestamp')
    """
    return _OTHER.sub("_", _HUMP.sub("_", name).lower()).strip("_")


def attribute_of(name: str) -> str | None:
    """The protected attribute that a column is called after.

    Example:
        >>> attribute_of("applicant.Gender_Code"), attribute_of("customer_age"), attribute_of("age_of_account")
        ('sex', 'age_band', None)
    """
    known = {spelling: attribute for attribute, names in SUBJECTS.items() for spelling in names.split()}
    own = words(name.rpartition(".")[2])
    bare = "_".join(word for word in own.split("_") if word not in _AROUND)
    return known.get(own) or known.get(bare)


def tells_records_apart(name: str) -> bool:
    """Whether a column is called like an id of each record, and not like that of somebody or something in it.

    Example:
        >>> [name for name in ("screeningId", "meta.id", "candidate.id", "score") if tells_records_apart(name)]
        ['screeningId', 'meta.id']
    """
    own = words(name).split("_")
    return own[-1] in NUMBERED and _OTHERS.isdisjoint(own)


def spellings(name: str) -> Iterator[tuple[str, str | None]]:
    """The names by which a column may be known, each with the unit that it was stripped of, whole ones first.

    Example:
        >>> list(spellings("timing.latency_ms"))
        [('timing_latency_ms', None), ('timing_latency', 'ms'), ('latency_ms', None), ('latency', 'ms')]
    """
    for whole in dict.fromkeys((words(name), words(name.rpartition(".")[2]))):
        yield whole, None
        head, _, end = whole.rpartition("_")
        if head and (end in UNITS or end in _AMOUNTS):
            yield head.removesuffix("_in"), end if end in _AMOUNTS else UNITS[end]
