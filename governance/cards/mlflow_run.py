"""MLflow run folders (`meta.yaml`, `params/`, `metrics/`, `tags/`): the run that made a model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from governance.cards.parts import Said, inside, number
from governance.documents import yamltext
from governance.errors import Mistake, PolicyError

KEY = "mlflow_run"
_PARTS = ("params", "metrics", "tags")
_FILES = 10_000  # chosen here: a run that logs more is none that a person would register


def is_run(path: Path) -> bool:
    """Whether a folder is that of an MLflow run."""
    return path.is_dir() and (path / "meta.yaml").is_file() and not (path / "meta.yaml").is_symlink()


def content_of(path: Path) -> bytes:
    """The folder as one JSON document, the same for the same run: its facts, parameters, last metrics and tags.

    Raises:
        PolicyError: It is not as MLflow writes it, or larger than a card may be.
    """
    meta = yamltext.parse((path / "meta.yaml").read_bytes(), str(path / "meta.yaml")).value
    run: dict[str, Any] = {"meta": meta}
    size = 0
    for part in _PARTS:
        files = sorted(found for found in (path / part).rglob("*") if found.is_file() and not found.is_symlink())
        size += sum(file.stat().st_size for file in files)
        if size > yamltext.MAX_BYTES or len(files) > _FILES:
            raise PolicyError([Mistake(str(path / part), "this run is larger than a card may be", "write a card")])
        run[part] = {file.relative_to(path / part).as_posix(): _read(file) for file in files}
    run["metrics"] = {name: _last(text) for name, text in run["metrics"].items()}
    return json.dumps({KEY: run}, ensure_ascii=False, sort_keys=True, indent=1, allow_nan=False).encode()


def said(value: dict[str, Any]) -> Said:
    """What a run says: its metrics. It names no model and no version; parameters and tags are kept."""
    metrics = inside(value, KEY, "metrics")
    found = [{"name": name, "value": figure} for name, figure in (metrics.items() if isinstance(metrics, dict) else ())]
    return Said({**value, **({"metrics": found} if found else {})})


def _read(file: Path) -> str:
    return file.read_bytes().decode("utf-8", "replace").strip()


def _last(text: str) -> float | None:
    """The last value of a metric; a line of its file is `timestamp value step`."""
    parts = text.splitlines()[-1].split() if text else []
    return number(parts[1]) if len(parts) > 1 else None
