"""What the toolkit itself keeps: what it could not read, what is registered, and what checks found."""

from __future__ import annotations

from governance.tables.columns import BYTES, PROVENANCE, REAL, TEXT, TEXTS, TIME, WHOLE, Column, Table, needed

QUARANTINE = Table(
    "quarantine",
    "a record that could not be read, with its bytes",
    "quarantine_id",
    "ingested_ts",
    (
        needed("quarantine_id", TEXT, "digest of file and mapping, batch, and place in it"),
        needed("ingested_ts", TIME, "when it was met"),
        needed("source", TEXT, "source that could not read it"),
        needed("file", TEXT, "name of the file"),
        needed("line", WHOLE, "line or element in the file, from 1"),
        Column("item", WHOLE, "which record of that line, from 1, where a line may hold several"),
        Column("byte_offset", WHOLE, "where the record starts in the uncompressed file"),
        needed("reason", TEXT, "bad_json, bad_utf8, missing_id, bad_time, type_mismatch, ..."),
        needed("detail", TEXT, "what exactly, with the column"),
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
        needed("model_id", TEXT, "model@version"),
        needed("model", TEXT, "name as the decisions log it"),
        needed("version", TEXT, "version as the decisions log it"),
        needed("registered_ts", TIME, "when it was registered"),
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
        needed("prompt_id", TEXT, "prompt@version"),
        needed("prompt", TEXT, "name as the requests log it"),
        needed("version", TEXT, "version as the requests log it"),
        needed("registered_ts", TIME, "when it was registered"),
        Column("valid_from", TIME, "first day in use"),
        Column("author", TEXT, "who wrote it"),
        needed("template_sha256", TEXT, "digest of the template"),
    ),
)

FINDINGS = Table(
    "findings",
    "a judged observation",
    "finding_id",
    "assessed_ts",
    (
        needed("finding_id", TEXT, "digest of run, policy, version, check and subject"),
        needed("run_id", TEXT, "the assessment that it came from"),
        needed("assessed_ts", TIME, "when it was judged"),
        needed("window_start", TIME, "first moment of the window"),
        needed("window_end", TIME, "first moment after the window"),
        needed("policy", TEXT, "name of the policy"),
        needed("version", TEXT, "version of the policy"),
        needed("policy_sha256", TEXT, "digest of the policy's bytes"),
        needed("check_id", TEXT, "id of the check in the policy"),
        needed("kind", TEXT, "kind of check"),
        needed("subject", TEXT, "what was measured, as JSON"),
        needed("metric", TEXT, "name of the figure"),
        Column("value", REAL, "the figure; null where it cannot be computed"),
        needed("unit", TEXT, "unit of the figure"),
        Column("interval_low", REAL, "lower end of the interval"),
        Column("interval_high", REAL, "upper end of the interval"),
        needed("n", WHOLE, "records under the figure"),
        needed("counts", TEXT, "the counts under the figure, as JSON"),
        needed("limits", TEXT, "what it was judged against, as JSON"),
        needed("verdict", TEXT, "passed, failed, warned, not_assessed, errored or waived"),
        Column("reason", TEXT, "why"),
        needed("severity", TEXT, "low, medium, high or critical"),
        needed("owner", TEXT, "who must act"),
        Column("due", TEXT, "date by which"),
        needed("controls", TEXTS, "controls that it is evidence for"),
        needed("evidence", TEXT, "what it takes to repeat it, as JSON"),
    ),
)
