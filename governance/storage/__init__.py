"""The store: Parquet files that a ledger entry names, the views over them, and files merged into fewer."""
