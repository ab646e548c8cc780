"""One small workspace for all exhibits."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

import governance as gov
from governance.workspace import make_workspace
from tests.small_quarter import Quarter, make_quarter

if TYPE_CHECKING:
    from governance.exploration import View


@pytest.fixture(scope="session")
def small_quarter(tmp_path_factory: pytest.TempPathFactory) -> Quarter:
    return make_quarter(tmp_path_factory.mktemp("quarter") / "desk")


@pytest.fixture
def view(small_quarter: Quarter) -> View:
    return gov.open(small_quarter.workspace.root).window("2026-Q3")


@pytest.fixture(scope="session")
def empty(tmp_path_factory: pytest.TempPathFactory) -> View:
    """The window of a workspace into which nothing was ingested."""
    folder = tmp_path_factory.mktemp("empty") / "desk"
    made = make_workspace(folder, environment=os.environ, now="2026-10-02T08:00:00.000000Z")
    return gov.open(made.root).window("2026-Q3")
