"""Documents that a check names: a file beside its policy, and mistakes in one with their places."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError, ValidationInfo
from pydantic_core import InitErrorDetails, PydanticCustomError

from governance.documents import yamltext
from governance.errors import PolicyError

Place = tuple[str | int, ...]


def policy_folder(info: ValidationInfo) -> Path:
    """The folder of the policy that is read; the current one where a check is made without a policy."""
    return Path((info.context or {}).get("folder", ""))


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
