"""A workspace for one test, and short ways to read logs into it and to look at what became of them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from governance.engines.duckdb import Engine
from governance.ingestion import FileReport, ingest
from governance.storage.store import Snapshot, Store
from governance.verification import verify
from governance.workspace import Workspace, make_workspace

NOW = datetime(2026, 9, 1, 12, tzinfo=UTC)
MAPPING = """\
source: loans
columns:
  request_id: id
  start_ts: at
  model: {constant: credit}
  score: score
  decision: decision
"""


@dataclass(frozen=True)
class Logbook:
    """A workspace in a folder of its own."""

    folder: Path
    workspace: Workspace

    def write(self, name: str, content: str | bytes) -> Path:
        """A file beside the workspace."""
        path = self.folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def ingest(self, *paths: Path, mapping: str = MAPPING) -> FileReport:
        """Reads files through a mapping; the report of the last one."""
        done = ingest(
            self.workspace,
            [str(path) for path in paths],
            now=NOW,
            mapping=self.write("mapping.yaml", mapping),
        )
        for report in done.files:
            assert report.records == report.stored + report.duplicates + report.quarantined + report.ignored
        return done.files[-1]

    def read(self, name: str, content: str | bytes, mapping: str = MAPPING) -> FileReport:
        """Writes and reads one file."""
        return self.ingest(self.write(name, content), mapping=mapping)

    @property
    def snapshot(self) -> Snapshot:
        return Store(self.workspace.store).snapshot()

    def rows(self, sql: str) -> list[dict[str, Any]]:
        """The rows of a query over the canonical views."""
        with Engine() as engine:
            self.snapshot.attach(engine)
            return engine.records(sql)

    def values(self, sql: str) -> list[Any]:
        """The first column of a query."""
        return [next(iter(row.values())) for row in self.rows(sql)]

    def quarantine(self) -> list[tuple[int, str, bytes]]:
        """Line, reason and bytes of every record that could not be read."""
        with Engine() as engine:
            self.snapshot.attach(engine, ["quarantine"])
            return engine.rows("SELECT line, reason, raw FROM quarantine ORDER BY ingested_ts, line")

    def digest(self) -> dict[str, bytes]:
        """Every file of the store outside `cache/`."""
        files = sorted(path for path in self.workspace.store.rglob("*") if path.is_file())
        found = {path.relative_to(self.workspace.store).as_posix(): path.read_bytes() for path in files}
        return {name: content for name, content in found.items() if not name.startswith("cache/")}

    def verifies(self) -> bool:
        """Whether the store is what its ledger says."""
        return verify(self.workspace.store).ok


def logbook(folder: Path) -> Logbook:
    """A new workspace in a folder."""
    made = make_workspace(folder / "space", environment=os.environ, now="2026-09-01T00:00:00.000000Z")
    return Logbook(folder, made)
