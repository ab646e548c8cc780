"""Price tables in the form of LiteLLM's model_prices_and_context_window.json: one object, model name -> prices.

    {"gpt-4o": {"litellm_provider": "openai", "input_cost_per_token": 2.5e-06, "output_cost_per_token": 1e-05,
                "input_cost_per_token_batches": 1.25e-06, "input_cost_per_token_above_200k_tokens": ...}}

The name is a model as logged, or the provider and the model with a slash between. Prices are USD per token; the suffix
`_above_<n>k_tokens` counts for the whole request when it has more tokens in, `_batches`, `_flex` and `_priority` for
that service tier. The form has no dates: `price add --valid-from` says from when the file holds.

Where every price of a model is 0 the form does not tell free from unknown: the model is unpriced. What is kept in a
cache for an hour is charged like what is kept for minutes, because logs do not tell them apart.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from governance.prices.pricing import STANDARD, PriceRow, Unpriced, usd

SAMPLE = "sample_spec"  # an entry that describes the form
UNITS = {
    "input_cost_per_token": "input",
    "cache_read_input_token_cost": "cache_read",
    "input_cost_per_token_cache_hit": "cache_read",  # DeepSeek, older
    "cache_creation_input_token_cost": "cache_write",
    "input_cost_per_audio_token": "input_audio",
    "cache_read_input_token_cost_per_audio_token": "cache_audio_read",
    "cache_read_input_audio_token_cost": "cache_audio_read",  # older
    "output_cost_per_token": "output",
    "output_cost_per_reasoning_token": "reasoning",
    "output_cost_per_audio_token": "output_audio",
}
TIERS = {None: STANDARD, "batches": "batch", "flex": "flex", "priority": "priority"}
PROVIDERS = {  # as the store calls them -> as the form begins their names
    "aws.bedrock": ("bedrock",),
    "azure.ai.inference": ("azure_ai",),
    "azure.ai.openai": ("azure",),
    "gcp.gemini": ("gemini",),
    "gcp.gen_ai": ("gemini", "vertex_ai"),
    "gcp.vertex_ai": ("vertex_ai",),
    "mistral_ai": ("mistral",),
    "x_ai": ("xai",),
}
_KEY = re.compile(
    rf"(?P<unit>{'|'.join(sorted(UNITS, key=len, reverse=True))})"
    r"(?:_above_(?P<thousands>[0-9]{1,6})k_tokens)?(?:_(?P<tier>batches|flex|priority))?"
)
_PER_REQUEST = "input_cost_per_request"
_MILLION = 10**6


class LitellmPrices:
    """One table of this form.

    Args:
        content: The decoded JSON, its numbers decimals.
        name: Put before each price id.

    Raises:
        SourceError: A price is no number.
    """

    def __init__(self, content: Mapping[str, Any], name: str) -> None:
        self._entries = {
            key: tuple(_rows(key, entry, name))
            for key, entry in content.items()
            if key != SAMPLE and isinstance(entry, Mapping)
        }

    def rows(self) -> list[PriceRow]:
        """Every row, in the order of the file."""
        return [row for rows in self._entries.values() for row in rows]

    def of(self, provider: str | None, model: str, service_tier: str) -> tuple[PriceRow, ...] | Unpriced:
        """The rows of a model, or why there are none.

        Args:
            provider: As the store or the table calls it; None takes the entry of that very name.
            model: As logged.
            service_tier: standard, batch, flex or priority.
        """
        found = next((rows for key in _names(provider, model) if (rows := self._entry(provider, key))), None)
        if found is None:
            of = f" of {provider}" if provider else ""
            return Unpriced(f"the price table has no token price of a model '{model}'{of}")
        own = tuple(row for row in found if row.service_tier == service_tier)
        if not own:
            return Unpriced(f"the price table has no price of {found[0].model} for the service tier '{service_tier}'")
        if not any(price for row in found for price in (*row.prices.values(), row.per_request)):
            return Unpriced(f"every price of {found[0].model} is 0, which in this form can mean unknown")
        return own

    def _entry(self, provider: str | None, key: str) -> tuple[PriceRow, ...] | None:
        rows = self._entries.get(key) or None
        if rows is None or provider is None:
            return rows
        return rows if _is_of(rows[0].provider, PROVIDERS.get(provider, (provider,))) else None


def _names(provider: str | None, model: str) -> list[str]:
    """The names under which a model may stand, the most exact first."""
    prefixes = PROVIDERS.get(provider, (provider,)) if provider else ()
    return [*(f"{prefix}/{model}" for prefix in prefixes), model, *(model.removeprefix(f"{p}/") for p in prefixes)]


def _is_of(entry_provider: str, names: tuple[str, ...]) -> bool:
    """Whether an entry is of a provider: `bedrock_converse` is Bedrock, `vertex_ai-language-models` is Vertex AI."""
    return any(entry_provider == name or re.match(rf"{re.escape(name)}[-_]", entry_provider) for name in names)


def _rows(key: str, entry: Mapping[str, Any], table: str) -> Iterator[PriceRow]:
    """The rows of an entry: for each service tier the base, then what counts above some number of tokens."""
    base: dict[str, dict[str, Decimal]] = defaultdict(dict)
    above: dict[tuple[str, int], dict[str, Decimal]] = {}
    for name, value in entry.items():
        match = _KEY.fullmatch(name)
        if match is None or value is None:
            continue
        tier, price = TIERS[match["tier"]], usd(value, key, _MILLION)
        if match["thousands"]:
            above.setdefault((tier, int(match["thousands"]) * 1000), {})[UNITS[match["unit"]]] = price
        else:
            base[tier][UNITS[match["unit"]]] = price
    per_request = usd(entry.get(_PER_REQUEST) or Decimal(0), key)
    provider = str(entry.get("litellm_provider") or "")
    for tier, prices in base.items():
        name = f"{table}:{key}" + ("" if tier == STANDARD else f"@{tier}")
        yield PriceRow(name, provider, key, prices, service_tier=tier, per_request=per_request)
        higher = dict(prices)
        for over in sorted(start for of, start in above if of == tier):
            higher |= above[tier, over]
            yield PriceRow(
                f"{name}>{over}",
                provider,
                key,
                dict(higher),
                service_tier=tier,
                per_request=per_request,
                over_tokens=over,
            )
