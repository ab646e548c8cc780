"""Reads AI request logs, decides controls from the log rows, explains decisions, and proves every number."""

__version__ = "0.1.0"
