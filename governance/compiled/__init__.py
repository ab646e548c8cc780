"""Loops over single bytes, compiled when they are first called; each file but `tree` takes a second to import."""
