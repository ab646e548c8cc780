"""JSON Schema: what is wrong with a schema, and which documents are not as it says, by the `jsonschema` library.

Nothing is ever fetched: a reference leads to a place in the same schema, or to the standard itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from governance.errors import MissingExtraError

if TYPE_CHECKING:
    from jsonschema.protocols import Validator

Schema = bool | Mapping[str, Any]


class SchemaMistake(NamedTuple):
    """What is wrong with a schema, and where in it."""

    path: tuple[str | int, ...]
    what: str


def schema_mistakes(schema: Any) -> list[SchemaMistake]:
    """What keeps a document from being a JSON Schema; the draft is that of `$schema`, else 2020-12.

    Raises:
        MissingExtraError: The library is not installed.
    """
    if not isinstance(schema, bool | dict):
        return [SchemaMistake((), "a JSON Schema is a mapping, or true or false")]
    validator = _library_validator(schema)
    found = validator.META_SCHEMA
    checked = type(validator)(found, registry=_registry())
    mistakes = [SchemaMistake(tuple(error.path), _line(error.message)) for error in checked.iter_errors(schema)]
    return mistakes or [*_unresolved(validator, schema)]


def _line(message: str) -> str:
    line = " ".join(message.split())
    return line if len(line) <= 200 else f"{line[:197]}..."  # noqa: PLR2004 - chosen here: a sentence of a policy mistake


def _unresolved(validator: Validator, schema: Schema) -> Iterator[SchemaMistake]:
    """References that lead nowhere."""
    from referencing.exceptions import Unresolvable  # noqa: PLC0415 - only who has a schema waits for it
    from referencing.jsonschema import specification_with  # noqa: PLC0415

    default = str(validator.META_SCHEMA["$schema"])
    resource = specification_with(default).create_resource(schema)
    resolver = _registry().resolver_with_root(resource)
    for path, reference in _references(schema, ()):
        try:
            resolver.lookup(reference)
        except Unresolvable:
            what = f"the reference '{reference}' leads to nothing in this schema; nothing is fetched from elsewhere"
            yield SchemaMistake(path, what)


def _references(value: Any, path: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    if isinstance(value, dict):
        if isinstance(value.get("$id"), str) and path:
            return  # a schema of its own, whose references begin there
        if isinstance(value.get("$ref"), str):
            yield (*path, "$ref"), value["$ref"]
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, member in members:
        if key not in ("enum", "const", "default", "examples"):
            yield from _references(member, (*path, key))


def _registry() -> Any:
    from jsonschema_specifications import REGISTRY  # noqa: PLC0415 - comes with jsonschema

    return REGISTRY  # one without a way to fetch; that of the library's default opens any address


def _library_validator(schema: Schema) -> Validator:
    try:
        from jsonschema.validators import Draft202012Validator, validator_for  # noqa: PLC0415 - the heavy library
    except ModuleNotFoundError as error:
        raise MissingExtraError("jsonschema", "schema", "a check by JSON Schema") from error
    found: Validator = validator_for(schema, default=Draft202012Validator)(schema, registry=_registry())
    return found


class Documents:
    """Judges documents by a schema, or by parts of it.

    Args:
        schema: Without mistakes.
        part: What of it is judged; the whole unless given.
    """

    def __init__(self, schema: Schema, part: Schema | None = None) -> None:
        whole = _library_validator(schema)
        self._validator = whole if part is None else whole.evolve(schema=part)

    def broken(self, texts: Iterable[str]) -> list[str]:
        """Those of the JSON texts that are not as the schema says."""
        return [text for text in texts if not _is_valid(self._validator, text)]


def _is_valid(validator: Validator, text: str) -> bool:
    try:
        document = json.loads(text, parse_constant=str)  # NaN is no number of JSON
        return bool(validator.is_valid(document))
    except (ValueError, RecursionError):
        return False
