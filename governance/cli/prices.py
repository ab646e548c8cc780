"""`price add|list|compare`: what models cost, since when, and what stored requests would cost now."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from governance.cli.session import Session

if TYPE_CHECKING:
    from governance.prices.comparison import ModelComparison
    from governance.prices.pricing import PriceRow
    from governance.prices.tables import RegisteredPrices

price = typer.Typer(help="Register price tables, and see which price was in force when.", no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    """Adds the group."""
    app.add_typer(price, name="price")


@price.command()
def add(
    context: typer.Context,
    table: Path = typer.Argument(metavar="FILE", help="Price table: genai-prices' or LiteLLM's JSON, .gz or not."),
    valid_from: str | None = typer.Option(
        None, "--valid-from", metavar="DATE", help="First day for which it holds, UTC; else from the beginning."
    ),
) -> None:
    """Register a price table; logs that are read from then on get their costs from it."""
    from governance.prices.tables import add as register

    session: Session = context.obj
    made = register(session.workspace, table, now=session.now, valid_from=_day(valid_from))
    if session.as_json:
        session.result(_table_document(made))
        return
    session.console.print(f"Ledger entry {made.entry}: {_table_line(made)}")


@price.command("list")
def list_prices(
    context: typer.Context,
    model: str | None = typer.Argument(None, metavar="[MODEL]", help="Text in the name of a model; else the tables."),
    at: str | None = typer.Option(None, "--at", metavar="TIME", help="Only what counts then; UTC unless it says so."),
) -> None:
    """List the price tables, or the prices of a model."""
    from governance.prices.tables import price_book, registered
    from governance.storage.store import Store

    session: Session = context.obj
    moment = _moment(at)
    snapshot = Store(session.workspace.store).snapshot()
    tables = [item for item in registered(snapshot) if _holds(item, moment)]
    rows = None if model is None else price_book(snapshot).rows(model, moment)
    if session.as_json:
        listed = {"tables": [_table_document(item) for item in tables]}
        session.result(listed | ({} if rows is None else {"prices": [_document(row) for row in rows]}))
        return
    if not tables:
        session.console.print("No price table holds. Next: governance price add FILE --valid-from DATE")
    elif rows is None:
        for item in tables:
            session.console.print(_table_line(item))
    else:
        _print(session, rows)


@price.command()
def compare(
    context: typer.Context,
    window: str | None = typer.Option(None, "--window", metavar="W", help="Requests of it, such as 2026-Q3; else all."),
) -> None:
    """Show what stored requests would cost by the tables as they are now; nothing is changed.

    A request keeps the cost that was computed when it was read, since findings
    and reports were made from it. Here the models are listed whose requests
    have none because a table came late, or another one than a corrected table
    gives.
    """
    from governance.findings import parse_window
    from governance.prices.comparison import compare as compared

    session: Session = context.obj
    own = session.workspace
    span = None
    if window is not None:
        month = own.fiscal_year_start_month
        span = parse_window(window, now=session.now, timezone=own.timezone, fiscal_start_month=month)
    found = compared(own.store, span)
    if session.as_json:
        session.result({"models": [asdict(item) | _amounts(item) for item in found]})
    else:
        _print_comparison(session, found)


def _amounts(item: ModelComparison) -> dict[str, str]:
    """Sums as text, so that no digit is lost."""
    return {"computed_usd": f"{item.computed_usd:f}", "now_usd": f"{item.now_usd:f}"}


def _print_comparison(session: Session, found: list[ModelComparison]) -> None:
    from rich.table import Table
    from rich.text import Text

    from governance.display import visible

    if not found:
        session.console.print("Every stored cost is what the tables give now; what is unpriced they do not know.")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("model", overflow="fold")
    for name in ("requests", "unpriced", "known now", "differ", "computed", "now, USD"):
        table.add_column(name, justify="right")
    for item in found:
        name = " ".join(filter(None, (item.provider, item.model))) or "not logged"
        counts = (item.requests, item.unpriced, item.would_be_priced, item.would_differ)
        sums = (f"{item.computed_usd:,.2f}", f"{item.now_usd:,.2f}")
        table.add_row(Text(visible(name)), *(f"{count:,}" for count in counts), *sums)
    session.console.print(table)
    session.console.print("Nothing was changed: requests keep the cost that they were read with.")


def _day(text: str | None) -> date | None:
    from governance.errors import GovernanceError

    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError as error:
        raise GovernanceError(f"no day: {text}", where="--valid-from", hint="write it like 2026-07-01") from error


def _moment(text: str | None) -> datetime | None:
    from governance.errors import GovernanceError
    from governance.formats.rows import UnreadableError
    from governance.formats.times import moment

    try:
        return None if text is None else moment(text, "--at").at
    except UnreadableError as error:
        hint = "write it like 2026-07-01 or 2026-07-01T12:00:00Z"
        raise GovernanceError(f"no time: {text}", where="--at", hint=hint) from error


def _holds(item: RegisteredPrices, at: datetime | None) -> bool:
    return at is None or item.valid_from is None or item.valid_from <= at


def _table_document(item: RegisteredPrices) -> dict[str, Any]:
    return {**item.facts, "entry": item.entry, "registered": item.at}


def _table_line(item: RegisteredPrices) -> str:
    from governance.display import visible

    facts = item.facts
    since = f"from {facts['valid_from']}" if facts["valid_from"] else "from the beginning"
    models = f"{facts['models']:,} models of {facts['providers']:,} providers"
    return f"{visible(facts['file'])} ({facts['form']}), {since}: {models}, sha256 {item.sha256[:12]}"


def _document(row: PriceRow) -> dict[str, Any]:
    """A price row; amounts are text, so that no digit is lost."""
    return {
        "price_id": row.price_id,
        "provider": row.provider,
        "model": row.model,
        "service_tier": row.service_tier,
        "over_tokens": row.over_tokens,
        "valid_from": row.valid_from.isoformat() if row.valid_from else None,
        "daily": [str(moment) for moment in row.daily] if row.daily else None,
        "usd_per_million": {unit: f"{amount:f}" for unit, amount in row.prices.items()},
        "usd_per_request": f"{row.per_request:f}",
    }


def _print(session: Session, rows: list[PriceRow]) -> None:
    from rich.table import Table
    from rich.text import Text

    from governance.display import visible

    if not rows:
        session.console.print("No price table has such a model.")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("model", "holds", "USD per million tokens"):
        table.add_column(name, overflow="fold")
    for row in rows:
        amounts = [f"{unit} {amount:f}" for unit, amount in row.prices.items()]
        amounts += [f"request {row.per_request:f} each"] if row.per_request else []
        name = f"{row.provider} {row.model}"
        table.add_row(Text(visible(name)), _condition(row), ", ".join(amounts))
    session.console.print(table)


def _condition(row: PriceRow) -> str:
    said = [f"from {row.valid_from:%Y-%m-%d}"] if row.valid_from else []
    said += [f"{row.daily[0]:%H:%M} to {row.daily[1]:%H:%M} UTC"] if row.daily else []
    said += [f"over {row.over_tokens:,} tokens in"] if row.over_tokens is not None else []
    said += [row.service_tier] if row.service_tier != "standard" else []
    return ", ".join(said) or "always"
