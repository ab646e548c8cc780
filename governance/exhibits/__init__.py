"""The tables and figures of reports: one module per section, each function a `Block` of a store in one window.

`gov.exhibits.fairness.ratios(store.window("2026-Q3"))` is what the report's notebook calls and what a reader may call
too. To add a section, write `exhibits/<noun>.py`; nothing is registered anywhere.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType


def __getattr__(name: str) -> ModuleType:
    """The module of a section, loaded when it is asked for."""
    if name in __dir__():
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"no exhibit is called '{name}'; there are {', '.join(__dir__())}")


def __dir__() -> list[str]:
    return sorted(item.name for item in iter_modules(__path__))
