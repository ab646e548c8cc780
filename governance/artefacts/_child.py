"""What is done with a model file inside the sandbox."""

from __future__ import annotations

import hashlib
import stat
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from governance.artefacts import HEAD_BYTES, ArtefactFacts, as_json, formats, recognise_head
from governance.artefacts._columns import matrix
from governance.errors import SourceError
from governance.sandbox import Answer

if TYPE_CHECKING:
    from governance.artefacts import Model
    from governance.artefacts._columns import Matrix


def inspect(path: str, sha256: str, where: str) -> Answer:
    """The facts of a model file."""
    content = read_checked(path, sha256, where)
    model = parse(content, where)
    facts = ArtefactFacts(
        format=recognise_head(content[:HEAD_BYTES], where),
        sha256=sha256,
        bytes=len(content),
        feature_names=tuple(column.name for column in model.columns),
        trees=model.trees,
        objective=model.objective,
        link=model.link,
        link_scale=model.link_scale,
        classes=model.classes,
        categorical_features=tuple(column.name for column in model.columns if column.is_categorical),
        base=model.base,
        library=model.library,
    )
    return Answer(as_json(facts), {})


def margins(path: str, sha256: str, where: str, rows: pa.Table) -> Answer:
    """Raw margins of rows."""
    model = load(path, sha256, where)
    return _answer(model.margins(matrix(rows, model.columns)))


def scores(path: str, sha256: str, where: str, rows: pa.Table) -> Answer:
    """Scores of rows."""
    model = load(path, sha256, where)
    return _answer(model.scores(matrix(rows, model.columns)))


def load(path: str, sha256: str, where: str) -> Model:
    """The model in a file whose bytes have the digest `sha256`."""
    return parse(read_checked(path, sha256, where), where)


def read_checked(path: str, sha256: str, where: str) -> bytes:
    """The bytes of a plain file with the digest `sha256`; they are parsed from memory, so they stay the same."""
    try:
        with Path(path).open("rb") as stream:
            if not stat.S_ISREG(Path(path).stat().st_mode):
                raise SourceError("this is no plain file", where=where, hint="name a model file")
            content = stream.read()
    except OSError as error:
        raise SourceError(f"the file cannot be read: {error.strerror}", where=where, hint="check its mode") from error
    found = hashlib.sha256(content).hexdigest()
    if found != sha256.lower():
        what = f"the file has the digest {found}, not the registered {sha256}"
        raise SourceError(what, where=where, hint="it was changed since; restore it or register it as a new version")
    return content


def parse(content: bytes, where: str) -> Model:
    """The model in bytes that were checked."""
    return formats()[recognise_head(content[:HEAD_BYTES], where)].read(content, where)


def _answer(values: Matrix) -> Answer:
    return Answer(None, {"values": pa.table({"value": pa.array(values, pa.float64())})})
