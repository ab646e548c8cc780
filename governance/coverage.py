"""Which kinds of checks can be judged on what is filled, and which field would help to judge more."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from governance.checks import Check
from governance.engines.duckdb import Engine
from governance.extensions import checks, sources
from governance.sources import Source
from governance.storage.store import Snapshot, Store
from governance.tables import (
    ATTEMPTS,
    ATTRIBUTIONS,
    CANONICAL,
    DECISIONS,
    FEATURES,
    FINDINGS,
    MODELS,
    PER_MODEL,
    PROMPTS,
    REQUESTS,
    SIDE_TABLES,
    STANDALONE,
    SUBJECT_RECORDS,
    SUBJECTS,
)

_ENTRIES = {MODELS.name: "model", PROMPTS.name: "prompt"}  # tables whose rows are ledger entries, and of which kind
_ANY_RECORD = "requests.*|decisions.*"

# Tables that a mapping fills, and what else fills a table or a column
_MAPPED = {REQUESTS.name, ATTEMPTS.name, DECISIONS.name, FEATURES.name, SUBJECTS.name, *SIDE_TABLES, *STANDALONE}
_COMMANDS = {
    ATTRIBUTIONS.name: "explain --window",
    FINDINGS.name: "check",
    MODELS.name: "model register",
    PROMPTS.name: "prompt register",
    "requests.cost_computed": "price add",
}

# Column -> what fills it where a policy says how: `favourable: {decision: approved}`
_ALSO_IN = {SUBJECTS.name: (SUBJECT_RECORDS.name,)}  # tables that are made of the files of others too
_POLICY_CAN_SAY = {"decisions.favourable": ("favourable", "decisions.decision")}


@dataclass(frozen=True, slots=True)
class Coverage:
    """Whether a kind of check can be judged.

    Attributes:
        kind: The kind.
        judged: Whether every column that it needs is filled.
        missing: Columns that are empty; `a|b` where one of them would do.
        would_help: Missing column -> sources that fill it.
        policy_says: Keys that the policy must have, because the log does not say it.
    """

    kind: str
    judged: bool
    missing: tuple[str, ...]
    would_help: Mapping[str, tuple[str, ...]]
    policy_says: tuple[str, ...] = ()


class Gain(NamedTuple):
    """A column that would be enough to judge more kinds."""

    column: str
    kinds: tuple[str, ...]


def store_coverage(store_path: Path, *, as_of: int | None = None) -> list[Coverage]:
    """For each kind of check, whether a store can judge it, and what would help."""
    store = Store(store_path)
    snapshot = store.snapshot(as_of)
    with Engine(store.spill) as engine:
        snapshot.attach(engine)
        return coverage_of(filled_columns(engine, snapshot))


def coverage_of(filled: frozenset[str]) -> list[Coverage]:
    """For each kind of check, whether it can be judged on these columns, and what would help.

    Args:
        filled: As `filled_columns` gives them.
    """
    return [_coverage(kind, check, filled) for kind, check in checks().items()]


def filled_columns(engine: Engine, snapshot: Snapshot) -> frozenset[str]:
    """`table.column` of every canonical column that holds a value somewhere, and `table.*` of every table with rows."""
    found: set[str] = set()
    for name, table in CANONICAL.items():
        files = [found for of in (name, *_ALSO_IN.get(name, ())) for found in snapshot.segments.get(of, [])]
        if not files and not snapshot.of_kind(_ENTRIES.get(name, "")):
            continue
        found.add(f"{name}.*")
        if name in PER_MODEL:
            continue
        tests = ", ".join(f"bool_or({column} IS NOT NULL) AS {column}" for column in table.names)
        row = engine.records(f"SELECT {tests} FROM {name}")[0]
        found.update(f"{name}.{column}" for column, is_filled in row.items() if is_filled)
    return frozenset(found)


def gains(found: Sequence[Coverage]) -> list[Gain]:
    """The columns that are all that some kinds lack, those that give the most kinds first."""
    kinds: dict[str, list[str]] = {}
    for item in found:
        if len(item.missing) == 1:
            kinds.setdefault(item.missing[0], []).append(item.kind)
    ranked = sorted(kinds.items(), key=lambda pair: (-len(pair[1]), pair[0]))
    return [Gain(column, tuple(names)) for column, names in ranked]


def document(found: Sequence[Coverage]) -> dict[str, Any]:
    """The JSON of `status --coverage`."""
    kinds = [
        {
            "kind": item.kind,
            "judged": item.judged,
            "missing": list(item.missing),
            "would_help": {column: list(names) for column, names in item.would_help.items()},
            "policy_says": list(item.policy_says),
        }
        for item in found
    ]
    would_give = [{"column": gain.column, "kinds": list(gain.kinds)} for gain in gains(found)]
    return {"judged": sum(item.judged for item in found), "of": len(found), "kinds": kinds, "gains": would_give}


def _coverage(kind: str, check: type[Check], filled: frozenset[str]) -> Coverage:
    missing, said = [], []
    for need in _needs(check):
        if not filled.isdisjoint(need.split("|")):
            continue
        key, column = _POLICY_CAN_SAY.get(need, ("", ""))
        if column in filled:
            said.append(key)
        else:
            missing.append(need)
    return Coverage(kind, not missing, tuple(missing), {need: _filled_by(need) for need in missing}, tuple(said))


def _needs(check: type[Check]) -> Iterable[str]:
    """What a kind says that it needs, and records to judge: no kind is judged on an empty store."""
    tables = {column.partition(".")[0] for need in check.needs for column in need.split("|")}
    if not check.needs:
        return (_ANY_RECORD,)
    if check.table in tables or not tables.isdisjoint(STANDALONE):
        return check.needs
    return (f"{check.table}.*", *check.needs)


def _filled_by(need: str) -> tuple[str, ...]:
    """Sources, and other ways, that fill a column or one of several that will do."""
    columns = need.split("|")
    tables = {column.partition(".")[0] for column in columns}
    named = [source.name for source in sources().values() if any(_fills(source, column) for column in columns)]
    mapped = ["a mapping"] if any(_is_mapped(column) for column in columns) else []
    commands = {_COMMANDS[name] for name in (*columns, *tables) if name in _COMMANDS}
    return (*sorted(named), *mapped, *(f"`governance {command}`" for command in sorted(commands)))


def _fills(source: Source, column: str) -> bool:
    whole = column.removesuffix("*")
    return any(fill == column or (whole != column and fill.startswith(whole)) for fill in source.fills)


def _is_mapped(column: str) -> bool:
    return column.partition(".")[0] in _MAPPED and column not in _COMMANDS
