"""A file of a known format -> its records, of a large one as runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from governance.batches import BATCH_RECORDS
from governance.formats.rows import Meaning
from governance.patterns.runs import Run, runs
from governance.records import LogFile, Record, records, text_stretches

# Bytes of a file from which on patterns are worth the second that it takes to load what was compiled
PATTERNS_FROM = 32 << 20
_PACKED = 8  # bytes of a log that a compressed one stands for, more or less


def source_records(
    log: LogFile, meaning_of: Callable[[dict[str, Any]], Meaning | None] | None
) -> Iterator[Record | Run]:
    """What a file holds; of a large one, lines that differ in their values only come together.

    Args:
        log: The file.
        meaning_of: What lines of one form mean; None where the format looks at each line.

    Raises:
        SourceError: The header of a CSV file, or the footer of a Parquet file, cannot be used.
    """
    is_large = log.bytes * (_PACKED if log.compression else 1) >= PATTERNS_FROM
    if log.form != "jsonl" or not is_large or meaning_of is None:
        return records(log)
    return runs(text_stretches(log, BATCH_RECORDS), meaning_of)
