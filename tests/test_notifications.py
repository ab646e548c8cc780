"""Notices of failed checks: only failures are sent, and nothing that comes from the log."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from governance.cli import main
from governance.errors import GovernanceError, MissingExtraError
from governance.notifications import Recipient, notice
from governance.workspace import Workspace
from tests.desk import HOSTILE, checked, make_desk


class Server(HTTPServer):
    """Keeps what it is sent, and answers with a status."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.received: list[Any] = []
        self.status = 200

    @property
    def url(self) -> str:
        return f"json://user:secret@127.0.0.1:{self.server_port}/hook"


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        self.server.received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return make_desk(tmp_path_factory.mktemp("notified") / "desk")


def run(desk: Workspace, *arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["--workspace", str(desk.root), "check", *arguments])
    assert isinstance(ended.value.code, int)
    return ended.value.code


def test_a_failure_is_sent_without_anything_of_the_log(
    desk: Workspace, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(desk, "--window", "2026-07", "--notify", server.url, "--json") == 1
    shown = capsys.readouterr()
    assert json.loads(shown.out)["notified"] is True
    (sent,) = server.received
    assert sent["title"] == "governance desk: 1 check failed in 2026-07"
    assert sent["type"] == "failure"
    assert "- desk/slow: 1 failed; severity medium, owner desk-owner, due 20" in sent["message"]
    assert "secret" not in shown.out + shown.err
    everything = json.dumps(sent)
    assert [word for word in (HOSTILE, "script", "example.org", "2026-07-slow", "900") if word in everything] == []


def test_nothing_is_sent_where_nothing_failed(
    desk: Workspace, server: Server, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOVERNANCE_NOTIFY", server.url)
    assert run(desk, "--window", "2026-09", "--json") == 0
    assert json.loads(capsys.readouterr().out)["notified"] is None
    assert server.received == []


def test_a_notice_that_is_not_delivered_is_said_and_the_findings_are_kept(
    desk: Workspace, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    server.status = 500
    assert run(desk, "--window", "2026-08", "--notify", server.url) == 1
    shown = capsys.readouterr()
    assert "could not be delivered; the findings are stored" in shown.err
    assert "secret" not in shown.out + shown.err


def test_an_unknown_kind_of_url_is_said_before_anything_is_measured(
    desk: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(desk, "--window", "2026-07", "--notify", "carrier-pigeon://user:secret@roof") == 2
    shown = capsys.readouterr()
    assert "of no known kind (carrier-pigeon)" in shown.err
    assert "secret" not in shown.out + shown.err


def test_without_apprise_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "apprise", None)
    with pytest.raises(MissingExtraError) as caught:
        Recipient("json://127.0.0.1")
    assert caught.value.hint == "pip install 'governance[notify]'"
    assert isinstance(caught.value, GovernanceError)


def test_a_long_list_is_cut(desk: Workspace) -> None:
    from dataclasses import replace

    failed = [one for one in checked(desk, "2026-07").findings if one.judgement.verdict == "failed"]
    many = [replace(failed[0], check=f"check-{number}") for number in range(60)]
    what = notice(many, workspace="desk", window="w")
    assert what is not None
    assert what.title == "governance desk: 60 checks failed in w"
    assert "- and 10 more checks" in what.body


def test_a_name_of_a_folder_is_all_that_the_notice_says_of_the_workspace(desk: Workspace) -> None:
    what = notice(checked(desk, "2026-07").findings, workspace=desk.root.name, window="w")
    assert what is not None
    assert str(Path(desk.root).parent) not in what.title + what.body
