"""The language of policies: what a person may write, and its JSON Schema."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from governance.extensions import checks
from governance.findings import Subject

NotBlank = Annotated[str, StringConstraints(pattern=r"\S")]


class Written(BaseModel):
    """What a person writes: no field is unknown, none changes."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Approval(Written):
    """Who approved a version, and when."""

    by: NotBlank
    on: date


class InForce(Written):
    """Days on which a version applies; `to` is the first day on which it no longer does."""

    from_: date = Field(alias="from")
    to: date | None = None


class Waiver(Written):
    """A failure that a named person excepts until a date."""

    check: str
    subject: dict[str, str] = Field(default_factory=dict)
    reason: NotBlank
    requested_by: NotBlank
    approved_by: NotBlank
    until: date

    @model_validator(mode="after")
    def _four_eyes(self) -> Waiver:
        if self.requested_by.strip().lower() == self.approved_by.strip().lower():
            raise ValueError("the one who asks for a waiver cannot approve it")
        return self

    def covers(self, check: str, subject: Subject, day: date) -> bool:
        """Whether it excepts that subject of that check on that day."""
        return day <= self.until and self.matches(check, subject)

    def matches(self, check: str, subject: Subject) -> bool:
        """Whether it is about that subject of that check, on whatever day."""
        own = dict(subject)
        return check == self.check and all(own.get(k) == v for k, v in self.subject.items())


def _texts(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


class AppliesTo(Written):
    """Which records a policy is about; each a glob or a list of them, case-sensitive."""

    model: tuple[str, ...] = ()
    operation: tuple[str, ...] = ()
    business_unit: tuple[str, ...] = ()
    environment: tuple[str, ...] = ()
    where: str | None = None

    @field_validator("model", "operation", "business_unit", "environment", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        return _texts(value)


class Head(Written):
    """A policy without its checks, which are validated each by its own kind."""

    policy: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")
    version: int | str
    owner: NotBlank
    title: str | None = None
    approved: Approval | None = None
    in_force: InForce
    applies_to: AppliesTo = Field(default_factory=AppliesTo)
    favourable: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    checks: list[Any] = Field(min_length=1)
    waivers: tuple[Waiver, ...] = ()

    @field_validator("favourable", mode="before")
    @classmethod
    def _favourable(cls, value: Any) -> Any:
        return {name: _texts(found) for name, found in value.items()} if isinstance(value, dict) else value


def language() -> dict[str, Any]:
    """JSON Schema of the policy language, with every kind of check."""
    head = Head.model_json_schema()
    definitions = head.setdefault("$defs", {})
    for kind, check in checks().items():
        own = check.model_json_schema()
        definitions.update(own.pop("$defs", {}))
        own["properties"]["kind"] = {"const": kind}
        own["description"] = check.manual()
        own["title"] = kind
        definitions[f"check-{kind}"] = own
    head["properties"]["checks"]["items"] = {"oneOf": [{"$ref": f"#/$defs/check-{kind}"} for kind in checks()]}
    head["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    head["title"] = "Governance policy"
    return head
