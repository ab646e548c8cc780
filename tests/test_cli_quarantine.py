"""`quarantine list|show`: every record that could not be read is named, and its bytes come back whole."""

from __future__ import annotations

import base64
import json
import os
from typing import TYPE_CHECKING

import pytest

from governance.cli import main
from governance.workspace import make_workspace

if TYPE_CHECKING:
    from pathlib import Path

MAPPING = "source: lines\ncolumns:\n  request_id: id\n  start_ts: at\n"
BAD = b'{"id": "b", "at": \xff\xfe \x1b[31m "x"}'


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("quarantined")
    make_workspace(root / "space", environment=os.environ, now="2026-10-02T08:00:00.000000Z")
    (root / "lines.yaml").write_text(MAPPING, encoding="utf-8")
    good = b'{"id": "a", "at": "2026-07-01T00:00:00Z"}'
    (root / "log.jsonl").write_bytes(good + b"\n" + BAD + b'\n{"id": "c", "at": "soon"}\n')
    assert _run(root, "ingest", str(root / "log.jsonl"), "--mapping", str(root / "lines.yaml")) == 0
    return root


def _run(root: Path, *words: str) -> int:
    with pytest.raises(SystemExit) as stopped:
        main(["--workspace", str(root / "space"), *words])
    return int(stopped.value.code or 0)


def test_lists_each_with_file_line_and_reason(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(folder, "quarantine", "list", "--json") == 0
    found = json.loads(capsys.readouterr().out)["quarantine"]
    assert [(row["line"], row["reason"]) for row in found] == [(2, "bad_utf8"), (3, "bad_time")]
    assert _run(folder, "quarantine", "list", "--reason", "bad_time") == 0
    assert "start_ts is 'soon'" in capsys.readouterr().out


def test_the_bytes_come_back_and_show_harmlessly(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(folder, "quarantine", "list") == 0
    wanted = capsys.readouterr().out.split()[0]
    assert _run(folder, "quarantine", "show", wanted, "--json") == 0
    assert base64.b64decode(json.loads(capsys.readouterr().out)["raw_base64"]) == BAD
    assert _run(folder, "quarantine", "show", wanted) == 0
    assert "\x1b" not in capsys.readouterr().out


def test_an_unknown_id_is_said(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(folder, "quarantine", "show", "ffff:9:9") == 2
    assert "no record in quarantine has this id" in capsys.readouterr().err
