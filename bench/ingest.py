"""How fast a log of requests comes into a store, beside DuckDB, polars and pandas, which prove and quarantine nothing.

Usage: python bench/ingest.py [ROWS] [CASE...]
Cases: bare clean dirty csv quoted unnamed nested spans polars pandas parts; DuckDB alone on the file of a case is
bare-csv, bare-quoted, bare-unnamed and bare-nested.

Each case is a process of its own. The log is one of requests under their canonical names, in order of time over a
quarter; `dirty` is the same with 0.2 % of its lines broken and 1 % of them twice. The polars and pandas scripts do what
a user would: read with given types, drop what came twice, digest the file, write Parquet. At the end the processor time
of each part of ingestion.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import duckdb

TEXTS = (
    "request_id trace_id operation provider model_requested model_served model_version session_id environment region "
    "cost_currency status user_id business_unit prompt_name prompt_version"
).split()
WHOLES = ("latency_us ttft_us queue_us input_tokens cache_read_tokens output_tokens http_status retries").split()
TYPES = (
    dict.fromkeys(TEXTS, "VARCHAR")
    | dict.fromkeys(WHOLES, "BIGINT")
    | {"start_ts": "TIMESTAMPTZ", "cost_reported": "DECIMAL(18,12)"}
)
BROKEN, TWICE = 500, 100  # one line in so many
NOW = datetime(2026, 10, 1, tzinfo=UTC)
ROW = """
    uuid()::VARCHAR AS request_id, strftime(moment, '%Y-%m-%dT%H:%M:%S.%fZ') AS start_ts,
    replace(uuid()::VARCHAR, '-', '') AS trace_id, 'chat' AS operation, ['one', 'two', 'three'][1 + i % 3] AS provider,
    ['large', 'small', 'tiny'][1 + i % 3] AS model_requested, ['large', 'small', 'tiny'][1 + i % 3] AS model_served,
    '2026-06' AS model_version, 'session-' || i // 7 AS session_id, 'production' AS environment,
    ['eu-west-1', 'us-east-1'][1 + i % 2] AS region, 200000 + (random() * 3e6)::BIGINT AS latency_us,
    50000 + (random() * 3e5)::BIGINT AS ttft_us, (random() * 1e4)::BIGINT AS queue_us,
    100 + (random() * 4000)::BIGINT AS input_tokens, (random() * 100)::BIGINT AS cache_read_tokens,
    10 + (random() * 1000)::BIGINT AS output_tokens, round(random() * 0.05, 6) AS cost_reported, 'USD' AS cost_currency,
    if(random() < 0.01, 'error', 'ok') AS status, if(random() < 0.01, 500, 200) AS http_status,
    (random() * 2)::INT AS retries, 'user-' || (random() * 10000)::INT AS user_id, 'unit-' || i % 12 AS business_unit,
    'prompt-' || i % 5 AS prompt_name, 'v' || i % 3 AS prompt_version
"""
SPAN = """
    {'resourceSpans': [{'resource': {'attributes': [{'key': 'service.name', 'value': {'stringValue': 'desk'}}]},
      'scopeSpans': [{'spans': [{'traceId': trace_id, 'spanId': left(trace_id, 16), 'name': 'chat', 'kind': 3,
        'startTimeUnixNano': (epoch_ns(start_ts::TIMESTAMP))::VARCHAR,
        'endTimeUnixNano': (epoch_ns(start_ts::TIMESTAMP) + latency_us * 1000)::VARCHAR,
        'attributes': [{'key': 'gen_ai.operation.name', 'value': {'stringValue': 'chat'}},
          {'key': 'gen_ai.request.model', 'value': {'stringValue': model_requested}},
          {'key': 'gen_ai.response.model', 'value': {'stringValue': model_served}},
          {'key': 'gen_ai.response.id', 'value': {'stringValue': request_id}},
          {'key': 'gen_ai.usage.input_tokens', 'value': {'stringValue': input_tokens::VARCHAR}},
          {'key': 'gen_ai.usage.output_tokens', 'value': {'stringValue': output_tokens::VARCHAR}}]}]}]}]}
