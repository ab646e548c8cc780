"""Price tables in the form of pydantic/genai-prices: providers > models > prices, with clauses that match names.

    [{"id": "mistral", "provider_match": CLAUSE?, "model_match": CLAUSE?, "fallback_model_providers": [ID]?,
      "models": [{"id": "mistral-large", "match": CLAUSE,
                  "prices": PRICES or [{"constraint": WHEN?, "prices": PRICES}]}]}]

    CLAUSE  {"equals" | "starts_with" | "ends_with" | "contains" | "regex": TEXT} or {"or" | "and": [CLAUSE]}
    PRICES  {"input_mtok": 2, "output_mtok": {"base": 6, "tiers": [{"start": 200000, "price": 9}]}, ...}
    WHEN    {"start_date": DAY} or {"start_time": TIME, "end_time": TIME}

A tier counts for the whole request when it has more tokens in than `start`. Of several dated prices the last that holds
counts, else the first. Names are compared without regard to case. The form has no prices for batch or other tiers.

Source: prices/data.schema.json and the behaviour that tests/dataset/usages.json records.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

from governance.errors import SourceError
from governance.prices.pricing import STANDARD, PriceRow, Unpriced, usd

UNITS = {  # of the form -> ours; others (searches, pages, seconds) are nothing that a log of tokens tells
    "input_mtok": "input",
    "cache_read_mtok": "cache_read",
    "cache_write_mtok": "cache_write",
    "input_audio_mtok": "input_audio",
    "cache_audio_read_mtok": "cache_audio_read",
    "output_mtok": "output",
    "output_reasoning_mtok": "reasoning",
    "output_audio_mtok": "output_audio",
}
PER_REQUEST = "requests_kcount"  # USD per thousand requests
PROVIDERS = {  # as the store calls them -> as the form does, where its own clauses do not tell
    "aws.bedrock": "aws",
    "azure.ai.inference": "azure",
    "azure.ai.openai": "azure",
    "gcp.gemini": "google",
    "gcp.gen_ai": "google",
    "gcp.vertex_ai": "google",
    "mistral_ai": "mistral",
    "x_ai": "x-ai",
}
_HINT = "the form is that of prices/data.json of pydantic/genai-prices"
_START_DIGITS = 12  # chosen here: no request has so many tokens
_DEPTH = 8  # chosen here: of clauses inside clauses; real ones have two


class GenaiPrices:
    """One table of this form.

    Args:
        content: The decoded JSON, its numbers decimals.
        name: Put before each price id.

    Raises:
        SourceError: A price, clause or condition is of no known form.
    """

    def __init__(self, content: Sequence[Mapping[str, Any]], name: str) -> None:
        for provider in content:
            _check(provider)
        self._providers = {str(provider["id"]): provider for provider in content}
        self._rows = {
            (provider_id, str(model["id"])): tuple(_model_rows(provider_id, model, name))
            for provider_id, provider in self._providers.items()
            for model in provider["models"]
        }

    def rows(self) -> list[PriceRow]:
        """Every row, in the order of the file."""
        return [row for rows in self._rows.values() for row in rows]

    def of(self, provider: str | None, model: str, service_tier: str) -> tuple[PriceRow, ...] | Unpriced:
        """The rows of a model, or why there are none.

        Args:
            provider: As the store or the table calls it; None takes the provider whose clause matches the model.
            model: As logged.
            service_tier: Only `standard` has prices in this form.
        """
        known = self._provider(provider, model)
        if known is None:
            return Unpriced(f"the price table has no provider '{provider}'" if provider else "no provider is logged")
        found = self._model(known, model)
        if found is None:
            return Unpriced(f"the price table has no model '{model}' of {known}")
        if service_tier != STANDARD:
            return Unpriced(f"the price table has no price of {found[0].model} for the service tier '{service_tier}'")
        return (
            found if any(row.prices or row.per_request for row in found) else Unpriced("the model has no token price")
        )

    def _provider(self, provider: str | None, model: str) -> str | None:
        if provider is None:
            return self._matching("model_match", model)
        named = PROVIDERS.get(provider, provider)
        return named if named in self._providers else self._matching("provider_match", named)

    def _matching(self, clause: str, name: str) -> str | None:
        items = self._providers.items()
        return next((key for key, found in items if clause in found and matches(found[clause], name)), None)

    def _model(self, provider: str, model: str) -> tuple[PriceRow, ...] | None:
        others = self._providers[provider].get("fallback_model_providers") or ()
        for key in (provider, *(str(other) for other in others if other in self._providers)):
            for found in self._providers[key]["models"]:
                if matches(found["match"], model):
                    return self._rows[key, str(found["id"])]
        return None


def matches(clause: Mapping[str, Any], name: str) -> bool:
    """Whether a name fits a clause, in whatever case."""
    kind, wanted = next(iter(clause.items()))
    if kind in ("or", "and"):
        return (any if kind == "or" else all)(matches(part, name) for part in wanted)
    return _TRIALS[kind](name.lower(), wanted if kind == "regex" else wanted.lower())


_TRIALS: Mapping[str, Callable[[str, str], bool]] = {
    "equals": str.__eq__,
    "starts_with": str.startswith,
    "ends_with": str.endswith,
    "contains": str.__contains__,
    "regex": lambda name, wanted: re.search(wanted, name, re.IGNORECASE) is not None,
}


def _check(provider: Mapping[str, Any]) -> None:
    """Refuses a provider without an id or models, and clauses that nobody could match."""
    try:
        where, models = str(provider["id"]), provider["models"]
        clauses = [provider[key] for key in ("model_match", "provider_match") if provider.get(key) is not None]
        clauses += [model["match"] for model in models if model["id"] and model["prices"] is not None]
    except (KeyError, TypeError) as error:
        raise SourceError("a provider lacks id or models, or a model id, match or prices", hint=_HINT) from error
    for clause in clauses:
        _check_clause(clause, where, _DEPTH)


def _check_clause(clause: Any, where: str, depth: int) -> None:
    kind, wanted = next(iter(clause.items()), ("", None)) if isinstance(clause, Mapping) else ("", None)
    if kind in ("or", "and") and isinstance(wanted, Sequence) and depth:
        for part in wanted:
            _check_clause(part, where, depth - 1)
        return
    if kind not in _TRIALS or not isinstance(wanted, str) or len(clause) != 1:
        raise SourceError(f"no such clause: {str(clause)[:80]}", where=where, hint=_HINT)
    try:
        re.compile(wanted if kind == "regex" else "")
    except re.error as error:
        raise SourceError(f"no regular expression: {wanted[:80]}", where=where) from error


def _model_rows(provider: str, model: Mapping[str, Any], table: str) -> Iterator[PriceRow]:
    """The rows of a model: each condition in turn, each followed by its tiers, so that the last that holds counts."""
    where = f"{provider}/{model['id']}"
    found = model["prices"]
    for place, item in enumerate(found if isinstance(found, list) else [{"prices": found}]):
        if not isinstance(item, Mapping) or not isinstance(item.get("prices"), Mapping):
            raise SourceError("the prices are no object", where=where, hint=_HINT)
        valid_from, daily = _condition(item.get("constraint") or {}, where) if place else (None, None)
        condition = f"#{place}" if place else ""
        for over in (None, *_starts(item["prices"], where)):
            yield PriceRow(
                price_id=f"{table}:{where}{condition}" + ("" if over is None else f">{over}"),
                provider=provider,
                model=str(model["id"]),
                prices={
                    unit: usd(_rate(item["prices"][key], over), where)
                    for key, unit in UNITS.items()
                    if item["prices"].get(key) is not None
                },
                per_request=usd(item["prices"].get(PER_REQUEST) or Decimal(0), where) / 1000,
                over_tokens=over,
                valid_from=valid_from,
                daily=daily,
            )


def _starts(prices: Mapping[str, Any], where: str) -> list[int]:
    """Numbers of tokens above which another price counts."""
    try:
        tiers = [tier for price in prices.values() if isinstance(price, Mapping) for tier in price["tiers"]]
        starts = {tier["start"] for tier in tiers}
        if any(start.adjusted() >= _START_DIGITS or start != start.to_integral_value() for start in starts):
            raise SourceError("a tier starts at no number of tokens", where=where, hint=_HINT)
        return sorted(int(start) for start in starts)
    except (KeyError, TypeError, AttributeError) as error:
        raise SourceError("a tier lacks start or price", where=where, hint=_HINT) from error


def _rate(price: Any, over: int | None) -> Any:
    """The price of a unit for requests with more tokens in than `over`."""
    if not isinstance(price, Mapping):
        return price
    passed = [tier for tier in price["tiers"] if over is not None and tier["start"] <= over]
    return max(passed, key=lambda tier: Decimal(tier["start"]))["price"] if passed else price.get("base")


def _condition(when: Mapping[str, Any], where: str) -> tuple[datetime | None, tuple[time, time] | None]:
    """From when a price counts, and at which hours."""
    try:
        if set(when) <= {"start_date"}:
            day = date.fromisoformat(when["start_date"]) if when else None
            return (None if day is None else datetime.combine(day, time(), UTC)), None
        if set(when) == {"start_time", "end_time"}:
            return None, (_hour(when["start_time"]), _hour(when["end_time"]))
    except (TypeError, ValueError) as error:
        raise SourceError(f"no date or time: {str(dict(when))[:80]}", where=where, hint=_HINT) from error
    raise SourceError(f"no such condition: {str(dict(when))[:80]}", where=where, hint=_HINT)


def _hour(text: str) -> time:
    """A time of day in UTC; one without a zone is taken as UTC."""
    read = time.fromisoformat(text)
    moment = datetime.combine(date(2000, 1, 1), read, read.tzinfo or UTC)
    return moment.astimezone(UTC).time()
