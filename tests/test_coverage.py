"""What can be judged: on columns, on a store, and on the samples of each format (the table in docs/coverage.md)."""

from __future__ import annotations

import re
import textwrap
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from governance.coverage import Coverage, coverage_of, document, gains, store_coverage
from governance.extensions import checks, sources
from governance.rehearsal import rehearse
from governance.tables import CANONICAL
from tests.logbooks import Logbook, logbook

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

DOCS = Path(__file__).resolve().parents[1] / "docs" / "coverage.md"
MARK = "<!-- made by tests/test_coverage.py from the samples; --update-golden writes it anew -->\n"
NOBODY = {"attempts.breaker_state"}  # no format logs it in a field of its own, and attempts have no mapping
NOW = datetime(2026, 9, 1, tzinfo=UTC)
# Format -> its samples under shared/data/samples, as one would ingest them, and the mapping that reads them
SAMPLES: dict[str, tuple[tuple[str, ...], str | None]] = {
    "bedrock": (
        ("bedrock/invocation_log_converse_pair.json", "bedrock/invocation_log_stream_and_metadata_only.jsonl"),
        None,
    ),
    "bentoml": (("bentoml/iris_classifier_data.log.jsonl",), "bentoml"),
    "databricks": (("databricks/inference_table_payload.jsonl",), None),
    "envoy-ai-gateway": (("envoy_ai_gateway/access_log.jsonl",), None),
    "inspect-ai": (("inspect_ai/log_formats.json", "inspect_ai/no_samples.json"), None),
    "kserve": (("kserve/cloudevents_pair.jsonl",), None),
    "langfuse": (("langfuse/observations_export.jsonl",), None),
    "litellm": (("litellm/standard_logging_payload.json",), None),
    "litellm-spend": (("litellm/spend_logs_newer.json", "litellm/spend_logs_older.json"), None),
    "mlflow": (("mlflow/trace_schema_v2_response.json", "mlflow/assessments.json"), None),
    "opa": (("opa/decision_log_console_llm_gateway.jsonl", "opa/decision_log_upload.json"), None),
    "openai-batch": (("openai_batch/batch_output_docs_out_of_order.jsonl",), None),
    "sagemaker": (("sagemaker/captured-data.jsonl", "sagemaker/actuals.jsonl"), None),
}


@pytest.fixture
def book(tmp_path: Path) -> Logbook:
    return logbook(tmp_path)


def kinds(found: Sequence[Coverage]) -> set[str]:
    return {item.kind for item in found if item.judged}


def of(found: Sequence[Coverage], kind: str) -> Coverage:
    return next(item for item in found if item.kind == kind)


def everything() -> frozenset[str]:
    """Every column of every table."""
    return frozenset(f"{table.name}.{name}" for table in CANONICAL.values() for name in ("*", *table.names))


def test_nothing_can_be_judged_on_an_empty_store(book: Logbook) -> None:
    found = store_coverage(book.workspace.store)
    assert (kinds(found), len(found)) == (set(), len(checks()))


def test_everything_can_be_judged_where_every_column_is_filled() -> None:
    assert kinds(coverage_of(everything())) == set(checks())


@pytest.mark.parametrize("kind", sorted(checks()))
def test_each_column_that_a_kind_needs_is_one_that_exists_and_can_be_filled(kind: str) -> None:
    found = of(coverage_of(frozenset()), kind)
    for need in found.missing:
        assert set(need.split("|")) <= everything(), need
        assert found.would_help[need] or need in NOBODY, need


@pytest.mark.parametrize("kind", sorted(checks()))
def test_a_kind_cannot_be_judged_without_any_one_of_the_columns_that_it_needs(kind: str) -> None:
    for need in of(coverage_of(frozenset()), kind).missing:
        without = everything() - set(need.split("|")) - {"decisions.decision"}  # by which a policy could say it
        assert of(coverage_of(without), kind).missing == (need,)


def test_outcomes_alone_decide_nothing_about_decisions() -> None:
    found = of(coverage_of(frozenset({"outcomes.*", "outcomes.positive"})), "performance-classification")
    assert (found.judged, found.missing) == (False, ("decisions.*",))


def test_what_is_favourable_may_stand_in_the_policy() -> None:
    logged = of(coverage_of(frozenset({"decisions.*", "decisions.favourable"})), "fairness-impact-ratio")
    said = of(coverage_of(frozenset({"decisions.*", "decisions.decision"})), "fairness-impact-ratio")
    assert (logged.judged, logged.policy_says) == (True, ())
    assert (said.judged, said.policy_says) == (True, ("favourable",))


