"""How a terminal shows what `check` found: one line for a check, and under it the subjects that ask for attention."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from governance.cli.screen import VERDICT_STYLES, Cell, Screen, cells, folded
from governance.display import SIGNS, number, visible
from governance.wording import measured, words

if TYPE_CHECKING:
    from governance.assessment import Assessment
    from governance.findings import Finding

SHOWN_SUBJECTS = 8  # of one check; chosen here, so that no check fills a screen alone: --all and --json have every one
_ORDER = {verdict: place for place, verdict in enumerate(SIGNS)}
_INDENT = 4


def show(screen: Screen, done: Assessment, *, shows_all: bool, shows_sql: bool) -> None:
    """Prints the findings of a run, policy by policy.

    Args:
        screen: Where to.
        done: What was found.
        shows_all: Whether subjects that passed have a line, and no check is cut short.
        shows_sql: Whether the statements are printed.
    """
    for policy, own in groupby(done.findings, key=lambda finding: finding.policy):
        _policy(screen, policy, list(own), shows_all=shows_all)
    if shows_sql:
        _statements(screen, done)
    _end(screen, done)


def _policy(screen: Screen, policy: str, findings: Sequence[Finding], *, shows_all: bool) -> None:
    screen.line(Cell(f"{visible(policy)} {findings[0].version}", "bold"))
    checks = [list(own) for _, own in groupby(findings, key=lambda finding: finding.check)]
    width = max(len(visible(own[0].check)) for own in checks)
    for why, together in _in_order(checks, shows_all=shows_all):
        if why is not None and len(together) > 1:
            _not_assessed(screen, [visible(own[0].check) for own in together], why)
            continue
        for own in together:
            _check(screen, sorted(own, key=_rank), width, shows_all=shows_all)
    screen.line()


def _in_order(
    checks: Sequence[Sequence[Finding]], *, shows_all: bool
) -> Iterator[tuple[str | None, list[Sequence[Finding]]]]:
    """Checks, those with the worst verdict first, and beside the first that lacks something the others that do."""
    reasons = [None if shows_all else _only_reason(own) for own in checks]
    places = [place if why is None else reasons.index(why) for place, why in enumerate(reasons)]
    ranks = [min(map(_rank, own)) for own in checks]
    order = sorted(range(len(checks)), key=lambda place: (ranks[place], places[place]))
    for why, alike in groupby(order, key=lambda place: reasons[place]):
        yield why, [checks[place] for place in alike]


def _only_reason(findings: Sequence[Finding]) -> str | None:
    """Why nothing was measured for any subject of a check, where that is one reason."""
    judged = {(finding.judgement.verdict, finding.judgement.reason) for finding in findings}
    if len(judged) > 1 or any(finding.observation.value is not None for finding in findings):
        return None
    ((verdict, reason),) = judged
    return reason if verdict == "not_assessed" else None


def _not_assessed(screen: Screen, names: Sequence[str], why: str) -> None:
    """Checks that lack the same, with one reason for all of them."""
    mark = Cell(SIGNS["not_assessed"].mark, VERDICT_STYLES["not_assessed"])
    for place, line in enumerate(folded(", ".join(names), screen.width - 2)):
        screen.line(*(("  ", line) if place else (mark, f" {line}")), fold=False)
    _indented(screen, visible(why))


def _rank(finding: Finding) -> int:
    return _ORDER[finding.judgement.verdict]


def _check(screen: Screen, findings: Sequence[Finding], width: int, *, shows_all: bool) -> None:
    """One check, worst verdict first."""
    worst = findings[0].judgement.verdict
    mark = Cell(SIGNS[worst].mark, VERDICT_STYLES[worst])
    is_alone = len(findings) == 1
    said = _figure(findings[0]) if is_alone else _counted(findings)
    screen.line(mark, f" {visible(findings[0].check):<{width}}  {said}")
    shown = [finding for finding in findings if shows_all or finding.judgement.verdict != "passed"]
    if not is_alone and not shows_all and (why := _only_reason(findings)) is not None:
        _indented(screen, visible(why))
        return
    for finding in shown if shows_all else shown[:SHOWN_SUBJECTS]:
        _subject(screen, finding, is_alone=is_alone)
    if not shows_all and len(shown) > SHOWN_SUBJECTS:
        _indented(screen, f"and {len(shown) - SHOWN_SUBJECTS:,} more; --all shows them", "dim")


def _counted(findings: Sequence[Finding]) -> str:
    counts = Counter(finding.judgement.verdict for finding in findings)
    if len(counts) == 1:
        return f"all {len(findings)} {SIGNS[findings[0].judgement.verdict].word}"
    return ", ".join(f"{count} {SIGNS[verdict].word}" for verdict, count in counts.items())


def _figure(finding: Finding) -> str:
    """The figure and the records under it, as far as there are any."""
    seen = finding.observation
    if seen.value is None:
        return "" if finding.judgement.reason else SIGNS[finding.judgement.verdict].word
    return f"{measured(seen.value, seen.unit)} (n {number(seen.n)})"


def _subject(screen: Screen, finding: Finding, *, is_alone: bool) -> None:
    """One subject: its figure, why it was judged so, and requests that show it."""
    verdict, reason = finding.judgement.verdict, finding.judgement.reason
    subject = visible(words(dict(finding.observation.subject)))
    if not is_alone:
        said = _figure(finding)
        mark = f"{SIGNS[verdict].mark} " if verdict != "passed" else "  "
        _indented(screen, f"{mark}{subject}{':' if said else ''} {said}", VERDICT_STYLES[verdict], _INDENT - 2)
    elif finding.observation.subject:
        _indented(screen, subject)
    if reason and verdict != "passed":
        _indented(screen, visible(reason))
    if finding.evidence.samples and verdict in ("failed", "warned"):
        _indented(screen, _samples(finding.evidence.samples, screen.width - _INDENT), "dim")


def _samples(samples: Sequence[str], width: int) -> str:
    """As many ids as one line holds; the first in any case."""
    said = f"such as {visible(samples[0])}"
    for sample in samples[1:]:
        longer = f"{said}, {visible(sample)}"
        if cells(longer) > width:
            break
        said = longer
    return said


def _indented(screen: Screen, text: str, style: str = "", by: int = _INDENT) -> None:
    for line in folded(text.rstrip(), screen.width - by):
        screen.line(" " * by, Cell(line, style), fold=False)


def _statements(screen: Screen, done: Assessment) -> None:
    shown: set[str] = set()
    for finding in done.findings:
        if finding.evidence.sql and finding.evidence.sql not in shown:
            shown.add(finding.evidence.sql)
            screen.line(Cell(f"-- {finding.policy}/{finding.check}", "bold"))
            screen.line(finding.evidence.sql + ";", fold=False)
            parameters = json.dumps(dict(finding.evidence.parameters), ensure_ascii=False)
            screen.line(f"-- with {parameters}\n", fold=False)


def _end(screen: Screen, done: Assessment) -> None:
    chance = done.false_alarms()
    if chance.tested:
        screen.line(chance.sentence())
    counts = ", ".join(f"{count} {SIGNS[name].word}" for name, count in done.counts().items() if count)
    screen.line(f"{done.window.name}: {counts}. Ledger {done.ledger_size} entries, root {done.ledger_root[:16]}")
