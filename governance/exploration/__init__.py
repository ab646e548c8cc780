"""A store in Jupyter: typed tables as DuckDB, Arrow or pandas, one explained decision, and the figures of the report.

Nothing is locked and no database file is opened: an in-memory engine has views over the Parquet files, as of the
ledger entries that were there when it was opened. A notebook that stays open never keeps an ingest waiting.
"""

from __future__ import annotations

import atexit
import os
import weakref
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from governance.blocks import Facts, facts
from governance.blocks.facts import Value
from governance.engines.duckdb import Engine, identifier
from governance.errors import GovernanceError, NotFoundError, nearest
from governance.exhibits.period import Period, Span, span_of
from governance.exploration.rows import Rows
from governance.findings import Window, parse_window
from governance.moments import stamp
from governance.storage.store import Snapshot, Store
from governance.tables import CANONICAL
from governance.workspace import SETTINGS_FILE, Workspace, find_workspace

if TYPE_CHECKING:
    from governance.exploration.explained import Explained

_open: weakref.WeakSet[Engine] = weakref.WeakSet()


@atexit.register
def _close() -> None:
    """Frees the engines: DuckDB 2.0 prints a long complaint about connections that outlive the interpreter."""
    for engine in list(_open):
        engine.close()


class View(Period):
    """A store that was opened for reading.

    Every canonical table is an attribute: `store.decisions`, `store.requests`, `store.findings`, ...
    """

    def __init__(
        self, snapshot: Snapshot, engine: Engine, workspace: Workspace | None, span: Span | None = None
    ) -> None:
        super().__init__(snapshot, engine, span)
        self._workspace = workspace

    def __getattr__(self, name: str) -> Rows:
        if name.startswith("_") or name not in CANONICAL:
            raise AttributeError(nearest(name, CANONICAL) or f"no table is called '{name}'")
        return self._table(name, name)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *CANONICAL]

    def features(self, model: str) -> Rows:
        """The inputs of the decisions of one model.

        Raises:
            NotFoundError: The store has none of that model.
        """
        return self._of_model("features", model)

    def attributions(self, model: str) -> Rows:
        """The stored contributions to the scores of one model.

        Raises:
            NotFoundError: The store has none of that model.
        """
        return self._of_model("attributions", model)

    def _of_model(self, table: str, model: str) -> Rows:
        known = self.snapshot.models(table)
        if model not in known:
            hint = nearest(model, known) or (
                f"there are those of {', '.join(known)}" if known else "there are none at all"
            )
            raise NotFoundError(f"there are no {table} of a model '{model}'", hint=hint)
        return self._table(f"{table}:{model}", table)

    def _table(self, view: str, table: str) -> Rows:
        where = ""
        if self._span is not None:
            time = CANONICAL[table].time
            start, end = stamp(self._span.window.start), stamp(self._span.window.end)
            where = f" WHERE {time} >= TIMESTAMPTZ '{start}' AND {time} < TIMESTAMPTZ '{end}'"
            if table == "findings":
                where = f" WHERE window_start < TIMESTAMPTZ '{end}' AND window_end > TIMESTAMPTZ '{start}'"
        return Rows(self.engine, f"SELECT * FROM {identifier(view)}{where}", table)

    def sql(self, query: str) -> Rows:
        """Rows of any query over the tables of the store."""
        return Rows(self.engine, query)

    def window(self, name: str) -> View:
        """The store in one window: `store.window("2026-Q3")`; zone and fiscal year are those of the workspace.

        Raises:
            GovernanceError: The text names no window.
        """
        own = self._workspace
        zone, month = (own.timezone, own.fiscal_year_start_month) if own else ("UTC", 1)
        found = parse_window(name, now=datetime.now(UTC), timezone=zone, fiscal_start_month=month)
        return self._in(span_of(found))

    def between(
        self,
        start: str,
        end: str,
        *,
        before: tuple[str, str],
        names: tuple[str, str] = ("", ""),
        timezone: str = "UTC",
    ) -> View:
        """The store in the window that a report was asked for.

        Args:
            start: First moment, ISO.
            end: First moment after.
            before: The same of the window to compare with.
            names: What the two windows are called; their days unless named.
            timezone: Zone in which days, weeks and months begin.
        """
        own, other = names
        return self._in(Span(_window(start, end, own), _window(*before, other), timezone))

    def _in(self, span: Span) -> View:
        found = View(self.snapshot, self._engine, self._workspace, span)
        found.__dict__.update({"engine": self.engine})  # the views are there already
        return found

    def explain(self, wanted: str = "") -> Explained:
        """Why a request was decided as it was.

        Args:
            wanted: Any request, client, response, trace or decision id; without one, some decision against a person.

        Raises:
            NotFoundError: No request has that id.
            LedgerError: A file is not the one that the ledger names.
        """
        from governance.explanation import explain  # noqa: PLC0415 - only who asks for one needs it
        from governance.exploration.explained import Explained  # noqa: PLC0415 - as below
        from governance.storage.spool import note_reading  # noqa: PLC0415

        found = explain(self.snapshot.root, wanted or self._example(), as_of=self.snapshot.checkpoint.size)
        documents = tuple(item.document for item in found)
        # Reading an explanation is an event too; where the store cannot be written it stays unrecorded
        note_reading(
            self.snapshot.root, [str(item["request_uid"]) for item in documents], "notebook", datetime.now(UTC)
        )
        return Explained(documents)

    def _example(self) -> str:
        """The id of the first decision that is not favourable, else of the first request."""
        for table, column, order in (
            ("decisions", "decision_id", "favourable, rule_id IS NOT NULL, decision_ts"),
            ("requests", "request_uid", "start_ts"),
        ):
            rows = self._table(table, table).sql(f"SELECT {column} AS id FROM this ORDER BY {order} LIMIT 1").arrow()
            if rows.num_rows:
                return str(rows.column("id")[0].as_py())
        raise NotFoundError("there are no requests here", hint="`governance ingest` reads logs into the store")

    def _tables(self) -> Facts:
        rows = {name: sum(segment.rows for segment in own) for name, own in sorted(self.snapshot.segments.items())}
        tables = {name: count for name, count in rows.items() if name in CANONICAL}
        head: dict[str, Value] = {"store": str(self.snapshot.root), "ledger entries": self.snapshot.checkpoint.size}
        if self._span is not None:
            head["window"] = self._span.window.name
        return facts(head | tables, title="Rows by table, as stored")

    def _repr_html_(self) -> str:
        return str(self._tables()._repr_mimebundle_()["text/html"])

    def __repr__(self) -> str:
        return self._tables().plain()


