"""Model cards: every form, kept keys, mistakes with their lines."""

import contextlib
import json
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
        ('{"bomFormat": "CycloneDX", "specVersion": "1.5"}', "0 components of type machine-learning-model"),
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


def test_an_mlmodel_names_neither_model_nor_version(shared_data: Callable[[str], Path]) -> None:
    card = read_card(shared_data("samples/mlmodel/langchain_mlflow_2_12/MLmodel"))
    assert (card.name, card.version, card.owner, card.purpose, card.notes) == (None, None, None, None, ())
    assert card.extra["signature"]["inputs"][0]["name"] == "messages"
    assert card.extra["signature"]["params"] is None
    assert card.extra["utc_time_created"] == "2024-05-17T23:15:28.764394+00:00"
    assert card.extra["run_id"] == "84552a129bfb45faa87f5fb3f05eb9cf"
    old = read_card(shared_data("samples/mlmodel/sklearn_mlflow_1_30/MLmodel"))
    assert "signature" not in old.extra
    assert old.extra["flavors"]["sklearn"]["sklearn_version"] == "1.5.2"


def test_an_mlmodel_with_a_broken_signature_and_time() -> None:
    card = parse_card(b"flavors: {}\nsignature: {inputs: '[{'}\nutc_time_created: soon\n", "MLmodel")
    assert card.extra["signature"] == {"inputs": "[{"}
    assert card.notes == (
        "MLmodel:1: the signature is no JSON, so it is kept as text",
        "MLmodel:1: utc_time_created is no time, so it is kept as text",
    )


def test_a_bill_of_materials(shared_data: Callable[[str], Path]) -> None:
    card = read_card(shared_data("samples/cyclonedx/valid-machine-learning-1.5.json"))
    assert (card.name, card.version, card.owner, card.licence) == ("stable-diffusion", "1.4", None, None)
    assert card.training_data == ("Training Data",)
    (metric,) = card.metrics
    assert (metric.name, metric.value) == ("The type of performance metric", None)
    assert [note.rpartition(": ")[2] for note in card.notes] == [
        "the value of the metric 'The type of performance metric' is no number, so its name alone is used"
    ]
    assert card.extra["component"]["modelCard"]["modelParameters"]["task"] == "task goes here"
    newer = read_card(shared_data("samples/cyclonedx/valid-machine-learning-considerations-env-1.7.json"))
    assert (newer.name, newer.version, newer.purpose, newer.notes) == ("Llama-2-7b", None, None, ())
    assert newer.extra["component"]["supplier"] == {"name": "Hugging Face"}


def test_a_bill_of_materials_with_references() -> None:
    model = {
        "type": "machine-learning-model",
        "name": "m",
        "version": "1.10",
        "licenses": [{"license": {"id": "MIT"}}, {"expression": "Apache-2.0 OR BSD-3-Clause"}, "odd"],
        "modelCard": {
            "modelParameters": {"datasets": [{"ref": "d1"}, {"ref": "gone"}, {"name": "inline"}, 7]},
            "quantitativeAnalysis": {"performanceMetrics": [{"type": "auc", "value": "0.9", "slice": "women"}, {}]},
            "considerations": {"useCases": ["scoring", "ranking"], "technicalLimitations": ["small"]},
        },
    }
    data = {"type": "data", "bom-ref": "d1", "name": "German credit"}
    bill = {"bomFormat": "CycloneDX", "specVersion": "2.0", "components": [{"components": [model]}, data, "odd"]}
    card = parse_card(json.dumps(bill).encode(), "bom.json")
    assert (card.version, card.licence, card.purpose) == ("1.10", "MIT, Apache-2.0 OR BSD-3-Clause", "scoring; ranking")
    assert card.training_data == ("German credit", "gone", "inline")
    assert card.limitations == ("small",)
    assert card.metrics == (Metric(name="auc", value=0.9, dataset="women"),)
    assert [note.partition(": ")[2] for note in card.notes] == [
        "a performance metric has no type, so it is not used",
        "the specification 2.0 is not one of 1.5, 1.6, 1.7",
    ]


