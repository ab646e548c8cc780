"""`ingest`, `sources`: logs into the store."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from governance.cli.examples import below
from governance.cli.session import Session

if TYPE_CHECKING:
    from governance.ingestion import Ingestion
    from governance.rehearsal import Rehearsal


_MODELS = {"requests.model_served", "requests.model_requested", "decisions.model"}


def add_to(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command(epilog=below("ingest"))(ingest)
    app.command("sources")(list_sources)


def ingest(
    context: typer.Context,
    paths: list[str] = typer.Argument(
        metavar="PATH...",
        help="Files, folders, patterns, s3:// gs:// abfs:// or - ; CSV, JSON, JSON Lines, Parquet; .gz .zst .bz2.",
    ),
    source: str | None = typer.Option(None, "--source", metavar="NAME", help="The log format; else it is recognised."),
    mapping: Path | None = typer.Option(
        None, "--mapping", metavar="FILE", help="Mapping of a table of your own, or a shipped one."
    ),
    max_quarantined: float | None = typer.Option(
        None, "--max-quarantined", metavar="SHARE", min=0, max=1, help="Exit 2 if more than this share cannot be read."
    ),
    dry_run: bool = typer.Option(
        False, "--dry-run", help="Write nothing: say what would be stored, and what could be judged then."
    ),
) -> int:
    """Read logs into the store; every record is stored, a duplicate, quarantined or ignored, and counted."""
    session: Session = context.obj
    stdin = None if sys.stdin.isatty() else sys.stdin.buffer
    from governance.cli.progress import drawn

    given: dict[str, Any] = {"now": session.now, "source": source, "mapping": mapping, "stdin": stdin}
    if dry_run:
        from governance.rehearsal import rehearse

        with drawn(session) as display:
            rehearsal = rehearse(session.workspace, paths, observe=display.show, **given)
        done = rehearsal.ingestion
        _show_rehearsal(session, rehearsal)
    else:
        from governance.ingestion import ingest as read

        _note_no_model(session, mapping)
        with drawn(session) as display:
            done = read(session.workspace, paths, observe=display.show, **given)
            session.finished = "all of these files are in"
        _show(session, done)
    _note_conflicts(session, done, is_mapped=mapping is not None)
    records = done.total("records")
    share = done.total("quarantined") / records if records else 0
    if max_quarantined is not None and share > max_quarantined:
        session.note(f"error: {share:.2%} of the records are quarantined, more than {max_quarantined:.2%}")
        return 2
    return 0


def _note_no_model(session: Session, mapping: Path | None) -> None:
    """Says before anything is stored what a mapping lacks that nobody can add later."""
    from governance.arrivals.intake import read_format

    form = read_format(None, mapping).mapping
    if form is not None and form.table == "requests" and not form.names_model:
        session.note("the mapping names no model: a policy that applies to one will find nothing in this log")


def _note_conflicts(session: Session, done: Ingestion, *, is_mapped: bool) -> None:
    """Says what a conflict is, and the way out for those who corrected a mapping: a store replaces nothing."""
    conflicts = done.total("conflicts")
    if conflicts:
        session.note(
            f"{conflicts:,} records were stored before with other content: these are kept, the first ones count"
        )
    if is_mapped and conflicts > done.total("records") / 2:
        session.note(
            "  if you corrected the mapping: nothing in a store is replaced, so begin with `governance init NEW`"
        )


def _show(session: Session, done: Ingestion) -> None:
    from governance.cli.compactions import advise
    from governance.cli.ingestion_view import show

    if session.as_json:
        session.result(_document(done))
    else:
        show(session.console, done)
        advise(session)


def _document(done: Ingestion) -> dict[str, Any]:
    from governance.balances import COUNTS

    files = [asdict(report) | {"reasons": dict(report.reasons)} for report in done.files]
    totals = {name: done.total(name) for name in COUNTS}
    return {"files": files, **totals, "ledger": {"size": done.ledger_size, "root": done.ledger_root}}


def _show_rehearsal(session: Session, rehearsal: Rehearsal) -> None:
    if session.as_json:
        from governance.coverage import document

        coverage = {"alone": document(rehearsal.alone), "with_store": document(rehearsal.with_store)}
        bad = {"columns": list(rehearsal.columns), "bad_records": [asdict(record) for record in rehearsal.bad]}
        strange: dict[str, Any] = {"unmapped_attributes": [one._asdict() for one in rehearsal.unmapped]}
        strange |= {"unmatched": {table: of.waiting for table, of in rehearsal.unmatched.items()}}
        session.result({"dry_run": True} | _document(rehearsal.ingestion) | bad | strange | {"coverage": coverage})
        return
    from governance.cli.coverage_view import show_briefly, show_columns
    from governance.cli.ingestion_view import show, show_unmapped
    from governance.display import visible

    show(session.console, rehearsal.ingestion)
    for record in rehearsal.bad:
        place = f"{Path(record.file).name}:{record.line}"
        session.console.print(f"  {visible(place)}: {record.reason}: {visible(record.detail)}")
    show_columns(session.console, rehearsal.columns)
    if "requests.start_ts" in rehearsal.columns and not _MODELS & set(rehearsal.columns):
        session.console.print("No record names its model: a policy that applies to one will find nothing.")
    for table, (rows, unmatched) in rehearsal.unmatched.items():
        session.console.print(f"{unmatched:,} of {rows:,} {table} name no request that is in; they wait for it.")
    show_unmapped(session.console, rehearsal.unmapped)
    show_briefly(session.console, rehearsal.alone, rehearsal.with_store)
    session.console.print("Nothing was written; without --dry-run this is what `ingest` does.")


def list_sources(
    context: typer.Context,
    columns: bool = typer.Option(False, "--columns", help="List the canonical columns instead."),
) -> None:
    """List the log formats with what each fills."""
    from governance.extensions import sources
    from governance.mapping import shipped_mappings
    from governance.tables import CANONICAL

    session: Session = context.obj
    if columns:
        listed = {table.name: {c.name: f"{c.type}: {c.meaning}" for c in table.columns} for table in CANONICAL.values()}
        if session.as_json:
            session.result(listed)
            return
        for table, named in listed.items():
            session.console.print(f"{table}: {CANONICAL[table].meaning}", style="bold")
            for name, text in named.items():
                session.console.print(f"  {name}  {text}")
        return
    found = sources()
    mapped = {name: _title(path) for name, path in shipped_mappings().items()}
    if session.as_json:
        listed_sources = [
            {"name": s.name, "title": s.title, "fills": list(s.fills), "verified": s.verified} for s in found.values()
        ]
        mappings = [{"name": name, "title": title} for name, title in mapped.items()]
        session.result({"sources": listed_sources, "mappings": mappings})
        return
    for name, source in found.items():
        session.console.print(f"{name}: {source.title}", style="bold")
        session.console.print(f"  fills {len(source.fills)} columns; {source.verified}")
    session.console.print("mapped: any CSV, JSON Lines, JSON or Parquet table, with --mapping FILE", style="bold")
    for name, title in mapped.items():
        session.console.print(f"  --mapping {name}: {title}")


def _title(mapping: Path) -> str:
    """The comment on the first line of a shipped mapping."""
    with mapping.open(encoding="utf-8") as file:
        return file.readline().removeprefix("#").strip()
