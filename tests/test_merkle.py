"""The Merkle tree against published vectors, known roots and a second way to compute them."""

from __future__ import annotations

import base64
import gzip
import json
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.proof import merkle

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LEAVES = st.lists(st.binary(max_size=40), min_size=1, max_size=70)


def recursive_root(leaves: list[bytes]) -> bytes:
    """RFC 6962 section 2.1 word by word: an independent second way."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return sha256(b"\x00" + leaves[0]).digest()
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return sha256(b"\x01" + recursive_root(leaves[:k]) + recursive_root(leaves[k:])).digest()


def test_published_vectors(shared_data: Callable[[str], Path]) -> None:
    """All 96 public cases: what must hold holds, what must be refused is refused."""
    packed = shared_data("vectors/merkle_rfc6962_dev.jsonl.gz").read_bytes()
    cases = [json.loads(line) for line in gzip.decompress(packed).splitlines()]
    assert len(cases) == 96
    wrong = [case["case"] for case in cases if holds(case) is case["wantErr"]]
    assert wrong == []


def holds(case: dict[str, Any]) -> bool:
    proof = [base64.b64decode(text) for text in case["proof"] or []]
    if case["kind"] == "inclusion":
        return merkle.includes(
            proof,
            index=case["leafIdx"],
            size=case["treeSize"],
            hashed=base64.b64decode(case["leafHash"]),
            root=base64.b64decode(case["root"]),
        )
    return merkle.continues(
        proof,
        earlier_size=case["size1"],
        size=case["size2"],
        earlier_root=base64.b64decode(case["root1"]),
        root=base64.b64decode(case["root2"]),
    )


def test_known_roots(shared_data: Callable[[str], Path]) -> None:
    known = json.loads(shared_data("oracles/merkle_roots.json").read_text(encoding="utf-8"))
    leaves = [bytes.fromhex(leaf) for leaf in known["leaves_hex"]]
    tree = merkle.Tree()
    for size, expected in enumerate(known["roots_hex"]):
        assert merkle.root(leaves[:size]).hex() == expected
        assert tree.root().hex() == expected
        if size < len(leaves):
            tree.append(leaves[size])
    assert merkle.leaf_hash(b"L123456").hex() == known["hashes"]['leaf("L123456")']
    assert merkle.node_hash(b"N123", b"N456").hex() == known["hashes"]['node("N123","N456")']


@given(LEAVES)
def test_root_after_each_append(leaves: list[bytes]) -> None:
    tree = merkle.Tree()
    for size, leaf in enumerate(leaves, 1):
        assert tree.grown(leaf).root() == recursive_root(leaves[:size])
        assert tree.root() == recursive_root(leaves[: size - 1])
        tree.append(leaf)
        assert tree.size == size
        assert tree.root() == recursive_root(leaves[:size])


@given(LEAVES, st.data())
def test_inclusion(leaves: list[bytes], data: st.DataObject) -> None:
    hashes = [merkle.leaf_hash(leaf) for leaf in leaves]
    index = data.draw(st.integers(0, len(leaves) - 1))
    claim: dict[str, Any] = {"index": index, "size": len(leaves), "hashed": hashes[index], "root": merkle.root(leaves)}
    proof = merkle.prove_inclusion(hashes, index)
    assert len(proof) <= (len(leaves) - 1).bit_length()
    assert merkle.includes(proof, **claim)
    assert not merkle.includes([*proof, hashes[0]], **claim)
    assert not merkle.includes(proof, **{**claim, "hashed": sha256(b"other").digest()})
    assert not merkle.includes(proof, **{**claim, "root": sha256(b"other").digest()})
    if proof:
        dropped = data.draw(st.integers(0, len(proof) - 1))
        assert not merkle.includes(proof[:dropped] + proof[dropped + 1 :], **claim)


@given(LEAVES, st.data())
def test_consistency(leaves: list[bytes], data: st.DataObject) -> None:
    hashes = [merkle.leaf_hash(leaf) for leaf in leaves]
    earlier = data.draw(st.integers(1, len(leaves)))
    claim: dict[str, Any] = {
        "earlier_size": earlier,
        "size": len(leaves),
        "earlier_root": merkle.root(leaves[:earlier]),
        "root": merkle.root(leaves),
    }
    proof = merkle.prove_consistency(hashes, earlier)
    assert merkle.continues(proof, **claim)
    assert not merkle.continues([*proof, hashes[0]], **claim)
    assert not merkle.continues(proof, **{**claim, "earlier_root": sha256(b"other").digest()})
    assert not merkle.continues(proof, **{**claim, "root": sha256(b"other").digest()})
    if proof:
        dropped = data.draw(st.integers(0, len(proof) - 1))
        assert not merkle.continues(proof[:dropped] + proof[dropped + 1 :], **claim)


@pytest.mark.parametrize("index", [-1, 3])
def test_no_proof_for_a_leaf_that_is_not_there(index: int) -> None:
    with pytest.raises(IndexError):
        merkle.prove_inclusion([merkle.leaf_hash(b"")] * 3, index)


@pytest.mark.parametrize("size", [0, 4])
def test_no_proof_for_a_size_that_never_was(size: int) -> None:
    with pytest.raises(IndexError):
        merkle.prove_consistency([merkle.leaf_hash(b"")] * 3, size)
