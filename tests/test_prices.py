"""Price tables in the ledger, and the costs that the requests of a log get from them."""

from __future__ import annotations

import gzip
import json
import os
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from governance.cli import main
from governance.engines.duckdb import Engine
from governance.errors import LedgerError, NotFoundError, SourceError
from governance.ingestion import ingest
from governance.prices.pricing import Tokens, Unpriced
from governance.prices.tables import add, price_book, registered
from governance.simulator.faults import FaultPlan
from governance.simulator.writing import write_gateway
from governance.storage.store import Store
from governance.verification import verify
from governance.workspace import Workspace, make_workspace

NOW = datetime(2026, 9, 1, tzinfo=UTC)
DEMO_PRICES = Path(__file__).parents[1] / "governance" / "demo_data" / "gateway" / "prices.json"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return make_workspace(tmp_path / "workspace", environment=os.environ, now="2026-07-01T00:00:00.000000Z")


def table(path: Path, price: str, model: str = "m1") -> Path:
    """A price table with one model of the provider p."""
    model_prices = f'{{"input_mtok": {price}, "output_mtok": {price}}}'
    models = f'[{{"id": "{model}", "match": {{"equals": "{model}"}}, "prices": {model_prices}}}]'
    path.write_text(f'[{{"id": "p", "models": {models}}}]', encoding="utf-8")
    return path


def request(number: int, **changes: Any) -> dict[str, Any]:
    """A record as LiteLLM writes it; a million tokens in and none out."""
    start = datetime(2026, 7, 1, tzinfo=UTC) + timedelta(seconds=number)
    return {
        "id": f"r{number}",
        "call_type": "acompletion",
        "status": "success",
        "custom_llm_provider": "p",
        "model": "m1",
        "startTime": start.timestamp(),
        "endTime": start.timestamp() + 1,
        "prompt_tokens": 1_000_000,
        "completion_tokens": 0,
        "total_tokens": 1_000_000,
        "hidden_params": {},
        "metadata": {},
        "model_map_information": {},
    } | changes


def computed(workspace: Workspace, tmp_path: Path, records: list[dict[str, Any]]) -> list[Any]:
    """The computed costs after the records were ingested, in order of time."""
    log = tmp_path / f"log-{len(registered(Store(workspace.store).snapshot()))}-{len(records)}.jsonl"
    log.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    ingest(workspace, [str(log)], now=NOW, source="litellm")
    with Engine(workspace.store / "cache") as engine:
        Store(workspace.store).snapshot().attach(engine)
        return [row[0] for row in engine.rows("SELECT cost_computed FROM requests ORDER BY start_ts, request_uid")]


def test_a_request_costs_what_was_in_force_when_it_started(workspace: Workspace, tmp_path: Path) -> None:
    add(workspace, table(tmp_path / "old.json", "1"), now=NOW)
    add(workspace, table(tmp_path / "new.json", "3"), now=NOW, valid_from=date(2026, 8, 1))
    august = datetime(2026, 8, 1, tzinfo=UTC).timestamp()
    late = [{"startTime": august + shift, "endTime": august + 2} for shift in (-0.000001, 0)]
    costs = computed(workspace, tmp_path, [request(1), *(request(n, **when) for n, when in enumerate(late, 2))])
    assert costs == [Decimal(1), Decimal(1), Decimal(3)]


def test_what_has_no_price_has_no_cost(workspace: Workspace, tmp_path: Path) -> None:
    add(workspace, table(tmp_path / "p.json", "1"), now=NOW)
    changes: list[dict[str, Any]] = [
        {"model": "m2"},
        {"custom_llm_provider": "q"},
        {"model_parameters": {"service_tier": "batch"}},
        {"prompt_tokens": None, "completion_tokens": None, "total_tokens": None},
        {"model_parameters": {"service_tier": "default"}, "cache_hit": True},
    ]
    records = [request(number, **change) for number, change in enumerate(changes)]
    assert computed(workspace, tmp_path, records) == [None, None, None, None, Decimal(0)]


def test_a_log_that_was_read_before_is_no_conflict_when_prices_came_between(
    workspace: Workspace, tmp_path: Path
) -> None:
    assert computed(workspace, tmp_path, [request(1)]) == [None]
    add(workspace, table(tmp_path / "p.json", "1"), now=NOW)
    assert computed(workspace, tmp_path, [request(1), request(2)]) == [None, Decimal(1)]


def test_a_table_is_registered_once_and_proven(workspace: Workspace, tmp_path: Path) -> None:
    packed = tmp_path / "p.json.gz"
    packed.write_bytes(gzip.compress(table(tmp_path / "p.json", "1").read_bytes()))
    first = add(workspace, packed, now=NOW)
    assert add(workspace, tmp_path / "p.json", now=NOW).entry == first.entry
    second = add(workspace, packed, now=NOW, valid_from=date(2026, 8, 1))
    assert (second.entry, second.sha256) == (first.entry + 1, first.sha256)
    assert verify(workspace.store).ok
    snapshot = Store(workspace.store).snapshot()
    snapshot.blob(first.sha256).unlink()
    with pytest.raises(LedgerError, match="missing or was changed"):
        price_book(snapshot)


