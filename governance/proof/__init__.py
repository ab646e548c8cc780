"""Proof: the ledger, its entries, tree and signed notes; how it is written, and how a copy is looked through."""
