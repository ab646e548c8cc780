"""A workspace: a folder with governance.toml, policies, notebooks, reports and a store."""

from __future__ import annotations

import json
import os
import re
import shutil
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

from governance.errors import GovernanceError, NotFoundError, nearest

SETTINGS_FILE = "governance.toml"
_UTC = "UTC"
_TEMPLATE = """\
# Settings of this workspace. All have defaults; these are they.

# timezone = "UTC"              # days, months and quarters begin at midnight of this zone
# fiscal_year_start_month = 1   # month in which Q1 begins
# payloads = "digest"           # "keep" stores prompt and response bodies; otherwise only their digests
# keep_raw = false              # true keeps a copy of every ingested file in the store
# organisation = "..."          # who decides, as letters to the persons concerned name it
# contact = "..."               # where they turn with questions: an address, a telephone number
# object_within = "30 days"     # how long they may object, from the day on which they get the letter
# answer_within = "1 month"     # how soon they are answered
# supervisor = "..."            # the authority that they may complain to, with its address

# The ledger is signed with this key. Keep it where those who write to the store cannot read it.
key = {key}
"""
_OF_LETTERS = ("organisation", "contact", "object_within", "answer_within", "supervisor")
_KNOWN = ("timezone", "fiscal_year_start_month", "payloads", "keep_raw", *_OF_LETTERS, "key")
_TERM = re.compile(r"([1-9][0-9]{0,2}) ((?:working |business |calendar )?day|week|month)s?")


class Office(NamedTuple):
    """Who answers for decisions, as the persons concerned read it; what the settings do not say is an empty text.

    Attributes:
        name: Who decides.
        contact: Where one asks.
        object_within: How long one may object, such as `30 days`.
        answer_within: How soon one is answered.
        supervisor: The authority that one may complain to.
    """

    name: str = "the organisation"
    contact: str = ""
    object_within: str = ""
    answer_within: str = ""
    supervisor: str = ""

    def unsaid(self) -> list[str]:
        """The settings that letters to the persons concerned lack."""
        known = (self.name != NOBODY.name, *self[1:])
        return [setting for setting, value in zip(_OF_LETTERS, known, strict=True) if not value]


NOBODY = Office()  # where the settings name none


@dataclass(frozen=True, slots=True)
class Workspace:
    """A workspace that was found.

    Attributes:
        root: Its folder.
        timezone: Zone in which windows begin.
        fiscal_year_start_month: 1 to 12.
        keep_payloads: Whether prompt and response bodies are stored.
        keep_raw: Whether ingested files are stored as they are.
        key: Where the signing key lies.
        office: Who answers for decisions.
    """

    root: Path
    timezone: str
    fiscal_year_start_month: int
    keep_payloads: bool
    keep_raw: bool
    key: Path
    office: Office = NOBODY

    @property
    def store(self) -> Path:
        """The store's folder."""
        return self.root / "store"

    @property
    def policies(self) -> Path:
        """The folder of policies."""
        return self.root / "policies"

    @property
    def notebooks(self) -> Path:
        """The folder of notebooks."""
        return self.root / "notebooks"

    @property
    def reports(self) -> Path:
        """The folder of reports."""
        return self.root / "reports"


def find_workspace(given: Path | None, *, cwd: Path, environment: Mapping[str, str]) -> Workspace:
    """The workspace that was named, or the nearest one around the current folder.

    Raises:
        NotFoundError: There is none.
        GovernanceError: Its settings are wrong.
    """
    named = given or (Path(environment["GOVERNANCE_WORKSPACE"]) if environment.get("GOVERNANCE_WORKSPACE") else None)
    if named is not None:
        if not (named / SETTINGS_FILE).is_file():
            raise NotFoundError(
                f"this folder is no workspace: it has no {SETTINGS_FILE}",
                where=str(named),
                hint=f"make one with `governance init {named}`",
            )
        return _read(named.resolve(), environment)
    for folder in (cwd, *cwd.parents):
        if (folder / SETTINGS_FILE).is_file() and (folder / "store" / "ledger").is_dir():
            return _read(folder, environment)
    raise NotFoundError(
        "there is no workspace here or in a folder above",
        where=str(cwd),
        hint="make one with `governance init DIR`, or name one with --workspace DIR",
    )


def _read(root: Path, environment: Mapping[str, str]) -> Workspace:
    path = root / SETTINGS_FILE
    try:
        settings = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        hint = 'a setting is written as: timezone = "UTC"'
        raise GovernanceError(f"the settings are not TOML ({error})", where=str(path), hint=hint) from error
    for name in settings:
        if name not in _KNOWN:
            hint = nearest(name, _KNOWN) or f"known are {', '.join(_KNOWN)}"
            raise GovernanceError(f"no setting is called '{name}'", where=str(path), hint=hint)
    payloads = _setting(settings, "payloads", str, path, default="digest")
    if payloads not in ("digest", "keep"):
        raise GovernanceError(f"payloads is '{payloads}'", where=str(path), hint='it must be "digest" or "keep"')
    month = _setting(settings, "fiscal_year_start_month", int, path, default=1)
    if not 1 <= month <= 12:  # noqa: PLR2004 - months
        raise GovernanceError(f"fiscal_year_start_month is {month}", where=str(path), hint="it must be 1 to 12")
    timezone = _setting(settings, "timezone", str, path, default=_UTC)
    if timezone != _UTC:
        _refuse_unknown(timezone, path)
    key = _setting(settings, "key", str, path, default=str(default_key(root, environment)))
    return Workspace(
        root,
        timezone,
        month,
        payloads == "keep",
        _setting(settings, "keep_raw", bool, path, default=False),
        (root / Path(key).expanduser()) if not Path(key).is_absolute() else Path(key),
        _office(settings, path),
    )


