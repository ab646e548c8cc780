"""The documents say what the program does: names, options, examples and manuals are compared with the code."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import typer

from governance.cards import parse_card
from governance.cli.application import application
from governance.documents import yamltext
from governance.extensions import checks
from governance.mapping import read_mapping
from governance.policies.policy import read_policies
from governance.tables import CANONICAL
from governance.workspace import find_workspace, make_workspace

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def _commands() -> dict[str, Any]:
    group: Any = typer.main.get_command(application())
    found: dict[str, Any] = {}
    for name, command in group.commands.items():
        below = getattr(command, "commands", None)
        found |= {f"{name} {inner}": item for inner, item in below.items()} if below else {name: command}
    return found


def test_every_command_stands_in_the_readme() -> None:
    rows = [line for line in README.splitlines() if line.startswith("| `governance")]
    listed = "\n".join(rows)
    for name in _commands():
        first, _, second = name.partition(" ")
        line = next((row for row in rows if f"`governance {first}" in row), None)
        assert line is not None, f"{name} is not in the table of commands"
        assert second in line, f"{name} is not in {line}"
    for named in re.findall(r"`governance ([a-z]+)", listed):
        assert any(name.split()[0] == named for name in _commands()), f"there is no command {named}"


def test_every_command_line_in_the_readme_parses() -> None:
    known = _commands()
    for line in _shell_lines():
        words = line.split("#")[0].split()
        name = " ".join(words[1:3]) if " ".join(words[1:3]) in known else words[1]
        assert name in known, line
        options = {option for parameter in known[name].params for option in parameter.opts}
        options |= {"--json", "--workspace", "--help"}
        for word in words:
            if word.startswith("--"):
                assert word in options, f"{word} in: {line}"


def _shell_lines() -> Iterator[str]:
    for block in re.findall(r"```sh\n(.*?)```", README, re.DOTALL):
        for line in block.splitlines():
            for part in line.split("&&"):
                if part.strip().startswith("governance "):
                    yield part.strip()


def test_every_folder_of_the_code_stands_in_the_page_for_developers() -> None:
    named = set(re.findall(r"`([a-z_]+)/`", (ROOT / "docs" / "developing.md").read_text(encoding="utf-8")))
    folders = {path.parent.name for path in (ROOT / "governance").glob("*/__init__.py")} | {"mappings", "demo_data"}
    assert named - {"docs"} == folders


def test_the_mapping_in_the_readme_loads(tmp_path: Path) -> None:
    text = next(block for block in _yaml_blocks() if block.startswith("source:"))
    path = tmp_path / "loans.mapping.yaml"
    path.write_text(text, encoding="utf-8")
    mapping, _ = read_mapping(path)
    assert mapping.source == "loans"


def test_the_card_and_the_settings_in_the_page_on_explanations_load(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "explanations.md").read_text(encoding="utf-8")
    card = parse_card(re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)[0].encode(), "card.yaml")
    assert set(card.actions) == {"pay-on-time", "owe-less"}
    assert not card.extra
    space = make_workspace(tmp_path / "space", environment=os.environ, now="2026-09-01T00:00:00.000000Z")
    with (space.root / "governance.toml").open("a") as settings:
        settings.write(re.findall(r"```toml\n(.*?)```", text, re.DOTALL)[0])
    found = find_workspace(space.root, cwd=tmp_path, environment={})
    assert found.office.unsaid() == []


def test_the_policy_in_the_readme_loads(tmp_path: Path) -> None:
    text = next(block for block in _yaml_blocks() if block.startswith("policy:"))
    path = tmp_path / "loans.yaml"
    path.write_text(text, encoding="utf-8")
    (policy,) = read_policies([path])
    assert policy.name == "loans"


def _yaml_blocks() -> list[str]:
    return re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)


@pytest.mark.parametrize("kind", sorted(checks()))
def test_the_example_of_every_kind_loads(kind: str) -> None:
    manual = checks()[kind].manual()
    match = re.search(r"^Example:\n((?: {4}.*\n|\n)+)", manual, re.MULTILINE)
    assert match is not None, f"{kind} has no example"
    examples: Any = yamltext.parse(match[1], kind).value
    (item,) = examples
    assert item["kind"] == kind
    checks()[kind].model_validate(item)


def test_the_reference_of_checks_is_up_to_date(request: pytest.FixtureRequest) -> None:
    _compare(ROOT / "docs" / "checks.md", _reference_of_checks(), request)


def test_the_reference_of_tables_is_up_to_date(request: pytest.FixtureRequest) -> None:
    _compare(ROOT / "docs" / "tables.md", _reference_of_tables(), request)


def _compare(path: Path, text: str, request: pytest.FixtureRequest) -> None:
    if request.config.getoption("--update-golden"):
        path.write_text(text, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == text, "run pytest tests/test_docs.py --update-golden"


def _reference_of_checks() -> str:
    fields = "`id`, `kind`, `by`, `where`, `minimum_n`, `severity`, `owner`, `due_days`, `controls`, `per`"
    parts = [
        (
            "# Kinds of checks\n\n"
            "Each is one file in `governance/checks/`; `governance policy show KIND` prints the same text.\n"
            f"Fields that all kinds have: {fields}.\n\n"
            "| kind | asks |\n| --- | --- |\n"
        )
    ]
    parts += [f"| [{kind}](#{kind}) | {check.question()} |\n" for kind, check in checks().items()]
    for kind, check in checks().items():
        manual = re.sub(r"^Example:\n((?: {4}.*\n|\n)+)", _example, check.manual() + "\n", flags=re.MULTILINE)
        needs = (
            ", ".join(" or ".join(f"`{name}`" for name in need.split("|")) for need in check.needs)
            or "nothing beyond the records"
        )
        parts.append(f"\n## {kind}\n\n{manual.strip()}\n\nNeeds: {needs}.\n")
    return "".join(parts)


def _example(match: re.Match[str]) -> str:
    body = "\n".join(line[4:] for line in match[1].rstrip().splitlines())
    return f"Example:\n\n```yaml\n{body}\n```\n\n"


def _reference_of_tables() -> str:
    parts = ["# Canonical tables\n\nOne Parquet folder each; times are UTC, durations microseconds, money decimal.\n"]
    for table in CANONICAL.values():
        parts.append(
            f"\n## {table.name}\n\nOne row is {table.meaning}.\n\n| column | type | meaning |\n| --- | --- | --- |\n"
        )
        parts += [
            f"| {'**' + c.name + '**' if c.required else c.name} | {c.type} | {c.meaning} |\n" for c in table.columns
        ]
        if table.wide:
            parts.append("\nFurther columns follow, of names of their own.\n")
    return "".join(parts)
