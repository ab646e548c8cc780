"""How an explanation can be proven: the files that were read, and where the ledger names them."""

from __future__ import annotations

from typing import Any

from governance.explained.decided import Decided
from governance.proof.merkle import leaf_hash, prove_inclusion


def proof(decided: Decided) -> dict[str, Any]:
    """Where each file that was read stands in the ledger, and the proof that its entry is in the tree."""
    snapshot = decided.snapshot
    entry_of = {file.path: entry for entry in snapshot.entries for file in entry.files}
    leaves = [leaf_hash(entry.raw) for entry in snapshot.entries]
    files = []
    for segment in decided.case.files.values():
        entry = entry_of[segment.path]
        siblings = [sibling.hex() for sibling in prove_inclusion(leaves, entry.number)]
        files.append({"path": segment.path, "sha256": segment.sha256, "entry": entry.number, "inclusion": siblings})
    return {
        "ledger": {"size": snapshot.checkpoint.size, "root": snapshot.checkpoint.root},
        "file_sha256": decided.request["file_sha256"],
        "row_no": decided.request["row_no"],
        "conflicts": decided.case.conflicts,
        "files": sorted(files, key=lambda file: file["path"]),
        "digests": "each file that was read has the digest that the ledger names",
    }
