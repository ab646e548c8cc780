"""Keys and signed notes: one spelling each, and a published example that somebody else signed."""

from __future__ import annotations

import base64
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.errors import GovernanceError, NotFoundError
from governance.proof.notes import PublicKey, SignedCheckpoint, SigningKey, create_key, is_origin, well_signed

ROOT = bytes(range(32))

# RFC 8032 section 7.1, test 1
SEED = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
PUBLIC = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")


@pytest.fixture(name="key", scope="module")
def made_key(tmp_path_factory: pytest.TempPathFactory) -> SigningKey:
    path = tmp_path_factory.mktemp("keys") / "key.pem"
    create_key(path)
    return SigningKey.read(path)


@pytest.fixture(name="note", scope="module")
def made_note(key: SigningKey) -> bytes:
    return key.sign("example.org/log", 7, ROOT).note()


def test_note_is_what_c2sp_says(key: SigningKey, note: bytes) -> None:
    lines = note.decode().split("\n")
    assert lines[:4] == ["example.org/log", "7", base64.b64encode(ROOT).decode(), ""]
    dash, name, signature = lines[4].split(" ")
    assert (dash, name, lines[5:]) == ("—", "example.org/log", [""])
    assert len(base64.b64decode(signature)) == 4 + 64
    assert SignedCheckpoint.from_note(note).is_signed_by(key.public)


def test_key_hash_is_what_c2sp_says() -> None:
    """The example key in the documentation of the note package of Go."""
    encoded = base64.b64decode("ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")
    assert encoded[0] == 1
    assert PublicKey(encoded[1:]).hash_as("PeterNeumann").hex() == "c74f20a3"


