"""How far the inputs of a model have moved from a reference."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from typing import ClassVar

from governance.checks._drift import Drift, Nothing
from governance.checks._drift_records import Dimension, Samples, Variable, are_whole, numbers
from governance.engines.duckdb import Engine, identifier
from governance.errors import nearest
from governance.measurement.scopes import Scope
from governance.tables import FEATURES

_VIEWS, _BACKGROUNDS = "features:", "background:"


class DriftInput(Drift):
    """Drift of inputs: how far the values that a model is fed have moved from those of a reference.

    What is measured: for each input of each model, and each group in `by` or part of the calendar in `per`, one figure
    that compares its values in the window with those of the reference:

        psi          population stability index: sum of (q - p) ln(q / p) over bins fixed by the reference
        js           Jensen-Shannon distance on the same bins (root of the divergence in bits): 0 none, 1 nothing shared
        ks           largest difference of the two distribution functions, 0 to 1
        wasserstein  mean way that the values have moved, in standard deviations of the reference

    Numbers fall between the deciles of the reference, equal deciles once; each of the 50 most frequent texts is a bin,
    the rarer ones share one, and so do those that the reference does not have; missing values are a bin. A bin that is
    empty on one side counts there as half a record. ks and wasserstein are exact, look at numbers alone, and leave
    missing values out. A constant reference has no standard deviation, so wasserstein cannot say anything of it.

    A figure above `max` fails only if chance alone would not give it: with few records each of these grows although
    nothing has changed. The counts name the floor that chance exceeds in one check of twenty, however many subjects it
    has; a figure above `max` and below that floor is not assessed, with the number of records that could tell. Size
    alone never fails: there is no p-value in it. The interval is about 95 % (psi, js: score interval, less the mean
    noise; ks: bands of Dvoretzky, Kiefer and Wolfowitz; wasserstein: noise of both samples).

    Why it matters: a model is valid for what it was built on. Deployers must see that inputs stay relevant (Regulation
    (EU) 2024/1689, article 26(4)), and drift is often the first sign of a broken feed, months before outcomes show it.

    Example:
        - id: input-drift
          kind: drift-input
          reference: {window: 2026-Q2}
          measure: psi
          max: 0.1
          per: month
          minimum_n: 500
          severity: medium

    Fields:
        reference: `{window: 2026-Q2}` for the records of another window, which must not overlap the checked one;
            `{window: previous}` for the one before it (the quarter, month or day before those, else of equal length);
            `{window: 2026-Q2, as_of: 120}`, or `{as_of: 120}` for all before the checked window, of which only the
            records of files count that had been read when the ledger had 120 entries, so that what is delivered later
            does not move the reference; or `{training: true}` for the background sample that the newest version of the
            model was registered with. A group in `by` is compared with the same group of the window, or with the whole
            sample.
        features: Inputs to look at; all of them unless named.
        measure: The `statistic`: psi, js, ks or wasserstein; psi unless named.
        max: Figure above which the check fails; exactly on it passes. By a common rule of thumb a PSI below 0.1 is
            stable, and one above 0.25 calls for action.
        minimum_n: Records that both sides must have.

    An input that no record of the reference has is new, and not assessed; one that has vanished from the records fails
    by psi and js, because their missing values moved.

    A failure can mean: another population, season or channel; a feed that broke, or changed its unit or its codes; a
    step before the model that was released again; or a reference that is no longer the right one.
    """

    needs: ClassVar[tuple[str, ...]] = ("features.*",)

    features: tuple[str, ...] | None = None

    def samples(self, engine: Engine, scope: Scope) -> Iterator[Samples | Nothing]:
        globs = scope.filters.get("model", ())
        models = [name.removeprefix(_VIEWS) for name in scope.columns if name.startswith(_VIEWS)]
        chosen = [model for model in models if not globs or any(fnmatchcase(model, glob) for glob in globs)]
        for model in chosen:
            about = (("model", model),) if len(chosen) > 1 and "model" not in self.dimensions else ()
            if self.reference.training and f"{_BACKGROUNDS}{model}" not in scope.columns:
                yield Nothing(about, f"model {model} is registered without a background sample, or not at all")
            else:
                yield from self._of_model(engine, scope, model, about)

    def shown(self, engine: Engine, ids: Sequence[str]) -> tuple[str, ...]:
        """The requests of decisions, as logged; looked up apart, so that inputs need no join."""
        rows = engine.rows(
            "SELECT coalesce(request_id, decision_id) FROM decisions WHERE list_contains($ids, decision_id) ORDER BY 1",
            {"ids": list(ids)},
        )
        return tuple(str(row[0]) for row in rows)

    def _of_model(
        self, engine: Engine, scope: Scope, model: str, about: tuple[tuple[str, str], ...]
    ) -> Iterator[Samples | Nothing]:
        view = f"{_VIEWS}{model}"
        kinds = engine.columns(identifier(view))
        inputs = [name for name in kinds if FEATURES.column(name) is None]
        for name in self.features or ():
            if name not in inputs:
                hint = nearest(name, inputs)
                reason = f"no record of {model} has an input of that name" + (f"; {hint}" if hint else "")
                yield Nothing((("feature", name), *about), reason)
        named = [name for name in self.features or inputs if name in inputs]
        if not named:
            return
        background = engine.columns(identifier(f"{_BACKGROUNDS}{model}")) if self.reference.training else None
        is_joined = bool(self.dimensions or scope.predicates or _filters(scope))
        yield Samples(
            "feature",
            [_variable(name, kinds[name], background) for name in named],
            self._records(scope, view, is_joined=is_joined),
            f"{identifier(f'{_BACKGROUNDS}{model}')} f"
            if background is not None
            else self._records(scope, view, is_joined=is_joined, reference=True),
            [(*axis, *([self.per] if self.per else [])) for axis in self.axes],
            {one.name: one for one in self._dimensions(scope)},
            "f.decision_id",
            about,
        )

    def _dimensions(self, scope: Scope) -> Iterator[Dimension]:
        for name in self.dimensions:
            own = scope.dimension(name, "decisions")
            yield Dimension(name, own, None if self.reference.training else own)
        if self.per:
            yield Dimension(self.per, scope.calendar(self.per, "f.decision_ts"), None)

    def _records(self, scope: Scope, view: str, *, is_joined: bool, reference: bool = False) -> str:
        """FROM clause of the inputs as `f`; with their decisions as `d` where the check looks at these too."""
        if not is_joined:
            during = scope.during("decision_ts", reference=reference)
            return f"(SELECT * FROM {identifier(view)} WHERE {during}) f"
        attributes = any(scope.dimension(name, "decisions").startswith("s.") for name in self.dimensions)
        joined = " LEFT JOIN subjects s ON s.decision_id = d.decision_id" if attributes else ""
        decided = scope.decisions(reference=reference)
        return f"{decided} d JOIN {identifier(view)} f ON f.decision_id = d.decision_id{joined}"


def _filters(scope: Scope) -> list[str]:
    """Filters of the policy beside the model, which only decisions carry."""
    return [name for name, globs in scope.filters.items() if globs and name != "model"]


def _variable(name: str, kind: str, background: dict[str, str] | None) -> Variable:
    """An input, as doubles where both sides have it as a number."""
    column = f"f.{identifier(name)}"
    other_kind = kind if background is None else background.get(name, kind)
    own, other = numbers(column, kind), numbers(column, other_kind)
    is_numeric = own is not None and other is not None
    texts = f"CAST({column} AS VARCHAR)"
    reference = (other or texts) if is_numeric else texts
    if background is not None and name not in background:
        reference = f"CAST(NULL AS {'DOUBLE' if is_numeric else 'VARCHAR'})"
    return Variable(
        name, (own or texts) if is_numeric else texts, reference, is_numeric, is_numeric and are_whole(kind)
    )
