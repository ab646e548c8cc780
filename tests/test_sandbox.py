"""The sandbox: answers come back, and whatever a child does stays in it."""

import logging
import os
import signal
import stat
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pytest

from governance import sandbox
from governance.errors import SourceError
from governance.sandbox import Job, Json, Limits

TESTS = Path(__file__).resolve().parent


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The children's folders are made here, and they may import the faulty functions of the tests."""
    paths = sandbox._import_paths()
    monkeypatch.setattr(sandbox, "ALLOWED", (*sandbox.ALLOWED, "sandbox_faults"))
    monkeypatch.setattr(sandbox, "_import_paths", lambda: [*paths, str(TESTS)])
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def job(name: str, tables: Mapping[str, pa.Table] | None = None, /, **arguments: Json) -> Job:
    return Job(f"sandbox_faults:{name}", arguments, tables or {}, "m.txt")


def failure(name: str, limits: Limits | None = None, /, **arguments: Json) -> SourceError:
    with pytest.raises(SourceError) as caught:
        sandbox.run(job(name, **arguments), limits)
    assert caught.value.where
    assert caught.value.hint
    return caught.value


def test_answers_come_back_exactly(folder: Path) -> None:
    rows = pa.table({"a": [0.1, None, float("inf")], "b": ["x", "\u20ac", None]})
    answer = sandbox.run(job("double", {"rows": rows}, number=0.1))
    assert answer.value == 0.2
    assert answer.tables["rows"].equals(rows)
    assert list(folder.iterdir()) == []


def test_several_run_at_once_and_keep_their_order() -> None:
    rows = pa.table({"a": [1]})
    jobs = [job("double", {"rows": rows}, number=number) for number in range(3)]
    assert [answer.value for answer in sandbox.run_all(jobs, at_once=2)] == [0, 2, 4]


def test_a_child_sees_a_private_folder_and_no_secret(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    seen = sandbox.run(job("surroundings")).value
    assert isinstance(seen, dict)
    assert seen["mode"] == stat.S_IRWXU
    assert Path(seen["folder"]).parent == folder.resolve()
    assert seen["group"] == seen["process"]
    assert "AWS_SECRET_ACCESS_KEY" not in seen["environment"]
    assert "PYTHONPATH" in seen["environment"]


def test_our_errors_come_back_as_they_are() -> None:
    error = failure("refuse")
    assert (error.what, error.where, error.hint) == ("this is no model", "m.txt:3", "save it again")


def test_a_crash_is_an_error_and_its_words_go_to_the_debug_log(caplog: pytest.LogCaptureFixture, folder: Path) -> None:
    with caplog.at_level(logging.DEBUG, "governance.sandbox"):
        error = failure("crash")
    assert "SIGSEGV" in error.what
    assert "last words" not in str(error)
    assert "?[31mlast words" in caplog.text
    assert list(folder.iterdir()) == []


def test_a_mistake_of_ours_is_no_traceback(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "governance.sandbox"):
        assert "make sense" in failure("stumble").what
    assert "KeyError" in caplog.text
    assert "\x1b" not in caplog.text


def test_time_is_limited(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    started = time.monotonic()
    error = failure("sleep", Limits(wall_s=1.5), mark=str(mark))
    assert "1.5 s" in error.what
    assert time.monotonic() - started < 20
    with pytest.raises(ProcessLookupError):
        os.kill(int(mark.read_text()), 0)


def test_processor_time_is_limited() -> None:
    assert "processor time" in failure("spin", Limits(cpu_s=1)).what


def test_memory_is_limited() -> None:
    assert "8 GiB of memory" in failure("hoard").what


def test_file_size_is_limited() -> None:
    assert failure("fill_the_disk").what


def test_nothing_gets_out() -> None:
    assert sandbox.run(job("break_out")).value == []


def test_an_answer_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret.json"
    secret.write_text('{"value": "secret", "tables": []}', encoding="ascii")
    assert "no readable answer" in failure("leave_a_link", target=str(secret)).what


def test_an_answer_that_is_garbage_is_an_error() -> None:
    assert "no readable answer" in failure("leave_garbage").what


@pytest.mark.parametrize(
    "function",
    ["os:system", "governance.cli:main", "governance.artefactsx:run", "governance.artefacts", "sandbox_faults:_secret"],
)
def test_only_functions_of_the_open_sets_may_run(function: str) -> None:
    with pytest.raises(ValueError, match="may not run"):
        sandbox.run(Job(function, {}, {}, "m.txt"))


def test_a_function_that_was_only_imported_is_refused() -> None:
    with pytest.raises(SourceError):
        sandbox.run(Job("sandbox_faults:Answer", {}, {}, "m.txt"))


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGKILL])
def test_the_child_goes_with_its_parent(tmp_path: Path, end: signal.Signals) -> None:
    """Ctrl-C kills the child's group at once; so does our own death, however it comes."""
    mark = tmp_path / "mark"
    script = f"""
        from governance import sandbox
        sandbox.ALLOWED = ("sandbox_faults",)
        sandbox._import_paths = lambda: {[*sandbox._import_paths()]!r}
        sandbox.run(sandbox.Job("sandbox_faults:sleep", {{"mark": {str(mark)!r}}}, {{}}, "m.txt"))
    """
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sandbox._import_paths()), "TMPDIR": str(tmp_path)}
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)], env=environment, stderr=subprocess.DEVNULL
    ) as parent:
        wait_for(lambda: mark.exists() and mark.read_text() != "")
        parent.send_signal(end)
    child = int(mark.read_text())
    wait_for(lambda: not is_running(child))


def is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return not Path(f"/proc/{process}/stat").read_text(encoding="ascii").split(")")[1].startswith(" Z")


def wait_for(condition: object) -> None:
    deadline = time.monotonic() + 30
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.02)
