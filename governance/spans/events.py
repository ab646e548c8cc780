"""Prompts and answers that instrumentations log as events: of a span, then as its attributes, or among the logs.

    gen_ai.client.inference.operation.details   current conventions: all attributes of the request, bodies among them
    gen_ai.{system,user,assistant,tool}.message, gen_ai.choice      1.36 and older: one event for each message
    gen_ai.content.prompt, gen_ai.content.completion                before that: one event for each body
    exception                                                       of any span

The content of a message is in the attributes of its event, or as JSON in `gen_ai.event.content` (Azure's SDKs).

Source: open-telemetry/semantic-conventions-genai model/gen-ai/events.yaml; model/gen-ai/deprecated.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from governance.formats.conversions import decode_json
from governance.formats.llm_requests import body_text
from governance.formats.protojson import attributes

DETAILS = "gen_ai.client.inference.operation.details"
CHOICE = "gen_ai.choice"
ROLES = {f"gen_ai.{role}.message": role for role in ("system", "user", "assistant", "tool")}
WHOLE = frozenset({DETAILS, "gen_ai.content.prompt", "gen_ai.content.completion", "exception"})
TELLING = WHOLE | ROLES.keys() | {CHOICE, "gen_ai.evaluation.result"}  # spans with such events are read one by one
ASKED, ANSWERED = "gen_ai.input.messages", "gen_ai.output.messages"
_CONTENT = "gen_ai.event.content"
_ABOUT_A_MESSAGE = frozenset({"role", "index", "finish_reason", "id", "name"})  # logged also without its content
_OF_ALL = frozenset({"gen_ai.system", "gen_ai.provider.name", "event.name", _CONTENT})  # no part of a message


def told_in_events(events: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """What events of one span say of it, under the names of attributes.

    Args:
        events: As logged.

    Raises:
        UnreadableError: The attributes of an event are not formed as the specification says.
    """
    found: dict[str, Any] = {}
    messages: dict[str, list[Any]] = {}
    for event in events:
        name = event.get("name")
        if not isinstance(name, str):
            continue
        if name in WHOLE:
            found = attributes(event.get("attributes")) | found
        elif name in ROLES or name == CHOICE:
            said = message_of(name, attributes(event.get("attributes")))
            messages.setdefault(ANSWERED if name == CHOICE else ASKED, []).append(said)
    return messages | found


def message_said(event: str, own: Mapping[str, Any]) -> str | None:
    """A message that was logged by itself, as JSON; None where its content was not captured.

    Args:
        event: Name of the event.
        own: Its attributes and body.
    """
    said = message_of(event, own)
    inner = said.get("message") if isinstance(said.get("message"), Mapping) else {}
    told = {name for holder in (said, inner) for name, value in holder.items() if value not in (None, "", [], {})}
    return body_text(said) if told - _ABOUT_A_MESSAGE - {"message"} else None


def message_of(event: str, own: Mapping[str, Any]) -> Any:
    """One message of a prompt, or one choice of an answer.

    Args:
        event: Name of the event.
        own: Its attributes, or its body.
    """
    said: Any = {name: value for name, value in own.items() if name not in _OF_ALL}
    content = own.get(_CONTENT)
    if isinstance(content, str):
        try:
            content = decode_json(content)
        except ValueError:
            content = {"content": content}
    if isinstance(content, Mapping):
        said |= content
    return said if event == CHOICE else {"role": ROLES[event]} | said
