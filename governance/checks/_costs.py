"""What a request cost, as every kind of check about money sees it."""

from __future__ import annotations

from decimal import Decimal

# A cost without a currency is taken as US dollars; one in another currency is counted and left out.
COST = "CASE WHEN coalesce(upper(r.cost_currency), 'USD') = 'USD' THEN coalesce(r.cost_reported, r.cost_computed) END"


def usd(amount: Decimal | float) -> str:
    """An amount to the cent, or to six digits where that would show nothing."""
    return f"{amount:,.2f} USD" if abs(float(amount)) >= 1 else f"{amount:.6f} USD"
