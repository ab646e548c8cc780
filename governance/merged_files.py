"""The step of verify that looks at merged files: each holds exactly the rows of those that it replaced."""

from __future__ import annotations

import tempfile
from collections.abc import Container, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from governance.engines.duckdb import Engine, EngineError
from governance.entries import REPLACES, NamedFile
from governance.merges import difference, facts_of
from governance.segments import Segment, segment_of

if TYPE_CHECKING:
    from governance.inspection import Inspection

MEMORY_LIMIT = "500MB"  # of the engine, which spills beyond it


def compare_merged_files(inspection: Inspection) -> None:
    """Takes down each merged file that is not what it should be; nothing that has a problem already is read."""
    earlier: set[str] = set()  # files whose rows no merged file holds yet
    merged, replaced = 0, 0
    with tempfile.TemporaryDirectory() as spill, Engine(Path(spill), MEMORY_LIMIT) as engine:
        for file in inspection.named.values():
            if REPLACES in file.facts:
                merged += 1
                what = _misnamed(inspection, file, earlier) or _unlike(inspection, engine, file)
                if what:
                    inspection.report(file.path, what)
                else:
                    earlier.difference_update(file.facts[REPLACES])
                    replaced += len(file.facts[REPLACES])
            earlier.add(file.path)
    inspection.notes.append(
        f"{merged} merged files, which replace {replaced} others, were compared with them row by row"
    )


def _misnamed(inspection: Inspection, file: NamedFile, earlier: Container[str]) -> str | None:
    """What is wrong with what the ledger says about a merged file."""
    paths = file.facts[REPLACES]
    if not isinstance(paths, list) or not paths or not all(isinstance(path, str) for path in paths):
        return "does not say which files it replaces"
    for path in paths:
        if path not in earlier:
            return f"replaces {path}, which no earlier entry names or another file replaces"
    try:
        is_fitting = len(set(paths)) == len(paths) and file.facts == facts_of(_replaced(inspection, file))
    except (ArithmeticError, KeyError, TypeError, ValueError):  # facts of a form that no writer of ours gives them
        is_fitting = False
    return None if is_fitting else "has other facts than the files that it replaces"


def _unlike(inspection: Inspection, engine: Engine, file: NamedFile) -> str | None:
    """What the rows of a merged file do not share with those of the files that it replaced."""
    segments = _replaced(inspection, file)
    if any(path in inspection.problems for path in (file.path, *(segment.path for segment in segments))):
        return None
    root = inspection.folder.root
    try:
        return difference(engine, segments[0].table, [root / one.path for one in segments], root / file.path)
    except EngineError as error:
        return f"cannot be compared with the files that it replaces: {error}"


def _replaced(inspection: Inspection, file: NamedFile) -> Sequence[Segment]:
    named = [inspection.named[path] for path in file.facts[REPLACES]]
    return [segment_of(one, str(one.facts["table"])) for one in named]
