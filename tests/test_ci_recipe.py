"""docs/ci.md is run: the files that it shows, its commands, and the exit code that blocks a merge."""

from __future__ import annotations

import os
import random
import re
import shlex
from pathlib import Path

import pytest

from governance.cli import main

TEXT = (Path(__file__).parents[1] / "docs" / "ci.md").read_text(encoding="utf-8")
HEADER = re.findall(r"```csv\n(.*?)\n", TEXT)[0]


def files() -> dict[str, str]:
    blocks = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
    mapping = next(block for block in blocks if block.startswith("source:"))
    gate = next(block for block in blocks if block.startswith("policy:"))
    return {"evaluation.mapping.yaml": mapping, "gate.yaml": gate}


def commands() -> list[list[str]]:
    block = re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL)[0]
    return [shlex.split(line)[1:] for line in block.splitlines()]


def run(arguments: list[str]) -> int:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert isinstance(ended.value.code, int)
    return ended.value.code


def evaluation(*, cases: int, right: float) -> str:
    """Cases of which that share is answered rightly, half of them defaults."""
    rows, chance = [HEADER], random.Random(7)
    for number in range(cases):
        is_default = number % 2 == 0
        is_right = number % 20 < 20 * right
        refused = is_default == is_right
        score = (0.6 if refused else 0.1) + chance.random() * 0.3
        at = f"2026-09-01T10:{number // 60:02d}:{number % 60:02d}Z"
        answer, truth = "refused" if refused else "approved", "default" if is_default else "paid"
        rows.append(f"{number},{at},7,{answer},{score:.3f},{truth}")
    return "\n".join(rows) + "\n"


@pytest.mark.parametrize(
    ("cases", "right", "code"),
    [
        pytest.param(200, 0.9, 0, id="a good model passes"),
        pytest.param(200, 0.5, 1, id="a bad model blocks"),
        pytest.param(20, 1.0, 4, id="too few cases block"),
    ],
)
def test_the_gate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cases: int, right: float, code: int) -> None:
    monkeypatch.chdir(tmp_path)
    for name, text in files().items():
        Path(name).write_text(text, encoding="utf-8")
    Path("evaluation.csv").write_text(evaluation(cases=cases, right=right), encoding="utf-8")
    *before, last = commands()
    assert [run(one) for one in before] == [0, 0, 0]
    assert last[-1] == "--strict"
    assert run(last) == code


def test_the_cron_line_parses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    line = re.findall(r"```cron\n(.*?)\n```", TEXT)[0]
    words = shlex.split(line)
    start = words.index("governance")
    arguments = words[start + 1 : words.index(">")]
    assert words[start - 1].startswith("GOVERNANCE_NOTIFY=")
    monkeypatch.chdir(tmp_path)
    assert run(["init", "audit"]) == 0
    arguments[arguments.index("--workspace") + 1] = "audit"
    monkeypatch.setenv("GOVERNANCE_NOTIFY", "json://127.0.0.1:9")
    # An empty store: nothing can be judged, so nothing fails and nothing is sent
    assert run(arguments) == 0
    assert "GOVERNANCE_NOTIFY" in os.environ
