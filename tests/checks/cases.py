"""Case files of checks: rows of canonical tables and the verdicts that they lead to, as data.

`tests/cases/<kind>.yaml` is a list of cases:

    - name: fails                       # see REQUIRED for the names that every kind has
      check: {max_ms: 100, quantile: 0.95}
      window: 2026-07                   # as --window; July 2026 unless given
      timezone: Europe/Berlin           # of the workspace; UTC unless given
      favourable: {decision: approved}  # of the policy
      rows:
        decisions:
          - {repeat: 40, decision: approved, subjects: {sex: female}}
        requests:
          columns: [repeat, latency_us, status]
          rows: [[10, 90000, ok], [5, null, timeout]]
      expect:
        - {subject: {}, value: 3/4, verdict: failed, n: 20, reason: text in it, counts: {within: 15}}

Instead of rows, `store: {path: null}` is a small store of which these files were then lost (null) or got other bytes; a
path that ends in `/` is the first file in that folder. `store: {}` is one that nobody touched.

`repeat: n` makes n rows. `every: 10m` sets them apart in time (one second unless given), from `start_ts` or
`decision_ts`. `{i}` in a text is the number of the row. What a row leaves out is null; ids and needed columns are
filled in. `subjects`, `features`, `attribution`, `review`, `outcome` (of a decision) and `assessment` (of a request)
hold a row more for each.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

from governance.checks import Check, Measurement
from governance.engines.duckdb import Engine, identifier
from governance.extensions import checks
from governance.findings import Judgement, Observation, Verdict, Window, parse_window
from governance.scopes import Scope
from governance.tables import CANONICAL, PER_MODEL, Table
from tests.reference_store import make_reference

CASES = Path(__file__).resolve().parents[1] / "cases"
REQUIRED = (
    "passes",
    "fails",
    "exactly on the limit",
    "no records",
    "too few records",
    "nulls",
    "two subjects of which one fails",
)
NOW = datetime(2026, 11, 20, tzinfo=UTC)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_INLINE = {
    "subjects": "subjects",
    "review": "reviews",
    "attribution": "attributions",
    "outcome": "outcomes",
    "assessment": "assessments",
    "features": "features",
}
_DEFAULTS: dict[str, dict[str, Any]] = {
    "requests": {
        "source": "case",
        "id_origin": "native",
        "operation": "predict",
        "status": "ok",
        "input_state": "absent",
        "output_state": "absent",
        "n_decisions": 0,
    },
    "decisions": {"source": "case", "item_index": 0},
    "attributions": {
        "model": "scorer",
        "model_version": "1",
        "base_value": 0.0,
        "output_value": 0.0,
        "additivity_error": 0,
    },
    "features": {"model": "scorer"},
    "assessments": {"name": "score"},
    "outcomes": {"name": "outcome"},
}

_LINKS = ("target_id", "request_uid", "decision_id", "decision_ts")

Row = dict[str, Any]


class _Loader(yaml.SafeLoader):
    """YAML whose dates stay texts, as policies are read."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in found if tag != "tag:yaml.org,2002:timestamp"]
    for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


@dataclass(frozen=True)
class Case:
    """One case of a case file."""

    kind: str
    name: str
    check: Row
    expect: list[Row]
    rows: dict[str, Any] = field(default_factory=dict)
    window: str = "2026-07"
    timezone: str = "UTC"
    favourable: dict[str, Any] = field(default_factory=dict)
    reference: str | None = None
    store: dict[str, str | None] | None = None

    @property
    def when(self) -> Window:
        return parse_window(self.window, now=NOW, timezone=self.timezone)

    def built(self) -> Check:
        return checks()[self.kind].model_validate({"id": "case", "kind": self.kind} | self.check)


def read_cases(kind: str) -> list[Case]:
    """The cases of a kind; an empty list where it has no file."""
    path = CASES / f"{kind}.yaml"
    listed = yaml.load(path.read_text(encoding="utf-8"), _Loader) if path.exists() else []  # noqa: S506 - a safe loader
    return [Case(kind=kind, **item) for item in listed]


@dataclass
class Measured:
    """What came of a case."""

    case: Case
    measurement: Measurement
    findings: list[tuple[Observation, Judgement]]
    engine: Engine


def measured(case: Case) -> Measured:
    """Lays out the rows of a case and runs its check on them."""
    engine = Engine()
    columns = _Layout(engine, case).views()
    favourable = {name: (value,) if isinstance(value, str) else tuple(value) for name, value in case.favourable.items()}
    reference = parse_window(case.reference, now=NOW, timezone=case.timezone) if case.reference else None
    check = case.built()
    where = (f"({check.where})",) if check.where else ()
    with TemporaryDirectory() as folder:
        store = None if case.store is None else _damaged(Path(folder), case.store)
        scope = Scope(case.when, {}, where, favourable, case.timezone, columns, reference, store)
        measurement = check.measure(engine, scope)
    return Measured(case, measurement, [(found, check.verdict(found)) for found in measurement.observations], engine)


def _damaged(folder: Path, damage: dict[str, str | None]) -> Path:
    """A store of four entries that name three files, with some of them lost or changed."""
    store = make_reference(folder).store
    for name, content in damage.items():
        path = min((store / name).rglob("*.parquet")) if name.endswith("/") else store / name
        path.unlink()
        if content is not None:
            path.write_text(content, encoding="utf-8")
    return store