def test_a_table_of_ones_own_stands_above_a_general_one(workspace: Workspace, tmp_path: Path) -> None:
    """Of two tables from the same day the later one counts; what it does not know comes from the other."""
    add(workspace, table(tmp_path / "general.json", "2", "m2"), now=NOW)
    add(workspace, table(tmp_path / "first.json", "2"), now=NOW)
    add(workspace, table(tmp_path / "own.json", "1"), now=NOW)
    book = price_book(Store(workspace.store).snapshot())
    found = [book.price(Tokens(10**6, 0), "p", model, NOW) for model in ("m1", "m2", "m3", None, "m" * 201)]
    assert [None if isinstance(item, Unpriced) else item.total for item in found] == [1, 2, None, None, None]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("[", "no JSON"),
        ("{}", "no known form"),
        ('[{"models": []}]', "lacks id or models"),
        ('[{"id": "p", "models": [{"id": "m", "match": {"like": "m"}, "prices": {}}]}]', "no such clause"),
        ('[{"id": "p", "models": [{"id": "m", "match": {"regex": "("}, "prices": {}}]}]', "no regular expression"),
        ('[{"id": "p", "models": [{"id": "m", "match": {"equals": "m"}, "prices": {"input_mtok": -1}}]}]', "no price"),
        ('[{"id": "p", "models": [{"id": "m", "match": {"equals": "m"}, "prices": {"input_mtok": NaN}}]}]', "no JSON"),
        ('{"m": {"litellm_provider": "p", "input_cost_per_token": "1"}}', "no price"),
        ('{"m": {"litellm_provider": "p", "input_cost_per_token": 1e999999}}', "no price"),
    ],
)
def test_a_file_that_is_no_price_table_is_refused(workspace: Workspace, tmp_path: Path, text: str, what: str) -> None:
    path = tmp_path / "prices.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SourceError, match=what):
        add(workspace, path, now=NOW)
    assert registered(Store(workspace.store).snapshot()) == []


def test_a_missing_file_is_an_input_error(workspace: Workspace, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        add(workspace, tmp_path / "none.json", now=NOW)


@pytest.mark.slow
def test_the_gateway_of_the_demo_reports_what_its_prices_give(workspace: Workspace, tmp_path: Path) -> None:
    """Every request, cache hits among them, whose tokens were not sent to the provider."""
    add(workspace, DEMO_PRICES, now=NOW)
    write_gateway(DEMO_PRICES.parent, tmp_path / "gateway", 1, FaultPlan.none())
    ingest(workspace, [str(tmp_path / "gateway" / "*.jsonl*")], now=NOW, source="litellm")
    with Engine(tmp_path) as engine:
        Store(workspace.store).snapshot().attach(engine)
        both, differ, hits = engine.rows(
            "SELECT count(*) FILTER (cost_reported IS NOT NULL AND cost_computed IS NOT NULL), "
            "count(*) FILTER (cost_reported IS DISTINCT FROM cost_computed), "
            "count(*) FILTER (cache_status = 'exact_hit' AND input_tokens > 0 AND cost_computed = 0) FROM requests"
        )[0]
    assert differ == 0
    assert both > 10_000
    assert hits > 100


MAPPING = """
source: calls
columns:
  request_id: id
  start_ts: at
  provider: {constant: p}
  model_served: {constant: m1}
  input_tokens: tokens
  output_tokens: {constant: 0}
  cost_reported: cost
  cost_currency: currency
"""


def test_a_mapped_table_gets_costs_too_but_not_beside_another_currency(workspace: Workspace, tmp_path: Path) -> None:
    add(workspace, table(tmp_path / "p.json", "1.5"), now=NOW)
    (tmp_path / "calls.yaml").write_text(MAPPING, encoding="utf-8")
    lines = "id,at,tokens,cost,currency\na,2026-07-01T00:00:00Z,10,0.1,EUR\nb,2026-07-01T00:00:01Z,10,0.1,usd\n"
    (tmp_path / "calls.csv").write_text(lines + "c,2026-07-01T00:00:02Z,10,,\n", encoding="utf-8")
    ingest(workspace, [str(tmp_path / "calls.csv")], now=NOW, mapping=tmp_path / "calls.yaml")
    with Engine(tmp_path) as engine:
        Store(workspace.store).snapshot().attach(engine)
        rows = engine.rows("SELECT cost_reported, cost_computed FROM requests ORDER BY start_ts")
    tenth, own = Decimal("0.1"), Decimal("0.000015")
    assert rows == [(tenth, None), (tenth, own), (None, own)]


def run(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    return int(str(ended.value.code or 0)), capsys.readouterr().out


def test_the_command_registers_and_lists(
    workspace: Workspace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    at = ["--workspace", str(workspace.root)]
    path = str(table(tmp_path / "p.json", "0.15", "m[bold]1"))
    assert "No price table" in run([*at, "price", "list"], capsys)[1]
    code, said = run([*at, "price", "add", path, "--valid-from", "2026-07-01"], capsys)
    assert code == 0
    assert "p.json (genai-prices), from 2026-07-01: 1 models of 1 providers" in " ".join(said.split())
    assert "p.json" in run([*at, "price", "list", "--at", "2026-07-01"], capsys)[1]
    assert "No price table" in run([*at, "price", "list", "--at", "2026-06-30T23:59:59Z"], capsys)[1]
    assert "p m[bold]1" in run([*at, "price", "list", "M["], capsys)[1]
    assert "No price table has" in run([*at, "price", "list", "other"], capsys)[1]
    document = json.loads(run([*at, "--json", "price", "list", "m"], capsys)[1])
    assert document["prices"][0]["usd_per_million"] == {"input": "0.15", "output": "0.15"}
    assert document["tables"][0]["valid_from"] == "2026-07-01"


@pytest.mark.parametrize("option", [["add", "p.json", "--valid-from", "July"], ["list", "--at", "noon"]])
def test_a_time_that_is_none_is_an_input_error(
    workspace: Workspace, option: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    code, said = run(["--json", "--workspace", str(workspace.root), "price", *option], capsys)
    assert code == 2
    assert json.loads(said)["error"]["where"] == option[-2]
