"""Model cards in the forms that tools write -> one `Card`, each mistake with its line.

A card says what no model file can: what the score means, which way is bad for the person, who answers for the model
and until when. Keys that are not known here are kept in `extra`: other tools' cards carry many. What a form does not
say stays None. Each form has a file here:

    ours               YAML, JSON, or the front matter of a Markdown file, in the words of `Card`
    huggingface.py     front matter with a model index
    mlmodel.py         MLflow's MLmodel file
    mlflow_run.py      the folder of an MLflow run
    cyclonedx.py       CycloneDX ML-BOM
    google.py          Model Card Toolkit JSON
    sagemaker.py       SageMaker model package
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import ValidationError

from governance.cards import cyclonedx, google, huggingface, mlflow_run, mlmodel, sagemaker
from governance.cards.card import Action, Approval, Card, Metric
from governance.documents import yamltext
from governance.errors import Mistake, NotFoundError, PolicyError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["Action", "Approval", "Card", "Metric", "content_of", "parse_card", "read_card"]

SYNONYMS = {
    "intended_use": "purpose",
    "license": "licence",
    "risk_tier": "tier",
    "favorable_when": "favourable_when",
    "feature_groups": "groups",
    "datasets": "training_data",
}
OWN_FIELDS = frozenset(Card.model_fields) - {"extra", "notes"}

FORMS = {form.KEY: form.said for form in (google, cyclonedx, mlmodel, sagemaker, mlflow_run, huggingface)}


class _Form(NamedTuple):
    """A card as read: its fields by name, the text that knows their lines, and what could not be used."""

    fields: dict[str, Any]
    text: yamltext.Document
    notes: tuple[str, ...] = ()


def read_card(path: Path) -> Card:
    """The card in a file, or of the folder of an MLflow run; the form is known by its content.

    Raises:
        NotFoundError: There is no such file.
        PolicyError: With every mistake in it, each with its line.
    """
    return parse_card(content_of(path), str(path))


def content_of(path: Path) -> bytes:
    """The bytes of a card's file; a run's folder as one document. Raises as `read_card`."""
    if mlflow_run.is_run(path):
        return mlflow_run.content_of(path)
    if not path.is_file():
        raise NotFoundError("there is no such card", where=str(path), hint="name a YAML, JSON or Markdown file")
    return path.read_bytes()


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
    return _form(document.value, document)


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
    return _form(value, lines)


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
    return _form(document.value, document)


def _form(value: object, text: yamltext.Document) -> _Form:
    """The fields under our names, by the key that tells the form."""
    if not isinstance(value, dict) or not value:
        hint = "a card is a list of `key: value`; in Markdown it stands between two lines of ---"
        raise PolicyError([Mistake(text.where, "this is no model card: it has no fields", hint)])
    key = next((key for key in FORMS if key in value), None)
    if key is None:
        return _Form(value, text)
    try:
        found = FORMS[key](value)
    except ValueError as error:
        hint = "write the fields that matter (name, version, owner, purpose, ...) in a YAML card"
        raise PolicyError([Mistake(text.where, str(error), hint)]) from error
    return _Form(found.fields, text, tuple(f"{text.where}:{text.line((key,))}: {note}" for note in found.notes))


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
