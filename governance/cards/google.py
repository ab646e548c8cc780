"""Google's Model Card Toolkit, JSON schema 0.0.2: cards of an archived tool that are still about."""

from __future__ import annotations

from typing import Any

from governance.cards.parts import Said, figures, inside, items, joined, only, texts

KEY = "model_details"


def said(value: dict[str, Any]) -> Said:
    """What a card says. Its date is that of the version, not the first day in use, so it is kept and not used.

    Fields are those of `model_card_toolkit/schema/v0.0.2/model_card.schema.json`; earlier cards hold plain texts
    where this one has objects with a `description`.
    """
    details, notes_of = value.get("model_details"), inside(value, "considerations")
    metrics, notes = figures(items(inside(value, "quantitative_analysis", "performance_metrics")))
    fields = only(
        name=inside(details, "name"),
        version=inside(details, "version", "name"),
        owner=joined(texts(inside(details, "owners"), "name"), ", "),
        purpose=joined(texts(inside(notes_of, "use_cases"), "description"), "; "),
        training_data=texts(inside(value, "model_parameters", "data"), "name"),
        limitations=texts(inside(notes_of, "limitations"), "description"),
        licence=joined(texts(inside(details, "licenses"), "identifier", "custom_text"), ", "),
        metrics=metrics,
    )
    return Said(value | fields, notes)
