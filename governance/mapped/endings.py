"""How a request ended, and what is left of its bodies, as SQL; `governance.formats` says the same of known formats."""

from __future__ import annotations

from collections.abc import Sequence

from governance.engines.duckdb import literal
from governance.formats.conversions import REDACTED_MARKERS, TRUNCATED_MARKERS
from governance.formats.llm_requests import HTTP_ERROR, STATUS_WORDS, TIMEOUT_CODES

_NO_ERROR = ("", "none", "null", "false", "0", "no", "ok")  # what logs write where nothing failed
_EMPTY = ("", "{}", "[]", "null")


def ending(error_type: str | None, http_status: str | None) -> str:
    """The status of a request whose log names none: ok, unless there is an error or an HTTP code from 400 on.

    Args:
        error_type: SQL of the class of the error; None where the log has no such column.
        http_status: SQL of the HTTP code; the same.
    """
    cases = []
    if http_status is not None:
        cases.append(f"WHEN {http_status} IN {TIMEOUT_CODES} THEN 'timeout'")
    if error_type is not None:
        name = f"lower({error_type})"
        cases.append(f"WHEN trim({name}) IN {_NO_ERROR} THEN {_by_code(http_status)}")
        cases += [f"WHEN {_holds_any(name, words)} THEN {literal(status)}" for status, words in STATUS_WORDS]
        cases.append(f"WHEN {name} IS NOT NULL THEN 'error'")
    return f"(CASE {' '.join(cases)} ELSE {_by_code(http_status)} END)" if cases else "'ok'"


def _by_code(http_status: str | None) -> str:
    return "'ok'" if http_status is None else f"CASE WHEN {http_status} >= {HTTP_ERROR} THEN 'error' ELSE 'ok' END"


def _holds_any(text: str, words: Sequence[str]) -> str:
    return "(" + " OR ".join(f"contains({text}, {literal(word)})" for word in words) + ")"


def body(text: str) -> str:
    """A body; null where it is empty."""
    return f"CASE WHEN trim({text}) NOT IN {_EMPTY} THEN {text} END"


def body_state(text: str) -> str:
    """`redacted` or `truncated` where a body carries a marker of its logger, else `complete`; null without one."""
    return (
        f"CASE WHEN {_holds_any(text, REDACTED_MARKERS)} THEN 'redacted' "
        f"WHEN {_holds_any(text, TRUNCATED_MARKERS)} THEN 'truncated' WHEN {text} IS NOT NULL THEN 'complete' END"
    )
