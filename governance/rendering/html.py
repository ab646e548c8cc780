"""An executed notebook -> one static HTML file, through nbconvert with a template of our own."""

from collections.abc import Mapping
from datetime import datetime
from importlib.resources import files
from typing import Any

from governance.errors import MissingExtraError
from governance.rendering import notebook as executed
from governance.rendering.layout import Layout, laid_out
from governance.rendering.page import framed

try:
    import nbformat
    from nbconvert.exporters import TemplateExporter
except ImportError as error:
    raise MissingExtraError("nbconvert", "report", "a report") from error


def html(
    notebook: Mapping[str, Any],
    *,
    title: str = "",
    generated_at: datetime | None = None,
    lang: str = "en",
    footer: str = "",
) -> str:
    """The notebook as one static page without code, script or anything loaded from elsewhere.

    Args:
        notebook: nbformat 4 JSON, executed.
        title: The title where there is no cover; without it the first heading of the notebook is the title.
        generated_at: Aware time for the foot of the page; without it none is printed.
        lang: Language of the text (BCP 47).
        footer: A line for the foot of the page, such as the checkpoint.
    """
    layout = laid_out(executed.cells(notebook), title or executed.title(notebook) or "Report")
    return framed(layout, _body(notebook, layout), lang=lang, generated_at=generated_at, footer=footer)


def _body(notebook: Mapping[str, Any], layout: Layout) -> str:
    """What nbconvert makes of the notebook with our template."""
    template = files("governance.rendering").joinpath("report.html.j2").read_text(encoding="utf-8")
    # Without paths of its own nbconvert would look for templates and settings in the current folder.
    exporter: Any = TemplateExporter(raw_template=template, template_paths=[], file_extension=".html")  # type: ignore[no-untyped-call]
    node: Any = nbformat.from_dict(dict(notebook))  # type: ignore[no-untyped-call]
    body, _ = exporter.from_notebook_node(node, resources={"governance_cells": layout.cells})
    return str(body).strip()
