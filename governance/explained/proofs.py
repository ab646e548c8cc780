"""How an explanation can be proven: the files that were read, and where the ledger names them."""

from __future__ import annotations

from typing import Any

from governance.explained.decided import Decided
from governance.proof.merkle import leaf_hash, prove_inclusion


def proof(decided: Decided) -> dict[str, Any]:
    """Where each file that was read stands in the ledger, and the proof that its entry is in the tree."""
    snapshot = decided.snapshot
    leaves = [leaf_hash(entry.raw) for entry in snapshot.entries]
    read = decided.case.files.keys()
    number_of = {file.path: entry.number for entry in snapshot.entries for file in entry.files if file.path in read}
    siblings = {
        number: [sibling.hex() for sibling in prove_inclusion(leaves, number)] for number in set(number_of.values())
    }
    files = [
        {"path": path, "sha256": segment.sha256, "entry": number_of[path], "inclusion": siblings[number_of[path]]}
        for path, segment in decided.case.files.items()
    ]
    return {
        "ledger": {"size": snapshot.checkpoint.size, "root": snapshot.checkpoint.root},
        "file_sha256": decided.request["file_sha256"],
        "row_no": decided.request["row_no"],
        "conflicts": decided.case.conflicts,
        "files": sorted(files, key=lambda file: str(file["path"])),
        "digests": "each file that was read has the digest that the ledger names",
    }
