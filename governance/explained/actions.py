"""What the person concerned could have done otherwise: the actions of the model's card, as changes of the inputs.

Only inputs that an action names are ever changed, and only in its direction: what nobody can change (age, the past,
what others decide) stays as it was because no action names it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, product
from typing import Any, NamedTuple

from governance.display import number

MOST_TOGETHER = 3  # chosen here: more changes at once are no advice


class Step(NamedTuple):
    """One action at one of its steps.

    Attributes:
        action: Its name on the card.
        text: What would have been so, in words.
        place: Which of the action's steps, from 0; the nearest comes first.
        changed: Input of the model -> value before, and value tried.
    """

    action: str
    text: str
    place: int
    changed: Mapping[str, tuple[float, float]]


def steps(actions: Mapping[str, Mapping[str, Any]], inputs: Mapping[str, Any]) -> list[list[Step]]:
    """The steps of each action that change anything for this person; an action without one is left out.

    Args:
        actions: As the ledger has them from the card.
        inputs: Input of the model -> its value as logged.
    """
    found = [list(_steps(name, action, inputs)) for name, action in sorted(actions.items())]
    return [own for own in found if own]


def _steps(name: str, action: Mapping[str, Any], inputs: Mapping[str, Any]) -> Iterator[Step]:
    for place, written in enumerate(action["to"] or action["times"]):
        changed = {}
        for one in action["inputs"]:
            before = inputs.get(one)
            if isinstance(before, bool) or not isinstance(before, int | float):
                continue  # no number was logged, so that nobody knows which way a number would lie
            after = float(written) if action["to"] else float(before) * float(written)
            if (after < before) if action["towards"] == "down" else (after > before):
                changed[one] = (before, after)
        if changed:
            yield Step(name, _text(action["text"], changed), place, changed)


def _text(text: str, changed: Mapping[str, tuple[float, float]]) -> str:
    """The card's words, with the value that was tried."""
    (before, after), *_ = changed.values()
    return text.replace("{value}", number(after)).replace("{before}", number(before))


def candidates(own: Sequence[Sequence[Step]]) -> list[tuple[Step, ...]]:
    """Up to three actions together, none of which touch the same input: fewest first, then the nearest steps.

    Args:
        own: The steps of each action.
    """
    together = [
        chosen
        for count in range(1, MOST_TOGETHER + 1)
        for several in combinations(own, count)
        for chosen in product(*several)
        if not _overlap(chosen)
    ]
    together.sort(key=lambda chosen: (len(chosen), sum(step.place for step in chosen)))  # stable: then by name
    return together


def _overlap(chosen: Sequence[Step]) -> bool:
    return len({name for step in chosen for name in step.changed}) < sum(len(step.changed) for step in chosen)
