"""JSON values as SQL: their types, sizes, numbers and texts, and the places that they lie at.

Numbers are compared as doubles, and a number that no double holds is none.
"""

from __future__ import annotations

from collections.abc import Sequence

from governance.engines.duckdb import literal

BOUNDS = {  # rule -> the kind of value that it is about, its measure, and when it is broken
    "minimum": ("number", "{number}", "<"),
    "maximum": ("number", "{number}", ">"),
    "exclusiveMinimum": ("number", "{number}", "<="),
    "exclusiveMaximum": ("number", "{number}", ">="),
    "minLength": ("string", "length({text})", "<"),
    "maxLength": ("string", "length({text})", ">"),
    "minItems": ("array", "json_array_length({v})", "<"),
    "maxItems": ("array", "json_array_length({v})", ">"),
    "minProperties": ("object", "len(list_distinct(json_keys({v})))", "<"),
    "maxProperties": ("object", "len(list_distinct(json_keys({v})))", ">"),
}
TYPES = {
    "null": "{type} = 'NULL'",
    "boolean": "{type} = 'BOOLEAN'",
    "string": "{type} = 'VARCHAR'",
    "array": "{type} = 'ARRAY'",
    "object": "{type} = 'OBJECT'",
    "number": "{type} IN ('UBIGINT', 'BIGINT', 'DOUBLE') AND isfinite({number})",
    "integer": "{type} IN ('UBIGINT', 'BIGINT') OR ({type} = 'DOUBLE' AND isfinite({number}) "
    "AND {number} = floor({number}))",
}


def pointer(at: Sequence[str]) -> str:
    """JSON Pointer of a place. Source: RFC 6901."""
    return "".join("/" + name.replace("~", "~0").replace("/", "~1") for name in at)


def number_sql(value: str) -> str:
    """SQL of the number that a JSON value holds; infinite where it holds none."""
    return f"coalesce(TRY_CAST({value} AS DOUBLE), 'inf')"


def text_sql(value: str) -> str:
    """SQL of the text that a JSON value holds; of others as they are spelt."""
    return f"json_extract_string({value}, '$')"


def member_sql(value: str, name: str) -> str:
    """SQL of the member of an object, NULL where there is none of that name."""
    return f"json_extract({value}, {literal(pointer((name,)))})"


def member_of_key_sql(value: str, key: str) -> str:
    """SQL of the member of an object whose name is itself SQL."""
    return f"json_extract({value}, '/' || replace(replace({key}, '~', '~0'), '/', '~1'))"
