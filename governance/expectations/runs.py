"""Great Expectations, run by push-down on the engine's own connection, with the SQL that repeats each figure.

The steps of a run:

1. The library plans each expectation: which metrics it needs. What cannot be planned is an error of that one alone.
2. All metrics are computed together, so that those over the same rows share a statement.
3. The library judges each expectation by its metrics.
4. The figure is taken from the metrics where it is one of them, else from a statement of its own.
5. Where rows are not as expected, one more statement fetches a few of them.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from governance.engines.duckdb import identifier
from governance.expectations.batches import Batch, load_library, quiet
from governance.expectations.figures import (
    ABOUT_COLUMNS,
    ROWS,
    WHOLE,
    Figure,
    figure_of,
    in_zone_of,
    moment,
    over,
    unexpected_share,
)
from governance.expectations.suites import ARGUMENTS, columns_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from governance.engines.duckdb import Engine
    from governance.expectations.suites import Expectation

SHOWN = 20  # unexpected values shown, as Great Expectations does
SAMPLES = 10
_LONGEST = 300  # characters of a value or message that are kept
_TOTAL = "table.row_count"
_MISSING = "column_values.nonnull.unexpected_count"
_UNITS = {"table.row_count": "rows", "column.distinct_values.count": "values"}  # else that of the column
_ABOUT_MISSING = ("column_values.nonnull", "column_values.null")


@dataclass(frozen=True, slots=True)
class ExpectationOutcome:
    """What one expectation gave.

    Attributes:
        expectation: Which.
        success: As Great Expectations judges it; None where it could not be run.
        figure: Name, unit and statement of the figure; None where it could not be run.
        value: The figure; None where it is no number (the greatest text) or there is nothing to compute it from.
        n: Rows under the figure: those with a value in the column, or all where missing values are meant.
        elements: All rows looked at.
        unexpected: Rows that are not as expected; None where the expectation is not about single rows.
        observed: What was observed, as JSON text, where the expectation is not about single rows.
        shown: Unexpected values, at most 20, as text.
        samples: Ids of unexpected rows, at most 10.
        error: Why it could not be run.
    """

    expectation: Expectation
    success: bool | None = None
    figure: Figure | None = None
    value: float | None = None
    n: int = 0
    elements: int = 0
    unexpected: int | None = None
    observed: str | None = None
    shown: tuple[str, ...] = ()
    samples: tuple[str, ...] = ()
    error: str | None = None


def evaluate(
    engine: Engine, relation: str, expectations: Sequence[Expectation], *, id_columns: Sequence[str] = ()
) -> list[ExpectationOutcome]:
    """What each expectation gives on the rows of a relation, in the order of the suite.

    Args:
        engine: Sees what the relation reads; a temporary view is made in it and dropped again.
        relation: One SELECT without open parameters.
        expectations: As `expectation_suites.read_suite` gives them.
        id_columns: Columns of the relation that name the unexpected rows; the first one that has a value does.

    Raises:
        MissingExtraError: Great Expectations or duckdb-engine is not installed.
        EngineError: The relation cannot be read.
    """
    library = load_library()
    engine.execute(f"CREATE OR REPLACE TEMP VIEW {ROWS} AS {relation}")
    try:
        with quiet():
            batch = Batch(engine, library)
            outcomes = _Run(engine, batch, id_columns).outcomes(expectations)
            batch.close()
    finally:
        engine.execute(f"DROP VIEW IF EXISTS {ROWS}")
    return [
        replace(one, figure=one.figure._replace(sql=over(relation, one.figure.sql))) if one.figure else one
        for one in outcomes
    ]


class _Plan(NamedTuple):
    """An expectation, the library's object that judges it, and the metrics that this needs."""

    expectation: Expectation
    judge: Any
    edges: Sequence[Any]
    ids: Mapping[str, Any]  # by name
    domain: Mapping[str, Any]

    @property
    def by_row(self) -> str | None:
        """Name of the metric that says of each row whether it is as expected, or None."""
        name = getattr(self.judge, "map_metric", None)
        return name if f"{name}.unexpected_count" in self.ids else None


