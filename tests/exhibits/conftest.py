"""One small workspace for all exhibits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import governance as gov
from tests.small_quarter import Quarter, make_quarter

if TYPE_CHECKING:
    from governance.exploration import View


@pytest.fixture(scope="session")
def small_quarter(tmp_path_factory: pytest.TempPathFactory) -> Quarter:
    return make_quarter(tmp_path_factory.mktemp("quarter") / "desk")


@pytest.fixture
def view(small_quarter: Quarter) -> View:
    return gov.open(small_quarter.workspace.root).window("2026-Q3")
