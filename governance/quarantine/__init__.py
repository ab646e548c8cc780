"""Quarantine: what could not be read, kept byte by byte, and read again."""
