"""The ledger: what it says, what it refuses, and who may write."""

from __future__ import annotations

import json
import multiprocessing
import os
import stat
import time
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from governance.errors import BusyError, GovernanceError, LedgerError, NotFoundError
from governance.proof import merkle
from governance.proof.entries import canonical, is_path
from governance.proof.ledger import Ledger, NamedFile, StagedFile
from governance.proof.notes import PublicKey, SignedCheckpoint, create_key
from governance.verification import verify
from tests.reference_store import AT, CONTENTS, ORIGIN, Reference, in_child, make_reference, stage


@pytest.fixture(name="original", scope="module")
def made_original(tmp_path_factory: pytest.TempPathFactory) -> Reference:
    return make_reference(tmp_path_factory.mktemp("original"))


@pytest.fixture(name="reference")
def copied_reference(original: Reference, tmp_path: Path) -> Reference:
    return original.copy(tmp_path)


def test_entries_say_what_was_committed(original: Reference) -> None:
    genesis, first, second, policy = original.ledger.entries()
    assert [entry.number for entry in original.ledger.entries()] == [0, 1, 2, 3]
    assert (genesis.kind, genesis.files, genesis.prev) == ("genesis", (), "0" * 64)
    assert genesis.facts["origin"] == ORIGIN
    assert genesis.facts["public_key_sha256"] == sha256(original.ledger.public_key()).hexdigest()
    assert [first.kind, second.kind, policy.kind] == ["ingest", "ingest", "policy"]
    content = CONTENTS["requests/date=2026-07-01"]
    digest = sha256(content).hexdigest()
    facts = {"rows": 1, "table": "requests"}
    assert first.files == (NamedFile(f"requests/date=2026-07-01/{digest}.parquet", digest, len(content), facts),)
    assert (first.at, first.facts) == (AT, {"records": 1})
    assert (original.store / first.files[0].path).read_bytes() == content


def test_bytes_on_disk(original: Reference) -> None:
    """Entries are canonical and chained; each checkpoint signs the root over the entries before it."""
    raws = [(original.store / "ledger" / f"{number:010d}.json").read_bytes() for number in range(4)]
    for number, raw in enumerate(raws):
        record = json.loads(raw)
        assert raw == json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
        assert record["prev"] == (sha256(raws[number - 1]).hexdigest() if number else "0" * 64)
    key = PublicKey.from_pem((original.store / "ledger" / "key.pub").read_bytes())
    for size in range(1, 5):
        note = (original.store / "ledger" / "checkpoints" / f"{size:010d}").read_bytes()
        signed = SignedCheckpoint.from_note(note)
        assert (signed.origin, signed.size, signed.root) == (ORIGIN, size, merkle.root(raws[:size]))
        assert signed.is_signed_by(key)
    files = original.files()
    assert files["ledger/checkpoint"] == files["ledger/checkpoints/0000000004"]


def test_what_is_kept_is_read_only(original: Reference) -> None:
    modes = {path: stat.S_IMODE((original.store / path).stat().st_mode) for path in original.files()}
    assert set(modes.values()) == {0o444}


def test_as_of(original: Reference) -> None:
    ledger = original.ledger
    assert ledger.entries(2) == ledger.entries()[:2]
    assert ledger.checkpoint(2).size == 2
    assert ledger.checkpoint(4) == ledger.checkpoint()
    assert ledger.checkpoint().root == merkle.root(entry.raw for entry in ledger.entries()).hex()


@pytest.mark.parametrize("as_of", [-1, 0, 5])
def test_as_of_a_state_that_never_was(original: Reference, as_of: int) -> None:
    with pytest.raises(NotFoundError, match=f"the ledger has 4 entries, so there is no state as of {as_of}"):
        original.ledger.entries(as_of)


def test_no_store(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="there is no store here"):
        Ledger.open(tmp_path)


def test_store_is_made_once(reference: Reference) -> None:
    before = reference.files()
    with pytest.raises(GovernanceError, match="there is a ledger already"):
        Ledger.create(reference.store, origin="other", key_path=reference.key, at=AT)
    assert reference.files() == before


