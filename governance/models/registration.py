"""Model metadata and artefacts -> registered versions: card, model file and background, each by its digest."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from governance import artefacts
from governance.cards import Action, Card, content_of, parse_card
from governance.errors import GovernanceError, NotFoundError, SourceError, nearest, no_file
from governance.formula import names_in
from governance.models.registered import RegisteredModel, find_model, registered, require_model
from governance.moments import stamp
from governance.proof.ledger import StagedFile
from governance.storage.store import Store
from governance.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_MODEL_BYTES = 1 << 30  # chosen here: gradient-boosted models are tens of megabytes


def register(
    workspace: Workspace,
    card_path: Path,
    *,
    now: datetime,
    artefact: Path | None = None,
    background: Path | None = None,
    name: str | None = None,
    version: str | None = None,
) -> RegisteredModel:
    """Registers one version of a model.

    Args:
        workspace: Where to.
        card_path: Model card (any form of `governance.cards`), or the model file itself with name and version.
        now: When.
        artefact: LightGBM text or XGBoost JSON.
        background: Parquet or CSV with a column for each input: the sample that contributions are measured against.
        name: Name, where the card has none.
        version: Version, where the card has none.

    Raises:
        NotFoundError: A file is missing.
        SourceError: A file is no card or no model, or the background lacks an input.
        GovernanceError: The version is registered already with other content.
    """
    card, card_bytes, model_path = _card(card_path, artefact)
    named = _named(card, name, version, card_path)
    store = Store(workspace.store)
    facts = _card_facts(card, *named, card_path.parent)
    with store.writing(workspace.key, now) as writer:
        staged = [_blob(store, card_bytes, "card", facts, "card_sha256")]
        if model_path is not None:
            staged += _artefact(store, model_path, card, facts)
        if background is not None:
            staged.append(_background(store, background, facts))
        known = _known(store, named, facts, card_path)
        if known is not None:
            return known
        fresh = [file for file in staged if not store.snapshot().blob(file.named.sha256).exists()]
        entry = writer.commit("model", facts, _distinct(fresh), at=stamp(now))
    return registered(entry)


def _named(card: Card, name: str | None, version: str | None, card_path: Path) -> tuple[str, str]:
    """Name and version: as given, else as the card says."""
    own_name, own_version = name or card.name, version or card.version
    if own_name is None or own_version is None:
        missing = "name" if own_name is None else "version"
        raise SourceError(f"the card gives no {missing}", where=str(card_path), hint=f"add it, or pass --{missing}")
    return own_name, own_version


def _known(store: Store, named: tuple[str, str], facts: Mapping[str, Any], card_path: Path) -> RegisteredModel | None:
    """The version as it is registered already; with other content it is refused."""
    known = find_model(store.snapshot(), *named)
    if known is not None and not _same(known.facts, facts):
        raise GovernanceError(
            f"{' '.join(named)} is registered already with other content",
            where=str(card_path),
            hint="a changed model or card is a new version",
        )
    return known


def _distinct(staged: Sequence[StagedFile]) -> list[StagedFile]:
    return list({file.named.path: file for file in staged}.values())


def _same(known: Mapping[str, Any], facts: Mapping[str, Any]) -> bool:
    keys = ("card_sha256", "artefact_sha256", "background_sha256")
    return all(known.get(key) == facts.get(key) for key in keys)


def _card(card_path: Path, artefact: Path | None) -> tuple[Card, bytes, Path | None]:
    """The card, its bytes and the model file; a model file in the card's place is registered with an empty card."""
    if not card_path.exists():
        raise no_file(card_path, "give a model card or a model file")
    if artefact is not None and not artefact.is_file():
        raise NotFoundError("there is no such model file", where=str(artefact))
    if artefact is None and card_path.is_file() and _is_artefact(card_path):
        return Card(), b"{}", card_path
    content = content_of(card_path)
    return parse_card(content, str(card_path)), content, artefact


def _is_artefact(path: Path) -> bool:
    if path.suffix.lower() in (".yaml", ".yml", ".md") or path.name == "MLmodel":
        return False
    try:
        artefacts.recognise(path)
    except SourceError:
        if path.suffix.lower() == ".json":
            return False
        raise
    return True


