"""Policies: how people write them, what may be wrong with them, and the cases that try them."""
