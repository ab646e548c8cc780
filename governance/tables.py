"""The canonical columns: name, type, unit and meaning, each said once.

Types are DuckDB's. Times are UTC with microseconds, durations whole microseconds, money `DECIMAL(18,12)` in
the currency beside it, tokens whole numbers in the inclusive convention (input includes cached tokens, output
includes reasoning). A table of *fixed* columns holds exactly these; a *wide* table adds columns of its own
(protected attributes, model inputs, contributions).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

TEXT = "VARCHAR"
TEXTS = "VARCHAR[]"
TIME = "TIMESTAMPTZ"
WHOLE = "BIGINT"
REAL = "DOUBLE"
FLAG = "BOOLEAN"
MONEY = "DECIMAL(18,12)"
TAGS = "MAP(VARCHAR, VARCHAR)"
BYTES = "BLOB"


class Column(NamedTuple):
    """One canonical column."""

    name: str
    type: str
    meaning: str
    required: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """One canonical table.

    Attributes:
        name: Folder in the store and name of the view.
        meaning: What one row is.
        identity: Column whose value is the same when the same thing is delivered twice.
        time: Column that says in which day folder a row lies and by which the rows are sorted.
        columns: The fixed columns.
        wide: Whether columns of other names may follow.
    """

    name: str
    meaning: str
    identity: str
    time: str
    columns: tuple[Column, ...]
    wide: bool = False

    def column(self, name: str) -> Column | None:
        """The column of that name, or None."""
        return next((column for column in self.columns if column.name == name), None)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the fixed columns, in order."""
        return tuple(column.name for column in self.columns)


def _needed(name: str, kind: str, meaning: str) -> Column:
    return Column(name, kind, meaning, required=True)


PROVENANCE = (
    _needed("file_sha256", TEXT, "digest of the file that the row was read from"),
    _needed("row_no", WHOLE, "number of the record in that file, from 1"),
)
CONFLICT = _needed("is_conflict", FLAG, "the identity was stored before with other content; kept, not counted")

