"""verify: every change to a store is found and named, nothing makes it raise, and a stranger's tools agree with it."""

from __future__ import annotations

import errno
import json
import os
import random
import re
import shutil
import socket
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from governance.proof import durable
from governance.proof.entries import checkpoint_name, entry_name
from governance.verification import verify
from tests.reference_store import AT, Reference, make_reference, named

if TYPE_CHECKING:
    from collections.abc import Iterator


SCRIPT = Path(__file__).with_name("independent_verify.sh")
MANUAL = Path(__file__).parents[1] / "docs" / "ledger.md"
needs_openssl = pytest.mark.skipif(
    not (shutil.which("openssl") and shutil.which("sha256sum")), reason="openssl or sha256sum is not installed"
)


@pytest.fixture(name="original", scope="module")
def made_original(tmp_path_factory: pytest.TempPathFactory) -> Reference:
    return make_reference(tmp_path_factory.mktemp("original"))


@pytest.fixture(name="reference")
def copied_reference(original: Reference, tmp_path: Path) -> Reference:
    return original.copy(tmp_path)


@pytest.fixture(name="scratch", scope="module")
def one_copy_for_many_mutations(original: Reference, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reference]:
    """One copy for a loop of mutations, each of which is taken back."""
    scratch = original.copy(tmp_path_factory.mktemp("scratch"))
    before = scratch.files()
    yield scratch
    assert scratch.files() == before


def test_a_whole_store(original: Reference) -> None:
    found = verify(original.store, own_public_key=original.ledger.public_key())
    assert (found.ok, found.entries, found.segments, found.problems) == (True, 4, 3, ())
    assert found.root == original.ledger.checkpoint().root
    assert len(found.notes) == 1
    assert found.notes[0].startswith("verify cannot know whether rows were changed or left out before")


def test_a_copy_without_anything_else(original: Reference, tmp_path: Path) -> None:
    copy = original.copy(tmp_path / "bundle")
    shutil.rmtree(copy.store / "cache")
    assert verify(copy.store).ok


