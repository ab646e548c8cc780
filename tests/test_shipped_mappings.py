"""The mappings that come with the package: each reads a frame of its kind, under its name."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from governance.arrivals.intake import read_format
from governance.engines.duckdb import Engine
from governance.errors import NotFoundError
from governance.ingestion import Ingestion, ingest
from governance.mapping import read_mapping, shipped_mappings
from governance.moments import stamp
from governance.storage.store import Store
from governance.workspace import Workspace, make_workspace

if TYPE_CHECKING:
    from collections.abc import Callable
from pathlib import Path

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return make_workspace(tmp_path / "w", environment={"HOME": str(tmp_path)}, now=stamp(NOW))


def read(workspace: Workspace, path: Path, name: str) -> Ingestion:
    return ingest(workspace, [str(path)], now=NOW, mapping=Path(name))


def asked(workspace: Workspace, sql: str) -> dict[str, Any]:
    with Engine() as engine:
        Store(workspace.store).snapshot().attach(engine)
        (row,) = engine.records(sql)
    return row


@pytest.mark.parametrize("name", sorted(shipped_mappings()))
def test_each_is_valid_and_stores_under_its_own_name(name: str) -> None:
    path = shipped_mappings()[name]
    assert read_mapping(path)[0].source == name
    assert path.read_text(encoding="utf-8").startswith("# ")


def test_azure_traces(workspace: Workspace, tmp_path: Path, shared_data: Callable[[str], Path]) -> None:
    """A thousand of the 8,819 requests; the sums are those of the file's own columns."""
    with gzip.open(shared_data("llm/azure_llm_2023_code.csv.gz"), "rt", encoding="utf-8") as file:
        lines = [line.strip() for line in file][:1001]
    path = tmp_path / "code.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    done = read(workspace, path, "azure-llm-trace")
    assert (done.total("records"), done.total("stored")) == (1000, 1000)
    cells = [line.split(",") for line in lines[1:]]
    row = asked(
        workspace,
        "SELECT sum(input_tokens)::BIGINT AS i, sum(output_tokens)::BIGINT AS o, min(start_ts) AS first, "
        "any_value(source) AS source, any_value(operation) AS operation FROM requests",
    )
    assert (row["i"], row["o"]) == (sum(int(cell[1]) for cell in cells), sum(int(cell[2]) for cell in cells))
    assert row["first"] == "2023-11-16T18:17:03.979960Z"
    assert (row["source"], row["operation"]) == ("azure-llm-trace", "completion")


def test_a_classifier_behind_bentoml(workspace: Workspace, shared_data: Callable[[str], Path]) -> None:
    done = read(workspace, shared_data("samples/bentoml/iris_classifier_data.log.jsonl"), "bentoml")
    assert done.total("stored") == 2
    row = asked(workspace, "SELECT r.request_id, d.decision, r.quality_flags FROM requests r JOIN decisions d "
                           "USING (request_uid) WHERE r.request_id = '14419506828678509143'")  # fmt: skip
    assert (row["decision"], row["quality_flags"]) == ("0", ["tz_assumed"])


def test_texts_of_another_service_behind_bentoml_are_not_kept(
    workspace: Workspace, shared_data: Callable[[str], Path]
) -> None:
    read(workspace, shared_data("samples/bentoml/text_summarization_data.log.jsonl"), "bentoml")
    assert asked(workspace, "SELECT count(*) AS n, count(decision) AS decided FROM decisions") == {"n": 1, "decided": 0}
    assert not Store(workspace.store).snapshot().segments.get("features")


def test_a_frame_as_nannyml_has_it(workspace: Workspace, tmp_path: Path) -> None:
    """Made from the published list of columns."""
    frame = [
        {"id": 1, "timestamp": "2026-06-01 10:00:00", "y_pred": 1, "y_pred_proba": 0.9, "age": 40},
        {"id": 2, "timestamp": "2026-06-01 11:00:00", "y_pred": 0, "y_pred_proba": 0.2, "age": 30},
    ]
    path = tmp_path / "analysis.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in frame))
    assert read(workspace, path, "nannyml").total("stored") == 2
    row = asked(workspace, "SELECT decision, score FROM decisions WHERE request_id = '1'")
    assert row == {"decision": "1", "score": 0.9}


def test_a_file_of_that_name_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("nannyml").write_text("source: mine\ncolumns: {start_ts: at}\n")
    found = read_format(None, Path("nannyml")).mapping
    assert found is not None
    assert found.source == "mine"


def test_a_name_that_is_none_gets_a_hint() -> None:
    with pytest.raises(NotFoundError) as caught:
        read_format(None, Path("nanyml"))
    assert "nannyml" in str(caught.value.hint)
