"""The project: what it needs is declared and locked, what it ships is whole and attributed, it starts quickly."""

from __future__ import annotations

import ast
import os
import re
import socket
import subprocess
import sys
import tomllib
import zipfile
from collections import defaultdict
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

if TYPE_CHECKING:
    from collections.abc import Callable

REPOSITORY = Path(__file__).resolve().parents[1]
PACKAGE = REPOSITORY / "governance"
PROJECT: dict[str, Any] = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
LOCK = (REPOSITORY / "requirements.lock").read_text(encoding="utf-8")
EXTRAS: dict[str, list[str]] = PROJECT["project"]["optional-dependencies"]

# Each is imported in one file, where it is needed, so that the command starts quickly and each can be replaced.
HEAVY = (
    "duckdb",
    "great_expectations",
    "shap",
    "lightgbm",
    "xgboost",
    "papermill",
    "nbconvert",
    "typst",
    "cryptography",
    "apprise",
)
SLOW_TO_LOAD = {*HEAVY, "pyarrow", "pandas", "numpy", "scipy", "sqlalchemy", "jupyterlab", "IPython"}
DATA_SUFFIXES = {".gz", ".zst", ".bz2", ".parquet", ".csv", ".json", ".jsonl", ".txt", ".ubj", ".ttf", ".otf"}

HELP = """
import sys, governance.cli
sys.argv = ["governance", "--help"]
try:
    governance.cli.main()
except SystemExit as end:
    assert not end.code, end.code
"""


def locked() -> dict[str, list[str]]:
    """Name of each locked package -> its hashes (a package locked for several platforms has those of all)."""
    hashes: dict[str, list[str]] = defaultdict(list)
    for block in re.split(r"\n(?=\S)", LOCK.strip()):
        name = canonicalize_name(Requirement(block.split("\\")[0]).name)
        hashes[name] += re.findall(r"--hash=(sha256:[0-9a-f]{64})", block)
    return hashes


def direct_dependencies() -> dict[str, list[Requirement]]:
    """Core, each extra and the development group -> what they name directly."""
    groups = {"core": PROJECT["project"]["dependencies"], "dev": PROJECT["dependency-groups"]["dev"], **EXTRAS}
    return {group: [Requirement(text) for text in texts] for group, texts in groups.items()}


@pytest.mark.parametrize("group", ["core", "dev", *EXTRAS])
def test_each_direct_dependency_is_locked_with_a_hash(group: str) -> None:
    names = {canonicalize_name(requirement.name) for requirement in direct_dependencies()[group]} - {"governance"}
    hashes = locked()
    assert {name for name in names if not hashes.get(name)} == set()


def test_each_locked_package_is_pinned_and_has_a_hash() -> None:
    lines = [line for line in LOCK.splitlines() if line and not line[0].isspace()]
    assert [line for line in lines if "==" not in line] == []
    assert [name for name, hashes in locked().items() if not hashes] == []


def test_the_lock_holds_no_address_and_no_option() -> None:
    assert "://" not in LOCK
    assert re.findall(r"^\s*--(?!hash=).*", LOCK, flags=re.MULTILINE) == []


def test_the_extra_all_names_every_other_extra() -> None:
    (everything,) = direct_dependencies()["all"]
    assert everything.extras == set(EXTRAS) - {"all"}


def test_the_changelog_has_an_unreleased_section() -> None:
    lines = (REPOSITORY / "CHANGELOG.md").read_text(encoding="utf-8").splitlines()
    assert "## [Unreleased]" in lines


def test_each_benchmark_is_described() -> None:
    text = (REPOSITORY / "bench" / "README.md").read_text(encoding="utf-8")
    assert [path.name for path in (REPOSITORY / "bench").glob("*.py") if f"`{path.name}`" not in text] == []


