"""An executed notebook (nbformat 4 JSON) -> blocks, cell by cell.

1. Code is never shown. A code cell is what it returned: our blocks by their JSON form, else only the plain text.
2. HTML that stands in an output is never read, whoever wrote it.
3. A cell that failed says so in its place, without a traceback; so do the cells that were then not run.
4. The first heading of the notebook is its title, which the page shows already.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from governance.blocks import MIME, AnyBlock, Verbatim, flat, notice, read
from governance.display import shortened
from governance.rendering import markdown

Notebook: TypeAlias = Mapping[str, Any]
# papermill puts cells of its own above a failed one; what failed is said in its place instead.
PAPERMILL_ERROR = "papermill-error-cell-tag"


def cells(notebook: Notebook) -> tuple[tuple[AnyBlock, ...], ...]:
    """The blocks of each cell, in order; a cell with nothing to show has none."""
    shown: list[tuple[AnyBlock, ...]] = []
    failed = False
    untitled = True
    for cell in notebook["cells"]:
        blocks = tuple(flat(_blocks(cell, failed)))
        if untitled and cell["cell_type"] == "markdown" and blocks:
            blocks = blocks[1:] if markdown.title(_joined(cell["source"])) else blocks
            untitled = False
        shown.append(blocks)
        failed = failed or is_failed(cell)
    return tuple(shown)


def title(notebook: Notebook) -> str:
    """The heading that the notebook begins with, or nothing."""
    sources = (_joined(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "markdown")
    return next(filter(None, map(markdown.title, sources)), "")


def is_complete(notebook: Notebook) -> bool:
    """Whether no cell failed."""
    return not any(is_failed(cell) for cell in notebook["cells"])


def is_failed(cell: Mapping[str, Any]) -> bool:
    """Whether running the cell ended in an error."""
    return any(output["output_type"] == "error" for output in cell.get("outputs", ()))


def _blocks(cell: Mapping[str, Any], after_failure: bool) -> Iterator[AnyBlock]:
    """The blocks of one cell."""
    if PAPERMILL_ERROR in cell.get("metadata", {}).get("tags", ()):
        return
    source = _joined(cell["source"])
    if cell["cell_type"] == "markdown":
        yield from markdown.blocks(source)
    if cell["cell_type"] != "code":
        return
    for output in cell["outputs"]:
        yield from _output(output)
    if after_failure and cell.get("execution_count") is None and source.strip():
        yield notice("warn", "This part was not computed, because a part before it could not be.")


def _output(output: Mapping[str, Any]) -> Iterator[AnyBlock]:
    """The blocks of one output; what a program printed to stderr stays in the notebook."""
    match output["output_type"]:
        case "display_data" | "execute_result":
            yield from _shown(output["data"])
        case "stream" if output.get("name") == "stdout":
            yield Verbatim(_joined(output["text"]).rstrip("\n"))
        case "error":
            reason = shortened(f"{output.get('ename', 'Error')}: {output.get('evalue', '')}", 600)
            yield notice("bad", f"{reason}", title="This part could not be computed")
        case _:
            return


def _shown(bundle: Mapping[str, Any]) -> Iterator[AnyBlock]:
    if MIME in bundle:
        try:
            yield read(bundle[MIME])
        except ValueError as error:
            yield notice("bad", f"{error}", title="This part could not be shown")
    elif "text/plain" in bundle:
        yield Verbatim(_joined(bundle["text/plain"]))


def _joined(text: str | Sequence[str]) -> str:
    """Text of a notebook, which may be kept in lines."""
    return text if isinstance(text, str) else "".join(text)
