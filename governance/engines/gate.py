"""Lets only read-only expressions over columns through: what a policy's `where` may be.

0. The text is short and its parentheses are shallow: DuckDB parses 5,000 of them for seconds.
1. The text holds no comment, no dollar quote and no control character, so that it reads the same on any line.
2. It parses behind WHERE as it stands and in parentheses: it cannot end the expression that it is put into.
3. The statement around it has nothing but the predicate: no grouping, order, limit or second SELECT.
4. In the predicate stand only columns, constants, operators, casts to plain types and the functions listed here.
"""

from __future__ import annotations

import json
import re
import unicodedata
from typing import Any

from governance.engines.duckdb import Engine, EngineError

ALLOWED_FUNCTIONS = frozenset(
    "abs array_length ceil coalesce concat contains date_diff date_part date_trunc day dayofweek ends_with floor "
    "greatest hour ifnull isfinite isnan least len length list_contains lower ltrim minute month nullif regexp_matches "
    "regexp_full_match round rtrim starts_with strftime substring timezone trim trunc try_cast upper weekday year "
    "+ - * / // % || ~~ !~~ ~~* !~~* ~~~ map_extract map_contains element_at struct_extract list_value row "
    "not_like_escape like_escape to_microseconds to_milliseconds to_seconds to_minutes to_hours to_days to_weeks "
    "to_months to_years".split()
)
MAX_LENGTH = 8_000  # characters; chosen here: a list of a thousand ids
MAX_PARENTHESES = 100  # open at once; chosen here: parsing takes a time that grows with their square
_LEAVES = frozenset(
    "COLUMN_REF CONSTANT COMPARISON CONJUNCTION OPERATOR CASE CAST BETWEEN FUNCTION TYPE".split()  # TYPE: of a cast
)

# Names that SQL reads as functions of the clock or the session where no column has them
_NOT_COLUMNS = frozenset(
    "current_catalog current_date current_role current_schema current_time current_timestamp current_user localtime "
    "localtimestamp rowid session_user user".split()
)
_QUOTED = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"")
_MARKS = re.compile(r"--|/\*|[$;'\"]")
_PREFIX = re.compile(r"(?<!\w)(?:[ebxEBX]|[uU]&)\Z")


def refusal(engine: Engine, expression: str) -> str | None:
    """Why a predicate is refused, or None if it only reads columns.

    Args:
        engine: Any engine: the text is parsed, never run.
        expression: What stands behind WHERE.
    """
    unread = _unread(expression)
    if unread is not None:
        return unread
    template = _statement(engine, "true")
    predicates = []
    for text in (expression, f"({expression})"):
        parsed = _statement(engine, text)
        if isinstance(parsed, str):
            return parsed
        predicates.append(parsed.pop("where_clause", None))
        if isinstance(template, dict) and _frame(parsed) != _frame(template):
            return "it is more than one expression"
    return next((refused for predicate in predicates if (refused := _refused(predicate))), None)


def _unread(expression: str) -> str | None:
    """Why a text is not even given to the parser, or None."""
    if not expression.strip():
        return "it is empty"
    if any(unicodedata.category(character) == "Cc" and character not in "\n\r\t" for character in expression):
        return "it holds a control character"
    if is_outsized(expression, MAX_LENGTH):
        return f"it is longer than {MAX_LENGTH} characters, or nests deeper than {MAX_PARENTHESES} parentheses"
    parts = _QUOTED.split(expression)
    if any(map(_MARKS.search, parts)) or any(map(_PREFIX.search, parts[:-1])):
        return "it holds a comment, a semicolon, a dollar sign, or a quote that is not closed or has a prefix"
    return None


def is_outsized(sql: str, longest: int) -> bool:
    """Whether a text is too long, or opens too many parentheses at once, to be given to the parser."""
    if len(sql) > longest:
        return True
    depth = 0
    for character in sql:
        depth += (character in "([{") - (character in ")]}")
        if depth > MAX_PARENTHESES:
            return True
    return False


def _statement(engine: Engine, predicate: str) -> dict[str, Any] | str:
    """The parsed SELECT around a predicate, or why there is none."""
    sql = f"SELECT 1 FROM t WHERE {predicate}\n"
    try:
        tree = json.loads(engine.value("SELECT json_serialize_sql($sql)::VARCHAR", {"sql": sql}))
    except EngineError as error:
        return f"it is no SQL expression ({error})"
    if tree.get("error"):
        return f"it is no SQL expression ({str(tree.get('error_message', '')).strip()})"
    statements = tree["statements"]
    return dict(statements[0]["node"]) if len(statements) == 1 else "it is more than one expression"


def _frame(statement: dict[str, Any]) -> str:
    """Everything but the predicate, without positions in the text."""
    return json.dumps({name: part for name, part in statement.items() if name != "where_clause"}, sort_keys=True)


def _refused(node: Any) -> str | None:
    if isinstance(node, list):
        return next((found for item in node if (found := _refused(item))), None)
    if not isinstance(node, dict):
        return None
    kind = node.get("class")
    if kind is not None and kind not in _LEAVES:
        return f"a {str(kind).lower().replace('_', ' ')} is not allowed in it"
    if kind == "COLUMN_REF" and str(node["column_names"][-1]).lower() in _NOT_COLUMNS:
        return f"'{node['column_names'][-1]}' is no column of a record"
    if kind == "FUNCTION" and (
        str(node.get("function_name")).lower() not in ALLOWED_FUNCTIONS or node.get("schema") or node.get("catalog")
    ):
        return f"the function '{node.get('function_name')}' is not allowed in it"
    return next((found for value in node.values() if (found := _refused(value))), None)