class _Layout:
    """The rows of a case as tables of an engine."""

    def __init__(self, engine: Engine, case: Case) -> None:
        self.engine = engine
        self.start = case.when.start
        self.rows: dict[str, list[Row]] = {}
        for table, listed in case.rows.items():
            for row in _rows(listed):
                self._expand(table, row)

    def views(self) -> dict[str, tuple[str, ...]]:
        """Creates every canonical table, and one for each model that has inputs or attributions; their columns."""
        found = {}
        for table in CANONICAL.values():
            rows = self.rows.get(table.name, [])
            if table.name in PER_MODEL:
                for model in sorted({str(row["model"]) for row in rows}):
                    kept = {name for row in rows for name in row if name != "model" or table.column("model")}
                    own = [{key: row[key] for key in row if key in kept} for row in rows if row["model"] == model]
                    found[f"{table.name}:{model}"] = self._create(f"{table.name}:{model}", table, own)
            else:
                found[table.name] = self._create(table.name, table, rows)
        return found

    def _expand(self, table: str, template: Row) -> None:
        every = template.get("every")
        for repeated in range(int(template.get("repeat", 1))):
            number = len(self.rows.setdefault(table, []))
            row = {name: _numbered(value, repeated) for name, value in template.items()}
            row = {name: value for name, value in row.items() if name not in ("repeat", "every")}
            inline = {name: row.pop(name) for name in list(row) if name in _INLINE and isinstance(row[name], dict)}
            seconds = timedelta(seconds=repeated if _time(table) in row else number)
            later = _duration(every) * repeated if every else seconds
            self._identify(CANONICAL[table], row, number, later)
            self.rows[table].append(row)
            for name, more in inline.items():
                self._expand(_INLINE[name], self._link(table, row) | more)

    def _link(self, table: str, row: Row) -> Row:
        """What ties a side row to its decision or request."""
        uid = row["request_uid"]
        decision = row["decision_id"] if table == "decisions" else f"{uid}#0"
        target = decision if table == "decisions" else uid
        return {"target_id": target, "request_uid": uid, "decision_id": decision, "decision_ts": row[_time(table)]}

    def _identify(self, table: Table, row: Row, number: int, later: timedelta) -> None:
        """Fills in ids, the time and the columns that a table needs."""
        given = row.get(table.time)
        row[table.time] = (self.start if given is None else _moment(given)) + later
        for name, value in _DEFAULTS.get(table.name, {}).items():
            row.setdefault(name, value)
        if table.name in ("requests", "decisions"):
            row.setdefault("request_uid", f"case:{table.name[0]}{number}")
            row.setdefault("request_id", row["request_uid"].removeprefix("case:"))
        if table.name == "decisions":
            row.setdefault("decision_id", f"{row['request_uid']}#{row['item_index']}")
        if table.column("target_id") is not None:
            row.setdefault("target_id", row.get("decision_id") or row.get("request_uid") or "unknown")
        row.setdefault(table.identity, f"{table.name}-{number}")

    def _create(self, name: str, table: Table, rows: list[Row]) -> tuple[str, ...]:
        import pyarrow as pa

        types = {column.name: column.type for column in table.columns}
        unknown = dict.fromkeys(key for row in rows for key in row if key not in types and key not in _LINKS)
        assert table.wide or not unknown, f"{table.name} has no columns {sorted(unknown)}"
        types |= {key: _type_of([row.get(key) for row in rows]) for key in unknown}
        columns = ", ".join(f"{identifier(column)} {kind}" for column, kind in types.items())
        self.engine.execute(f"CREATE TABLE {identifier(name)} ({columns})")
        if rows:
            texts = {key: [_text(row.get(key)) for row in rows] for key in types}
            self.engine.register("case_rows", pa.table({key: pa.array(texts[key], pa.string()) for key in types}))
            cast = ", ".join(f"CAST({identifier(key)} AS {kind}) AS {identifier(key)}" for key, kind in types.items())
            self.engine.execute(f"INSERT INTO {identifier(name)} SELECT {cast} FROM case_rows")
            self.engine.unregister("case_rows")
        return tuple(types)


def _rows(listed: Any) -> list[Row]:
    if isinstance(listed, dict):
        return [dict(zip(listed["columns"], row, strict=True)) for row in listed["rows"]]
    return list(listed)


def _time(table: str) -> str:
    return CANONICAL[table].time


def _numbered(value: Any, number: int) -> Any:
    if isinstance(value, dict):
        return {name: _numbered(item, number) for name, item in value.items()}
    return value.replace("{i}", str(number)) if isinstance(value, str) else value


def _duration(text: str) -> timedelta:
    match = re.fullmatch(r"([\d.]+)([smhd])", text)
    assert match, text
    return timedelta(**{_UNITS[match[2]]: float(match[1])})


def _moment(value: Any) -> datetime:
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _type_of(values: list[Any]) -> str:
    kinds = {type(value) for value in values if value is not None}
    if kinds <= {int}:
        return "BIGINT"
    return "DOUBLE" if kinds <= {int, float} else "VARCHAR"


def number(expected: Any) -> float | None:
    """A figure of a case file: a number, or a fraction as text."""
    return None if expected is None else float(Fraction(str(expected)))


def outcomes(found: Measured) -> list[tuple[Observation, Judgement]]:
    """The findings of a case; where nothing was measured the one that an assessment makes of it."""
    if found.findings:
        return found.findings
    return [(Observation((), "records", None, "records", 0), Judgement(Verdict.NOT_ASSESSED, "nothing measured", {}))]
