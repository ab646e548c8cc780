"""Contributions that were not stored, computed now by the registered model, and compared with the logged score."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from governance.errors import NotFoundError, SourceError
from governance.models.registered import RegisteredModel, find_model
from governance.storage.store import Snapshot


def attribution_now(snapshot: Snapshot, decision: Mapping[str, Any], features: Mapping[str, Any]) -> dict[str, Any]:
    """The `explanation` of one decision, marked as computed now.

    Args:
        snapshot: The store.
        decision: Its row.
        features: Its inputs by name.

    Raises:
        NotFoundError: Its model is not registered.
        SourceError: The model has no file, or the log lacks an input.
        MissingExtraError: The model's library is not installed.
    """
    return _computed(snapshot, registered_model(snapshot, decision), decision, features)


def registered_model(snapshot: Snapshot, decision: Mapping[str, Any]) -> RegisteredModel:
    """The version that scored a decision, with its file.

    Raises:
        NotFoundError: It is not registered, or the log does not say which it was.
        SourceError: It is registered without its file.
    """
    model, version = decision.get("model"), decision.get("model_version") or ""
    if model is None:
        raise NotFoundError("the log does not say which model scored it")
    registered = find_model(snapshot, model, version)
    if registered is None:
        hint = "`governance model register CARD --artefact FILE` registers it"
        raise NotFoundError(f"model {' '.join(filter(None, (model, version)))} is not registered", hint=hint)
    if registered.artefact_sha256 is None:
        raise SourceError(f"model {model} {version} is registered without its file")
    return registered


def _computed(
    snapshot: Snapshot, registered: RegisteredModel, decision: Mapping[str, Any], features: Mapping[str, Any]
) -> dict[str, Any]:
    import pyarrow as pa  # noqa: PLC0415 - a record whose model is not known needs neither Arrow nor models

    from governance.attribution import best_method, compute, logged_names, score_checks  # noqa: PLC0415

    names = logged_names(registered, features)
    row = pa.table(
        {name: [features[logged]] for name, logged in names.items()}
        | {"score": pa.array([decision["score"]], pa.float64())}
    )
    row = row.append_column("score_digits", pa.array([decision["score_digits"]], pa.int64()))
    found = compute(snapshot, registered, best_method(registered), row)
    error, tolerance = next(score_checks(registered, row, found))
    parts = [
        {"feature": name, "value": features[names[name]], "contribution": found.contributions.column(name)[0].as_py()}
        for name in found.features
    ]
    return {
        "method": found.method,
        "output_space": found.output_space,
        "base_value": found.base_value,
        "output_value": found.output_values[0],
        "additivity_error": found.additivity_errors[0],
        "score_error": error,
        "score_tolerance": tolerance,
        "equals_logged_score": None if tolerance is None else error is not None and error <= tolerance,
        "background_sha256": found.background_sha256,
        "artefact_sha256": registered.artefact_sha256,
        "library": found.library,
        "computed": None,
        "stored": False,
        "contributions": sorted(parts, key=lambda part: -abs(part["contribution"])),
    }
