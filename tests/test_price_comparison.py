"""What stored requests would cost now: what came late, what was corrected, and nothing else."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from governance.cli import main
from governance.findings import parse_window
from governance.ingestion import ingest
from governance.prices.comparison import compare
from governance.prices.tables import add
from governance.workspace import Workspace, make_workspace
from tests.test_prices import NOW, request, table


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return make_workspace(tmp_path / "workspace", environment=os.environ, now="2026-07-01T00:00:00.000000Z")


@pytest.fixture
def read(workspace: Workspace, tmp_path: Path) -> Callable[..., None]:
    """Ingests records."""

    def ingested(*records: dict[str, Any]) -> None:
        log = tmp_path / f"{records[0]['id']}.jsonl"
        log.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
        ingest(workspace, [str(log)], now=NOW, source="litellm")

    return ingested


def test_a_table_that_came_late_and_one_that_was_corrected(
    workspace: Workspace, tmp_path: Path, read: Callable[..., None]
) -> None:
    read(request(1), request(2, model="other"))
    add(workspace, table(tmp_path / "first.json", "1"), now=NOW)
    read(request(3), request(4))
    assert [(item.model, item.would_be_priced, item.would_differ) for item in compare(workspace.store)] == [
        ("m1", 1, 0)
    ]
    add(workspace, table(tmp_path / "corrected.json", "1.25"), now=NOW)
    (found,) = compare(workspace.store)
    assert (found.provider, found.model, found.requests) == ("p", "m1", 3)
    assert (found.unpriced, found.would_be_priced, found.would_differ) == (1, 1, 2)
    assert (found.computed_usd, found.now_usd) == (Decimal(2), Decimal("3.75"))


def test_what_the_tables_say_the_same_of_is_not_named(
    workspace: Workspace, tmp_path: Path, read: Callable[..., None]
) -> None:
    assert compare(workspace.store) == []
    add(workspace, table(tmp_path / "p.json", "1"), now=NOW)
    read(request(1), request(2, model="unknown"), request(3, cache_hit=True))
    add(workspace, table(tmp_path / "later.json", "2"), now=NOW, valid_from=date(2026, 8, 1))
    assert compare(workspace.store) == []


def test_a_window_and_the_command(
    workspace: Workspace, tmp_path: Path, read: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    read(request(1), request(2))
    add(workspace, table(tmp_path / "p.json", "1"), now=NOW)
    assert compare(workspace.store, parse_window("2026-06", now=NOW)) == []
    assert compare(workspace.store, parse_window("2026-07", now=NOW))[0].would_be_priced == 2

    def said(*arguments: str) -> str:
        with pytest.raises(SystemExit) as done:
            main(["--workspace", str(workspace.root), *arguments])
        assert done.value.code == 0
        return capsys.readouterr().out

    size = json.loads(said("--json", "status"))["ledger"]["size"]
    shown = said("price", "compare", "--window", "2026-Q3")
    assert shown.splitlines()[1].split() == ["p", "m1", "2", "2", "2", "0", "0.00", "2.00"]
    assert "Nothing was changed" in shown
    document = json.loads(said("--json", "price", "compare"))
    assert document["models"][0]["now_usd"] == "2.000000000000"
    assert "Every stored cost" in said("price", "compare", "--window", "2026-06")
    assert json.loads(said("--json", "status"))["ledger"]["size"] == size
