"""Drafts: a first mapping file for a log that nobody has described."""
