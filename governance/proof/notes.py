"""Checkpoints as signed notes, and the Ed25519 keys that sign them.

1. A checkpoint is three lines, the origin, the number of entries and the base64 root, then a blank line and one
   signature line: an em dash, the name of the key (the origin), base64(4 bytes of key hash + 64 bytes of signature).
2. What is signed is the three lines with their line ends. The key hash is SHA-256(name, line feed, 0x01, key).
3. Each key and checkpoint has one spelling: what was read is written again and compared, so that stray bits at the end
   of base64 or other line ends are found.
4. The private key lies outside the store, in a file of its own that only its owner may read (0600, made once).

Source: C2SP signed-note and tlog-checkpoint; RFC 8410 for the key files.
"""

from __future__ import annotations

import base64
import os
import re
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Self

from governance.errors import GovernanceError, NotFoundError
from governance.proof import durable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

KEY_BYTES = 32
ROOT_BYTES = 32
SIGNATURE_BYTES = 64
MAX_ORIGIN = 200  # characters; chosen here so that a note stays short
KEY_HASH_BYTES = 4
MAX_NOTE_BYTES = 4096  # three short lines and one signature; more is not read

_ED25519_PUBLIC = bytes.fromhex("302a300506032b6570032100")  # DER before the 32 bytes: RFC 8410 section 4
_ED25519_NOTE_KEY = b"\x01"  # type of key in the key hash: signed-note, "Signatures"
_PEM = re.compile(rb"-----BEGIN PUBLIC KEY-----\n([A-Za-z0-9+/=]{60})\n-----END PUBLIC KEY-----\n")
_CHECKPOINT = re.compile(
    "(?P<origin>[^\n]+)\n(?P<size>[1-9][0-9]{0,18})\n(?P<root>[A-Za-z0-9+/=]+)\n"
    "\n— (?P<name>[^\n]+) (?P<signature>[A-Za-z0-9+/=]+)\n"
)


def is_origin(name: str) -> bool:
    """Whether a checkpoint can bear this name: printable, without space or plus (signed-note, "Format")."""
    return 0 < len(name) <= MAX_ORIGIN and name.isprintable() and "+" not in name and not any(map(str.isspace, name))


@dataclass(frozen=True, slots=True)
class PublicKey:
    """An Ed25519 public key: 32 bytes."""

    raw: bytes

    @classmethod
    def from_pem(cls, pem: bytes) -> Self:
        """Key in a PEM file (SubjectPublicKeyInfo).

        Raises:
            ValueError: The bytes are not the one spelling of an Ed25519 public key.
        """
        match = _PEM.fullmatch(pem)
        if not match:
            raise ValueError("is no Ed25519 public key in PEM")
        key = cls(base64.b64decode(match[1])[len(_ED25519_PUBLIC) :])
        if len(key.raw) != KEY_BYTES or key.pem() != pem:
            raise ValueError("is not spelled as an Ed25519 public key is")
        return key

    def pem(self) -> bytes:
        """The key as the bytes of a PEM file."""
        encoded = base64.b64encode(_ED25519_PUBLIC + self.raw)
        return b"-----BEGIN PUBLIC KEY-----\n" + encoded + b"\n-----END PUBLIC KEY-----\n"

    def hash_as(self, name: str) -> bytes:
        """First 4 bytes of the hash of key and name: tells which key a signature is meant for, and proves nothing."""
        return sha256(name.encode() + b"\n" + _ED25519_NOTE_KEY + self.raw).digest()[:KEY_HASH_BYTES]


