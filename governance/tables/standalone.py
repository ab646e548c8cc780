"""Tables of files that belong to no request."""

from __future__ import annotations

from governance.tables.columns import PROVENANCE, REAL, TEXT, TIME, WHOLE, Column, Table, needed

EVALUATIONS = Table(
    "evaluations",
    "one score of one version of a model or prompt on one set of tasks",
    "evaluation_id",
    "started_ts",
    (
        needed("evaluation_id", TEXT, "as logged, or digest of the content"),
        Column("model", TEXT, "model that was evaluated, as the requests log it"),
        Column("model_version", TEXT, "its version"),
        Column("prompt_name", TEXT, "prompt that was evaluated"),
        Column("prompt_version", TEXT, "its version"),
        needed("suite", TEXT, "set of tasks"),
        Column("suite_version", TEXT, "its version"),
        Column("dataset", TEXT, "data that the tasks came from"),
        Column("scorer", TEXT, "who or what scored each answer"),
        needed("metric", TEXT, "figure over the scores"),
        Column("value", REAL, "the figure"),
        Column("stderr", REAL, "its standard error"),
        Column("samples", WHOLE, "tasks that were to be done"),
        Column("completed", WHOLE, "tasks that were done"),
        Column("status", TEXT, "success, or what else became of the run"),
        needed("started_ts", TIME, "when it began"),
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
        needed("state_id", TEXT, "digest of the content"),
        needed("incident_id", TEXT, "as logged"),
        Column("model", TEXT, "model that it is about"),
        Column("model_version", TEXT, "its version"),
        Column("severity", TEXT, "in the words of the organisation"),
        Column("regime", TEXT, "regulation under which it may have to be reported"),
        Column("summary", TEXT, "what happened"),
        needed("opened_ts", TIME, "when it began"),
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
        needed("count_id", TEXT, "digest of the content"),
        Column("counted_by", TEXT, "who counted, such as a load balancer"),
        Column("source", TEXT, "log format or mapping of the requests that are meant; null means all"),
        Column("service_name", TEXT, "service of the requests that are meant; null means all"),
        needed("window_start", TIME, "first moment"),
        needed("window_end", TIME, "first moment after it"),
        needed("expected", WHOLE, "requests that began in it"),
        *PROVENANCE,
    ),
)
