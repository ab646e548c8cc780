"""Model files: one file here per format, one `ARTEFACT` in it.

A model file is recognised by its content, never by its name, and nothing that can carry code is ever loaded. All
parsing happens in `governance.sandbox`, and there only after the digest of the bytes was compared.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, ClassVar, Protocol, cast

from governance import sandbox
from governance.artefacts._links import Link, margin, score
from governance.artefacts._signatures import explain_unreadable
from governance.errors import MissingExtraError, NotFoundError, SourceError
from governance.extensions import modules

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pyarrow as pa

    from governance.artefacts._columns import Column, Matrix
    from governance.artefacts._trees import Tree

__all__ = [
    "Artefact",
    "ArtefactFacts",
    "Link",
    "Model",
    "formats",
    "inspect",
    "margin",
    "margins",
    "recognise",
    "score",
    "scores",
]

HEAD_BYTES = 1 << 16  # enough for the first member of an indented JSON model


@dataclass(frozen=True, slots=True)
class ArtefactFacts:
    """What a model file says about itself.

    Attributes:
        format: Name of the format, as `lightgbm-text`.
        sha256: Digest of its bytes.
        bytes: Their number.
        feature_names: In the model's own order.
        trees: Number of trees; 0 for a linear booster.
        objective: As the library names it.
        link: From the raw margin to the score.
        link_scale: Slope of the logistic link (LightGBM `sigmoid`); 1 elsewhere.
        classes: 2 for a binary classifier, 1 for a number.
        categorical_features: Inputs that are split by category.
        base: Margin before the first tree (XGBoost `base_score` through the link; 0 for LightGBM, which has none).
        library: Name and version of the library that read it.
    """

    format: str
    sha256: str
    bytes: int
    feature_names: tuple[str, ...]
    trees: int
    objective: str
    link: Link
    link_scale: float
    classes: int
    categorical_features: tuple[str, ...]
    base: float
    library: str


class Model(Protocol):
    """A loaded model; lives in the sandbox only."""

    columns: tuple[Column, ...]
    trees: int
    objective: str
    link: Link
    link_scale: float
    classes: int
    base: float
    library: str
    has_categorical_splits: bool
    booster: object  # the library's own, for an explainer that reads trees

    def margins(self, matrix: Matrix) -> Matrix:
        """Raw margins, shape (n,), of float64 rows, shape (n, columns), by the library itself."""

    def scores(self, matrix: Matrix) -> Matrix:
        """Scores, shape (n,), by the library itself."""

    def as_compared(self, matrix: Matrix) -> Matrix:
        """The rows as the trees compare them with thresholds, for an explainer that reads the trees itself."""

    def grown(self) -> Iterator[Tree]:
        """The trees, for an explainer that reads them itself.

        Raises:
            SourceError: They do not simply add up to the margin.
        """

    def contributions(self, matrix: Matrix) -> Matrix:
        """Path-dependent contributions by the library itself, shape (n, columns + 1); the last column is the base."""


class Artefact(ABC):
    """A format of model files."""

    format: ClassVar[str]
    library: ClassVar[str]

    @abstractmethod
    def recognises(self, head: bytes) -> bool:
        """Whether a file that begins with `head` (up to 64 KiB) has this format."""

    @abstractmethod
    def read(self, content: bytes, where: str) -> Model:
        """The model in `content`; called in the sandbox.

        Raises:
            SourceError: The file is damaged, or holds a kind of model that is not read here.
        """


@cache
def formats() -> dict[str, Artefact]:
    """Every format by its name."""
    return {name: module.ARTEFACT for name, module in modules(__name__).items()}


def recognise(path: Path) -> str:
    """Name of the format of a model file, by its first bytes.

    Raises:
        NotFoundError: There is no such file.
        SourceError: It is empty, a pickle or an archive, or nothing that is known.
    """
    if not path.is_file():
        what = "this is a folder" if path.is_dir() else "there is no such file"
        raise NotFoundError(what, where=str(path), hint="name a model file")
    try:
        with path.open("rb") as stream:
            head = stream.read(HEAD_BYTES)
    except OSError as error:
        raise SourceError(
            f"the file cannot be read: {error.strerror}", where=str(path), hint="check its mode"
        ) from error
    return recognise_head(head, str(path))


def recognise_head(head: bytes, where: str) -> str:
    """Name of the format of a file that begins with `head`; raises as `recognise`."""
    for name, artefact in formats().items():
        if artefact.recognises(head):
            return name
    what, hint = explain_unreadable(head)
    raise SourceError(what, where=where, hint=hint)


def inspect(path: Path, sha256: str) -> ArtefactFacts:
    """What a model file says about itself.

    Args:
        path: The file.
        sha256: Digest that its bytes must have, in hex; compared before the first byte is parsed.

    Raises:
        NotFoundError, SourceError: As `recognise`; the digest is another; the file is damaged or not supported.
        MissingExtraError: The library that reads it is not installed.
    """
    facts = cast("dict[str, object]", _run("inspect", path, sha256, {}).value)
    names = {key: tuple(cast("list[str]", facts[key])) for key in ("feature_names", "categorical_features")}
    return ArtefactFacts(**{**facts, **names})  # type: ignore[arg-type]


def margins(path: Path, rows: pa.Table, *, sha256: str) -> list[float]:
    """The model's raw margin for each row.

    Args:
        path: The file.
        rows: A column for each feature of the model, found by name; further columns are left out.
        sha256: As for `inspect`.

    Raises:
        NotFoundError, SourceError, MissingExtraError: As `inspect`; a column is missing or of a wrong kind.
    """
    return _column(_run("margins", path, sha256, {"rows": rows}))


def scores(path: Path, rows: pa.Table, *, sha256: str) -> list[float]:
    """The model's score (the margin through the link) for each row; arguments and errors as `margins`."""
    return _column(_run("scores", path, sha256, {"rows": rows}))


def require_library(path: Path) -> None:
    """Raises unless the file is a model whose library is installed."""
    library = formats()[recognise(path)].library
    if find_spec(library) is None:
        raise MissingExtraError(library, "shap", f"reading the model {path.name}")


def _run(name: str, path: Path, sha256: str, tables: dict[str, pa.Table]) -> sandbox.Answer:
    require_library(path)
    arguments = {"path": str(path.resolve()), "sha256": sha256, "where": str(path)}
    return sandbox.run(sandbox.Job(f"{__name__}._child:{name}", arguments, tables, where=str(path)))


def _column(answer: sandbox.Answer) -> list[float]:
    return cast("list[float]", answer.tables["values"].column("value").to_pylist())


def as_json(facts: ArtefactFacts) -> dict[str, sandbox.Json]:
    """The facts as they travel between processes, and into the ledger."""
    return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(facts).items()}
