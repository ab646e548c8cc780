"""Decisions: what was decided about whom, from which inputs, and why."""

from __future__ import annotations

from governance.tables.columns import CONFLICT, FLAG, PROVENANCE, REAL, TEXT, TIME, WHOLE, Column, Table, needed

DECISIONS = Table(
    "decisions",
    "one decided item of a request",
    "decision_id",
    "decision_ts",
    (
        needed("decision_id", TEXT, "request_uid#item"),
        needed("request_uid", TEXT, "request that the decision belongs to"),
        Column("request_id", TEXT, "id of that request as logged"),
        needed("source", TEXT, "log format or mapping that the row came from"),
        needed("item_index", WHOLE, "position in the request, from 0"),
        Column("entity_id", TEXT, "applicant, ticket or other thing that was decided about"),
        needed("decision_ts", TIME, "when it was decided"),
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

SUBJECTS = Table(
    "subjects",
    "the protected attributes of the person concerned, one column each, kept apart from the model's inputs",
    "decision_id",
    "decision_ts",
    (
        needed("decision_id", TEXT, "decision about the person"),
        needed("decision_ts", TIME, "when it was decided"),
        CONFLICT,
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
        needed("decision_id", TEXT, "decision that the inputs led to"),
        needed("decision_ts", TIME, "when it was decided"),
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
        needed("decision_id", TEXT, "decision that is explained"),
        needed("decision_ts", TIME, "when it was decided"),
        needed("model", TEXT, "model"),
        needed("model_version", TEXT, "version of the model"),
        needed("artefact_sha256", TEXT, "digest of the model file"),
        needed("method", TEXT, "explainer"),
        needed("library", TEXT, "library and version that computed it"),
        needed("output_space", TEXT, "space in which contributions add up"),
        Column("background_sha256", TEXT, "digest of the background sample; null where the method uses none"),
        needed("base_value", REAL, "output for the background"),
        needed("output_value", REAL, "output of the model for this decision"),
        needed("additivity_error", REAL, "absolute base + contributions - output of the model"),
        Column("score_error", REAL, "absolute base + contributions - logged score, in margin space"),
        Column("score_tolerance", REAL, "how far score_error may be, by precision of model and log"),
        needed("computed_ts", TIME, "when it was computed"),
    ),
    wide=True,
)
