"""What holds for every source: it knows its own records and no other's, fills what it says, and nothing crashes it."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from governance.explained.casefile import BY_DECISION, BY_REQUEST
from governance.extensions import sources
from governance.records import Record
from governance.sourced import source_batches
from governance.sources import REASONS, Halved
from governance.tables import CANONICAL
from tests.sources import (
    test_bedrock,
    test_databricks,
    test_envoy_ai_gateway,
    test_inspect_ai,
    test_kong,
    test_kserve,
    test_langfuse,
    test_litellm,
    test_litellm_spend,
    test_mlflow,
    test_opa,
    test_openai_batch,
    test_otlp,
    test_portkey,
    test_sagemaker,
)
from tests.sources.reading import exact_of, filled, values_in
from tests.sources.test_hostile_records import NUMBERS, SHAPES, TEXTS, fate_of, paths, replaced

if TYPE_CHECKING:
    from collections.abc import Callable

# source -> records of it, recorded (beside this file) or made
VALUES: dict[str, list[dict[str, Any]]] = {
    "bedrock": test_bedrock.VALUES,
    "databricks": test_databricks.VALUES,
    "envoy-ai-gateway": test_envoy_ai_gateway.VALUES,
    "inspect-ai": test_inspect_ai.VALUES,
    "kong": test_kong.VALUES,
    "kserve": test_kserve.VALUES,
    "langfuse": [*test_langfuse.VALUES, test_langfuse.TRACE],
    "litellm": [json.loads(test_litellm.RECORDED), test_litellm.MADE, test_litellm.MADE | test_litellm.FAILED],
    "litellm-spend": [*map(test_litellm_spend.recorded, test_litellm_spend.VERSIONS), test_litellm_spend.MADE],
    "mlflow": test_mlflow.VALUES,
    "opa": test_opa.VALUES,
    "openai-batch": [*test_openai_batch.VALUES, test_openai_batch.EXPIRED],
    "otlp": [test_otlp.export_of(), test_otlp.evaluation_of()],
    "portkey": test_portkey.VALUES,
    "sagemaker": test_sagemaker.VALUES,
}
AT = datetime(2026, 7, 1, tzinfo=UTC)
PAIRS = {"kserve": test_kserve.PAIRS}
# records that may not be copied here
SHARED = [
    ("bedrock", "bedrock/invocation_log_converse_pair.json"),
    ("bedrock", "bedrock/invocation_log_stream_and_metadata_only.jsonl"),
    ("databricks", "databricks/inference_table_payload.jsonl"),
    ("inspect-ai", "inspect_ai/log_formats.json"),
    ("inspect-ai", "inspect_ai/no_samples.json"),
    ("mlflow", "mlflow/trace_schema_v2_response.json"),
    ("opa", "opa/decision_log_console_llm_gateway.jsonl"),
    ("openai-batch", "openai_batch/batch_output_docs_out_of_order.jsonl"),
]
# what no source reads: metadata of models and runs, other trails
FOREIGN = [
    "agent_governance_toolkit/aml_audit_trail.json",
    "agent_governance_toolkit/soc2_audit_trail.json",
    "cyclonedx/valid-machine-learning-1.5.json",
    "google_model_card/full.json",
    "openlineage/example_full_event.json",
    "openlineage/dbt_bigquery_successful_run.json",
]
# the sources whose tests of their own compare what they fill, and throw hostile values at them
TESTED_ELSEWHERE = {"otlp", "litellm", "litellm-spend"}
NEWER = sorted(sources().keys() - TESTED_ELSEWHERE)


def known_as(value: dict[str, Any]) -> list[str]:
    return [name for name, source in sources().items() if source.recognises(value)]


def test_every_source_has_records_here() -> None:
    assert VALUES.keys() == sources().keys()


@pytest.mark.parametrize("name", VALUES)
def test_each_record_is_recognised_by_its_own_source_only(name: str) -> None:
    assert [known_as(exact_of(value)) for value in VALUES[name]] == [[name]] * len(VALUES[name])


@pytest.mark.parametrize(("name", "path"), SHARED)
def test_each_shared_record_is_recognised_by_its_own_source_only(
    name: str, path: str, shared_data: Callable[[str], Path]
) -> None:
    found = [known_as(value) for value in values_in(shared_data(f"samples/{path}"))]
    assert found == [[name]] * len(found) != []


@pytest.mark.parametrize("path", FOREIGN)
def test_what_is_no_request_log_is_recognised_by_none(path: str, shared_data: Callable[[str], Path]) -> None:
    first = values_in(shared_data(f"samples/{path}"))[0]
    assert known_as(first) == []


@pytest.mark.parametrize("name", NEWER)
def test_what_it_fills_is_what_it_says(name: str) -> None:
    """Of a format whose records are joined, what the joined ones fill counts as well."""
    source = sources()[name].within("capture/churn/AllTraffic/2026/07/01/10/a.jsonl")
    joined = []
    if name in PAIRS:
        assert isinstance(source, Halved)
        joined = [source.join(exact_of(first), exact_of(second)) for first, second in PAIRS[name]]
    assert filled(source, VALUES[name], joined) == set(source.fills)
    assert len(source.fills) == len(set(source.fills))


@pytest.mark.parametrize("name", NEWER)
def test_its_rows_become_tables(name: str) -> None:
    """Canonical columns only, the required ones all there, each value of its column's type."""
    values = [exact_of(value) for value in VALUES[name]]
    records = [Record(number, None, b"", value) for number, value in enumerate(values, 1)]
    batch, *_ = source_batches(records, sources()[name], now=AT)
    assert batch.tables
    assert batch.tables.keys() <= CANONICAL.keys()
    # A look-up reads the batches of the request alone, so that what belongs to it comes with it
    requests = set(batch.tables["requests"].column("row_no").to_pylist() if "requests" in batch.tables else ())
    for table in batch.tables.keys() & {*BY_REQUEST, *BY_DECISION}:
        assert requests >= set(batch.tables[table].column("row_no").to_pylist())