def imports(path: Path) -> set[str]:
    """Top-level names that a file imports anywhere when it runs (not those for type checkers alone)."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            node.body = []
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names.add(node.module.split(".")[0])
    return names


def importers() -> dict[str, set[str]]:
    """Top-level name -> files of the package that import it."""
    found: dict[str, set[str]] = defaultdict(set)
    for path in sorted(PACKAGE.rglob("*.py")):
        for name in imports(path):
            found[name].add(path.relative_to(PACKAGE).as_posix())
    return found


def test_what_the_package_imports_is_declared() -> None:
    declared = {
        canonicalize_name(requirement.name)
        for group, requirements in direct_dependencies().items()
        if group != "dev"
        for requirement in requirements
    }
    distributions = packages_distributions()
    foreign = {
        name: files for name, files in importers().items() if name not in {*sys.stdlib_module_names, "governance"}
    }
    undeclared = {
        name: files
        for name, files in foreign.items()
        if not declared & {canonicalize_name(distribution) for distribution in distributions.get(name, [name])}
    }
    assert undeclared == {}


@pytest.mark.parametrize("library", HEAVY)
def test_a_heavy_library_is_imported_in_one_file(library: str) -> None:
    assert len(importers()[library]) <= 1, importers()[library]


@pytest.mark.parametrize("program", ["import governance", HELP], ids=["import", "help"])
def test_a_start_loads_no_heavy_library(program: str) -> None:
    ending = "\nimport sys\nprint(*sys.modules, sep='\\n', file=sys.stderr)"
    run = subprocess.run([sys.executable, "-c", program + ending], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert set(run.stderr.split()) & SLOW_TO_LOAD == set()


def attribution(path: Path) -> str:
    """Text of the ATTRIBUTION.md in the file's folder or the nearest one above it, empty if there is none."""
    folders = [folder for folder in path.parents if folder.is_relative_to(PACKAGE)]
    texts = [text.read_text(encoding="utf-8") for folder in folders if (text := folder / "ATTRIBUTION.md").is_file()]
    return texts[0] if texts else ""


def test_shipped_data_says_where_it_comes_from() -> None:
    data = [path for path in PACKAGE.rglob("*") if path.suffix in DATA_SUFFIXES and "__pycache__" not in path.parts]
    names = [path.relative_to(PACKAGE).as_posix() for path in data if path.name not in attribution(path)]
    assert names == []


def shipped_names() -> set[str]:
    """Names in the wheel of every file that the package, the policies and the notebooks hold."""
    folders = {"governance": "governance"} | {name: f"governance/_shipped/{name}" for name in ("policies", "notebooks")}
    return {
        f"{target}/{path.relative_to(REPOSITORY / folder).as_posix()}"
        for folder, target in folders.items()
        for path in (REPOSITORY / folder).rglob("*")
        if path.is_file() and not {"__pycache__", ".ipynb_checkpoints"} & set(path.parts)
    }


@pytest.mark.slow
def test_the_wheel_holds_the_package_its_data_the_policies_and_the_notebooks(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    subprocess.run(build, cwd=REPOSITORY, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    expected = shipped_names()
    assert expected - names == set()
    assert {name for name in names - expected if ".dist-info/" not in name} == set()
    assert any(name.startswith("governance/_shipped/policies/") for name in names)
    assert any(name.startswith("governance/_shipped/notebooks/") for name in names)


def test_shared_data_is_reached_through_the_fixture_alone() -> None:
    """Another way would skip in silence on a build server, where an absent oracle is a failure."""
    own = {Path(__file__), REPOSITORY / "tests" / "conftest.py"}
    others = [path for path in (REPOSITORY / "tests").rglob("*.py") if path not in own]
    assert [path.name for path in others if re.search(r"""["'/]shared["'/]""", path.read_text(encoding="utf-8"))] == []


def test_a_host_elsewhere_is_refused_and_this_machine_is_not() -> None:
    with pytest.raises(pytest.fail.Exception, match="reached for the network"):
        socket.create_connection(("192.0.2.1", 80), timeout=0.1)
    with pytest.raises(pytest.fail.Exception, match="reached for the network"):
        socket.getaddrinfo("example.org", 443)
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        assert client.getpeername() == server.getsockname()


def test_absent_shared_data_skips_here_and_fails_on_a_build_server(
    shared_data: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="no/such"):
        shared_data("no/such")
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="no/such"):
        shared_data("no/such")


def test_no_test_sees_the_settings_of_the_user(tmp_path_factory: pytest.TempPathFactory) -> None:
    assert Path(os.environ["XDG_CONFIG_HOME"]).is_relative_to(tmp_path_factory.getbasetemp())
    assert [name for name in os.environ if name.startswith("GOVERNANCE_")] == []


def test_a_missing_golden_file_fails(golden: Callable[[str, str], None]) -> None:
    with pytest.raises(pytest.fail.Exception, match="no/such"):
        golden("no/such", "text")
