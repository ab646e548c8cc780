"""verify: every change to a store is found and named, nothing makes it raise, and a stranger's tools agree with it."""

from __future__ import annotations

import json
import os
import random
import shutil
import socket
import subprocess
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from governance import merkle
from governance.entries import canonical
from governance.errors import NotFoundError
from governance.notes import SigningKey, create_key
from governance.verification import verify
from tests.reference_store import AT, ORIGIN, Reference, make_reference

if TYPE_CHECKING:
    from collections.abc import Iterator

    from governance.verification import Verification

SCRIPT = Path(__file__).with_name("independent_verify.sh")
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


def named(found: Verification) -> set[str]:
    assert found.ok is (not found.problems)
    return {problem.path for problem in found.problems}


def entry(number: int) -> str:
    return f"ledger/{number:010d}.json"


def note(size: int) -> str:
    return f"ledger/checkpoints/{size:010d}"


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
        reference.rewrite(entry(4), original.files()[entry(3)])
        reference.rewrite(note(5), original.files()[note(4)])
        assert named(verify(reference.store)) == {entry(4), note(5)}

    def test_entries_in_another_order(self, reference: Reference, original: Reference) -> None:
        files = original.files()
        reference.rewrite(entry(1), files[entry(2)])
        reference.rewrite(entry(2), files[entry(1)])
        assert named(verify(reference.store)) == {entry(1), entry(2)}

    def test_only_what_was_changed_is_named(self, reference: Reference, original: Reference) -> None:
        """A changed entry makes every later root another one; still it alone is named."""
        files = original.files()
        reference.rewrite(entry(1), files[entry(1)].replace(b'"records":1', b'"records":2'))
        assert named(verify(reference.store)) == {entry(1)}
        reference.rewrite(entry(3), files[entry(3)].replace(b'"records":1', b'"records":2'))
        assert named(verify(reference.store)) == {entry(1)}
        reference.rewrite(entry(2), files[entry(2)].replace(b'"records":1', b'"records":2'))
        assert named(verify(reference.store)) >= {entry(1), entry(3)}

    def test_other_spelling_of_an_entry(self, reference: Reference, original: Reference) -> None:
        spaced = json.dumps(json.loads(original.files()[entry(2)]), sort_keys=True).encode()
        reference.rewrite(entry(2), spaced)
        found = {problem.path: problem.what for problem in verify(reference.store).problems}
        assert found == {entry(2): "is not spelled canonically"}

    @pytest.mark.parametrize("name", ["ledger", "requests", "ledger/checkpoints"])
    def test_a_folder_behind_a_link(self, reference: Reference, name: str) -> None:
        moved = reference.store.parent / "moved"
        (reference.store / name).rename(moved)
        (reference.store / name).symlink_to(moved)
        found = verify(reference.store)
        assert name in named(found)

    def test_a_socket(self, reference: Reference, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(reference.store)
        with socket.socket(socket.AF_UNIX) as made:
            made.bind("socket")
            assert named(verify(reference.store)) == {"socket"}

    def test_names_that_a_terminal_must_not_see(self, reference: Reference) -> None:
        for name in (b"\x1b[2Jclear", b"\xff", "\u202eright".encode()):
            (reference.store / os.fsdecode(name)).write_bytes(b"")
        assert named(verify(reference.store)) == {r"\x1b[2Jclear", r"\udcff", r"\u202eright"}


class TestTail:
    def cut(self, reference: Reference, *, checkpoints: bool) -> None:
        """Cut the last entry with the file that only it names, and perhaps the checkpoint that signs it."""
        for file in reference.ledger.entries()[-1].files:
            (reference.store / file.path).unlink()
        (reference.store / entry(3)).unlink()
        if checkpoints:
            (reference.store / note(4)).unlink()
            reference.rewrite("ledger/checkpoint", (reference.store / note(3)).read_bytes())

    def test_cut_with_its_checkpoint_in_place(self, reference: Reference) -> None:
        self.cut(reference, checkpoints=False)
        assert named(verify(reference.store)) == {entry(3)}

    def test_cut_together_with_its_checkpoint(self, reference: Reference, original: Reference) -> None:
        """An earlier state is whole in itself; a newer checkpoint tells."""
        self.cut(reference, checkpoints=True)
        assert verify(reference.store).ok
        found = verify(reference.store, newer=original.store / note(4))
        (problem,) = found.problems
        assert problem.path == "ledger/checkpoint"
        assert "the ledger ends with entry 2, its last 1 entries are missing" in problem.what

    def test_older_checkpoint_put_back(self, reference: Reference, original: Reference) -> None:
        reference.rewrite("ledger/checkpoint", original.files()[note(3)])
        assert named(verify(reference.store)) == {"ledger/checkpoint"}

    def test_head_cut(self, reference: Reference) -> None:
        (reference.store / entry(0)).unlink()
        assert entry(0) in named(verify(reference.store))

    def test_newer_checkpoint_that_fits(self, original: Reference) -> None:
        for size in range(1, 5):
            found = verify(original.store, newer=original.store / note(size))
            assert found.ok
            assert found.notes[-1].endswith("rewrote entries after the checkpoint given")

    def test_history_rewritten_with_the_key(self, original: Reference, tmp_path: Path) -> None:
        """Whoever holds the key can make another history; a checkpoint kept elsewhere tells."""
        other = Reference(tmp_path / "store", original.key)
        original.ledger.create(other.store, origin=ORIGIN, key_path=original.key, at=AT)
        for content in (b"1", b"2", b"3"):
            other.append(content)
        assert verify(other.store, own_public_key=original.ledger.public_key()).ok
        found = verify(other.store, newer=original.store / "ledger/checkpoint")
        assert [problem.path for problem in found.problems] == ["ledger/checkpoint"]
        assert "were rewritten" in found.problems[0].what

    @pytest.mark.parametrize("content", [b"", b"x" * 10_000, b"\xff\xfe", b"example.org/reference\n4\nAAAA\n"])
    def test_newer_checkpoint_that_is_none(self, original: Reference, tmp_path: Path, content: bytes) -> None:
        (tmp_path / "newer").write_bytes(content)
        assert named(verify(original.store, newer=tmp_path / "newer")) == {str(tmp_path / "newer")}

    def test_newer_checkpoint_of_another_store(self, original: Reference, tmp_path: Path) -> None:
        other = make_reference(tmp_path)
        newer = other.store / "ledger/checkpoint"
        assert named(verify(original.store, newer=newer)) == {str(newer)}

    def test_nothing_there(self, original: Reference, tmp_path: Path) -> None:
        with pytest.raises(NotFoundError, match="no such folder"):
            verify(tmp_path / "nowhere")
        with pytest.raises(NotFoundError, match="the checkpoint cannot be read"):
            verify(original.store, newer=tmp_path / "nowhere")
        assert not verify(tmp_path).ok


class TestKeys:
    def resign(self, reference: Reference, key: SigningKey, *, genesis: bool) -> None:
        """Sign all checkpoints with another key, and perhaps make an entry 0, and a chain, that name it."""
        reference.rewrite("ledger/key.pub", key.public.pem())
        raws = [reference.files()[entry(number)] for number in range(4)]
        if genesis:
            previous = "0" * 64
            for number, raw in enumerate(raws):
                record = json.loads(raw) | {"prev": previous}
                if number == 0:
                    record["facts"]["public_key_sha256"] = sha256(key.public.pem()).hexdigest()
                raws[number] = canonical(record)
                previous = sha256(raws[number]).hexdigest()
                reference.rewrite(entry(number), raws[number])
        for size in range(1, 5):
            reference.rewrite(note(size), key.sign(ORIGIN, size, merkle.root(raws[:size])).note())
        reference.rewrite("ledger/checkpoint", reference.files()[note(4)])

    @pytest.fixture(name="other_key")
    def made_other_key(self, tmp_path: Path) -> SigningKey:
        create_key(tmp_path / "other.pem")
        return SigningKey.read(tmp_path / "other.pem")

    def test_signed_with_another_key(self, reference: Reference, other_key: SigningKey) -> None:
        self.resign(reference, other_key, genesis=False)
        assert named(verify(reference.store)) == {"ledger/key.pub"}

    def test_made_anew_with_another_key(self, reference: Reference, original: Reference, other_key: SigningKey) -> None:
        """A store that is whole under a stranger's key is told by the reader's own copy of the key, or a checkpoint."""
        self.resign(reference, other_key, genesis=True)
        found = verify(reference.store)
        assert found.ok
        assert "made anew with another key" in found.notes[-1]
        with_key = verify(reference.store, own_public_key=original.ledger.public_key())
        assert "ledger/key.pub" in named(with_key)
        newer = original.store / "ledger/checkpoint"
        assert named(verify(reference.store, newer=newer)) == {str(newer)}

    def test_one_checkpoint_signed_with_another_key(self, reference: Reference, other_key: SigningKey) -> None:
        root = bytes.fromhex(reference.ledger.checkpoint(2).root)
        reference.rewrite(note(2), other_key.sign(ORIGIN, 2, root).note())
        assert named(verify(reference.store)) == {note(2)}

    @pytest.mark.parametrize(("origin", "size"), [("example.org/other", 2), (ORIGIN, 3)])
    def test_checkpoint_of_something_else(self, reference: Reference, origin: str, size: int) -> None:
        key = SigningKey.read(reference.key)
        root = bytes.fromhex(reference.ledger.checkpoint(2).root)
        reference.rewrite(note(2), key.sign(origin, size, root).note())
        assert named(verify(reference.store)) == {note(2)}

    def test_own_key_helps_where_the_key_in_the_store_is_lost(self, reference: Reference, original: Reference) -> None:
        """With the reader's key the checkpoints can still be checked, so a second change is named too."""
        (reference.store / "ledger/key.pub").unlink()
        reference.rewrite(entry(2), original.files()[entry(2)].replace(b'"records":1', b'"records":2'))
        found = verify(reference.store, own_public_key=original.ledger.public_key())
        assert named(found) == {"ledger/key.pub", entry(2)}


class TestSignedNonsense:
    """What only a holder of the key can do, or a mistake of ours: signed, chained, and still wrong."""

    def append(self, reference: Reference, **changes: object) -> None:
        raws = [made.raw for made in reference.ledger.entries()]
        record = (
            json.loads(raws[-1]) | {"number": len(raws), "prev": sha256(raws[-1]).hexdigest(), "files": []} | changes
        )
        raw = canonical(record)
        reference.rewrite(entry(len(raws)), raw)
        signed = SigningKey.read(reference.key).sign(ORIGIN, len(raws) + 1, merkle.root([*raws, raw])).note()
        reference.rewrite(note(len(raws) + 1), signed)
        reference.rewrite("ledger/checkpoint", signed)

    def test_the_way_it_is_done_here_is_right(self, reference: Reference) -> None:
        self.append(reference)
        assert verify(reference.store).ok

    @pytest.mark.parametrize(
        "changes",
        [
            {"number": 7},
            {"kind": "genesis"},
            {"kind": "Ä"},
            {"at": "now"},
            {"prev": "0" * 64},
            {"facts": []},
            {"files": {}},
            {"files": [{"bytes": 0, "facts": {}, "path": "../x", "sha256": "0" * 64}]},
            {"files": [{"bytes": 0, "facts": {}, "path": "a/x", "sha256": "0"}]},
            {"files": [{"bytes": -1, "facts": {}, "path": "a/x", "sha256": "0" * 64}]},
            {"files": [{"bytes": True, "facts": {}, "path": "a/x", "sha256": "0" * 64}]},
            {"files": [{"path": "a/x"}]},
            {"files": ["a/x"]},
            {"more": 1},
        ],
    )
    def test_entries_of_no_form(self, reference: Reference, changes: dict[str, object]) -> None:
        self.append(reference, **changes)
        assert named(verify(reference.store)) == {entry(4)}

    def test_file_named_twice(self, reference: Reference) -> None:
        files = json.loads(reference.files()[entry(1)])["files"]
        self.append(reference, files=files)
        assert named(verify(reference.store)) == {files[0]["path"]}

    def test_file_named_that_is_not_there(self, reference: Reference) -> None:
        self.append(reference, files=[{"bytes": 0, "facts": {}, "path": "a/x", "sha256": "0" * 64}])
        assert named(verify(reference.store)) == {"a/x"}

    def test_huge_size(self, reference: Reference) -> None:
        """A checkpoint over more entries than anybody has does not keep verify busy."""
        signed = SigningKey.read(reference.key).sign(ORIGIN, 10**18, b"\0" * 32).note()
        reference.rewrite("ledger/checkpoint", signed)
        found = verify(reference.store)
        assert named(found) >= {entry(4), note(5)}

    @pytest.mark.parametrize("facts", [{"format": 2}, {"origin": "other"}, {"more": 1}])
    def test_first_entry_of_another_form(self, original: Reference, tmp_path: Path, facts: dict[str, object]) -> None:
        other = Reference(tmp_path / "store", original.key)
        original.ledger.create(other.store, origin=ORIGIN, key_path=original.key, at=AT)
        record = json.loads(other.files()[entry(0)])
        record["facts"] |= facts
        raw = canonical(record)
        signed = SigningKey.read(original.key).sign(ORIGIN, 1, merkle.root([raw])).note()
        for path, content in ((entry(0), raw), (note(1), signed), ("ledger/checkpoint", signed)):
            other.rewrite(path, content)
        assert named(verify(other.store)) == {entry(0)}


class TestOthersAtWork:
    def test_temporary_names_and_unread_events_are_no_problem(self, reference: Reference) -> None:
        event = b'{"event":"explained"}'
        reference.rewrite("requests/.tmp-x", b"half")
        reference.rewrite(f"spool/{sha256(event).hexdigest()}.json", event)
        found = verify(reference.store)
        assert found.ok
        assert found.notes[:-1] == (
            "1 events in spool/ wait for the next governance command that writes",
            "1 temporary names were not looked at",
        )

    def test_a_writer_at_work_never_looks_like_tampering(self, reference: Reference) -> None:
        def write() -> None:
            for number in range(40):
                reference.append(b"%d" % number)

        looks = 0
        with ThreadPoolExecutor(1) as pool:
            writing = pool.submit(write)
            while not writing.done():
                found = verify(reference.store)
                assert found.ok, found.problems
                looks += 1
            writing.result()
        assert looks > 3
        assert verify(reference.store).entries == 44

    def test_an_interrupted_write_does_not_excuse_a_changed_file(
        self, reference: Reference, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with monkeypatch.context() as patch:
            patch.setattr("governance.commits._publish", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
            with pytest.raises(KeyboardInterrupt):
                reference.append(b"new")
        path = f"requests/date=2026-07-03/{sha256(b'new').hexdigest()}.parquet"
        found = verify(reference.store)
        assert found.ok
        assert found.notes[0].startswith("the write of entry 4 was interrupted; the next governance command")
        reference.rewrite(path, b"NEW")
        assert named(verify(reference.store)) == {path}
        reference.rewrite(path, b"new")
        reference.rewrite(entry(4), b"{}")
        assert named(verify(reference.store)) == {entry(4)}


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

    def test_script_uses_nothing_of_ours(self) -> None:
        assert "governance" not in SCRIPT.read_text(encoding="utf-8")
        assert "python" not in SCRIPT.read_text(encoding="utf-8")


def flipped(content: bytes, at: int) -> bytes:
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]
