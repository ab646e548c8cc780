"""Model cards: every form, kept keys, mistakes with their lines."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.cards import Card, Metric, parse_card, read_card
from governance.errors import Mistake, NotFoundError, PolicyError

CARD = """\
name: credit-default
version: "3"
owner: model-risk
tier: 1
purpose: Decides on credit lines
output: probability of default within a month
favourable_when: below
threshold: 0.35
training_data: [uci-credit, part A]
limitations: Taiwan, 2005 only
licence: CC-BY-4.0
metrics: {auc: 0.774, n: 30000}
valid_from: 2026-07-01
next_validation: 2027-07-01
approved: {by: A. Officer, on: 2026-06-12}
groups: {payments: [pay_0, pay_2]}
reasons: {payments: Payments were late}
homepage: https://example.org
nested: {kept: [1, no]}
"""


def mistakes(content: bytes | str) -> tuple[Mistake, ...]:
    with pytest.raises(PolicyError) as caught:
        parse_card(content if isinstance(content, bytes) else content.encode(), "card.yaml")
    return caught.value.mistakes


def test_a_yaml_card() -> None:
    card = parse_card(CARD.encode(), "card.yaml")
    assert (card.name, card.version, card.owner, card.tier) == ("credit-default", "3", "model-risk", "1")
    assert card.threshold == 0.35
    assert card.adverse == "up"
    assert card.training_data == ("uci-credit", "part A")
    assert card.limitations == ("Taiwan, 2005 only",)
    assert card.metrics == (Metric(name="auc", value=0.774), Metric(name="n", value=30000))
    assert card.valid_from == date(2026, 7, 1)
    assert card.approved is not None
    assert (card.approved.by, card.approved.on) == ("A. Officer", date(2026, 6, 12))
    assert card.groups == {"payments": ("pay_0", "pay_2")}
    assert card.extra == {"homepage": "https://example.org", "nested": {"kept": [1, "no"]}}
    assert Card.model_validate(card.model_dump()) == card


def test_the_same_card_as_json() -> None:
    import yaml

    loaded = yaml.load(CARD, Loader=yaml.BaseLoader)  # noqa: S506  (text only)
    assert loaded["metrics"] == {"auc": "0.774", "n": "30000"}
    loaded |= {"threshold": 0.35, "metrics": {"auc": 0.774, "n": 30000}, "nested": {"kept": [1, "no"]}}
    import json

    for indent in (None, 2, "\t"):
        content = json.dumps(loaded, indent=indent).encode()
        assert parse_card(content, "card.json") == parse_card(CARD.encode(), "card.yaml")


def test_markdown_front_matter_with_our_own_keys() -> None:
    content = f"\n---\n{CARD}---\n\n# Credit default\n\n---\nmore: text\n".encode()
    assert parse_card(content, "README.md") == parse_card(CARD.encode(), "card.yaml")
    assert parse_card(b"\xef\xbb\xbf" + content.replace(b"\n", b"\r\n"), "README.md").name == "credit-default"


def test_a_line_in_front_matter_counts_from_the_top_of_the_file() -> None:
    with pytest.raises(PolicyError) as caught:
        parse_card(b"\n\n---\nname: a\nthreshold: high\n---\n# A\n", "README.md")
    assert [mistake.where for mistake in caught.value.mistakes] == ["README.md:5: threshold"]


def test_every_mistake_at_once_with_its_line() -> None:
    text = """\
name: 1.10
threshold: "0.35"
favourable_when: low
approved:
  by: A. Officer
  on: 20260612
groups: {a: [x], b: [x]}
metrics:
  - {name: auc, value: .nan}
"""
    found = mistakes(text)
    assert [mistake.where for mistake in found] == [
        "card.yaml:1: name",
        "card.yaml:2: threshold",
        "card.yaml:3: favourable_when",
        "card.yaml:6: approved.on",
        "card.yaml:9: metrics.0.value",
    ]
    assert "quote it" in found[0].what


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("groups: {a: [x], b: [x]}", "groups 'a' and 'b'"),
        ("favourable_when: above\nadverse: up", "adverse is 'down'"),
        ("license: mit\nlicence: mit", "say the same"),
        ("name: a\nname: b", "twice"),
        ("owner: ''", "at least 1"),
        ("owner: {a: b}", "string"),
        ("approved: {by: x}", "required"),
        ("valid_from: soon", "valid date"),
        ("reasons: [a]", "dictionary"),
        ("", "no fields"),
        ("just text", "no fields"),
        ("[a, b]", "no fields"),
        ("{", "not valid YAML"),
        ('{"a": 1, "a": 2}', "twice"),
        ('{"a": NaN}', "no JSON number"),
        ("[" * 3000, "deep"),
        ('{"a":' * 30000, "deep"),
        ("x: &a [*a]", "not allowed"),
        ("---\n---\n", "no fields"),
        ("{}", "no fields"),
        ('{"bomFormat": "CycloneDX", "specVersion": "1.5"}', "CycloneDX"),
        ('{"model_details": {"name": "m"}}', "Model Card Toolkit"),
    ],
)
def test_what_is_no_card(text: str, what: str) -> None:
    assert any(what in mistake.what for mistake in mistakes(text)), mistakes(text)


def test_a_missing_file() -> None:
    with pytest.raises(NotFoundError):
        read_card(Path("absent.yaml"))


def test_a_valid_model_index(shared_data: Callable[[str], Path]) -> None:
    card = read_card(shared_data("samples/hf_model_card/sample_simple_model_index.md"))
    assert card.name == "my-cool-model"
    assert card.licence == "mit"
    assert card.training_data == ("beans",)
    assert card.metrics == (
        Metric(name="accuracy", value=0.9, dataset="Beans"),
        Metric(name="f1", value=0.66, dataset="Beans / default / test"),
    )
    assert card.extra == {"language": "en", "library_name": "timm", "tags": ["pytorch", "image-classification"]}
    assert card.notes == ()


def test_an_invalid_model_index_leaves_the_rest_usable(shared_data: Callable[[str], Path]) -> None:
    path = shared_data("samples/hf_model_card/sample_invalid_model_index.md")
    card = read_card(path)
    assert card.licence == "mit"
    assert card.metrics == (Metric(name="acc"),)
    assert card.name is None
    assert card.extra["model-index"][0]["name"] == "my-cool-model"
    assert card.notes == (f"{path}:12: model-index has results without a task, data set or figure, so none is used",)


def test_windows_line_breaks(shared_data: Callable[[str], Path]) -> None:
    card = read_card(shared_data("samples/hf_model_card/sample_windows_line_breaks.md"))
    assert card.licence == "mit"
    assert card.extra["language"] == "eo"
    assert card.extra["widget"][0] == {"text": "Jen la komenco de bela <mask>."}


@given(st.binary(max_size=80) | st.sampled_from([CARD, f"---\n{CARD}---\n"]).flatmap(
    lambda text: st.integers(0, len(text)).map(lambda cut: text[:cut].encode())
))  # fmt: skip
def test_any_content_is_a_card_or_an_error_of_ours(content: bytes) -> None:
    found: tuple[Mistake, ...] = ()
    try:
        parse_card(content, "c")
    except PolicyError as error:
        found = error.mistakes
    assert all(mistake.where.startswith("c") for mistake in found)
