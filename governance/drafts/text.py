"""Guesses -> the text of a mapping file, with a comment wherever a person must look."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from governance.display import visible
from governance.drafts.guesses import Guesses
from governance.drafts.profiles import Profile
from governance.drafts.ways import FEW
from governance.mapping import is_time
from governance.tables import OUTCOMES

NO_TIME = "WHEN"  # in the place of a time that nothing in the log tells: a mistake until a person has written it
WIDTH = 80
LISTED = 60  # columns; chosen here: all of most logs
_MARGIN = 36  # where comments begin
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_WORDS = {"true", "false", "null", "yes", "no", "on", "off"}


def written(source: str, guesses: Guesses, found: Sequence[Profile]) -> Iterator[str]:
    """The lines of the file.

    Args:
        source: Name under which the records will be stored.
        guesses: What its columns may mean.
        found: What they look like.
    """
    yield f"source: {source}"
    if guesses.table != "requests":
        yield f"table: {guesses.table}"
    yield "columns:"
    yield from _unsaid(guesses) if guesses.table == "requests" else _unsaid_beside(guesses)
    for guess in guesses.columns:
        yield from _line(f"  {guess.canonical}: {_rule(guess.rule)}", guess.note)
        if guess.canonical == "cost_reported" and guesses.column_of("cost_currency") is None:
            yield from _line("  cost_currency: {constant: USD}", "the log does not say it")
    yield from _unsaid_good(guesses, found) if guesses.table == "requests" else _unsaid_positive(guesses, found)
    nulls = list(dict.fromkeys(null for profile in found for null in profile.nulls if null))
    if nulls:
        yield from _line(f"null_values: {_list(['', *nulls])}", "these say that nothing was logged")
    if guesses.subjects:
        yield "# protected attributes, kept apart from the inputs of the model"
        yield "subjects:"
        yield from (f"  {guess.canonical}: {_rule(guess.rule)}" for guess in guesses.subjects)
    if guesses.features:
        yield "# what the model was given; delete what it was not"
        yield from textwrap.wrap(f"features: {_list(guesses.features)}", WIDTH, subsequent_indent="  ", **_WHOLE_WORDS)
    if guesses.payloads:
        yield from textwrap.wrap(_BODIES + _KEPT, WIDTH, subsequent_indent="# ")
        yield f"payloads: {_value(guesses.payloads)}"
    for name in guesses.truths:
        yield f"# if {visible(name)} is what turned out to be true, say since when that is known:"
        own = _written(name)
        yield f"# outcomes: {{name: {own}, column: {own}, positive: VALUE, known: {{constant: {NO_TIME}}}}}"
    if guesses.left:
        yield from textwrap.wrap(f"# not used: {_left(guesses.left)}", WIDTH, subsequent_indent="#   ", **_WHOLE_WORDS)


_BODIES = "# what people and models wrote; only digest and length are stored, unless governance.toml says "
_KEPT = 'payloads = "keep"'
_WHOLE_WORDS: dict[str, Any] = {"break_long_words": False, "break_on_hyphens": False}


def _left(left: Mapping[str, str]) -> str:
    """Columns with which nothing is done, by why; of very many the first."""
    names: dict[str, list[str]] = {}
    for name, why in left.items():
        names.setdefault(why, []).append(visible(name))
    return "; ".join(
        ", ".join(own[:LISTED]) + (f" and {len(own) - LISTED:,} more" if len(own) > LISTED else "") + f" ({why})"
        for why, own in names.items()
    )


def _unsaid(guesses: Guesses) -> Iterator[str]:
    """What the log does not say, and a mapping should."""
    if guesses.column_of("request_id") is None:
        yield "  # no column is an id of each record; one is made of its content"
    if guesses.column_of("start_ts") is None:
        yield from _line(f"  start_ts: {{constant: {NO_TIME}}}", "such as 2026-07-01T00:00:00Z")
    if not guesses.names_model:
        yield from _line("  # model: {constant: NAME}", "the log does not say it; policies go by it")
    if not any(map(guesses.column_of, ("status", "http_status", "error_type"))):
        yield "  # nothing says whether a request failed: each will count as ok"


def _unsaid_good(guesses: Guesses, found: Sequence[Profile]) -> Iterator[str]:
    decision = guesses.column_of("decision")
    if decision is not None and guesses.column_of("favourable") is None:
        values = next(profile.values for profile in found if profile.name == decision)
        meant = ", ".join(f"{_written(value)}: true or false" for value in values)
        yield "  # which answers are good for the person? fairness needs it"
        yield f"  # favourable: {{column: {_written(decision)}, map: {{{meant}}}}}"


def _unsaid_beside(guesses: Guesses) -> Iterator[str]:
    """What a table beside the log must say, and does not."""
    times = [str(guess.rule["column"]) for guess in guesses.columns if is_time(guess.canonical, guesses.table)]
    note = f"which column says it? {times[0]} says another time" if times else "which column says it?"
    for name in guesses.missing:
        if is_time(name, guesses.table):
            yield from _line(f"  {name}: {{constant: {NO_TIME}}}", note)
        else:
            yield f"  # {name}: which column says it?"


def _unsaid_positive(guesses: Guesses, found: Sequence[Profile]) -> Iterator[str]:
    truth = guesses.column_of("value")
    values = next((profile.values for profile in found if profile.name == truth), ()) if truth else ()
    if guesses.table == OUTCOMES.name and guesses.column_of("positive") is None and 0 < len(values) <= FEW:
        meant = ", ".join(f"{_written(value)}: true or false" for value in values)
        yield "  # which of them is the positive class? error rates need it"
        yield f"  # positive: {{column: {_written(truth)}, map: {{{meant}}}}}"


def _line(line: str, note: str) -> Iterator[str]:
    """A line with its comment behind it, or before it where that would be too long."""
    beside = f"{line.ljust(_MARGIN)} # {visible(note)}"
    if not note or len(beside) <= WIDTH:
        yield beside if note else line
        return
    yield f"  # {visible(note)}:"
    yield line


def _rule(rule: Mapping[str, Any]) -> str:
    """A rule in one line; the column alone where nothing else is said."""
    return _written(rule["column"]) if rule.keys() == {"column"} else _value(rule)


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_written(key)}: {_value(meant)}" for key, meant in value.items()) + "}"
    return _list(value) if isinstance(value, list) else _written(value)


def _list(values: Sequence[Any]) -> str:
    return "[" + ", ".join(map(_written, values)) + "]"


def _written(value: Any) -> str:
    """A scalar of YAML: plain where nobody can misread it, else in quotes; a stranger wrote it."""
    if not isinstance(value, str):
        return json.dumps(value)
    if _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    quoted = json.dumps(value, ensure_ascii=False)
    return "".join(sign if sign.isprintable() else f"\\U{ord(sign):08x}" for sign in quoted)
