"""`policy lint` in a workspace: what a policy names and the store does not hold, and nothing that it does."""

from __future__ import annotations

import json
from datetime import date
from typing import TYPE_CHECKING

import pytest

from governance.cli import main
from governance.engines.duckdb import Engine
from governance.extensions import checks
from governance.policies.lint import Warned, warnings
from governance.policies.policy import read_policies
from governance.policies.unknown_names import NAMES, Held, is_free
from governance.storage.store import Store
from tests.logbooks import Logbook, logbook

if TYPE_CHECKING:
    from pathlib import Path

MAPPING = """\
source: loans
columns:
  request_id: id
  start_ts: at
  model: {constant: loan-score}
  business_unit: unit
  decision: answer
  score: p
features: [income, debt]
subjects: {sex: sex, age_band: age}
outcomes: {name: defaulted, column: bad, positive: "1", known: {constant: 2026-09-01T00:00:00Z}}
"""
ROWS = "id,at,unit,answer,p,income,debt,sex,age,bad\n" + "".join(
    f"r{n},2026-07-0{1 + n}T10:00:00Z,{'branch' if n % 2 else 'online'},{'granted' if n % 3 else 'denied'},0.{n},"
    f"{n}00,{n},{'f' if n % 2 else 'm'},{'30-39' if n < 4 else '40+'},{n % 2}\n"
    for n in range(8)
)
HEAD = """\
policy: desk
version: 1
owner: desk
approved: {by: A. Officer, on: 2026-03-20}
in_force: {from: 2026-04-01}
"""


@pytest.fixture
def book(tmp_path: Path) -> Logbook:
    """A store with eight decisions of one model."""
    made = logbook(tmp_path)
    made.read("loans.csv", ROWS, MAPPING)
    return made


def linted(book: Logbook, check: str, **head: str) -> list[Warned]:
    fields = "".join(f"{name}: {value}\n" for name, value in head.items())
    path = book.write("desk.yaml", f"{HEAD}{fields}checks:\n  - {check}\n")
    (policy,) = read_policies([path])
    store = Store(book.workspace.store)
    with Engine(store.spill) as engine:
        return warnings(policy, date(2026, 11, 20), Held(engine, store.snapshot()))


@pytest.mark.parametrize(
    ("check", "field", "what", "hint"),
    [
        ("kind: fairness-impact-ratio, by: [sex, gender]", "by.1", "attribute 'gender'", "the store has age_band, sex"),
        ("kind: fairness-impact-ratio, by: [[sex, Age_Band]]", "by.0", "'Age_Band'", "did you mean 'age_band'?"),
        ("kind: fairness-impact-ratio, by: [sex], denominator: male", "denominator", "the sex 'male'", "has f, m"),
        ("kind: fairness-impact-ratio, by: [sex], denominator: {sex: F}", "denominator", "the sex 'F'", "mean 'f'?"),
        ("kind: drift-input, reference: {window: 2026-Q2}, measure: psi, max: 0.1, features: [debts]", "features", "input 'debts'", "mean 'debt'?"),  # noqa: E501
        ("kind: explanation-concentration, adverse: up, max_share: 0.5, groups: {money: [income, depts]}", "groups.money", "input 'depts'", "mean 'debt'?"),  # noqa: E501
        ("kind: explanation-forbidden, adverse: up, forbidden: [INCOME, race*]", "forbidden", "any of the inputs INCOME, race*", "mean 'income'?"),  # noqa: E501
        ("kind: fairness-conditional, by: [sex], given: incom, cuts: [3]", "given", "input 'incom'", "mean 'income'?"),
        ("kind: performance-classification, outcome: default, metric: auc, min: 0.7", "outcome", "outcome in the store is called 'default'", "mean 'defaulted'?"),  # noqa: E501
        ("kind: oversight-overrides, by: [[reviewer, sx]], max_share: 0.5", "by.0", "attribute 'sx'", "mean 'sex'?"),
    ],
)  # fmt: skip
def test_a_name_that_the_store_does_not_hold(book: Logbook, check: str, field: str, what: str, hint: str) -> None:
    (found,) = linted(book, f"{{id: x, {check}}}")
    assert found.rule == "not-in-store"
    assert found.where.endswith(f": checks.0.{field}")
    assert what in found.what
    assert found.hint.endswith(hint)


@pytest.mark.parametrize(
    "check",
    [
        "kind: fairness-impact-ratio, by: [sex, [sex, age_band], business_unit], denominator: highest",
        "kind: fairness-impact-ratio, by: [sex], denominator: m",
        "kind: drift-input, reference: {window: 2026-Q2}, measure: psi, max: 0.1, features: [debt, income]",
        "kind: explanation-forbidden, adverse: up, forbidden: [sex, inc*]",
        "kind: explanation-forbidden, adverse: up, forbidden: [money], groups: {money: [income]}",
        "kind: fairness-conditional, by: [sex], given: age_band",
        "kind: fairness-conditional, by: [sex], given: business_unit",
        "kind: performance-classification, outcome: defaulted, metric: auc, min: 0.7",
        "kind: oversight-overrides, by: [reviewer, [reviewer, sex]], max_share: 0.5",
        "kind: latency-slo, max_ms: 1, quantile: 0.5, by: [model, business_unit]",
        "kind: output-quality, score: groundedness, min: 0.5",  # the store holds no assessment at all
        "kind: use-guardrails, guardrails: [pii], max_denied: 0.5",
        "kind: change-evaluated, suite: s, metric: accuracy, min: 0.9",
    ],
)
def test_a_name_that_it_holds_or_knows_nothing_about(book: Logbook, check: str) -> None:
    assert linted(book, f"{{id: x, {check}}}", applies_to='{model: "loan-*"}') == []


