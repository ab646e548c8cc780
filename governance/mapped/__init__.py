"""Mapped tables -> batches: the rules of a mapping as SQL over the texts of the cells.

Every cell is text first and is cast strictly: what does not fit its canonical type sends the record to quarantine,
naming the column. Nothing is guessed or turned into null in silence; money is rounded to its 12 decimals, and a number
that is not finite becomes null with a flag.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from governance.batches import Batch, Rejection
from governance.engines.duckdb import Engine
from governance.errors import SourceError, nearest
from governance.input_types import MAX_INPUTS, Types
from governance.mapped.cells import Cells, cell_rules, exact_columns, typed_columns
from governance.mapped.chunks import Chunk, RecordChunk
from governance.mapped.inputs import Inputs
from governance.mapped.outputs import Outputs
from governance.mapped.reading import chunks_of
from governance.mapped.scans import Wanted
from governance.mapping import Mapping
from governance.records import LogFile, Record
from governance.tables import TEXT, WHOLE

__all__ = ["Types", "mapped_batch", "mapped_batches", "refuse_missing"]


def mapped_batches(log: LogFile, mapping: Mapping, engine: Engine, known: Types, run_bytes: int = 0) -> Iterator[Batch]:
    """The batches that a mapping makes of one file.

    Args:
        log: The file.
        mapping: What it means.
        engine: Where the projection runs.
        known: Types of the models' inputs in the store; batches add what they are the first to tell.
        run_bytes: Of all files that are read in this run; the loops of large ones are loaded once for all.

    Raises:
        SourceError: The file cannot be read as a table, or the mapping takes ids for models.
    """
    seen: Counter[str] = Counter()
    for chunk in chunks_of(log, engine, _wanted(mapping), run_bytes):
        yield _batch(chunk, mapping, engine, known, seen)


def mapped_batch(
    found: Sequence[Record],
    mapping: Mapping,
    engine: Engine,
    known: Types,
    seen: Counter[str],
    *,
    is_by_bytes: bool,
) -> Batch:
    """The batch that a mapping makes of records, numbered from 1.

    Args:
        found: The records.
        mapping: What they mean.
        engine: Where the projection runs.
        known: Types of the models' inputs in the store; grows.
        seen: How often each derived id was given in the file before; grows.
        is_by_bytes: Whether their content is told by their bytes: they are lines of JSON.
    """
    return _batch(RecordChunk(found, 0, is_by_bytes=is_by_bytes), mapping, engine, known, seen)


def _batch(chunk: Chunk, mapping: Mapping, engine: Engine, known: Types, seen: Counter[str]) -> Batch:
    batch = Batch(records=chunk.records, rejected=list(chunk.rejected))
    if chunk.readable:
        _map(chunk, mapping, engine, known, seen, batch)
    return batch


def _map(chunk: Chunk, mapping: Mapping, engine: Engine, known: Types, seen: Counter[str], batch: Batch) -> None:
    names = _feature_names(mapping, chunk.names)
    if len(names) > MAX_INPUTS:
        raise SourceError(
            f"{len(names)} columns of the log would be inputs of a model",
            where="mapping: features",
            hint="list the inputs instead of '*'; data written as keys are no columns",
        )
    places = {name: f"t{place}" for place, name in enumerate(sorted({*_named(mapping), *names}))}
    rules = cell_rules(mapping, places)
    texts = chunk.texts(engine, places, mapping.null_values, seen if "request_id" not in mapping.columns else None)
    cells = Cells(engine, texts, rules)
    misfits = cells.reject()
    inputs = Inputs(mapping, cells, {name: places[name] for name in names}, known) if mapping.decides else None
    if inputs:
        misfits += inputs.settle(batch)
    _reject(chunk, engine, misfits, batch)
    Outputs(mapping, cells, places, rules).fill(batch)
    if inputs:
        inputs.fill(batch)
    chunk.forget()


def _reject(chunk: Chunk, engine: Engine, misfits: list[tuple[int, str]], batch: Batch) -> None:
    if not misfits:
        return
    sources = chunk.sources(engine, [row[0] for row in misfits])
    for row_no, misfit in misfits:
        number, offset, raw = sources[row_no]
        reason, _, detail = misfit.partition(": ")
        batch.rejected.append(Rejection(number, offset, raw, reason, detail, row_no))
    batch.rejected.sort(key=lambda rejection: rejection.number)


def _wanted(mapping: Mapping) -> Wanted:
    listed = () if isinstance(mapping.features, str) else mapping.features
    return Wanted(
        frozenset({*_named(mapping), *listed}),
        mapping.features == "*",
        frozenset(exact_columns(mapping)),
        wholes=typed_columns(mapping, WHOLE),
        repeated=typed_columns(mapping, TEXT),
    )


def _named(mapping: Mapping) -> list[str]:
    """Columns of the table that the mapping names, its listed inputs left out."""
    rules = [*mapping.columns.values(), *mapping.subjects.values()]
    for outcome in mapping.outcomes:
        rules += [outcome.known, *([outcome.occurred] if outcome.occurred else ())]
    named = [rule.column for rule in rules if rule.column]
    return [*named, *(outcome.column for outcome in mapping.outcomes), *mapping.payloads.values()]


def _feature_names(mapping: Mapping, names: list[str]) -> list[str]:
    if mapping.features != "*":
        return list(mapping.features)
    used = set(_named(mapping))
    return [name for name in names if name not in used and name.split(".")[0] not in used]


def refuse_missing(mapping: Mapping, known: list[str], where: str) -> None:
    """Refuses a mapping that names a column which the table does not have.

    Args:
        mapping: What the table means.
        known: Columns of a table in which every record has every column.
        where: Name of the file.

    Raises:
        SourceError: A column is missing.
    """
    listed = () if isinstance(mapping.features, str) else mapping.features
    missing = [name for name in (*_named(mapping), *listed) if name not in known and name.split(".")[0] not in known]
    if missing:
        hint = nearest(missing[0], known) or f"it has {', '.join(known[:20])}"
        raise SourceError(f"the table has no column '{missing[0]}', which the mapping names", where=where, hint=hint)
