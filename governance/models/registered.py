"""Registered versions of models, as the ledger has them: found by name and version, approvals applied."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from governance.errors import NotFoundError, nearest
from governance.proof.entries import Entry
from governance.storage.store import Snapshot


@dataclass(frozen=True, slots=True)
class RegisteredModel:
    """One registered version of a model, as the ledger has it.

    Attributes:
        model: Name as the decisions log it.
        version: Version as the decisions log it.
        entry: Number of the ledger entry.
        facts: What was registered: owner, tier, purpose, format, link, digests, features, approval, validity.
    """

    model: str
    version: str
    entry: int
    at: str
    facts: Mapping[str, Any]

    @property
    def artefact_sha256(self) -> str | None:
        """Digest of the model file."""
        return self.facts.get("artefact_sha256")

    @property
    def background_sha256(self) -> str | None:
        """Digest of the background sample."""
        return self.facts.get("background_sha256")


def models(snapshot: Snapshot) -> list[RegisteredModel]:
    """Every registered version, approvals applied, oldest first."""
    found = {(entry.facts["model"], entry.facts["version"]): registered(entry) for entry in snapshot.of_kind("model")}
    for entry in snapshot.of_kind("approval"):
        key = (entry.facts["model"], entry.facts["version"])
        own = found[key]
        approved = {"approved_by": entry.facts["by"], "approved_on": entry.facts["on"]}
        found[key] = RegisteredModel(own.model, own.version, own.entry, own.at, {**own.facts, **approved})
    return list(found.values())


def find_model(snapshot: Snapshot, name: str, version: str) -> RegisteredModel | None:
    """The registered version of that name, or None."""
    return next((model for model in models(snapshot) if (model.model, model.version) == (name, version)), None)


def require_model(snapshot: Snapshot, name: str, version: str | None) -> list[RegisteredModel]:
    """The versions of a model, or the one that was named.

    Raises:
        NotFoundError: There is none.
    """
    known = models(snapshot)
    found = [model for model in known if model.model == name and version in (None, model.version)]
    if not found:
        listed = [model.model for model in known]
        hint = nearest(name, listed) or ("`governance model register FILE` registers one" if not listed else None)
        what = f"{name} {version}" if version else name
        raise NotFoundError(f"no model is registered as '{what}'", where=name, hint=hint)
    return found


def registered(entry: Entry) -> RegisteredModel:
    """What an entry of the kind `model` registered."""
    return RegisteredModel(entry.facts["model"], entry.facts["version"], entry.number, entry.at, entry.facts)
