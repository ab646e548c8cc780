"""What would have changed an adverse result: changes that a person can make, found by asking the same model again.

It is told only where all of this holds, and else said why it cannot be told:

1. The model decided. A rule, a person, a cache or a fallback decides by what the log does not hold.
2. That version is registered with its file, and its card names actions: what a person can change.
3. The model gives the logged score for the logged inputs, and that score lies on the adverse side of the threshold.
4. No action changes a protected attribute.

Then each candidate is scored by the model itself and counts only strictly on the favourable side of that threshold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from governance.errors import GovernanceError, SourceError
from governance.explained.actions import Step, candidates, steps
from governance.explained.decided import Decided
from governance.explained.replay import registered_model
from governance.explained.thresholds import OTHER_CAUSE, had_other_cause, is_favourable, threshold_of
from governance.models.registered import RegisteredModel

MOST_SHOWN = 3  # chosen here: who is given more ways than this compares them instead of taking one


def changes(decided: Decided, stage: str | None) -> dict[str, Any] | None:
    """The changes that would have led to a favourable result; None, with the reason noted, where it cannot be told.

    Args:
        decided: The decision.
        stage: Who or what decided.

    Returns:
        `tried`, the words for the furthest step of each action; `candidates`, how many combinations were scored;
        `threshold`; and `found`, at most three, each with `changes` (action, text, inputs before and after) and
        `score`. None also where the decision was not adverse.
    """
    if decided.decision.get("favourable") is not False:
        return None
    try:
        return _changes(decided, stage)
    except GovernanceError as error:
        decided.lacks("changes", f"{error.what}; {error.hint}" if error.hint else error.what)
        return None


def _changes(decided: Decided, stage: str | None) -> dict[str, Any]:
    if stage != "model":
        raise SourceError(f"the {stage or 'record'} decided, and the log does not hold by what")
    model = registered_model(decided.snapshot, decided.decision)
    threshold = _threshold(decided, model)
    inputs = _inputs(decided, model)
    own = steps(_actions(decided, model), inputs)
    tried = candidates(own)
    if not tried:
        raise SourceError("the actions of the model's card would change none of the inputs")
    good = [
        (chosen, score)
        for chosen, score in zip(tried, _scores(decided, model, inputs, tried), strict=True)
        if is_favourable(score, threshold, model.facts["adverse"])
    ]
    return {
        "tried": [each[-1].text for each in own],
        "candidates": len(tried),
        "threshold": threshold,
        "found": [_found(chosen, score) for chosen, score in _distinct(good)],
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


def _actions(decided: Decided, model: RegisteredModel) -> Mapping[str, Any]:
    """The actions of the card, without those that would change a protected attribute."""
    actions = model.facts.get("actions") or {}
    if not actions:
        raise SourceError("the model's card does not say what a person can change (`actions`)")
    protected = {name.casefold() for name in decided.subject()}
    for name, action in actions.items():
        barred = [one for one in action["inputs"] if one.casefold() in protected]
        if barred:
            decided.lacks("changes", f"the action '{name}' was left out, for {barred[0]} is a protected attribute")
    return {
        name: action
        for name, action in actions.items()
        if not any(one.casefold() in protected for one in action["inputs"])
    }


def _inputs(decided: Decided, model: RegisteredModel) -> dict[str, Any]:
    """Input of the model -> its value as logged."""
    from governance.attribution import logged_names  # noqa: PLC0415 - brings Arrow, which most answers do not need

    features = decided.features()
    return {name: features[logged] for name, logged in logged_names(model, features).items()}


def _scores(
    decided: Decided, model: RegisteredModel, inputs: Mapping[str, Any], tried: Sequence[Sequence[Step]]
) -> list[float]:
    """The model's score for each candidate; for the inputs as they were it must be the logged one."""
    import pyarrow as pa  # noqa: PLC0415

    from governance import artefacts  # noqa: PLC0415 - and this the processes in which models are loaded
    from governance.explainers import reproduction  # noqa: PLC0415

    logged = decided.decision.get("score")
    if logged is None:
        raise SourceError("no score was logged, so that it is not certain that the registered model decided")
    changed = [{name: after for step in chosen for name, (_, after) in step.changed.items()} for chosen in tried]
    rows = pa.table({name: [value, *(one.get(name, value) for one in changed)] for name, value in inputs.items()})
    digest = str(model.artefact_sha256)
    margins = artefacts.margins(decided.snapshot.blob(digest), rows, sha256=digest)
    link, scale = model.facts["link"], float(model.facts["link_scale"])
    digits, form = decided.decision["score_digits"], model.facts["format"]
    if not reproduction(logged, digits, margins[0], (), link, format=form, link_scale=scale).equal:
        raise SourceError("the registered model does not give the logged score for the logged inputs")
    return [artefacts.score(margin, link, scale) for margin in margins[1:]]


def _distinct(good: Sequence[tuple[tuple[Step, ...], float]]) -> list[tuple[tuple[Step, ...], float]]:
    """Of those that help, in order, the ones that need no more than another already does."""
    kept: list[tuple[tuple[Step, ...], float]] = []
    for chosen, score in good:
        names = {step.action for step in chosen}
        if not any({step.action for step in known} <= names for known, _ in kept):
            kept.append((chosen, score))
    return kept[:MOST_SHOWN]


def _found(chosen: Sequence[Step], score: float) -> dict[str, Any]:
    parts = [
        {
            "action": step.action,
            "text": step.text,
            "inputs": [{"input": name, "from": before, "to": after} for name, (before, after) in step.changed.items()],
        }
        for step in chosen
    ]
    return {"changes": parts, "score": score}
