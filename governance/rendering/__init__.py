"""Executed notebooks and blocks -> one static HTML file, or a PDF; each heavy library is imported in one file."""