REQUESTS = Table(
    "requests",
    "one client-visible request",
    "request_uid",
    "start_ts",
    (
        _needed("request_uid", TEXT, "source and native id, unique in the store"),
        _needed("source", TEXT, "log format or mapping that the row came from"),
        Column("request_id", TEXT, "id as the source logged it"),
        Column("client_request_id", TEXT, "id that the caller gave"),
        Column("response_id", TEXT, "id that the provider gave the response"),
        _needed("id_origin", TEXT, "native, or content_hash where the log carries no id"),
        Column("trace_id", TEXT, "trace, lower-case hex"),
        Column("span_id", TEXT, "span, lower-case hex"),
        Column("parent_span_id", TEXT, "parent span, lower-case hex"),
        Column("session_id", TEXT, "conversation or session"),
        Column("environment", TEXT, "deployment environment"),
        Column("service_name", TEXT, "service or endpoint that served the request"),
        Column("region", TEXT, "region that served the request"),
        _needed("operation", TEXT, "chat, completion, embedding, predict, rank, agent, tool, ..."),
        _needed("start_ts", TIME, "when the request started"),
        Column("end_ts", TIME, "when the response was complete"),
        Column("latency_us", WHOLE, "from start to end, microseconds"),
        Column("ttft_us", WHOLE, "time to first token, microseconds"),
        Column("queue_us", WHOLE, "time in a queue, microseconds"),
        Column("provider", TEXT, "who ran the model"),
        Column("model_requested", TEXT, "model that the caller asked for"),
        Column("model_served", TEXT, "model that answered"),
        Column("model_version", TEXT, "version of the model that answered"),
        Column("prompt_name", TEXT, "name of the prompt template"),
        Column("prompt_version", TEXT, "version of the prompt template"),
        Column("parameters", TAGS, "sampling parameters as text"),
        Column("input_tokens", WHOLE, "tokens in, cached ones included"),
        Column("cache_read_tokens", WHOLE, "of the input tokens, those read from the provider's cache"),
        Column("cache_write_tokens", WHOLE, "of the input tokens, those written to the provider's cache"),
        Column("output_tokens", WHOLE, "tokens out, reasoning included"),
        Column("reasoning_tokens", WHOLE, "of the output tokens, those spent on reasoning"),
        Column("cost_reported", MONEY, "cost as the source logged it"),
        Column("cost_computed", MONEY, "cost computed from tokens and the price in force"),
        Column("cost_currency", TEXT, "currency of both costs"),
        _needed("status", TEXT, "ok, error, timeout, blocked, cancelled or incomplete"),
        Column("http_status", WHOLE, "HTTP status code"),
        Column("error_type", TEXT, "class of the error"),
        Column("finish_reasons", TEXTS, "why generation stopped"),
        Column("retries", WHOLE, "upstream retries; null is unknown, 0 is known to be none"),
        Column("fallbacks", WHOLE, "upstream fallbacks; null is unknown, 0 is known to be none"),
        Column("fallback_from", TEXT, "model that should have answered"),
        Column("route_name", TEXT, "route that was taken"),
        Column("route_cause", TEXT, "why it was taken"),
        Column("cache_status", TEXT, "none, exact_hit, semantic_hit, miss or disabled"),
        Column("is_shadow", FLAG, "answered beside another model, not shown to the caller"),
        Column("experiment_arm", TEXT, "arm of an A/B or canary test"),
        Column("user_id", TEXT, "calling account"),
        Column("end_user_id", TEXT, "person behind the account"),
        Column("team", TEXT, "team that is charged"),
        Column("business_unit", TEXT, "business unit that is charged"),
        Column("project", TEXT, "project that is charged"),
        Column("tags", TAGS, "labels of the source"),
        _needed("input_state", TEXT, "complete, truncated, redacted, absent or sampled_out"),
        _needed("output_state", TEXT, "complete, truncated, redacted, absent or sampled_out"),
        _needed("n_decisions", WHOLE, "decided items in the request"),
        Column("quality_flags", TEXTS, "what was odd about the record: tz_assumed, negative_latency, ..."),
        CONFLICT,
        *PROVENANCE,
    ),
)

DECISIONS = Table(
    "decisions",
    "one decided item of a request",
    "decision_id",
    "decision_ts",
    (
        _needed("decision_id", TEXT, "request_uid#item"),
        _needed("request_uid", TEXT, "request that the decision belongs to"),
        Column("request_id", TEXT, "id of that request as logged"),
        _needed("source", TEXT, "log format or mapping that the row came from"),
        _needed("item_index", WHOLE, "position in the request, from 0"),
        Column("entity_id", TEXT, "applicant, ticket or other thing that was decided about"),
        _needed("decision_ts", TIME, "when it was decided"),
        Column("model", TEXT, "model that scored it"),
        Column("model_version", TEXT, "version of that model"),
        Column("operation", TEXT, "operation of the request"),
        Column("environment", TEXT, "environment of the request"),
        Column("business_unit", TEXT, "business unit of the request"),
        Column("decision", TEXT, "decision as logged"),
        Column("favourable", FLAG, "whether it favours the person concerned"),
        Column("score", REAL, "score as logged"),
        Column("score_digits", WHOLE, "digits after the decimal point of the logged score; null if not known"),
        Column("threshold", REAL, "threshold in force"),
        Column("confidence", REAL, "confidence as logged, 0 to 1"),
        Column("deciding_stage", TEXT, "rule, model, cache, fallback or human, where the log says it"),
        Column("rule_id", TEXT, "rule that decided"),
        Column("escalated", FLAG, "whether it was handed to a person"),
        Column("final_decision", TEXT, "decision after review, where the log says it"),
        CONFLICT,
        *PROVENANCE,
    ),
)