def test_what_fills_a_column_is_a_source_a_mapping_or_a_command() -> None:
    found = {need: names for item in coverage_of(frozenset()) for need, names in item.would_help.items()}
    assert found["guardrails.verdict"] == ("litellm", "litellm-spend")
    assert found["attributions.*"] == ("`governance explain --window`",)
    assert found["incidents.opened_ts"] == ("a mapping",)
    assert "`governance price add`" in found["requests.cost_reported|requests.cost_computed"]


def test_the_columns_that_help_most_come_first() -> None:
    found = gains(coverage_of(frozenset({"requests.*", "requests.start_ts", "decisions.*", "decisions.score"})))
    counts = [len(gain.kinds) for gain in found]
    assert counts == sorted(counts, reverse=True)
    assert found[0].column == "outcomes.positive"
    told = document(coverage_of(frozenset()))
    assert (told["judged"], told["of"], len(told["kinds"])) == (0, len(checks()), len(checks()))


class Sample(NamedTuple):
    """What can be judged on the samples of one format."""

    name: str
    files: tuple[str, ...]
    found: Sequence[Coverage]


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory, shared_data: Callable[[str], Path]) -> list[Sample]:
    book = logbook(tmp_path_factory.mktemp("samples"))
    made = []
    for name, (files, mapping) in SAMPLES.items():
        paths = [str(shared_data(f"samples/{file}")) for file in files]
        form = Path(mapping) if mapping else None
        rehearsal = rehearse(book.workspace, paths, now=NOW, mapping=form)
        assert rehearsal.ingestion.total("stored") > 0
        assert {report.source for report in rehearsal.ingestion.files} == {name}
        made.append(Sample(name, files, rehearsal.alone))
    return made


@pytest.mark.slow
def test_the_table_of_formats_is_what_their_samples_can_decide(
    samples: list[Sample], request: pytest.FixtureRequest
) -> None:
    before, mark, _ = DOCS.read_text(encoding="utf-8").partition(MARK)
    assert mark, "docs/coverage.md has lost the line behind which the table stands"
    text = before + MARK + _section(samples)
    if request.config.getoption("--update-golden"):
        DOCS.write_text(text, encoding="utf-8")
    assert DOCS.read_text(encoding="utf-8") == text, "run pytest tests/test_coverage.py --update-golden"


def test_every_format_with_a_sample_is_in_the_table() -> None:
    text = DOCS.read_text(encoding="utf-8").partition(MARK)[2]
    assert re.findall(r"^\| ([a-z-]+) \| [\d·]+ \|", text, re.MULTILINE)[1:] == list(SAMPLES)
    assert set(SAMPLES) - set(sources()) == {"bentoml"}
    assert f"\nOf {len(checks())} kinds" in text, "run pytest tests/test_coverage.py --update-golden"


def _family(kind: str) -> str:
    """The first word of a kind, if other kinds begin with it too."""
    first = kind.partition("-")[0]
    return first if sum(name.partition("-")[0] == first for name in checks()) > 1 else "other"


def _section(found: Sequence[Sample]) -> str:
    families = Counter(_family(kind) for kind in sorted(checks()))
    named = [*sorted(families.keys() - {"other"}), "other"]
    common = set.intersection(*(kinds(sample.found) for sample in found if kinds(sample.found)))
    lines = [
        "",
        f"Of {len(checks())} kinds; families with the number of their kinds in the first row, and of those that can be",
        "judged below. Small samples: a log of the same format that fills more columns can decide more.",
        "",
        f"| format | all | {' | '.join(named)} |",
        f"| --- | {'--: | ' * (len(named) + 1)}".rstrip(),
        f"| kinds | {len(checks())} | {' | '.join(str(families[name]) for name in named)} |",
    ]
    for sample in found:
        own = Counter(_family(kind) for kind in kinds(sample.found))
        cells = " | ".join(str(own[name] or "·") for name in named)
        lines.append(f"| {sample.name} | {len(kinds(sample.found)) or '·'} | {cells} |")
    shared = f"Which they are, beside those that each log of requests can decide ({', '.join(sorted(common))}):"
    lines += ["", textwrap.fill(shared, 120, break_on_hyphens=False), ""]
    lines += ["| format | samples | can also judge |", "| --- | --- | --- |"]
    for sample in found:
        more = [item for item in sample.found if item.judged and item.kind not in common]
        shown = ", ".join(f"{item.kind}{'*' if item.policy_says else ''}" for item in more) or "·"
        names = ", ".join(f"`{file.partition('/')[2]}`" for file in sample.files)
        lines.append(f"| {sample.name} | {names} | {shown} |")
    return "\n".join([*lines, "", "\\* if the policy says what is favourable.", ""])
