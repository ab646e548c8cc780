"""The control catalogue: every file loads, ids are unique, dates and status are honoured."""

from __future__ import annotations

import json
import re
from datetime import date

import pytest

from governance.controls.catalogue import State, control_ids, framework_ids, read_framework, state_of
from governance.errors import NotFoundError

EVIDENCE = set(
    "request_log explanation fairness data_validation drift performance cost latency resilience human_oversight "
    "security lineage model_inventory evaluation incident retention integrity documentation".split()
)


@pytest.mark.parametrize("name", framework_ids())
def test_a_framework_loads_with_known_words_and_no_addresses(name: str) -> None:
    framework, controls = read_framework(name)
    assert framework.id == name
    assert controls
    for control in controls:
        assert control.framework == name
        assert set(control.evidence) <= EVIDENCE
        text = json.dumps(control.model_dump(mode="json"))
        assert not re.search(r"https?://|www\.", text)


def test_ids_are_unique_and_all_are_known_to_policies() -> None:
    listed = [control.id for name in framework_ids() for control in read_framework(name)[1]]
    assert len(listed) == len(set(listed)) == 359
    assert set(listed) == control_ids()


def test_the_maintained_frameworks_come_first() -> None:
    assert framework_ids()[:7] == ("eu-ai-act", "gdpr", "ecoa-reg-b", "nyc-ll144", "sr-26-2", "sr-11-7", "nist-ai-rmf")


def test_an_unknown_framework_names_the_nearest() -> None:
    with pytest.raises(NotFoundError) as caught:
        read_framework("eu-ai-akt")
    assert caught.value.hint == "did you mean 'eu-ai-act'?"


def _control(**changes: object) -> object:
    _, controls = read_framework("nyc-ll144")
    return controls[0].model_copy(update=changes)


@pytest.mark.parametrize(
    ("changes", "verdicts", "state"),
    [
        ({}, ["passed"], State.EVIDENCED),
        ({}, ["passed", "failed"], State.WITH_FINDING),
        ({}, ["waived"], State.WITH_FINDING),
        ({}, ["not_assessed", "errored"], State.MISSING),
        ({}, [], State.MISSING),
        ({"reach": "context"}, ["passed"], State.BEYOND),
        ({"dates": {"applies_from": date(2027, 1, 1)}}, ["passed"], State.NOT_APPLICABLE),
        ({"dates": {"applies_from": date(2026, 9, 30)}}, ["passed"], State.EVIDENCED),
        ({"status": "repealed", "dates": {"repealed": date(2026, 6, 30)}}, ["passed"], State.NO_LONGER),
        ({"status": "repealed", "dates": {"repealed": date(2026, 7, 1)}}, ["passed"], State.EVIDENCED),
        ({"status": "draft", "dates": {}}, ["passed"], State.NOT_APPLICABLE),
    ],
)
def test_the_state_of_a_control(changes: dict[str, object], verdicts: list[str], state: State) -> None:
    control = _control(**changes)
    assert state_of(control, verdicts, date(2026, 7, 1), date(2026, 9, 30)) is state  # type: ignore[arg-type]


def test_a_framework_that_was_read_long_ago_is_stale() -> None:
    framework, _ = read_framework("gdpr")
    assert not framework.is_stale(date(2027, 5, 19))
    assert framework.is_stale(date(2027, 5, 20))
