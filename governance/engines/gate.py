"""Lets only read-only expressions over columns through: what a policy's `where` may be."""

from __future__ import annotations

import json
from typing import Any

from governance.engines.duckdb import Engine, EngineError

ALLOWED_FUNCTIONS = frozenset(
    "abs array_length ceil coalesce concat contains date_diff date_part date_trunc day dayofweek ends_with floor greatest "
    "hour ifnull isfinite isnan least len length list_contains lower ltrim minute month nullif regexp_matches "
    "regexp_full_match round rtrim starts_with strftime substring timezone trim try_cast upper weekday year + - * / // % "
    "|| ~~ !~~ ~~* !~~* ~~~ map_extract element_at struct_extract list_value row not_like_escape like_escape".split()
)
_LEAVES = ("COLUMN_REF", "CONSTANT", "COMPARISON", "CONJUNCTION", "OPERATOR", "CASE", "CAST", "BETWEEN", "FUNCTION")


def refusal(engine: Engine, expression: str) -> str | None:
    """Why a predicate is refused, or None if it only reads columns.

    Args:
        engine: Any engine: the text is parsed, never run.
        expression: What stands behind WHERE.
    """
    try:
        text = engine.value(
            "SELECT json_serialize_sql($sql)::VARCHAR", {"sql": f"SELECT 1 FROM t WHERE ({expression}\n)"}
        )
    except EngineError as error:
        return str(error)
    tree = json.loads(text)
    if tree.get("error"):
        return f"it is no SQL expression ({tree.get('error_message', '')})"
    statements = tree["statements"]
    if len(statements) != 1:
        return "it is more than one expression"
    return _refused(statements[0]["node"]["where_clause"])


def _refused(node: Any) -> str | None:
    if isinstance(node, list):
        return next((found for item in node if (found := _refused(item))), None)
    if not isinstance(node, dict):
        return None
    kind = node.get("class")
    if kind is not None and kind not in _LEAVES:
        return f"a {str(kind).lower().replace('_', ' ')} is not allowed in it"
    if kind == "FUNCTION" and str(node.get("function_name")).lower() not in ALLOWED_FUNCTIONS:
        return f"the function '{node.get('function_name')}' is not allowed in it"
    return next((found for value in node.values() if (found := _refused(value))), None)