def test_two_models_in_one_bill() -> None:
    bill = {"bomFormat": "CycloneDX", "components": [{"type": "machine-learning-model"}] * 2}
    assert "2 components" in mistakes(json.dumps(bill))[0].what


def test_a_model_card_toolkit_card(shared_data: Callable[[str], Path]) -> None:
    card = read_card(shared_data("samples/google_model_card/full.json"))
    assert (card.name, card.version, card.owner) == ("name", "v1.0", "name1, name2")
    assert (card.purpose, card.licence, card.valid_from) == ("use_cases", "Apache-2.0", None)
    assert card.limitations == ("limitations1", "limitations2")
    assert card.training_data == ("data name",)
    assert card.metrics == (Metric(name="accuracy", value=0.9, dataset="overall"),)
    assert card.extra["model_details"]["version"]["date"] == "2020/02/02"
    assert card.extra["considerations"]["ethical_considerations"][0]["name"] == "ethical considerations name"
    assert card.notes == ()


def test_a_sagemaker_model_package_is_approved_by_nobody_we_know() -> None:
    """Made from the published field list: no real record lies in the samples."""
    content = {"model_overview": {"model_owner": "Ann"}, "intended_uses": {"risk_rating": "High"}}
    package = {
        "ModelPackageGroupName": "churn",
        "ModelPackageVersion": 10,
        "ModelPackageArn": "arn:aws:sagemaker:eu-west-1:123456789012:model-package/churn/10",
        "ModelPackageDescription": "Predicts churn",
        "ModelApprovalStatus": "Approved",
        "LastModifiedBy": {"UserProfileName": "bot"},
        "ModelCard": {"ModelCardContent": json.dumps(content), "ModelCardStatus": "Draft"},
    }
    card = parse_card(json.dumps(package).encode(), "package.json")
    assert (card.name, card.version, card.owner, card.tier) == ("churn", "10", "Ann", "High")
    assert (card.approval_status, card.approved, card.purpose) == ("Approved", None, "Predicts churn")
    assert card.extra["LastModifiedBy"] == {"UserProfileName": "bot"}
    assert len(card.notes) == 1
    pending = {**package, "ModelApprovalStatus": "PendingManualApproval", "ModelCard": {"ModelCardContent": "{"}}
    card = parse_card(json.dumps(pending).encode(), "package.json")
    assert (card.owner, card.approval_status) == (None, "PendingManualApproval")
    assert card.notes == ("package.json:1: the model card in the package is no JSON object",)


def test_the_folder_of_a_run(tmp_path: Path) -> None:
    """As MLflow's file store writes it: one file for each parameter, metric and tag."""
    files = {
        "meta.yaml": "run_id: 4d62\nrun_name: eager-fox\nstart_time: 1722470400000\n",
        "params/max_depth": "4",
        "metrics/auc": "1722470400000 0.7 0\n1722470401000 0.77 1\n",
        "metrics/val/loss": "1722470400000 nan 0\n",
        "tags/mlflow.source.git.commit": "abc",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    card = read_card(tmp_path)
    assert (card.name, card.version) == (None, None)
    assert card.metrics == (Metric(name="auc", value=0.77), Metric(name="val/loss"))
    run = card.extra["mlflow_run"]
    assert (run["params"], run["tags"]) == ({"max_depth": "4"}, {"mlflow.source.git.commit": "abc"})
    assert run["meta"]["run_name"] == "eager-fox"
    (tmp_path / "params" / "large").write_text("x" * (1 << 20))
    with pytest.raises(PolicyError, match="larger"):
        read_card(tmp_path)


FOREIGN_KEYS = st.sampled_from([
    "bomFormat", "components", "type", "modelCard", "model_details", "flavors", "signature", "ModelPackageArn",
    "ModelCard", "mlflow_run", "metrics", "model-index", "considerations", "name", "version", "licenses",
])  # fmt: skip
ODD = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from(["", "machine-learning-model", "{", "1.5"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FOREIGN_KEYS, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(FOREIGN_KEYS, ODD, max_size=5))
def test_any_shape_of_a_known_form_is_a_card_or_an_error_of_ours(value: dict[str, object]) -> None:
    with contextlib.suppress(PolicyError):
        assert parse_card(json.dumps(value).encode(), "c").approved is None


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
