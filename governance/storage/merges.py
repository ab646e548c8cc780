"""Merges: one Parquet file that holds exactly the rows of several, and the statement that proves it.

What must hold:
1. Only files of the same columns, in name, type and order, are merged: nothing is converted, nothing is filled up.
2. The rows of a canonical table keep their order, one file after the other, so that each file is a stretch of the
   merged one. The index, which is no canonical table, is sorted by id over all of its files.
3. A merged file is compared with those that it replaces, every value of every row, before the ledger names it; verify
   compares them again, and what the ledger says about it with what it says about them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from governance.engines.duckdb import Engine, file_list, group_rows, identifier
from governance.proof.entries import REPLACES
from governance.storage.segments import Segment
from governance.tables import CANONICAL, PER_MODEL, REAL

Shape: TypeAlias = tuple[tuple[str, str], ...]  # name and type of each column, in order


def facts_of(replaced: Sequence[Segment]) -> dict[str, Any]:
    """What the ledger says about the file that holds the rows of these, in this order."""
    facts: dict[str, Any] = {"table": replaced[0].table, "rows": sum(segment.rows for segment in replaced)}
    if replaced[0].day is not None:
        facts["day"] = min(str(segment.day) for segment in replaced)
        facts["last_day"] = max(str(segment.last_day) for segment in replaced)
    if replaced[0].model is not None:
        facts["model"] = replaced[0].model
    if unresolved := sum(segment.unresolved for segment in replaced):
        facts["unresolved"] = unresolved
    facts |= {"provisional": True} if any(segment.provisional for segment in replaced) else {}
    facts |= {"alone": True} if any(segment.alone for segment in replaced) else {}
    facts |= {"indexed": True} if all(segment.indexed for segment in replaced) else {}
    facts |= {"identified": True} if all(segment.identified for segment in replaced) else {}
    return facts | {REPLACES: [segment.path for segment in replaced]}


def write(engine: Engine, table: str, replaced: Sequence[Path], merged: Path) -> int:
    """Writes the rows of files of the same columns to a new file, in a stream; returns how many there were.

    Raises:
        EngineError: A file cannot be read, or the new one cannot be written.
    """
    group = group_rows(_count(engine, replaced), is_full=table in PER_MODEL)
    return engine.write_parquet(_rows(table, replaced), merged, group=group)


def difference(engine: Engine, table: str, replaced: Sequence[Path], merged: Path) -> str | None:
    """What a merged file does not share with those that it replaces, or None if it holds exactly their rows.

    Raises:
        EngineError: A file cannot be read.
    """
    own, *others = shapes(engine, [merged, *replaced]).values()
    if any(other != own for other in others):
        return "has other columns than the files that it replaces"
    if _count(engine, [merged]) != _count(engine, replaced):
        return "has more or fewer rows than the files that it replaces"
    columns = engine.columns(f"({_read([merged])})")
    unlike = " OR ".join(_unlike(name, kind) for name, kind in columns.items())
    differing = engine.value(
        f"SELECT count(*) FROM ({_read([merged])}) a POSITIONAL JOIN ({_rows(table, replaced)}) b WHERE {unlike}"
    )
    return f"has {differing} rows that are not those of the files that it replaces" if differing else None


def shapes(engine: Engine, paths: Sequence[Path]) -> dict[Path, Shape]:
    """The columns of each file.

    Raises:
        EngineError: A file cannot be read.
    """
    nodes: dict[str, list[tuple[str, str, int]]] = {str(path): [] for path in paths}
    names = file_list(list(nodes))
    for file, *node in engine.rows(
        f"SELECT file_name, name, duckdb_type, coalesce(num_children, 0) FROM parquet_schema({names}) "
        "ORDER BY file_name, column_id"
    ):
        nodes[file].append((node[0], node[1], node[2]))
    return {path: tuple(_columns(nodes[str(path)][1:])) for path in paths}


def is_kept(shape: Shape) -> bool:
    """Whether columns can be read and written under their own names: the engine takes no two that differ in case."""
    return len({name.casefold() for name, _ in shape}) == len(shape)


def _columns(nodes: Iterable[tuple[str, str, int]]) -> Iterator[tuple[str, str]]:
    """The columns of a Parquet schema; its nodes come depth first, and a list or a map has others below it."""
    below = 0
    for name, kind, children in nodes:
        if below:
            below -= 1
        else:
            yield name, kind
        below += children


def _count(engine: Engine, paths: Sequence[Path]) -> int:
    names = file_list([str(path) for path in paths])
    return int(engine.value(f"SELECT sum(num_rows) FROM parquet_file_metadata({names})"))


def _unlike(name: str, kind: str) -> str:
    """SQL: two values are not the same; -0.0 equals 0.0 in SQL, and NaN itself."""
    a, b = (f"{side}.{identifier(name)}" for side in "ab")
    sign = f" OR signbit({a}) IS DISTINCT FROM signbit({b})" if kind in {REAL, "FLOAT"} else ""
    return f"{a} IS DISTINCT FROM {b}{sign}"


def _rows(table: str, paths: Sequence[Path]) -> str:
    return _read(paths) + ("" if table in CANONICAL else " ORDER BY ALL")


def _read(paths: Sequence[Path]) -> str:
    return f"SELECT * FROM read_parquet({file_list([str(path) for path in paths])}, hive_partitioning = false)"
