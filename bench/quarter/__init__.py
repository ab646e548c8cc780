"""A quarter of a bank's requests and decisions, made by the engine itself, and what is measured on it."""
