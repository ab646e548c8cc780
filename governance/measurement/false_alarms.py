"""How many failures of a run chance alone is expected to give.

Two kinds of tests bound the chance that a check fails although nothing is there to be found, whatever n is:
1. Checks of drift fail only above a noise floor, which chance exceeds in at most `CHANCE` of checks (all subjects of
   the check together, by Bonferroni).
2. Checks of groups with `false_discovery` fail only on discoveries. Where no group differs, every discovery is false,
   and the procedure of Benjamini & Hochberg (1995) makes any in at most that share of checks.
The sum of these bounds is the expected number of such checks that fail by chance, at most (expectations add up whether
or not checks depend on each other). Other kinds hold a figure against its limit: how often chance carries it across
depends on how far away the truth lies, which nobody knows, so they are counted and not summed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

CHANCE = 0.05  # chosen here, as is usual: one check in twenty may exceed its floor where nothing has changed


class Judged(NamedTuple):
    """What of a finding is needed to know what chance does: its check, and how it was judged.

    Attributes:
        check: Policy, version and id of the check.
        kind: Its kind.
        verdict: One of the six.
        counts: The counts under the figure.
        limit: What it was judged against.
    """

    check: tuple[str, str, str]
    kind: str
    verdict: str
    counts: Mapping[str, Any]
    limit: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class FalseAlarms:
    """What chance is expected to do in a run.

    Attributes:
        at_most: Expected number of tested checks that fail although nothing changed and no group differs.
        tested: Checks that were judged by such a test.
        others: Checks that were judged by a limit alone.
    """

    at_most: float
    tested: int
    others: int

    def document(self) -> dict[str, Any]:
        """The part of the JSON of `check`."""
        return {"expected_at_most": round(self.at_most, 6), "tested_checks": self.tested, "other_checks": self.others}

    def sentence(self) -> str:
        """What a reader is told."""
        if not self.tested:
            return f"The {self.others} checks hold a figure against a limit each; none tests against chance."
        return (
            f"Chance alone is expected to fail at most {self.at_most:.2g} of the {self.tested} checks that test "
            f"against it; the other {self.others} hold a figure against a limit."
        )


def false_alarms(judged: Iterable[Judged]) -> FalseAlarms:
    """The expected false alarms of the checks that were judged; what was not assessed or errored has none."""
    chances: dict[tuple[str, str, str], float | None] = {}
    for one in judged:
        if one.verdict not in ("not_assessed", "errored"):
            chances[one.check] = chances.get(one.check) or _chance(one)
    tested = [chance for chance in chances.values() if chance is not None]
    return FalseAlarms(sum(tested), len(tested), len(chances) - len(tested))


def _chance(one: Judged) -> float | None:
    if one.kind.startswith("drift-") and "noise_floor" in one.counts:
        return CHANCE
    if "false_discovery_rate" in one.counts and "false_discovery" in one.limit:
        return float(one.limit["false_discovery"])
    return None
