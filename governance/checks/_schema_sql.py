"""A JSON Schema as SQL over documents: what each rule says of them, and what is left to the library.

1. `properties`, `required`, `allOf` and references are taken apart down to single values; the value at each place is
   taken out of the document once.
2. A rule about one value is an SQL condition.
3. What SQL cannot say (`uniqueItems`, `multipleOf`, a schema that holds itself, ...) is a *part*: the library
   judges the different values at that place, and the condition is that a value is among those it refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from governance.checks._schema_rules import WHOLE, BeyondError, Rules
from governance.checks._schema_values import number_sql, pointer
from governance.engines.duckdb import literal

Place = tuple[str, ...]

DOCUMENT = "v0"  # column of the whole document
_OLD = re.compile(r"draft-0[34]/")  # whole numbers and exclusive bounds are something else there
_BESIDE = {  # rule -> the rules that it cannot be understood without
    "if": ("then", "else"),
    "items": ("prefixItems", "additionalItems"),
    "prefixItems": ("items",),
    "additionalItems": ("items",),
    "contains": ("minContains", "maxContains"),
    "minContains": ("contains", "maxContains"),
    "maxContains": ("contains", "minContains"),
}


class Part(NamedTuple):
    """What the library judges: SQL of the value (NULL where there is none to judge), and a part of the schema."""

    value: str
    schema: dict[str, Any]


class SchemaSql:
    """A schema as SQL.

    Args:
        schema: Without mistakes.
        is_re2: Whether the engine reads a regular expression.
        members: Where the documents are records of columns: name of a member -> SQL of its JSON value, NULL where the
            record has none. None where they are texts.

    Attributes:
        parts: What the library judges; the condition of part i reads `$refused_i`, a list of digests.
    """

    def __init__(self, schema: Any, is_re2: Callable[[str], bool], members: Mapping[str, str] | None = None) -> None:
        self.parts: list[Part] = []
        self._rules = Rules(schema, is_re2)
        self._members = members
        self._places: list[Place] = [()]
        self._reads_document = members is None
        self._faults: list[tuple[str, str]] = []
        self._node(schema, (), (), ())

    @property
    def bound(self) -> dict[str, Any]:
        """Values that the conditions bind, besides the digests."""
        return self._rules.bound

    def documents(self, document: str, selected: str, source: str) -> str:
        """SELECT of the documents with what the conditions read of them: `v0` is the whole, `v1` ... values in it.

        Args:
            document: SQL of the whole, as JSON; NULL where there is none.
            selected: Further columns, as a select list.
            source: FROM clause.
        """
        whole = [f"{document} AS {DOCUMENT}"] if self._reads_document else []
        numbered = [*enumerate(self._places)][1:]
        if self._members is not None:
            taken = [f"{self._member(at)} AS v{place}" for place, at in numbered]
            inner = f"SELECT {', '.join([*whole, *taken, selected])} FROM {source}"
        else:
            paths = ", ".join(literal(pointer(at)) for _, at in numbered)
            every = f"json_extract({DOCUMENT}, [{paths}])" if paths else "[]"
            taken = [f"p[{place}] AS v{place}" for place, _ in numbered]
            inner = f"SELECT {', '.join([*whole, selected])} FROM {source}"
            inner = f"SELECT *, CASE WHEN {DOCUMENT} IS NOT NULL THEN {every} END AS p FROM ({inner})"
            inner = f"SELECT {', '.join(['* EXCLUDE (p)', *taken])} FROM ({inner})"
        read = [f"json_type(v{place}) AS t{place}" for place in sorted(self._rules.typed)]
        read += [f"{number_sql(f'v{place}')} AS n{place}" for place in sorted(self._rules.numbers)]
        return f"SELECT {', '.join(['*', *read])} FROM ({inner})"

    def _member(self, at: Place) -> str:
        value = (self._members or {}).get(at[0], "CAST(NULL AS JSON)")
        return value if len(at) == 1 else f"json_extract({value}, {literal(pointer(at[1:]))})"

    @property
    def code(self) -> str:
        """SQL of the first rule that a document breaks, as `/place: rule`; NULL where it breaks none."""
        cases = "".join(f" WHEN {broken} THEN {literal(label)}" for label, broken in self._faults)
        return f"CASE{cases} END" if cases else "CAST(NULL AS VARCHAR)"

    def _node(self, schema: Any, at: Place, guard: tuple[str, ...], seen: tuple[str, ...]) -> None:
        """Takes a schema apart.

        Args:
            schema: The schema.
            at: Place that it is about.
            guard: Conditions under which it is.
            seen: References that led here.
        """
        if isinstance(schema, bool):
            if not schema:
                self._fault(at, "nothing may be here", (*guard, *self._is_there(at)))
            return
        left = dict(schema) if self._is_whole(schema, at) else {}
        for name in () if left else self._rules.of(schema):
            try:
                self._rule(name, schema, at, guard, seen)
            except BeyondError:
                left |= _with_companions(name, schema)
        if left:
            value, within = self._value(at), (*guard, *self._is_there(at))
            self.parts.append(Part(f"CASE WHEN {' AND '.join(within) or 'true'} THEN {value} END", left))
            refused = f"list_contains($refused_{len(self.parts) - 1}, {digest(value)})"
            self._fault(at, ", ".join(name for name in left if name in schema), (*within, refused))

    def _is_record(self, at: Place) -> bool:
        """Whether it is the whole document, and a record of columns."""
        return not at and self._members is not None

    def _is_there(self, at: Place) -> tuple[str, ...]:
        return () if self._is_record(at) else (f"{self._value(at)} IS NOT NULL",)

    def _is_whole(self, schema: Mapping[str, Any], at: Place) -> bool:
        """Whether the rules of a schema cannot be told apart."""
        is_old = not at and bool(_OLD.search(str(schema.get("$schema", ""))))
        return is_old or not WHOLE.isdisjoint(schema) or (bool(at) and "$id" in schema)

    def _rule(
        self, name: str, schema: Mapping[str, Any], at: Place, guard: tuple[str, ...], seen: tuple[str, ...]
    ) -> None:
        said = schema[name]
        if name == "properties":
            for member, own in said.items():
                self._node(own, (*at, member), self._inside(at, guard), seen)
        elif name == "required":
            for member in said:
                self._fault((*at, member), name, (*self._inside(at, guard), f"{self._value((*at, member))} IS NULL"))
        elif name == "allOf":
            for own in said:
                self._node(own, at, guard, seen)
        elif name == "$ref":
            self._node(self._rules.target(said, seen), at, guard, (*seen, said))
        elif not (self._is_record(at) and self._of_record(name, schema)):
            broken = self._rules.broken(name, schema, f"v{self._place(at)}", seen)
            if broken is not None:
                self._fault(at, name, (*guard, f"{self._value(at)} IS NOT NULL", broken))

    def _of_record(self, name: str, schema: Mapping[str, Any]) -> bool:
        """A rule about a whole record of columns that its columns answer; False where they do not."""
        said = schema[name]
        if name == "type":
            if said != "object" and "object" not in said:
                self._fault((), name, ("true",))
            return True
        if name != "additionalProperties" or said is not False or "patternProperties" in schema:
            return False
        for member in self._members or ():
            if member not in schema.get("properties", ()):
                self._fault((member,), name, (f"{self._value((member,))} IS NOT NULL",))
        return True

    def _inside(self, at: Place, guard: tuple[str, ...]) -> tuple[str, ...]:
        """Conditions under which there is an object at a place."""
        return guard if self._is_record(at) else (*guard, self._rules.is_a("object", self._value(at)))

    def _fault(self, at: Place, rule: str, conditions: Sequence[str]) -> None:
        self._faults.append((f"{pointer(at) or '/'}: {rule}", " AND ".join(conditions)))

    def _value(self, at: Place) -> str:
        self._reads_document |= not at
        return f"v{self._place(at)}"

    def _place(self, at: Place) -> int:
        if at not in self._places:
            self._places.append(at)
        return self._places.index(at)


def _with_companions(name: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    """A rule with those that it cannot be understood without."""
    found = {one: schema[one] for one in (name, *_BESIDE.get(name, ())) if one in schema}
    if name == "additionalProperties":  # it is about names that are no property; what those must be is judged apart
        found |= {"properties": dict.fromkeys(schema.get("properties", ()), True)}
        found |= {one: schema[one] for one in ("patternProperties",) if one in schema}
    return found


def digest(value: str) -> str:
    """SQL of the first 16 hexadecimal digits of the MD5 of a JSON text; two of a million agree once in 30 million."""
    return f"left(md5(CAST({value} AS VARCHAR)), 16)"
