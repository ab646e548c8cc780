"""What can be judged, as the terminal shows it."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from governance.coverage import gains

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import Console

    from governance.coverage import Coverage

_MOST_GAINS = 5  # chosen here: what helps most; the whole list is in the JSON


def show(console: Console, found: Sequence[Coverage]) -> None:
    """Every kind, with what it lacks, and what would help most."""
    for item in found:
        console.print(f"{'✓' if item.judged else '?'} {item.kind}{_proviso(item)}")
        for column, helpful in item.would_help.items():
            _list(console, f"    {_either(column)} is empty; filled by", helpful, colon="")
    _total(console, found, "The store")


def show_briefly(console: Console, alone: Sequence[Coverage], with_store: Sequence[Coverage]) -> None:
    """The kinds that files can judge, alone and with what is in the store, and what would help most."""
    judged = {item.kind for item in alone if item.judged}
    _list(console, "These files alone can judge", (item.kind + _proviso(item) for item in alone if item.judged))
    more = [item.kind + _proviso(item) for item in with_store if item.judged and item.kind not in judged]
    if more:
        _list(console, "with what is in the store also", more)
    if judged or more:
        _list(console, "not", (item.kind for item in with_store if not item.judged))
    _total(console, with_store, "The store with these files")


def show_judged(console: Console, found: Sequence[Coverage], what: str) -> None:
    """The kinds that can be judged, and what would help most."""
    _list(console, f"{what} can judge", (item.kind + _proviso(item) for item in found if item.judged))
    _total(console, found, what)


def show_columns(console: Console, columns: Sequence[str]) -> None:
    """The canonical columns that are filled, by table."""
    tables: dict[str, list[str]] = {}
    for table, _, column in (name.partition(".") for name in columns):
        tables.setdefault(table, []).extend([column] if column != "*" else ())
    for table, names in tables.items():
        _list(console, f"fills {table}", names or ["one table for each model"])


def _total(console: Console, found: Sequence[Coverage], what: str) -> None:
    console.print(f"{what} can judge {sum(item.judged for item in found)} of {len(found)} kinds of checks")
    for gain in gains(found)[:_MOST_GAINS]:
        _list(console, f"  {_either(gain.column)} would give {len(gain.kinds)} more", gain.kinds)


def _list(console: Console, head: str, words: Iterable[str], colon: str = ":") -> None:
    text = f"{head}{colon} {', '.join(words) or 'none'}"
    margin = " " * (len(head) - len(head.lstrip()) + 2)
    console.print(textwrap.fill(text, console.width, subsequent_indent=margin, break_on_hyphens=False))


def _proviso(item: Coverage) -> str:
    return f" (if the policy says `{'`, `'.join(item.policy_says)}`)" if item.policy_says else ""


def _either(column: str) -> str:
    return column.replace("|", " or ")
