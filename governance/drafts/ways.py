"""Ways in which a column of an unknown log may say a canonical one: its names, what must hold, and the rule then."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from statistics import median
from typing import Any, NamedTuple

from governance.drafts.profiles import Kind, Profile
from governance.drafts.usual_names import CENTS, FLAGS, NUMBERS, TEXTS, TIMES, UNITS, tells_records_apart, words

FEW = 20  # chosen here: a decision, a status or an attribute has no more different values
LONG = 60  # characters; what is longer was written by people or models
SHORT_S = 100.0  # seconds; a median below, with a fraction, is not in milliseconds
STAGES = {"rule", "model", "cache", "fallback", "human"}
HTTP_CODES = (100, 599)
MEANINGS = {  # word that logs use -> ours
    **dict.fromkeys(("ok", "success", "succeeded", "successful", "completed", "complete", "done", "finished"), "ok"),
    **dict.fromkeys(("error", "failure", "failed", "fail", "exception"), "error"),
    **dict.fromkeys(("timeout", "timed_out", "timedout"), "timeout"),
    **dict.fromkeys(("blocked", "filtered", "content_filter", "refused"), "blocked"),
    **dict.fromkeys(("cancelled", "canceled", "aborted"), "cancelled"),
    **dict.fromkeys(("incomplete", "partial", "in_progress", "running"), "incomplete"),
}
CACHED = {"hit": "exact_hit", "semantic_hit": "semantic_hit", "miss": "miss", "disabled": "disabled", "none": "none"}
BY_FLAG = {  # canonical column -> names of a truth value that says it, and what true and false mean
    "status": ("success is_success succeeded ok", "ok", "error"),
    "cache_status": ("cache_hit cached is_cached from_cache cache", "exact_hit", "miss"),
    "fallbacks": ("fallback is_fallback used_fallback fell_back", 1, 0),
}


class Way(NamedTuple):
    """One way in which a column may say a canonical one.

    Attributes:
        canonical: The canonical column.
        names: Names of such a column, those first that leave the least doubt.
        fits: Whether a column of such a name can mean it.
        makes: The rest of the rule, and what a person must look at.
    """

    canonical: str
    names: str
    fits: Callable[[Profile], bool]
    makes: Callable[[Profile], tuple[dict[str, Any], str]]


def _plain(_: Profile) -> tuple[dict[str, Any], str]:
    return {}, ""


def is_word(profile: Profile) -> bool:
    """Whether it holds names or ids."""
    return profile.kind in (Kind.TEXT, Kind.WHOLE) and profile.longest <= 4 * LONG


def is_few(profile: Profile) -> bool:
    """Whether it tells kinds of records apart."""
    return profile.kind in (Kind.TEXT, Kind.WHOLE, Kind.FLAG) and len(profile.values) <= FEW and profile.longest <= LONG


def _is_version(profile: Profile) -> bool:
    return is_word(profile) or (profile.kind is Kind.REAL and len(profile.values) <= FEW)


def _is_flag(profile: Profile) -> bool:
    return profile.kind is Kind.FLAG


def _is_zero_or_one(profile: Profile) -> bool:
    return _is_flag(profile) or set(profile.values) <= {"0", "1"}


def _is_count(profile: Profile) -> bool:
    return profile.kind is Kind.WHOLE and min(profile.numbers) >= 0


def _is_amount(profile: Profile) -> bool:
    return profile.is_number and min(profile.numbers) >= 0


def _is_code(profile: Profile) -> bool:
    low, high = HTTP_CODES
    return _is_count(profile) and low <= min(profile.numbers) and max(profile.numbers) <= high


def _is_share(profile: Profile) -> bool:
    return _is_amount(profile) and max(profile.numbers) <= 1


def time_rule(profile: Profile) -> tuple[dict[str, Any], str]:
    """How its times are read, and what is doubtful about that."""
    first, *others = profile.formats
    rule = {} if first == "iso" else {"format": first}
    if others:
        return rule, f"could be {others[0]} as well"
    return rule, "no zone: UTC, or add timezone: Europe/Berlin" if profile.is_naive else ""


def _duration(profile: Profile) -> tuple[dict[str, Any], str]:
    unit = next((UNITS[word] for word in reversed(words(profile.name).split("_")) if word in UNITS), None)
    if unit is not None:
        return {"unit": unit}, ""
    is_short = profile.kind is Kind.REAL and median(profile.numbers) < SHORT_S
    return {"unit": "s" if is_short else "ms"}, "the unit is a guess"


def _cost(profile: Profile) -> tuple[dict[str, Any], str]:
    return ({"scale": 0.01}, "") if not set(CENTS).isdisjoint(words(profile.name).split("_")) else ({}, "")


def meant(meanings: Mapping[str, str]) -> Callable[[Profile], tuple[dict[str, Any], str]]:
    """Makes a rule that says in our words what the log says in its own."""

    def make(profile: Profile) -> tuple[dict[str, Any], str]:
        if set(profile.values) <= set(meanings.values()):
            return {}, ""
        found = {value: meanings.get(words(value)) for value in profile.values}
        unknown = [value for value, meant in found.items() if meant is None]
        rule = {"map": {value: meant for value, meant in found.items() if meant is not None}}
        note = f"say what these mean, or they go to quarantine: {', '.join(unknown)}" if unknown else ""
        return (rule, note) if rule["map"] else ({}, "our words are " + ", ".join(dict.fromkeys(meanings.values())))

    return make


def _said_by_flag(true: Any, false: Any) -> Callable[[Profile], tuple[dict[str, Any], str]]:
    return lambda _: ({"map": {"true": true, "false": false}}, "")


def _of(names: Mapping[str, str], fits: Callable[[Profile], bool], makes: Any = _plain) -> list[Way]:
    return [
        Way(canonical, listed, _FITS.get(canonical, fits), _MAKES.get(canonical, makes))
        for canonical, listed in names.items()
    ]


_FITS: dict[str, Callable[[Profile], bool]] = {
    "request_id": lambda profile: profile.is_unique and ("." not in profile.name or tells_records_apart(profile.name)),
    "status": is_few,
    "cache_status": is_few,
    "decision": is_few,
    "final_decision": is_few,
    "deciding_stage": lambda profile: set(profile.values) <= STAGES,
    "http_status": _is_code,
    "finish_reasons": lambda profile: is_few(profile) or (profile.kind is Kind.NESTED and profile.longest <= LONG),
    **dict.fromkeys(("model_version", "prompt_version"), _is_version),
    "confidence": _is_share,
    "score": lambda profile: profile.is_number,
    "threshold": lambda profile: profile.is_number,
    **dict.fromkeys(("latency_us", "ttft_us", "queue_us", "cost_reported"), _is_amount),
}
_MAKES = {
    "status": meant(MEANINGS),
    "cache_status": meant(CACHED),
    "cost_reported": _cost,
    **dict.fromkeys(("latency_us", "ttft_us", "queue_us"), _duration),
}
WAYS = [
    *_of(TIMES, lambda profile: bool(profile.formats), time_rule),
    *_of(NUMBERS, _is_count),
    *(Way(canonical, names, _is_flag, _said_by_flag(*meant)) for canonical, (names, *meant) in BY_FLAG.items()),
    *_of(FLAGS, _is_zero_or_one),
    *_of(TEXTS, is_word),
]
