"""A small store with a ledger of several entries, for the tests of the proof."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

from governance.proof.ledger import Ledger, NamedFile, StagedFile
from governance.proof.notes import create_key

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from governance.verification import Verification

AT = "2026-07-01T12:00:00.000000Z"
ORIGIN = "example.org/reference"
CONTENTS = {"requests/date=2026-07-01": b"PAR1 first PAR1", "requests/date=2026-07-02": b"PAR1 second PAR1"}


@dataclass(frozen=True)
class Reference:
    """A store and the key that signs for it."""

    store: Path
    key: Path

    @property
    def ledger(self) -> Ledger:
        return Ledger.open(self.store)

    def copy(self, folder: Path) -> Reference:
        """The same store in another folder, with its links and times."""
        shutil.copytree(self.store, folder / "store", symlinks=True)
        return Reference(folder / "store", self.key)

    def files(self) -> dict[str, bytes]:
        """Path -> bytes of everything outside `cache/`."""
        paths = [path for path in self.store.rglob("*") if path.is_file() and not path.is_symlink()]
        relative = {path.relative_to(self.store).as_posix(): path for path in paths}
        return {name: path.read_bytes() for name, path in sorted(relative.items()) if not name.startswith("cache/")}

    def a_file(self) -> str:
        """Path of a file that an entry names."""
        return str(self.ledger.entries()[1].files[0].path)

    def rewrite(self, path: str, content: bytes) -> None:
        """Put other bytes in the place of a file, made if missing."""
        target = self.store / path
        target.unlink(missing_ok=True)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)

    def append(self, *contents: bytes, folder: str = "requests/date=2026-07-03", kind: str = "ingest") -> None:
        """Commit one entry that names these contents."""
        with self.ledger.writing(self.key) as writer:
            writer.commit(kind, {"records": len(contents)}, stage(self.store, folder, *contents), at=AT)


def stage(store: Path, folder: str, *contents: bytes) -> list[StagedFile]:
    """Temporary files in the store, each to be named by its digest."""
    (store / folder).mkdir(parents=True, exist_ok=True)
    staged = []
    for content in contents:
        digest = sha256(content).hexdigest()
        temporary = store / folder / f".tmp-{digest[:8]}"
        temporary.write_bytes(content)
        named = NamedFile(
            f"{folder}/{digest}.parquet", digest, len(content), {"table": folder.partition("/")[0], "rows": 1}
        )
        staged.append(StagedFile(temporary, named))
    return staged


def make_reference(folder: Path) -> Reference:
    """A new store of four entries that name three files."""
    key = folder / "keys" / "key.pem"
    create_key(key)
    made = Reference(folder / "store", key)
    Ledger.create(made.store, origin=ORIGIN, key_path=key, at=AT)
    for place, content in CONTENTS.items():
        made.append(content, folder=place)
    made.append(b"policy: x", folder="blobs", kind="policy")
    return made


def in_child(work: Callable[[], None]) -> int:
    """Exit code of a forked child that does the work."""
    child = os.fork()
    if child == 0:
        code = 1
        with suppress(BaseException):
            work()
            code = 0
        os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def named(found: Verification) -> set[str]:
    """The files that verify names."""
    assert found.ok is (not found.problems)
    return {problem.path for problem in found.problems}
