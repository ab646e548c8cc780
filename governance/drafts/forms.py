"""Forms of tables that lie beside a log: what their columns are called, and which of them tell the form.

Source of the names: exports of case tools, ticket systems, label queues and load balancers as people keep them, and
the tables of `governance/demo_data`. A name proposes; whether it fits, the values say; what is doubtful gets a note.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from governance.drafts.profiles import Kind, Profile
from governance.drafts.usual_names import words
from governance.drafts.ways import FEW, LONG, Way, is_few, is_word, meant, time_rule
from governance.tables import ASSESSMENTS, INCIDENTS, NOTICES, OUTCOMES, REQUEST_COUNTS, REVIEWS, SUBJECT_RECORDS

OF_REQUEST = (
    "request_id req_id x_request_id application_id application decision_id prediction_id inference_id transaction_id "
    "call_id completion_id response_id trace_id message_id correlation_id loan_id claim_id candidate_id case_id case "
    "record_id event_id target_id order_id customer_id client_id id uuid"
)
REVIEWED = {  # word of a case tool -> outcome of a review
    **dict.fromkeys(
        "confirmed confirm upheld uphold agreed agree agrees affirmed maintained unchanged accepted correct".split(),
        "confirmed",
    ),
    **dict.fromkeys(
        "overridden override overruled overturned overturn changed reversed disagreed disagree disagrees amended "
        "incorrect".split(),
        "overridden",
    ),
    **dict.fromkeys("returned sent_back needs_information more_information".split(), "returned"),
    **dict.fromkeys("abandoned cancelled canceled withdrawn expired".split(), "abandoned"),
}
TRIGGERED = {
    **dict.fromkeys("low_confidence confidence low_score uncertain".split(), "low_confidence"),
    **dict.fromkeys("policy rule mandatory threshold".split(), "policy"),
    **dict.fromkeys(
        "sampling sample random random_sample quality_check audit qa quality_assurance spot_check".split(), "sampling"
    ),
    **dict.fromkeys("complaint appeal dispute customer_request objection".split(), "complaint"),
    **dict.fromkeys("guardrail safety filter".split(), "guardrail"),
}
ANNOTATED = {
    **dict.fromkeys("human user person annotator manual expert".split(), "human"),
    **dict.fromkeys("llm model judge ai llm_judge".split(), "llm"),
    **dict.fromkeys("code heuristic rule api programmatic automatic".split(), "code"),
}
_LEVELS = frozenset("trace debug info notice warn warning error err critical fatal emerg alert".split())  # of log lines
_YES = frozenset("true false yes no 0 1 y n".split())


class Form(NamedTuple):
    """A form of table.

    Attributes:
        table: The canonical table.
        said: What one row is, in a word.
        ways: How its columns may be said.
        telling: Groups of canonical columns, of each of which one must be there.
        least: How many of the telling columns must be there in all.
    """

    table: str
    said: str
    ways: tuple[Way, ...]
    telling: tuple[tuple[str, ...], ...]
    least: int


def _time(canonical: str, names: str, note: str = "") -> Way:
    def makes(profile: Profile) -> tuple[dict[str, Any], str]:
        rule, doubt = time_rule(profile)
        return rule, "; ".join(part for part in (note, doubt) if part)

    return Way(canonical, names, lambda profile: bool(profile.formats), makes)


def _way(canonical: str, names: str, fits: Callable[[Profile], bool] = is_word, note: str = "") -> Way:
    return Way(canonical, names, fits, lambda _: ({}, note))


def _meaning(canonical: str, names: str, meanings: Mapping[str, str]) -> Way:
    def fits(profile: Profile) -> bool:
        return is_few(profile) and any(words(value) in meanings for value in profile.values)

    return Way(canonical, names, fits, meant(meanings))


def _flag(canonical: str, names: str, true: Any, false: Any) -> Way:
    return Way(canonical, names, is_yes_or_no, lambda profile: ({"map": said(profile, true, false)}, ""))


def is_yes_or_no(profile: Profile) -> bool:
    """Whether a column says of each record that something is so or not."""
    return bool(profile.values) and {words(value) for value in profile.values} <= _YES


def said(profile: Profile, true: Any, false: Any) -> dict[str, Any]:
    """What the values of a column that says yes or no mean."""
    kinds = dict.fromkeys(value.lower() if value.lower() in ("true", "false") else value for value in profile.values)
    return {value: true if words(value) in ("true", "yes", "1", "y") else false for value in kinds}


def _is_text(profile: Profile) -> bool:
    return profile.kind in (Kind.TEXT, Kind.WHOLE, Kind.REAL)


def _is_number(profile: Profile) -> bool:
    return profile.is_number


def _is_count(profile: Profile) -> bool:
    return profile.kind is Kind.WHOLE and min(profile.numbers) >= 0


def _is_severity(profile: Profile) -> bool:
    return is_few(profile) and not {words(value) for value in profile.values} <= _LEVELS


_ID = _way("request_id", OF_REQUEST)
_REVIEWS = Form(
    REVIEWS.name,
    "a review by a person",
    (
        _way("review_id", "review_id task_id review_task_id queue_item_id", lambda profile: profile.is_unique),
        _ID,
        _way("reviewer", "reviewer reviewed_by reviewer_id human_reviewer analyst underwriter caseworker case_worker "
             "moderator adjudicator assessor examiner approver checked_by handled_by decided_by"),
        _meaning("trigger", "trigger trigger_reason review_trigger queue escalation_reason review_reason",
                 TRIGGERED),
        _time("requested_ts", "requested_ts requested_at requested review_requested review_requested_at queued_at "
              "assigned_at assigned escalated_at flagged_at submitted_at received_at created_at created opened_at"),
        _time("started_ts", "started_ts started_at started review_started review_started_at opened_at picked_up_at "
              "claimed_at"),
        _time("completed_ts", "completed_ts completed_at completed review_completed review_completed_at reviewed_at "
              "reviewed_on review_date closed_at resolved_at finished_at decided_at decision_date done_at"),
        _time("effective_ts", "effective_ts effective_at effective effective_date sent_at communicated_at"),
        _meaning("outcome", "outcome review_outcome review_result result disposition resolution verdict "
                 "review_decision status action", REVIEWED),
        _flag("outcome", "overridden is_overridden overruled override overturned changed", "overridden", "confirmed"),
        _flag("outcome", "agreed agrees agree upheld confirmed is_confirmed", "confirmed", "overridden"),
        _way("original_decision", "original_decision decision_before ai_decision model_decision ai_recommendation "
             "model_recommendation recommendation system_decision automated_decision prediction", is_few),
        _way("final_decision", "final_decision decision_after human_decision reviewer_decision decision", is_few),
        _way("reason", "reason comment comments notes note rationale justification remarks", _is_text),
    ),
    (
        ("reviewer", "trigger"),
        ("requested_ts", "started_ts", "completed_ts"),
        ("outcome", "final_decision"),
    ),
    3,
)  # fmt: skip
_INCIDENTS = Form(
    INCIDENTS.name,
    "an incident",
    (
        _way("incident_id", "incident_id incident ticket ticket_id issue_key issue_id key number reference id"),
        _way("severity", "severity priority impact sev urgency level", _is_severity),
        _way("regime", "regime regulation framework legal_basis reportable_under"),
        _way("summary", "summary title short_description headline subject description", _is_text),
        _time("opened_ts", "opened_ts opened_at opened occurred_at began_at began started_at started start_time "
              "created_at created reported_on date"),
        _time("aware_ts", "aware_ts aware_at aware detected_at detected discovered_at discovered acknowledged_at "
              "acknowledged"),
        _time("classified_ts", "classified_ts classified_at classified triaged_at triaged assessed_at"),
        _time("reported_ts", "reported_ts reported_to_authority reported_to_authority_at reported_at reported "
              "notified_at notified authority_notified regulator_notified notification_sent", "to the authority?"),
        _time("closed_ts", "closed_ts closed_at closed resolved_at resolved resolution_date end_time ended_at"),
        _time("updated_ts", "updated_ts updated_at updated last_modified modified_at last_updated"),
        _way("model", "model model_name affected_model ai_system system affected_system component"),
        _way("model_version", "model_version affected_version version"),
    ),
    (
        ("incident_id",),
        ("opened_ts",),
        ("severity", "aware_ts", "reported_ts", "regime"),
        ("severity", "aware_ts", "reported_ts", "regime", "summary", "closed_ts"),
    ),
    4,
)  # fmt: skip
_COUNTS = Form(
    REQUEST_COUNTS.name,
    "a count of requests in a stretch of time",
    (
        _way("expected", "expected expected_requests request_count requests_total total_requests n_requests "
             "num_requests requests count counts total hits calls n", _is_count),
        _time("window_start", "window_start start_ts start_time start period_start bucket_start interval_start from "
              "from_ts hour minute day date bucket interval_ts timestamp time ts"),
        _time("window_end", "window_end end_ts end_time end period_end bucket_end interval_end to to_ts until"),
        _way("counted_by", "counted_by counter load_balancer balancer lb gateway instance host hostname"),
        _way("service_name", "service_name service upstream backend_service app app_name"),
        _way("source", "source", note="must be the `source` of the requests that are meant, or leave it out"),
    ),
    (("expected",), ("window_start",)),
    2,
)  # fmt: skip
_ASSESSMENTS = Form(
    ASSESSMENTS.name,
    "a later score of an answer",
    (
        _way("assessment_id", "assessment_id evaluation_id feedback_id score_id annotation_id rating_id",
             lambda profile: profile.is_unique),
        _ID,
        _way("name", "score_name metric metric_name criterion dimension evaluator_name feedback_type rubric name",
             lambda profile: is_few(profile) and "." not in profile.name),
        _way("score", "score value rating grade stars thumbs", _is_number),
        _way("label", "label verdict category sentiment", is_few),
        _meaning("annotator_kind", "annotator_kind annotator_type source_type rater_type source", ANNOTATED),
        _way("annotator", "annotator judge rater grader evaluator judge_model scored_by rated_by reviewer user"),
        _time("created_ts", "created_ts created_at created scored_at rated_at evaluated_at annotated_at timestamp "
              "time ts date"),
    ),
    (("request_id",), ("score", "label"), ("annotator", "annotator_kind", "created_ts")),
    3,
)  # fmt: skip
RATINGS = frozenset("rating stars thumbs grade feedback".split())  # scores that need no name
TRUTHS = (
    "outcome_value actual_outcome actual ground_truth truth y_true true_label label target observed defaulted "
    "is_default default churned churn is_fraud fraud fraudulent confirmed_fraud chargeback repaid paid_back converted "
    "conversion readmitted recidivism two_year_recid reoffended retained returned survived clicked purchased value "
    "outcome result"
)
_OUTCOMES = Form(
    OUTCOMES.name,
    "a later truth about a decision",
    (
        _ID,
        _way("value", TRUTHS, lambda p: p.kind not in (Kind.NESTED, Kind.TIME, Kind.EMPTY) and
             (p.is_number or len(p.values) <= FEW) and p.longest <= LONG),
        _time("occurred_ts", "occurred_ts occurred_at occurred happened_at event_date event_time default_date due "
              "due_date churn_date churned_at chargeback_date fraud_date defaulted_on defaulted_at"),
        _time("known_ts", "known_ts known_at known observed_at observed labelled_at labeled_at label_time labelled_on "
              "label_date feedback_time booked booked_at recorded_at recorded confirmed_at reported_at verified_at "
              "updated_at resolved_at outcome_date outcome_at created_at as_of timestamp time ts date"),
    ),
    (("request_id",), ("value",)),
    2,
)  # fmt: skip
_SUBJECTS = Form(
    SUBJECT_RECORDS.name,
    "the protected attributes of a person",
    (
        _ID,
        _time("known_ts", "known_ts known_at known collected_at collected declared_at recorded_at survey_date "
              "registered_at updated_at created_at timestamp date", "since when are they known?"),
    ),
    (("request_id",),),
    1,
)  # fmt: skip
_NOTICES = Form(
    NOTICES.name,
    "a notice to a person",
    (
        _way("notice_id", "notice_id letter_id letter letter_no notice_no correspondence_id",
             lambda profile: profile.is_unique),
        _ID,
        _way("name", "notice notice_type notice_kind letter_type letter_kind template template_name template_id "
             "correspondence_type kind", is_few, "the name that a check asks for, such as adverse_action"),
        _time("noted_ts", "noted_ts noted noted_at written written_at printed printed_at generated generated_at "
              "recorded_at created created_at updated updated_at"),
        _time("opened_ts", "opened_ts asked asked_at requested requested_at clock_start application_complete "
              "application_completed application_completed_at complete complete_at"),
        _time("sent_ts", "sent_ts sent sent_at sent_on date_sent mailed mailed_at mailed_on dispatched dispatched_at "
              "notice_sent notice_sent_at letter_sent letter_sent_at"),
        _time("received_ts", "received_ts received received_at received_on delivered delivered_at delivered_on"),
        _way("channel", "channel medium delivery_method sent_by via", is_few),
    ),
    (("request_id",), ("sent_ts",), ("name", "notice_id")),
    3,
)  # fmt: skip
FORMS = {form.table: form for form in (_REVIEWS, _INCIDENTS, _COUNTS, _ASSESSMENTS, _NOTICES, _OUTCOMES, _SUBJECTS)}
