"""The canonical columns: name, type, unit and meaning, each said once.

Types are DuckDB's. Times are UTC with microseconds, durations whole microseconds, money `DECIMAL(18,12)` in
the currency beside it, tokens whole numbers in the inclusive convention (input includes cached tokens, output
includes reasoning). A table of *fixed* columns holds exactly these; a *wide* table adds columns of its own
(protected attributes, model inputs, contributions).
"""

from __future__ import annotations

from governance.tables.columns import (
    BYTES,
    CONFLICT,
    FLAG,
    MONEY,
    PROVENANCE,
    REAL,
    TAGS,
    TEXT,
    TEXTS,
    TIME,
    WHOLE,
    Column,
    Table,
)
from governance.tables.decisions import ATTRIBUTIONS, DECISIONS, FEATURES, SUBJECTS
from governance.tables.kept import FINDINGS, MODELS, PROMPTS, QUARANTINE
from governance.tables.requests import ATTEMPTS, CACHE_HITS, GUARDRAILS, PAYLOADS, REQUESTS, SPAN_MISSING
from governance.tables.sides import ASSESSMENTS, NOTICES, OUTCOMES, REVIEWS, SUBJECT_RECORDS
from governance.tables.standalone import EVALUATIONS, INCIDENTS, REQUEST_COUNTS

__all__ = [
    "ASSESSMENTS",
    "ATTEMPTS",
    "ATTRIBUTIONS",
    "BYTES",
    "CACHE_HITS",
    "CANONICAL",
    "CONFLICT",
    "DECISIONS",
    "EVALUATIONS",
    "FEATURES",
    "FINDINGS",
    "FLAG",
    "GUARDRAILS",
    "INCIDENTS",
    "MODELS",
    "MONEY",
    "NOTICES",
    "OUTCOMES",
    "PAYLOADS",
    "PER_MODEL",
    "PROMPTS",
    "PROVENANCE",
    "QUARANTINE",
    "REAL",
    "REQUESTS",
    "REQUEST_COUNTS",
    "REVIEWS",
    "SIDE_TABLES",
    "SPAN_MISSING",
    "STANDALONE",
    "SUBJECTS",
    "SUBJECT_RECORDS",
    "TAGS",
    "TEXT",
    "TEXTS",
    "TIME",
    "WHOLE",
    "Column",
    "Table",
]

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
        NOTICES,
        EVALUATIONS,
        INCIDENTS,
        REQUEST_COUNTS,
        QUARANTINE,
        MODELS,
        PROMPTS,
        FINDINGS,
    )
}
SIDE_TABLES = tuple(table.name for table in (OUTCOMES, REVIEWS, ASSESSMENTS, NOTICES, SUBJECT_RECORDS))
STANDALONE = tuple(table.name for table in (EVALUATIONS, INCIDENTS, REQUEST_COUNTS))  # they belong to no request
PER_MODEL = tuple(table.name for table in (FEATURES, ATTRIBUTIONS))
