"""Stretches of lines -> chunks: most lines by a quick reader, the doubtful ones by the strict parser."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from governance.batches import nothing_collected
from governance.engines.duckdb import Engine
from governance.mapped.chunks import Chunk, Origin, RecordChunk, derived_ids, digest_of
from governance.mapped.digests import row_digests
from governance.mapped.doubts import doubtful
from governance.mapped.grammar import Grammar
from governance.mapped.scans import Lines, Mask, Scan, Wanted, scanned
from governance.mapped.shapes import Shape
from governance.records import Record, json_lines
from governance.records.record import Line
from governance.records.stretches import Stretch

_SAMPLED = 50  # lines that tell the keys
_LEARNT = 100  # lines from which a grammar is learnt at once
_LESSONS = 3  # for one stretch
MAX_FAILURES = 2  # stretches; a file that has failed so often has no grammar
MAX_UNLIKE = 0.02  # share of lines; beyond it the engine is quicker than a grammar and the parser
# Bytes from which on a grammar is worth the second that it takes to load what was compiled
COMPILED_FROM = 192 << 20
COMPILED_FROM_WITH_OBJECTS = 32 << 20  # in lists, which otherwise the parser reads
MAX_DOUBTFUL = 0.3  # share of lines; beyond it the parser alone is quicker than both
_MANY = 0.02  # share of lines of which most may be doubtful for keys that are not known
_WHOLE = re.compile(r"0|-?[1-9]\d{0,17}")  # as it is written for sure
_EXACT_LENGTH = 16  # a double keeps every number of fifteen digits and a point


class LinesReader:
    """Reads the stretches of one file.

    Args:
        engine: Reads most lines of a small file.
        wanted: What is read of the lines.
        size: About how many bytes are read, by this reader and others of the same run.
    """

    def __init__(self, engine: Engine, wanted: Wanted, size: int) -> None:
        self._engine = engine
        self._wanted = wanted
        self._size = size
        self._grammar = Grammar()
        self._shape = Shape()
        self._is_hopeless = False
        self._failures = 0

    def chunk(self, stretch: Stretch, before: int) -> Chunk:
        """The chunk of one stretch.

        Args:
            stretch: The lines.
            before: How many records come before.
        """
        lines = Lines.filled(stretch)
        if len(lines):
            with nothing_collected():  # above all while what was compiled is loaded
                chunk = self._alike(stretch, lines, before)
            chunk = chunk or self._scanned(stretch, lines, before)
            if chunk is not None:
                return chunk
        return RecordChunk(list(json_lines(stretch.given())), before, is_by_bytes=True)

    def _alike(self, stretch: Stretch, lines: Lines, before: int) -> Chunk | None:
        """The chunk of lines that have a grammar in common; None if too few have, or the file is too small for one."""
        if self._failures > MAX_FAILURES or self._size < COMPILED_FROM_WITH_OBJECTS:
            return None
        if not self._grammar.columns:
            self._learn_grammar(lines, np.arange(len(lines)))
        is_worth_it = self._grammar.has_objects or self._size >= COMPILED_FROM
        if not is_worth_it or self._is_wanted_whole():
            return None
        try:
            from governance.mapped.alike import alike  # noqa: PLC0415 - takes a second, see COMPILED_FROM
        except ImportError:  # there is no numba for this machine
            return None
        for _ in range(_LESSONS):
            if not self._grammar.columns:
                break
            table, names, doubts = alike(stretch, lines, self._grammar, self._wanted)
            places = np.flatnonzero(doubts)
            if len(places) <= MAX_UNLIKE * len(lines):
                self._learn_grammar(lines, places)  # for the stretches that follow
                return LinesChunk(lines, table, doubts if len(places) else None, before, _parsed, names=names)
            if not self._learn_grammar(lines, places):
                break
        self._failures += 1
        return None

    def _learn_grammar(self, lines: Lines, places: npt.NDArray[np.int64]) -> bool:
        """Adds some of these lines to the grammar; whether there was something new."""
        chosen = places[:: max(len(places) // _LEARNT, 1)]
        found = (line_at(lines, place) for place in chosen.tolist())
        news = [self._grammar.learn(line.raw) for line in found if _parsed(line).value is not None]
        return any(news)

    def _is_wanted_whole(self) -> bool:
        """Whether an object of the lines is wanted as a whole."""
        return any(
            ".".join(path) in self._wanted.names or (len(path) == 1 and self._wanted.takes_all)
            for path in self._grammar.paths
        )

    def _scanned(self, stretch: Stretch, lines: Lines, before: int) -> Chunk | None:
        """The chunk of lines that the engine has read; None where it is of no use."""
        if self._is_hopeless:
            return None
        self._learn(lines, range(min(_SAMPLED, len(lines))))
        for _ in range(2):
            scan = scanned(stretch, self._shape, self._engine, self._wanted)
            if scan is None or scan.rows != len(lines):
                return None
            table = scan.table()
            doubts = self._doubts(stretch, lines, scan, table)
            if doubts is None or doubts.mean() <= MAX_DOUBTFUL:
                sure = table if doubts is None else table.filter(pa.array(~doubts))
                if doubts is not None and doubts.mean() > _MANY:  # for the stretches that follow
                    self._learn(lines, np.flatnonzero(doubts)[:_SAMPLED].tolist())
                return LinesChunk(lines, sure, doubts, before, _parsed, names=scan.names())
            if not self._learn(lines, np.flatnonzero(doubts)[:_SAMPLED].tolist()):
                self._is_hopeless = True
                break
        return None

    def _learn(self, lines: Lines, places: Iterable[int]) -> bool:
        """Adds the keys of some lines; whether there were new ones."""
        return self._shape.learn([_parsed(line_at(lines, place)).value or {} for place in places])

    def _doubts(self, stretch: Stretch, lines: Lines, scan: Scan, table: pa.Table) -> Mask | None:
        found = doubtful(stretch, lines, scan)
        for name in self._wanted.exact.intersection(table.column_names):
            is_long = pc.greater(pc.binary_length(table.column(name)), _EXACT_LENGTH)
            if pc.any(is_long).as_py():
                more: Mask = pc.fill_null(is_long, fill_value=False).to_numpy()
                found = more if found is None else found | more
        return found


def line_at(lines: Lines, place: int) -> Line:
    """One line of a stretch."""
    raw = lines.raw(place)
    return Line(int(lines.numbers[place]), lines.offset + int(lines.starts[place]), raw)


def _parsed(line: Line) -> Record:
    return next(iter(json_lines([line])))


class LinesChunk(Chunk):
    """A stretch that a quick reader has read.

    Args:
        lines: Where each record stands in the stretch.
        table: The texts of each column, shape (lines without doubt, columns).
        doubts: Records that the parser reads instead; None if there are none.
        before: How many records come before.
        parse: The strict parser of one record.
        odd: Place of a record -> what the parser has read, of CSV; None for JSON Lines, whose content is told by bytes.
        names: Columns that the records have; else those of the table.
    """

    def __init__(
        self,
        lines: Lines,
        table: pa.Table,
        doubts: Mask | None,
        before: int,
        parse: Callable[[Line], Record],
        odd: Mapping[int, Record] | None = None,
        names: Sequence[str] | None = None,
    ) -> None:
        places = [] if doubts is None else np.flatnonzero(doubts).tolist()
        known = odd or {}
        found = [known[place] if place in known else parse(line_at(lines, place)) for place in places]
        self._parse = parse
        self._is_by_bytes = odd is None
        self._lines = lines
        self._before = before
        self._odd = RecordChunk(found, before, is_by_bytes=self._is_by_bytes, places=[place + 1 for place in places])
        self._places = np.arange(len(lines)) if doubts is None else np.flatnonzero(~doubts)
        self._table = table
        self.records = len(lines)
        self.readable = len(self._places) + self._odd.readable
        self.rejected = self._odd.rejected
        own = table.column_names if names is None else names
        self.names = list(dict.fromkeys([*own, *self._odd.names]))

    def texts(
        self, engine: Engine, cells: Mapping[str, str], nulls: Sequence[str], seen: Counter[str] | None
    ) -> pa.Table:
        """The readable records as texts; see `Chunk.texts`."""
        known = set(self._table.column_names)
        rows = len(self._places)
        columns = {cell: self._table.column(name) for name, cell in cells.items() if name in known}
        made = pa.table(
            {"row_no": self._places + self._before + 1, "nul_removed": pa.repeat(pa.scalar(value=False), rows)}
            | {
                cell: _cleaned(columns[cell], nulls) if cell in columns else pa.nulls(rows, pa.string())
                for cell in cells.values()
            }
        )
        if seen is not None:
            made = made.append_column("derived_id", pa.array(self._digests(), pa.string()))
        if self._odd.readable:
            odd = self._odd.texts(engine, cells, nulls, None)
            if seen is not None:
                odd = odd.append_column("derived_id", pa.array(self._odd.digests(engine), pa.string()))
            made = pa.concat_tables(_of_one_type(made, odd.select(made.column_names)))
            made = made.take(pc.sort_indices(made.column("row_no")))
        if seen is None:
            return made
        ids = derived_ids(made.column("derived_id").to_pylist(), seen)
        return made.set_column(made.num_columns - 1, "derived_id", pa.array(ids, pa.string()))

    def _digests(self) -> list[str]:
        """Digest of the content of each record that was read quickly."""
        if self._is_by_bytes:
            return [digest_of(self._lines.raw(place)) for place in self._places.tolist()]
        return row_digests(self._table)

    def forget(self) -> None:
        """Frees the texts."""
        self._table = self._table.schema.empty_table()  # a slice would keep it
        self._odd.forget()

    def sources(self, engine: Engine, numbers: Sequence[int]) -> dict[int, Origin]:  # noqa: ARG002 - tables need it
        """Line, offset and bytes of records."""
        found = {}
        for number in numbers:
            record = self._parse(line_at(self._lines, number - self._before - 1))
            found[number] = Origin(record.number, record.offset, record.raw)
        return found


def _cleaned(column: pa.ChunkedArray, nulls: Sequence[str]) -> pa.ChunkedArray:
    """The texts, or values, without those that mean nothing was logged."""
    if pa.types.is_integer(column.type):
        meant = [int(text) for text in nulls if _WHOLE.fullmatch(text)]
        return _without(column, pa.array(meant, column.type)) if meant else column
    if pa.types.is_dictionary(column.type):
        known = column.chunk(0).dictionary if column.num_chunks else pa.array([], pa.string())
        is_odd = pc.any(pc.is_in(known, value_set=pa.array(nulls, pa.string()))).as_py()
        return _without(column.cast(pa.string()), pa.array(nulls, pa.string())) if is_odd else column
    lengths = pc.binary_length(column)
    if not pc.any(pc.is_in(lengths, value_set=pa.array({len(text.encode()) for text in nulls}, pa.int32()))).as_py():
        return column
    return _without(column, pa.array(nulls, pa.string()))


def _without(column: pa.ChunkedArray, nulls: pa.Array) -> pa.ChunkedArray:
    return pc.if_else(pc.is_in(column, value_set=nulls), pa.scalar(None, column.type), column)


def _of_one_type(first: pa.Table, second: pa.Table) -> list[pa.Table]:
    """Two tables of the same columns, those as texts of which one table has not the other's type."""
    shape = [
        mine if mine.type == yours.type else mine.with_type(pa.string())
        for mine, yours in zip(first.schema, second.schema, strict=True)
    ]
    return [table.cast(pa.schema(shape)) for table in (first, second)]