ATTEMPTS = Table(
    "attempts",
    "one upstream call: retry, fallback, sub-call, tool or retrieval",
    "attempt_uid",
    "start_ts",
    (
        _needed("attempt_uid", TEXT, "request_uid and number, or span"),
        _needed("request_uid", TEXT, "request that the call belongs to"),
        _needed("attempt_no", WHOLE, "position, from 0"),
        _needed("kind", TEXT, "primary, retry, fallback, shadow, sub_call, tool or retrieval"),
        Column("name", TEXT, "name of the tool, retriever or span"),
        Column("provider", TEXT, "who ran the model"),
        Column("model", TEXT, "model that was called"),
        _needed("start_ts", TIME, "when the call started"),
        Column("latency_us", WHOLE, "microseconds"),
        _needed("status", TEXT, "ok, error, timeout, blocked, cancelled or incomplete"),
        Column("http_status", WHOLE, "HTTP status code"),
        Column("error_type", TEXT, "class of the error"),
        Column("breaker_state", TEXT, "closed, open or half_open"),
        Column("input_tokens", WHOLE, "tokens in"),
        Column("output_tokens", WHOLE, "tokens out"),
        Column("cost_reported", MONEY, "cost as logged"),
        CONFLICT,
        *PROVENANCE,
    ),
)

SUBJECTS = Table(
    "subjects",
    "the protected attributes of the person concerned, one column each, kept apart from the model's inputs",
    "decision_id",
    "decision_ts",
    (
        _needed("decision_id", TEXT, "decision about the person"),
        _needed("decision_ts", TIME, "when it was decided"),
        CONFLICT,
        *PROVENANCE,
    ),
    wide=True,
)

_TARGET = (
    _needed("target_id", TEXT, "id as the file gives it: of a request, response, trace or decision"),
    Column("request_uid", TEXT, "request it belongs to; null while none has arrived"),
    Column("decision_id", TEXT, "decision it belongs to; null while none has arrived"),
)

SUBJECT_RECORDS = Table(
    "subject_records",
    "protected attributes from a file of their own, one column each, under any id of the request or decision",
    "record_id",
    "known_ts",
    (
        _needed("record_id", TEXT, "digest of the content"),
        *_TARGET,
        _needed("known_ts", TIME, "when they became known"),
        *PROVENANCE,
    ),
    wide=True,
)

FEATURES = Table(
    "features",
    "the model's inputs for one decision, one typed column each",
    "decision_id",
    "decision_ts",
    (
        _needed("decision_id", TEXT, "decision that the inputs led to"),
        _needed("decision_ts", TIME, "when it was decided"),
        CONFLICT,
        *PROVENANCE,
    ),
    wide=True,
)

ATTRIBUTIONS = Table(
    "attributions",
    "the contributions of the inputs to one score, one column each, in margin space",
    "decision_id",
    "decision_ts",
    (
        _needed("decision_id", TEXT, "decision that is explained"),
        _needed("decision_ts", TIME, "when it was decided"),
        _needed("model", TEXT, "model"),
        _needed("model_version", TEXT, "version of the model"),
        _needed("artefact_sha256", TEXT, "digest of the model file"),
        _needed("method", TEXT, "explainer"),
        _needed("library", TEXT, "library and version that computed it"),
        _needed("output_space", TEXT, "space in which contributions add up"),
        Column("background_sha256", TEXT, "digest of the background sample; null where the method uses none"),
        _needed("base_value", REAL, "output for the background"),
        _needed("output_value", REAL, "output of the model for this decision"),
        _needed("additivity_error", REAL, "absolute base + contributions - output of the model"),
        Column("score_error", REAL, "absolute base + contributions - logged score, in margin space"),
        Column("score_tolerance", REAL, "how far score_error may be, by precision of model and log"),
        _needed("computed_ts", TIME, "when it was computed"),
    ),
    wide=True,
)

