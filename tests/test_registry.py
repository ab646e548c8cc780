"""Registered models as rows, from ledger entries to a view in plain DuckDB."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from governance.engines.duckdb import Engine
from governance.models.registration import approve, register
from governance.proof.entries import Entry
from governance.registry import models_view
from governance.storage.store import Store
from governance.workspace import make_workspace

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
CARD = """
name: {name}
version: "{version}"
owner: model-risk
tier: high
valid_from: 2026-06-15
next_validation: 2027-06-01
"""


def entry(number: int, kind: str, **facts: Any) -> Entry:
    return Entry(number, kind, f"2026-07-0{number}T00:00:00.000000Z", facts, (), "0" * 64, b"")


def rows(*entries: Entry) -> list[dict[str, Any]]:
    with Engine() as engine:
        return engine.records(models_view(entries) or "SELECT 1 WHERE false")


def test_no_model_is_no_view() -> None:
    assert models_view([entry(1, "policy", policy="p")]) is None


def test_a_registered_version_is_a_row() -> None:
    (row,) = rows(entry(1, "model", model="m", version="1", features=["a", "it's"], approved_by=None, approved_on=None))
    assert row["model_id"] == "m@1"
    assert row["registered_ts"] == "2026-07-01T00:00:00.000000Z"
    assert row["features"] == ["a", "it's"]
    assert row["approved_ts"] is None


def test_the_first_approval_counts() -> None:
    named = {"model": "m", "version": "1"}
    (row,) = rows(
        entry(1, "model", **named),
        entry(2, "approval", **named, by="B", on="2026-07-02"),
        entry(3, "approval", **named, by="C", on="2026-07-03"),
    )
    assert (row["approved_by"], row["approved_ts"]) == ("B", "2026-07-02T00:00:00.000000Z")


def test_an_approval_in_the_card_is_the_first_one_and_holds_from_the_beginning_of_its_day() -> None:
    named = {"model": "m", "version": "1"}
    (row,) = rows(
        entry(1, "model", **named, approved_by="A", approved_on="2026-06-12"),
        entry(2, "approval", **named, by="B", on="2026-07-02"),
    )
    assert (row["approved_by"], row["approved_ts"]) == ("A", "2026-06-12T00:00:00.000000Z")


def test_a_hostile_name_is_a_text() -> None:
    (row,) = rows(entry(1, "model", model="'); DROP TABLE requests; --", version="1"))
    assert row["model"] == "'); DROP TABLE requests; --"


def test_a_store_shows_its_models_as_of_an_entry(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path / "w", environment={"HOME": str(tmp_path)}, now="2026-07-01T00:00:00.000000Z")
    card = tmp_path / "card.yaml"
    card.write_text(CARD.format(name="m", version="1"), encoding="utf-8")
    registered = register(workspace, card, now=NOW)
    approve(workspace, "m", "1", by="A. Officer", now=NOW)
    store = Store(workspace.store)
    seen = []
    for size in (None, registered.entry + 1, registered.entry):
        with Engine() as engine:
            store.snapshot(size).attach(engine, ["models"])
            seen.append(engine.records("SELECT model, tier, next_validation, valid_from, approved_ts FROM models"))
    named = {"model": "m", "tier": "high", "next_validation": "2027-06-01", "valid_from": "2026-06-15T00:00:00.000000Z"}
    assert seen[0] == [named | {"approved_ts": "2026-07-01T12:00:00.000000Z"}]
    assert seen[1] == [named | {"approved_ts": None}]
    assert seen[2] == []


def test_what_a_card_does_not_tell_is_a_note_without_the_folder(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path / "w", environment={"HOME": str(tmp_path)}, now="2026-07-01T00:00:00.000000Z")
    card = tmp_path / "package.json"
    card.write_text(
        '{"ModelPackageArn": "a", "ModelPackageGroupName": "m", "ModelPackageVersion": 3, '
        '"ModelApprovalStatus": "Approved"}'
    )
    made = register(workspace, card, now=NOW)
    assert (made.model, made.version, made.facts["approval_status"]) == ("m", "3", "Approved")
    (note,) = made.facts["notes"]
    assert note.startswith("package.json:1: SageMaker says")
    with Engine() as engine:
        Store(workspace.store).snapshot().attach(engine, ["models"])
        (row,) = engine.records("SELECT approval_status, approved_by, approved_ts FROM models")
    assert row == {"approval_status": "Approved", "approved_by": None, "approved_ts": None}


def test_the_folder_of_a_run_is_registered_as_one_document(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path / "w", environment={"HOME": str(tmp_path)}, now="2026-07-01T00:00:00.000000Z")
    (tmp_path / "run" / "params").mkdir(parents=True)
    (tmp_path / "run" / "meta.yaml").write_text("run_id: 4d62\n")
    (tmp_path / "run" / "params" / "depth").write_text("4")
    made = register(workspace, tmp_path / "run", now=NOW, name="m", version="1")
    assert register(workspace, tmp_path / "run", now=NOW, name="m", version="1") == made
    kept = Store(workspace.store).snapshot().blob(made.facts["card_sha256"]).read_bytes()
    assert b'"depth": "4"' in kept