@pytest.mark.parametrize("origin", ["", "two words", "a+b"])
def test_origin_that_no_checkpoint_can_bear(original: Reference, tmp_path: Path, origin: str) -> None:
    with pytest.raises(GovernanceError, match="the name of a ledger"):
        Ledger.create(tmp_path / "store", origin=origin, key_path=original.key, at=AT)
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize("damage", [b"", b"{}", b"[1]", b"{", b"\xff", b'{"at":1}', b"9" * 5000, b"[" * 100_000])
def test_entry_that_cannot_be_read_names_verify(reference: Reference, damage: bytes) -> None:
    reference.rewrite("ledger/0000000002.json", damage)
    with pytest.raises(LedgerError) as caught:
        reference.ledger.entries()
    assert "0000000002.json" in str(caught.value)
    assert "governance verify" in str(caught.value.hint)
    assert len(reference.ledger.entries(2)) == 2


def test_entry_at_the_place_of_another(reference: Reference, original: Reference) -> None:
    reference.rewrite("ledger/0000000002.json", original.files()["ledger/0000000001.json"])
    with pytest.raises(LedgerError, match="the entry says that it is number 1"):
        reference.ledger.entries()


def test_checkpoint_that_cannot_be_read(reference: Reference) -> None:
    reference.rewrite("ledger/checkpoint", b"nothing")
    with pytest.raises(LedgerError, match="the checkpoint is no checkpoint"):
        reference.ledger.entries()