PAYLOADS = Table(
    "payloads",
    "a prompt or response body, or its digest",
    "payload_id",
    "start_ts",
    (
        _needed("payload_id", TEXT, "request_uid and role"),
        _needed("request_uid", TEXT, "request that the body belongs to"),
        _needed("start_ts", TIME, "when that request started"),
        _needed("role", TEXT, "request, response or error"),
        Column("body", TEXT, "the body, only where the workspace keeps payloads"),
        _needed("bytes", WHOLE, "length of the body in UTF-8"),
        _needed("sha256", TEXT, "digest of the body"),
        _needed("state", TEXT, "complete, truncated or redacted"),
        Column("key_id", TEXT, "key that the body is encrypted under"),
        CONFLICT,
        *PROVENANCE,
    ),
)

GUARDRAILS = Table(
    "guardrails",
    "one verdict of a guardrail",
    "guardrail_id",
    "start_ts",
    (
        _needed("guardrail_id", TEXT, "request_uid and number"),
        _needed("request_uid", TEXT, "request that was judged"),
        _needed("start_ts", TIME, "when that request started"),
        _needed("guardrail", TEXT, "name"),
        Column("stage", TEXT, "pre, during, post, retrieval or tool"),
        _needed("verdict", TEXT, "allow, deny, modify, warn, escalate, error or not_run"),
        Column("action", TEXT, "what was enforced"),
        Column("score", REAL, "risk or confidence score"),
        Column("latency_us", WHOLE, "microseconds"),
        CONFLICT,
        *PROVENANCE,
    ),
)

OUTCOMES = Table(
    "outcomes",
    "a later truth about a decision",
    "outcome_id",
    "known_ts",
    (
        _needed("outcome_id", TEXT, "digest of the content"),
        *_TARGET,
        _needed("name", TEXT, "what is known"),
        Column("value", TEXT, "as logged"),
        Column("value_num", REAL, "the value where it is a number"),
        Column("positive", FLAG, "whether it is the positive class"),
        Column("occurred_ts", TIME, "when it happened"),
        _needed("known_ts", TIME, "when it became known"),
        *PROVENANCE,
    ),
)

REVIEWS = Table(
    "reviews",
    "one review by a person",
    "review_id",
    "requested_ts",
    (
        _needed("review_id", TEXT, "as logged, or digest of the content"),
        *_TARGET,
        Column("reviewer", TEXT, "pseudonym of the reviewer"),
        Column("trigger", TEXT, "low_confidence, policy, sampling, complaint or guardrail"),
        _needed("requested_ts", TIME, "when it was asked for"),
        Column("started_ts", TIME, "when the reviewer began"),
        Column("completed_ts", TIME, "when the reviewer was done"),
        Column("effective_ts", TIME, "when the decision took effect"),
        Column("outcome", TEXT, "confirmed, overridden, returned or abandoned"),
        Column("original_decision", TEXT, "decision before the review"),
        Column("final_decision", TEXT, "decision after the review"),
        Column("reason", TEXT, "why, in the reviewer's words"),
        *PROVENANCE,
    ),
)

ASSESSMENTS = Table(
    "assessments",
    "a later score of an output by a judge, a user or code",
    "assessment_id",
    "created_ts",
    (
        _needed("assessment_id", TEXT, "as logged, or digest of the content"),
        *_TARGET,
        _needed("name", TEXT, "what was scored"),
        Column("score", REAL, "score"),
        Column("label", TEXT, "label"),
        Column("annotator_kind", TEXT, "human, llm or code"),
        Column("annotator", TEXT, "who scored"),
        _needed("created_ts", TIME, "when it was scored"),
        *PROVENANCE,
    ),
)

