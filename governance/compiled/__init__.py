"""Loops over single bytes, compiled when they are first called; each file but `tree` takes a second to import."""

import sys


def is_loaded() -> bool:
    """Whether this process has loaded the compiler, so that a loop costs no more than itself."""
    return "governance.compiled.jit" in sys.modules
