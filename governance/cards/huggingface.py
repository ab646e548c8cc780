"""The model index in the front matter of a Hugging Face model card: the figures that a card claims."""

from __future__ import annotations

from typing import Any

from governance.cards.parts import Said

KEY = "model-index"


def said(value: dict[str, Any]) -> Said:
    """What a card with a model index says; the index is kept and not used where it is incomplete."""
    try:
        name, figures = _model_index(value[KEY])
    except (KeyError, TypeError, ValueError, IndexError, AttributeError):
        return Said(value, (f"{KEY} has results without a task, data set or figure, so none is used",))
    fields = {key: found for key, found in value.items() if key != KEY}
    named = [item for item in fields.get("metrics") or () if item not in {figure["name"] for figure in figures}]
    return Said({"name": name, **fields, "metrics": [*figures, *named]})


def _model_index(index: Any) -> tuple[str, list[dict[str, Any]]]:
    """Name and figures of a model index, which must be complete (huggingface_hub's card specification)."""
    (model,) = index
    figures = [
        {"name": metric["type"], "value": metric["value"], "dataset": " / ".join(filter(None, parts))}
        for result in model["results"]
        if result["task"]["type"] and result["dataset"]["type"]
        for parts in [(result["dataset"]["name"], *map(result["dataset"].get, ("config", "split")))]
        for metric in result["metrics"]
    ]
    if not all(isinstance(figure["name"], str) and isinstance(figure["value"], int | float) for figure in figures):
        raise ValueError("a figure without a name or a number")
    return str(model["name"]), figures
