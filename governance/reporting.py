"""Notebook and window -> a static page, a PDF and the executed notebook, recorded in the ledger.

1. Only a notebook of the workspace, or a shipped one, is run, with parameters that its `parameters` cell declares.
2. It runs in a kernel of this interpreter, without start-up files, reached through sockets of a private folder.
3. A cell that fails does not stop the others: the report says so there, and its files' names end `.incomplete`.
4. What differs from run to run (times, random ids, places on this machine) is taken out of the notebook.
5. The digests of template and files, and the ledger size that was read, become a ledger entry.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from governance.engines.duckdb import Engine
from governance.errors import GovernanceError, MissingExtraError, NotFoundError
from governance.exhibits.period import Period, Span, span_of
from governance.findings import Window
from governance.kernel import private_folder, this_interpreter
from governance.moments import stamp
from governance.notebook import Parameters, chosen, declared, failures, find_template, stripped
from governance.progress import Say, unheard
from governance.storage.store import Snapshot, Store
from governance.workspace import Workspace

try:
    import nbformat
    import papermill
    from papermill.exceptions import PapermillExecutionError
except ImportError as error:
    raise MissingExtraError("papermill", "report", "a report") from error


@dataclass(frozen=True, slots=True)
class Report:
    """A rendered report.

    Attributes:
        html: The page.
        pdf: The PDF, if one was asked for.
        notebook: The executed notebook.
        entry: Number of the ledger entry that names their digests.
        read: Ledger entries that the report was made from.
        failed: Why parts of it could not be computed; empty if it is complete.
    """

    html: Path
    pdf: Path | None
    notebook: Path
    entry: int
    read: int
    failed: tuple[str, ...] = ()

    def paths(self) -> list[Path]:
        """The files that were written."""
        return [path for path in (self.html, self.pdf, self.notebook) if path is not None]

    def document(self) -> dict[str, Any]:
        """The JSON of `report`."""
        return {
            "html": str(self.html),
            "pdf": None if self.pdf is None else str(self.pdf),
            "notebook": str(self.notebook),
            "ledger": {"read": self.read, "entry": self.entry},
            "complete": not self.failed,
        }


def report(
    workspace: Workspace,
    name: str,
    window: Window,
    *,
    now: datetime,
    pdf: bool = False,
    out: Path | None = None,
    as_of: int | None = None,
    say: Say = unheard,
) -> Report:
    """Renders a notebook over the stored findings of a window.

    Args:
        workspace: Where the store and the notebooks are.
        name: Name of a notebook, without its ending.
        window: What is reported on.
        now: When; page, PDF and ledger say so.
        pdf: Whether a PDF is written too.
        out: Folder; that of the workspace's reports by default.
        as_of: Number of ledger entries to read; all by default.
        say: Told which step is at hand.

    Raises:
        NotFoundError: There is no such notebook, or no findings of the window: no check has run on it.
        GovernanceError: A part could not be computed; the rest is written, under names that end `.incomplete`.
        BusyError: Another process is writing.
    """
    template = find_template(workspace, name)
    raw = template.read_bytes()
    store = Store(workspace.store)
    snapshot = store.snapshot(as_of)
    span = span_of(window)
    _require_findings(snapshot, window)
    digest = hashlib.sha256(raw).hexdigest()
    say("computing its sections")
    run = _run(template, _parameters(snapshot, span, now) | {"notebook": f"{name}@{digest}"})
    failed = failures(run)
    say("writing the page and the PDF" if pdf else "writing the page")
    files = _rendered(run, snapshot, span, now, pdf=pdf)
    paths = _paths(out or workspace.reports, f"{_slug(name)}-{_slug(window.name)}", files, complete=not failed)
    facts = _facts(name, window, snapshot, files, digest, complete=not failed)
    with store.writing(workspace.key, now) as writer:
        for ending, content in files.items():
            _write(paths[ending], content)
        staged = [] if snapshot.blob(digest).exists() else [store.stage_blob(raw, {"blob": "notebook"})]
        entry = writer.commit("report", facts, staged, at=stamp(now))
    made = Report(paths["html"], paths.get("pdf"), paths["ipynb"], entry.number, snapshot.checkpoint.size, failed)
    if failed:
        raise _incomplete(made)
    return made


def _paths(folder: Path, stem: str, endings: Iterable[str], *, complete: bool) -> dict[str, Path]:
    """Ending -> file."""
    return {ending: folder / f"{stem}.{ending}{'' if complete else '.incomplete'}" for ending in endings}


def _incomplete(made: Report) -> GovernanceError:
    count = len(made.failed)
    parts = f"{count} parts" if count > 1 else "a part"
    what = f"{parts} of the report could not be computed: {made.failed[0]}"
    return GovernanceError(what, where=str(made.html), hint="the rest is there; mend this and render it again")


def decision_notebook(workspace: Workspace, document: Mapping[str, Any], path: Path, *, as_of: int | None) -> None:
    """Writes the executed notebook that explains one decision.

    Args:
        workspace: Where the store is.
        document: The JSON of `explain`.
        path: Where to.
        as_of: Number of ledger entries to read; all by default.

    Raises:
        GovernanceError: The folder is missing, or a cell failed.
    """
    if not path.parent.is_dir():
        raise GovernanceError("there is no such folder", where=str(path.parent), hint="make it, or choose another")
    wanted = str(document["decision_id"] or document["request_uid"])
    run = _run(
        find_template(workspace, "decision"), {"store": str(workspace.store), "wanted": wanted, "as_of": as_of or 0}
    )
    _write(path, _notebook_bytes(run))
    failed = failures(run)
    if failed:
        raise GovernanceError(f"the notebook could not be run: {failed[0]}", where=str(path))


def _require_findings(snapshot: Snapshot, window: Window) -> None:
    bounds = (stamp(window.start), stamp(window.end))
    runs = [entry.facts["window"] for entry in snapshot.of_kind("findings")]
    if bounds not in {(own["start"], own["end"]) for own in runs}:
        checked = ", ".join(dict.fromkeys(str(own["name"]) for own in runs))
        hint = f"run `governance check --window {window.name}` first" + (
            f"; checked so far: {checked}" if checked else ""
        )
        raise NotFoundError(f"there are no findings of {window.name}", where=str(snapshot.root), hint=hint)


def _parameters(snapshot: Snapshot, span: Span, now: datetime) -> dict[str, str | int]:
    return {
        "store": str(snapshot.root),
        "start": stamp(span.window.start),
        "end": stamp(span.window.end),
        "previous_start": stamp(span.previous.start),
        "previous_end": stamp(span.previous.end),
        "window": span.window.name,
        "previous": span.previous.name,
        "timezone": span.timezone,
        "as_of": snapshot.checkpoint.size,
        "made": now.date().isoformat(),
    }


def _run(template: Path, given: Parameters) -> dict[str, Any]:
    """The executed notebook as plain JSON, without what differs from run to run."""
    try:
        notebook = nbformat.read(template, as_version=4)  # type: ignore[no-untyped-call]
    except (ValueError, OSError) as error:
        raise GovernanceError(f"the notebook cannot be read ({error})", where=str(template)) from error
    parameters = chosen(declared(notebook, str(template)), given, str(template))
    with private_folder() as folder:
        result = folder / "run.ipynb"
        try:
            papermill.execute_notebook(
                notebook,
                str(result),
                parameters,
                kernel_name="python3",
                progress_bar=False,
                request_save_on_cell_execute=False,
                cwd=str(folder),
                kernel_manager_class=this_interpreter(folder),
                allow_errors=True,  # the sections after a failed one are computed all the same
            )
        except PapermillExecutionError:
            pass  # the notebook is written, and says what failed where
        except (RuntimeError, OSError) as error:
            raise GovernanceError(f"the notebook could not be run ({error})", where=str(template)) from error
        run = json.loads(result.read_text(encoding="utf-8"))
    return stripped(run, str(given["store"]))


def _rendered(run: dict[str, Any], snapshot: Snapshot, span: Span, now: datetime, *, pdf: bool) -> dict[str, bytes]:
    """Ending -> bytes of each file."""
    from governance.rendering.html import html as page  # noqa: PLC0415 - brings nbconvert

    checkpoint = snapshot.checkpoint
    footer = f"Ledger {checkpoint.text.splitlines()[0]}, {checkpoint.size} entries, root {checkpoint.root[:16]}"
    files = {"html": page(run, generated_at=now, footer=footer).encode(), "ipynb": _notebook_bytes(run)}
    if pdf:
        from governance.rendering.pdf import Attachment  # noqa: PLC0415 - brings typst, which only a PDF needs
        from governance.rendering.pdf import pdf as printed  # noqa: PLC0415

        attachments = [
            Attachment("report.ipynb", files["ipynb"], "application/x-ipynb+json", "The executed notebook", "source"),
            Attachment(
                "findings.json", _evidence(snapshot, span), "application/json", "Every finding with its evidence"
            ),
            Attachment("checkpoint.txt", checkpoint.text.encode(), "text/plain", "The signed checkpoint of the ledger"),
        ]
        files["pdf"] = printed(run, timestamp=now, attachments=attachments, footer=footer)
    return files


def _notebook_bytes(run: Mapping[str, Any]) -> bytes:
    return (json.dumps(run, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()


def _evidence(snapshot: Snapshot, span: Span) -> bytes:
    """The findings of the window as they are stored, with the statements that repeat them."""
    with Engine() as engine:
        period = Period(snapshot, engine, span)
        own = {one.finding_id for one in period.judged}
        rows = [
            row
            for row in period.engine.records("SELECT * FROM findings ORDER BY finding_id")
            if row["finding_id"] in own
        ]
    for row in rows:
        row |= {name: json.loads(row[name]) for name in ("subject", "counts", "limits", "evidence")}
    document = {"ledger": {"size": snapshot.checkpoint.size, "root": snapshot.checkpoint.root}, "findings": rows}
    return json.dumps(document, indent=1, ensure_ascii=False, default=str).encode()


def _facts(
    name: str,
    window: Window,
    snapshot: Snapshot,
    files: Mapping[str, bytes],
    template_sha256: str,
    *,
    complete: bool,
) -> dict[str, Any]:
    return {
        "report": name,
        "window": {"start": stamp(window.start), "end": stamp(window.end), "name": window.name},
        "read": {"size": snapshot.checkpoint.size, "root": snapshot.checkpoint.root},
        "template_sha256": template_sha256,
        "files": {ending: hashlib.sha256(content).hexdigest() for ending, content in sorted(files.items())},
        "complete": complete,
    }


def _write(path: Path, content: bytes) -> None:
    """Puts a whole file in its place, or none."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(content)
        temporary.replace(path)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise GovernanceError(f"the file cannot be written ({error.strerror})", where=str(path)) from error


def _slug(name: str) -> str:
    """A name as part of a file name."""
    return re.sub(r"[^A-Za-z0-9.]+", "-", name).strip("-.")[:80] or "report"
