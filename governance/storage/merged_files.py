"""The step of verify that looks at merged files: each holds exactly the rows of those that it replaced."""

from __future__ import annotations

import tempfile
from collections.abc import Container, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from governance.engines.duckdb import Engine, EngineError
from governance.proof.entries import REPLACES, NamedFile
from governance.storage.merges import difference, facts_of
from governance.storage.segments import Segment, segment_of

if TYPE_CHECKING:
    from governance.proof.inspection import Inspection

MEMORY_LIMIT = "500MB"  # of the engine, which spills beyond it


def compare_merged_files(inspection: Inspection) -> None:
    """Takes down each merged file that is not what it should be; nothing that has a problem already is read."""
    earlier: set[str] = set()  # files whose rows no merged file holds yet
    compared, replaced = 0, 0
    with tempfile.TemporaryDirectory() as spill, Engine(Path(spill), MEMORY_LIMIT) as engine:
        for file in inspection.named.values():
            if REPLACES in file.facts:
                what = _misnamed(inspection, file, earlier)
                if what is None and _is_intact(inspection, file):
                    what = _unlike(inspection, engine, file)
                    compared += 1
                    replaced += len(file.facts[REPLACES])
                if what is None:
                    earlier.difference_update(file.facts[REPLACES])
                else:
                    inspection.report(file.path, what)
            earlier.add(file.path)
    if compared:
        what = f"{compared} merged files were compared, row by row, with the {replaced} that they replace"
        inspection.notes.append(what)


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


def _is_intact(inspection: Inspection, file: NamedFile) -> bool:
    """Whether a merged file, and each that it replaced, has the bytes that the ledger says."""
    return inspection.problems.keys().isdisjoint([file.path, *file.facts[REPLACES]])


def _unlike(inspection: Inspection, engine: Engine, file: NamedFile) -> str | None:
    """What the rows of a merged file do not share with those of the files that it replaced."""
    root = inspection.folder.root
    table, paths = str(file.facts["table"]), [root / path for path in file.facts[REPLACES]]
    try:
        return difference(engine, table, paths, root / file.path)
    except EngineError as error:
        return f"cannot be compared with the files that it replaces: {error}"


def _replaced(inspection: Inspection, file: NamedFile) -> Sequence[Segment]:
    named = [inspection.named[path] for path in file.facts[REPLACES]]
    return [segment_of(one, str(one.facts["table"])) for one in named]
