"""SageMaker model packages, as `describe-model-package` gives them; made from the published field list."""

from __future__ import annotations

import json
from typing import Any

from governance.cards.parts import Said, inside, only

KEY = "ModelPackageArn"


def said(value: dict[str, Any]) -> Said:
    """What a model package says.

    The package holds who changed it last, not who approved it, so an approval is told as a status and a note, never
    as a name and a day. Owner, purpose and risk come from the model card inside it, where there is one (JSON in text).

    Source: DescribeModelPackage in the SageMaker API reference; the model card JSON schema in its developer guide.
    """
    card, notes = _card(inside(value, "ModelCard", "ModelCardContent"))
    status = inside(value, "ModelApprovalStatus")
    if status == "Approved":
        notes = (*notes, "SageMaker says that it is approved, not by whom: `governance model approve` records it")
    version = inside(value, "ModelPackageVersion")
    fields = only(
        name=inside(value, "ModelPackageGroupName") or inside(value, "ModelPackageName"),
        version=str(version) if isinstance(version, int) else version,
        approval_status=status,
        owner=inside(card, "model_overview", "model_owner"),
        purpose=inside(card, "intended_uses", "purpose_of_model") or inside(value, "ModelPackageDescription"),
        tier=inside(card, "intended_uses", "risk_rating"),
    )
    return Said(value | fields, notes)


def _card(content: Any) -> tuple[Any, tuple[str, ...]]:
    if content is None:
        return None, ()
    try:
        found = json.loads(content) if isinstance(content, str) else content
    except (ValueError, RecursionError):
        found = None
    return (found, ()) if isinstance(found, dict) else (None, ("the model card in the package is no JSON object",))
