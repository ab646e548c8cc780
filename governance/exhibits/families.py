"""Which kinds of check a section shows: by name or by its beginning, so that a new kind finds its place."""

from __future__ import annotations

COMPLETENESS = ("completeness-", "integrity", "retention")
VALIDATION = ("expectations", "contract")
USE = ("use-",)
CHANGES = ("change-",)
FAIRNESS = ("fairness-",)
DRIFT = ("drift-",)
PERFORMANCE = ("performance-", "output-quality")
SERVICE = ("latency-", "service-")
RESILIENCE = ("fallback", "resilience-")
COST = ("cost-",)
OVERSIGHT = ("escalation", "oversight-")
EXPLANATIONS = ("explanation-",)
SHOWN = (
    *COMPLETENESS,
    *USE,
    *CHANGES,
    *FAIRNESS,
    *DRIFT,
    *PERFORMANCE,
    *SERVICE,
    *RESILIENCE,
    *COST,
    *OVERSIGHT,
    *EXPLANATIONS,
)


def belongs(kind: str, family: tuple[str, ...]) -> bool:
    """Whether a kind is one of a family: the same name, or one that begins as an entry with a final hyphen does."""
    return any(kind.startswith(one) if one.endswith("-") else kind == one for one in family)