def _card_facts(card: Card, name: str, version: str, folder: Path) -> dict[str, Any]:
    return {
        "model": name,
        "version": version,
        "owner": card.owner,
        "tier": card.tier,
        "purpose": card.purpose,
        "output": card.output,
        "link": card.link,
        "adverse": card.adverse,
        "favourable_when": card.favourable_when,
        "threshold": None if card.threshold is None else str(card.threshold),
        "valid_from": _day(card.valid_from),
        "next_validation": _day(card.next_validation),
        "approved_by": card.approved.by if card.approved else None,
        "approved_on": _day(card.approved.on) if card.approved else None,
        "approval_status": card.approval_status,
        "groups": {group: list(features) for group, features in card.groups.items()},
        "data_used": list(card.data_used),
        "meanings": dict(card.meanings),
        "reasons": dict(card.reasons),
        "derived": dict(card.derived),
        "actions": {name: _action(action) for name, action in card.actions.items()},
        "notes": [note.removeprefix(f"{folder}/") for note in card.notes],  # no path of this machine in the ledger
    }


def _action(action: Action) -> dict[str, Any]:
    """The action with its numbers as text, as the ledger keeps them."""
    numbers = {"to": [str(value) for value in action.to], "times": [str(value) for value in action.times]}
    return {"inputs": list(action.inputs), "towards": action.towards, **numbers, "text": action.text}


def _day(day: date | None) -> str | None:
    return None if day is None else str(day)


def _blob(store: Store, content: bytes, kind: str, facts: dict[str, Any], key: str) -> StagedFile:
    facts[key] = hashlib.sha256(content).hexdigest()
    return store.stage_blob(content, {"blob": kind})


def _artefact(store: Store, path: Path, card: Card, facts: dict[str, Any]) -> list[StagedFile]:
    if path.stat().st_size > MAX_MODEL_BYTES:
        raise SourceError("the model file is larger than 1 GiB", where=str(path))
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    found = artefacts.inspect(path, digest)
    if card.link is not None and card.link != found.link:
        raise SourceError(
            f"the card says link '{card.link}', the model file says '{found.link}'",
            where=str(path),
            hint="correct the card, or leave `link` out",
        )
    _require_inputs(card, found.feature_names, str(path))
    facts |= {
        "format": found.format,
        "link": found.link,
        "link_scale": str(found.link_scale),
        "objective": found.objective,
        "trees": found.trees,
        "features": list(found.feature_names),
        "categorical": list(found.categorical_features),
    }
    return [_blob(store, content, "model", facts, "artefact_sha256")]


def _require_inputs(card: Card, inputs: Sequence[str], where: str) -> None:
    """Refuses actions and formulas of the card that name what is no input of the model."""
    named = [(f"the action '{name}'", one) for name, action in card.actions.items() for one in action.inputs]
    for name, formula in card.derived.items():
        named += [(f"the formula of '{name}'", one) for one in (name, *sorted(names_in(formula)))]
    for who, one in named:
        if one not in inputs:
            what = f"{who} on the card names '{one}', which is no input of the model"
            raise SourceError(what, where=where, hint=nearest(one, inputs))


def _background(store: Store, path: Path, facts: dict[str, Any]) -> StagedFile:
    import pyarrow as pa  # noqa: PLC0415 - registering alone reads tables here
    import pyarrow.parquet as pq  # noqa: PLC0415
    from pyarrow import csv  # noqa: PLC0415

    if not path.is_file():
        raise NotFoundError("there is no such background sample", where=str(path))
    try:
        table = csv.read_csv(path) if path.name.endswith((".csv", ".csv.gz")) else pq.read_table(path)
    except (pa.ArrowException, OSError) as error:
        raise SourceError("the background is no Parquet or CSV file", where=str(path)) from error
    missing = [name for name in facts.get("features", ()) if name not in table.column_names]
    if missing:
        hint = nearest(missing[0], table.column_names)
        raise SourceError(f"the background lacks the input '{missing[0]}'", where=str(path), hint=hint)
    if table.num_rows == 0:
        raise SourceError("the background has no rows", where=str(path))
    names = facts.get("features") or table.column_names
    buffer = pa.BufferOutputStream()
    pq.write_table(table.select(names), buffer, compression="zstd")
    facts["background_rows"] = table.num_rows
    return _blob(store, buffer.getvalue().to_pybytes(), "background", facts, "background_sha256")


def approve(workspace: Workspace, name: str, version: str, *, by: str, now: datetime) -> RegisteredModel:
    """Says in the ledger that a person approved a version.

    Raises:
        NotFoundError: It is not registered.
    """
    store = Store(workspace.store)
    require_model(store.snapshot(), name, version)
    with store.writing(workspace.key, now) as writer:
        facts = {"model": name, "version": version, "by": by, "on": str(now.astimezone(UTC).date())}
        writer.commit("approval", facts, at=stamp(now))
    return require_model(store.snapshot(), name, version)[0]
