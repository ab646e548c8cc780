"""Usage of provider bodies against what pydantic/genai-prices extracts from the same real responses."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from governance.formats.provider_usage import NO_USAGE, Flavour, Usage, flavour_of, reported_usage, usage
from governance.formats.rows import UnreadableError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

# The extractor of the provider whose own API has the form (the oracle runs every extractor that fits on every body)
ORACLES = {
    Flavour.OPENAI: (("openai", "chat"), ("openai", "embeddings")),
    Flavour.RESPONSES: (("openai", "responses"),),
    Flavour.ANTHROPIC: (("anthropic", "default"),),
    Flavour.GEMINI: (("google", "default"),),
    Flavour.BEDROCK: (("aws", "default"),),
    Flavour.COHERE: (("cohere", "tokens"), ("cohere", "embeddings")),
}
NAMES = {
    "input": "input_tokens",
    "cache_read": "cache_read_tokens",
    "cache_write": "cache_write_tokens",
    "output": "output_tokens",
    "reasoning": "output_reasoning_tokens",
}
# The one kind of difference: Mistral's own name for cached tokens, which no extractor of the oracle reads
MISTRAL_CACHED = "num_cached_tokens"


def records(shared_data: Callable[[str], Path]) -> list[dict[str, Any]]:
    with gzip.open(shared_data("cost/provider_usages_dev.jsonl.gz"), "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def extracted(record: dict[str, Any], flavour: Flavour) -> dict[str, int] | None:
    """What the oracle's extractor for the flavour reads; it leaves zeros out."""
    for oracle in ORACLES[flavour]:
        for found in record["extracted"]:
            if oracle in {(item["provider_id"], item["api_flavor"]) for item in found["extractors"]}:
                counts: dict[str, int] = found["usage"]
                return counts
    return None


def test_real_bodies_say_what_the_oracle_extracts(shared_data: Callable[[str], Path]) -> None:
    """612 bodies: each count is the oracle's; a zero that the body reports is 0 here and left out there."""
    met: Counter[str] = Counter()
    differences: Counter[str] = Counter()
    for record in records(shared_data):
        flavour = flavour_of(record["body"])
        assert flavour is not None, record
        met[flavour] += 1
        ours = usage(record["body"], flavour)._asdict()
        theirs = extracted(record, flavour)
        assert theirs is not None, record
        for name, column in NAMES.items():
            if (ours[name] or 0) != theirs.get(column, 0):
                assert (name, ours[name]) == ("cache_read", record["body"]["usage"].get(MISTRAL_CACHED)), record
                differences[record["model"]] += 1
    assert met == {"openai": 162, "responses": 97, "anthropic": 111, "gemini": 155, "bedrock": 83, "cohere": 4}
    assert differences == {"mistral-large-latest": 4, "mistral-medium-latest": 3}


@pytest.mark.parametrize(
    ("body", "flavour", "expected"),
    [
        pytest.param(
            {"usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}},
            Flavour.OPENAI,
            Usage(10, None, None, 5, None),
            id="what is not reported is unknown, not zero",
        ),
        pytest.param(
            {
                "usage": {
                    "prompt_tokens": 10,
                    "completion_tokens": 5,
                    "total_tokens": 22,
                    "completion_tokens_details": {"reasoning_tokens": 7},
                }
            },
            Flavour.OPENAI,
            Usage(10, None, None, 12, 7),
            id="xAI counts reasoning beside completion",
        ),
        pytest.param(
            {
                "usage": {
                    "prompt_tokens": 10,
                    "completion_tokens": 12,
                    "total_tokens": 22,
                    "completion_tokens_details": {"reasoning_tokens": 7},
                }
            },
            Flavour.OPENAI,
            Usage(10, None, None, 12, 7),
            id="OpenAI counts it inside",
        ),
        pytest.param(
            {"usage": {"input_tokens": 3, "cache_read_input_tokens": 7, "cache_creation_input_tokens": 0}},
            Flavour.ANTHROPIC,
            Usage(10, 7, 0, None, None),
            id="Anthropic leaves cached tokens out",
        ),
        pytest.param(
            {"usageMetadata": {"promptTokenCount": 8, "toolUsePromptTokenCount": 2, "thoughtsTokenCount": 4}},
            Flavour.GEMINI,
            Usage(10, None, None, 4, 4),
            id="Gemini counts tools and thoughts apart",
        ),
        pytest.param(
            {"usage": {"tokens": {"input_tokens": 9, "output_tokens": 2}, "billed_units": {"input_tokens": 4}}},
            Flavour.COHERE,
            Usage(9, None, None, 2, None),
            id="Cohere bills fewer than it reads",
        ),
    ],
)
def test_each_convention_becomes_the_inclusive_one(body: dict[str, Any], flavour: Flavour, expected: Usage) -> None:
    assert flavour_of(body) is flavour
    assert usage(body, flavour) == reported_usage(body) == expected


@pytest.mark.parametrize("body", [None, [], "x", {}, {"usage": None}, {"usage": {}}, {"usage": {"cost": 1}}])
def test_a_body_without_usage_has_none(body: object) -> None:
    assert flavour_of(body) is None
    assert reported_usage(body) == NO_USAGE


@pytest.mark.parametrize("count", [-1, float("nan"), "NaN"])
def test_a_count_that_is_none_is_unknown(count: object) -> None:
    assert reported_usage({"usage": {"prompt_tokens": count}}).input is None


def test_half_a_token_is_refused() -> None:
    with pytest.raises(UnreadableError, match=r"usage\.prompt_tokens is not a whole number"):
        reported_usage({"usage": {"prompt_tokens": 0.5}})


def test_counts_name_their_columns() -> None:
    assert Usage(1, 2, 3, 4, 5).columns() == {
        "input_tokens": 1,
        "cache_read_tokens": 2,
        "cache_write_tokens": 3,
        "output_tokens": 4,
        "reasoning_tokens": 5,
    }
