"""Lets only one read-only SELECT over named views through: what an `sql` check may be.

1. The text parses as one SELECT, and as the same SELECT in parentheses: it cannot end what it is put into.
2. It reads the views that are named here, and what its own WITH defines; no file, no function that makes rows, no other
   schema, no recursion, no sample (which would be another one each time).
3. Its expressions are columns, constants, operators, casts, windows, subqueries and the functions listed here: none
   that reads a file, the environment, the clock or chance.
4. It binds no parameter but those that are named.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from governance.engines.duckdb import Engine, EngineError, identifier
from governance.engines.gate import ALLOWED_FUNCTIONS, is_outsized

MAX_LENGTH = 20_000  # characters; chosen here: five screens of SQL
_FUNCTIONS = ALLOWED_FUNCTIONS | frozenset(
    "any_value arg_max arg_min avg bool_and bool_or corr count count_star first list max median min mode quantile_cont "
    "quantile_disc stddev_pop stddev_samp string_agg sum var_pop var_samp list_slice list_sort list_distinct "
    "cardinality exp ln log10 pow power sqrt sign json_object extract make_date epoch epoch_us".split()
)
_EXPRESSIONS = frozenset(
    "COLUMN_REF CONSTANT COMPARISON CONJUNCTION OPERATOR CASE CAST BETWEEN FUNCTION TYPE STAR SUBQUERY WINDOW "
    "PARAMETER".split()
)
_RELATIONS = frozenset(
    "SELECT_NODE SET_OPERATION_NODE BASE_TABLE JOIN SUBQUERY EMPTY EXPRESSION_LIST ORDER_MODIFIER DISTINCT_MODIFIER "
    "LIMIT_MODIFIER ORDER_DEFAULT ASCENDING DESCENDING".split()
)
# Names that SQL reads as functions of the clock or the session where no column has them
_NOT_COLUMNS = frozenset(
    "current_catalog current_date current_role current_schema current_time current_timestamp current_user localtime "
    "localtimestamp rowid session_user user".split()
)


@dataclass(frozen=True, slots=True)
class Selection:
    """What a SELECT reads and returns.

    Attributes:
        tables: Views that it reads.
        columns: Names of what it returns, in order; None for a star or an expression without a name.
        refusal: Why it is refused, or None.
    """

    tables: frozenset[str] = frozenset()
    columns: tuple[str | None, ...] = ()
    refusal: str | None = None


def selection(engine: Engine, sql: str, *, views: Collection[str], parameters: Collection[str]) -> Selection:
    """What a statement reads and returns, or why it is refused.

    Args:
        engine: Any engine: the text is parsed, never run.
        sql: The statement.
        views: Names that it may read.
        parameters: Names that it may bind.
    """
    if is_outsized(sql, MAX_LENGTH):
        return Selection(refusal=f"it is longer than {MAX_LENGTH} characters, or nests too deep")
    bare, wrapped = _tree(engine, sql), _tree(engine, f"SELECT * FROM (\n{sql}\n) AS inside")
    for parsed in (bare, wrapped):
        if isinstance(parsed, str):
            return Selection(refusal=parsed)
    if not isinstance(bare, dict) or not isinstance(wrapped, dict):
        return Selection(refusal="it is no SELECT")
    inside = wrapped.get("from_table", {}).get("subquery", {}).get("node")
    if _plain(inside) != _plain(bare):
        return Selection(refusal="it does not read the same inside parentheses")
    return _inspected(bare, views, parameters)


def _tree(engine: Engine, sql: str) -> dict[str, Any] | str:
    """The parsed SELECT, or why there is none."""
    try:
        tree = json.loads(engine.value("SELECT json_serialize_sql($sql)::VARCHAR", {"sql": sql}))
    except (EngineError, RecursionError) as error:
        return f"it cannot be parsed ({error})"
    if tree.get("error"):
        return f"it is no SELECT ({tree.get('error_message', '')})"
    statements = tree["statements"]
    if len(statements) != 1:
        return "it is more than one statement"
    node: dict[str, Any] = statements[0]["node"]
    return node


def _plain(node: Any) -> Any:
    """A parsed text without its places in the text."""
    if isinstance(node, list):
        return [_plain(item) for item in node]
    if isinstance(node, dict):
        return {name: _plain(value) for name, value in node.items() if not name.startswith("query_location")}
    return node


def _inspected(tree: dict[str, Any], views: Collection[str], parameters: Collection[str]) -> Selection:
    for node in _nodes(tree):
        refused = _refused(node, parameters)
        if refused is not None:
            return Selection(refusal=refused)
    tables = set()
    for node in _read(tree, frozenset()):
        refused = _refused_table(node, views)
        if refused is not None:
            return Selection(refusal=refused)
        tables.add(str(node["table_name"]))
    return Selection(frozenset(tables), tuple(_returned(tree)))


def _read(node: Any, own: frozenset[str]) -> Iterator[dict[str, Any]]:
    """The relations that a statement names, without those that a WITH defines where they are named.

    Args:
        node: Part of a parsed statement.
        own: Names that a WITH around it defines.
    """
    if isinstance(node, list):
        for item in node:
            yield from _read(item, own)
    if not isinstance(node, dict):
        return
    if node.get("type") == "BASE_TABLE":
        if str(node["table_name"]) not in own or node.get("schema_name") or node.get("catalog_name"):
            yield node
        return
    for item in (node.get("cte_map") or {}).get("map", ()):
        yield from _read(item["value"], own)  # which may name those before it, but not itself
        own |= {str(item["key"])}
    for name, value in node.items():
        if name != "cte_map":
            yield from _read(value, own)


def _nodes(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, list):
        for item in node:
            yield from _nodes(item)
    elif isinstance(node, dict):
        yield node
        for value in node.values():
            yield from _nodes(value)


def _refused(node: dict[str, Any], parameters: Collection[str]) -> str | None:
    kind, form = node.get("class"), node.get("type")
    if node.get("sample") is not None:
        return "a sample is another one each time"
    if kind is None:
        is_allowed = not isinstance(form, str) or form in _RELATIONS
        return None if is_allowed else f"a {str(form).lower().replace('_', ' ')} is not allowed in it"
    if kind not in _EXPRESSIONS:
        return f"a {str(kind).lower()} is not allowed in it"
    return _refused_name(node, parameters)


def _refused_name(node: dict[str, Any], parameters: Collection[str]) -> str | None:
    """Why a function, parameter or column is refused by its name."""
    kind, names = node["class"], list(node.get("column_names") or ())
    if kind == "FUNCTION":
        name = str(node.get("function_name"))
        is_known = name.lower() in _FUNCTIONS and not (node.get("schema") or node.get("catalog"))
        return None if is_known else f"the function '{name}' is not allowed in it"
    if kind == "PARAMETER" and node.get("identifier") not in parameters:
        return f"the parameter '${node.get('identifier')}' is not bound; use {_listed(parameters)}"
    if kind == "COLUMN_REF" and len(names) == 1 and str(names[0]).lower() in _NOT_COLUMNS:
        return f"'{names[0]}' is no column"
    return None


def _refused_table(node: dict[str, Any], views: Collection[str]) -> str | None:
    name = str(node["table_name"])
    if node.get("schema_name") or node.get("catalog_name") or node.get("at_clause"):
        return f"'{name}' must stand without schema and version"
    if name not in views and not name.startswith(("features:", "attributions:")):
        return f"there is no view called {identifier(name)}"
    return None


def _returned(node: dict[str, Any]) -> Iterator[str | None]:
    """Names of the columns of a SELECT; those of the first one for a union."""
    while node.get("type") == "SET_OPERATION_NODE":
        node = node["children"][0] if node.get("children") else node["left"]
    for item in node.get("select_list", ()):
        names = item.get("column_names") or [None]
        yield item.get("alias") or (None if item.get("class") == "STAR" else names[-1])


def _listed(parameters: Collection[str]) -> str:
    return " and ".join(f"${name}" for name in sorted(parameters)) or "none"
