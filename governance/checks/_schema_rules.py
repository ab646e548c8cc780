r"""Rules of JSON Schema about one value, as SQL conditions.

Numbers are compared as doubles, and a number that no double holds is none; a bound that a double cannot hold exactly is
beyond SQL. Patterns are RE2, which is nearer to those of the standard (ECMA-262) than Python's: `\d` is a digit of
ASCII, and `$` the end of the text.

Source: JSON Schema, draft 2020-12: core, section 10; validation, section 6.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from governance.checks._schema_values import BOUNDS, TYPES, member_of_key_sql, member_sql, number_sql, text_sql

_TAKEN = re.compile(r"v[0-9]+")  # a value that was taken out of the document
_EXACT = 2**53  # whole numbers up to here are doubles
_ALONE = re.compile(r"draft-0[3-7]/")  # in these drafts nothing counts that stands beside `$ref`
_LATER = {  # rule -> the drafts that do not know it, where it says nothing
    "propertyNames": re.compile(r"draft-0[34]/"),
    "dependentRequired": _ALONE,
}
# Rules that only the library judges
BEYOND = frozenset(
    "multipleOf uniqueItems dependentSchemas dependencies prefixItems additionalItems unevaluatedProperties "
    "unevaluatedItems minContains maxContains $dynamicRef $recursiveRef".split()
)
# Rules that stand for all that is beside them: a schema with one is judged whole
WHOLE = frozenset("unevaluatedProperties unevaluatedItems $dynamicRef $recursiveRef".split())


class BeyondError(Exception):
    """SQL cannot say what a rule says."""


@dataclass
class Rules:
    """The rules of one schema.

    Args:
        schema: The whole schema, for references.
        is_re2: Whether the engine reads a regular expression.

    Attributes:
        bound: Values that the conditions bind.
        typed: Values `v0`, `v1`, ... whose type the conditions read, as `t0`, `t1`, ...
        numbers: Those whose number they read, as `n0`, `n1`, ...
    """

    schema: Any
    is_re2: Callable[[str], bool]
    bound: dict[str, Any] = field(default_factory=dict)
    typed: set[int] = field(default_factory=set)
    numbers: set[int] = field(default_factory=set)
    _depth: int = 0

    def is_a(self, kind: str, value: str) -> str:
        """SQL condition that a value is of a type of JSON Schema."""
        form = TYPES[kind]
        number = self._number(value) if "{number}" in form else ""
        return f"({form.format(type=self._type(value), number=number)})"

    # What is read of a value in several conditions is computed once: no engine shares the branches of a CASE

    def _type(self, value: str) -> str:
        if not _TAKEN.fullmatch(value):
            return f"json_type({value})"
        self.typed.add(int(value[1:]))
        return f"t{value[1:]}"

    def _number(self, value: str) -> str:
        if not _TAKEN.fullmatch(value):
            return number_sql(value)
        self.numbers.add(int(value[1:]))
        return f"n{value[1:]}"

    def of(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        """The rules of a schema that count."""
        draft = str(self.schema.get("$schema", "")) if isinstance(self.schema, Mapping) else ""
        if "$ref" in schema and _ALONE.search(draft):
            return {"$ref": schema["$ref"]}
        return {name: rule for name, rule in schema.items() if name not in _LATER or not _LATER[name].search(draft)}

    def target(self, reference: str, seen: Sequence[str]) -> Any:
        """What a reference leads to.

        Raises:
            BeyondError: It leads to what holds it, or is no plain pointer within the schema.
        """
        if not reference.startswith("#") or reference in seen or "%" in reference:
            raise BeyondError(reference)
        found = self.schema
        for part in reference.removeprefix("#").split("/")[1:] if reference != "#" else ():
            name = part.replace("~1", "/").replace("~0", "~")
            if not isinstance(found, Mapping) or name not in found or ("$id" in found and found is not self.schema):
                raise BeyondError(reference)
            found = found[name]
        if reference != "#" and not reference.startswith("#/"):
            raise BeyondError(reference)  # an anchor
        return found

    def holds(self, schema: Any, value: str, seen: tuple[str, ...]) -> str:
        """SQL condition that a value, which is there, is as a schema says; never NULL.

        Raises:
            BeyondError: SQL cannot say it.
        """
        if isinstance(schema, bool):
            return "true" if schema else "false"
        if "$id" in schema and schema is not self.schema:
            raise BeyondError("$id")
        found = (self.broken(name, schema, value, seen) for name in self.of(schema))
        broken = [one for one in found if one is not None]
        return f"(NOT ({' OR '.join(broken)}))" if broken else "true"

    def broken(self, name: str, schema: Mapping[str, Any], value: str, seen: tuple[str, ...]) -> str | None:
        """SQL condition that a value, which is there, breaks a rule of a schema; None where the rule says nothing.

        Raises:
            BeyondError: SQL cannot say it.
        """
        if name in BEYOND:
            raise BeyondError(name)
        if name in BOUNDS:
            return self._beyond_bound(name, schema[name], value)
        made = getattr(self, f"_of_{name.removeprefix('$').lower()}", None) if name in _RULES else None
        return None if made is None else f"({made(schema, value, seen)})"

    def _bind(self, value: Any) -> str:
        name = f"schema_{len(self.bound)}"
        self.bound[name] = value
        return f"${name}"

    def _beyond_bound(self, name: str, limit: Any, value: str) -> str:
        if isinstance(limit, bool) or abs(limit) >= _EXACT:
            raise BeyondError(name)
        kind, measure, sign = BOUNDS[name]
        size = measure.format(v=value, number=self._number(value), text=text_sql(value))
        return f"({self.is_a(kind, value)} AND {size} {sign} {self._bind(float(limit))})"

    def _of_ref(self, schema: Mapping[str, Any], value: str, seen: tuple[str, ...]) -> str:
        reference = schema["$ref"]
        return f"NOT {self.holds(self.target(reference, seen), value, (*seen, reference))}"

    def _of_type(self, schema: Mapping[str, Any], value: str, _: tuple[str, ...]) -> str:
        said = schema["type"]
        return f"NOT ({' OR '.join(self.is_a(kind, value) for kind in ([said] if isinstance(said, str) else said))})"

    def _of_enum(self, schema: Mapping[str, Any], value: str, _: tuple[str, ...]) -> str:
        return f"NOT {self._among(schema['enum'], value)}"

    def _of_const(self, schema: Mapping[str, Any], value: str, _: tuple[str, ...]) -> str:
        return f"NOT {self._among([schema['const']], value)}"

    def _among(self, allowed: Sequence[Any], value: str) -> str:
        numbers = [float(one) for one in allowed if isinstance(one, int | float) and not isinstance(one, bool)]
        if any(isinstance(one, dict | list) for one in allowed) or any(abs(one) >= _EXACT for one in numbers):
            raise BeyondError("enum")
        texts = [one for one in allowed if isinstance(one, str)]
        tests = (
            [f"({self.is_a('string', value)} AND list_contains({self._bind(texts)}, {text_sql(value)}))"]
            if texts
            else []
        )
        if numbers:
            tests.append(
                f"({self.is_a('number', value)} AND list_contains({self._bind(numbers)}, {self._number(value)}))"
            )
        flags = [str(one).lower() for one in allowed if isinstance(one, bool)]
        tests += [f"({self.is_a('boolean', value)} AND {text_sql(value)} = '{flag}')" for flag in flags]
        tests += [self.is_a("null", value)] if None in allowed else []
        return f"({' OR '.join(tests) or 'false'})"

    def _of_pattern(self, schema: Mapping[str, Any], value: str, _: tuple[str, ...]) -> str:
        if not self.is_re2(schema["pattern"]):
            raise BeyondError("pattern")
        return f"{self.is_a('string', value)} AND NOT {self._matches(text_sql(value), schema['pattern'])}"

    def _of_required(self, schema: Mapping[str, Any], value: str, _: tuple[str, ...]) -> str:
        missing = " OR ".join(f"{member_sql(value, name)} IS NULL" for name in schema["required"])
        return f"{self.is_a('object', value)} AND ({missing or 'false'})"

    def _of_properties(self, schema: Mapping[str, Any], value: str, seen: tuple[str, ...]) -> str:
        members = [(member_sql(value, name), own) for name, own in schema["properties"].items()]
        kept = [f"({member} IS NULL OR {self.holds(own, member, seen)})" for member, own in members]
        return f"{self.is_a('object', value)} AND NOT ({' AND '.join(kept) or 'true'})"

    def _of_patternproperties(self, schema: Mapping[str, Any], value: str, seen: tuple[str, ...]) -> str:
        broken = [
            self._wrong_members(pattern, own, value, seen) for pattern, own in schema["patternProperties"].items()
        ]
        return f"{self.is_a('object', value)} AND ({' OR '.join(broken) or 'false'})"

    def _wrong_members(self, pattern: str, schema: Any, value: str, seen: tuple[str, ...]) -> str:
        """SQL condition that a member whose name matches is not as a schema says."""

        def is_wrong(key: str) -> str:
            member = member_of_key_sql(value, key)
            return f"{self._matches(key, pattern)} AND NOT {self.holds(schema, member, seen)}"

        return f"len({self._keys(value, is_wrong)}) > 0"

    def _of_propertynames(self, schema: Mapping[str, Any], value: str, seen: tuple[str, ...]) -> str:
        names = self._keys(value, lambda key: f"NOT {self.holds(schema['propertyNames'], f'to_json({key})', seen)}")
        return f"{self.is_a('object', value)} AND len({names}) > 0"

    def _of_dependentrequired(self, schema: Mapping[str, Any], value: str, _: tuple[str, ...]) -> str:
        broken = [
            f"({member_sql(value, name)} IS NOT NULL AND {member_sql(value, needed)} IS NULL)"
            for name, listed in schema["dependentRequired"].items()
            for needed in listed
        ]
        return f"{self.is_a('object', value)} AND ({' OR '.join(broken) or 'false'})"

    def _of_additionalproperties(self, schema: Mapping[str, Any], value: str, _: tuple[str, ...]) -> str:
        allowed = schema["additionalProperties"]
        if allowed not in (True, False, {}):
            raise BeyondError("additionalProperties")
        if allowed is not False:
            return "false"
        known = self._bind(list(schema.get("properties", {})))
        patterns = schema.get("patternProperties", {})
        others = self._keys(
            value,
            lambda key: " AND NOT ".join(
                [f"NOT list_contains({known}, {key})", *(self._matches(key, pattern) for pattern in patterns)]
            ),
        )
        return f"{self.is_a('object', value)} AND len({others}) > 0"

    def _matches(self, text: str, pattern: str) -> str:
        if not self.is_re2(pattern):
            raise BeyondError("pattern")
        return f"regexp_matches({text}, {self._bind(pattern)})"

    def _keys(self, value: str, condition: Callable[[str], str]) -> str:
        """SQL list of the names of members for which a condition holds."""
        self._depth += 1
        key = f"key_{self._depth}"
        try:
            test = condition(key)
        finally:
            self._depth -= 1
        return f"list_filter(json_keys({value}), lambda {key}: {test})"

    def _of_items(self, schema: Mapping[str, Any], value: str, seen: tuple[str, ...]) -> str:
        if "prefixItems" in schema or isinstance(schema["items"], list):
            raise BeyondError("items")
        return f"{self.is_a('array', value)} AND len({self._filtered(schema['items'], value, seen, 'NOT ')}) > 0"

    def _of_contains(self, schema: Mapping[str, Any], value: str, seen: tuple[str, ...]) -> str:
        if not {"minContains", "maxContains"}.isdisjoint(schema):
            raise BeyondError("contains")
        return f"{self.is_a('array', value)} AND len({self._filtered(schema['contains'], value, seen, '')}) = 0"

    def _filtered(self, schema: Any, value: str, seen: tuple[str, ...], negation: str) -> str:
        self._depth += 1
        item = f"item_{self._depth}"
        try:
            test = self.holds(schema, item, seen)
        finally:
            self._depth -= 1
        return f"list_filter(json_extract({value}, '$[*]'), lambda {item}: {negation}{test})"

    def _of_allof(self, schema: Mapping[str, Any], value: str, seen: tuple[str, ...]) -> str:
        return f"NOT ({' AND '.join(self.holds(own, value, seen) for own in schema['allOf'])})"

    def _of_anyof(self, schema: Mapping[str, Any], value: str, seen: tuple[str, ...]) -> str:
        return f"NOT ({' OR '.join(self.holds(own, value, seen) for own in schema['anyOf'])})"

    def _of_oneof(self, schema: Mapping[str, Any], value: str, seen: tuple[str, ...]) -> str:
        kept = (f"CAST({self.holds(own, value, seen)} AS INTEGER)" for own in schema["oneOf"])
        return f"{' + '.join(kept)} <> 1"

    def _of_not(self, schema: Mapping[str, Any], value: str, seen: tuple[str, ...]) -> str:
        return self.holds(schema["not"], value, seen)

    def _of_if(self, schema: Mapping[str, Any], value: str, seen: tuple[str, ...]) -> str:
        test = self.holds(schema["if"], value, seen)
        branches = [self.holds(schema.get(name, True), value, seen) for name in ("then", "else")]
        return f"NOT CASE WHEN {test} THEN {branches[0]} ELSE {branches[1]} END"


_RULES = frozenset(
    "$ref type enum const pattern required properties patternProperties propertyNames dependentRequired "
    "additionalProperties items contains allOf anyOf oneOf not if".split()
)