def test_folder_that_takes_no_store(original: Reference, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(GovernanceError, match="the store cannot be made"):
        Ledger.create(tmp_path / "file" / "store", origin=ORIGIN, key_path=original.key, at=AT)


def test_large_entry(reference: Reference) -> None:
    text = "x" * 3_000_000
    with reference.ledger.writing(reference.key) as writer:
        writer.commit("note", {"text": text}, at=AT)
    assert reference.ledger.entries()[-1].facts == {"text": text}
    assert verify(reference.store).ok


@pytest.mark.parametrize("name", ["0000000001.json", "checkpoint", "key.pub"])
def test_missing_or_linked_file_of_the_ledger(reference: Reference, name: str) -> None:
    path = reference.store / "ledger" / name
    path.rename(reference.store.parent / name)
    for _ in ("missing", "linked"):
        with pytest.raises(LedgerError, match=name):
            reference.append(b"x")
        path.symlink_to(reference.store.parent / name) if not path.is_symlink() else None


def test_store_may_be_read_only(reference: Reference) -> None:
    for folder in [reference.store, *(path for path in reference.store.rglob("*") if path.is_dir())]:
        folder.chmod(0o555)
    assert len(reference.ledger.entries()) == 4
    assert verify(reference.store).ok


class TestCommit:
    @pytest.mark.parametrize("facts", [{"share": 0.5}, {"deep": [{"x": float("nan")}]}, {1: "x"}, {"x": b"bytes"}])
    def test_facts_have_one_spelling(self, reference: Reference, facts: dict[Any, Any]) -> None:
        before = reference.files()
        with reference.ledger.writing(reference.key) as writer, pytest.raises(TypeError):
            writer.commit("ingest", facts, at=AT)
        assert reference.files() == before

    def test_half_a_character_is_refused_in_words(self, reference: Reference) -> None:
        with reference.ledger.writing(reference.key) as writer:
            with pytest.raises(GovernanceError, match="half a character"):
                writer.commit("ingest", {"path": "caf\udce9.csv"}, at=AT)
            writer.commit("ingest", {"path": "café.csv"}, at=AT)
        assert verify(reference.store).entries == 5

    @pytest.mark.parametrize(
        "at", ["2026-07-01", "2026-07-01T12:00:00Z", "2026-07-01T12:00:00.000000+00:00", "2026-13-01T12:00:00.000000Z"]
    )
    def test_time_is_utc_with_microseconds(self, reference: Reference, at: str) -> None:
        with (
            reference.ledger.writing(reference.key) as writer,
            pytest.raises(ValueError, match="month" if "-13-" in at else "time"),
        ):
            writer.commit("ingest", {}, at=at)

    @pytest.mark.parametrize(
        "path",
        [
            "../out",
            "/etc/passwd",
            "a/../b",
            "ledger/x",
            "cache/x",
            "spool/x",
            "one",
            "a/.tmp-x",
            "a//b",
            "a/b\n",
            "ä/b",
        ],
    )
    def test_paths_stay_in_the_store(self, reference: Reference, path: str) -> None:
        assert not is_path(path)
        (staged,) = stage(reference.store, "requests", b"x")
        with reference.ledger.writing(reference.key) as writer:
            (staged,) = stage(reference.store, "requests", b"x")
            with pytest.raises(ValueError, match="path"):
                writer.commit("ingest", {}, [StagedFile(staged.temporary, NamedFile(path, "0" * 64, 1, {}))], at=AT)

    def test_a_file_in_place_with_the_same_bytes_is_adopted(self, reference: Reference) -> None:
        path = f"requests/date=2026-07-03/{sha256(b'orphan').hexdigest()}.parquet"
        reference.rewrite(path, b"orphan")
        assert [problem.path for problem in verify(reference.store).problems] == [path]
        reference.append(b"orphan")
        assert verify(reference.store).ok
        assert stat.S_IMODE((reference.store / path).stat().st_mode) == 0o444

    def test_a_file_in_place_with_other_bytes_is_kept_and_refused(self, reference: Reference) -> None:
        path = f"requests/date=2026-07-03/{sha256(b'wanted').hexdigest()}.parquet"
        reference.rewrite(path, b"other")
        before = reference.files()
        with pytest.raises(LedgerError, match="the name is taken by a file with other bytes"):
            reference.append(b"wanted")
        reference.append(b"next")
        assert reference.files().keys() > before.keys()
        assert (reference.store / path).read_bytes() == b"other"

    def test_no_file_is_named_twice_unless_it_is_a_blob(self, reference: Reference) -> None:
        with pytest.raises(GovernanceError, match="in the store already"):
            reference.append(CONTENTS["requests/date=2026-07-01"], folder="requests/date=2026-07-01")
        with pytest.raises(GovernanceError, match="in the store already"):
            reference.append(b"twice", b"twice")
        reference.append(b"policy: x", folder="blobs", kind="policy")
        found = verify(reference.store)
        assert (found.ok, found.entries, found.segments) == (True, 5, 3)

    def test_a_staged_file_is_as_long_as_said(self, reference: Reference) -> None:
        with reference.ledger.writing(reference.key) as writer:
            (staged,) = stage(reference.store, "requests", b"content")
            staged.temporary.write_bytes(b"content, and more")
            with pytest.raises(ValueError, match="not as long as said"):
                writer.commit("ingest", {}, [staged], at=AT)

    def test_many_in_one_block(self, reference: Reference) -> None:
        with reference.ledger.writing(reference.key) as writer:
            made = [
                writer.commit("ingest", {"n": n}, stage(reference.store, "requests", b"%d" % n), at=AT)
                for n in range(20)
            ]
        assert reference.ledger.entries()[4:] == tuple(made)
        assert verify(reference.store).ok


class TestWriting:
    def test_second_writer_is_told_who_writes(self, reference: Reference) -> None:
        context = multiprocessing.get_context("fork")
        started, done = context.Event(), context.Event()
        holder = context.Process(target=hold, args=(reference, started, done))
        holder.start()
        assert started.wait(30)
        begun = time.monotonic()
        with pytest.raises(BusyError) as caught, reference.ledger.writing(reference.key):
            pass
        took = time.monotonic() - begun
        assert len(reference.ledger.entries()) == 4  # readers need no lock
        done.set()
        holder.join(30)
        assert took < 1
        assert f"process {holder.pid} on {os.uname().nodename} since 20" in str(caught.value)
        reference.append(b"after")

    def test_lock_ends_with_its_process(self, reference: Reference) -> None:
        assert in_child(lambda: hold_and_die(reference)) == 9
        reference.append(b"after")
        assert (reference.store / "cache" / "lock").read_bytes() == b""

    def test_lock_without_a_readable_holder(self, reference: Reference) -> None:
        import fcntl

        (reference.store / "cache").mkdir(exist_ok=True)
        with (reference.store / "cache" / "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            with pytest.raises(BusyError, match="another process"), reference.ledger.writing(reference.key):
                pass

    def test_removed_lock_file_keeps_nobody_out_for_long(
        self, reference: Reference, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The cache is emptied between the opening and the locking of the lock file."""
        import fcntl

        path, flock = reference.store / "cache" / "lock", fcntl.flock
        taken: list[int] = []

        def empty_the_cache_once(descriptor: int, how: int) -> None:
            flock(descriptor, how)
            taken.append(descriptor)
            if len(taken) == 1:
                path.unlink()

        monkeypatch.setattr(fcntl, "flock", empty_the_cache_once)
        with reference.ledger.writing(reference.key):
            assert path.exists()
        assert len(taken) == 2

    def test_key_of_another_store(self, reference: Reference, tmp_path: Path) -> None:
        create_key(tmp_path / "other.pem")
        with (
            pytest.raises(GovernanceError, match="the signing key is not the one of this store"),
            reference.ledger.writing(tmp_path / "other.pem"),
        ):
            pass

    def test_nothing_is_signed_on_top_of_a_changed_ledger(self, reference: Reference) -> None:
        path = "ledger/0000000001.json"
        reference.rewrite(path, (reference.store / path).read_bytes().replace(b'"records":1', b'"records":2'))
        with pytest.raises(LedgerError, match="the newest checkpoint does not sign the entries"):
            reference.append(b"x")

    @pytest.mark.parametrize("name", ["ledger/0000000004.json", "ledger/checkpoints/0000000005"])
    def test_nothing_is_written_after_what_nobody_signed(self, reference: Reference, name: str) -> None:
        reference.rewrite(name, b"{}")
        with pytest.raises(LedgerError, match="the file lies beyond the newest checkpoint"):
            reference.append(b"x")

    @pytest.mark.parametrize("raw", [b"", b"{}", b'{"checkpoint":"","entry":"","staged":[]}'])
    def test_pending_that_is_none(self, reference: Reference, raw: bytes) -> None:
        reference.rewrite("ledger/pending", raw)
        with pytest.raises(LedgerError, match="pending"):
            reference.append(b"x")

    def test_pending_of_another_time(self, reference: Reference) -> None:
        pending = {
            "checkpoint": reference.ledger.checkpoint(2).text,
            "entry": reference.ledger.entries()[1].raw.decode(),
            "staged": ["requests/.tmp-x"],
        }
        reference.rewrite("ledger/pending", canonical(pending))
        with pytest.raises(LedgerError, match="the pending write does not fit the ledger"):
            reference.append(b"x")
        assert [problem.path for problem in verify(reference.store).problems] == ["ledger/pending"]

    def test_temporary_files_are_removed_and_the_spool_is_left(self, reference: Reference, tmp_path: Path) -> None:
        (tmp_path / "kept").write_bytes(b"behind a link")
        stage(reference.store, "requests/date=2026-07-09", b"left over")
        reference.rewrite(".tmp-folder/deep/file", b"")
        reference.rewrite("spool/.tmp-event", b"being written by a reader")
        (reference.store / "requests" / ".tmp-link").symlink_to(tmp_path)
        with reference.ledger.writing(reference.key):
            pass
        left = [path.relative_to(reference.store).as_posix() for path in reference.store.rglob(".tmp-*")]
        assert left == ["spool/.tmp-event"]
        assert (tmp_path / "kept").exists()


def hold(reference: Reference, started: Any, done: Any) -> None:
    with reference.ledger.writing(reference.key):
        started.set()
        done.wait(30)


def hold_and_die(reference: Reference) -> None:
    with reference.ledger.writing(reference.key):
        os._exit(9)
