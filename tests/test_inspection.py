"""What an insider, a stranger with a key, or a writer at work leaves in the ledger, and what verify says to it."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest

from governance.errors import NotFoundError
from governance.proof import merkle
from governance.proof.entries import canonical, checkpoint_name, entry_name
from governance.proof.notes import SigningKey, create_key
from governance.verification import verify
from tests.reference_store import AT, ORIGIN, Reference, make_reference, named

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(name="original", scope="module")
def made_original(tmp_path_factory: pytest.TempPathFactory) -> Reference:
    return make_reference(tmp_path_factory.mktemp("original"))


@pytest.fixture(name="reference")
def copied_reference(original: Reference, tmp_path: Path) -> Reference:
    return original.copy(tmp_path)


class TestTail:
    def cut(self, reference: Reference, *, checkpoints: bool) -> None:
        """Cut the last entry with the file that only it names, and perhaps the checkpoint that signs it."""
        for file in reference.ledger.entries()[-1].files:
            (reference.store / file.path).unlink()
        (reference.store / entry_name(3)).unlink()
        if checkpoints:
            (reference.store / checkpoint_name(4)).unlink()
            reference.rewrite("ledger/checkpoint", (reference.store / checkpoint_name(3)).read_bytes())

    def test_cut_with_its_checkpoint_in_place(self, reference: Reference) -> None:
        self.cut(reference, checkpoints=False)
        assert named(verify(reference.store)) == {entry_name(3)}

    def test_cut_together_with_its_checkpoint(self, reference: Reference, original: Reference) -> None:
        """An earlier state is whole in itself; a newer checkpoint tells."""
        self.cut(reference, checkpoints=True)
        assert verify(reference.store).ok
        found = verify(reference.store, newer=original.store / checkpoint_name(4))
        (problem,) = found.problems
        assert problem.path == "ledger/checkpoint"
        assert "the ledger ends with entry 2, its last 1 entries are missing" in problem.what

    def test_older_checkpoint_put_back(self, reference: Reference, original: Reference) -> None:
        reference.rewrite("ledger/checkpoint", original.files()[checkpoint_name(3)])
        assert named(verify(reference.store)) == {"ledger/checkpoint"}

    def test_head_cut(self, reference: Reference) -> None:
        (reference.store / entry_name(0)).unlink()
        assert entry_name(0) in named(verify(reference.store))

    def test_newer_checkpoint_that_fits(self, original: Reference) -> None:
        for size in range(1, 5):
            found = verify(original.store, newer=original.store / checkpoint_name(size))
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
        raws = [reference.files()[entry_name(number)] for number in range(4)]
        if genesis:
            previous = "0" * 64
            for number, raw in enumerate(raws):
                record = json.loads(raw) | {"prev": previous}
                if number == 0:
                    record["facts"]["public_key_sha256"] = sha256(key.public.pem()).hexdigest()
                raws[number] = canonical(record)
                previous = sha256(raws[number]).hexdigest()
                reference.rewrite(entry_name(number), raws[number])
        for size in range(1, 5):
            reference.rewrite(checkpoint_name(size), key.sign(ORIGIN, size, merkle.root(raws[:size])).note())
        reference.rewrite("ledger/checkpoint", reference.files()[checkpoint_name(4)])

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
        reference.rewrite(checkpoint_name(2), other_key.sign(ORIGIN, 2, root).note())
        assert named(verify(reference.store)) == {checkpoint_name(2)}

    @pytest.mark.parametrize(("origin", "size"), [("example.org/other", 2), (ORIGIN, 3)])
    def test_checkpoint_of_something_else(self, reference: Reference, origin: str, size: int) -> None:
        key = SigningKey.read(reference.key)
        root = bytes.fromhex(reference.ledger.checkpoint(2).root)
        reference.rewrite(checkpoint_name(2), key.sign(origin, size, root).note())
        assert named(verify(reference.store)) == {checkpoint_name(2)}

    def test_own_key_helps_where_the_key_in_the_store_is_lost(self, reference: Reference, original: Reference) -> None:
        """With the reader's key the checkpoints can still be checked, so a second change is named too."""
        (reference.store / "ledger/key.pub").unlink()
        reference.rewrite(entry_name(2), original.files()[entry_name(2)].replace(b'"records":1', b'"records":2'))
        found = verify(reference.store, own_public_key=original.ledger.public_key())
        assert named(found) == {"ledger/key.pub", entry_name(2)}


class TestSignedNonsense:
    """What only a holder of the key can do, or a mistake of ours: signed, chained, and still wrong."""

    def append(self, reference: Reference, **changes: object) -> None:
        raws = [made.raw for made in reference.ledger.entries()]
        record = (
            json.loads(raws[-1]) | {"number": len(raws), "prev": sha256(raws[-1]).hexdigest(), "files": []} | changes
        )
        raw = canonical(record)
        reference.rewrite(entry_name(len(raws)), raw)
        signed = SigningKey.read(reference.key).sign(ORIGIN, len(raws) + 1, merkle.root([*raws, raw])).note()
        reference.rewrite(checkpoint_name(len(raws) + 1), signed)
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
        assert named(verify(reference.store)) == {entry_name(4)}

    def test_file_named_twice(self, reference: Reference) -> None:
        files = json.loads(reference.files()[entry_name(1)])["files"]
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
        assert named(found) >= {entry_name(4), checkpoint_name(5)}

    @pytest.mark.parametrize("facts", [{"format": 2}, {"origin": "other"}, {"more": 1}])
    def test_first_entry_of_another_form(self, original: Reference, tmp_path: Path, facts: dict[str, object]) -> None:
        other = Reference(tmp_path / "store", original.key)
        original.ledger.create(other.store, origin=ORIGIN, key_path=original.key, at=AT)
        record = json.loads(other.files()[entry_name(0)])
        record["facts"] |= facts
        raw = canonical(record)
        signed = SigningKey.read(original.key).sign(ORIGIN, 1, merkle.root([raw])).note()
        for path, content in ((entry_name(0), raw), (checkpoint_name(1), signed), ("ledger/checkpoint", signed)):
            other.rewrite(path, content)
        assert named(verify(other.store)) == {entry_name(0)}


class TestOthersAtWork:
    def test_temporary_names_and_unread_events_are_no_problem(self, reference: Reference) -> None:
        event = b'{"event":"explained"}'
        reference.rewrite("requests/.tmp-x", b"half")
        reference.rewrite(f"spool/{sha256(event).hexdigest()}.json", event)
        found = verify(reference.store)
        assert found.ok
        assert found.notes[:-1] == (
            "1 event in spool/ for the next governance command that writes",
            "1 temporary name not looked at",
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
            patch.setattr("governance.proof.commits._publish", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
            with pytest.raises(KeyboardInterrupt):
                reference.append(b"new")
        path = f"requests/date=2026-07-03/{sha256(b'new').hexdigest()}.parquet"
        found = verify(reference.store)
        assert found.ok
        assert found.notes[0].startswith("the write of entry 4 was interrupted; the next governance command")
        reference.rewrite(path, b"NEW")
        assert named(verify(reference.store)) == {path}
        reference.rewrite(path, b"new")
        reference.rewrite(entry_name(4), b"{}")
        assert named(verify(reference.store)) == {entry_name(4)}
