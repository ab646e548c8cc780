"""What is measured on the quarter: `assess` with policies, the plain statements, and the usual libraries."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from governance.assessment import assess
from governance.checks import Check
from governance.engines.duckdb import Engine, identifier
from governance.examination import Examination, Ground
from governance.findings import Window, parse_window
from governance.policies.policy import Policy, read_policies
from governance.storage.store import Store
from governance.workspace import Workspace, shipped
from quarter import raw
from quarter.store import NOW, WINDOW

_OWN = Path(__file__).parent
_FILES = {
    "policies": (shipped("policies"), shipped("policies") / "starters" / "hiring-ll144.yaml", _OWN / "further.yaml"),
    "data": (_OWN / "data.yaml",),
    "fairness": (_OWN / "fairness.yaml",),
}


def policies_of(pair: str) -> list[Policy]:
    """The policies, with those of their checks that `raw.sql` has a statement for."""
    known = raw.statements().keys() | {raw.NOT_SQL}
    found = []
    for policy in read_policies(_FILES[pair]):
        kept = tuple(check for check in policy.checks if f"{policy.name}/{check.id}" in known)
        left_out = [f"{policy.name}/{check.id}" for check in policy.checks if check not in kept]
        if left_out:
            print(f"without a plain statement, so left out: {', '.join(left_out)}", file=sys.stderr)
        found.append(replace(policy, checks=kept))
    return found


def _window() -> Window:
    return parse_window(WINDOW, now=NOW, timezone="UTC", fiscal_start_month=1)


def governed(space: Workspace, pair: str) -> dict[str, Any]:
    """What `governance check` does: every check measured, judged and stored."""
    policies = policies_of(pair)
    found = assess(space, policies, _window(), now=NOW)
    broken = [f"{one.check}: {one.judgement.reason}" for one in found.findings if one.judgement.verdict == "errored"]
    if broken:
        print(f"could not run: {'; '.join(broken)}", file=sys.stderr)
    return {"checks": sum(len(policy.checks) for policy in policies), "findings": len(found.findings)}


def plain(space: Workspace, pair: str) -> dict[str, Any]:
    """The plain statements of the same checks, one after the other."""
    store, known = Store(space.store), raw.statements()
    names = [f"{policy.name}/{check.id}" for policy in policies_of(pair) for check in policy.checks]
    with Engine(store.spill) as engine:
        store.snapshot().attach(engine)
        raw.run(engine, known["views"])
        for name in names:
            _statement(engine, space, name, known)()
    return {"statements": len(names)}


def each(space: Workspace) -> dict[str, Any]:
    """Every check beside its statement, in one process: lines of seconds of CPU."""
    store, known, lines = Store(space.store), raw.statements(), []
    snapshot = store.snapshot()
    with Engine(store.spill) as engine:
        snapshot.attach(engine)
        views = {name: tuple(engine.columns(identifier(name))) for name in snapshot.views()}
        raw.run(engine, known["views"])
        examined = Examination(engine, Ground(views, store=space.store), _window(), NOW, "bench")
        for policy in policies_of("policies"):
            for check in policy.checks:
                name = f"{policy.name}/{check.id}"
                theirs = _cpu(_statement(engine, space, name, known))
                ours = _cpu(partial(_examine, examined, policy, check))
                lines.append(f"  {name:42} {check.kind:28} {ours:7.2f} {theirs:7.2f} {ours / theirs:6.2f} x")
    return {"lines": lines}


def _examine(examined: Examination, policy: Policy, check: Check) -> None:
    for _ in examined.check(policy, check, examined.window):
        pass


def _statement(engine: Engine, space: Workspace, name: str, known: Mapping[str, str]) -> Callable[[], None]:
    return partial(raw.digests, space.store) if name == raw.NOT_SQL else partial(raw.run, engine, known[name])


def _cpu(work: Callable[[], None]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began
