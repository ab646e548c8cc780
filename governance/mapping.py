"""Mapping files: a user's own table -> canonical columns, validated with the line of each mistake."""

from __future__ import annotations

import hashlib
import re
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from governance.documents import yamltext
from governance.documents.validation import validation_mistakes
from governance.errors import Mistake, NotFoundError, PolicyError, nearest
from governance.findings import is_timezone
from governance.tables import (
    ATTEMPTS,
    CANONICAL,
    DECISIONS,
    REQUESTS,
    SIDE_TABLES,
    STANDALONE,
    SUBJECT_RECORDS,
    SUBJECTS,
    TAGS,
    TIME,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

UNITS_US = {"s": 1_000_000, "ms": 1_000, "us": 1, "ns": 0.001, "min": 60_000_000}
EPOCHS = {"epoch_s": 1_000_000, "epoch_ms": 1_000, "epoch_us": 1, "epoch_ns": 0.001}

_WHOLE = re.compile(r"^(-?\d+)\.0+$")

# Filled in by ingestion, never by a mapping
_INTERNAL = frozenset(
    "request_uid source id_origin input_state output_state n_decisions quality_flags is_conflict file_sha256 row_no "
    "decision_id item_index score_digits attempt_uid target_id outcome_id record_id state_id value_num".split()
)
_OF_OTHERS = frozenset("state_id count_id file_sha256 row_no".split())  # of tables that belong to no request
_OF_SUBJECTS = frozenset((*SUBJECTS.names, *SUBJECT_RECORDS.names, "place"))  # names that no attribute can have
_SHIPPED = Path(__file__).parent / "mappings"
_OF_REQUESTS = ("features", "outcomes", "payloads")
_TABLES = ("requests", ATTEMPTS.name, *SIDE_TABLES, *STANDALONE)
# Table -> canonical columns that a mapping of it must have
NEEDED: dict[str, tuple[str, ...]] = {
    "requests": ("start_ts",),
    "attempts": ("request_id", "attempt_no", "start_ts"),
    "outcomes": ("request_id", "name", "known_ts"),
    "reviews": ("request_id", "requested_ts"),
    "subject_records": ("request_id", "known_ts"),
    "assessments": ("request_id", "name", "created_ts"),
    "notices": ("request_id", "name", "noted_ts"),
    "evaluations": ("suite", "metric", "started_ts"),
    "incidents": ("incident_id", "opened_ts"),
    "request_counts": ("window_start", "window_end", "expected"),
}
_NO_DECISION = _INTERNAL | {*REQUESTS.names, "model", "decision_ts"}
_DECIDES = tuple(name for name in DECISIONS.names if name not in _NO_DECISION)

Role: TypeAlias = Literal["request", "response", "error"]
"""What a body is of its request."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ColumnRule(_Model):
    """How one canonical column is filled.

    Attributes:
        column: Column of the table, or a dotted path into nested JSON.
        constant: The same value for every record.
        format: Of times: iso, epoch_s, epoch_ms, epoch_us, epoch_ns or a strptime pattern.
        timezone: Of times without an offset; without one they are taken as UTC and flagged.
        unit: Of durations: s, ms, us, ns or min.
        scale: Factor for a number, such as 0.01 for cents.
        map: Canonical text of a value -> what it means.
        default: For a value that `map` does not name.
        bands: Ascending limits; a number becomes the band it lies in (`25-`, `25..39`, `40+`).
    """

    column: str | None = None
    constant: bool | int | float | str | None = None
    format: str | None = None
    timezone: str | None = None
    unit: str | None = None
    scale: float | None = Field(default=None, allow_inf_nan=False)
    map: dict[str, bool | int | float | str | None] | None = Field(default=None, min_length=1)
    default: bool | int | float | str | None = None
    bands: tuple[Annotated[float, Field(allow_inf_nan=False)], ...] | None = Field(default=None, min_length=1)

    @field_validator("map", mode="before")
    @classmethod
    def _canonical_keys(cls, value: Any) -> Any:
        """Keys as values are compared: 1, 1.0 and "1" are `1`, True is `true`."""
        if not isinstance(value, dict):
            return value
        return {
            _WHOLE.sub(r"\1", key.lower() if key.lower() in ("true", "false") else key): v for key, v in value.items()
        }

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str | None) -> str | None:
        if value is not None and not is_timezone(value):
            raise ValueError(f"no time zone is called '{value}'; use a name such as Europe/Berlin")
        return value

    @field_validator("format")
    @classmethod
    def _known_format(cls, value: str | None) -> str | None:
        if value is not None and value != "iso" and value not in EPOCHS and "%" not in value:
            raise ValueError(
                f"no format is called '{value}'; use iso, {', '.join(EPOCHS)} or a pattern such as %d.%m.%Y"
            )
        return value

    @model_validator(mode="after")
    def _one_origin(self) -> ColumnRule:
        if (self.column is None) == (self.constant is None):
            raise ValueError("give either 'column' or 'constant'")
        if self.unit is not None and self.unit not in UNITS_US:
            raise ValueError(f"the unit must be one of {', '.join(UNITS_US)}")
        if self.bands is not None and list(self.bands) != sorted(set(self.bands)):
            raise ValueError("bands must ascend")
        return self


def _rule(value: Any) -> Any:
    return {"column": value} if isinstance(value, str) else value


class OutcomeRule(_Model):
    """A truth that the table carries about its own decisions."""

    name: str
    column: str
    positive: str | None = None
    known: ColumnRule
    occurred: ColumnRule | None = None

    @field_validator("known", "occurred", mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        return _rule(value)

    @field_validator("positive", mode="before")
    @classmethod
    def _as_text(cls, value: Any) -> Any:
        return str(value).lower() if isinstance(value, bool) else None if value is None else str(value)


class Mapping(_Model):
    """One mapping file.

    Attributes:
        source: Name under which the records are stored; part of their identity.
        table: requests (with decisions); attempts, of requests of the same `source`; a side table (outcomes, reviews,
            assessments, notices, subject_records); or what belongs to no request (evaluations, incidents,
            request_counts).
        columns: Canonical column -> rule.
        features: The model's inputs, or "*" for every column that is not named elsewhere.
        subjects: Protected attribute -> rule.
        outcomes: Truths in the same table.
        payloads: Role of a body (request, response, error) -> column that holds it; anything but text is kept as JSON.
        null_values: Texts that mean nothing was logged.
    """

    source: str = Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,62}$")
    table: str = "requests"
    columns: dict[str, ColumnRule] = Field(min_length=1)
    features: tuple[str, ...] | Literal["*"] = ()
    subjects: dict[str, ColumnRule] = Field(default_factory=dict)
    outcomes: tuple[OutcomeRule, ...] = ()
    payloads: dict[Role, str] = Field(default_factory=dict)
    null_values: tuple[str, ...] = ("",)

    @field_validator("columns", "subjects", mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        return {name: _rule(rule) for name, rule in value.items()} if isinstance(value, dict) else value

    @field_validator("outcomes", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        return (value,) if isinstance(value, dict) else value

    @property
    def names_model(self) -> bool:
        """Whether it says which model was asked or served."""
        return not {"model", "model_served", "model_requested"}.isdisjoint(self.columns)

    @property
    def decides(self) -> bool:
        """Whether its records are decisions and not requests alone."""
        return self.table == "requests" and bool(set(self.columns) & set(_DECIDES) or self.subjects or self.features)


def shipped_mappings() -> dict[str, Path]:
    """Name -> file of the mappings of common frames that come with the package; its first line says of what."""
    return {path.stem: path for path in sorted(_SHIPPED.glob("*.yaml"))}


def read_mapping(path: Path) -> tuple[Mapping, str]:
    """The mapping in a file, and the digest of its bytes.

    Raises:
        NotFoundError: There is no such file.
        PolicyError: It is not a mapping; carries every mistake with its line.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        hint = nearest(str(path), shipped_mappings()) or "`governance sources` names those that are shipped"
        raise NotFoundError(f"the mapping cannot be read ({error.strerror})", where=str(path), hint=hint) from error
    return parse_mapping(raw, str(path)), hashlib.sha256(raw).hexdigest()


def parse_mapping(raw: bytes, where: str) -> Mapping:
    """The mapping in the bytes of a file called `where`; raises PolicyError as `read_mapping`."""
    document = yamltext.parse(raw, where)
    value = document.value
    if not isinstance(value, dict):
        raise PolicyError([Mistake(where, "a mapping file is a YAML mapping", "it begins with 'source: NAME'")])
    mistakes = list(_unknown_columns(document, value))
    try:
        mapping = Mapping.model_validate(value)
    except ValidationError as error:
        mistakes += validation_mistakes(error, document, Mapping)
        raise PolicyError(mistakes) from error
    if mistakes:
        raise PolicyError(mistakes)
    return mapping


def allowed_columns(table: str) -> tuple[str, ...]:
    """Canonical columns that a mapping of that table may name."""
    if table == "requests":
        names = [*REQUESTS.names, *_DECIDES, "decision_ts", "model"]
        types = {column.name: column.type for column in (*REQUESTS.columns, *DECISIONS.columns)}
        return tuple(name for name in names if name not in _INTERNAL and types[name] != TAGS)
    if table in STANDALONE:
        return tuple(name for name in CANONICAL[table].names if name not in _OF_OTHERS)
    names = [name for name in CANONICAL[table].names if name not in _INTERNAL | {"decision_id"}]
    return ("request_id", *names)


def _unknown_columns(document: yamltext.Document, value: dict[str, yamltext.Value]) -> Iterator[Mistake]:
    table = value.get("table", "requests")
    if table not in _TABLES:
        yield Mistake(document.at(("table",)), f"no table is called '{table}'", f"use one of {', '.join(_TABLES)}")
        return
    columns = value.get("columns")
    names = allowed_columns(str(table))
    for name in columns if isinstance(columns, dict) else ():
        if name not in names:
            hint = nearest(name, names) or "`governance sources --columns` lists them"
            yield Mistake(document.at(("columns", name)), f"no canonical column is called '{name}'", hint)
    if isinstance(columns, dict):
        yield from _missing_columns(document, str(table), columns)
        yield from _bad_times(document, str(table), columns)
    for name in _OF_REQUESTS if table != "requests" else ():
        if value.get(name):
            what = f"'{name}' belongs to a mapping of requests, and this is one of {table}"
            yield Mistake(document.at((name,)), what, "leave it out, or write a second mapping")
    subjects = value.get("subjects")
    if table == "subject_records" and not subjects:
        yield Mistake(document.at(("table",)), "no protected attribute is mapped", "say which under 'subjects'")
    for name in subjects if isinstance(subjects, dict) else ():
        if name in _OF_SUBJECTS or not name.isidentifier():
            what = f"a protected attribute cannot be called '{name}'"
            yield Mistake(document.at(("subjects", name)), what, "use a word such as sex or age_band")


def _bad_times(document: yamltext.Document, table: str, columns: dict[str, Any]) -> Iterator[Mistake]:
    """Constant times that are none."""
    for name, rule in columns.items():
        constant = rule.get("constant") if isinstance(rule, dict) and "format" not in rule else None
        if constant is None or not is_time(name, table):
            continue
        try:
            datetime.fromisoformat(str(constant))
        except ValueError:
            at = document.at(("columns", name, "constant"))
            yield Mistake(at, f"'{constant}' is no time", "write it as 2026-07-01T00:00:00Z")


def _missing_columns(document: yamltext.Document, table: str, columns: dict[str, Any]) -> Iterator[Mistake]:
    for name in NEEDED[table]:
        if name not in columns:
            hint = "a time column, or {constant: 2026-07-01T00:00:00Z}" if is_time(name, table) else None
            yield Mistake(document.at(("columns",)), f"'{name}' must be mapped", hint)


def is_time(column: str, table: str) -> bool:
    """Whether a canonical column of that table holds a time."""
    tables = (REQUESTS, DECISIONS) if table == "requests" else (CANONICAL[table],)
    return any(known.type == TIME for found in tables if (known := found.column(column)))
