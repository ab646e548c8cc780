"""Reads AI request logs, decides controls from the log rows, explains decisions, and proves every number.

In a notebook: `import governance as gov`, then `store = gov.open()`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from governance import exhibits
    from governance.exploration import open  # noqa: A004 - read as `gov.open`

__all__ = ["__version__", "exhibits", "open"]

__version__ = "0.1.0"


def __dir__() -> list[str]:
    """What there is to use, for completion in a notebook."""
    return list(__all__)


def __getattr__(name: str) -> Any:
    """`open` and `exhibits`, loaded when they are asked for: importing the package must stay light."""
    if name == "open":
        return import_module("governance.exploration").open
    if name == "exhibits":
        return import_module("governance.exhibits")
    raise AttributeError(f"module 'governance' has no attribute '{name}'")
