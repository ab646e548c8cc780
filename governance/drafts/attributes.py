"""Columns of a log that look like protected attributes and are not read as such: fairness cannot be judged by them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from governance.drafts.profiles import Kind, profiles
from governance.drafts.search import AGE_BANDS, has_bands, is_group
from governance.drafts.usual_names import attribute_of
from governance.mapping import Mapping
from governance.records import open_log, records
from governance.tables import SUBJECT_RECORDS

LOOKED_AT = 200  # records of a file; chosen here: enough to see what a column holds
FILES = 20  # chosen here: files of one mapping have the same columns
_TABLES = ("requests", SUBJECT_RECORDS.name)  # whose mappings may name subjects


class Unmapped(NamedTuple):
    """A column that looks like a protected attribute, and what becomes of it instead.

    Attributes:
        column: The column of the log.
        attribute: What it may be, such as `sex`.
        use: `not read`, `input` (of a model), or the canonical column that it fills.
        bands: Limits that would make groups of it, where it is a number that tells an age.
        can_map: Whether a line in the mapping is enough: not of dates, nor of a log that is read without a mapping.
    """

    column: str
    attribute: str
    use: str
    bands: tuple[int, ...] | None = None
    can_map: bool = False


def unmapped(paths: Iterable[Path], mapping: Mapping) -> list[Unmapped]:
    """Columns of files that a mapping does not take for protected attributes, though they look like some.

    Args:
        paths: Files that can be read; of the first ones the first records are looked at.
        mapping: How they are read.
    """
    if mapping.table not in _TABLES:
        return []
    found = (one for path in islice(paths, FILES) for one in _of_file(path, mapping))
    return list(dict.fromkeys(found))


def unmapped_inputs(inputs: Iterable[str], subjects: Iterable[str]) -> list[Unmapped]:
    """Inputs of models that look like protected attributes which no subject has."""
    known = set(subjects)
    called = ((name, attribute_of(name)) for name in inputs)
    return [Unmapped(name, said, "input") for name, said in called if said and not known & {name, said}]


def _of_file(path: Path, mapping: Mapping) -> Iterator[Unmapped]:
    readable = (record.value for record in records(open_log(path)) if record.value is not None)
    subjects = {rule.column for rule in mapping.subjects.values()}
    for profile in profiles(islice(readable, LOOKED_AT)):
        attribute = attribute_of(profile.name) if profile.filled and profile.kind is not Kind.NESTED else None
        if attribute and attribute not in mapping.subjects and profile.name not in subjects:
            can_map = is_group(attribute, profile)
            bands = AGE_BANDS if can_map and has_bands(attribute, profile) else None
            yield Unmapped(profile.name, attribute, _use(profile.name, mapping), bands, can_map)


def _use(column: str, mapping: Mapping) -> str:
    named = next((name for name, rule in mapping.columns.items() if rule.column == column), None)
    if named is not None:
        return named
    return "input" if mapping.features == "*" or column in mapping.features else "not read"
