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


class TestRetry:
    @pytest.fixture
    def again(self, tmp_path: Path) -> Path:
        make_workspace(tmp_path / "space", environment=os.environ, now="2026-10-02T08:00:00.000000Z")
        (tmp_path / "lines.yaml").write_text(MAPPING, encoding="utf-8")
        (tmp_path / "fixed.yaml").write_text(MAPPING.replace("at\n", "{column: at, format: '%d.%m.%Y'}\n"))
        (tmp_path / "log.csv").write_text("id,at\na,2026-07-01T00:00:00Z\nb,01.07.2026\nc,01.07.2026\nd,soon\n")
        assert _run(tmp_path, "ingest", str(tmp_path / "log.csv"), "--mapping", str(tmp_path / "lines.yaml")) == 0
        return tmp_path

    def test_what_can_be_read_leaves_quarantine(self, again: Path, capsys: pytest.CaptureFixture[str]) -> None:
        capsys.readouterr()
        assert _run(again, "quarantine", "list") == 0
        wanted = capsys.readouterr().out.split()[0]
        fixed = ("--mapping", str(again / "fixed.yaml"))
        assert _run(again, "quarantine", "retry", wanted, *fixed, "--json") == 0
        found = json.loads(capsys.readouterr().out)
        assert [found[name] for name in ("retried", "stored", "quarantined")] == [1, 1, 0]
        assert found["files"][0]["file"] == str(again / "log.csv")
        assert _run(again, "quarantine", "retry", "--all", *fixed) == 0
        text = capsys.readouterr().out
        assert "log.csv: 1 still bad_time" in text
        assert max(map(len, text.splitlines())) <= 80
        assert _run(again, "quarantine", "list", "--json") == 0
        assert [row["line"] for row in json.loads(capsys.readouterr().out)["quarantine"]] == [5]
        assert _run(again, "quarantine", "list", "--as-of", "3", "--json") == 0
        assert len(json.loads(capsys.readouterr().out)["quarantine"]) == 3
        assert _run(again, "quarantine", "show", wanted, "--as-of", "3") == 0
        assert capsys.readouterr().out.startswith("b,01.07.2026")
        assert _run(again, "verify") == 0

    def test_it_wants_to_know_which(self, again: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert _run(again, "quarantine", "retry") == 2
        assert "nothing was said to be read again" in capsys.readouterr().err
        assert _run(again, "quarantine", "retry", "ffff:0:1") == 2
        assert "no record in quarantine has this id" in capsys.readouterr().err

    def test_an_empty_quarantine_is_no_mistake(self, again: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert _run(again, "quarantine", "retry", "--reason", "bad_utf8") == 0
        assert capsys.readouterr().out.endswith("Nothing is in quarantine.\n")
