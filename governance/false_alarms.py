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

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from governance.checks._drift_noise import CHANCE
from governance.findings import Finding, Verdict


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


def false_alarms(findings: Sequence[Finding]) -> FalseAlarms:
    """The expected false alarms of the checks that were judged; what was not assessed or errored has none."""
    chances: dict[tuple[str, str, str], float | None] = {}
    for one in findings:
        if one.judgement.verdict in (Verdict.NOT_ASSESSED, Verdict.ERRORED):
            continue
        key = (one.policy, one.version, one.check)
        chances[key] = chances.get(key) or _chance(one)
    tested = [chance for chance in chances.values() if chance is not None]
    return FalseAlarms(sum(tested), len(tested), len(chances) - len(tested))


def _chance(one: Finding) -> float | None:
    counts, limit = one.observation.counts, one.judgement.limit
    if one.kind.startswith("drift-") and "noise_floor" in counts:
        return CHANCE
    if "false_discovery_rate" in counts and "false_discovery" in limit:
        return float(limit["false_discovery"])
    return None
