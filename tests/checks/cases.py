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

The rows are those of `governance.policies.cases`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

from governance.checks import Check, Measurement
from governance.engines.duckdb import Engine
from governance.extensions import checks
from governance.findings import Judgement, Observation, Verdict, Window, parse_window
from governance.measurement.scopes import Scope
from governance.policies.cases import Row, lay_out
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
    columns = lay_out(engine, case.rows, case.when.start)
    favourable = {name: (value,) if isinstance(value, str) else tuple(value) for name, value in case.favourable.items()}
    reference = parse_window(case.reference, now=NOW, timezone=case.timezone) if case.reference else None
    check = case.built()
    where = (f"({check.where})",) if check.where else ()
    with TemporaryDirectory() as folder:
        store = None if case.store is None else _damaged(Path(folder), case.store)
        scope = Scope(case.when, {}, where, favourable, case.timezone, columns, reference=reference, store=store)
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


def number(expected: Any) -> float | None:
    """A figure of a case file: a number, or a fraction as text."""
    return None if expected is None else float(Fraction(str(expected)))


def outcomes(found: Measured) -> list[tuple[Observation, Judgement]]:
    """The findings of a case; where nothing was measured the one that an assessment makes of it."""
    if found.findings:
        return found.findings
    return [(Observation((), "records", None, "records", 0), Judgement(Verdict.NOT_ASSESSED, "nothing measured", {}))]
