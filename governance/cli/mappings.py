"""`mapping init|show`: a first mapping for a log of one's own, and those that are shipped."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from governance.cli.examples import below
from governance.cli.session import Session

if TYPE_CHECKING:
    from governance.drafts.draft import Draft

mapping = typer.Typer(help="Write a first mapping for a table of your own; show those shipped.", no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    """Adds the group."""
    app.add_typer(mapping, name="mapping")


@mapping.command("init", epilog=below("mapping init"))
def init_mapping(
    context: typer.Context,
    log: Path = typer.Argument(metavar="FILE", help="Your log: CSV, JSON Lines, JSON or Parquet; .gz .zst .bz2."),
    to: Path | None = typer.Option(
        None, "--to", metavar="FILE", help="The mapping, or its folder; else NAME.mapping.yaml here."
    ),
    table: str | None = typer.Option(
        None,
        "--table",
        metavar="TABLE",
        help="What a row is: requests, reviews, outcomes, subject_records, assessments, incidents or request_counts; "
        "else it is told by the columns.",
    ),
) -> None:
    """Guess what the columns of a log mean, and write it down as a mapping for you to correct."""
    from governance.drafts.draft import draft
    from governance.errors import GovernanceError

    session: Session = context.obj
    made = draft(log, _known_table(table))
    path = to or Path(f"{made.source}.mapping.yaml")
    if path.is_dir():
        path /= f"{made.source}.mapping.yaml"
    try:
        _write_new(path, made.text)
    except FileExistsError as error:
        hint = "look at it, or name another with --to FILE"
        raise GovernanceError("there is a file already", where=str(path), hint=hint) from error
    except OSError as error:
        raise GovernanceError(f"the mapping cannot be written ({error.strerror})", where=str(path)) from error
    if session.as_json:
        session.result(_document(made, path))
    else:
        _print(session, made, path, log)


def _write_new(path: Path, text: str) -> None:
    """Writes a file that was not there; one that could not be finished does not stay."""
    with path.open("x", encoding="utf-8") as file:
        try:
            file.write(text)
            file.flush()
        except OSError:
            path.unlink()
            raise


def _known_table(name: str | None) -> str | None:
    from governance.drafts.forms import FORMS
    from governance.errors import NotFoundError, nearest

    known = ("requests", *FORMS)
    if name is None or name in known:
        return name
    hint = nearest(name, known) or f"guesses are made for {', '.join(known)}"
    raise NotFoundError(f"no mapping is drafted for a table '{name}'", where="--table", hint=hint)


@mapping.command()
def show(
    context: typer.Context, name: str = typer.Argument(metavar="NAME", help="As `governance sources` lists it.")
) -> None:
    """Print a mapping that is shipped, to be copied and changed."""
    from governance.errors import NotFoundError, nearest
    from governance.mapping import shipped_mappings

    session: Session = context.obj
    shipped = shipped_mappings()
    if name not in shipped:
        hint = nearest(name, shipped) or f"shipped are {', '.join(shipped)}"
        raise NotFoundError(f"no mapping is called '{name}'", where="mapping show", hint=hint)
    text = shipped[name].read_text(encoding="utf-8")
    if session.as_json:
        session.result({"name": name, "mapping": text})
    else:
        session.console.out(text, end="")


def _document(made: Draft, path: Path) -> dict[str, Any]:
    from governance.coverage import document

    reasons = [{"reason": word, "records": count, "first": detail} for word, (count, detail) in made.reasons.items()]
    guesses = asdict(made.guesses)
    return {
        "mapping": str(path),
        "source": made.source,
        "format": made.known,
        **guesses,
        "tried": made.tried,
        "unreadable": reasons,
        "because": list(made.because),
        "otherwise": list(made.otherwise),
        "coverage": document(made.coverage) if made.coverage else None,
    }


def _print(session: Session, made: Draft, path: Path, log: Path) -> None:
    from governance.cli.coverage_view import show_judged
    from governance.display import visible

    console = session.console
    console.out(made.text, end="")
    console.print()
    if made.known is not None:
        console.print(f"`governance ingest` reads this file without a mapping: it is of the format {made.known}.")
    for reason, (count, detail) in made.reasons.items():
        console.print(f"{count:,} of the first {made.tried:,} records cannot be read: {reason}: {visible(detail)}")
    if made.coverage:
        show_judged(console, made.coverage, "A store with this log")
    if made.guesses.table == "requests" and not made.guesses.names_model:
        console.print("No column names the model, and policies go by it: write it under `model` before you ingest.")
    if not made.is_usable:
        console.print(f"Nothing says {' and '.join(made.guesses.missing)}: write which column does before you go on.")
    console.print(f"Written to {visible(str(path))}. Correct it, then try it on the whole file:")
    console.print(f"  governance ingest --dry-run {visible(str(log))} --mapping {visible(str(path))}", soft_wrap=True)