EVALUATIONS = Table(
    "evaluations",
    "one score of one version of a model or prompt on one set of tasks",
    "evaluation_id",
    "started_ts",
    (
        _needed("evaluation_id", TEXT, "as logged, or digest of the content"),
        Column("model", TEXT, "model that was evaluated, as the requests log it"),
        Column("model_version", TEXT, "its version"),
        Column("prompt_name", TEXT, "prompt that was evaluated"),
        Column("prompt_version", TEXT, "its version"),
        _needed("suite", TEXT, "set of tasks"),
        Column("suite_version", TEXT, "its version"),
        Column("dataset", TEXT, "data that the tasks came from"),
        Column("scorer", TEXT, "who or what scored each answer"),
        _needed("metric", TEXT, "figure over the scores"),
        Column("value", REAL, "the figure"),
        Column("stderr", REAL, "its standard error"),
        Column("samples", WHOLE, "tasks that were to be done"),
        Column("completed", WHOLE, "tasks that were done"),
        Column("status", TEXT, "success, or what else became of the run"),
        _needed("started_ts", TIME, "when it began"),
        Column("ended_ts", TIME, "when it was done"),
        Column("code_revision", TEXT, "commit of the evaluating code"),
        *PROVENANCE,
    ),
)

INCIDENTS = Table(
    "incidents",
    "one state of an incident; it is told again as it goes on",
    "state_id",
    "opened_ts",
    (
        _needed("state_id", TEXT, "digest of the content"),
        _needed("incident_id", TEXT, "as logged"),
        Column("model", TEXT, "model that it is about"),
        Column("model_version", TEXT, "its version"),
        Column("severity", TEXT, "in the words of the organisation"),
        Column("regime", TEXT, "regulation under which it may have to be reported"),
        Column("summary", TEXT, "what happened"),
        _needed("opened_ts", TIME, "when it began"),
        Column("aware_ts", TIME, "when the organisation became aware of it"),
        Column("classified_ts", TIME, "when it was classified"),
        Column("reported_ts", TIME, "when it was reported to the authority"),
        Column("closed_ts", TIME, "when it was closed"),
        Column("updated_ts", TIME, "when this state was written"),
        *PROVENANCE,
    ),
)

REQUEST_COUNTS = Table(
    "request_counts",
    "how many requests somebody else counted in a stretch of time",
    "count_id",
    "window_start",
    (
        _needed("count_id", TEXT, "digest of the content"),
        Column("counted_by", TEXT, "who counted, such as a load balancer"),
        Column("source", TEXT, "log format or mapping of the requests that are meant; null means all"),
        Column("service_name", TEXT, "service of the requests that are meant; null means all"),
        _needed("window_start", TIME, "first moment"),
        _needed("window_end", TIME, "first moment after it"),
        _needed("expected", WHOLE, "requests that began in it"),
        *PROVENANCE,
    ),
)

QUARANTINE = Table(
    "quarantine",
    "a record that could not be read, with its bytes",
    "quarantine_id",
    "ingested_ts",
    (
        _needed("quarantine_id", TEXT, "digest of file and mapping, batch, and place in it"),
        _needed("ingested_ts", TIME, "when it was met"),
        _needed("source", TEXT, "source that could not read it"),
        _needed("file", TEXT, "name of the file"),
        _needed("line", WHOLE, "line or element in the file, from 1"),
        Column("item", WHOLE, "which record of that line, from 1, where a line may hold several"),
        Column("byte_offset", WHOLE, "where the record starts in the uncompressed file"),
        _needed("reason", TEXT, "bad_json, bad_utf8, missing_id, bad_time, type_mismatch, ..."),
        _needed("detail", TEXT, "what exactly, with the column"),
        Column("raw", BYTES, "the bytes of the record"),
        *PROVENANCE,
    ),
)

