"""A store in a notebook: lazy tables, frames without warnings, and no lock."""

from __future__ import annotations

import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pyarrow as pa
import pytest

import governance as gov
from governance.cli.explore import explore
from governance.cli.session import Session
from governance.errors import GovernanceError, MissingExtraError, NotFoundError
from governance.exploration import View
from governance.storage.store import Store
from tests.small_quarter import HOSTILE, NOW, Quarter, make_quarter

if TYPE_CHECKING:
    import typer

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def quarter(tmp_path_factory: pytest.TempPathFactory) -> Quarter:
    return make_quarter(tmp_path_factory.mktemp("exploration") / "desk")


@pytest.fixture
def store(quarter: Quarter) -> View:
    return gov.open(quarter.workspace.root)


def test_importing_the_package_imports_nothing_heavy() -> None:
    heavy = "duckdb pyarrow pandas numpy shap lightgbm papermill nbconvert typst pydantic great_expectations".split()
    code = f"import sys, governance; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=REPOSITORY)
    assert done.stdout.strip() == "[]"


def test_opens_a_workspace_its_store_and_what_lies_around_the_current_folder(
    quarter: Quarter, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = quarter.workspace.root
    monkeypatch.chdir(root / "notebooks")
    opened = [gov.open(root), gov.open(str(root / "store")), gov.open(), gov.open("")]
    assert [len(one.decisions) for one in opened] == [160] * 4


def test_a_folder_without_a_store_is_an_error_that_says_so(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no workspace"):
        gov.open(tmp_path)
    with pytest.raises(NotFoundError, match="no such folder"):
        gov.open(tmp_path / "missing")


def test_reads_as_of_a_number_of_entries(quarter: Quarter) -> None:
    assert len(gov.open(quarter.workspace.root, as_of=1).decisions) == 0
    with pytest.raises(NotFoundError):
        gov.open(quarter.workspace.root, as_of=10_000)


def test_tables_lie_in_the_window(store: View) -> None:
    own = store.window("2026-Q3")
    assert (len(store.decisions), len(own.decisions), len(own.requests)) == (160, 80, 90)
    verdicts = own.findings.sql("SELECT verdict, count(*) AS n FROM this GROUP BY ALL").arrow().to_pydict()
    assert sum(verdicts["n"]) == len(own.judged)


def test_a_query_stands_on_the_rows_before_it(store: View) -> None:
    refused = store.window("2026-Q3").decisions.where("decision = 'refused'")
    assert len(refused) == 38
    counted = refused.sql("WITH few AS (SELECT * FROM this) SELECT count(*) AS n FROM few").arrow()
    assert counted.column("n").to_pylist() == [38]
    assert refused.sql("SELECT count(*) AS n FROM this").sql("SELECT n + 1 AS m FROM this").arrow()[
        "m"
    ].to_pylist() == [39]


def test_frames_keep_the_zone_of_times_and_the_cents_of_money(store: View) -> None:
    frame = store.requests.sql("SELECT start_ts, cost_reported FROM this WHERE cost_reported IS NOT NULL").df()
    assert str(frame["start_ts"].dt.tz) == "UTC"
    assert frame["cost_reported"].sum() == Decimal(18)


def test_other_libraries_take_the_rows_as_arrow(store: View) -> None:
    assert pa.table(store.reviews).num_rows == 10


def test_shows_a_few_rows_escaped_and_small(store: View) -> None:
    html = store.requests.where(f"business_unit = '{HOSTILE}'")._repr_html_()
    assert "<script>alert" not in html
    assert len(html) < 20_000
    assert "6 requests, the first 5" in html
    assert "Rows by table" in store._repr_html_()


def test_an_unknown_table_names_the_nearest(store: View) -> None:
    with pytest.raises(AttributeError, match="did you mean 'decisions'"):
        _ = store.decision
    with pytest.raises(NotFoundError, match="of a model 'x'"):
        store.features("x")


def test_explains_one_decision_and_leaves_a_note_of_the_reading(quarter: Quarter) -> None:
    store = gov.open(quarter.workspace.root)
    explained = store.explain("2026-Q3-female-39")
    assert explained.document["decision"] == "refused"
    assert "<svg" in explained._repr_html_() or "no contributions" in explained._repr_html_()
    assert list((quarter.workspace.store / "spool").glob("*.json"))
    assert store.window("2026-Q3").explain().document["favourable"] is False


def test_an_open_store_keeps_no_writer_waiting(quarter: Quarter) -> None:
    store = gov.open(quarter.workspace.root)
    before = len(store.decisions)
    with Store(quarter.workspace.store).writing(quarter.workspace.key, NOW) as writer:
        writer.commit("note", {"text": "written while a notebook is open"}, [], at="2026-10-02T10:00:00.000000Z")
    assert len(store.decisions) == before


def test_a_window_that_ends_before_it_begins_is_refused(store: View) -> None:
    with pytest.raises(GovernanceError, match="empty"):
        store.between("2026-07-01", "2026-06-01", before=("2026-01-01", "2026-02-01"))


def test_says_nothing_when_the_interpreter_ends(quarter: Quarter) -> None:
    code = f"import governance as gov; s = gov.open({str(quarter.workspace.root)!r}); s.decisions.arrow()"
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=REPOSITORY)
    assert done.stderr == ""


def test_jupyterlab_starts_on_the_workspace_and_asks_nobody_for_news(
    quarter: Quarter, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[tuple[list[str], dict[str, str]]] = []

    def call(command: list[str], env: dict[str, str]) -> int:
        started.append((command, env))
        return 0

    monkeypatch.setattr("subprocess.call", call)
    monkeypatch.setattr("governance.cli.explore.find_spec", lambda name: name)
    context = SimpleNamespace(obj=Session(workspace_dir=quarter.workspace.root))
    assert explore(cast("typer.Context", context), browser=False) == 0
    command, environment = started[0]
    assert command[:3] == [sys.executable, "-m", "jupyterlab"]
    assert {"--LabApp.news_url=None", "--no-browser", "--LabApp.default_url=/lab/tree/notebooks/explore.ipynb"} <= set(
        command
    )
    assert environment["GOVERNANCE_WORKSPACE"] == str(quarter.workspace.root)
    assert str(REPOSITORY) in environment["PYTHONPATH"]


def test_without_jupyterlab_it_names_the_extra(quarter: Quarter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("governance.cli.explore.find_spec", lambda _: None)
    context = SimpleNamespace(obj=Session(workspace_dir=quarter.workspace.root))
    with pytest.raises(MissingExtraError) as caught:
        explore(cast("typer.Context", context), browser=True)
    assert caught.value.hint == "pip install 'governance[jupyter]'"


def test_what_there_is_to_use_is_completed(store: View) -> None:
    assert {"open", "exhibits"} <= set(dir(gov))
    assert {"decisions", "explain", "window"} <= set(dir(store))


def test_a_table_says_what_its_columns_mean(store: View) -> None:
    described = store.decisions.where("favourable").describe()
    assert {row[0]: row[2] for row in described.rows}[
        "entity_id"
    ] == "applicant, ticket or other thing that was decided about"
    (counted,) = store.decisions.sql("SELECT count(*) AS n FROM this").describe().rows
    assert counted == ("n", "BIGINT", None)