def test_example_in_the_manual() -> None:
    manual = (Path(__file__).parents[1] / "docs" / "ledger.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"^```\n(example\.org/log\n.*?)^```$", manual, re.DOTALL | re.MULTILINE)
    checkpoint = SignedCheckpoint.from_note(example.encode())
    assert (checkpoint.origin, checkpoint.size) == ("example.org/log", 4)
    assert checkpoint.is_signed_by(PublicKey(PUBLIC))


def test_key_of_rfc_8032(tmp_path: Path) -> None:
    pem = base64.b64encode(bytes.fromhex("302e020100300506032b657004220420") + SEED).decode()
    path = tmp_path / "key.pem"
    path.write_text(f"-----BEGIN PRIVATE KEY-----\n{pem}\n-----END PRIVATE KEY-----\n", encoding="ascii")
    assert SigningKey.read(path).public == PublicKey(PUBLIC)


def test_another_key_or_another_line_is_refused(note: bytes, key: SigningKey) -> None:
    checkpoint = SignedCheckpoint.from_note(note)
    assert not checkpoint.is_signed_by(PublicKey(PUBLIC))
    assert not SignedCheckpoint.from_note(note.replace(b"\n7\n", b"\n8\n")).is_signed_by(key.public)


def test_every_flipped_bit_of_a_note_is_found(note: bytes, key: SigningKey) -> None:
    for at in range(len(note)):
        for bit in range(8):
            assert not accepts(flipped(note, at, bit), key.public), (at, bit)


def test_every_flipped_bit_of_a_public_key_is_found(key: SigningKey) -> None:
    """Each flip is refused, or gives a key that is not the same and spelled in its own only way."""
    pem = key.public.pem()
    for at in range(len(pem)):
        for bit in range(8):
            changed = flipped(pem, at, bit)
            try:
                other = PublicKey.from_pem(changed)
            except ValueError:
                continue
            assert other != key.public
            assert other.pem() == changed


@given(st.binary(max_size=400))
def test_no_bytes_make_reading_raise_anything_else(junk: bytes) -> None:
    for read in (SignedCheckpoint.from_note, PublicKey.from_pem):
        with pytest.raises(ValueError, match="is"):
            read(junk)


@given(at=st.integers(0, 300), new=st.binary(max_size=3), cut=st.integers(0, 3))
def test_no_changed_note_is_accepted(note: bytes, key: SigningKey, at: int, new: bytes, cut: int) -> None:
    changed = note[:at] + new + note[at + cut :]
    assert accepts(changed, key.public) == (changed == note)


@given(raw=st.binary(min_size=32, max_size=32))
def test_no_public_key_makes_checking_raise(note: bytes, raw: bytes) -> None:
    checkpoint = SignedCheckpoint.from_note(note)
    meant_for_it = SignedCheckpoint(
        checkpoint.origin,
        checkpoint.size,
        checkpoint.root,
        PublicKey(raw).hash_as(checkpoint.origin),
        checkpoint.signature,
    )
    assert not meant_for_it.is_signed_by(PublicKey(raw))


@pytest.mark.parametrize("line_end", ["\r\n", "\n\n", ""])
def test_other_line_ends_are_refused(note: bytes, line_end: str) -> None:
    with pytest.raises(ValueError, match="is"):
        SignedCheckpoint.from_note(note.replace(b"\n", line_end.encode()))


@pytest.mark.parametrize(
    ("name", "is_good"),
    [
        ("log", True),
        ("münchen/log", True),
        ("", False),
        ("a b", False),
        ("a+b", False),
        ("a\nb", False),
        ("x" * 201, False),
    ],
)
def test_origins(name: str, is_good: bool) -> None:
    assert is_origin(name) is is_good


def test_key_file_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "config" / "keys" / "key.pem"
    public = create_key(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [stat.S_IMODE(folder.stat().st_mode) for folder in (path.parent, path.parent.parent)] == [0o700, 0o700]
    assert SigningKey.read(path).public == public
    assert PublicKey.from_pem(public.pem()) == public


def test_key_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    create_key(path)
    before = path.read_bytes()
    with pytest.raises(GovernanceError, match="there is a signing key already"):
        create_key(path)
    assert path.read_bytes() == before
    assert [child.name for child in tmp_path.iterdir()] == ["key.pem"]


def test_missing_key(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="the signing key is missing"):
        SigningKey.read(tmp_path / "key.pem")


@pytest.mark.parametrize(
    "content", [b"", b"not a key", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"]
)
def test_file_that_is_no_key(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "key.pem").write_bytes(content)
    with pytest.raises(GovernanceError, match="the file holds no signing key"):
        SigningKey.read(tmp_path / "key.pem")


def test_key_of_another_kind(tmp_path: Path) -> None:
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    pem = X25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "key.pem").write_bytes(pem)
    with pytest.raises(GovernanceError, match="not of the kind Ed25519"):
        SigningKey.read(tmp_path / "key.pem")


def test_folder_that_takes_no_key(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(GovernanceError, match="the signing key cannot be written"):
        create_key(tmp_path / "file" / "key.pem")
    with pytest.raises(GovernanceError, match="the signing key cannot be read"):
        SigningKey.read(tmp_path)


def test_reading_needs_no_cryptography() -> None:
    """A reader of the ledger starts at once: the heavy library is imported by whoever signs or verifies."""
    code = "import sys, governance.proof.ledger; print('cryptography' in sys.modules)"
    repository = Path(__file__).resolve().parents[1]
    done = subprocess.run([sys.executable, "-c", code], cwd=repository, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def accepts(note: bytes, key: PublicKey) -> bool:
    try:
        return SignedCheckpoint.from_note(note).is_signed_by(key)
    except ValueError:
        return False


def flipped(content: bytes, at: int, bit: int) -> bytes:
    return content[:at] + bytes([content[at] ^ (1 << bit)]) + content[at + 1 :]


def test_many_signatures_are_looked_at_together(key: SigningKey) -> None:
    notes = [key.sign("example.org/log", size, bytes([size]) * 32).note() for size in range(1, 40)]
    forged = notes[7].replace(b"\n8\n", b"\n9\n")
    assert well_signed([*notes, forged, b"no note"], key.public) == set(notes)
    assert well_signed(notes, None) == set()
