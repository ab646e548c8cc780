"""What every log of model requests has, whatever its format: tokens, a status, sampling parameters, bodies."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from governance.formats.conversions import as_text, canonical_json, clean, payload_state, sha256_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from governance.formats.fields import Fields
    from governance.formats.rows import Row

TOKEN_COLUMNS = ("input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens")
STATUS_WORDS = (  # in the order in which they are looked for in the class of an error
    ("timeout", ("timeout", "timedout", "timed_out", "deadline")),
    ("cancelled", ("cancel", "aborted")),
    ("blocked", ("contentpolicy", "content_policy", "content_filter", "contentfilter", "guardrail")),
)
# names of providers in old conventions, OpenInference and LiteLLM -> the current names of the GenAI conventions
PROVIDERS = {
    "aws": "aws.bedrock",
    "az.ai.inference": "azure.ai.inference",
    "az.ai.openai": "azure.ai.openai",
    "azure": "azure.ai.openai",
    "azure_ai": "azure.ai.inference",
    "bedrock": "aws.bedrock",
    "gemini": "gcp.gemini",
    "google": "gcp.gen_ai",
    "mistral": "mistral_ai",
    "mistralai": "mistral_ai",
    "vertex_ai": "gcp.vertex_ai",
    "vertexai": "gcp.vertex_ai",
    "xai": "x_ai",
}
PARAMETER = "parameters."  # before the name of a column that holds one
TIMEOUT_CODES = (408, 504)  # RFC 9110: Request Timeout, Gateway Timeout
HTTP_CODES = range(100, 600)
HTTP_ERROR = 400


def token_flags(row: Row, reported_total: int | None) -> set[str]:
    """What does not add up in the token counts of a request row."""
    taken = [row.get(column) for column in TOKEN_COLUMNS]
    tokens_in, cache_read, cache_write, tokens_out, reasoning = taken
    flags = set()
    if tokens_in is not None and (cache_read or 0) + (cache_write or 0) > tokens_in:
        flags.add("cache_exceeds_input")
    if tokens_out is not None and (reasoning or 0) > tokens_out:
        flags.add("reasoning_exceeds_output")
    if tokens_in is not None and tokens_out is not None and reported_total not in {None, tokens_in + tokens_out}:
        flags.add("total_differs")
    return flags


def http_status(*candidates: object) -> int | None:
    """The first candidate that is an HTTP status code, as number or text."""
    for candidate in candidates:
        written = as_text(candidate).strip() if candidate is not None else ""
        if re.fullmatch(r"\d{3}", written, re.ASCII) and int(written) in HTTP_CODES:
            return int(written)
    return None


def error_status(error_type: str | None, code: int | None) -> str:
    """The status of a failed request: timeout, cancelled, blocked or error, by the class of its error and HTTP code."""
    if code in TIMEOUT_CODES:
        return "timeout"
    name = (error_type or "").lower()
    return next((status for status, words in STATUS_WORDS if any(word in name for word in words)), "error")


def provider_name(name: str | None, system: str | None = None) -> str | None:
    """The provider under its name in the current GenAI conventions, so that formats agree; an unknown one as logged.

    Args:
        name: As logged.
        system: The model family's own provider, which tells Vertex AI from other services of Google.
    """
    if name == "google" and system in PROVIDERS:
        name = system
    return None if name is None else PROVIDERS.get(name.lower(), name)


def parameter_names(names: Mapping[str, Iterable[str]], within: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """The names of sampling parameters as columns of an alias table, `#path` ones inside each key of `within`."""
    keys = tuple(within)
    return {
        PARAMETER + parameter: tuple(
            key for name in written for key in ([at + name for at in keys] if name[0] == "#" else [name])
        )
        for parameter, written in names.items()
    }


def sampling_parameters(fields: Fields, parameters: Iterable[str]) -> dict[str, str] | None:
    """The sampling parameters as text, each under one name; null where none is logged.

    Args:
        fields: The record, with an alias table that holds `parameter_names`.
        parameters: Which to read.
    """
    found: dict[str, str] = {}
    for parameter in parameters:
        if (value := fields.raw(PARAMETER + parameter)) is not None:
            found[parameter] = fields.cleaned(parameter_text(parameter, value), parameter)
    return found or None


def parameter_text(parameter: str, value: object) -> str:
    """The value of a sampling parameter as text."""
    if parameter == "stop" and not isinstance(value, list):
        value = [value]  # APIs take one text or a list of them for the same thing
    return as_text(value)


class Bodies:
    """The payload rows of one request, and the states that its own row names.

    Args:
        request_uid: The request.
        start_ts: When it started.

    Attributes:
        columns: The columns that the rows have.
        rows: The rows added so far.
        flags: What was odd in them: nul_removed.
    """

    columns = ("payload_id", "request_uid", "start_ts", "role", "body", "bytes", "sha256", "state")

    def __init__(self, request_uid: str, start_ts: datetime) -> None:
        self.rows: list[Row] = []
        self.flags: set[str] = set()
        self._request_uid = request_uid
        self._start_ts = start_ts

    def add(self, role: str, body: str | None) -> str:
        """Adds a body, where there is one.

        Returns:
            Its state: complete, truncated, redacted or absent.
        """
        if not body:
            return "absent"
        cleaned = clean(body, role)
        if cleaned != body:
            self.flags.add("nul_removed")
            body = cleaned
        state = payload_state(body)
        row = {
            "payload_id": f"{self._request_uid}#{role}",
            "request_uid": self._request_uid,
            "start_ts": self._start_ts,
            "role": role,
            "body": body,
            "bytes": len(body.encode()),
            "sha256": sha256_of(body),
            "state": state,
        }
        self.rows.append(row)
        return state


def body_text(value: object) -> str | None:
    """A prompt or response body as text: text as it is, anything else as JSON; null where it is empty."""
    if value is None or value in ("", [], {}):
        return None
    if isinstance(value, str):
        return None if value.strip() in {"", "{}", "[]", "null"} else value
    return canonical_json(value)
