"""What comes of each real sample that a user gives to `ingest`; and of files whose first lines are no records."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from governance.arrivals.recognition import recognised
from governance.errors import SourceError
from governance.records import open_log
from governance.rehearsal import rehearse
from tests.logbooks import NOW, Logbook, logbook

SAMPLES = Path(__file__).resolve().parent / "sources"

# file -> source, records, and how many of them are stored, quarantined and ignored; and why not stored
READ = {
    "samples/bedrock/invocation_log_converse_pair.json": ("bedrock", 2, 2, 0, 0, {}),
    # its author blanked the time of one of the two
    "samples/bedrock/invocation_log_stream_and_metadata_only.jsonl": ("bedrock", 2, 1, 1, 0, {"bad_time": 1}),
    "samples/databricks/inference_table_payload.jsonl": ("databricks", 5, 5, 0, 0, {}),
    "samples/envoy_ai_gateway/access_log.jsonl": ("envoy-ai-gateway", 2, 2, 0, 0, {}),
    "samples/inspect_ai/log_formats.json": ("inspect-ai", 1, 1, 0, 0, {}),
    "samples/inspect_ai/no_samples.json": ("inspect-ai", 1, 1, 0, 0, {}),
    # not lines of the log: the AI part of two, without a time
    "samples/kong/expected_ai_block.jsonl": ("kong", 2, 0, 2, 0, {"missing_value": 2}),
    "samples/kserve/cloudevents_pair.jsonl": (
        *("kserve", 2, 1, 0, 1),
        {"half that was joined with its other half": 1},
    ),
    "samples/langfuse/observations_export.jsonl": ("langfuse", 2, 2, 0, 0, {}),
    "samples/litellm/spend_logs_newer.json": ("litellm-spend", 1, 1, 0, 0, {}),
    "samples/litellm/spend_logs_older.json": ("litellm-spend", 1, 1, 0, 0, {}),
    "samples/litellm/standard_logging_payload.json": ("litellm", 1, 1, 0, 0, {}),
    "samples/mlflow/assessments.json": ("mlflow", 1, 1, 0, 0, {}),
    "samples/mlflow/trace_schema_v2_response.json": ("mlflow", 2, 1, 0, 1, {"chain span": 1}),
    "samples/opa/decision_log_console_llm_gateway.jsonl": ("opa", 1, 1, 0, 0, {}),
    "samples/opa/decision_log_upload.json": ("opa", 3, 3, 0, 0, {}),
    "samples/openai_batch/batch_output_docs_out_of_order.jsonl": ("openai-batch", 2, 2, 0, 0, {}),
    "samples/openai_batch/batch_output_one_line.jsonl": ("openai-batch", 1, 1, 0, 0, {}),
    # spans without ids and times, as a test compares them
    "samples/openinference/envoy_spans_dev.jsonl": ("otlp", 12, 0, 12, 0, {"missing_value": 12}),
    "samples/sagemaker/actuals.jsonl": ("sagemaker", 44, 44, 0, 0, {}),
    # the time of each is the unfilled template {%s}
    "samples/sagemaker/capture.jsonl": ("sagemaker", 44, 0, 44, 0, {"bad_time": 44}),
    "samples/sagemaker/captured-data.jsonl": ("sagemaker", 2, 2, 0, 0, {}),
    "vectors/otel/otlp_events.json": ("otlp", 1, 0, 0, 1, {"log record": 1}),
    "vectors/otel/otlp_logs.json": ("otlp", 1, 0, 0, 1, {"log record": 1}),
    "vectors/otel/otlp_metrics.json": ("otlp", 4, 0, 0, 4, {"metric": 4}),
    "vectors/otel/otlp_trace.json": ("otlp", 1, 0, 0, 1, {"not a model request": 1}),
}

# file -> what its owner is told
TOLD = {
    "samples/bentoml/iris_classifier_data.log.jsonl": "--mapping bentoml",
    "samples/cyclonedx/valid-machine-learning-1.5.json": "governance model register",
    "samples/google_model_card/full.json": "governance model register",
    "samples/hf_model_card/sample_simple_model_index.md": "governance model register",
    "samples/mlmodel/sklearn_mlflow_1_30/MLmodel": "governance model register",
    "samples/openlineage/example_full_event.json": "no requests",
    "samples/openlineage/dbt_bigquery_successful_run.json": "no requests",
    "samples/agent_governance_toolkit/aml_audit_trail.json": "governance mapping init",
    "samples/bentoml/text_summarization_data.log.jsonl": "governance mapping init",
    "samples/mlserver/v2_request_two_outputs.json": "governance mapping init",
    "vectors/otel/span_pair1_otel_genai.json": "governance mapping init",
    "cost/genai_prices.json.gz": "governance price add",
    "llm/azure_llm_2023_code.csv.gz": "--mapping azure-llm-trace",
}


@pytest.fixture
def book(tmp_path: Path) -> Logbook:
    return logbook(tmp_path)


@pytest.mark.parametrize("name", READ)
def test_a_sample_comes_to_what_its_readme_leads_one_to_expect(
    book: Logbook, shared_data: Callable[[str], Path], name: str
) -> None:
    (report,) = rehearse(book.workspace, [str(shared_data(name))], now=NOW).ingestion.files
    counts = (report.source, report.records, report.stored, report.quarantined, report.ignored, dict(report.reasons))
    assert counts == READ[name]


@pytest.mark.parametrize("name", TOLD)
def test_of_what_is_no_log_its_owner_is_told_what_to_do_with_it(shared_data: Callable[[str], Path], name: str) -> None:
    with pytest.raises(SourceError, match="format of this file is not recognised") as caught:
        recognised(open_log(shared_data(name)))
    assert TOLD[name] in (caught.value.hint or "")


def test_of_a_readme_among_logs_the_way_round_it_is_told(book: Logbook) -> None:
    (book.folder / "logs").mkdir()
    book.write("logs/log.jsonl", RECORD)
    book.write("logs/README.md", "# Logs\n\nOf the gateway.\n")
    with pytest.raises(SourceError, match="the format of this file is not recognised") as caught:
        rehearse(book.workspace, [str(book.folder / "logs")], now=NOW)
    assert "by a pattern" in (caught.value.hint or "")
    (report,) = rehearse(book.workspace, [str(book.folder / "logs/*.jsonl*")], now=NOW).ingestion.files
    assert report.stored == 1


RECORD = json.dumps(json.loads((SAMPLES / "litellm_spend_newer.json").read_text(encoding="utf-8")))


@pytest.mark.parametrize("name", ["proxy.log", "proxy.jsonl", "proxy"])
def test_a_servers_own_lines_before_the_first_record_do_not_hide_the_format(book: Logbook, name: str) -> None:
    log = book.write(name, f'Starting, version 1.2\n# ready\n{{"level": "info", "msg": "up"}}\n{RECORD}\n{RECORD}\n')
    done = rehearse(book.workspace, [str(log)], now=NOW)
    (report,) = done.ingestion.files
    assert (report.source, report.records, report.stored) == ("litellm-spend", 5, 1)
    assert report.reasons == {"bad_json": 2, "missing_value": 1}  # each with its bytes, in quarantine
    assert [record.line for record in done.bad] == [1, 2, 3]


def test_a_format_is_sought_in_the_first_thousand_records_only(book: Logbook) -> None:
    line = '{"level": "info"}\n'
    assert recognised(open_log(book.write("late.jsonl", line * 999 + RECORD))).name == "litellm-spend"
    with pytest.raises(SourceError, match="not recognised"):
        recognised(open_log(book.write("later.jsonl", line * 1_000 + RECORD)))


def test_a_cell_of_csv_that_begins_like_an_object_does_not_make_the_file_json(book: Logbook) -> None:
    rows = "1,x\n" * 9
    for cell in (f'{rows}{{"a": 1}}\n', "{a,1\n", '{"a": 1},x\n', '"{""a"":\n{""b"": 1}}",x\n', "{}\n"):
        assert open_log(book.write("table.csv", f"id,body\n{cell}")).form == "csv"


def test_a_span_that_was_taken_out_of_its_export_is_read_like_one_within(book: Logbook) -> None:
    export = json.loads((SAMPLES / "otlp_trace.json").read_text(encoding="utf-8"))
    (group,) = export["resourceSpans"]
    (span,) = group["scopeSpans"][0]["spans"]
    span["attributes"] += [{"key": "gen_ai.operation.name", "value": {"stringValue": "chat"}}]
    whole = rehearse(book.workspace, [str(book.write("whole.json", json.dumps(export)))], now=NOW)
    bare = [span, {"span": span, "resource": group["resource"]}]
    for value in bare:
        alone = rehearse(book.workspace, [str(book.write("alone.json", json.dumps(value)))], now=NOW)
        assert alone.ingestion.files[0].source == "otlp"
        assert alone.ingestion.total("stored") == whole.ingestion.total("stored") == 1


@pytest.mark.parametrize(
    "value",
    [
        {"name": "x", "kind": 1},
        {"name": "x", "kind": 1, "attributes": {}},
        {"name": "x", "kind": 1, "attributes": []},
        {"name": "x", "kind": 1, "attributes": ["a"]},
        {"span": 7, "name": "x", "kind": 1},
        {"name": "x", "attributes": [{"key": "a", "value": {}}]},
    ],
)
def test_what_only_resembles_a_span_is_not_taken_for_one(book: Logbook, value: dict[str, object]) -> None:
    with pytest.raises(SourceError, match="not recognised"):
        recognised(open_log(book.write("odd.json", json.dumps(value))))
