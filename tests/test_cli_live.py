"""`model live` and `prompt`: what they print, as text and as one JSON document."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from governance.cli import main
from tests.test_servings import workspace

if TYPE_CHECKING:
    from governance.workspace import Workspace

__all__ = ["workspace"]


def run(capfd: pytest.CaptureFixture[str], workspace: Workspace, *arguments: str | Path) -> tuple[int, str, str]:
    capfd.readouterr()
    with pytest.raises(SystemExit) as left:
        main(["--workspace", str(workspace.root), *map(str, arguments)])
    out, err = capfd.readouterr()
    assert isinstance(left.value.code, int)
    return left.value.code, out, err


def test_what_was_live(workspace: Workspace, capfd: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capfd, workspace, "model", "live", "m")
    assert (code, err) == (0, "")
    assert out.splitlines()[:6] == [
        "m 1  served before it was valid",
        "  served: 2 requests, 2026-07-01T12:00:00Z to 2026-07-04T12:00:00Z",
        "  registered: 2026-07-01, ledger entry 1",
        "  approved: 2026-07-01 by A. Officer",
        "  valid from: 2026-07-02",
        "  next validation: 2026-07-05",
    ]
    _, out, _ = run(capfd, workspace, "--json", "model", "live", "--at", "2026-07-05T14:00+02:00")
    document = json.loads(out)
    assert document["at"] == "2026-07-05T12:00:00.000000Z"
    (one,) = document["models"]
    assert (one["model"], one["version"], one["problems"]) == ("m", "2", ["served before its approval"])
    assert one["seen"]["before"] == "2026-07-03T12:00:00.000000Z"


def test_nothing_live_and_no_time(workspace: Workspace, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(capfd, workspace, "model", "live", "--at", "2026-08-01")[:2] == (
        0,
        "No model was live at 2026-08-01T00:00:00.000000Z.\n",
    )
    assert run(capfd, workspace, "model", "live", "absent")[1].endswith("of that name was ever served or registered.\n")
    code, _, err = run(capfd, workspace, "model", "live", "--at", "noon")
    assert code == 2
    assert "'noon' is no time" in err


def test_prompts(workspace: Workspace, capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    template = tmp_path / "triage.txt"
    template.write_text("Sort {{letter}}")
    named = ("--name", "triage", "--version", "3", "--author", "Ann")
    code, out, err = run(capfd, workspace, "prompt", "register", template, *named)
    assert (code, err) == (0, "")
    assert out.startswith("triage 3, ledger entry ")
    _, out, _ = run(capfd, workspace, "prompt", "list")
    assert " ".join(out.split()) == (
        "triage 3 registered by Ann, 2 requests, 2026-07-01T12:00 to 2026-07-06T12:00 "
        "triage 4 not registered, 1 requests, 2026-07-03T12:00 to 2026-07-03T12:00"
    )
    _, out, _ = run(capfd, workspace, "--json", "prompt", "list")
    assert [one["registered"] is None for one in json.loads(out)["prompts"]] == [False, True]
    assert run(capfd, workspace, "prompt", "register", tmp_path / "absent", *named)[0] == 2


def test_a_name_from_a_log_is_printed_harmlessly(capfd: pytest.CaptureFixture[str], workspace: Workspace) -> None:
    """A card may come from a stranger too."""
    card = workspace.root / "card.yaml"
    card.write_text('name: "m\\u001b[31mred"\nversion: "1"\n')
    assert run(capfd, workspace, "model", "register", card)[0] == 0
    for command in ("live", "list"):
        _, out, _ = run(capfd, workspace, "model", command)
        assert "red" in out
        assert "\x1b" not in out
