"""The demo: shipped real data through the whole way, with planted faults that the report must find."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from governance.assessment import Assessment, assess
from governance.attribution import attribute
from governance.errors import GovernanceError
from governance.findings import Verdict, parse_window
from governance.ingestion import ingest
from governance.models.registration import register
from governance.moments import stamp
from governance.policies.policy import read_policies
from governance.prices.tables import add as add_prices
from governance.reporting import Report, report
from governance.simulator import Simulation, simulate
from governance.verification import verify
from governance.workspace import SETTINGS_FILE, Workspace, default_key, find_workspace, make_workspace

MARKER = ".governance-demo"  # a folder that holds it was made by the demo and may be made anew
METHODS = ("interventional", "native")  # two, so that the reasons of one can be compared with those of the other
OFFICE = """
# Whom the demo's letters to applicants name; made up.
organisation = "Demo Card Bank"
contact = "credit@demo-card-bank.example"
object_within = "30 days"
answer_within = "1 month"
supervisor = "the data protection authority of your country"
"""
QUARTERS = ("2026-Q2", "2026-Q3")


@dataclass(frozen=True, slots=True)
class FoundFault:
    """A planted fault, the check that must find it, and whether it did."""

    fault: str
    check: str
    found: bool


@dataclass(frozen=True, slots=True)
class Demo:
    """What the demo made and found."""

    workspace: Path
    faults: tuple[FoundFault, ...]
    assessment: Assessment
    report: Report
    verified: bool
    example: str

    def document(self) -> dict[str, Any]:
        """The JSON of `demo`."""
        return {
            "workspace": str(self.workspace),
            "faults": [{"fault": f.fault, "check": f.check, "found": f.found} for f in self.faults],
            "report": {"html": str(self.report.html), "pdf": str(self.report.pdf) if self.report.pdf else None},
            "findings": self.assessment.counts(),
            "verify": {"ok": self.verified},
        }


@dataclass(frozen=True, slots=True)
class Play:
    """The demo before its report: what was written, and what the checks found in both quarters."""

    workspace: Workspace
    simulation: Simulation
    assessments: tuple[Assessment, ...]

    def faults(self) -> tuple[FoundFault, ...]:
        """The planted faults, each with whether the check that must find it did."""
        last = self.assessments[-1]
        return tuple(FoundFault(fault.name, fault.check, _found(last, fault)) for fault in self.simulation.faults)


def run_demo(
    folder: Path, *, environment: Mapping[str, str], say: Callable[[str], None], now: datetime, clean: bool = False
) -> Demo:
    """Builds a workspace and runs the whole way: ingest, explain, check, report, verify.

    Args:
        folder: Where; made anew if the demo made it before.
        environment: Where the signing key goes.
        say: Takes one line of progress.
        now: When it runs; ledger and due dates say so, the replayed traffic lies in 2026.
        clean: The same traffic without the planted faults.

    Raises:
        GovernanceError: The folder holds something else.
        MissingExtraError: A library of the extra `all` is missing.
    """
    played = play(folder, lambda where: simulate(where, clean=clean), environment=environment, say=say, now=now)
    say("rendering the quarterly report")
    rendered = report(played.workspace, "quarterly", parse_window(QUARTERS[-1], now=now), now=now, pdf=True)
    say("verifying the store")
    verified = verify(played.workspace.store)
    last = played.assessments[-1]
    return Demo(played.workspace.root, played.faults(), last, rendered, verified.ok, _example(last))


def play(
    folder: Path,
    write: Callable[[Path], Simulation],
    *,
    environment: Mapping[str, str],
    say: Callable[[str], None],
    now: datetime,
    quarters: Sequence[str] = QUARTERS,
) -> Play:
    """Builds a workspace from source files, explains the adverse decisions and checks the quarters.

    Args:
        folder: Where; made anew if the demo made it before.
        write: Writes the source files into a folder.
        environment: Where the signing key goes.
        say: Takes one line of progress.
        now: When it runs.
        quarters: Windows that are checked, the reported one last.
    """
    workspace = _workspace(folder, environment, now)
    say("writing the source files: real and measured data on a new calendar")
    made = write(workspace.root / "sources")
    say("registering the credit model with its card and background, and the price table")
    register(workspace, made.card, now=now, artefact=made.model, background=made.background)
    add_prices(workspace, made.prices, now=now)
    for item in made.ingests:
        done = ingest(workspace, [str(path) for path in item.paths], now=now, source=item.source, mapping=item.mapping)
        say(f"ingested {done.total('records'):,} records of {done.files[0].source}")
    windows = [parse_window(name, now=now) for name in quarters]
    for window in windows:
        for method in METHODS:
            explained = attribute(workspace, window, now=now, adverse=True, method=method)
            count = sum(item.stored for item in explained)
            say(f"explained {count:,} adverse decisions of {window.name} by {method}")
    policies = read_policies([workspace.policies])
    assessments = []
    for window in windows:
        assessments.append(assess(workspace, policies, window, now=now))
        say(f"checked {window.name}: {len(assessments[-1].findings)} findings")
    return Play(workspace, made, tuple(assessments))


def _workspace(folder: Path, environment: Mapping[str, str], now: datetime) -> Workspace:
    if folder.exists() and any(folder.iterdir()):
        if not (folder / MARKER).is_file():
            raise GovernanceError(
                "the folder is not empty and was not made by the demo", where=str(folder), hint="name another folder"
            )
        _remove_key(folder, environment)
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARKER).write_text(
        "This folder was made by `governance demo` and is made anew by it.\n", encoding="utf-8"
    )
    made = make_workspace(folder, environment=environment, now=stamp(now))
    with (made.root / SETTINGS_FILE).open("a", encoding="utf-8") as settings:
        settings.write(OFFICE)
    return find_workspace(made.root, cwd=made.root, environment=environment)


def _remove_key(folder: Path, environment: Mapping[str, str]) -> None:
    """Removes the signing key of an earlier run, which signs nothing that is left; never a key that lies elsewhere."""
    with suppress(GovernanceError, OSError):
        key = find_workspace(folder, cwd=folder, environment=environment).key
        if key.parent == default_key(folder.resolve(), environment).parent:
            key.unlink()


def _found(assessment: Assessment, fault: Any) -> bool:
    """Whether the check that must find a fault failed, on the subject that was hit."""
    wanted = dict(fault.subject)
    for finding in assessment.findings:
        subject = {name: str(value) for name, value in finding.observation.subject}
        hit = all(subject.get(name) == value for name, value in wanted.items())
        same = finding.policy == fault.policy and finding.check == fault.check
        if same and hit and finding.judgement.verdict is Verdict.FAILED:
            return True
    return False


def _example(assessment: Assessment) -> str:
    """A request id that a failed finding shows."""
    for finding in assessment.findings:
        if (
            finding.judgement.verdict is Verdict.FAILED
            and finding.observation.samples
            and finding.kind.startswith("fairness")
        ):
            return finding.observation.samples[0]
    samples = [sample for finding in assessment.findings for sample in finding.observation.samples]
    return samples[0] if samples else "ID"
