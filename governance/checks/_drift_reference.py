"""What samples are compared with: a window, the store as it was, or the sample that a model was registered with."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from governance.errors import GovernanceError
from governance.findings import parse_window
from governance.measurement.scopes import PREVIOUS, Scope

_ANY_DAY = datetime(2000, 1, 1, tzinfo=UTC)  # windows that depend on today are refused, so this never shows


class Reference(BaseModel):
    """What records are compared with: those of another window, or the sample that the model was registered with.

    Attributes:
        window: Its name.
        training: Whether it is the sample of the model.
        as_of: Ledger entries that the store then had: only records of files that had been read by then.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    window: str | None = None
    training: Literal[True] | None = None
    as_of: int | None = Field(default=None, ge=1)

    @field_validator("window")
    @classmethod
    def _is_fixed(cls, value: str | None) -> str | None:
        if value is None or value == PREVIOUS:
            return value
        if value.startswith("last-"):
            raise ValueError("a reference must not move: name a quarter, a month, a day or two days, or `previous`")
        try:
            parse_window(value, now=_ANY_DAY)
        except GovernanceError as error:
            raise ValueError(f"{error.what}; {error.hint}") from error
        return value

    @model_validator(mode="after")
    def _is_one(self) -> Reference:
        if self.training and (self.window is not None or self.as_of is not None):
            raise ValueError("`training: true` stands alone: the sample of a model has no window and never changes")
        if self.training is None and self.window is None and self.as_of is None:
            raise ValueError("give `window`, `as_of`, both, or `training: true`")
        return self

    @property
    def label(self) -> str:
        """How reasons call it."""
        if self.training:
            return "the registered sample"
        then = "" if self.as_of is None else f" as of {self.as_of} ledger entries"
        named = {None: "the store", PREVIOUS: "the window before"}.get(self.window, self.window)
        return f"{named}{then}"

    @property
    def limit(self) -> str:
        """How limits call it."""
        named = "training" if self.training else self.window or "all"
        return named if self.as_of is None else f"{named} as of {self.as_of}"

    def scoped(self, scope: Scope) -> Scope:
        """The scope with the reference window in it, if the reference is one, and the files that count.

        Raises:
            GovernanceError: The ledger does not have that many entries, or cannot be read.
        """
        if self.training or scope.reference is not None:
            return scope
        found = scope.with_past() if self.window is None else replace(scope, reference=scope.named_window(self.window))
        return found if self.as_of is None else replace(found, reference_files=_read_by(scope, self.as_of))


def _read_by(scope: Scope, entries: int) -> tuple[str, ...]:
    """Digests of the source files that the first entries of the ledger tell of."""
    from governance.storage.store import Store  # noqa: PLC0415 - only a reference that is frozen asks the ledger

    if scope.store is None:
        return ()
    snapshot = Store(scope.store).snapshot(entries)
    named = (entry.facts.get("file_sha256") for entry in snapshot.entries)
    return tuple(dict.fromkeys(str(digest) for digest in named if digest is not None))