"""
QUOTED = "'the \"second\", at ' || region || E'\\n' || prompt_name AS prompt_name"
INNER = {
    "usage": ("input_tokens", "cache_read_tokens", "output_tokens"),
    "prompt": ("prompt_name", "prompt_version"),
    "times": ("latency_us", "ttft_us", "queue_us"),
}
OBJECTS = {name: f"{{{', '.join(f'{key!r}: {key}' for key in keys)}}}" for name, keys in INNER.items()}
PLACES = {key: f"{name}.{key}" for name, keys in INNER.items() for key in keys}
PARTS = (
    ("digest of the log", "governance.records", "_digest"),
    ("JSON to values, by compiled loops", "governance.mapped.alike", "alike"),
    ("values, and what does not fit", "governance.mapped", "Cells"),
    ("what was met before", "governance.ingestion", "fates"),
    ("index", "governance.staging", "index_rows"),
    ("Parquet, its digests and fsync", "governance.storage.store", "Store.stage_table"),
    ("ledger", "governance.proof.commits", "Writer.commit"),
)


def write(folder: Path, rows: int, cases: Sequence[str]) -> None:
    """The log, and its other forms as far as the cases read them."""
    step = f"to_microseconds((i * (90 * 86400e6 / {rows}))::BIGINT)"
    moments = f"(SELECT i, TIMESTAMP '2026-07-01' + {step} AS moment FROM range({rows}) t(i))"
    duckdb.execute("SELECT setseed(0.5)")
    duckdb.execute(f"COPY (SELECT {ROW} FROM {moments}) TO '{folder}/clean.jsonl' (FORMAT json)")
    clean = f"read_json('{folder}/clean.jsonl', columns = {TYPES})"
    if "spans" in cases:
        duckdb.execute(f"COPY (SELECT unnest({SPAN}) FROM {clean}) TO '{folder}/spans.jsonl' (FORMAT json)")
    if {"csv", "bare-csv"} & {*cases}:
        duckdb.execute(f"COPY (SELECT * FROM {clean}) TO '{folder}/clean.csv' (FORMAT csv, HEADER)")
    if {"quoted", "bare-quoted"} & {*cases}:
        options = "FORMAT csv, HEADER, FORCE_QUOTE *"
        duckdb.execute(f"COPY (SELECT * REPLACE ({QUOTED}) FROM {clean}) TO '{folder}/quoted.csv' ({options})")
    if {"unnamed", "bare-unnamed"} & {*cases}:
        rest = f"SELECT * EXCLUDE (request_id) FROM {clean}"
        duckdb.execute(f"COPY ({rest}) TO '{folder}/unnamed.csv' (FORMAT csv, HEADER)")
    if {"nested", "bare-nested"} & {*cases}:
        made = ", ".join(f"{sql} AS {name}" for name, sql in OBJECTS.items())
        rest = f"SELECT * EXCLUDE ({', '.join(PLACES)}), {made}, [1, 2] AS scores FROM {clean}"
        duckdb.execute(f"COPY ({rest}) TO '{folder}/nested.jsonl' (FORMAT json)")
    if "dirty" in cases:
        _spoil(folder)


def _spoil(folder: Path) -> None:
    with (folder / "clean.jsonl").open("rb") as lines, (folder / "dirty.jsonl").open("wb") as dirty:
        for number, line in enumerate(lines):
            dirty.write(line[: len(line) // 2] + b"\n" if number % BROKEN == 0 else line)
            if number % TWICE == 1:
                dirty.write(line)


def governed(folder: Path, log: str) -> None:
    """Ingestion into a new store."""
    from governance.ingestion import ingest  # noqa: PLC0415 - its import is part of the case
    from governance.workspace import make_workspace  # noqa: PLC0415

    mapping = folder / "mapping.yaml"
    mapping.write_text(_mapping(log))
    root = Path(tempfile.mkdtemp(dir=folder))
    space = make_workspace(
        root / "space", environment={"XDG_CONFIG_HOME": str(root)}, now="2026-10-01T00:00:00.000000Z"
    )
    done = ingest(space, [str(folder / log)], now=NOW, mapping=None if log.startswith("spans") else mapping)
    print({name: count for name, count in done.files[0].counts().items() if count}, file=sys.stderr)


def _mapping(log: str) -> str:
    names = {name: PLACES.get(name, name) if log == "nested.jsonl" else name for name in TYPES}
    if log == "unnamed.csv":
        del names["request_id"]
    return "source: bench\ncolumns:\n" + "".join(f"  {name}: {column}\n" for name, column in names.items())


def bare(folder: Path) -> None:
    """DuckDB: typed columns to one Parquet file."""
    duckdb.execute("SET memory_limit = '1GB'")
    duckdb.execute(
        f"COPY (SELECT * FROM read_json('{folder}/clean.jsonl', format = 'newline_delimited', columns = {TYPES})) "
        f"TO '{folder}/bare.parquet' (COMPRESSION zstd)"
    )


def bare_table(folder: Path, log: str) -> None:
    """DuckDB: the same of a CSV file."""
    types = {name: kind for name, kind in TYPES.items() if name != "request_id" or log != "unnamed.csv"}
    duckdb.execute("SET memory_limit = '1GB'")
    duckdb.execute(
        f"COPY (SELECT * FROM read_csv('{folder}/{log}', header = true, quote = '\"', columns = {types})) "
        f"TO '{folder}/bare.parquet' (COMPRESSION zstd)"
    )


def bare_nested(folder: Path) -> None:
    """DuckDB: the same of objects in objects."""
    types = {name: kind for name, kind in TYPES.items() if name not in PLACES}
    types |= {name: f"STRUCT({', '.join(f'{key} {TYPES[key]}' for key in keys)})" for name, keys in INNER.items()}
    members = ", ".join(f"unnest({name})" for name in INNER)
    log = f"read_json('{folder}/nested.jsonl', format = 'newline_delimited', columns = {types})"
    duckdb.execute("SET memory_limit = '1GB'")
    duckdb.execute(
        f"COPY (SELECT * EXCLUDE ({', '.join(INNER)}), {members} FROM {log}) "
        f"TO '{folder}/bare.parquet' (COMPRESSION zstd)"
    )


def by_polars(folder: Path) -> None:
    """polars: typed columns, what came twice dropped, the file digested, one Parquet file."""
    import polars as pl  # noqa: PLC0415 - its import is part of the case

    schema: dict[str, Any] = {name: pl.Int64 if kind == "BIGINT" else pl.String for name, kind in TYPES.items()}
    schema["cost_reported"] = pl.Float64
    rows = pl.scan_ndjson(folder / "clean.jsonl", schema=schema)
    rows = rows.with_columns(pl.col("start_ts").str.to_datetime("%Y-%m-%dT%H:%M:%S%.fZ", strict=True))
    rows.unique("request_id", maintain_order=True).sink_parquet(folder / "polars.parquet", compression="zstd")
    print(_digest(folder), file=sys.stderr)


def by_pandas(folder: Path) -> None:
    """pandas: the same."""
    import pandas as pd  # noqa: PLC0415 - its import is part of the case

    rows = pd.read_json(folder / "clean.jsonl", lines=True, dtype=dict.fromkeys(TEXTS, "str"))
    rows["start_ts"] = pd.to_datetime(rows["start_ts"], format="ISO8601")
    rows.drop_duplicates("request_id").to_parquet(folder / "pandas.parquet", compression="zstd")
    print(_digest(folder), file=sys.stderr)


def _digest(folder: Path) -> str:
    with (folder / "clean.jsonl").open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def parts(folder: Path) -> None:
    """Ingestion once more, one batch after the other; the processor time of each part, those that it calls included."""
    ingestion: Any = import_module("governance.ingestion")
    ingestion.ahead = iter  # what runs at once could not be told apart
    spent = dict.fromkeys([what for what, _, _ in PARTS], 0.0)
    for what, module, name in PARTS:
        holder: Any = import_module(module)
        *path, last = name.split(".")
        for step in path:
            holder = getattr(holder, step)
        setattr(holder, last, _timed(getattr(holder, last), what, spent))
    before = time.process_time()
    governed(folder, "clean.jsonl")
    whole = time.process_time() - before
    for what, seconds in (spent | {"all the rest": whole - sum(spent.values())}).items():
        print(f"  {what:34} {seconds:7.2f} s of CPU {seconds / whole:6.0%}")


def _timed(work: Callable[..., Any], what: str, spent: dict[str, float]) -> Callable[..., Any]:
    def timed(*given: Any, **named: Any) -> Any:
        with _clock(what, spent):
            return work(*given, **named)

    return timed


@contextmanager
def _clock(what: str, spent: dict[str, float]) -> Iterator[None]:
    before = time.process_time()
    yield
    spent[what] += time.process_time() - before


CASES: dict[str, tuple[str, Callable[[Path], None]]] = {
    "bare": ("DuckDB read_json -> one Parquet", bare),
    "clean": ("ingest", lambda folder: governed(folder, "clean.jsonl")),
    "dirty": ("ingest, dirty", lambda folder: governed(folder, "dirty.jsonl")),
    "bare-csv": ("DuckDB read_csv -> one Parquet", lambda folder: bare_table(folder, "clean.csv")),
    "csv": ("ingest, CSV", lambda folder: governed(folder, "clean.csv")),
    "bare-quoted": ("DuckDB, quoted CSV", lambda folder: bare_table(folder, "quoted.csv")),
    "quoted": ("ingest, quoted CSV", lambda folder: governed(folder, "quoted.csv")),
    "bare-unnamed": ("DuckDB, CSV without ids", lambda folder: bare_table(folder, "unnamed.csv")),
    "unnamed": ("ingest, CSV without ids", lambda folder: governed(folder, "unnamed.csv")),
    "bare-nested": ("DuckDB, nested JSON Lines", bare_nested),
    "nested": ("ingest, nested JSON Lines", lambda folder: governed(folder, "nested.jsonl")),
    "spans": ("ingest, OTLP spans", lambda folder: governed(folder, "spans.jsonl")),
    "polars": ("polars script", by_polars),
    "pandas": ("pandas script", by_pandas),
}


def measured(case: str, folder: Path, rows: int, limit: float | None) -> float:
    """Runs a case in a process of its own; its processor time in seconds."""
    start = time.perf_counter()
    process = subprocess.Popen([sys.executable, __file__, "--case", case, str(folder)], stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    wall, seconds = time.perf_counter() - start, used.ru_utime + used.ru_stime
    what = CASES[case][0]
    if os.waitstatus_to_exitcode(status):
        print(f"{what:32} ended with an error", flush=True)
    else:
        ratio = f"{seconds / limit:5.2f} x" if limit else "   1 x"
        peak = used.ru_maxrss / 1024
        print(
            f"{what:32} {wall:7.2f} s {seconds:8.2f} s of CPU {ratio} {rows / seconds:10,.0f} rows per CPU s "
            f"{peak:7,.0f} MiB",
            flush=True,
        )
    return seconds


def main() -> None:
    """Measures each case."""
    if sys.argv[1:2] == ["--case"]:
        case, folder = sys.argv[2], Path(sys.argv[3])
        parts(folder) if case == "parts" else CASES[case][1](folder)
        return
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 300_000
    cases = sys.argv[2:] or [*CASES, "parts"]
    with tempfile.TemporaryDirectory() as name:
        write(Path(name), rows, cases)
        limit: float | None = None
        for case in (case for case in CASES if case in cases):
            spent = measured(case, Path(name), rows, limit)
            limit = limit or spent
        if "parts" in cases:
            print("parts of ingestion:", flush=True)
            subprocess.run([sys.executable, __file__, "--case", "parts", name], check=True, stderr=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