def _office(settings: dict[str, Any], path: Path) -> Office:
    organisation, contact, supervisor = (
        _setting(settings, name, str, path, default="").strip() for name in ("organisation", "contact", "supervisor")
    )
    within = {name: _term(settings, name, path) for name in ("object_within", "answer_within")}
    return Office(organisation or NOBODY.name, contact, supervisor=supervisor, **within)


def _term(settings: dict[str, Any], name: str, path: Path) -> str:
    """A length of time as a letter says it: `1 month`, `30 days`."""
    said = " ".join(_setting(settings, name, str, path, default="").split())
    if not said:
        return ""
    found = _TERM.fullmatch(said)
    if found is None:
        hint = 'write a number of days, working days, weeks or months, such as "30 days" or "1 month"'
        raise GovernanceError(f"{name} is '{said}'", where=str(path), hint=hint)
    count, unit = found.groups()
    return f"{count} {unit}{'' if count == '1' else 's'}"


def _refuse_unknown(timezone: str, path: Path) -> None:
    from zoneinfo import available_timezones  # noqa: PLC0415 - most workspaces need no table of time zones

    from governance.findings import is_timezone  # noqa: PLC0415

    if not is_timezone(timezone):
        hint = nearest(timezone, available_timezones()) or "use a name such as Europe/Berlin"
        raise GovernanceError(f"no time zone is called '{timezone}'", where=f"{path}: timezone", hint=hint)


def _setting(settings: dict[str, Any], name: str, kind: type, path: Path, *, default: Any) -> Any:
    value = settings.get(name, default)
    if type(value) is not kind:
        form = {str: "a text in quotes", int: "a whole number", bool: "true or false"}[kind]
        hint = f"the default is {json.dumps(default)}"
        raise GovernanceError(
            f"{name} must be {form}, not {json.dumps(value, default=str)}", where=str(path), hint=hint
        )
    return value


def default_key(root: Path, environment: Mapping[str, str]) -> Path:
    """Where the signing key of a new workspace goes: outside the store, in the user's configuration folder."""
    home = Path(environment.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return home / "governance" / "keys" / f"{root.name or 'workspace'}.pem"


def shipped(folder: str) -> Path:
    """A folder of files that come with the package: `policies` or `notebooks`."""
    package = Path(str(files("governance")))
    inside = package / "_shipped" / folder
    return inside if inside.is_dir() else package.parent / folder


def make_workspace(root: Path, *, environment: Mapping[str, str], now: str) -> Workspace:
    """Makes a workspace: settings, shipped policies and notebooks, a store, and a signing key outside of it.

    Raises:
        GovernanceError: The folder is a workspace already, or holds other things.
    """
    from governance.proof.ledger import Ledger  # noqa: PLC0415 - `init` alone writes
    from governance.proof.notes import create_key  # noqa: PLC0415

    if (root / SETTINGS_FILE).exists() or (root / "store").exists():
        raise GovernanceError("there is a workspace here already", where=str(root), hint="choose another folder")
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        what = f"the folder cannot be made ({error.strerror})"
        raise GovernanceError(what, where=str(root), hint="choose another folder") from error
    resolved = root.resolve()
    key = _free_key(default_key(resolved, environment))
    create_key(key)
    Ledger.create(resolved / "store", origin=f"governance/{_slug(resolved.name)}", key_path=key, at=now)
    for folder in ("policies", "notebooks"):
        if shipped(folder).is_dir():
            shutil.copytree(shipped(folder), resolved / folder, dirs_exist_ok=True)
    for folder in ("policies", "notebooks", "reports"):
        (resolved / folder).mkdir(exist_ok=True)
    text = _TEMPLATE.format(key='"' + str(key).replace("\\", "\\\\").replace('"', '\\"') + '"')
    temporary = resolved / f".{SETTINGS_FILE}"
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, resolved / SETTINGS_FILE)  # noqa: PTH105 - last, so that a half-made folder is no workspace
    return _read(resolved, environment)


def _free_key(path: Path) -> Path:
    """The path, or one with a number where another workspace has that name."""
    number = 1
    candidate = path
    while candidate.exists():
        number += 1
        candidate = path.with_name(f"{path.stem}-{number}.pem")
    return candidate


def _slug(name: str) -> str:
    """A name without what the first line of a checkpoint cannot hold."""
    return "".join(letter if letter.isalnum() or letter in "-_." else "-" for letter in name) or "workspace"
