"""Prompt templates -> registered versions: the template by its digest, who wrote it, from when it is valid."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from governance.errors import GovernanceError, SourceError, no_file
from governance.models.servings import Seen
from governance.moments import stamp
from governance.proof.ledger import Entry
from governance.storage.store import Snapshot, Store
from governance.workspace import Workspace

MAX_TEMPLATE_BYTES = 1 << 20  # chosen here: no model takes a longer prompt


@dataclass(frozen=True, slots=True)
class RegisteredPrompt:
    """One registered version of a prompt.

    Attributes:
        name: As the requests log it.
        version: As the requests log it.
        entry: Number of the ledger entry.
        at: When it was registered.
        template_sha256: Digest of the template.
        author: Who wrote it.
        valid_from: First day in use.
    """

    name: str
    version: str
    entry: int
    at: str
    template_sha256: str
    author: str | None
    valid_from: str | None


@dataclass(frozen=True, slots=True)
class PromptUse:
    """One version of a prompt: what is registered and what the log shows; one of the two may be missing."""

    name: str | None
    version: str | None
    registered: RegisteredPrompt | None
    seen: Seen | None


def register_prompt(
    workspace: Workspace,
    template: Path,
    *,
    name: str,
    version: str,
    now: datetime,
    author: str | None = None,
    valid_from: str | None = None,
) -> RegisteredPrompt:
    """Registers one version of a prompt; the same again is the same entry.

    Args:
        workspace: Where to.
        template: The file; its bytes are kept as they are.
        name: As the requests log it.
        version: As the requests log it.
        now: When.
        author: Who wrote it.
        valid_from: First day in use, such as 2026-07-01.

    Raises:
        NotFoundError: There is no such file.
        SourceError: It is empty or too large, or the day is none.
        GovernanceError: The version is registered already with another template, author or day.
    """
    content = _content(template)
    day = None if valid_from is None else _day(valid_from)
    facts: dict[str, Any] = {
        "prompt": name,
        "version": version,
        "template_sha256": hashlib.sha256(content).hexdigest(),
        "author": author,
        "valid_from": day,
    }
    store = Store(workspace.store)
    with store.writing(workspace.key, now) as writer:
        snapshot = store.snapshot()
        known = next((one for one in prompts(snapshot) if (one.name, one.version) == (name, version)), None)
        if known is not None:
            return _same(known, facts, template)
        is_new = not snapshot.blob(facts["template_sha256"]).exists()
        staged = [store.stage_blob(content, {"blob": "prompt"})] if is_new else []
        return _prompt(writer.commit("prompt", facts, staged, at=stamp(now)))


def _same(known: RegisteredPrompt, facts: Mapping[str, Any], template: Path) -> RegisteredPrompt:
    if all(getattr(known, key) == facts[key] for key in ("template_sha256", "author", "valid_from")):
        return known
    raise GovernanceError(
        f"{known.name} {known.version} is registered already with other content",
        where=str(template),
        hint="a changed prompt is a new version",
    )


def _content(template: Path) -> bytes:
    if not template.is_file():
        raise no_file(template, "give the prompt's template")
    if not 0 < template.stat().st_size <= MAX_TEMPLATE_BYTES:
        raise SourceError("a template has from 1 byte to 1 MiB", where=str(template))
    return template.read_bytes()


def _day(text: str) -> str:
    try:
        return str(date.fromisoformat(text))
    except ValueError as error:
        raise SourceError(f"'{text}' is no day", where="--valid-from", hint="write it as 2026-07-01") from error


def prompts(snapshot: Snapshot) -> list[RegisteredPrompt]:
    """Every registered version, oldest first."""
    return [_prompt(entry) for entry in snapshot.of_kind("prompt")]


def _prompt(entry: Entry) -> RegisteredPrompt:
    facts = entry.facts
    named = (facts["template_sha256"], facts["author"], facts["valid_from"])
    return RegisteredPrompt(facts["prompt"], facts["version"], entry.number, entry.at, *named)


def uses(registered: list[RegisteredPrompt], seen: list[Seen]) -> list[PromptUse]:
    """The registered versions and those in the log side by side, by name; what is in one only has no other half."""
    log = {(one.name, one.version): one for one in seen}
    own: dict[tuple[str | None, str | None], RegisteredPrompt] = {(one.name, one.version): one for one in registered}
    keys = sorted({*log, *own}, key=lambda key: (key[0] or "", log[key].first if key in log else "~", key[1] or ""))
    return [PromptUse(*key, own.get(key), log.get(key)) for key in keys]