class TestBytes:
    def flip_all(self, scratch: Reference, original: Reference, masks: list[int], share: float) -> None:
        """Flips bits in the bytes of each file: the file is named, and nothing else that is whole is blamed alone."""
        generator = random.Random(20260701)
        missed = []
        for path, content in original.files().items():
            for at in range(len(content)):
                if generator.random() >= share:
                    continue
                for mask in masks:
                    changed = bytearray(content)
                    changed[at] ^= mask
                    scratch.rewrite(path, bytes(changed))
                    if path not in named(verify(scratch.store)):
                        missed.append((path, at, mask))
            scratch.rewrite(path, content)
        assert missed == []

    def test_a_sample_of_flipped_bits(self, scratch: Reference, original: Reference) -> None:
        self.flip_all(scratch, original, [1 << 0], share=0.1)

    @pytest.mark.slow
    def test_one_bit_of_every_byte(self, scratch: Reference, original: Reference) -> None:
        self.flip_all(scratch, original, [1 << 0, 1 << 7], share=1)

    @pytest.mark.parametrize("change", ["delete", "extend", "prepend", "truncate", "empty", "link", "folder", "pipe"])
    def test_each_file(self, reference: Reference, original: Reference, change: str) -> None:
        for path, content in original.files().items():
            target = reference.store / path
            target.unlink()
            if change == "link":
                target.symlink_to(original.store / path)
            elif change == "folder":
                target.mkdir()
            elif change == "pipe":
                os.mkfifo(target)
            elif change != "delete":
                new = {"extend": content + b"\n", "prepend": b" " + content, "truncate": content[:-1], "empty": b""}[
                    change
                ]
                target.write_bytes(new)
            assert path in named(verify(reference.store)), path
            target.rmdir() if target.is_dir() else target.unlink(missing_ok=True)
            target.write_bytes(content)
        assert verify(reference.store).ok

    def test_each_pair_swapped(self, reference: Reference, original: Reference) -> None:
        files = original.files()
        for first in files:
            for second in files:
                if first < second and files[first] != files[second]:
                    reference.rewrite(first, files[second])
                    reference.rewrite(second, files[first])
                    assert named(verify(reference.store)) >= {first, second}
                    reference.rewrite(first, files[first])
                    reference.rewrite(second, files[second])

    def test_each_file_renamed(self, reference: Reference, original: Reference) -> None:
        for path in original.files():
            renamed = reference.store / f"{path}x"
            (reference.store / path).rename(renamed)
            assert named(verify(reference.store)) >= {path, f"{path}x"}
            renamed.rename(reference.store / path)

    @pytest.mark.parametrize(
        "path",
        [
            "file",
            "requests/date=2026-07-01/more.parquet",
            "blobs/more",
            "ledger/more",
            "ledger/checkpoints/more",
            "ledger/checkpoints/0000000000",
            "ledger/0000000004.json",
            "ledger/9999999999.json",
            "ledger/00000000004.json",
            "spool/more.json",
            f"spool/{'0' * 64}.json",
            "deep/" * 60 + "file",
            "cache",
            "ledger/cache/file",
        ],
    )
    def test_a_file_too_many(self, reference: Reference, path: str) -> None:
        if path == "cache":
            shutil.rmtree(reference.store / "cache")
        reference.rewrite(path, b"{}")
        assert named(verify(reference.store)) == {path}

    def test_an_entry_copied_to_the_end(self, reference: Reference, original: Reference) -> None:
        reference.rewrite(entry_name(4), original.files()[entry_name(3)])
        reference.rewrite(checkpoint_name(5), original.files()[checkpoint_name(4)])
        assert named(verify(reference.store)) == {entry_name(4), checkpoint_name(5)}

    def test_entries_in_another_order(self, reference: Reference, original: Reference) -> None:
        files = original.files()
        reference.rewrite(entry_name(1), files[entry_name(2)])
        reference.rewrite(entry_name(2), files[entry_name(1)])
        assert named(verify(reference.store)) == {entry_name(1), entry_name(2)}

    def test_only_what_was_changed_is_named(self, reference: Reference, original: Reference) -> None:
        """A changed entry makes every later root another one; still it alone is named."""
        files = original.files()
        reference.rewrite(entry_name(1), files[entry_name(1)].replace(b'"records":1', b'"records":2'))
        assert named(verify(reference.store)) == {entry_name(1)}
        reference.rewrite(entry_name(3), files[entry_name(3)].replace(b'"records":1', b'"records":2'))
        assert named(verify(reference.store)) == {entry_name(1)}
        reference.rewrite(entry_name(2), files[entry_name(2)].replace(b'"records":1', b'"records":2'))
        assert named(verify(reference.store)) >= {entry_name(1), entry_name(3)}

    def test_other_spelling_of_an_entry(self, reference: Reference, original: Reference) -> None:
        spaced = json.dumps(json.loads(original.files()[entry_name(2)]), sort_keys=True).encode()
        reference.rewrite(entry_name(2), spaced)
        found = {problem.path: problem.what for problem in verify(reference.store).problems}
        assert found == {entry_name(2): "is not spelled canonically"}

    @pytest.mark.parametrize("name", ["ledger", "requests", "ledger/checkpoints"])
    def test_a_folder_behind_a_link(self, reference: Reference, name: str) -> None:
        moved = reference.store.parent / "moved"
        (reference.store / name).rename(moved)
        (reference.store / name).symlink_to(moved)
        found = verify(reference.store)
        assert name in named(found)

    def test_what_cannot_be_listed_or_read(self, reference: Reference, monkeypatch: pytest.MonkeyPatch) -> None:
        path = reference.ledger.entries()[1].files[0].path
        scan = os.scandir

        def refuse_one(folder: Path) -> object:
            if folder.name == "blobs":
                fail()
            return scan(folder)

        def fail(*_: object) -> None:
            raise OSError(errno.EACCES, os.strerror(errno.EACCES))

        monkeypatch.setattr(os, "scandir", refuse_one)
        assert named(verify(reference.store)) == {"blobs"}
        monkeypatch.setattr(durable, "digest_regular", fail)
        assert named(verify(reference.store)) >= {"blobs", path}

    def test_large_files_are_read_side_by_side(self, reference: Reference) -> None:
        for letter in (b"a", b"b", b"c"):
            reference.append(letter * 2_000_000)
        assert verify(reference.store).ok
        path = reference.ledger.entries()[5].files[0].path
        reference.rewrite(path, b"b" * 1_999_999 + b"B")
        assert named(verify(reference.store)) == {path}

    def test_a_socket(self, reference: Reference, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(reference.store)
        with socket.socket(socket.AF_UNIX) as made:
            made.bind("socket")
            assert named(verify(reference.store)) == {"socket"}

    def test_names_that_a_terminal_must_not_see(self, reference: Reference) -> None:
        for name in (b"\x1b[2Jclear", b"\xff", "\u202eright".encode()):
            (reference.store / os.fsdecode(name)).write_bytes(b"")
        assert named(verify(reference.store)) == {r"\x1b[2Jclear", r"\udcff", r"\u202eright"}


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_mutation_makes_verify_raise_or_pass(scratch: Reference, original: Reference, data: st.DataObject) -> None:
    """Any piece of any file replaced by anything: never an exception, never a clean bill."""
    files = original.files()
    path = data.draw(st.sampled_from(sorted(files)))
    content = files[path]
    start = data.draw(st.integers(0, len(content)))
    stop = data.draw(st.integers(start, len(content)))
    new = data.draw(st.binary(max_size=20) | st.sampled_from(INSERTS))
    changed = content[:start] + new + content[stop:]
    scratch.rewrite(path, changed)
    found = verify(scratch.store)
    scratch.rewrite(path, content)
    assert (path in named(found)) == (changed != content)


INSERTS = [
    b"[" * 3000,
    b"9" * 5000,
    b'"\\ud800"',
    b"null",
    b"1e999",
    b"{}",
    b'"files":[{}],',
    b"\x00",
    "—".encode(),
    b"\r",
]


@given(
    raw=st.binary(max_size=60) | st.sampled_from(INSERTS), name=st.sampled_from(["pending", "checkpoint", "key.pub"])
)
def test_no_bytes_make_verify_raise(scratch: Reference, raw: bytes, name: str) -> None:
    path = scratch.store / "ledger" / name
    before = path.read_bytes() if path.exists() else None
    scratch.rewrite(f"ledger/{name}", raw)
    assert f"ledger/{name}" in named(verify(scratch.store))
    path.unlink()
    if before is not None:
        path.write_bytes(before)


@needs_openssl
class TestWithoutOurCode:
    """sha256sum and openssl alone, run by a shell script, come to the same verdict."""

    def run(self, store: Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(["bash", str(SCRIPT), str(store)], capture_output=True, text=True, check=False)

    def test_same_root(self, reference: Reference) -> None:
        for number in range(6):
            reference.append(b"%d" % number, b"%d, again" % number)
        with reference.ledger.writing(reference.key) as writer:
            writer.commit("note", {"files": [{"facts": {}, "path": 'x"},{', "sha256": "\\"}]}, at=AT)
        found = verify(reference.store)
        done = self.run(reference.store)
        assert done.stdout == f"verifies: 11 entries, {found.segments} files, root {found.root}\n", done.stderr

    def test_same_verdict_on_changed_stores(self, scratch: Reference, original: Reference) -> None:
        for path, content in original.files().items():
            for changed in (flipped(content, len(content) // 3), content + b"x"):
                scratch.rewrite(path, changed)
                refused = self.run(scratch.store)
                scratch.rewrite(path, content)
                assert refused.returncode == 1, path
        assert self.run(scratch.store).returncode == 0

    def test_commands_of_the_manual(self, original: Reference, tmp_path: Path) -> None:
        """Each block in docs/ledger.md runs as it stands, and each of them fails on some changed store."""
        blocks = re.findall(r"^```bash\n(.*?)^```$", MANUAL.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
        assert len(blocks) == 5
        changed = ["ledger/key.pub", "ledger/checkpoint", entry_name(2), entry_name(1), original.a_file()]
        for number, (block, path) in enumerate(zip(blocks, changed, strict=True)):
            script = f"set -e\n{block}"
            reference = original.copy(tmp_path / str(number))
            assert run(script, reference.store).returncode == 0, block
            content = original.files()[path]
            reference.rewrite(path, flipped(content, len(content) // 3))
            assert run(script, reference.store).returncode != 0, block

    def test_script_uses_nothing_of_ours(self) -> None:
        assert "governance" not in SCRIPT.read_text(encoding="utf-8")
        assert "python" not in SCRIPT.read_text(encoding="utf-8")


def flipped(content: bytes, at: int) -> bytes:
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


def run(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["bash", "-c", script], cwd=folder, capture_output=True, text=True, check=False)
