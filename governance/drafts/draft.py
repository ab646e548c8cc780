"""A first mapping file for a log that nobody has described: guesses, written so that a person can correct them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from governance.batches import Batch
from governance.coverage import Coverage, coverage_of
from governance.display import visible
from governance.drafts.guesses import Guesses, guessed
from governance.drafts.profiles import profiles
from governance.drafts.text import written
from governance.engines.duckdb import Engine
from governance.errors import SourceError
from governance.extensions import sources
from governance.mapped import mapped_batch
from governance.mapping import parse_mapping
from governance.records import LogFile, Record, open_log, records

TRIED = 1_000  # records; chosen here: enough to see what a column holds


@dataclass(frozen=True, slots=True)
class Draft:
    """A first mapping, and what comes of it.

    Attributes:
        source: Name under which the records would be stored.
        text: The mapping file.
        known: The format that reads the file without any mapping, if there is one.
        guesses: What the columns may mean.
        tried: How many records it was tried on.
        reasons: Why some of them cannot be read by it; `detail` of the first of each reason.
        coverage: What could be judged; empty where the mapping cannot be used as it is.
    """

    source: str
    text: str
    known: str | None
    guesses: Guesses
    tried: int
    reasons: Mapping[str, tuple[int, str]]
    coverage: Sequence[Coverage]

    @property
    def is_usable(self) -> bool:
        """Whether `ingest` takes the mapping as it is: the log tells the time of each request."""
        return bool(self.coverage)


def draft(path: Path) -> Draft:
    """A first mapping for a file, tried on its first records.

    Args:
        path: A table: CSV, JSON Lines, JSON or Parquet, compressed or not.

    Raises:
        NotFoundError: There is no such file.
        SourceError: It is empty, is not what its name says, or none of its first records can be read.
    """
    log = open_log(path)
    first = list(islice(records(log), TRIED))
    readable = [record.value for record in first if record.value is not None]
    if not readable:
        raise SourceError(
            f"none of its first {len(first)} records can be read ({first[0].reason if first else 'there are none'})",
            where=log.name,
            hint="CSV, JSON Lines, JSON and Parquet can be read; `governance ingest` keeps the others with the reason",
        )
    found = profiles(readable)
    guesses = guessed(found)
    source = _source_name(path)
    known = next((name for name, form in sources().items() if form.recognises(readable[0])), None)
    body = "\n".join(written(source, guesses, found)) + "\n"
    batch = _tried(first, log, body) if guesses.column_of("start_ts") else None
    reasons = {} if batch is None else _reasons(batch)
    coverage = () if batch is None else coverage_of(_filled(batch))
    head = _head(path, len(first), None if batch is None else len(first) - len(batch.rejected))
    return Draft(source, head + body, known, guesses, len(first), reasons, coverage)


def _source_name(path: Path) -> str:
    name = re.sub(r"[^a-z0-9_.-]+", "-", path.name.lower().partition(".")[0]).strip("-._")
    return name[:60] or "log"


def _tried(first: Sequence[Record], log: LogFile, body: str) -> Batch:
    """What becomes of the records."""
    mapping = parse_mapping(body.encode(), "the mapping that was drafted")
    with Engine() as engine:
        return mapped_batch(first, mapping, engine, {}, Counter(), is_by_bytes=log.form == "jsonl")


def _reasons(batch: Batch) -> dict[str, tuple[int, str]]:
    counts = Counter(rejection.reason for rejection in batch.rejected)
    return {
        reason: (count, next(found.detail for found in batch.rejected if found.reason == reason))
        for reason, count in counts.items()
    }


def _filled(batch: Batch) -> frozenset[str]:
    """Canonical columns that hold a value, as `governance.coverage` counts them."""
    named = {
        f"{table}.{column}"
        for table, rows in batch.tables.items()
        for column in rows.column_names
        if rows.column(column).null_count < rows.num_rows
    }
    return frozenset(named | {f"{table}.*" for table in batch.tables} | ({"features.*"} if batch.features else set()))


def _head(path: Path, tried: int, readable: int | None) -> str:
    own = visible(path.name)
    said = (
        "No column holds a time: write one in the place of WHEN."
        if readable is None
        else f"{readable:,} of its first {tried:,} records can be read with it."
    )
    return (
        f"# First mapping of {own}, guessed from names and values: look at each line.\n# {said}\n"
        "# `governance sources --columns` explains the names on the left; what is deleted here stays empty.\n"
    )
