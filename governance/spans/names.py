"""What the attributes and events of spans are called, ready for look-up."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from governance.formats.conversions import NS_PER_US
from governance.formats.fields import Aliases
from governance.formats.genai_names import FLATTENED, INVOCATION, OTHER_NAMES, PARAMETERS, TEXT_NAMES, TOKEN_NAMES
from governance.formats.llm_requests import parameter_names
from governance.formats.protojson import events, member
from governance.formats.times import nanoseconds

ALIASES = Aliases(TEXT_NAMES | TOKEN_NAMES | OTHER_NAMES | parameter_names(PARAMETERS, INVOCATION))
FIRST_TOKEN_EVENTS = ("First Token Stream Event", "ai.stream.firstChunk")
INSTRUCTIONS, MESSAGES = "gen_ai.system_instructions", "gen_ai.input.messages"
WHOLE_REQUESTS = ("input.value", "input")  # the conventions keep the instructions of the system apart

# A body that is flattened into attributes has its number behind one of these names
PARTS = {column: re.compile(rf"(?:{'|'.join(map(re.escape, starts))})\d") for column, starts in FLATTENED.items()}


def is_encoded(key: str) -> bool:
    """Whether the attribute is JSON text even where it stands for a plain text or number."""
    return key.startswith("mlflow.")


def first_token_us(span: Mapping[str, Any], start: int) -> int | None:
    """Microseconds from the start of a span, in nanoseconds, to its event of the first token.

    Raises:
        UnreadableError: The event has no readable time.
    """
    for event in events(span):
        if event.get("name") in FIRST_TOKEN_EVENTS:
            at = nanoseconds(member(event, "timeUnixNano"), "timeUnixNano")
            return None if at is None or at < start else (at - start) // NS_PER_US
    return None
