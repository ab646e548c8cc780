"""The one shape that every form of model card is read into."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from governance.formula import names_in


def _one_text(value: object) -> object:
    """Several licences, or a number that is a name, as one text. 1.10 has become 1.1 by now, so it must be quoted."""
    if isinstance(value, float):
        raise ValueError(f"{value} was read as a number and may have lost digits: quote it")  # noqa: TRY004  (pydantic)
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        return ", ".join(value)
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _day(value: object) -> object:
    if isinstance(value, str | date):
        return value
    raise ValueError("this is no day: write it as 2026-07-01")


Text = Annotated[str, BeforeValidator(_one_text), Field(min_length=1)]
Texts = Annotated[tuple[Text, ...], BeforeValidator(lambda found: (found,) if isinstance(found, str) else found)]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Day = Annotated[date, BeforeValidator(_day)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Metric(_Part):
    """One figure that the card claims; without a value where it only names the measure."""

    name: Text
    value: Number | None = None
    dataset: Text | None = None


class Approval(_Part):
    """Who approved the version, and on which day."""

    by: Text
    on: Day


MOST_STEPS = 6  # chosen here: every combination of up to three actions is tried, 4,896 with six of six steps
MOST_ACTIONS = 6


class Action(_Part):
    """Something that a person can change, and the values to try when it is asked what would have changed the result.

    Attributes:
        inputs: Inputs that change together.
        towards: Which way; an input that lies further already stays as it is.
        to: Values to try, the nearest first.
        times: Factors of the value as it was, the nearest first; in the place of `to`.
        text: What would have been so, as the rest of a sentence after `if`; `{value}` and `{before}` stand for the
            value that was tried and the one that was, where one input changes.
    """

    inputs: Annotated[Texts, Field(min_length=1)]
    towards: Literal["up", "down"]
    to: tuple[Number, ...] = Field(default=(), max_length=MOST_STEPS)
    times: tuple[Annotated[Number, Field(ge=0)], ...] = Field(default=(), max_length=MOST_STEPS)
    text: Text

    @model_validator(mode="after")
    def _whole(self) -> Action:
        if bool(self.to) == bool(self.times):
            raise ValueError("an action has the values to try under `to`, or factors under `times`, and not both")
        odd = sorted(set(re.findall(r"\{[^{}]*\}", self.text)) - {"{value}", "{before}"})
        if odd:
            raise ValueError(f"the text has {odd[0]}; what can be filled in is {{value}} and {{before}}")
        if len(self.inputs) > 1 and "{" in self.text:
            raise ValueError("the text names a value, and the action changes several inputs")
        return self


def _metrics(value: object) -> object:
    """`{auc: 0.77}` and `[auc]` are short for a list of metrics."""
    if isinstance(value, dict):
        return [{"name": name, "value": figure} for name, figure in value.items()]
    if isinstance(value, list):
        return [{"name": item} if isinstance(item, str) else item for item in value]
    return value


class Card(_Part):
    """What is said about one version of a model; `at_most` and `at_least` include the threshold.

    Attributes:
        name: Of the model, as the log names it.
        version: As the log names it.
        owner: Who answers for it.
        tier: Risk tier, in the words of the organisation.
        purpose: What it is used for.
        output: What the score means.
        link: From raw margin to score, where the model file does not say it rightly.
        favourable_when: On which side of the threshold the score is good for the person.
        adverse: Which direction of the margin is bad for the person; follows from `favourable_when`.
        threshold: In the score's space.
        training_data: What it was trained on.
        data_used: Categories of data about a person that it decides by, each with where they come from.
        limitations: What it must not be used for, and where it is weak.
        licence: Of the model.
        metrics: Figures that the card claims.
        valid_from: First day in use.
        next_validation: Day by which it must be validated again.
        approved: By whom and when.
        approval_status: What the registry that the card comes from says of it, in its words.
        groups: Group -> features that are one thing to a person, such as one-hot columns.
        meanings: Decision, as the log has it -> what it means for the person and what happens next.
        reasons: Feature, group or rule -> what a person is told when it was decisive.
        derived: Input -> formula of the inputs that it follows from, such as `debt / income`.
        actions: Name -> what a person can change; nothing else is changed to find what would have helped.
        extra: Every other key, as it was.
        notes: What in the card could not be used, and why the rest can.
    """

    name: Text | None = None
    version: Text | None = None
    owner: Text | None = None
    tier: Text | None = None
    purpose: Text | None = None
    output: Text | None = None
    link: Literal["identity", "logit", "log"] | None = None
    favourable_when: Literal["below", "at_most", "above", "at_least"] | None = None
    adverse: Literal["up", "down"] | None = None
    threshold: Number | None = None
    training_data: Texts = ()
    data_used: Texts = ()
    limitations: Texts = ()
    licence: Text | None = None
    metrics: Annotated[tuple[Metric, ...], BeforeValidator(_metrics)] = ()
    valid_from: Day | None = None
    next_validation: Day | None = None
    approved: Approval | None = None
    approval_status: Text | None = None
    groups: dict[str, Texts] = Field(default_factory=dict)
    meanings: dict[str, Text] = Field(default_factory=dict)
    reasons: dict[str, Text] = Field(default_factory=dict)
    derived: dict[str, Text] = Field(default_factory=dict)
    actions: dict[str, Action] = Field(default_factory=dict, max_length=MOST_ACTIONS)
    extra: dict[str, Any] = Field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _direction(cls, fields: Any) -> Any:
        favourable = fields.get("favourable_when") if isinstance(fields, dict) else None
        follows = {"below": "up", "at_most": "up", "above": "down", "at_least": "down"}.get(str(favourable))
        if follows is None:
            return fields
        if fields.get("adverse") not in {None, follows}:
            raise ValueError(f"favourable_when is '{favourable}', so adverse is '{follows}', not '{fields['adverse']}'")
        return {**fields, "adverse": follows}

    @model_validator(mode="after")
    def _formulas(self) -> Card:
        for name, formula in self.derived.items():
            chained = names_in(formula) & self.derived.keys()
            if chained:
                raise ValueError(f"the formula of '{name}' needs '{min(chained)}', which follows from others itself")
        for name, action in self.actions.items():
            for one in action.inputs:
                if one in self.derived:
                    raise ValueError(f"the action '{name}' changes '{one}', which follows from other inputs")
        return self

    @model_validator(mode="after")
    def _one_group_each(self) -> Card:
        seen: dict[str, str] = {}
        for group, features in self.groups.items():
            for feature in features:
                if feature in seen:
                    raise ValueError(f"the feature '{feature}' is in the groups '{seen[feature]}' and '{group}'")
                seen[feature] = group
        return self
