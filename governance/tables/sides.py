"""Side tables: what became known of a request later, mostly from files of their own."""

from __future__ import annotations

from governance.tables.columns import FLAG, PROVENANCE, REAL, TEXT, TIME, Column, Table, needed

_TARGET = (
    needed("target_id", TEXT, "id as the file gives it: of a request, response, trace or decision"),
    Column("request_uid", TEXT, "request it belongs to; null while none has arrived"),
    Column("decision_id", TEXT, "decision it belongs to; null while none has arrived"),
)

SUBJECT_RECORDS = Table(
    "subject_records",
    "protected attributes from a file of their own, one column each, under any id of the request or decision",
    "record_id",
    "known_ts",
    (
        needed("record_id", TEXT, "digest of the content"),
        *_TARGET,
        needed("known_ts", TIME, "when they became known"),
        *PROVENANCE,
    ),
    wide=True,
)

OUTCOMES = Table(
    "outcomes",
    "a later truth about a decision",
    "outcome_id",
    "known_ts",
    (
        needed("outcome_id", TEXT, "digest of the content"),
        *_TARGET,
        needed("name", TEXT, "what is known"),
        Column("value", TEXT, "as logged"),
        Column("value_num", REAL, "the value where it is a number"),
        Column("positive", FLAG, "whether it is the positive class"),
        Column("occurred_ts", TIME, "when it happened"),
        needed("known_ts", TIME, "when it became known"),
        *PROVENANCE,
    ),
)

REVIEWS = Table(
    "reviews",
    "one review by a person",
    "review_id",
    "requested_ts",
    (
        needed("review_id", TEXT, "as logged, or digest of the content"),
        *_TARGET,
        Column("reviewer", TEXT, "pseudonym of the reviewer"),
        Column("trigger", TEXT, "low_confidence, policy, sampling, complaint or guardrail"),
        needed("requested_ts", TIME, "when it was asked for"),
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
        needed("assessment_id", TEXT, "as logged, or digest of the content"),
        *_TARGET,
        needed("name", TEXT, "what was scored"),
        Column("score", REAL, "score"),
        Column("label", TEXT, "label"),
        Column("annotator_kind", TEXT, "human, llm or code"),
        Column("annotator", TEXT, "who scored"),
        needed("created_ts", TIME, "when it was scored"),
        *PROVENANCE,
    ),
)

NOTICES = Table(
    "notices",
    "one state of a notice to the person concerned, or of their request for one; it is told again as it goes on",
    "state_id",
    "noted_ts",
    (
        needed("state_id", TEXT, "digest of the content"),
        *_TARGET,
        Column("notice_id", TEXT, "as logged"),
        needed("name", TEXT, "what it is: adverse_action, reasons, access, contest, correction, ..."),
        needed("noted_ts", TIME, "when this state was written: when it was sent, or asked for"),
        Column("opened_ts", TIME, "when its clock started: the person's request, or the complete application"),
        Column("sent_ts", TIME, "when it was sent; null while it is not"),
        Column("received_ts", TIME, "when it reached the person"),
        Column("channel", TEXT, "letter, email, portal, ..."),
        *PROVENANCE,
    ),
)