def test_a_policy_that_applies_to_nothing_is_told_once(book: Logbook) -> None:
    (found,) = linted(
        book, "{id: x, kind: fairness-impact-ratio, by: [gender]}", applies_to='{model: ["credit-*", loan_score]}'
    )
    assert (
        found.what == "nothing in the store has the model 'credit-*' or 'loan_score', so the policy applies to nothing"
    )
    assert found.hint == "the store has loan-score"
    (unit,) = linted(book, "{id: x, kind: latency-slo, max_ms: 1, quantile: 0.5}", applies_to="{business_unit: onlin}")
    assert (unit.hint, unit.where.rpartition(" ")[2]) == ("did you mean 'online'?", "applies_to.business_unit")


def test_a_log_that_names_no_model(tmp_path: Path) -> None:
    made = logbook(tmp_path)
    made.read("loans.csv", ROWS, MAPPING.replace("  model: {constant: loan-score}\n", "").replace("features", "# "))
    (found,) = linted(made, "{id: x, kind: fairness-impact-ratio, by: [gender]}", applies_to="{model: loan-*}")
    assert found.what == "no record in the store says its model, so the policy applies to nothing"


def test_values_of_decisions_and_of_waivers(book: Logbook) -> None:
    waiver = "[{check: x, reason: r, requested_by: P, approved_by: A, until: 2026-12-31, subject: {sex: female}}]"
    found = linted(
        book,
        "{id: x, kind: fairness-impact-ratio, by: [sex]}",
        favourable="{decision: [granted, approved]}",
        waivers=waiver,
    )
    assert [one.what for one in found] == [
        "no decision in the store has the decision 'approved'",
        "no record in the store has the sex 'female'",
    ]


def test_an_empty_store_has_nothing_to_say(tmp_path: Path) -> None:
    empty = logbook(tmp_path)
    assert linted(empty, "{id: x, kind: fairness-impact-ratio, by: [gender]}", applies_to="{model: nobody}") == []


def test_fields_that_hold_names_of_the_log() -> None:
    """A new kind whose field is called like one of these is asked about, too: so its meaning must be the same."""
    found: dict[str, set[str]] = {name: set() for name in NAMES}
    for kind, check in checks().items():
        for name in NAMES:
            if is_free(check, name):
                found[name].add(kind)
    scored = {"output-quality", "fallback", "fairness-service", "change-comparison", "resilience-cache"}
    assert found["score"] == scored
    assert found["suite"] == found["metric"] == {"change-evaluated"}
    assert found["guardrails"] == {"use-guardrails"}
    assert found["arm"] == found["against"] == {"change-comparison"}
    labelled = {"drift-concept", "oversight-outcomes", "fairness-calibration", "fairness-error-rates"}
    performing = {f"performance-{name}" for name in ("calibration", "classification", "regression")}
    assert found["outcome"] == labelled | performing


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as left:
        main(["policy", "lint", *words])
    out = capsys.readouterr()
    return int(str(left.value.code)), out.out, out.err


def test_command(book: Logbook, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """In a workspace the store is asked; elsewhere nothing is missed; a workspace that was named must be there."""
    path = str(book.write("desk.yaml", HEAD + "checks: [{id: x, kind: fairness-impact-ratio, by: [gender]}]\n"))
    own = ["--workspace", str(book.workspace.root)]
    code, out, _ = run(capsys, path, *own)
    assert code == 0
    assert "[not-in-store]" in out
    code, out, _ = run(capsys, path, *own, "--strict", "--json")
    assert code == 1
    assert [one["rule"] for one in json.loads(out)["policies"][0]["warnings"]] == ["not-in-store"]
    monkeypatch.chdir("/")
    assert run(capsys, path, "--strict")[0] == 0
    assert run(capsys, path, "--workspace", path)[0] == 2


def test_a_store_that_cannot_be_read_is_said_and_not_asked(book: Logbook, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(book.write("desk.yaml", HEAD + "checks: [{id: x, kind: fairness-impact-ratio, by: [gender]}]\n"))
    (book.workspace.store / "ledger" / "checkpoint").write_bytes(b"nonsense")
    code, out, err = run(capsys, path, "--workspace", str(book.workspace.root))
    assert code == 0
    assert "not-in-store" not in out
    assert err.startswith("the store was not asked: ")


def test_a_store_without_its_files_is_said_and_not_asked(book: Logbook, capsys: pytest.CaptureFixture[str]) -> None:
    """Nor does it look like a mistake of the program when other commands need them."""
    path = str(book.write("desk.yaml", HEAD + "checks: [{id: x, kind: fairness-impact-ratio, by: [gender]}]\n"))
    for file in (book.workspace.store / "requests").rglob("*.parquet"):
        file.unlink()
    code, out, err = run(capsys, path, "--workspace", str(book.workspace.root))
    assert (code, "not-in-store" in out) == (0, False)
    assert err.startswith("the store was not asked: ")
    for words in (["check", path, "--window", "2026-07"], ["status"], ["model", "live"]):
        with pytest.raises(SystemExit) as left:
            main([*words, "--workspace", str(book.workspace.root)])
        assert left.value.code == 3
        told = capsys.readouterr().err
        assert told.startswith("error: requests/date=2026-07-0")
        assert "a file of the store cannot be read" in told
        assert "`governance verify` says" in told
