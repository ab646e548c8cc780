"""A function of ours, run in a child process with limits: where files of strangers meet native parsers.

What holds for each child:

1. It runs a public function of `governance.artefacts` or `governance.explainers`, and no other.
2. It lives in a private folder (mode 0700) that goes with it; arguments and answer are JSON and Arrow files there.
3. It sets its own limits of memory, processor time, open files and file size before it reads anything.
4. From then on it may not connect, start a program or load a pickled object.
5. It has its own process group, which is killed when the time is up, on Ctrl-C, and when we die.
6. Whatever happens to it, the caller gets an answer or a `SourceError`; its output goes to the debug log only.
"""

import contextlib
import ctypes
import importlib
import inspect
import json
import logging
import os
import resource
import shutil
import signal
import site
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple, TypeAlias

import pyarrow as pa

from governance.errors import GovernanceError, SourceError

ALLOWED = ("governance.artefacts", "governance.explainers")
KEPT_ENVIRONMENT = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "OMP_NUM_THREADS", "TZ")
FORBIDDEN_EVENTS = frozenset({
    "socket.connect", "socket.bind", "socket.sendto", "socket.getaddrinfo", "pickle.find_class", "subprocess.Popen",
    "os.system", "os.exec", "os.posix_spawn", "os.fork", "os.forkpty",
})  # fmt: skip
LARGEST_ANSWER = 64 << 20  # bytes of JSON; rows travel as Arrow
LARGEST_TABLE = 4 << 30  # bytes

Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Limits:
    """What a child may use."""

    # Measured: shap, LightGBM and XGBoost together map 1.0 GiB and use 0.3; each further thread maps more.
    memory_bytes: int = 8 << 30
    cpu_s: int = 3600
    wall_s: float = 1800
    files: int = 256
    file_bytes: int = 4 << 30


class Job(NamedTuple):
    """A call to make in a child: `module:function`, its arguments, and what to call it in a message."""

    function: str
    arguments: Mapping[str, Json]
    tables: Mapping[str, pa.Table]
    where: str


class Answer(NamedTuple):
    """What a function that runs in a child returns."""

    value: Json
    tables: Mapping[str, pa.Table]


def run(job: Job, limits: Limits | None = None) -> Answer:
    """The answer of one function, run in a child.

    Raises:
        SourceError: The function raised one, or the child crashed, ran out of memory or out of time.
    """
    return run_all([job], limits)[0]


def run_all(jobs: Sequence[Job], limits: Limits | None = None, *, at_once: int = 1) -> list[Answer]:
    """The answers of several functions in the order of the jobs, each in a child of its own, `at_once` at a time.

    Raises:
        SourceError: The first job that failed; the children still running are killed.
    """
    for job in jobs:
        _require_allowed(job.function)
    limits = limits or Limits()
    answers: list[Answer] = []
    children: list[_Child] = []
    with contextlib.ExitStack() as stack:
        for number in range(len(jobs)):
            waiting = jobs[len(children) : number + at_once]
            children.extend(stack.enter_context(_child(job, limits)) for job in waiting)
            answers.append(_answer(children[number], limits))
    return answers


class _Child(NamedTuple):
    job: Job
    folder: Path
    process: subprocess.Popen[bytes]
    started_s: float


def _require_allowed(function: str) -> None:
    module, _, name = function.partition(":")
    allowed = any(module == package or module.startswith(package + ".") for package in ALLOWED)
    if not allowed or not name.isidentifier() or name.startswith("_"):
        raise ValueError(f"{function} may not run in the sandbox")


@contextlib.contextmanager
def _child(job: Job, limits: Limits) -> Iterator[_Child]:
    folder = Path(tempfile.mkdtemp(prefix="governance-"))
    process: subprocess.Popen[bytes] | None = None
    try:
        _write_request(job, limits, folder)
        with (folder / "stdout").open("wb") as stdout, (folder / "stderr").open("wb") as stderr:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "governance.sandbox", job.function],
                cwd=folder,
                env=_environment(folder),
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                start_new_session=True,
            )
        yield _Child(job, folder, process, time.monotonic())
    finally:
        if process is not None:
            _kill(process)
        shutil.rmtree(folder, ignore_errors=True)


def _write_request(job: Job, limits: Limits, folder: Path) -> None:
    request = {
        "arguments": job.arguments,
        "tables": sorted(job.tables),
        "limits": asdict(limits),
        "parent": os.getpid(),
    }
    (folder / "request.json").write_text(json.dumps(request, allow_nan=False), encoding="utf-8")
    _write_tables(job.tables, folder, "in")


def _environment(folder: Path) -> dict[str, str]:
    """A few names of ours and nothing else: no credential of the user's reaches the child."""
    kept = {name: os.environ[name] for name in KEPT_ENVIRONMENT if name in os.environ}
    places = dict.fromkeys(("HOME", "TMPDIR", "MPLCONFIGDIR", "NUMBA_CACHE_DIR"), str(folder))
    own = {"LANG": "C.UTF-8", "OPENBLAS_NUM_THREADS": "1", "PYTHONUSERBASE": site.getuserbase()}
    return {**kept, **places, **own, "PYTHONPATH": os.pathsep.join(_import_paths())}


def _import_paths() -> list[str]:
    """The folder from which this package was imported, where it is a checkout and not an installed copy."""
    home = Path(__file__).resolve().parents[1]
    return [] if home.name in {"site-packages", "dist-packages"} else [str(home)]


