"""The demo: shipped real data through the whole way, with planted faults that the report must find."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from governance.assessment import Assessment, assess
from governance.attribution import attribute
from governance.errors import GovernanceError
from governance.findings import Verdict, parse_window, stamp
from governance.ingestion import ingest
from governance.policy import read_policies
from governance.registration import register
from governance.reporting import Report, report
from governance.simulator import Simulation, simulate
from governance.verification import verify
from governance.workspace import Workspace, make_workspace

MARKER = ".governance-demo"  # a folder that holds it was made by the demo and may be made anew
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


def run_demo(
    folder: Path,
    *,
    environment: Mapping[str, str],
    say: Callable[[str], None],
    now: datetime,
    clean: bool = False,
    simulation: Callable[[Path], Simulation] | None = None,
) -> Demo:
    """Builds a workspace and runs the whole way: ingest, explain, check, report, verify.

    Args:
        folder: Where; made anew if the demo made it before.
        environment: Where the signing key goes.
        say: Takes one line of progress.
        now: When it runs; ledger and due dates say so, the replayed traffic lies in 2026.
        clean: The same traffic without the planted faults.
        simulation: Writes the source files; the shipped simulation by default.

    Raises:
        GovernanceError: The folder holds something else.
        MissingExtraError: A library of the extra `all` is missing.
    """
    workspace = _workspace(folder, environment, now)
    say("writing the source files (real and measured data on a new calendar)")
    write = simulation or (lambda where: simulate(where, clean=clean))
    made = write(workspace.root / "sources")
    say("registering the credit model with its card and background")
    register(workspace, made.card, now=now, artefact=made.model, background=made.background)
    for item in made.ingests:
        done = ingest(workspace, [str(path) for path in item.paths], now=now, source=item.source, mapping=item.mapping)
        say(f"ingested {done.total('records'):,} records of {done.files[0].source}")
    policies = read_policies([workspace.policies])
    windows = [parse_window(name, now=now) for name in QUARTERS]
    say("explaining the adverse decisions of the quarter")
    for window in windows:
        attribute(workspace, window, now=now, adverse=True)
    say("checking both quarters against the policies")
    assessments = [assess(workspace, policies, window, now=now) for window in windows]
    say("rendering the quarterly report")
    rendered = report(workspace, "quarterly", windows[-1], now=now, pdf=True)
    say("verifying the store")
    verified = verify(workspace.store)
    faults = tuple(FoundFault(fault.name, fault.check, _found(assessments[-1], fault)) for fault in made.faults)
    return Demo(workspace.root, faults, assessments[-1], rendered, verified.ok, _example(assessments[-1]))


def _workspace(folder: Path, environment: Mapping[str, str], now: datetime) -> Workspace:
    if folder.exists() and any(folder.iterdir()):
        if not (folder / MARKER).is_file():
            raise GovernanceError(
                "the folder is not empty and was not made by the demo", where=str(folder), hint="name another folder"
            )
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARKER).write_text(
        "This folder was made by `governance demo` and is made anew by it.\n", encoding="utf-8"
    )
    return make_workspace(folder, environment=environment, now=stamp(now))


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
