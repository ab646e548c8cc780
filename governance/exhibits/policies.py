"""Policies in force: version, digest, validity, approver, and what changed since the window before."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from governance.blocks import Cell, Column, Section, Table
from governance.documents import yamltext
from governance.errors import GovernanceError
from governance.exhibits.period import Period
from governance.exhibits.sentences import group, nothing
from governance.findings import Window


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a policy, as the ledger holds it."""

    policy: str
    version: str
    sha256: str
    owner: str
    approved_by: str | None
    approved_on: str | None
    start: datetime
    end: datetime | None

    def is_in_force(self, window: Window) -> bool:
        """Whether it applies to some part of a window."""
        return self.start < window.end and (self.end is None or self.end > window.start)


def in_force(period: Period) -> Section:
    """The versions that applied in the window."""
    known = versions(period)
    own = [one for one in known if one.is_in_force(period.span.window)]
    if not own:
        return group(
            nothing("The ledger names no policy that was in force; `governance check` records those that it uses.")
        )
    columns = (
        Column("policy"),
        Column("version"),
        Column("valid from", "date"),
        Column("to", "date"),
        Column("approved by"),
        Column("owner"),
        Column("checks", "number", digits=0),
        Column(f"against {period.span.previous.name}"),
        Column("sha256 of the file", "code"),
    )
    rows = tuple(_row(period, one, known) for one in own)
    note = "Each file is kept in the store, under its digest."
    return group(Table("Policies in force", columns, rows, " ".join([note, *_edited(period, own)])))


def _edited(period: Period, own: list[Version]) -> list[str]:
    """Versions whose file was changed without a new version: what was judged before was judged by other words."""
    files: dict[tuple[str, str], set[str]] = {}
    for entry in period.snapshot.of_kind("policy"):
        files.setdefault((entry.facts["policy"], entry.facts["version"]), set()).add(entry.facts["sha256"])
    several = [(one, len(files[one.policy, one.version])) for one in own if len(files[one.policy, one.version]) > 1]
    return [
        f"Version {one.version} of {one.policy} was changed in place: {count} files bear it." for one, count in several
    ]


def versions(period: Period) -> list[Version]:
    """All versions that the ledger names; each ends where the next of its name begins."""
    newest: dict[tuple[str, str], Mapping[str, Any]] = {}
    for entry in period.snapshot.of_kind("policy"):
        newest[entry.facts["policy"], entry.facts["version"]] = entry.facts
    ordered = sorted(newest.values(), key=lambda facts: (facts["policy"], facts["from_ts"]))
    found = []
    for place, facts in enumerate(ordered):
        following = ordered[place + 1] if place + 1 < len(ordered) else None
        end = facts["to_ts"]
        if following is not None and following["policy"] == facts["policy"]:
            end = min(end or following["from_ts"], following["from_ts"])
        found.append(_version(facts, end))
    return found


def _version(facts: Mapping[str, Any], end: str | None) -> Version:
    start = datetime.fromisoformat(facts["from_ts"])
    return Version(
        facts["policy"],
        facts["version"],
        facts["sha256"],
        facts["owner"],
        facts["approved_by"],
        facts["approved_on"],
        start,
        None if end is None else datetime.fromisoformat(end),
    )


def _row(period: Period, one: Version, known: list[Version]) -> tuple[Cell, ...]:
    approved = f"{one.approved_by}, {one.approved_on}" if one.approved_by else "nobody"
    checks = document(period, one.sha256).get("checks", [])
    return (
        one.policy,
        one.version,
        one.start.date(),
        one.end.date() if one.end else None,
        approved,
        one.owner,
        len(checks),
        _difference(period, one, known),
        one.sha256,
    )


def _difference(period: Period, one: Version, known: list[Version]) -> str:
    """What changed against the version that applied at the end of the window before."""
    earlier = [other for other in known if other.policy == one.policy and other.is_in_force(period.span.previous)]
    if not earlier:
        return "new"
    if earlier[-1].sha256 == one.sha256:
        return "unchanged"
    return _changes(document(period, earlier[-1].sha256), document(period, one.sha256)) or "wording only"


def _changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    was, own = ({check["id"]: check for check in side.get("checks", [])} for side in (before, now))
    said = [f"{name} added" for name in own if name not in was] + [f"{name} dropped" for name in was if name not in own]
    for name in own:
        fields = [
            key
            for key in {**was.get(name, {}), **own[name]}
            if name in was and was[name].get(key) != own[name].get(key)
        ]
        said += [f"{name}: {key} {_plain(was[name].get(key))} → {_plain(own[name].get(key))}" for key in fields]
    said += ["waivers changed"] if before.get("waivers") != now.get("waivers") else []
    said += ["scope changed"] if before.get("applies_to") != now.get("applies_to") else []
    return "; ".join(said)


def _plain(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def document(period: Period, sha256: str) -> Mapping[str, Any]:
    """The fields of a policy file that the store holds; nothing where it cannot be read."""
    try:
        value = yamltext.parse(period.snapshot.blob(sha256).read_bytes(), sha256).value
    except (OSError, GovernanceError):
        return {}
    return value if isinstance(value, dict) else {}


def favourable(period: Period, sha256: str) -> str:
    """Which decisions a policy calls favourable, in words; empty where it leaves that to the log."""
    named = document(period, sha256).get("favourable") or {}
    return "; ".join(
        f"{name} is {value if isinstance(value, str) else ' or '.join(map(str, value))}"
        for name, value in named.items()
    )
