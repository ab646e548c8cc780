"""A first mapping file for a log that nobody has described: guesses, written so that a person can correct them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from textwrap import wrap

from governance.batches import Batch
from governance.coverage import Coverage, coverage_of
from governance.display import visible
from governance.drafts.forms import FORMS
from governance.drafts.guesses import Guesses, guessed
from governance.drafts.profiles import Profile, profiles
from governance.drafts.side_tables import REQUESTS, Likeness, likenesses, otherwise, side_guesses
from governance.drafts.text import WIDTH, written
from governance.engines.duckdb import Engine
from governance.errors import SourceError
from governance.extensions import sources
from governance.mapped import mapped_batch
from governance.mapping import parse_mapping
from governance.records import LogFile, Record, open_log, records
from governance.records.record import MAX_RECORD_BYTES
from governance.tables import REVIEWS

_READABLE = "CSV, JSON Lines, JSON and Parquet can be read; `governance ingest` keeps the others with the reason"
_WAYS_OUT = {  # reason -> what to do about a file all of whose records are so
    "bad_utf8": "save it as UTF-8, such as: iconv -f ISO-8859-1 -t UTF-8 FILE > OTHER",
    "too_long": f"a record may have {MAX_RECORD_BYTES >> 20} MiB at most; leave out what is large, such as pictures",
}
TRIED = 1_000  # records; chosen here: enough to see what a column holds


@dataclass(frozen=True, slots=True)
class Draft:
    """A first mapping, and what comes of it.

    Attributes:
        source: Name under which the records would be stored.
        text: The mapping file.
        known: The format that reads the file without any mapping, if there is one.
        guesses: What the columns may mean.
        because: Columns that tell the table, where it is no log of requests.
        otherwise: Tables that it could be as well, or is at the same time.
        tried: How many records it was tried on.
        reasons: Why some of them cannot be read by it; `detail` of the first of each reason.
        coverage: What could be judged; empty where the mapping cannot be used as it is, or is not one of requests.
    """

    source: str
    text: str
    known: str | None
    guesses: Guesses
    because: Sequence[str]
    otherwise: Sequence[str]
    tried: int
    reasons: Mapping[str, tuple[int, str]]
    coverage: Sequence[Coverage]

    @property
    def is_usable(self) -> bool:
        """Whether `ingest` takes the mapping as it is: the log says what the table must have, such as times."""
        return not self.guesses.missing


def draft(path: Path, table: str | None = None) -> Draft:
    """A first mapping for a file, tried on its first records.

    Args:
        path: A table: CSV, JSON Lines, JSON or Parquet, compressed or not.
        table: The canonical table whose rows its records are; told by its columns unless given.

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
            hint=_WAYS_OUT.get(first[0].reason or "" if first else "", _READABLE),
        )
    found = profiles(readable)
    source = _source_name(path)
    alike = likenesses(found, source)
    chosen = table or (alike[0].form.table if alike and alike[0].is_clear else REQUESTS)
    guesses = _of_requests(found, alike) if chosen == REQUESTS else side_guesses(FORMS[chosen], found)
    because = next((one.columns for one in alike if one.form.table == chosen), ())
    known = next((name for name, form in sources().items() if form.recognises(readable[0])), None)
    others = [] if known else otherwise(chosen, guesses, alike)
    body = "\n".join(written(source, guesses, found)) + "\n"
    batch = None if guesses.missing else _tried(first, log, body)
    reasons = {} if batch is None else _reasons(batch)
    coverage = () if batch is None or chosen != REQUESTS else coverage_of(_filled(batch))
    head = _head(path, len(first), None if batch is None else len(first) - len(batch.rejected))
    told = "".join(_comment(line) for line in _told(chosen, because, others))
    return Draft(source, head + told + body, known, guesses, because, others, len(first), reasons, coverage)


def _of_requests(found: Sequence[Profile], alike: Sequence[Likeness]) -> Guesses:
    """Guesses for a log; what a person said afterwards about a record was no input of the model."""
    guesses = guessed(found)
    later = {column for one in alike if one.form.table == REVIEWS.name for column in one.columns}
    guesses.left |= dict.fromkeys((name for name in guesses.features if name in later), "of a review")
    guesses.features = [name for name in guesses.features if name not in later]
    return guesses


def _told(chosen: str, because: Sequence[str], others: Sequence[str]) -> Iterator[str]:
    """Which table it was taken for, and which it may be."""
    if chosen != REQUESTS:
        named = f" ({', '.join(map(visible, because))})" if because else ""
        yield f"Read as {chosen}{named}: a row is {FORMS[chosen].said}. If it is none: --table requests."
    if others:
        as_well = " or ".join(f"--table {name}" for name in others)
        yield f"It may hold {' or '.join(others)} as well: {as_well} drafts a mapping of those."


def _comment(line: str) -> str:
    return "".join(f"# {part}\n" for part in wrap(line, WIDTH - 2, break_on_hyphens=False))


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
        "It cannot be used as it is: see where it says WHEN, or which column is missing."
        if readable is None
        else f"{readable:,} of its first {tried:,} records can be read with it."
    )
    return "".join(
        _comment(line)
        for line in (
            f"First mapping of {own}, guessed from names and values: look at each line.",
            said,
            "`governance sources --columns` explains the names on the left; what is deleted stays empty.",
        )
    )