class _Run:
    """One suite on one batch."""

    def __init__(self, engine: Engine, batch: Batch, id_columns: Sequence[str]) -> None:
        self._engine = engine
        self._batch = batch
        self._library = batch.library
        self._id_columns = [name for name in id_columns if name in batch.types]

    def outcomes(self, expectations: Sequence[Expectation]) -> list[ExpectationOutcome]:
        plans = [self._plan(expectation) for expectation in expectations]
        edges = {edge.id: edge for plan in plans if isinstance(plan, _Plan) for edge in plan.edges}
        metrics, aborted = self._metrics(list(edges.values()))
        return [self._outcome(plan, metrics, aborted) if isinstance(plan, _Plan) else plan for plan in plans]

    def _plan(self, expectation: Expectation) -> _Plan | ExpectationOutcome:
        column_type = self._batch.types.get(str(expectation.kwargs.get("column")), "")
        kwargs = {name: in_zone_of(value, column_type) for name, value in expectation.kwargs.items()}
        try:
            asked = self._library.configuration(type=expectation.type, kwargs={**kwargs, "batch_id": ROWS})
            judge = asked.to_domain_obj()
            needed = judge.get_validation_dependencies(self._batch.runner, _settings(expectation)).metric_configurations
            about_values = "column" in kwargs and expectation.type not in ABOUT_COLUMNS
            for name in (_TOTAL, _MISSING) if about_values else (_TOTAL,):
                needed.setdefault(name, self._metric(name, judge))
            graph = self._library.graph(execution_engine=self._batch.runner)
            for metric in needed.values():
                graph.build_metric_dependency_graph(metric, _settings(expectation))
        except Exception as error:  # noqa: BLE001  (the library raises what it likes; the other expectations go on)
            return ExpectationOutcome(expectation, error=_sentence(str(error)))
        ids = {metric.metric_name: metric.id for edge in graph.edges for metric in (edge.left, edge.right) if metric}
        ids |= {name: metric.id for name, metric in needed.items()}
        return _Plan(expectation, judge, graph.edges, ids, needed[_TOTAL].metric_domain_kwargs)

    def _metric(self, name: str, judge: Any) -> Any:
        kwargs = self._library.metric_kwargs(name, configuration=judge.configuration)
        return self._library.metric(name, kwargs["metric_domain_kwargs"], kwargs["metric_value_kwargs"])

    def _metrics(self, edges: list[Any]) -> tuple[dict[Any, Any], dict[Any, Any]]:
        graph = self._library.graph(execution_engine=self._batch.runner, edges=edges)
        found: tuple[dict[Any, Any], dict[Any, Any]] = graph.resolve(
            {"catch_exceptions": True}, show_progress_bars=False
        )
        return found

    def _outcome(self, plan: _Plan, metrics: dict[Any, Any], aborted: dict[Any, Any]) -> ExpectationOutcome:
        needed = {metric.id for edge in plan.edges for metric in (edge.left, edge.right) if metric}
        reasons = [info["exception_info"].exception_message for identity, info in aborted.items() if identity in needed]
        if reasons:
            return ExpectationOutcome(plan.expectation, error=_sentence(reasons[0]))
        try:
            judged = plan.judge.metrics_validate(metrics, _settings(plan.expectation), self._batch.runner)
            outcome = ExpectationOutcome(
                plan.expectation, bool(judged.success), elements=int(metrics[plan.ids[_TOTAL]])
            )
            if plan.by_row:
                return self._by_row(plan, metrics, outcome)
            return self._as_a_whole(plan, metrics, outcome, judged.result.get("observed_value"))
        except Exception as error:  # noqa: BLE001  (as above)
            return ExpectationOutcome(plan.expectation, error=_sentence(str(error)))

    def _by_row(self, plan: _Plan, metrics: dict[Any, Any], outcome: ExpectationOutcome) -> ExpectationOutcome:
        name = plan.by_row
        condition, compute, accessor = metrics[plan.ids[f"{name}.condition"]]
        unexpected = int(metrics[plan.ids[f"{name}.unexpected_count"]] or 0)
        domain = {**compute, **accessor}
        rows = self._batch.source(domain)
        if f"{name}.filtered_row_count" in plan.ids:
            n, considered = int(metrics[plan.ids[f"{name}.filtered_row_count"]] or 0), f"SELECT count(*) FROM {rows}"
        elif name in _ABOUT_MISSING:
            n, considered = outcome.elements, f"SELECT count(*) FROM {rows}"
        else:
            n = outcome.elements - int(metrics[plan.ids[_MISSING]] or 0)
            considered = f"SELECT count({identifier(accessor['column'])}) FROM {rows}"
        counting = self._batch.where(self._library.sqlalchemy.func.count(), condition=condition, domain=domain)
        figure = unexpected_share(self._batch.text(counting), considered)
        outcome = replace(outcome, figure=figure, n=n, value=unexpected / n if n else None, unexpected=unexpected)
        return self._with_rows(plan, outcome, condition, domain) if unexpected else outcome

    def _as_a_whole(
        self, plan: _Plan, metrics: dict[Any, Any], outcome: ExpectationOutcome, observed: object
    ) -> ExpectationOutcome:
        kind, kwargs = plan.expectation.type, plan.expectation.kwargs
        column = str(kwargs.get("column", ""))
        rows = self._batch.source(plan.domain)
        n = outcome.elements - int(metrics[plan.ids[_MISSING]] or 0) if _MISSING in plan.ids else outcome.elements
        figure = figure_of(kind, kwargs, rows)
        if self._batch.types.get(column, "").startswith(("TIMESTAMP", "DATE")):
            figure = moment(kind, column, rows) or figure
        if figure:
            found = self._engine.value(figure.sql)
        else:
            name = plan.judge.metric_dependencies[0]
            expression, compute, _ = metrics[plan.ids[f"{name}.aggregate_fn"]]
            found = metrics[plan.ids[name]]
            select = self._library.sqlalchemy.select(expression.label("value"))
            sql = self._batch.text(select.select_from(self._batch.records(compute)))
            figure = Figure(name.split(".", 1)[1].replace(".", "_"), _UNITS.get(name, ""), sql)
        text = _sentence(json.dumps(observed, default=str)) if observed is not None else None
        value = _number(found)
        known = figure if value is not None or found is None else None  # a text or a list is no figure
        return replace(outcome, figure=known, value=value, n=n, observed=text)

    def _with_rows(
        self, plan: _Plan, outcome: ExpectationOutcome, condition: object, domain: Mapping[str, Any]
    ) -> ExpectationOutcome:
        select, column = self._library.sqlalchemy.select, self._library.sqlalchemy.column
        columns = [column(name) for name in columns_of(plan.expectation.kwargs)]
        ids = [self._library.sqlalchemy.func.coalesce(*map(column, self._id_columns))] if self._id_columns else []
        own = self._batch.own_rows(condition)
        if own is not None and any(name not in own.c for name in self._id_columns):
            # the library finds repeated values in a subquery of that column alone, which has no ids
            repeated = self._batch.where(*columns, condition=condition, domain=domain)
            found = select(*ids, *columns).select_from(self._batch.records(domain)).where(columns[0].in_(repeated))
        else:
            found = self._batch.where(*ids, *columns, condition=condition, domain=domain)
        rows = self._batch.rows(found.order_by(*ids).limit(SHOWN))
        shown = (", ".join(str(value) for value in row[len(ids) :])[:_LONGEST] for row in rows)
        return replace(outcome, shown=tuple(shown), samples=tuple(str(row[0]) for row in rows[:SAMPLES] if ids))


def _settings(expectation: Expectation) -> dict[str, Any]:
    """How the library is to judge: no values where the expectation is about rows, as step 5 fetches them."""
    by_row = "mostly" in ARGUMENTS[expectation.type] and expectation.type not in WHOLE
    return {"catch_exceptions": True, "result_format": {"result_format": "BOOLEAN_ONLY" if by_row else "BASIC"}}


def _number(value: object) -> float | None:
    if isinstance(value, (int, float, Decimal)) and math.isfinite(value):
        return float(value)
    return None


def _sentence(text: str) -> str:
    """The first part of a message on one line: what follows repeats the statement."""
    return " ".join(text.split("\n[SQL:", maxsplit=1)[0].split())[:_LONGEST]
