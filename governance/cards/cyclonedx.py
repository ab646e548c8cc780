"""CycloneDX bills of materials (1.5 to 1.7): the one machine-learning model in them, with its model card."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from governance.cards.parts import Said, figures, inside, items, joined, only, texts

KEY = "bomFormat"
VERSIONS = ("1.5", "1.6", "1.7")
MODEL = "machine-learning-model"
_OWN = ("name", "version", "licenses")


def said(value: dict[str, Any]) -> Said:
    """What a bill of materials says about its model.

    A supplier or publisher made the model and need not answer for it here, so `owner` is not said. Fields are those
    of the published schema (https://cyclonedx.org/docs/1.7/json/).

    Raises:
        ValueError: There is no model in it, or more than one.
    """
    components = list(_components(value))
    models = [found for found in components if found.get("type") == MODEL]
    if len(models) != 1:
        raise ValueError(f"this bill of materials has {len(models)} components of type {MODEL}, not one")
    model = models[0]
    card = inside(model, "modelCard")
    metrics, notes = figures(items(inside(card, "quantitativeAnalysis", "performanceMetrics")))
    if value.get("specVersion") not in VERSIONS:
        notes = (*notes, f"the specification {value.get('specVersion')} is not one of {', '.join(VERSIONS)}")
    fields = only(
        name=inside(model, "name"),
        version=inside(model, "version"),
        purpose=joined(texts(inside(card, "considerations", "useCases")), "; "),
        training_data=_datasets(card, components),
        limitations=texts(inside(card, "considerations", "technicalLimitations")),
        licence=joined(_licences(model), ", "),
        metrics=metrics,
    )
    about: dict[str, Any] = {key: value[key] for key in ("bomFormat", "specVersion", "serialNumber") if key in value}
    rest = {key: found for key, found in model.items() if key not in _OWN}
    return Said({**about, "component": rest, **fields}, notes)


def _components(value: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every component, those inside others and the one that the bill is about among them."""
    about = inside(value, "metadata", "component")
    waiting = [*([about] if about else []), *items(value.get("components"))]
    while waiting:
        component = waiting.pop(0)
        if isinstance(component, dict):
            yield component
            waiting += items(component.get("components"))


def _datasets(card: Any, components: list[dict[str, Any]]) -> list[str]:
    """Names of the data sets; a reference is looked up among the components."""
    names = {str(found["bom-ref"]): found.get("name") for found in components if "bom-ref" in found}
    found = []
    for item in items(inside(card, "modelParameters", "datasets")):
        reference = inside(item, "ref")
        name = inside(item, "name") or names.get(str(reference)) or reference
        if isinstance(name, str):
            found.append(name)
    return found


def _licences(model: dict[str, Any]) -> list[str]:
    found = []
    for item in items(model.get("licenses")):
        name = inside(item, "expression") or inside(item, "license", "id") or inside(item, "license", "name")
        if isinstance(name, str):
            found.append(name)
    return found