MODELS = Table(
    "models",
    "one registered version of a model",
    "model_id",
    "registered_ts",
    (
        _needed("model_id", TEXT, "model@version"),
        _needed("model", TEXT, "name as the decisions log it"),
        _needed("version", TEXT, "version as the decisions log it"),
        _needed("registered_ts", TIME, "when it was registered"),
        Column("valid_from", TIME, "when it went live"),
        Column("owner", TEXT, "who answers for it"),
        Column("tier", TEXT, "risk tier"),
        Column("purpose", TEXT, "intended use"),
        Column("format", TEXT, "format of the model file"),
        Column("link", TEXT, "function from margin to score: logit, identity or log"),
        Column("artefact_sha256", TEXT, "digest of the model file"),
        Column("background_sha256", TEXT, "digest of the background sample"),
        Column("card_sha256", TEXT, "digest of the card"),
        Column("adverse", TEXT, "direction of the score that is adverse to the person: up or down"),
        Column("approved_by", TEXT, "who approved it"),
        Column("approved_ts", TIME, "when it was approved"),
        Column("approval_status", TEXT, "what the registry that the card came from says of it"),
        Column("next_validation", TEXT, "date by which it must be validated again"),
        Column("features", TEXTS, "the inputs, in the model's order"),
    ),
)

PROMPTS = Table(
    "prompts",
    "one registered version of a prompt",
    "prompt_id",
    "registered_ts",
    (
        _needed("prompt_id", TEXT, "prompt@version"),
        _needed("prompt", TEXT, "name as the requests log it"),
        _needed("version", TEXT, "version as the requests log it"),
        _needed("registered_ts", TIME, "when it was registered"),
        Column("valid_from", TIME, "first day in use"),
        Column("author", TEXT, "who wrote it"),
        _needed("template_sha256", TEXT, "digest of the template"),
    ),
)

FINDINGS = Table(
    "findings",
    "a judged observation",
    "finding_id",
    "assessed_ts",
    (
        _needed("finding_id", TEXT, "digest of run, policy, version, check and subject"),
        _needed("run_id", TEXT, "the assessment that it came from"),
        _needed("assessed_ts", TIME, "when it was judged"),
        _needed("window_start", TIME, "first moment of the window"),
        _needed("window_end", TIME, "first moment after the window"),
        _needed("policy", TEXT, "name of the policy"),
        _needed("version", TEXT, "version of the policy"),
        _needed("policy_sha256", TEXT, "digest of the policy's bytes"),
        _needed("check_id", TEXT, "id of the check in the policy"),
        _needed("kind", TEXT, "kind of check"),
        _needed("subject", TEXT, "what was measured, as JSON"),
        _needed("metric", TEXT, "name of the figure"),
        Column("value", REAL, "the figure; null where it cannot be computed"),
        _needed("unit", TEXT, "unit of the figure"),
        Column("interval_low", REAL, "lower end of the interval"),
        Column("interval_high", REAL, "upper end of the interval"),
        _needed("n", WHOLE, "records under the figure"),
        _needed("counts", TEXT, "the counts under the figure, as JSON"),
        _needed("limits", TEXT, "what it was judged against, as JSON"),
        _needed("verdict", TEXT, "passed, failed, warned, not_assessed, errored or waived"),
        Column("reason", TEXT, "why"),
        _needed("severity", TEXT, "low, medium, high or critical"),
        _needed("owner", TEXT, "who must act"),
        Column("due", TEXT, "date by which"),
        _needed("controls", TEXTS, "controls that it is evidence for"),
        _needed("evidence", TEXT, "what it takes to repeat it, as JSON"),
    ),
)

CANONICAL = {
    table.name: table
    for table in (
        REQUESTS,
        DECISIONS,
        ATTEMPTS,
        SUBJECTS,
        SUBJECT_RECORDS,
        FEATURES,
        ATTRIBUTIONS,
        PAYLOADS,
        GUARDRAILS,
        OUTCOMES,
        REVIEWS,
        ASSESSMENTS,
        EVALUATIONS,
        INCIDENTS,
        REQUEST_COUNTS,
        QUARANTINE,
        MODELS,
        PROMPTS,
        FINDINGS,
    )
}
SIDE_TABLES = tuple(table.name for table in (OUTCOMES, REVIEWS, ASSESSMENTS, SUBJECT_RECORDS))
STANDALONE = tuple(table.name for table in (EVALUATIONS, INCIDENTS, REQUEST_COUNTS))  # they belong to no request
PER_MODEL = tuple(table.name for table in (FEATURES, ATTRIBUTIONS))
