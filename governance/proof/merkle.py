"""A Merkle tree over byte strings, as in RFC 6962: its root, and proofs that need only a few hashes.

1. The hash of a leaf is SHA-256(0x00 + leaf), of an inner node SHA-256(0x01 + left + right): no node passes for a leaf.
2. The left subtree of n leaves holds the largest power of two below n; the root of no leaves is SHA-256 of nothing.
3. A proof is refused unless every hash in it is used and is 32 bytes long.

Source: RFC 6962 section 2.1; the verifying algorithms are those of RFC 9162 sections 2.1.3.2 and 2.1.4.2.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

HASH_BYTES = 32


def leaf_hash(leaf: bytes) -> bytes:
    """Hash of one leaf, 32 bytes."""
    return sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash of an inner node over the hashes of its two subtrees, 32 bytes."""
    return sha256(b"\x01" + left + right).digest()


class Tree:
    """A tree that only grows: it keeps one hash per complete subtree, so n leaves take O(log n) space and time each."""

    __slots__ = ("_peaks", "size")

    def __init__(self) -> None:
        self.size = 0
        self._peaks: list[bytes] = []

    def append(self, leaf: bytes) -> None:
        """Add a leaf at the right end."""
        self.append_hash(leaf_hash(leaf))

    def append_hash(self, hashed: bytes) -> None:
        """Add a leaf of which only the hash is at hand."""
        # Each trailing one-bit of the size is a complete subtree as high as the one that grows at the right end.
        carried = self.size
        while carried & 1:
            hashed = node_hash(self._peaks.pop(), hashed)
            carried >>= 1
        self._peaks.append(hashed)
        self.size += 1

    def root(self) -> bytes:
        """Root over all leaves so far, 32 bytes."""
        if not self._peaks:
            return sha256().digest()
        hashed = self._peaks[-1]
        for peak in reversed(self._peaks[:-1]):
            hashed = node_hash(peak, hashed)
        return hashed

    def grown(self, leaf: bytes) -> Tree:
        """The tree with one leaf more; this one stays as it is."""
        tree = Tree()
        tree.size = self.size
        tree._peaks = self._peaks.copy()
        tree.append(leaf)
        return tree


def root(leaves: Iterable[bytes]) -> bytes:
    """Root over leaves given as bytes, 32 bytes."""
    tree = Tree()
    for leaf in leaves:
        tree.append(leaf)
    return tree.root()


def prove_inclusion(hashes: Sequence[bytes], index: int) -> list[bytes]:
    """Hashes which prove that leaf `index` is in the tree, from the leaf upwards.

    Args:
        hashes: The hash of every leaf of the tree.
        index: 0 <= index < len(hashes).

    Raises:
        IndexError: No leaf has this index.
    """
    if not 0 <= index < len(hashes):
        raise IndexError(f"leaf {index} of a tree of {len(hashes)}")
    proof: list[bytes] = []
    start, stop = 0, len(hashes)
    while stop - start > 1:
        middle = start + _left_size(stop - start)
        if index < middle:
            proof.append(_subtree_root(hashes, middle, stop))
            stop = middle
        else:
            proof.append(_subtree_root(hashes, start, middle))
            start = middle
    return proof[::-1]


def prove_consistency(hashes: Sequence[bytes], earlier_size: int) -> list[bytes]:
    """Hashes which prove that the tree of the first `earlier_size` leaves was continued and not rewritten.

    Args:
        hashes: The hash of every leaf of the tree as it is now.
        earlier_size: 1 <= earlier_size <= len(hashes).

    Raises:
        IndexError: The tree never had this size.
    """
    if not 1 <= earlier_size <= len(hashes):
        raise IndexError(f"size {earlier_size} of a tree of {len(hashes)}")
    proof: list[bytes] = []
    start, stop = 0, len(hashes)
    while earlier_size < stop:
        middle = start + _left_size(stop - start)
        if earlier_size <= middle:
            proof.append(_subtree_root(hashes, middle, stop))
            stop = middle
        else:
            proof.append(_subtree_root(hashes, start, middle))
            start = middle
    # The earlier root itself is known to whoever checks; any other subtree at which the two trees part is not.
    if start > 0:
        proof.append(_subtree_root(hashes, start, stop))
    return proof[::-1]


def includes(proof: Sequence[bytes], *, index: int, size: int, hashed: bytes, root: bytes) -> bool:
    """Whether the proof shows that the leaf with hash `hashed` is number `index` of the tree with `size` and `root`."""
    if not 0 <= index < size or not _are_hashes([*proof, hashed, root]):
        return False
    at, last = index, size - 1
    for sibling in proof:
        if last == 0:
            return False
        if at & 1 or at == last:
            hashed = node_hash(sibling, hashed)
            at, last = _skip_levels_without_sibling(at, last)
        else:
            hashed = node_hash(hashed, sibling)
        at, last = at >> 1, last >> 1
    return last == 0 and hashed == root


def continues(proof: Sequence[bytes], *, earlier_size: int, size: int, earlier_root: bytes, root: bytes) -> bool:
    """Whether the proof shows that the tree with `root` begins with all leaves of the tree with `earlier_root`."""
    if not 1 <= earlier_size <= size or not _are_hashes([*proof, earlier_root, root]):
        return False
    if earlier_size == size:
        return not proof and earlier_root == root
    path = list(proof)
    if earlier_size & (earlier_size - 1) == 0:
        path.insert(0, earlier_root)
    if not path:
        return False
    at, last = earlier_size - 1, size - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    earlier = later = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            earlier, later = node_hash(sibling, earlier), node_hash(sibling, later)
            at, last = _skip_levels_without_sibling(at, last)
        else:
            later = node_hash(later, sibling)
        at, last = at >> 1, last >> 1
    return last == 0 and earlier == earlier_root and later == root


def _left_size(size: int) -> int:
    """Largest power of two below size; size >= 2."""
    return 1 << ((size - 1).bit_length() - 1)


def _subtree_root(hashes: Sequence[bytes], start: int, stop: int) -> bytes:
    tree = Tree()
    for index in range(start, stop):
        tree.append_hash(hashes[index])
    return tree.root()


def _skip_levels_without_sibling(at: int, last: int) -> tuple[int, int]:
    """Position at the right edge, raised to the level at which it is a right child."""
    while at and not at & 1:
        at, last = at >> 1, last >> 1
    return at, last


def _are_hashes(values: Sequence[bytes]) -> bool:
    return all(len(value) == HASH_BYTES for value in values)
