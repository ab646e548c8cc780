"""Inputs that follow from others by the formulas of the model's card: they change with what they follow from."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from governance.errors import SourceError
from governance.formula import names_in, value_of

ROUNDING = 1e-3  # chosen here, relative: what logs round away; a formula that differs by more is another one


def require_formulas(derived: Mapping[str, str], inputs: Mapping[str, Any]) -> None:
    """Compares what each formula gives with the logged input.

    Args:
        derived: Input -> formula, as on the card.
        inputs: Input of the model -> its value as logged.

    Raises:
        SourceError: One differs, so that nobody knows what it would have been.
    """
    for name, formula in derived.items():
        found, logged = value_of(formula, _numbers(inputs)), inputs.get(name)
        same = found is None if logged is None else found is not None and math.isclose(found, logged, rel_tol=ROUNDING)
        if not same:
            raise SourceError(f"the input '{name}' is not what the card's formula gives ({formula})")


def followed(
    derived: Mapping[str, str], inputs: Mapping[str, Any], changed: Mapping[str, float]
) -> dict[str, float] | None:
    """What was changed, and the derived inputs that follow from it; None where one of these cannot be computed."""
    after = _numbers({**inputs, **changed})
    touched = [name for name, formula in derived.items() if names_in(formula) & changed.keys()]
    values = {name: value_of(derived[name], after) for name in touched}
    known = {name: value for name, value in values.items() if value is not None}
    return {**changed, **known} if len(known) == len(values) else None


def _numbers(inputs: Mapping[str, Any]) -> dict[str, float | None]:
    """The values that are numbers; every other is one that a formula cannot use."""
    return {
        name: value if isinstance(value, int | float) and not isinstance(value, bool) else None
        for name, value in inputs.items()
    }