def _kill(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _answer(child: _Child, limits: Limits) -> Answer:
    where, hint = child.job.where, "check that the file is whole; run with --debug to see the child's last words"
    try:
        code = child.process.wait(max(0.0, child.started_s + limits.wall_s - time.monotonic()))
    except subprocess.TimeoutExpired as error:
        what = f"the child process that reads it was stopped after {limits.wall_s:g} s"
        raise SourceError(what, where=where, hint="use a smaller file or fewer rows") from error
    if code != 0:
        last_words = _last_line(child.folder / "stderr")
        _log.debug("%s: the child ended with %s: %s", where, code, last_words)
        raise SourceError(f"the child process that reads it {_death(code, last_words, limits)}", where=where, hint=hint)
    try:
        answer = json.loads(_read_own(child.folder / "answer.json", LARGEST_ANSWER))
        if "error" in answer:
            raise SourceError(
                str(answer["error"]["what"]), where=answer["error"]["where"], hint=answer["error"]["hint"]
            )
        return Answer(answer["value"], _read_tables(answer["tables"], child.folder, "out"))
    except (OSError, ValueError, KeyError, TypeError, pa.ArrowException) as error:
        raise SourceError("the child process that reads it gave no readable answer", where=where, hint=hint) from error


def _death(code: int, last_words: str, limits: Limits) -> str:
    if last_words.startswith("MemoryError") or "bad_alloc" in last_words:
        return f"needed more than its {limits.memory_bytes / 2**30:g} GiB of memory"
    if code == -signal.SIGXCPU:
        return f"used up its {limits.cpu_s} s of processor time"
    if code < 0:
        return f"died ({signal.Signals(-code).name if -code in set(signal.Signals) else -code})"
    return "could not make sense of it"


def _last_line(path: Path) -> str:
    with path.open("rb") as stream:
        stream.seek(max(0, path.stat().st_size - 4096))
        lines = stream.read().decode("utf-8", "replace").strip().splitlines()
    return "".join(letter if letter.isprintable() else "?" for letter in lines[-1])[:300] if lines else ""


def _read_own(path: Path, largest: int) -> bytes:
    """Bytes of a plain file; a link that a child put there is not followed."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as stream:
        if (size := os.fstat(descriptor).st_size) > largest:
            raise ValueError(f"{path.name} has {size} bytes, more than {largest}")
        return stream.read(size)


def _write_tables(tables: Mapping[str, pa.Table], folder: Path, prefix: str) -> None:
    for name, table in tables.items():
        with (
            pa.OSFile(str(folder / f"{prefix}-{name}.arrow"), "wb") as sink,
            pa.ipc.new_file(sink, table.schema) as out,
        ):
            out.write_table(table)


def _read_tables(names: Sequence[str], folder: Path, prefix: str) -> dict[str, pa.Table]:
    tables = {}
    for name in names:
        if not name.isidentifier():
            raise ValueError(f"{name!r} is no name of a table")
        content = _read_own(folder / f"{prefix}-{name}.arrow", LARGEST_TABLE)
        tables[name] = pa.ipc.open_file(pa.BufferReader(content)).read_all()
        tables[name].validate(full=True)
    return tables


def serve(function: str, folder: Path) -> None:
    """In the child: makes the call that `folder` asks for and leaves the answer there."""
    request = json.loads((folder / "request.json").read_text(encoding="utf-8"))
    _die_with_parent(request["parent"])
    _limit(Limits(**request["limits"]))
    call = _resolve(function)
    tables = _read_tables(request["tables"], folder, "in")
    sys.addaudithook(_forbid)
    try:
        value, out = call(**request["arguments"], **tables)
        _write_tables(out, folder, "out")
        answer: dict[str, Json] = {"value": value, "tables": sorted(out)}
    except GovernanceError as error:
        answer = {"error": {"what": error.what, "where": error.where, "hint": error.hint}}
    (folder / "answer.json").write_text(json.dumps(answer, allow_nan=False), encoding="utf-8")


def _die_with_parent(parent: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG, linux/prctl.h
    if os.getppid() != parent:
        sys.exit("the parent died before the line above")


def _limit(limits: Limits) -> None:
    for kind, wanted in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_AS, limits.memory_bytes),
        (resource.RLIMIT_CPU, limits.cpu_s),
        (resource.RLIMIT_NOFILE, limits.files),
        (resource.RLIMIT_FSIZE, limits.file_bytes),
    ):
        _, hard = resource.getrlimit(kind)
        hard = sys.maxsize if hard == resource.RLIM_INFINITY else hard
        most = min(wanted, hard)
        with contextlib.suppress(ValueError, OSError):  # macOS knows RLIMIT_AS but refuses to set it
            grace_s = 5 if kind == resource.RLIMIT_CPU and most < hard - 5 else 0  # SIGXCPU first, then SIGKILL
            resource.setrlimit(kind, (most, most + grace_s))


def _resolve(function: str) -> Callable[..., Answer]:
    name_of_module, _, name = function.partition(":")
    found = getattr(importlib.import_module(name_of_module), name)
    if name.startswith("_") or not inspect.isfunction(found) or found.__module__ != name_of_module:
        raise ValueError(f"{function} is no public function of that module")
    return found


def _forbid(event: str, _: tuple[object, ...]) -> None:
    if event in FORBIDDEN_EVENTS:
        raise PermissionError(f"{event} is not allowed in the sandbox")


if __name__ == "__main__":
    # Under its own name, so that its classes exist once.
    importlib.import_module("governance.sandbox").serve(sys.argv[1], Path.cwd())
