"""Prices: tables in the forms that people have, which of them is in force when, and what tokens cost by them."""
