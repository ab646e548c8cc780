"""What every test gets: repeatable numbers, a home of its own, no network, the shared data, golden files."""

from __future__ import annotations

import ipaddress
import os
import random
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

REPOSITORY = Path(__file__).resolve().parents[1]
SHARED_DATA = REPOSITORY.parent / "shared" / "data"
GOLDEN = REPOSITORY / "tests" / "golden"
SEED = 20260701

# The same examples on each run, and no deadline, because a loaded machine is no defect of the code.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Bytes are named after their argument: what was compressed just now differs in each process that collects."""
    return argname if isinstance(val, bytes) else None


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds `--update-golden`."""
    parser.addoption("--update-golden", action="store_true", help="rewrite the golden files; review the diff")


# Files that are slow as a whole: child processes, simulations, whole distributions, each case twice
SLOW_FILES = frozenset(
    "artefacts/test_artefacts.py checks/test_drift.py checks/test_drift_acs.py checks/test_drift_noise.py "
    "checks/test_evidence.py "
    "checks/test_fairness.py checks/test_fairness_levels.py checks/test_recomputed.py checks/test_small_samples.py "
    "explainers/test_explainers.py exhibits/test_sections.py simulator/test_faults.py simulator/test_source_files.py "
    "simulator/test_streams.py sources/test_every_source.py test_casefile.py test_ci_recipe.py test_commits.py "
    "test_expectation_batches.py test_expectation_runs.py test_history.py test_policy_trial.py test_sandbox.py".split()
)
SLOW_TESTS = frozenset(
    "test_a_heavy_library_is_imported_in_one_file test_control_c_stops_cleanly test_every_record_is_accounted_for "
    "test_whole_and_in_several_parts test_a_value_of_another_type_on_line_30001_is_quarantined".split()
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks what is slow as a whole."""
    for item in items:
        path = item.path.relative_to(REPOSITORY / "tests").as_posix() if item.path.is_relative_to(REPOSITORY) else ""
        if path in SLOW_FILES or item.name.partition("[")[0] in SLOW_TESTS:
            item.add_marker(pytest.mark.slow)


def pytest_configure() -> None:
    """Makes the terminal the same everywhere: 80 columns, no colours, no rulers of a build server.

    Before any test module is imported, because typer reads these while it is imported.
    """
    for name in [name for name in os.environ if name.startswith("GOVERNANCE_")]:
        del os.environ[name]
    for name in ("FORCE_COLOR", "PY_COLORS", "CLICOLOR_FORCE", "GITHUB_ACTIONS"):
        os.environ.pop(name, None)
    os.environ |= {"COLUMNS": "80", "NO_COLOR": "1", "TZ": "UTC"}


def shared_data(relative_path: str) -> Path:
    """Path of a file or folder under `../shared/data`, for tests (also while tests are collected).

    Skips with the reason where the path is absent; on a build server (`CI` is set) it fails instead, so that no
    oracle is left out unseen.
    """
    path = SHARED_DATA / relative_path
    if path.exists():
        return path
    reason = f"shared/data/{relative_path} does not lie beside the repository"
    if os.environ.get("CI"):
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason, allow_module_level=True)


@pytest.fixture(name="shared_data", scope="session")
def shared_data_fixture() -> Callable[[str], Path]:
    """The function above, for tests that take it as an argument."""
    return shared_data


@pytest.fixture(scope="session", autouse=True)
def own_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder that stands for the user's configuration, so that no test writes keys or settings into the real one.

    One for the session, not one per test: a workspace made once for a module needs its signing key in each of
    its tests. A test that wants a home without keys sets XDG_CONFIG_HOME itself.
    """
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME", "IPYTHONDIR"):
            patch.setenv(name, str(home / name.lower()))
        for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"):
            patch.setenv(name, str(home / name.lower()))
        yield home


@pytest.fixture(autouse=True)
def seeds() -> None:
    """Pseudo-random numbers start at the same place in each test."""
    random.seed(SEED)
    if "numpy" in sys.modules:  # a test that does not use numpy need not wait for it
        sys.modules["numpy"].random.seed(SEED)


def is_local(address: object) -> bool:
    """Whether a socket address stays on this machine: a Unix socket, or a loopback host."""
    if not isinstance(address, tuple):
        return True
    host = address[0].decode() if isinstance(address[0], bytes) else address[0]
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host in {"localhost", ""}


@pytest.fixture(scope="session", autouse=True)
def no_network() -> Iterator[None]:
    """Fails a test that looks up a host name or connects to another machine from this process."""
    connect, connect_ex, getaddrinfo = socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo

    def refuse(address: object) -> None:
        if not is_local(address):
            pytest.fail(f"a test reached for the network: {address}")

    def guarded_connect(self: socket.socket, address: Any) -> None:
        refuse(address)
        connect(self, address)

    def guarded_connect_ex(self: socket.socket, address: Any) -> int:
        refuse(address)
        return connect_ex(self, address)

    def guarded_getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> list[Any]:
        refuse((host or "", 0))
        return getaddrinfo(host, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", guarded_connect)
        patch.setattr(socket.socket, "connect_ex", guarded_connect_ex)
        patch.setattr(socket, "getaddrinfo", guarded_getaddrinfo)
        yield


class Golden(Protocol):
    """Compares what a user reads with `tests/golden/<name>`."""

    def __call__(self, name: str, text: str) -> None:
        """Fails with a diff if the text is another, or rewrites the file under `--update-golden`."""


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Golden:
    """Compares a text with its golden file."""
    update: bool = request.config.getoption("--update-golden")

    def compare(name: str, text: str) -> None:
        path = GOLDEN / name
        if update:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="")
            return
        if not path.exists():
            pytest.fail(f"there is no tests/golden/{name}; make it with --update-golden and review it")
        assert text == path.read_text(encoding="utf-8"), f"tests/golden/{name} differs; --update-golden rewrites it"

    return compare
