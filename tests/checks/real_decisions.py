"""Public decisions about people, with what became of them, as canonical tables of an engine.

COMPAS (justice), Adult (income) and ACS employment (a model in operation); `shared/data/README.md` has their sources.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from governance.checks import Check
from governance.engines.duckdb import Engine, identifier, literal
from governance.extensions import checks
from governance.findings import Judgement, Observation, Window, parse_window
from governance.measurement.scopes import Scope
from governance.tables import CANONICAL

if TYPE_CHECKING:
    import numpy as np

ALWAYS = Window(datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC), "always")
NOW = datetime(2100, 1, 1, tzinfo=UTC)
KNOWN = "TIMESTAMPTZ '2099-01-01'"


def window(name: str) -> Window:
    """The window of that name."""
    return parse_window(name, now=NOW)


@dataclass(frozen=True)
class People:
    """An engine with the views of a store.

    Attributes:
        engine: The engine; its table `people` has one row for each decision.
        columns: View -> its columns.
    """

    engine: Engine
    columns: dict[str, tuple[str, ...]]

    def found(self, kind: str, /, **fields: Any) -> dict[tuple[str | None, ...], tuple[Observation, Judgement]]:
        """What a check finds: values of the subject -> observation and judgement.

        Args:
            kind: Kind of check.
            fields: Its fields, and the window as `within` if not always.
        """
        within: Window = fields.pop("within", ALWAYS)
        check: Check = checks()[kind].model_validate({"id": "real", "kind": kind, **fields})
        where = (f"({check.where})",) if check.where else ()
        measured = check.measure(self.engine, Scope(within, predicates=where, columns=self.columns)).observations
        return {tuple(value for _, value in one.subject): (one, check.verdict(one)) for one in measured}

    def arrays(self, *names: str, where: str = "true") -> list[np.ndarray]:
        """Columns of the people."""
        table = self.engine.arrow(f"SELECT {', '.join(names)} FROM people WHERE {where}")
        return [table.column(place).to_numpy() for place in range(len(names))]


def lay_out(engine: Engine, selected: str, subjects: list[str], outcome: str = "outcome") -> People:
    """Makes the views of a store from one SELECT.

    Args:
        engine: Where.
        selected: One row for each decision: `id`, `positive` and any columns of decisions, `subjects` and `known_ts`.
        subjects: Columns that are protected attributes.
        outcome: Name of the outcome.
    """
    engine.execute(f"CREATE TABLE people AS {selected}")
    given = engine.columns("people")
    own = {
        "decisions": {
            "request_uid": "'t:' || id",
            "request_id": "CAST(id AS VARCHAR)",
            "source": "'t'",
            "item_index": "0",
        },
        "outcomes": {"outcome_id": "id", "target_id": "id", "name": literal(outcome), "known_ts": KNOWN},
        "subjects": {},
    }
    columns = {}
    for table in CANONICAL.values():
        defaults = {
            "decision_ts": "TIMESTAMPTZ '2020-01-01'",
            "is_conflict": "false",
            "decision_id": "'t:' || id || '#0'",
        }
        found = defaults | own.get(table.name, {})
        found |= {name: identifier(name) for name in given if table.column(name) is not None}
        types = {column.name: column.type for column in table.columns}
        listed = [f"CAST({found.get(name, 'NULL')} AS {types[name]}) AS {name}" for name in types]
        listed += [identifier(name) for name in subjects] if table.name == "subjects" else []
        rows = "" if table.name in own else " WHERE false"
        engine.execute(f"CREATE VIEW {table.name} AS SELECT {', '.join(listed)} FROM people{rows}")
        columns[table.name] = tuple(engine.columns(table.name))
    return People(engine, columns)


def compas(engine: Engine, path: Path) -> People:
    """Flagged (Medium or High) is adverse; the outcome is a new offence within two years."""
    return lay_out(
        engine,
        "SELECT CAST(id AS VARCHAR) AS id, two_year_recid = 1 AS positive, "
        "score_text NOT IN ('Medium', 'High') AS favourable, "
        "decile_score AS score, CAST(compas_screening_date AS TIMESTAMPTZ) AS decision_ts, race, sex, age_cat "
        f"FROM read_csv({literal(str(path))})",
        ["race", "sex", "age_cat"],
        "recidivism",
    )


def acs(engine: Engine, path: Path) -> People:
    """A model's prediction of employment in 2015, with its probability; the outcome is employment."""
    return lay_out(
        engine,
        "SELECT CAST(id AS VARCHAR) AS id, CAST(employed AS INTEGER) = 1 AS positive, "
        "CAST(prediction AS INTEGER) = 1 AS favourable, "
        f"predicted_probability AS score, SEX AS sex, RAC1P AS race FROM read_parquet({literal(str(path))})",
        ["sex", "race"],
        "employed",
    )
