"""Model cards: YAML, JSON, or the front matter of a Markdown file -> one `Card`, each mistake with its line.

A card says what no model file can: what the score means, which way is bad for the person, who answers for the model
and until when. Keys that are not known here are kept in `extra`: other tools' cards carry many.
"""

from __future__ import annotations

import json
import re
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from governance import yamltext
from governance.errors import Mistake, NotFoundError, PolicyError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


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
        limitations: What it must not be used for, and where it is weak.
        licence: Of the model.
        metrics: Figures that the card claims.
        valid_from: First day in use.
        next_validation: Day by which it must be validated again.
        approved: By whom and when.
        groups: Group -> features that are one thing to a person, such as one-hot columns.
        reasons: Feature or group -> what a person is told when it was decisive.
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
    limitations: Texts = ()
    licence: Text | None = None
    metrics: Annotated[tuple[Metric, ...], BeforeValidator(_metrics)] = ()
    valid_from: Day | None = None
    next_validation: Day | None = None
    approved: Approval | None = None
    groups: dict[str, Texts] = Field(default_factory=dict)
    reasons: dict[str, Text] = Field(default_factory=dict)
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
    def _one_group_each(self) -> Card:
        seen: dict[str, str] = {}
        for group, features in self.groups.items():
            for feature in features:
                if feature in seen:
                    raise ValueError(f"the feature '{feature}' is in the groups '{seen[feature]}' and '{group}'")
                seen[feature] = group
        return self


SYNONYMS = {
    "intended_use": "purpose",
    "license": "licence",
    "risk_tier": "tier",
    "favorable_when": "favourable_when",
    "feature_groups": "groups",
    "datasets": "training_data",
}
OWN_FIELDS = frozenset(Card.model_fields) - {"extra", "notes"}

FOREIGN = {  # forms with words of their own: read as a card of ours, one would have no name
    "model_details": "a Model Card Toolkit card",
    "bomFormat": "a CycloneDX bill of materials",
    "flavors": "an MLmodel file",
}


class _Form(NamedTuple):
    """A card as read: its fields by name, the text that knows their lines, and what could not be used."""

    fields: dict[str, Any]
    text: yamltext.Document
    notes: tuple[str, ...] = ()


def read_card(path: Path) -> Card:
    """The card in a file; the form is known by its content.

    Raises:
        NotFoundError: There is no such file.
        PolicyError: With every mistake in it, each with its line.
    """
    if not path.is_file():
        raise NotFoundError("there is no such card", where=str(path), hint="name a YAML, JSON or Markdown file")
    return parse_card(path.read_bytes(), str(path))


def parse_card(content: bytes, where: str) -> Card:
    """The card in the bytes of a file called `where`; raises as `read_card`."""
    start = content.removeprefix(b"\xef\xbb\xbf").lstrip()
    if re.match(rb"---[ \t]*\r?\n(.*\n)?---[ \t]*(\r?\n|$)", start, re.DOTALL):
        form = _front_matter(content, where)
    elif start.startswith(b"{"):
        form = _json(content, where)
    else:
        form = _yaml(content, where)
    return _card(form)


def _yaml(content: bytes, where: str) -> _Form:
    document = yamltext.parse(content, where)
    return _Form(_fields(document.value, where), document)


def _json(content: bytes, where: str) -> _Form:
    """A JSON card. JSON is nearly YAML, whose reader knows the lines; where it is not, all is on the first."""
    if len(content) > yamltext.MAX_BYTES:
        return _yaml(content, where)  # which says how much is allowed
    try:
        value = json.loads(content, object_pairs_hook=_unique, parse_constant=_refuse_constant)
    except (json.JSONDecodeError, RecursionError):
        return _yaml(content, where)  # `{a: 1}` is YAML, and a broken card gets its line there
    except ValueError as error:
        raise PolicyError([Mistake(where, f"this card cannot be read: {error}", "mend the JSON")]) from error
    try:
        lines = yamltext.parse(content.replace(b"\t", b" "), where)  # YAML has no tabs, and JSON's strings have none
    except PolicyError:
        lines = yamltext.parse("", where)
    return _Form(_fields(value, where), lines)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"the key '{next(name for name in names if names.count(name) > 1)}' is there twice")
    return found


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON number")


def _front_matter(content: bytes, where: str) -> _Form:
    """A Markdown card with YAML between two lines of `---`, as on the Hugging Face hub; our keys may be among it."""
    text = re.sub(rb"\r\n?", b"\n", content.removeprefix(b"\xef\xbb\xbf"))
    lines = text.split(b"\n")
    first, last = [number for number, line in enumerate(lines) if line.rstrip() == b"---"][:2]
    document = yamltext.parse(b"\n".join(lines[first + 1 : last]), where, first_line=first + 2)
    fields = _fields(document.value, where)
    index = fields.get("model-index")
    if index is None:
        return _Form(fields, document)
    try:
        name, figures = _model_index(index)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError):
        note = f"{document.at(('model-index',))} has results without a task, data set or figure, so none is used"
        return _Form(fields, document, (note,))
    fields = {key: value for key, value in fields.items() if key != "model-index"}
    named = [item for item in fields.get("metrics") or () if item not in {figure["name"] for figure in figures}]
    return _Form({"name": name, **fields, "metrics": [*figures, *named]}, document)


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


def _fields(value: object, where: str) -> dict[str, Any]:
    if not isinstance(value, dict) or not value:
        hint = "a card is a list of `key: value`; in Markdown it stands between two lines of ---"
        raise PolicyError([Mistake(where, "this is no model card: it has no fields", hint)])
    for key, what in FOREIGN.items():
        if key in value:
            hint = "write the fields that matter (name, version, owner, purpose, ...) in a YAML card"
            raise PolicyError([Mistake(where, f"this is {what}, which is not read as a card yet", hint)])
    return value


def _card(form: _Form) -> Card:
    names = {SYNONYMS.get(key, key): key for key in form.fields}
    mistakes = [
        Mistake(form.text.at((key,)), f"'{key}' and '{names[SYNONYMS[key]]}' say the same", "keep one of them")
        for key in form.fields
        if key in SYNONYMS and names[SYNONYMS[key]] != key
    ]
    own = {name: form.fields[key] for name, key in names.items() if name in OWN_FIELDS}
    extra = {key: value for key, value in form.fields.items() if SYNONYMS.get(key, key) not in OWN_FIELDS}
    try:
        card = Card.model_validate({**own, "extra": extra, "notes": form.notes})
    except ValidationError as error:
        raise PolicyError([*mistakes, *_mistakes(error, names, form.text)]) from error
    if mistakes:
        raise PolicyError(mistakes)
    return card


def _mistakes(error: ValidationError, names: Mapping[str, str], text: yamltext.Document) -> list[Mistake]:
    """What pydantic found, in the order of the file, under the names that the file uses."""
    found = [
        ((*(names.get(str(part), part) for part in item["loc"][:1]), *item["loc"][1:]), item["msg"])
        for item in error.errors()
    ]
    return [
        Mistake(text.at(path), message.removeprefix("Value error, ").removeprefix("Input "))
        for path, message in sorted(found, key=lambda pair: text.line(pair[0]))
    ]
