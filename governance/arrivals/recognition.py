"""What a log file is: which source reads it, and what its owner should do where none does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import PurePath
from typing import Any

from governance.cards import FORMS
from governance.envelopes import opened
from governance.errors import SourceError
from governance.extensions import sources
from governance.mapping import read_mapping, shipped_mappings
from governance.records import LogFile, records
from governance.sources import Source

PROBED = 1_000  # records that may be something else before the first that tells the format
ENOUGH = 100  # of them in the first bytes of a file, none of the format, tell that the file is of another
_CARD_NAMES = (".yaml", ".yml")
_TEXT_NAMES = (".md", ".markdown", ".rst", ".html")
_LINEAGE = frozenset({"eventType", "run", "job"})  # OpenLineage, spec/OpenLineage.json


def recognised(log: LogFile) -> Source:
    """The source that reads a file.

    A server's own lines, a comment or a record that was cut may stand before the first record of the format. The
    source judges them like all others: they are ignored or quarantined, and counted.

    Raises:
        SourceError: None does; the hint says what the file is instead, or what to do with a table of one's own.
    """
    known = sources().values()
    for value in _values(log):
        for inner in opened(value, lambda one: any(source.recognises(one) for source in known)):
            found = next((source for source in known if isinstance(inner, Mapping) and source.recognises(inner)), None)
            if found is not None:
                return found
    raise SourceError("the format of this file is not recognised", where=log.name, hint=_hint(log))


def refuse_other(log: LogFile, *, is_whole: bool) -> None:
    """Refuses what no source reads, as far as a part of it tells.

    Args:
        log: The part.
        is_whole: Whether it is all that there is.

    Raises:
        SourceError: As `recognised` would of the whole file.
    """
    if is_whole or len(list(islice(_values(log), ENOUGH))) == ENOUGH:
        recognised(log)


def _values(log: LogFile) -> Iterator[Mapping[str, Any]]:
    return (record.value for record in islice(records(log), PROBED) if record.value is not None)


def _hint(log: LogFile) -> str:
    """What to do with a file that no source reads."""
    first = next(_values(log), {})
    name = PurePath(log.name)
    is_card = name.name == "MLmodel" or name.suffix.lower() in _CARD_NAMES or not FORMS.keys().isdisjoint(first)
    if is_card or (name.suffix.lower() == ".md" and _has_front_matter(log)):
        return "a model's card is registered, not read as a log: `governance model register FILE`"
    if name.suffix.lower() in _TEXT_NAMES:
        return "a text is no log; name the logs of a folder by a pattern, such as 'logs/*.jsonl*'"
    if "sample_spec" in first or first.keys() >= {"id", "models"}:
        return "prices of models are read by `governance price add FILE`"
    if first.keys() >= _LINEAGE:
        return "runs of a data pipeline (OpenLineage) are no requests; give the log of the model itself"
    shipped = _shipped(first)
    if shipped is not None:
        return f"its columns are those of a mapping that is shipped: --mapping {shipped}"
    return (
        "for a table of your own, `governance mapping init FILE` writes a first mapping to give with --mapping; "
        "`governance sources` lists the formats for --source NAME"
    )


def _has_front_matter(log: LogFile) -> bool:
    """Whether a file begins as a model card of Hugging Face does."""
    with log.path.open("rb") as file:
        return file.read(3) == b"---"


def _shipped(first: Mapping[str, Any]) -> str | None:
    """The shipped mapping all of whose columns are there."""
    for name, path in shipped_mappings().items():
        mapping, _ = read_mapping(path)
        if first.keys() >= {rule.column for rule in mapping.columns.values() if rule.column}:
            return name
    return None
