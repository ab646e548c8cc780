"""Which columns of the demo's files are real, measured, computed or simulated: printed by the demo and its report."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the columns of one file of the demo come from.

    Attributes:
        file: Path below the demo's folder; `*` stands for the month.
        source: Data set, its owner and licence; "" where nothing is taken from one.
        real: Columns with the values of the data set.
        measured: Columns with durations and counts that were measured on running systems.
        computed: Columns computed from real or measured ones.
        simulated: Columns that the simulator drew.
        note: What else a reader must know.
    """

    file: str
    source: str
    real: tuple[str, ...]
    measured: tuple[str, ...]
    computed: tuple[str, ...]
    simulated: tuple[str, ...]
    note: str


TAIWAN = "Default of Credit Card Clients, I-Cheng Yeh, UCI Machine Learning Repository, CC BY 4.0"
BENCHMARK = "gateway benchmark v0.2.1 of vllm-project/aibrix, Apache-2.0"
PRICES = "genai-prices, Pydantic Services, MIT"
INPUTS = "LIMIT_BAL, SEX, EDUCATION, MARRIAGE, AGE, PAY_0, PAY_2 to PAY_6, BILL_AMT1 to BILL_AMT6, PAY_AMT1 to PAY_AMT6"

REAL_AND_SIMULATED: tuple[Origin, ...] = (
    Origin(
        file="credit/applications-*.csv.gz",
        source=TAIWAN,
        real=("application_id and client (number of the client)", INPUTS),
        measured=(),
        computed=(
            "score (a LightGBM model trained on 12,000 other clients)",
            "decision, stage, rule",
            "model, model_version (of that model)",
            "confidence, escalated",
        ),
        simulated=("time", "business_unit", "latency_ms", "threshold and rule (chosen for the demo)"),
        note="Card holders of 2005 play applicants of 2026; a planted fault may scale one input or turn a decision.",
    ),
    Origin(
        file="credit/reviews.csv",
        source="",
        real=(),
        measured=(),
        computed=("application_id", "trigger", "original_decision"),
        simulated=(
            "review_id",
            "reviewer",
            "requested, started, completed, effective",
            "outcome",
            "final_decision",
            "reason",
        ),
        note="Nobody reviewed anything: times, reviewers and overrides are drawn at random.",
    ),
    Origin(
        file="credit/outcomes.csv",
        source=TAIWAN,
        real=("application_id", "value (default in the next month)"),
        measured=(),
        computed=("outcome (its name)",),
        simulated=("due", "booked (about 40 days after the decision)"),
        note="The outcome of each client is real, also of those whom the demo's model refuses.",
    ),
    Origin(
        file="credit/notices.csv",
        source="",
        real=(),
        measured=(),
        computed=("application_id", "kind"),
        simulated=("letter", "asked, sent, noted", "channel"),
        note="Nobody wrote to anybody: days and channels are drawn at random, all within the time that rules give.",
    ),
    Origin(
        file="gateway/requests-*.jsonl.gz",
        source=f"{BENCHMARK}; prices: {PRICES}",
        real=(),
        measured=(
            "prompt_tokens, completion_tokens",
            "completionStartTime - startTime (time to first token)",
            "endTime - completionStartTime (generation time)",
            "model_id (the serving system measured)",
            "end_user (number of the user)",
        ),
        computed=("response_cost, saved_cache_cost, model_map_information (tokens times listed price)", "total_tokens"),
        simulated=(
            "id, trace_id",
            "startTime",
            "model, model_group, custom_llm_provider, api_base",
            "business unit (user_api_key_team_alias)",
            "prompt and its version",
            "attempted_fallbacks, original_model_group",
            "status, error_information",
            "cache_hit",
            "repeated lines and the broken line",
        ),
        note=(
            "The model names stand for the serving systems and were not measured; tokens, durations and cost of the "
            "failed requests, and durations of the cached ones, are simulated."
        ),
    ),
    Origin(
        file="gateway/assessments.csv",
        source="",
        real=(),
        measured=(),
        computed=("request_id", "model"),
        simulated=("score_name", "score", "label", "annotator_kind, annotator", "created", "prompt_version"),
        note="The measured requests carry no text, so no answer was judged: the scores are drawn at random.",
    ),
    Origin(
        file="operations/incidents.csv",
        source="",
        real=(),
        measured=(),
        computed=("model",),
        simulated=(
            "ticket",
            "severity, regime, summary",
            "opened, aware, classified, reported, closed",
        ),
        note="Nothing of this happened: the incidents are made up, so that the clocks of rules are shown.",
    ),
)
