"""What was live when, and which versions of prompts were used: log and registry side by side."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from governance.coverage import filled_columns
from governance.engines.duckdb import Engine
from governance.errors import GovernanceError, NotFoundError, SourceError
from governance.ingestion import ingest
from governance.models.prompts import prompts, register_prompt, uses
from governance.models.registration import approve, register
from governance.models.servings import Serving, live, moment_of, prompts_seen
from governance.moments import stamp
from governance.storage.store import Snapshot, Store
from governance.workspace import Workspace, make_workspace

if TYPE_CHECKING:
    from pathlib import Path

MAPPING = """
source: scores
columns:
  request_id: id
  start_ts: at
  model_served: model
  model_version: version
  prompt_name: prompt
  prompt_version: prompt_version
"""
CARD = 'name: {name}\nversion: "{version}"\nowner: o\nvalid_from: 2026-07-02\nnext_validation: 2026-07-05\n'


def day(number: int, hour: int = 12) -> datetime:
    return datetime(2026, 7, number, hour, tzinfo=UTC)


def row(number: int, on: int, model: str | None, version: str | None, prompt: tuple[str, str] | None = None) -> Any:
    name, prompt_version = prompt or (None, None)
    served = {"model": model, "version": version, "prompt": name, "prompt_version": prompt_version}
    return {"id": f"r{number}", "at": day(on).isoformat(), **served}


ROWS = [
    row(1, 1, "m", "1", ("triage", "3")),
    row(2, 3, "m", "2", ("triage", "4")),
    row(3, 4, "m", "1"),
    row(4, 6, "m", "2", ("triage", "3")),
    row(5, 6, "stranger", None),
    row(6, 6, None, None),
]


def empty(folder: Path) -> Workspace:
    return make_workspace(folder / "w", environment={"HOME": str(folder)}, now=stamp(day(1, 0)))


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    made = empty(tmp_path)
    (tmp_path / "mapping.yaml").write_text(MAPPING)
    (tmp_path / "log.jsonl").write_text("".join(json.dumps(one) + "\n" for one in ROWS))
    for version, when in (("1", 1), ("2", 3), ("3", 4)):
        card = tmp_path / f"card{version}.yaml"
        card.write_text(CARD.format(name="m", version=version))
        register(made, card, now=day(when, 0))
    approve(made, "m", "1", by="A. Officer", now=day(1, 1))
    approve(made, "m", "2", by="A. Officer", now=day(5))
    approve(made, "m", "2", by="B. Officer", now=day(6))
    ingest(made, [str(tmp_path / "log.jsonl")], now=day(7), mapping=tmp_path / "mapping.yaml")
    return made


def found(workspace: Workspace, at: datetime | None = None, model: str | None = None) -> dict[str, Serving]:
    with Engine() as engine:
        served = live(Store(workspace.store).snapshot(), engine, at=at, model=model)
    return {f"{one.model} {one.version}": one for one in served}


def test_every_version_with_what_the_log_shows_and_what_was_meant(workspace: Workspace) -> None:
    served = found(workspace)
    assert list(served) == ["m 1", "m 2", "m 3", "stranger None"]
    first = served["m 1"]
    assert first.seen is not None
    assert (first.seen.requests, first.seen.first[:10], first.seen.last[:10]) == (2, "2026-07-01", "2026-07-04")
    assert first.problems == ("served before it was valid",)
    assert served["m 2"].problems == ("served before its approval", "served after its validation was due")
    assert served["m 2"].facts is not None
    assert served["m 2"].facts["approved_by"] == "A. Officer"
    assert served["m 3"].problems == ("never served",)
    assert (served["stranger None"].facts, served["stranger None"].problems) == (None, ("not registered",))


def test_what_was_live_at_a_moment_lies_between_its_requests(workspace: Workspace) -> None:
    both = found(workspace, day(3, 18))
    assert list(both) == ["m 1", "m 2"]
    seen = both["m 1"].seen
    assert seen is not None
    assert (seen.before, seen.after) == ("2026-07-01T12:00:00.000000Z", "2026-07-04T12:00:00.000000Z")
    assert both["m 2"].problems == ("not approved then",)
    assert list(found(workspace, day(5))) == ["m 2"]
    assert list(found(workspace, day(6), "m")) == ["m 2"]
    assert list(found(workspace, day(6))) == ["m 2", "stranger None"]
    assert found(workspace, day(6))["m 2"].problems[-1] == "validation was due"
    assert found(workspace, day(8)) == {}


def test_a_log_without_versions_means_the_only_registered_one(workspace: Workspace, tmp_path: Path) -> None:
    assert found(workspace, day(6))["stranger None"].problems == ("not registered",)
    card = tmp_path / "late.yaml"
    card.write_text("name: stranger\nversion: '7'\n")
    register(workspace, card, now=day(9))
    served = found(workspace, None, "stranger")
    assert served["stranger None"].problems == ("not approved",)
    assert served["stranger 7"].problems == ("never served",)


def test_a_moment_is_in_the_zone_of_the_workspace() -> None:
    assert moment_of("2026-07-01", "Europe/Berlin").astimezone(UTC) == datetime(2026, 6, 30, 22, tzinfo=UTC)
    assert moment_of("2026-07-01T00:00Z", "Europe/Berlin") == datetime(2026, 7, 1, tzinfo=UTC)
    with pytest.raises(GovernanceError, match="no time"):
        moment_of("yesterday", "UTC")


def test_an_empty_store_has_nothing_live(tmp_path: Path) -> None:
    assert found(empty(tmp_path)) == {}


def snapshot(workspace: Workspace) -> Snapshot:
    return Store(workspace.store).snapshot()


def test_registered_prompts_beside_those_in_the_log(workspace: Workspace, tmp_path: Path) -> None:
    template = tmp_path / "triage.txt"
    template.write_text("Sort {{letter}}")
    made = register_prompt(
        workspace, template, name="triage", version="3", now=day(1), author="Ann", valid_from="2026-07-01"
    )
    register_prompt(workspace, template, name="summary", version="1", now=day(2))
    with Engine() as engine:
        listed = uses(prompts(snapshot(workspace)), prompts_seen(snapshot(workspace), engine))
    assert [(one.name, one.version) for one in listed] == [("summary", "1"), ("triage", "3"), ("triage", "4")]
    assert listed[0].seen is None
    assert listed[1].registered == made
    assert (made.author, made.valid_from) == ("Ann", "2026-07-01")
    assert listed[1].seen is not None
    assert (listed[1].seen.requests, listed[1].seen.last[:10]) == (2, "2026-07-06")
    assert listed[2].registered is None
    assert snapshot(workspace).blob(made.template_sha256).read_text() == "Sort {{letter}}"


def test_registered_prompts_are_a_table(workspace: Workspace, tmp_path: Path) -> None:
    template = tmp_path / "triage.txt"
    template.write_text("Sort {{letter}}")
    made = register_prompt(workspace, template, name="tri'age", version="3", now=day(1), valid_from="2026-07-01")
    with Engine() as engine:
        snapshot(workspace).attach(engine, ["prompts"])
        (found,) = engine.records("SELECT * FROM prompts")
        assert {"prompts.*", "prompts.valid_from"} <= filled_columns_of(workspace)
    assert found == {
        "prompt_id": "tri'age@3",
        "prompt": "tri'age",
        "version": "3",
        "registered_ts": "2026-07-01T12:00:00.000000Z",
        "valid_from": "2026-07-01T00:00:00.000000Z",
        "author": None,
        "template_sha256": made.template_sha256,
    }
    size = made.entry
    with Engine() as engine:
        Store(workspace.store).snapshot(size).attach(engine, ["prompts"])
        assert engine.records("SELECT * FROM prompts") == []


def filled_columns_of(workspace: Workspace) -> frozenset[str]:
    with Engine() as engine:
        snapshot(workspace).attach(engine)
        return filled_columns(engine, snapshot(workspace))


def test_the_same_prompt_again_is_the_same_entry_and_another_is_refused(workspace: Workspace, tmp_path: Path) -> None:
    template = tmp_path / "triage.txt"
    template.write_text("Sort {{letter}}")
    made = register_prompt(workspace, template, name="triage", version="3", now=day(1))
    assert register_prompt(workspace, template, name="triage", version="3", now=day(2)) == made
    template.write_text("Sort it")
    with pytest.raises(GovernanceError, match="other content"):
        register_prompt(workspace, template, name="triage", version="3", now=day(3))
    assert len(prompts(snapshot(workspace))) == 1


def test_what_is_no_prompt(workspace: Workspace, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        register_prompt(workspace, tmp_path / "absent", name="p", version="1", now=day(1))
    (tmp_path / "empty").write_text("")
    with pytest.raises(SourceError, match="1 byte"):
        register_prompt(workspace, tmp_path / "empty", name="p", version="1", now=day(1))
    with pytest.raises(SourceError, match="no day"):
        register_prompt(workspace, tmp_path / "log.jsonl", name="p", version="1", now=day(1), valid_from="soon")
