"""A writer killed, or refused by the disk, at any step: nothing is lost, nothing looks like tampering."""

from __future__ import annotations

import errno
import json
import os
import tempfile
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from governance.errors import GovernanceError, LedgerError
from governance.proof import commits, durable
from governance.proof.entries import canonical, entry_name
from governance.verification import verify
from tests.reference_store import AT, Reference, in_child, make_reference, named, stage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture(name="original", scope="module")
def made_original(tmp_path_factory: pytest.TempPathFactory) -> Reference:
    return make_reference(tmp_path_factory.mktemp("original"))


@pytest.fixture(name="memory")
def folder_in_memory(tmp_path: Path) -> Iterator[Path]:
    """A folder on which fsync costs nothing, where the system has one: hundreds of stores are written in a loop."""
    if not os.access("/dev/shm", os.W_OK):  # noqa: S108 - Linux; a fresh folder is made in it
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        yield Path(folder)


@pytest.fixture(name="reference")
def copied_reference(original: Reference, tmp_path: Path) -> Reference:
    return original.copy(tmp_path)


SYSTEM_CALLS = ("fsync", "link", "rename", "unlink", "open", "mkdir", "chmod", "pwrite", "ftruncate")


class Interruption:
    """Lets the Nth call of the system calls through which a writer writes fail, or end the process."""

    def __init__(self, at: int, act: Callable[[], None], *, after: bool) -> None:
        self.at, self.act, self.after, self.count = at, act, after, 0

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in SYSTEM_CALLS:
            monkeypatch.setattr(os, name, self.wrapped(getattr(os, name)))

    def wrapped(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def interrupted(*args: Any, **kwargs: Any) -> Any:
            self.count += 1
            if self.count != self.at:
                return call(*args, **kwargs)
            if self.after:
                with suppress(OSError):
                    call(*args, **kwargs)
            return self.act()

        return interrupted


@pytest.mark.parametrize("after", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_killed_at_every_step(original: Reference, memory: Path, after: bool) -> None:
    """A writer that dies before, or right after, its Nth system call, for every N until it gets through."""
    died, at = 0, 0
    while True:
        at += 1
        reference = original.copy(memory / str(at))
        interruption = Interruption(at, lambda: os._exit(9), after=after)
        code = in_child(lambda: write_interrupted(reference, interruption))  # noqa: B023 - called at once
        assert code in {0, 9}
        found = verify(reference.store)
        assert found.ok, (at, found.problems)
        check_whole(reference, acknowledged=code == 0)
        if code == 0:
            break
        died += 1
    assert died > 30


@pytest.mark.parametrize("error", [errno.EIO, errno.ENOSPC])
def test_disk_that_refuses_at_every_step(original: Reference, memory: Path, error: int) -> None:
    """The Nth system call fails: the error is told in words, nothing is half done, the same writer may go on."""
    refused, at = 0, 0
    while True:
        at += 1
        reference = original.copy(memory / str(at))
        with pytest.MonkeyPatch.context() as patch:
            interruption = Interruption(at, lambda: fail(error), after=False)
            interruption.install(patch)
            told = refusal(lambda: write_two(reference))  # noqa: B023 - called at once
        if told is None and interruption.count < at:
            break
        refused += told is not None
        assert told is None or os.strerror(error) in told
        found = verify(reference.store)
        assert found.ok, (at, found.problems)
        check_whole(reference, acknowledged=False)
    assert refused > 30


def test_a_writer_goes_on_after_a_refusal(reference: Reference, monkeypatch: pytest.MonkeyPatch) -> None:
    with reference.ledger.writing(reference.key) as writer:
        staged = stage(reference.store, "requests/date=2026-07-03", b"A")
        with monkeypatch.context() as patch:
            patch.setattr(os, "link", lambda *_: fail(errno.ENOSPC))
            with pytest.raises(GovernanceError, match="No space left"):
                writer.commit("ingest", {}, staged, at=AT)
        assert verify(reference.store).ok
        entry = writer.commit("ingest", {}, stage(reference.store, "requests/date=2026-07-03", b"B"), at=AT)
    assert entry.number == 5
    assert verify(reference.store).ok
    assert [len(entry.files) for entry in reference.ledger.entries()[4:]] == [1, 1]


def test_a_write_whose_files_are_lost_is_undone(reference: Reference) -> None:
    assert in_child(lambda: leave_pending(reference)) == 9
    assert (reference.store / "ledger" / "pending").exists()
    for left in (reference.store / "requests" / "date=2026-07-03").iterdir():
        left.unlink()
    assert verify(reference.store).ok
    with reference.ledger.writing(reference.key) as writer:
        assert writer.commit("note", {}, at=AT).number == 4
    assert verify(reference.store).ok


def test_a_half_linked_write_whose_other_file_is_lost_is_undone(reference: Reference) -> None:
    assert in_child(lambda: leave_pending(reference, links=1)) == 9
    folder = reference.store / "requests" / "date=2026-07-03"
    (linked,) = folder.glob("*.parquet")
    for temporary in folder.glob(".tmp-*"):
        temporary.unlink()
    heal_only(reference)
    assert not linked.exists()
    assert verify(reference.store).ok


def test_a_lost_file_after_the_commit_point_is_damage(reference: Reference) -> None:
    """An entry that has its name is never undone: its files were on the disk before."""
    assert in_child(lambda: leave_pending(reference, links=3)) == 9
    assert (reference.store / entry_name(4)).exists()
    lost, _ = sorted((reference.store / "requests" / "date=2026-07-03").glob("*.parquet"))
    lost.unlink()
    for temporary in lost.parent.glob(".tmp-*"):
        temporary.unlink()
    with pytest.raises(LedgerError, match="a file of the newest entry is missing"):
        heal_only(reference)
    assert named(verify(reference.store)) == {lost.relative_to(reference.store).as_posix()}


def test_a_pending_write_that_nobody_signed(reference: Reference) -> None:
    assert in_child(lambda: leave_pending(reference)) == 9
    pending = json.loads((reference.store / "ledger/pending").read_bytes())
    for checkpoint in ("nothing", reference.ledger.checkpoint().text):
        reference.rewrite("ledger/pending", canonical(pending | {"checkpoint": checkpoint}))
        assert named(verify(reference.store)) == {"ledger/pending"}
        with pytest.raises(LedgerError, match="the pending write does not fit the ledger"):
            heal_only(reference)


def test_a_name_taken_at_the_last_moment(reference: Reference, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever takes a name between the look and the link is not overwritten."""
    monkeypatch.setattr(commits, "taken", lambda *_: None)
    path = f"requests/date=2026-07-03/{sha256(b'new').hexdigest()}.parquet"
    reference.rewrite(path, b"other")
    with pytest.raises(LedgerError, match="the name is taken"):
        reference.append(b"new")
    (reference.store / path).unlink()
    publish = durable.write_new

    def overtaken(target: Path, content: bytes) -> None:
        target.write_bytes(b"other")
        publish(target, content)

    monkeypatch.setattr(durable, "write_new", overtaken)
    with pytest.raises(LedgerError, match="the name is taken"):
        reference.append(b"next")


def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(reference: Reference) -> None:
    folder = reference.store / "requests" / "date=2026-07-03"
    folder.mkdir()
    os.mkfifo(folder / f"{sha256(b'new').hexdigest()}.parquet")
    with pytest.raises(LedgerError, match="the name is taken"):
        reference.append(b"new")


def test_a_disk_that_cannot_be_read_decides_nothing(reference: Reference, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pending write is not undone because its files could not be read just now."""
    assert in_child(lambda: leave_pending(reference)) == 9
    with monkeypatch.context() as patch:
        patch.setattr(durable, "digest_regular", lambda _: fail(errno.EIO))
        with pytest.raises(GovernanceError, match=os.strerror(errno.EIO)):
            heal_only(reference)
    heal_only(reference)
    assert verify(reference.store).entries == 5


@pytest.mark.parametrize("is_lost", [False, True])
def test_killed_while_healing(original: Reference, memory: Path, is_lost: bool) -> None:
    """A writer that dies at its Nth system call while it completes, or undoes, what another one left."""
    begun = original.copy(memory / "begun")
    assert in_child(lambda: leave_pending(begun)) == 9
    if is_lost:
        for left in (begun.store / "requests" / "date=2026-07-03").iterdir():
            left.unlink()
    died, at = 0, 0
    while True:
        at += 1
        reference = begun.copy(memory / str(at))
        interruption = Interruption(at, lambda: os._exit(9), after=False)
        code = in_child(lambda: write_interrupted(reference, interruption, heal_only))  # noqa: B023 - called at once
        assert code in {0, 9}
        found = verify(reference.store)
        assert found.ok, (at, found.problems)
        reference.append(b"next")
        found = verify(reference.store)
        assert (found.ok, found.notes[:-1]) == (True, ())
        if code == 0:
            break
        died += 1
    assert died > 15


def check_whole(reference: Reference, *, acknowledged: bool) -> None:
    """After the next write, what was acknowledged is there, what was begun is there as a whole or not at all."""
    before = [entry.raw for entry in reference.ledger.entries()]
    reference.append(b"next")
    found = verify(reference.store)
    assert (found.ok, found.notes[:-1]) == (True, ())
    after = reference.ledger.entries()
    assert [entry.raw for entry in after][: len(before)] == before
    assert len(after) in ({7} if acknowledged else {5, 6, 7})
    for entry in after:
        for file in entry.files:
            assert sha256((reference.store / file.path).read_bytes()).hexdigest() == file.sha256
    assert not list(reference.store.rglob(".tmp-*"))
    assert not (reference.store / "ledger" / "pending").exists()


def write_two(reference: Reference) -> None:
    """Two commits: with two files, then without."""
    with reference.ledger.writing(reference.key) as writer:
        try:
            staged = stage(reference.store, "requests/date=2026-07-03", b"A", b"B")
        except OSError as error:  # whoever stages says so in his own words
            raise GovernanceError(str(error)) from error
        writer.commit("ingest", {}, staged, at=AT)
        writer.commit("note", {"text": "x"}, at=AT)


def heal_only(reference: Reference) -> None:
    with reference.ledger.writing(reference.key):
        pass


def write_interrupted(
    reference: Reference, interruption: Interruption, work: Callable[[Reference], None] = write_two
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        interruption.install(patch)
        work(reference)


def leave_pending(reference: Reference, links: int = 0) -> None:
    """Die after the pending write is on the disk and this many of its names are linked."""
    link, left = os.link, iter(range(links))

    def link_or_die(*args: Any) -> None:
        if next(left, None) is None:
            os._exit(9)
        link(*args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "link", link_or_die)
        write_two(reference)


def refusal(work: Callable[[], None]) -> str | None:
    """The error that a user reads, or None."""
    try:
        work()
    except GovernanceError as told:
        return str(told)
    return None


def fail(error: int) -> None:
    raise OSError(error, os.strerror(error))