@pytest.mark.parametrize("name", NEWER)
def test_no_value_crashes_it(name: str) -> None:
    source = sources()[name]
    fates: Counter[str] = Counter()
    for value in map(exact_of, VALUES[name]):
        for path in paths(value):
            for hostile in (*NUMBERS, *TEXTS, *SHAPES):
                changed = replaced(value, path, hostile)
                source.recognises(changed)
                for record in source.split(changed):
                    fates[fate_of(source, record)] += 1
    assert set(fates) <= {"read", *REASONS}
    assert fates.total() > fates["read"] > fates.total() / 2


@pytest.mark.parametrize("depth", [64, 900, 990, 100_000])
@pytest.mark.parametrize("name", VALUES)
def test_json_text_that_nests_deeply_stops_no_file(name: str, depth: int) -> None:
    value = exact_of(VALUES[name][0])
    values = [replaced(value, path, "[" * depth + "]" * depth) for path in paths(value)]
    records = [Record(number, None, b"", changed) for number, changed in enumerate(values, 1)]
    found = list(source_batches(records, sources()[name], now=AT))
    reasons = {rejection.reason for batch in found for rejection in batch.rejected}
    assert reasons <= set(REASONS)


def test_the_reference_of_sources_is_up_to_date(request: pytest.FixtureRequest) -> None:
    path = Path(__file__).resolve().parents[2] / "docs" / "sources.md"
    text = reference_of_sources()
    if request.config.getoption("--update-golden"):
        path.write_text(text, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == text, "run pytest tests/sources/test_every_source.py --update-golden"


def reference_of_sources() -> str:
    """Each source with its manual, what it was tested on, and the columns that it fills, by table."""
    head = (
        "# Log formats\n\nEach is one file in `governance/sources/`, recognised by its keys; `governance sources` "
        "lists the same.\nA table of your own is read with a mapping file. "
        "Columns are explained in [tables](tables.md).\n\n"
        "| source | format | rows of |\n| --- | --- | --- |\n"
    )
    parts = [head]
    for name, source in sources().items():
        tables = ", ".join(dict.fromkeys(column.partition(".")[0] for column in source.fills))
        parts.append(f"| [{name}](#{name}) | {source.title} | {tables} |\n")
    for name, source in sources().items():
        manual = (import_module(type(source).__module__).__doc__ or "").strip()
        parts.append(
            f"\n## {name}\n\n{manual}\n\nTested on: {source.verified}.\n\n| table | columns |\n| --- | --- |\n"
        )
        by_table: dict[str, list[str]] = {}
        for filled_column in source.fills:
            table, _, column = filled_column.partition(".")
            by_table.setdefault(table, []).append(column)
        parts += [f"| {table} | {', '.join(columns)} |\n" for table, columns in by_table.items()]
    return "".join(parts)
