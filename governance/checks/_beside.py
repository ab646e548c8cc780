"""Documents that a check names: a file beside its policy, and mistakes in one with their places."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError, ValidationInfo
from pydantic_core import InitErrorDetails, PydanticCustomError

from governance.documents import yamltext
from governance.errors import PolicyError, nearest

Place = tuple[str | int, ...]
_ENDINGS = (".json", ".yaml", ".yml")


def policy_folder(info: ValidationInfo) -> Path:
    """The folder of the policy that is read; the current one where a check is made without a policy."""
    return Path((info.context or {}).get("folder", ""))


class Named(NamedTuple):
    """The file that a name stands for, as `read_beside` takes it, or why there is none."""

    name: str | None
    mistake: str | None


def named_beside(folder: Path, inside: str, name: str) -> Named:
    """The file of a document that is named without its ending, in a folder beside the policy."""
    there = sorted(path for path in (folder / inside).glob("*") if path.suffix in _ENDINGS and path.is_file())
    found = [path for path in there if path.stem == name]
    if len(found) == 1:
        return Named(f"{inside}/{found[0].name}", None)
    if found:
        return Named(None, f"'{name}' is two files: {', '.join(path.name for path in found)}")
    hint = nearest(name, [path.stem for path in there])
    what = f"there is no file '{inside}/{name}.json' or '.yaml' beside the policy"
    return Named(None, f"{what}; {hint}" if hint else what)


def read_beside(folder: Path, name: str) -> tuple[yamltext.Document | None, list[str]]:
    """The document in a JSON or YAML file beside the policy, or what keeps it from being read."""
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()):
        return None, [f"'{name}' lies outside the policy's folder"]
    if not path.is_file():
        return None, [f"there is no file '{name}' beside the policy"]
    try:
        raw = path.read_bytes()
        # JSON may be indented with tabs, which YAML forbids
        text = json.dumps(json.loads(raw)) if path.suffix == ".json" else raw
        return yamltext.parse(text, name), []
    except PolicyError as error:
        return None, [f"{mistake.where}: {mistake.what}" for mistake in error.mistakes]
    except (OSError, ValueError, RecursionError):
        return None, [f"'{name}' is not JSON"]


def refused(found: Sequence[tuple[Place, str]]) -> ValidationError:
    """Every mistake with its place, as pydantic reports its own."""
    details = [
        InitErrorDetails(type=PydanticCustomError("document", "{text}", {"text": text}), loc=place, input=None)
        for place, text in found
    ]
    return ValidationError.from_exception_data("document", details)
