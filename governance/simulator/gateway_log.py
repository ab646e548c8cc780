"""The gateway's requests as LiteLLM writes them (StandardLoggingPayload, one JSON object per line), with its flaws.

Message logging is switched off, as the measured requests came without content. Costs are computed here, tokens times
the price of the shipped excerpt of the price table.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from governance.simulator.gateway import SUMMARY, Requests
from governance.simulator.timeline import month_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

MILLION = Decimal(1_000_000)
REDACTED = "redacted-by-litellm"  # what LiteLLM writes when message logging is off
PROVIDER = "mistral"
PROMPT_VERSION = "7"
REPEATED_LINES = 6
STATUS = {"RateLimitError": "429", "InternalServerError": "500", "Timeout": "408"}


class Price(NamedTuple):
    """Price of one model in USD per million tokens."""

    input_mtok: Decimal
    output_mtok: Decimal

    def cost_usd(self, input_tokens: int, output_tokens: int) -> Decimal:
        """Price of one request, exact."""
        return (self.input_mtok * input_tokens + self.output_mtok * output_tokens) / MILLION


class Log(NamedTuple):
    """The lines of one month and what is wrong with them.

    Attributes:
        lines: JSON texts without line ends.
        repeated: Lines that stand there a second time.
        broken: Lines that are no JSON.
    """

    lines: list[str]
    repeated: int
    broken: int


def read_prices(path: Path, models: set[str]) -> dict[str, Price]:
    """Price of each model by the rules of the shipped excerpt of the genai-prices table."""
    providers = json.loads(path.read_text(encoding="utf-8"), parse_float=Decimal, parse_int=Decimal)
    known = [model for provider in providers for model in provider["models"]]
    found = {name: next(model for model in known if _matches(model["match"], name)) for name in models}
    return {name: Price(model["prices"]["input_mtok"], model["prices"]["output_mtok"]) for name, model in found.items()}


def _matches(rule: Mapping[str, Any], name: str) -> bool:
    if "or" in rule:
        return any(_matches(part, name) for part in rule["or"])
    return name == rule.get("equals") or ("starts_with" in rule and name.startswith(rule["starts_with"]))


def draw_ids(count: int, rng: np.random.Generator) -> list[str]:
    """Ids in the form of response ids; the same seed gives the same ids."""
    text = rng.bytes(16 * count).hex()
    parts = (text[32 * row : 32 * row + 32] for row in range(count))
    return [f"chatcmpl-{p[:8]}-{p[8:12]}-{p[12:16]}-{p[16:20]}-{p[20:]}" for p in parts]


def by_month(requests: Requests, ids: list[str], prices: Mapping[str, Price], rng: np.random.Generator) -> list[Log]:
    """The log of each month, with a few lines written twice and one that broke off before it was written again."""
    months, answers = month_of(requests.times), _answers(requests, ids)
    logs = []
    for month in range(months.max() + 1):
        rows = np.flatnonzero(months == month)
        lines = [
            json.dumps(payload(requests, int(row), ids[row], answers[row], prices), separators=(",", ":"))
            for row in rows
        ]
        repeated = [lines[place] for place in rng.choice(len(lines), min(REPEATED_LINES, len(lines)), replace=False)]
        broken = [lines[-1][: len(lines[-1]) // 2]] if month == months.max() else []
        logs.append(Log([*lines[:-1], *broken, lines[-1], *repeated], len(repeated), len(broken)))
    return logs


def _answers(requests: Requests, ids: list[str]) -> list[str]:
    """Id of the answer of each request: its own, or for a hit of the cache that of the answer which it repeats."""
    made: dict[tuple[str, str], str] = {}  # model and group -> the last fresh answer
    found = []
    for row, own in enumerate(ids):
        asked = (str(requests.models[row]), str(requests.groups[row]))
        is_fresh = not requests.cached[row] and not requests.errors[row] and not requests.fallen_back[row]
        if is_fresh:
            made[asked] = own
        found.append(made.get(asked, own) if requests.cached[row] else own)
    return found


def payload(
    requests: Requests, row: int, request_id: str, answer_id: str, prices: Mapping[str, Price]
) -> dict[str, Any]:
    """One request in LiteLLM's form; only keys that LiteLLM writes."""
    model = str(requests.models[row])
    error = str(requests.errors[row])
    cached = bool(requests.cached[row])
    tokens = {"prompt_tokens": int(requests.input_tokens[row]), "completion_tokens": int(requests.output_tokens[row])}
    start = int(requests.times[row])
    price = prices[model]
    cost = float(price.cost_usd(*tokens.values()))
    group = str(requests.groups[row])
    prompt = SUMMARY if requests.fallen_back[row] else group
    return {
        "id": request_id,
        "trace_id": f"trace-{request_id[9:]}",
        "call_type": "acompletion",
        "stream": True,
        "status": "failure" if error else "success",
        "custom_llm_provider": PROVIDER,
        "response_cost": 0.0 if cached else cost,
        "saved_cache_cost": cost if cached else 0.0,
        "cache_hit": cached,
        "cache_key": answer_id[9:17] if cached else None,
        "startTime": start / 1e6,
        "endTime": (start + int(requests.total_us[row])) / 1e6,
        "completionStartTime": (start + int(requests.ttft_us[row])) / 1e6,
        "response_time": int(requests.total_us[row]) / 1e6,
        "model": model,
        "model_id": str(requests.systems[row]),
        "model_group": group,
        "api_base": f"https://{requests.systems[row]}.gateway.example/v1",
        **tokens,
        "total_tokens": sum(tokens.values()),
        "request_tags": [f"prompt:{prompt}@{PROMPT_VERSION}"],
        "end_user": f"user-{requests.users[row]}",
        "requester_ip_address": None,
        "messages": [{"role": "user", "content": REDACTED}],
        "response": None if error else _response(answer_id, model, start, tokens),
        "model_parameters": {"stream": True, "max_tokens": 100},
        "metadata": _metadata(requests, row, prompt),
        "hidden_params": {"model_id": str(requests.systems[row]), "response_cost": cost, "litellm_model_name": model},
        "model_map_information": _price_entry(model, price),
        "error_str": f"{error}: simulated" if error else None,
        "error_information": {
            "error_code": STATUS.get(error, ""),
            "error_class": error,
            "llm_provider": PROVIDER if error else "",
            "error_message": "simulated" if error else "",
        },
    }