@dataclass(frozen=True, slots=True)
class SignedCheckpoint:
    """A checkpoint as it was read; whether its signature is good is asked with `is_signed_by`."""

    origin: str
    size: int  # entries, >= 1
    root: bytes  # 32 bytes
    key_hash: bytes  # 4 bytes
    signature: bytes  # 64 bytes

    @classmethod
    def from_note(cls, note: bytes) -> Self:
        """Checkpoint in a note.

        Raises:
            ValueError: The bytes are not the one spelling of a checkpoint with one signature.
        """
        if len(note) > MAX_NOTE_BYTES:
            raise ValueError("is too long for a checkpoint")
        match = _CHECKPOINT.fullmatch(note.decode(errors="replace"))
        if not match or match["name"] != match["origin"] or not is_origin(match["origin"]):
            raise ValueError("is no checkpoint with one signature")
        signed = base64.b64decode(match["signature"])
        checkpoint = cls(
            origin=match["origin"],
            size=int(match["size"]),
            root=base64.b64decode(match["root"]),
            key_hash=signed[:KEY_HASH_BYTES],
            signature=signed[KEY_HASH_BYTES:],
        )
        if len(checkpoint.root) != ROOT_BYTES or len(checkpoint.signature) != SIGNATURE_BYTES:
            raise ValueError("holds a root or a signature of the wrong length")
        if checkpoint.note() != note:
            raise ValueError("is not spelled as a checkpoint is")
        return checkpoint

    def note(self) -> bytes:
        """The bytes of the note."""
        signature = base64.b64encode(self.key_hash + self.signature).decode()
        return body(self.origin, self.size, self.root) + f"\n— {self.origin} {signature}\n".encode()

    def is_signed_by(self, key: PublicKey) -> bool:
        """Whether the signature is by this key over exactly these lines."""
        if self.key_hash != key.hash_as(self.origin):
            return False
        from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 - reading must not wait for it
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415

        try:
            Ed25519PublicKey.from_public_bytes(key.raw).verify(self.signature, body(self.origin, self.size, self.root))
        except (InvalidSignature, ValueError):
            return False
        return True


def well_signed(notes: Sequence[bytes], key: PublicKey | None) -> set[bytes]:
    """Those of the notes that this key signed, none without a key; what is no checkpoint is not among them.

    A signature takes a tenth of a millisecond, during which the library lets other threads run.
    """
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - readers of one checkpoint need none

    if key is None:
        return set()
    workers = os.cpu_count() or 1
    with ThreadPoolExecutor(workers) as pool:
        parts = pool.map(
            lambda first: {note for note in notes[first::workers] if _is_well_signed(note, key)}, range(workers)
        )
        return set[bytes]().union(*parts)


def _is_well_signed(note: bytes, key: PublicKey) -> bool:
    try:
        return SignedCheckpoint.from_note(note).is_signed_by(key)
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class SigningKey:
    """An Ed25519 private key."""

    private: Ed25519PrivateKey

    @classmethod
    def read(cls, path: Path) -> Self:
        """Key in a PEM file (PKCS #8, without a pass phrase).

        Raises:
            NotFoundError: There is no such file.
            GovernanceError: It cannot be read or holds no Ed25519 private key.
        """
        from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415
        from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415

        try:
            private = load_pem_private_key(path.read_bytes(), password=None)
        except FileNotFoundError as error:
            raise NotFoundError("the signing key is missing", where=str(path), hint=_KEY_HINT) from error
        except OSError as error:
            raise GovernanceError(f"the signing key cannot be read: {error.strerror}", where=str(path)) from error
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise GovernanceError("the file holds no signing key", where=str(path), hint=_KEY_HINT) from error
        if not isinstance(private, Ed25519PrivateKey):
            raise GovernanceError("the signing key is not of the kind Ed25519", where=str(path), hint=_KEY_HINT)
        return cls(private)

    @property
    def public(self) -> PublicKey:
        """The public key that belongs to it."""
        return PublicKey(self.private.public_key().public_bytes_raw())

    def sign(self, origin: str, size: int, root: bytes) -> SignedCheckpoint:
        """The signed checkpoint of a ledger with `size` entries and this root."""
        signature = self.private.sign(body(origin, size, root))
        return SignedCheckpoint(origin, size, root, self.public.hash_as(origin), signature)


_KEY_HINT = (
    "restore it from its backup or name it with `key =` in governance.toml; nothing else can sign for this store"
)


def body(origin: str, size: int, root: bytes) -> bytes:
    """The three lines that are signed."""
    return f"{origin}\n{size}\n{base64.b64encode(root).decode()}\n".encode()


def create_key(path: Path) -> PublicKey:
    """Make a new private key in a file that only its owner may read; its public key.

    Raises:
        GovernanceError: There is a file already, or it cannot be written.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat  # noqa: PLC0415

    key = SigningKey(Ed25519PrivateKey.generate())
    pem = key.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    try:
        durable.make_folder(path.parent, 0o700)
        durable.write_new(path, pem, 0o600)
    except FileExistsError as error:
        raise GovernanceError("there is a signing key already", where=str(path), hint="it is kept as it is") from error
    except OSError as error:
        raise GovernanceError(f"the signing key cannot be written: {error.strerror}", where=str(path)) from error
    return key.public
