"""Rollback and retraining: from a run that fails to a run that judges the answer, and beside plain Python."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance.assessment import assess
from governance.findings import Finding, Verdict, parse_window
from governance.ingestion import ingest
from governance.policies.policy import read_policies
from governance.workspace import make_workspace
from tests.checks.cases import Case, measured

if TYPE_CHECKING:
    from pathlib import Path

JULY = datetime(2026, 7, 1, tzinfo=UTC)
MAPPING = """\
source: desk
columns:
  request_id: id
  start_ts: {column: at, format: iso}
  model_served: {constant: m}
  model_version: version
  latency_us: {column: ms, unit: ms}
"""
POLICY = """\
policy: desk
version: 7
owner: desk-owner
approved: {by: A. Officer, on: 2026-03-20}
in_force: {from: 2026-04-01}
checks:
  - {id: slow, kind: latency-slo, max_ms: 500, quantile: 0.5, minimum_n: 5, by: [[model_version]], severity: high}
  - {id: back, kind: change-rollback, checks: [desk/slow], within: 5d}
  - {id: anew, kind: change-retraining, checks: [slow], within: 9d, max_requests: 30}
"""


def test_from_a_failed_run_to_the_run_that_judges_the_answer(tmp_path: Path) -> None:
    """Version 1 is slow and serves on to the 20th; the run on the 11th says so, and version 2 comes on the 19th.

    The policy's own version is 7: what a finding says of the policy is not what it says of the model.
    """
    workspace = make_workspace(tmp_path / "desk", environment=os.environ, now="2026-07-01T00:00:00.000000Z")
    for file in workspace.policies.glob("*.yaml"):
        file.unlink()
    (workspace.policies / "desk.yaml").write_text(POLICY, encoding="utf-8")
    (tmp_path / "log.mapping.yaml").write_text(MAPPING, encoding="utf-8")

    def run(days: range, window: str, now: datetime) -> dict[tuple[str, str], Finding]:
        rows = ["id,at,version,ms"]
        for day in days:
            at = f"2026-07-{day:02d}T00:00:00+00:00"
            rows += [f"one-{day},{at},1,900"] if day <= 20 else []
            rows += [f"two-{day},{at},2,100"] if day >= 19 else []
        log = tmp_path / f"log-{days.start}.csv"
        log.write_text("\n".join(rows) + "\n", encoding="utf-8")
        ingest(workspace, [str(log)], now=now, mapping=tmp_path / "log.mapping.yaml")
        found = assess(workspace, read_policies([workspace.policies]), parse_window(window, now=now), now=now).findings
        return {(one.check, str(dict(one.observation.subject))): one for one in found}

    run(range(1, 11), "2026-07-01..2026-07-11", JULY + timedelta(days=10, hours=12))
    last = run(range(11, 32), "2026-07", JULY + timedelta(days=32))
    back = last["back", "{'model': 'm', 'model_version': '1'}"]
    assert (back.judgement.verdict, back.observation.value) == (Verdict.FAILED, 204.0)
    assert back.observation.samples == tuple(f"one-{day}" for day in range(17, 21))
    assert "desk/slow failed on 2026-07-11T12:00:00Z; last served on 2026-07-20" in str(back.judgement.reason)
    other = last["back", "{'model': 'm', 'model_version': '2'}"].judgement
    assert other.verdict is Verdict.NOT_ASSESSED
    anew = last["anew", "{'model': 'm', 'measure': 'trigger'}"]
    assert (anew.judgement.verdict, anew.observation.value) == (Verdict.PASSED, 7.5)
    volume = last["anew", "{'model': 'm', 'model_version': '1', 'measure': 'volume'}"].observation
    assert volume.value == 20


_MOMENTS = st.integers(0, 30 * 24)
_FINDINGS = st.lists(
    st.tuples(_MOMENTS, st.integers(0, 29), st.sampled_from(["failed", "passed", "waived", "warned"])), max_size=6
)


@settings(max_examples=60, deadline=None)
@given(served=st.lists(_MOMENTS, min_size=1, max_size=12), findings=_FINDINGS, hours=st.sampled_from([6, 48, 24 * 9]))
def test_late_requests_are_those_of_plain_python(
    served: list[int], findings: list[tuple[int, int, str]], hours: int
) -> None:
    """Requests and judgements at whole hours of July; each finding is about one day, and names no version."""
    requests = [
        {"model_served": "m", "model_version": "1", "start_ts": (JULY + timedelta(hours=hour)).isoformat()}
        for hour in served
    ]
    rows: dict[str, Any] = {"requests": requests, "findings": [_finding(*one) for one in findings]}
    found = measured(Case("change-rollback", "property", {"checks": ["c"], "within": f"{hours}h"}, [], rows=rows))
    found.engine.close()
    ((seen, judged),) = found.findings
    about = [one for one in findings if any(hour // 24 == one[1] for hour in served) and one[0] < 31 * 24]
    late, most = 0, 0.0
    stood = set()
    for at, day, verdict in about:
        if verdict == "failed":
            ends = [
                other for other, later, said in findings if said in ("passed", "waived") and other > at and later >= day
            ]
            stood.add((at, min(ends, default=None)))
    for end in {end for _, end in stood}:
        start = min(at for at, other in stood if other == end)
        after = [hour for hour in served if hour >= start and (end is None or hour < end)]
        late = max(late, sum(hour > start + hours for hour in after))
        most = max(most, max(after, default=start) - start)
    assert seen.value == (pytest.approx(most) if about else None)
    assert seen.counts["late"] == late
    assert (judged.verdict is Verdict.FAILED) == (late > 0)


def _finding(at: int, day: int, verdict: str) -> dict[str, Any]:
    start = JULY + timedelta(days=day)
    return {
        "policy": "p",
        "check_id": "c",
        "metric": "x",
        "subject": "{}",
        "severity": "high",
        "verdict": verdict,
        "window_start": start.isoformat(),
        "window_end": (start + timedelta(days=1)).isoformat(),
        "assessed_ts": (JULY + timedelta(hours=at)).isoformat(),
    }
