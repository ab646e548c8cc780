"""The control catalogue: what regulations and frameworks ask for, as data with sources, dates and the day it was read.

A control is a reading aid, not the rule. Its status and dates are honoured: what is repealed or does not apply yet is
said to be so, whatever a check found.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from governance.documents import yamltext
from governance.errors import Mistake, NotFoundError, PolicyError, nearest
from governance.workspace import shipped

MAINTAINED = ("eu-ai-act", "gdpr", "ecoa-reg-b", "nyc-ll144", "sr-26-2", "sr-11-7", "nist-ai-rmf")
STALE_DAYS = 180  # chosen here: law moves; five of the shipped frameworks changed within a year
_ID = re.compile(r"^- id: ([a-z0-9-]+:[A-Za-z0-9._-]+)\s*$", re.MULTILINE)
NO_LONGER = ("repealed", "superseded")


class Framework(BaseModel):
    """One regulation, standard or framework."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    name: str
    instrument: str
    jurisdiction: str
    kind: Literal["law", "guidance", "standard", "framework", "profile"]
    binding: bool
    status: str
    key_dates: dict[str, date] = Field(default_factory=dict)
    sources_read: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    as_of: date

    @property
    def maintained(self) -> bool:
        """Whether its entries are kept up to date here; the others are an appendix."""
        return self.id in MAINTAINED

    def is_stale(self, today: date) -> bool:
        """Whether it was last read too long ago to rely on."""
        return (today - self.as_of).days > STALE_DAYS


class Control(BaseModel):
    """One duty or control of a framework, in our own words."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    ref: str
    title: str
    requirement: str
    evidence: tuple[str, ...]
    applies_to: Literal["decision", "llm", "both"]
    reach: Literal["direct", "partial", "context"]
    roles: tuple[str, ...] = ()
    source: str
    status: str
    dates: dict[str, date] = Field(default_factory=dict)
    params: dict[str, Any] = Field(default_factory=dict)
    basis: Literal["text", "secondary", "remembered"]
    note: str | None = None

    @property
    def framework(self) -> str:
        """Id of its framework."""
        return self.id.partition(":")[0]

    def applies(self, first: date, last: date) -> bool:
        """Whether it applies on some day from `first` to `last`."""
        if self.status in NO_LONGER and not self.dates:
            return False
        begins = self.dates.get("applies_from")
        ends = [self.dates[name] for name in ("applies_until", "repealed", "withdrawn") if name in self.dates]
        if begins is None and self.status in ("adopted_not_yet_applicable", "draft", *NO_LONGER) and not ends:
            return False
        return (begins is None or begins <= last) and all(end >= first for end in ends)


class State(StrEnum):
    """How far the findings of a period answer a control; none is ever folded into another."""

    EVIDENCED = "evidenced"
    WITH_FINDING = "with finding"
    MISSING = "evidence missing"
    BEYOND = "beyond the tool"
    NOT_APPLICABLE = "not yet applicable"
    NO_LONGER = "no longer in force"


@cache
def control_ids() -> frozenset[str]:
    """The id of every control in the shipped catalogue."""
    # A scan of the id lines: parsing 20 files of YAML costs a second, and policies only need to know what exists
    found: set[str] = set()
    for path in _files():
        found.update(_ID.findall(path.read_text(encoding="utf-8")))
    return frozenset(found)


def _files() -> list[Path]:
    return sorted((shipped("policies") / "controls").glob("*.yaml"))


def framework_ids() -> tuple[str, ...]:
    """The frameworks of the catalogue: those that are maintained, then the appendix."""
    known = [path.stem for path in _files()]
    return (*(name for name in MAINTAINED if name in known), *(name for name in known if name not in MAINTAINED))


@cache
def read_framework(name: str) -> tuple[Framework, tuple[Control, ...]]:
    """A framework and its controls, in the order of the instrument.

    Raises:
        NotFoundError: There is none of that name.
        PolicyError: Its file has mistakes.
    """
    path = shipped("policies") / "controls" / f"{name}.yaml"
    if name not in framework_ids():
        hint = nearest(name, framework_ids()) or f"known are {', '.join(framework_ids())}"
        raise NotFoundError(f"no framework is called '{name}'", where="FRAMEWORK", hint=hint)
    document = yamltext.parse(path.read_bytes(), str(path))
    value: Any = document.value
    try:
        framework = Framework.model_validate(value["framework"])
        controls = tuple(Control.model_validate(item) for item in value["controls"])
    except (ValidationError, KeyError, TypeError) as error:
        text = str(error).split("\n")[0]
        raise PolicyError([Mistake(str(path), f"the file of controls has a mistake: {text}")]) from error
    return framework, controls


def state_of(control: Control, verdicts: Iterable[str], first: date, last: date) -> State:
    """How far the findings that name a control answer it in a period.

    Args:
        control: The control.
        verdicts: Verdicts of the findings that are evidence for it.
        first: First day of the period.
        last: Last day of the period.
    """
    if not control.applies(first, last):
        return State.NO_LONGER if control.status in NO_LONGER else State.NOT_APPLICABLE
    if control.reach == "context":
        return State.BEYOND
    found = set(verdicts)
    if found & {"failed", "warned", "waived"}:
        return State.WITH_FINDING
    return State.EVIDENCED if "passed" in found else State.MISSING
