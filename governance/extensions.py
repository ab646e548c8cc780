"""Loads the open sets: each file in `sources`, `checks`, `explainers` and `artefacts` is one more kind."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType

    from governance.checks import Check
    from governance.sources import Source


def modules(package: str) -> dict[str, ModuleType]:
    """Name with hyphens -> module, for each file of a package that does not begin with an underscore."""
    found = import_module(package)
    names = sorted(item.name for item in iter_modules(found.__path__) if not item.name.startswith("_"))
    return {name.replace("_", "-"): import_module(f"{package}.{name}") for name in names}


@cache
def sources() -> dict[str, Source]:
    """Name -> source, in order of name."""
    return {name: module.SOURCE for name, module in modules("governance.sources").items()}


@cache
def checks() -> dict[str, type[Check]]:
    """Kind -> check, in order of name: the subclass of `Check` that each file defines."""
    from governance.checks import Check  # noqa: PLC0415 - `governance.checks` is a package that lists itself

    found = {}
    for kind, module in modules("governance.checks").items():
        own = [
            value
            for value in vars(module).values()
            if isinstance(value, type) and issubclass(value, Check) and value.__module__ == module.__name__
        ]
        found[kind] = own[-1]
    return found
