"""What would have changed an adverse result: changes that a person can make, found by asking the same model again.

It is told only where all of this holds, and else said why it cannot be told:

1. The model decided. A rule, a person, a cache or a fallback decides by what the log does not hold.
2. That version is registered with its file, and its card names actions: what a person can change.
3. Inputs that follow from others are what the card's formulas give, and change with what they follow from.
4. The model gives the logged score for the logged inputs, and that score lies on the adverse side of the threshold.
5. No action changes a protected attribute.

Then each candidate is scored by the model itself and counts only strictly on the favourable side of that threshold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from governance.errors import GovernanceError, SourceError
from governance.explained.actions import Step, candidates, steps
from governance.explained.decided import Decided
from governance.explained.derived import followed, require_formulas
from governance.explained.replay import registered_model
from governance.explained.thresholds import OTHER_CAUSE, had_other_cause, is_favourable, threshold_of
from governance.formula import names_in
from governance.models.registered import RegisteredModel

MOST_SHOWN = 3  # chosen here: who is given more ways than this compares them instead of taking one


def changes(decided: Decided, stage: str | None) -> dict[str, Any] | None:
    """The changes that would have led to a favourable result; None, with the reason noted, where it cannot be told.

    Args:
        decided: The decision.
        stage: Who or what decided.

    Returns:
        `tried`, the words for the furthest step of each action; `candidates`, how many combinations were scored;
        `threshold`; and `found`, at most three, each with `changes` (action, text, inputs before and after),
        `derived` (the inputs that follow) and `score`. None also where the decision was not adverse.
    """
    if decided.decision.get("favourable") is not False:
        return None
    try:
        return _changes(decided, stage)
    except GovernanceError as error:
        decided.lacks("changes", f"{error.what}; {error.hint}" if error.hint else error.what)
        return None


class _Candidate(NamedTuple):
    """Some steps together, and the inputs that they and the formulas change."""

    steps: tuple[Step, ...]
    after: Mapping[str, float]


def _changes(decided: Decided, stage: str | None) -> dict[str, Any]:
    if stage != "model":
        raise SourceError(f"the {stage or 'record'} decided, and the log does not hold by what")
    model = registered_model(decided.snapshot, decided.decision)
    threshold = _threshold(decided, model)
    inputs = _inputs(decided, model)
    derived = model.facts.get("derived") or {}
    require_formulas(derived, inputs)
    own = steps(_actions(decided, model, derived), inputs)
    tried = _candidates(own, derived, inputs)
    if not tried:
        raise SourceError("the actions of the model's card would change none of the inputs")
    scores = _scores(decided, model, inputs, [one.after for one in tried])
    good = [
        (one, score)
        for one, score in zip(tried, scores, strict=True)
        if is_favourable(score, threshold, model.facts["adverse"])
    ]
    return {
        "tried": [each[-1].text for each in own],
        "candidates": len(tried),
        "threshold": threshold,
        "found": [_found(one, score, inputs) for one, score in _distinct(good)],
    }


def _threshold(decided: Decided, model: RegisteredModel) -> float:
    found = threshold_of(decided.decision, model.facts)
    if found is None:
        raise SourceError("neither the log nor the model's card says the threshold")
    if model.facts.get("adverse") not in ("up", "down"):
        raise SourceError("the model's card does not say which way is adverse (`adverse: up|down`)")
    if had_other_cause(decided.decision, model.facts):
        raise SourceError(OTHER_CAUSE)
    return found


def _candidates(
    own: Sequence[Sequence[Step]], derived: Mapping[str, str], inputs: Mapping[str, Any]
) -> list[_Candidate]:
    """The combinations of steps of which every derived input can be computed."""
    found = []
    for chosen in candidates(own):
        changed = {name: after for step in chosen for name, (_, after) in step.changed.items()}
        after = followed(derived, inputs, changed)
        if after is not None:
            found.append(_Candidate(chosen, after))
    return found


def _actions(decided: Decided, model: RegisteredModel, derived: Mapping[str, str]) -> Mapping[str, Any]:
    """The actions of the card, without those that would change a protected attribute."""
    actions = model.facts.get("actions") or {}
    if not actions:
        raise SourceError("the model's card does not say what a person can change (`actions`)")
    protected = {name.casefold() for name in decided.subject()}
    allowed = {}
    for name, action in actions.items():
        touched = [*action["inputs"], *(one for one in derived if names_in(derived[one]) & set(action["inputs"]))]
        barred = [one for one in touched if one.casefold() in protected]
        if barred:
            decided.lacks("changes", f"the action '{name}' was left out, for {barred[0]} is a protected attribute")
        else:
            allowed[name] = action
    return allowed


def _inputs(decided: Decided, model: RegisteredModel) -> dict[str, Any]:
    """Input of the model -> its value as logged."""
    from governance.attribution import logged_names  # noqa: PLC0415 - brings Arrow, which most answers do not need

    features = decided.features()
    return {name: features[logged] for name, logged in logged_names(model, features).items()}


def _scores(
    decided: Decided, model: RegisteredModel, inputs: Mapping[str, Any], changed: Sequence[Mapping[str, float]]
) -> list[float]:
    """The model's score for each candidate; for the inputs as they were it must be the logged one."""
    import pyarrow as pa  # noqa: PLC0415

    from governance import artefacts  # noqa: PLC0415 - and this the processes in which models are loaded
    from governance.explainers import reproduction  # noqa: PLC0415

    logged = decided.decision.get("score")
    if logged is None:
        raise SourceError("no score was logged, so that it is not certain that the registered model decided")
    rows = pa.table({name: [value, *(one.get(name, value) for one in changed)] for name, value in inputs.items()})
    digest = str(model.artefact_sha256)
    margins = artefacts.margins(decided.snapshot.blob(digest), rows, sha256=digest)
    link, scale = model.facts["link"], float(model.facts["link_scale"])
    digits, form = decided.decision["score_digits"], model.facts["format"]
    if not reproduction(logged, digits, margins[0], (), link, format=form, link_scale=scale).equal:
        raise SourceError("the registered model does not give the logged score for the logged inputs")
    return [artefacts.score(margin, link, scale) for margin in margins[1:]]


def _distinct(good: Sequence[tuple[_Candidate, float]]) -> list[tuple[_Candidate, float]]:
    """Of those that help, in order, the ones that need no more than another already does."""
    kept: list[tuple[_Candidate, float]] = []
    for one, score in good:
        names = {step.action for step in one.steps}
        if not any({step.action for step in known.steps} <= names for known, _ in kept):
            kept.append((one, score))
    return kept[:MOST_SHOWN]


def _found(one: _Candidate, score: float, inputs: Mapping[str, Any]) -> dict[str, Any]:
    parts = [
        {
            "action": step.action,
            "text": step.text,
            "inputs": [{"input": name, "from": before, "to": after} for name, (before, after) in step.changed.items()],
        }
        for step in one.steps
    ]
    own = {name for step in one.steps for name in step.changed}
    followed_too = [
        {"input": name, "from": inputs[name], "to": after} for name, after in one.after.items() if name not in own
    ]
    return {"changes": parts, "derived": followed_too, "score": score}
