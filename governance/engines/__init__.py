"""SQL engines: one file each. DuckDB is the embedded default."""