def _window(start: str, end: str, name: str) -> Window:
    first, last = (datetime.fromisoformat(text) for text in (start, end))
    zoned = [moment if moment.tzinfo else moment.replace(tzinfo=UTC) for moment in (first, last)]
    if zoned[0] >= zoned[1]:
        raise GovernanceError("the window is empty", where=f"{start}..{end}", hint="its end must lie after its start")
    return Window(zoned[0], zoned[1], name or f"{zoned[0]:%Y-%m-%d}..{zoned[1]:%Y-%m-%d}")


def open(path: str | Path | None = None, *, as_of: int | None = None) -> View:  # noqa: A001 - read as `gov.open`
    """A store for reading: a workspace, a store's folder, or without a path the workspace around the current folder.

    Args:
        path: Folder; none or an empty text looks around.
        as_of: Number of ledger entries to read; none or 0 reads all.

    Raises:
        NotFoundError: There is no store, or its ledger has fewer entries.
        LedgerError: The ledger cannot be read.
    """
    workspace, store = _located(Path(path).expanduser() if path else None)
    engine = Engine(store / "cache" / "spill" if os.access(store / "cache", os.W_OK) else None)
    _open.add(engine)
    return View(Store(store).snapshot(as_of or None), engine, workspace)


def _located(path: Path | None) -> tuple[Workspace | None, Path]:
    """The workspace, where there is one, and the store."""
    if path is None:
        workspace = find_workspace(None, cwd=Path.cwd(), environment=os.environ)
        return workspace, workspace.store
    folder = path.resolve()
    if (folder / "ledger").is_dir():
        around = folder.parent
        named = around / SETTINGS_FILE
        own = (
            find_workspace(around, cwd=around, environment=os.environ)
            if named.is_file() and folder.name == "store"
            else None
        )
        return own, folder
    if not folder.is_dir():
        raise NotFoundError("there is no such folder", where=str(path), hint="name a workspace or its store")
    workspace = find_workspace(folder, cwd=folder, environment=os.environ)
    return workspace, workspace.store