def _response(answer_id: str, model: str, start: int, tokens: dict[str, int]) -> dict[str, Any]:
    message = {"role": "assistant", "content": REDACTED}
    return {
        "id": answer_id,
        "object": "chat.completion",
        "created": start // 1_000_000,
        "model": model,
        "choices": [{"index": 0, "finish_reason": "length", "message": message}],
        "usage": {**tokens, "total_tokens": sum(tokens.values())},
    }


def _metadata(requests: Requests, row: int, prompt: str) -> dict[str, Any]:
    fallen_back = bool(requests.fallen_back[row])
    unit = str(requests.units[row])
    return {
        "user_api_key_alias": f"{unit}-assistant",
        "user_api_key_team_id": f"team-{unit}",
        "user_api_key_team_alias": unit,
        "user_api_key_user_id": f"user-{requests.users[row]}",
        "attempted_retries": 0,
        "attempted_fallbacks": int(fallen_back),
        "original_model_group": SUMMARY if fallen_back else None,
        "prompt_management_metadata": {
            "prompt_id": prompt,
            "prompt_variables": None,
            "prompt_integration": "dotprompt",
        },
        "requester_metadata": {"prompt_version": PROMPT_VERSION},
    }


def _price_entry(model: str, price: Price) -> dict[str, Any]:
    per_token = {
        "input_cost_per_token": float(price.input_mtok / MILLION),
        "output_cost_per_token": float(price.output_mtok / MILLION),
    }
    return {"model_map_key": model, "model_map_value": {"key": model, "litellm_provider": PROVIDER, **per_token}}
