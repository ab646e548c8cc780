"""The tokens that a provider's own response body reports, in the inclusive convention.

Providers count differently; the canonical columns count one way (input holds what was read from or written to a cache,
output holds reasoning):

    flavour     input as reported      cached input                          reasoning
    openai      holds cached           prompt_tokens_details.cached_tokens   held by completion_tokens (but see below)
    responses   holds cached           input_tokens_details.cached_tokens    held by output_tokens
    anthropic   leaves cached out      cache_read_, cache_creation_input_..  held by output_tokens
    gemini      holds cached           cachedContentTokenCount               thoughtsTokenCount, beside the candidates
    bedrock     leaves cached out      cacheRead-, cacheWriteInputTokens     not reported
    cohere      holds cached           cached_tokens                         not reported

xAI leaves reasoning out of `completion_tokens`; its totals say so, and where total = prompt + completion + reasoning
the reasoning is added. Tokens that a model spent inside one call of the Anthropic API on compacting the conversation
or on another model (`usage.iterations`) are in none of the totals that it reports, and in none here.

Source: the response bodies and extractors of pydantic/genai-prices (prices/data.json, tests/dataset/usages.json).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, NamedTuple, assert_never

from governance.formats.conversions import look_up, number, whole


class Flavour(StrEnum):
    """The form of a response body."""

    OPENAI = "openai"
    RESPONSES = "responses"
    ANTHROPIC = "anthropic"
    GEMINI = "gemini"
    BEDROCK = "bedrock"
    COHERE = "cohere"


class Usage(NamedTuple):
    """Token counts of one response; None where the body does not report the figure.

    Attributes:
        input: Tokens in, cached ones included.
        cache_read: Of the input, those read from the provider's cache.
        cache_write: Of the input, those written to it.
        output: Tokens out, reasoning included.
        reasoning: Of the output, those spent on reasoning.
    """

    input: int | None
    cache_read: int | None
    cache_write: int | None
    output: int | None
    reasoning: int | None

    def columns(self) -> dict[str, int | None]:
        """The counts by canonical column of a request."""
        return {
            "input_tokens": self.input,
            "cache_read_tokens": self.cache_read,
            "cache_write_tokens": self.cache_write,
            "output_tokens": self.output,
            "reasoning_tokens": self.reasoning,
        }


NO_USAGE = Usage(None, None, None, None, None)
_SIGNS = (  # the first that a body has
    (Flavour.GEMINI, ("usageMetadata", "promptTokenCount")),
    (Flavour.GEMINI, ("usageMetadata", "totalTokenCount")),
    (Flavour.BEDROCK, ("usage", "inputTokens")),
    (Flavour.OPENAI, ("usage", "prompt_tokens")),
    (Flavour.COHERE, ("usage", "tokens")),
    (Flavour.COHERE, ("usage", "billed_units")),
    (Flavour.COHERE, ("meta", "billed_units")),
    (Flavour.RESPONSES, ("usage", "input_tokens_details")),
    (Flavour.RESPONSES, ("usage", "total_tokens")),
    (Flavour.ANTHROPIC, ("usage", "input_tokens")),
)


def flavour_of(body: object) -> Flavour | None:
    """The form of a response body by the names in its usage, or None where it reports none."""
    return next((flavour for flavour, path in _SIGNS if look_up(body, path) is not None), None)


def usage(body: Mapping[str, Any], flavour: Flavour) -> Usage:
    """The token counts of a response body.

    Args:
        body: What the provider answered, decoded.
        flavour: Its form, as `flavour_of` tells it.

    Returns:
        Counts in the inclusive convention.

    Raises:
        UnreadableError: A count is no whole number.
    """
    match flavour:
        case Flavour.OPENAI:
            return _openai(_Counts(body, "usage"))
        case Flavour.RESPONSES:
            return _responses(_Counts(body, "usage"))
        case Flavour.ANTHROPIC:
            return _anthropic(_Counts(body, "usage"))
        case Flavour.GEMINI:
            return _gemini(_Counts(body, "usageMetadata"))
        case Flavour.BEDROCK:
            return _bedrock(_Counts(body, "usage"))
        case Flavour.COHERE:
            return _cohere(body)
        case _:
            assert_never(flavour)


def reported_usage(body: object) -> Usage:
    """The token counts of a response body of whichever form; all None where it reports none."""
    flavour = flavour_of(body)
    return usage(body, flavour) if flavour and isinstance(body, Mapping) else NO_USAGE


class _Counts:
    """The counts under one member of a body."""

    def __init__(self, body: Mapping[str, Any], root: str) -> None:
        self._root = root
        self._counts = body.get(root)

    def of(self, *paths: str) -> int | None:
        """The first count that is reported under one of the dotted paths; a negative one is none."""
        for path in paths:
            value = look_up(self._counts, path.split("."))
            if value is not None:
                count = number(value, f"{self._root}.{path}")
                return None if count.is_nan() or count < 0 else whole(count, f"{self._root}.{path}")
        return None


def _sum(*counts: int | None) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


def _openai(counts: _Counts) -> Usage:
    tokens_out = counts.of("completion_tokens")
    reasoning = counts.of("completion_tokens_details.reasoning_tokens", "reasoning_tokens")
    total, tokens_in = counts.of("total_tokens"), counts.of("prompt_tokens")
    if reasoning and total == _sum(tokens_in, tokens_out, reasoning):
        tokens_out = _sum(tokens_out, reasoning)
    cached = counts.of(
        "prompt_tokens_details.cached_tokens",
        "prompt_cache_hit_tokens",  # DeepSeek
        "num_cached_tokens",  # Mistral
        "cached_prompt_text_tokens",  # xAI, older
        "cached_tokens",  # Moonshot, Together
    )
    written = counts.of("prompt_tokens_details.cache_write_tokens", "cache_creation_input_tokens")
    return Usage(tokens_in, cached, written, tokens_out, reasoning)


def _responses(counts: _Counts) -> Usage:
    return Usage(
        counts.of("input_tokens"),
        counts.of("input_tokens_details.cached_tokens"),
        counts.of("input_tokens_details.cache_write_tokens"),
        counts.of("output_tokens"),
        counts.of("output_tokens_details.reasoning_tokens"),
    )


def _anthropic(counts: _Counts) -> Usage:
    read, written = counts.of("cache_read_input_tokens"), counts.of("cache_creation_input_tokens")
    tokens_in = _sum(counts.of("input_tokens"), read, written)
    reasoning = counts.of("output_tokens_details.thinking_tokens")
    return Usage(tokens_in, read, written, counts.of("output_tokens"), reasoning)


def _gemini(counts: _Counts) -> Usage:
    reasoning = counts.of("thoughtsTokenCount")
    return Usage(
        _sum(counts.of("promptTokenCount"), counts.of("toolUsePromptTokenCount")),
        counts.of("cachedContentTokenCount"),
        None,
        _sum(counts.of("candidatesTokenCount", "responseTokenCount"), reasoning),
        reasoning,
    )


def _bedrock(counts: _Counts) -> Usage:
    read = counts.of("cacheReadInputTokens", "cacheReadInputTokenCount")
    written = counts.of("cacheWriteInputTokens", "cacheWriteInputTokenCount")
    return Usage(_sum(counts.of("inputTokens"), read, written), read, written, counts.of("outputTokens"), None)


def _cohere(body: Mapping[str, Any]) -> Usage:
    """Cohere bills other counts than it reads; what was read is what the other providers count too."""
    counts = _Counts(body, "usage" if "usage" in body else "meta")
    tokens_in = counts.of("tokens.input_tokens", "billed_units.input_tokens")
    tokens_out = counts.of("tokens.output_tokens", "billed_units.output_tokens")
    return Usage(tokens_in, counts.of("cached_tokens"), None, tokens_out, None)
