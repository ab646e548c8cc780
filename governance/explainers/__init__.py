"""Methods of explanation: one file here per method, one `EXPLAINER` in it; the file's name is the method's name.

An explainer attributes a model's raw margin to the model's features. Whatever a library says about its own result,
the sum of base value and contributions is compared here with the margin that the model itself gives.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, ClassVar, Literal, NamedTuple, cast

import pyarrow as pa

from governance import artefacts, sandbox
from governance.errors import MissingExtraError, NotFoundError, SourceError, nearest
from governance.explainers._reproduction import ARITHMETICS, Reproduction, reproduction
from governance.extensions import modules

if TYPE_CHECKING:
    from pathlib import Path

    from governance.artefacts import Model
    from governance.artefacts._columns import Matrix

__all__ = [
    "ARITHMETICS",
    "Attributions",
    "Explainer",
    "Reproduction",
    "Shares",
    "explainer",
    "methods",
    "reproduction",
]


@dataclass(frozen=True, slots=True)
class Attributions:
    """What a method attributes for some rows; all in the space of the raw margin.

    Attributes:
        method: Name of the explainer.
        output_space: Always the margin: there, and only there, contributions of trees add up.
        features: In the model's own order.
        base_value: The margin from which the contributions start.
        contributions: One float64 column per feature, one row per row in the same order.
        output_values: The model's own margins.
        additivity_errors: |base + sum of contributions - margin|, per row.
        background_sha256: Digest of the background that the base value stands for; None where none was used.
        library: Names and versions of the libraries that computed them.
    """

    method: str
    output_space: Literal["margin"]
    features: tuple[str, ...]
    base_value: float
    contributions: pa.Table
    output_values: list[float]
    additivity_errors: list[float]
    background_sha256: str | None
    library: str


class Shares(NamedTuple):
    """What one explainer computes in the sandbox: base value, and contributions of shape (rows, columns)."""

    base_value: float
    contributions: Matrix


class Explainer(ABC):
    """A method of explanation.

    Attributes:
        method: Its name; equal to the file's name with hyphens.
        needs_background: Whether it compares with a registered sample of rows.
        formats: Formats of model files that it can explain.
        library: Module that it needs besides the model's own.
        pairs_at_once: Rows (times background rows) that one child takes, so that time and memory stay bounded.
        uses_all_cores: Whether the library spreads the work over the cores by itself.
    """

    method: ClassVar[str]
    needs_background: ClassVar[bool]
    formats: ClassVar[frozenset[str]]
    library: ClassVar[str | None] = None
    pairs_at_once: ClassVar[int]
    uses_all_cores: ClassVar[bool]

    @abstractmethod
    def attribute(self, model: Model, rows: Matrix, background: Matrix | None) -> Shares:
        """Contributions of float64 rows in the model's order; called in the sandbox.

        Raises:
            SourceError: The method cannot explain this model.
        """

    @abstractmethod
    def version(self) -> str | None:
        """Name and version of the library of its own; called in the sandbox."""

    def explain(
        self,
        artefact: Path,
        rows: pa.Table,
        background: pa.Table | None = None,
        *,
        sha256: str,
        background_sha256: str | None = None,
    ) -> Attributions:
        """Attributions for some rows, computed in child processes.

        Args:
            artefact: The model file.
            rows: At least one; a column for each feature of the model, found by name.
            background: The registered sample, columns as in `rows`, every row of it used; None where the method
                needs none.
            sha256: Digest of the model file in hex, compared before its first byte is parsed.
            background_sha256: Digest under which the background is registered.

        Raises:
            NotFoundError: There is no such model file.
            SourceError: The model, a column or the background cannot be used.
            MissingExtraError: A library is not installed.
        """
        self._require(artefact, rows, background, background_sha256)
        used = background if self.needs_background and background is not None else None
        arguments = {"method": self.method, "path": str(artefact.resolve()), "sha256": sha256, "where": str(artefact)}
        pieces = self._pieces(rows, used)
        jobs = [
            sandbox.Job(
                f"{__name__}._child:explain",
                arguments,
                {"rows": piece} if used is None else {"rows": piece, "background": used},
                str(artefact),
            )
            for piece in pieces
        ]
        answers = sandbox.run_all(jobs, at_once=1 if self.uses_all_cores else cores())
        return _joined(self.method, answers, background_sha256 if used is not None else None)

    def _require(
        self, artefact: Path, rows: pa.Table, background: pa.Table | None, background_sha256: str | None
    ) -> None:
        found = artefacts.recognise(artefact)
        if found not in self.formats:
            what = f"the method '{self.method}' does not explain models of the format {found}"
            raise SourceError(what, where=str(artefact), hint=f"it explains {', '.join(sorted(self.formats))}")
        artefacts.require_library(artefact)
        if self.library is not None and find_spec(self.library) is None:
            raise MissingExtraError(self.library, "shap", f"the method '{self.method}'")
        if rows.num_rows == 0:
            raise SourceError("there are no rows to explain", where=str(artefact), hint="choose a longer window")
        if self.needs_background and (background is None or background.num_rows == 0 or background_sha256 is None):
            what = f"the method '{self.method}' compares with a background, and this model has none"
            raise SourceError(what, where=str(artefact), hint="register the model with --background, or use 'native'")

    def _pieces(self, rows: pa.Table, background: pa.Table | None) -> list[pa.Table]:
        """The rows in pieces of about the same size, each within `pairs_at_once`, and one for each core if it pays."""
        pairs = rows.num_rows * (background.num_rows if background is not None else 1)
        count = -(-pairs // self.pairs_at_once)
        if not self.uses_all_cores and pairs > self.pairs_at_once // 4:  # a child costs 2 s to start
            count = max(count, cores())
        size = -(-rows.num_rows // min(count, rows.num_rows))
        return [rows.slice(start, size) for start in range(0, rows.num_rows, size)]


@cache
def methods() -> dict[str, Explainer]:
    """Every explainer by its name."""
    return {name: module.EXPLAINER for name, module in modules(__name__).items()}


def explainer(method: str) -> Explainer:
    """The explainer of that name.

    Raises:
        NotFoundError: There is none; the hint has the nearest name.
    """
    try:
        return methods()[method]
    except KeyError:
        hint = nearest(method, methods()) or f"the methods are {', '.join(methods())}"
        raise NotFoundError(f"no method of explanation is called '{method}'", where="method", hint=hint) from None


def cores() -> int:
    """Processors that this process may use, at most eight: each child takes 0.3 GB."""
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(available, 8)


def _joined(method: str, answers: list[sandbox.Answer], background_sha256: str | None) -> Attributions:
    outputs = pa.concat_tables([answer.tables["outputs"] for answer in answers])
    contributions = pa.concat_tables([answer.tables["contributions"] for answer in answers])
    first = cast("dict[str, object]", answers[0].value)
    return Attributions(
        method=method,
        output_space="margin",
        features=tuple(contributions.column_names),
        base_value=cast("float", first["base_value"]),
        contributions=contributions,
        output_values=outputs.column("value").to_pylist(),
        additivity_errors=outputs.column("additivity_error").to_pylist(),
        background_sha256=background_sha256,
        library=str(first["library"]),
    )
