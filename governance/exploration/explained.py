"""Explained decisions, as a notebook shows them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from governance import explanation_pages


@dataclass(frozen=True)
class Explained:
    """One or more explained decisions of a request.

    Attributes:
        documents: The JSON of `explain`, one for each decision.
    """

    documents: tuple[Mapping[str, Any], ...]

    @property
    def document(self) -> Mapping[str, Any]:
        """The first one."""
        return self.documents[0]

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        group = explanation_pages.group(self.documents, "engineer")
        return dict(group._repr_mimebundle_(include, exclude))

    def _repr_html_(self) -> str:
        return str(self._repr_mimebundle_()["text/html"])
