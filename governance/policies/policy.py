"""Policies: YAML kept in git -> versions with checks and waivers; every mistake at once, with its line.

The policy that applies to a decision is the version in force when it was made, never the latest.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from governance.checks import Check
from governance.controls.catalogue import control_ids
from governance.documents import yamltext
from governance.documents.validation import validation_mistakes
from governance.errors import Mistake, NotFoundError, PolicyError, nearest
from governance.extensions import checks
from governance.policies.language import Head, language

__all__ = ["CASES_SUFFIX", "Policy", "due_date", "find_policies", "language", "read_policies"]

CASES_SUFFIX = ".cases.yaml"  # beside a policy: what its checks must find in given rows, for `policy test`


@dataclass(frozen=True, slots=True)
class Policy:
    """One version of a policy.

    Attributes:
        path: The file.
        raw: Its bytes.
        sha256: Their digest.
        head: Its fields.
        checks: Its checks, in order.
    """

    path: Path
    raw: bytes
    sha256: str
    head: Head
    checks: tuple[Check, ...]

    @property
    def name(self) -> str:
        """Name of the policy."""
        return self.head.policy

    @property
    def version(self) -> str:
        """Version, as text."""
        return str(self.head.version)

    def in_force(self, timezone: str) -> tuple[datetime, datetime | None]:
        """First moment at which the version applies, and the first at which it no longer does."""
        zone = ZoneInfo(timezone)
        start = datetime.combine(self.head.in_force.from_, time(), zone).astimezone(UTC)
        end = self.head.in_force.to
        return start, None if end is None else datetime.combine(end, time(), zone).astimezone(UTC)


# What further mistakes there are in the checks of a document that could be read, each with its place in the list
Examined: TypeAlias = Callable[[Head | None, Sequence[tuple[int, Check]], yamltext.Document], Iterator[Mistake]]


def read_policies(paths: Sequence[Path], examine: Examined | None = None) -> list[Policy]:
    """The policies in files and folders, each version ending where the next one of its name begins.

    Args:
        paths: Files and folders.
        examine: Looks for further mistakes, which take longer to find than a run of the checks should wait for.

    Raises:
        NotFoundError: A path is missing, or a folder holds no policy.
        PolicyError: Carries every mistake in every file.
    """
    mistakes: list[Mistake] = []
    found: list[Policy] = []
    for path in _files(paths):
        try:
            found.append(_read(path, examine))
        except PolicyError as error:
            mistakes += error.mistakes
    if not mistakes:
        found, overlaps = _succession(found)
        mistakes += overlaps
    if mistakes:
        raise PolicyError(mistakes)
    return found


def _files(paths: Sequence[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            inside = sorted(file for file in path.iterdir() if _is_policy(file))
            if not inside:
                raise NotFoundError("the folder holds no policy", where=str(path), hint="policies end in .yaml")
            yield from inside
        elif path.is_file() and path.name.endswith(CASES_SUFFIX):
            own = path.with_name(path.name.removesuffix(CASES_SUFFIX) + ".yaml")
            if own not in paths:  # with its policy, as in policies/*.yaml, it is no more than beside it
                raise NotFoundError("these are the cases of a policy", where=str(path), hint=f"name {own}")
        elif path.is_file():
            yield path
        else:
            raise NotFoundError("there is no such policy", where=str(path), hint="name a file, a folder or a policy")


def _is_policy(file: Path) -> bool:
    return file.suffix in (".yaml", ".yml") and not file.name.endswith(CASES_SUFFIX) and file.is_file()


def _read(path: Path, examine: Examined | None) -> Policy:
    raw = path.read_bytes()
    document = yamltext.parse(raw, str(path))
    value = document.value
    if not isinstance(value, dict):
        raise PolicyError([Mistake(str(path), "a policy is a YAML mapping", "it begins with 'policy: NAME'")])
    mistakes: list[Mistake] = []
    head = None
    try:
        head = Head.model_validate(value)
    except ValidationError as error:
        mistakes += validation_mistakes(error, document, Head)
    listed = value.get("checks")
    read = list(_checks(listed if isinstance(listed, list) else [], document, mistakes, path.parent))
    mistakes += _waiver_mistakes(value, document)
    mistakes += _where_mistakes(value, document)
    if examine is not None:
        mistakes += examine(head, read, document)
    if mistakes or head is None:
        raise PolicyError(sorted(mistakes, key=lambda mistake: _line(mistake.where)))
    return Policy(path, raw, hashlib.sha256(raw).hexdigest(), head, tuple(check for _, check in read))


def _line(where: str) -> int:
    return next((int(part) for part in where.split(":") if part.strip().isdigit()), 0)


def _checks(
    listed: list[Any], document: yamltext.Document, mistakes: list[Mistake], folder: Path
) -> Iterator[tuple[int, Check]]:
    known = checks()
    seen: set[str] = set()
    for place, item in enumerate(listed):
        at: tuple[str | int, ...] = ("checks", place)
        if not isinstance(item, dict):
            mistakes.append(Mistake(document.at(at), "a check is a YAML mapping", "it begins with '- id: NAME'"))
            continue
        kind = item.get("kind")
        if kind not in known:
            hint = (nearest(str(kind), known) if kind else None) or f"known are {', '.join(known)}"
            what = f"no check is called '{kind}'" if kind else "the check has no kind"
            mistakes.append(Mistake(document.at((*at, "kind")), what, hint))
            continue
        try:
            check = known[kind].model_validate(item, context={"folder": folder})
        except ValidationError as error:
            found = validation_mistakes(error, document, known[kind], at)
            mistakes.extend(_with_manual(one, kind) for one in found)
            continue
        mistakes.extend(_check_mistakes(check, seen, document, at))
        seen.add(check.id)
        yield place, check


def _with_manual(mistake: Mistake, kind: str) -> Mistake:
    """The mistake; for a field that is missing the way to what it means."""
    if mistake.hint is not None or not mistake.what.endswith("is missing"):
        return mistake
    return Mistake(mistake.where, mistake.what, f"`governance policy show {kind}` says what it means")


def _check_mistakes(
    check: Check, seen: set[str], document: yamltext.Document, at: tuple[str | int, ...]
) -> Iterator[Mistake]:
    if check.id in seen:
        yield Mistake(document.at((*at, "id")), f"two checks are called '{check.id}'", "give each its own id")
    known = control_ids()
    for place, control in enumerate(check.controls):
        if control not in known:
            hint = nearest(control, known) or "`governance controls` lists them"
            yield Mistake(document.at((*at, "controls", place)), f"no control is called '{control}'", hint)


def _where_mistakes(value: dict[str, Any], document: yamltext.Document) -> Iterator[Mistake]:
    """Predicates that do more than read columns."""
    listed = value.get("checks")
    owners: list[tuple[tuple[str | int, ...], Any]] = [(("applies_to",), value.get("applies_to"))]
    owners += [(("checks", place), item) for place, item in enumerate(listed if isinstance(listed, list) else [])]
    found = [((*path, "where"), own["where"]) for path, own in owners if isinstance(own, dict) and "where" in own]
    if not found:
        return
    from governance.engines.duckdb import Engine  # noqa: PLC0415 - most policies have no predicate to parse
    from governance.engines.gate import refusal  # noqa: PLC0415

    with Engine() as engine:
        for path, text in found:
            if isinstance(text, str) and (refused := refusal(engine, text)):
                hint = "a predicate compares columns, such as region = 'EU' AND latency_us > 1000"
                yield Mistake(document.at(path), f"the predicate is refused: {refused}", hint)


def _waiver_mistakes(value: dict[str, Any], document: yamltext.Document) -> Iterator[Mistake]:
    """Waivers of checks that are not there; a check with a mistake of its own is there."""
    ids = list(dict.fromkeys(str(item["id"]) for item in _mappings(value.get("checks")) if "id" in item))
    for place, waiver in enumerate(_mappings(value.get("waivers"))):
        name = waiver.get("check")
        if isinstance(name, str) and name not in ids:
            hint = nearest(name, ids) or f"its checks are {', '.join(ids) or 'none'}"
            yield Mistake(document.at(("waivers", place, "check")), f"no check of this policy is called '{name}'", hint)


def _mappings(listed: Any) -> list[dict[str, Any]]:
    """The items of a list, one that is no mapping as an empty one, so that places stay what they are."""
    return [item if isinstance(item, dict) else {} for item in listed] if isinstance(listed, list) else []


def _succession(found: list[Policy]) -> tuple[list[Policy], list[Mistake]]:
    """Versions with their ends: each ends where the next begins; a stated end that lies later is an overlap."""
    result: list[Policy] = []
    mistakes: list[Mistake] = []
    for name in dict.fromkeys(policy.name for policy in found):
        versions = sorted((policy for policy in found if policy.name == name), key=lambda p: p.head.in_force.from_)
        for policy, following in zip(versions, [*versions[1:], None], strict=True):
            own = policy.head.in_force
            if following is None:
                result.append(policy)
                continue
            begins = following.head.in_force.from_
            if begins == own.from_ or (own.to is not None and own.to > begins):
                what = f"versions {policy.version} and {following.version} of '{name}' are in force on the same days"
                mistakes.append(Mistake(str(following.path), what, f"the other is {policy.path}"))
            ended = own.model_copy(update={"to": own.to or begins})
            result.append(
                Policy(
                    policy.path,
                    policy.raw,
                    policy.sha256,
                    policy.head.model_copy(update={"in_force": ended}),
                    policy.checks,
                )
            )
    return result, mistakes


def find_policies(folder: Path, named: Sequence[str], examine: Examined | None = None) -> list[Policy]:
    """The policies of a workspace, or those that were named: by name, file or folder; `examine` as above.

    Raises:
        NotFoundError: A name or path names none.
        PolicyError: Carries every mistake in every file that was read.
    """
    if not named:
        return read_policies([folder], examine)
    paths = [Path(name) for name in named if Path(name).exists()]
    names = [name for name in named if not Path(name).exists()]
    if odd := next((name for name in names if os.sep in name or name.endswith((".yaml", ".yml"))), None):
        raise NotFoundError("there is no such file or folder", where=odd, hint="name a file, a folder or a policy")
    found = read_policies(paths, examine) if paths else []
    if names:
        known = read_policies([folder], examine)
        for name in names:
            own = [policy for policy in known if policy.name == name]
            if not own:
                listed = sorted({policy.name for policy in known})
                hint = nearest(name, listed) or f"there are {', '.join(listed)}"
                raise NotFoundError(f"no policy is called '{name}'", where=str(folder), hint=hint)
            found += own
    return found


def due_date(check: Check, judged: datetime) -> date:
    """The day by which a failure must be answered."""
    return (judged + timedelta(days=check.due_days)).date()
