"""What `explain ID` answers, and its plain form: without typer and rich, which take longer to load than it runs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from governance.cli.session import Session
from governance.errors import GovernanceError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Mapping


class Reader(StrEnum):
    """For whom an explanation is written."""

    ENGINEER = "engineer"
    SUBJECT = "subject"
    AUDITOR = "auditor"


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of `explain`.

    Attributes:
        wanted: A request, client, response, trace or decision id.
        reader: For whom.
        html: Where the page goes, if there is to be one.
        pdf: The same for a PDF.
        notebook: The same for an executed notebook.
        as_of: Number of ledger entries to read; all by default.
    """

    wanted: str
    reader: Reader = Reader.ENGINEER
    html: Path | None = None
    pdf: Path | None = None
    notebook: Path | None = None
    as_of: int | None = None


def plain_question(words: Sequence[str]) -> Question | None:
    """The question in `ID` or `ID --for READER`, in any order; None where anything else is said, right or wrong."""
    reader: str = Reader.ENGINEER
    left = list(words)
    if "--for" in left[:-1]:
        place = left.index("--for")
        reader = left[place + 1]
        del left[place : place + 2]
    if len(left) != 1 or left[0].startswith("-") or reader not in list(Reader):
        return None
    return Question(left[0], Reader(reader))


def answer(session: Session, question: Question) -> None:
    """Explains, notes that it was read, and prints or writes the explanation."""
    from governance.explanation import explain

    try:
        whole = question.reader != Reader.ENGINEER  # who waits for an answer, and not for a model to be loaded
        found = explain(session.workspace.store, question.wanted, as_of=question.as_of, whole=whole)
    except NotFoundError as error:
        raise _elsewhere(error, question.wanted) from error
    documents = [item.document for item in found]
    _record_reading(session, documents, question.reader)
    if question.reader == Reader.SUBJECT:
        _note_unsaid(session)
    written = _write(session, documents, question)
    if session.as_json:
        session.result(documents[0] if len(documents) == 1 else {"items": documents})
    elif not written:
        from governance.cli.explanation_view import show
        from governance.cli.screen import Screen

        for document in documents:
            show(Screen.of_terminal(), document, question.reader, session.workspace.office)


def _note_unsaid(session: Session) -> None:
    """Says what the letter lacks and the settings could give."""
    unsaid = session.workspace.office.unsaid()
    if unsaid:
        session.note(f"the letter would say more if governance.toml set {', '.join(unsaid)}")


def _elsewhere(error: NotFoundError, wanted: str) -> NotFoundError:
    """The error, with another command as its hint where the id looks like that of a quarantined record or a finding."""
    if re.fullmatch(r"[0-9a-f]{12,64}:\d+:\d+", wanted):
        return NotFoundError(error.what, where=error.where, hint=f"quarantined? `governance quarantine show {wanted}`")
    if re.fullmatch(r"[0-9a-f]{10}|[0-9a-f]{64}", wanted):
        return NotFoundError(error.what, where=error.where, hint=f"a finding? `governance finding show {wanted}`")
    return error


def _record_reading(session: Session, documents: Sequence[Mapping[str, Any]], reader: str) -> None:
    """Reading an explanation is an event: it waits in the spool until the next writer seals it."""
    from governance.storage.spool import note_reading

    note_reading(session.workspace.store, [str(item["request_uid"]) for item in documents], reader, session.now)


def _write(session: Session, documents: Sequence[Mapping[str, Any]], question: Question) -> bool:
    """Whether a file was written instead of the terminal view."""
    if question.html is None and question.pdf is None and question.notebook is None:
        return False
    from governance import explanation_pages

    for path, make in ((question.html, explanation_pages.html), (question.pdf, explanation_pages.pdf)):
        if path is not None:
            _save(path, make(documents, question.reader, session.workspace.office))
            session.note(f"written: {path}")
    if question.notebook is not None:
        from governance.reporting import decision_notebook

        decision_notebook(session.workspace, documents[0], question.notebook, as_of=question.as_of)
        session.note(f"written: {question.notebook}")
    return True


def _save(path: Path, content: bytes) -> None:
    if not path.parent.is_dir():
        raise GovernanceError("there is no such folder", where=str(path.parent), hint="make it, or choose another")
    try:
        path.write_bytes(content)
    except OSError as error:
        raise GovernanceError(f"the file cannot be written ({error.strerror})", where=str(path)) from error
