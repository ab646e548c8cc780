"""Workspaces: found from inside, few settings, a key outside of the store."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from governance.errors import GovernanceError, NotFoundError
from governance.workspace import Office, Workspace, find_workspace, make_workspace

NOW = "2026-09-01T00:00:00.000000Z"


def made(folder: Path) -> Workspace:
    return make_workspace(folder / "space", environment={"XDG_CONFIG_HOME": str(folder / "home")}, now=NOW)


def find(folder: Path, given: Path | None = None, **environment: str) -> Workspace:
    return find_workspace(given, cwd=folder, environment=environment)


def test_a_new_workspace_has_all_its_parts(tmp_path: Path) -> None:
    space = made(tmp_path)
    assert {path.name for path in space.root.iterdir()} == {
        "governance.toml",
        "policies",
        "notebooks",
        "reports",
        "store",
    }
    assert list(space.policies.glob("*.yaml"))
    assert space.key.is_file()
    assert stat.S_IMODE(space.key.stat().st_mode) == 0o600
    assert not space.key.is_relative_to(space.root)
    assert (space.timezone, space.fiscal_year_start_month, space.keep_payloads, space.keep_raw) == (
        "UTC",
        1,
        False,
        False,
    )


def test_it_names_who_answers_for_decisions(tmp_path: Path) -> None:
    space = made(tmp_path)
    assert space.office == Office("the organisation", "")
    settings = space.root / "governance.toml"
    settings.write_text(settings.read_text().replace('# organisation = "..."', 'organisation = "Desk Bank"'))
    found = find(space.root).office
    assert found == Office("Desk Bank", "")
    assert found.unsaid() == ["contact", "object_within", "answer_within", "supervisor"]
    with settings.open("a") as more:
        more.write('object_within = " 10  working days "\nanswer_within = "1 months"\nsupervisor = "the Authority"\n')
        more.write('contact = "desk@example.org"\n')
    found = find(space.root).office
    assert found == Office("Desk Bank", "desk@example.org", "10 working days", "1 month", "the Authority")
    assert found.unsaid() == []


def test_it_is_found_by_name_by_environment_and_from_inside(tmp_path: Path) -> None:
    space = made(tmp_path)
    inside = space.root / "reports" / "deep"
    inside.mkdir()
    assert find(inside).root == space.root
    assert find(tmp_path, space.root).root == space.root
    assert find(tmp_path, GOVERNANCE_WORKSPACE=str(space.root)).root == space.root
    other = make_workspace(tmp_path / "other", environment={"XDG_CONFIG_HOME": str(tmp_path)}, now=NOW)
    assert find(inside, other.root, GOVERNANCE_WORKSPACE=str(space.root)).root == other.root
    with pytest.raises(NotFoundError, match="there is no workspace here or in a folder above"):
        find(tmp_path)
    with pytest.raises(NotFoundError, match=r"it has no governance\.toml"):
        find(tmp_path, tmp_path)


def test_two_workspaces_of_one_name_have_two_keys(tmp_path: Path) -> None:
    environment = {"XDG_CONFIG_HOME": str(tmp_path / "home")}
    keys = {make_workspace(tmp_path / part / "space", environment=environment, now=NOW).key for part in "ab"}
    assert len({key.read_bytes() for key in keys}) == 2


def test_a_workspace_is_not_made_over_another(tmp_path: Path) -> None:
    space = made(tmp_path)
    before = space.key.read_bytes()
    with pytest.raises(GovernanceError, match="there is a workspace here already"):
        made(tmp_path)
    assert space.key.read_bytes() == before
    (tmp_path / "file").write_text("x")
    with pytest.raises(GovernanceError):
        make_workspace(tmp_path / "file", environment=os.environ, now=NOW)
    with pytest.raises(GovernanceError):
        make_workspace(tmp_path / "file" / "below", environment=os.environ, now=NOW)


def test_names_that_a_checkpoint_or_toml_cannot_hold(tmp_path: Path) -> None:
    for name in ('q"uo\\te', "two words", "ünï", "a+b"):
        space = make_workspace(tmp_path / name, environment={"XDG_CONFIG_HOME": str(tmp_path / name)}, now=NOW)
        assert find(space.root).key == space.key


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ('timezone = "Mars/Base"', "no time zone is called 'Mars/Base'"),
        ("timezone = 1", "timezone must be a text"),
        ("fiscal_year_start_month = 13", "fiscal_year_start_month is 13"),
        ("fiscal_year_start_month = true", "fiscal_year_start_month must be a whole number"),
        ('payloads = "all"', "payloads is 'all'"),
        ('keep_raw = "yes"', "keep_raw must be true or false"),
        ('object_within = "soon"', "object_within is 'soon'"),
        ('answer_within = "0 days"', "answer_within is '0 days'"),
        ("answer_within = 30", "answer_within must be a text"),
        ('time_zone = "UTC"', "no setting is called 'time_zone'"),
        ("timezone", "the settings are not TOML"),
    ],
)
def test_a_wrong_setting_is_told(tmp_path: Path, setting: str, said: str) -> None:
    space = made(tmp_path)
    (space.root / "governance.toml").write_text(setting + "\n")
    with pytest.raises(GovernanceError, match=said) as caught:
        find(space.root)
    assert caught.value.where
    assert caught.value.hint


def test_settings_count(tmp_path: Path) -> None:
    space = made(tmp_path)
    settings = ('timezone = "Europe/Berlin"', "fiscal_year_start_month = 4", 'payloads = "keep"', "keep_raw = true")
    (space.root / "governance.toml").write_text("\n".join([*settings, 'key = "keys/own.pem"\n']))
    found = find(space.root)
    assert (found.timezone, found.fiscal_year_start_month) == ("Europe/Berlin", 4)
    assert (found.keep_payloads, found.keep_raw) == (True, True)
    assert found.key == space.root / "keys" / "own.pem"
