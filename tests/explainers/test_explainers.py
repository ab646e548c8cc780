"""Attributions against the definition: Shapley values counted out over all coalitions, with the model's own library."""

import hashlib
import itertools
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import lightgbm
import numpy as np
import pyarrow as pa
import pytest

from governance import explainers, sandbox
from governance.errors import MissingExtraError, NotFoundError, SourceError
from governance.explainers import Attributions, explainer, methods, reproduction
from tests.boosters import (
    FEATURES,
    MODELS,
    Booster,
    Floats,
    categorical_model,
    categories,
    lightgbm_model,
    rows,
    table,
    xgboost_model,
)

EXPLAINED = rows()[:12]
BACKGROUND = rows()[400:1400]
TOLERANCES = {"lightgbm-text": 1e-6, "xgboost-json": 1e-5}


def shapley(value: Callable[[tuple[int, ...]], Floats], count: int) -> Floats:
    """Shapley values from the worth of each coalition, shape (rows, count), by the definition (Shapley 1953)."""
    worth = {
        players: value(players) for size in range(count + 1) for players in itertools.combinations(range(count), size)
    }
    found = np.zeros((len(worth[()]), count))
    for player in range(count):
        for players, without in worth.items():
            if player not in players:
                size = len(players)
                weight = math.factorial(size) * math.factorial(count - size - 1) / math.factorial(count)
                found[:, player] += weight * (worth[tuple(sorted((*players, player)))] - without)
    return found


def interventional(model: Booster, explained: Floats, background: Floats) -> Floats:
    """Shapley values where absent features take the background's values, row by row."""

    def worth(players: tuple[int, ...]) -> Floats:
        mixed = np.tile(background, (len(explained), 1))
        for player in players:
            mixed[:, player] = np.repeat(explained[:, player], len(background))
        means: Floats = model.margins(mixed).reshape(len(explained), len(background)).mean(axis=1)
        return means

    return shapley(worth, explained.shape[1])


def matrix(found: Attributions) -> Floats:
    return np.column_stack([found.contributions.column(name).to_numpy() for name in found.features])


def explain(
    model: Booster, method: str, folder: Path, explained: pa.Table, background: pa.Table | None
) -> Attributions:
    path, digest = model.save(folder)
    return explainer(method).explain(path, explained, background, sha256=digest, background_sha256="b" * 64)


@pytest.mark.parametrize("method", ["shap", "interventional"])
@pytest.mark.parametrize("name", sorted(MODELS))
def test_contributions_equal_the_definition_with_every_row_of_the_background(
    name: str, method: str, tmp_path: Path
) -> None:
    """1,000 background rows (shap alone would take 100 of them), missing values among them, columns turned round."""
    model = MODELS[name]()
    order = tuple(reversed(FEATURES))
    found = explain(model, method, tmp_path, table(EXPLAINED).select(order), table(BACKGROUND))
    assert np.abs(matrix(found) - interventional(model, EXPLAINED, BACKGROUND)).max() < 1e-6
    assert found.base_value == pytest.approx(model.margins(BACKGROUND).mean(), abs=1e-9)
    assert found.output_values == model.margins(EXPLAINED).tolist()
    sums = found.base_value + matrix(found).sum(axis=1)
    assert np.abs(sums - model.margins(EXPLAINED)).max() < TOLERANCES[name]
    assert found.additivity_errors == pytest.approx(np.abs(sums - model.margins(EXPLAINED)), abs=1e-15)
    assert found.contributions.column("unused").to_pylist() == [0.0] * len(EXPLAINED)
    assert (found.method, found.output_space, found.background_sha256) == (method, "margin", "b" * 64)
    assert found.library.startswith("shap ") is (method == "shap")
    for row, logged in enumerate(model.scores(EXPLAINED)):
        assert reproduction(logged, None, found.base_value, matrix(found)[row], "logit", format=name).equal


@pytest.mark.parametrize("name", sorted(MODELS))
def test_native_is_the_librarys_own(name: str, tmp_path: Path) -> None:
    model = MODELS[name]()
    found = explain(model, "native", tmp_path, table(EXPLAINED), None)
    expected = model.contributions(EXPLAINED)
    assert [feature.replace("_", " ") for feature in found.features] == list(FEATURES)
    assert matrix(found).tolist() == expected[:, :-1].tolist()
    assert [found.base_value] * len(EXPLAINED) == expected[:, -1].tolist()
    assert max(found.additivity_errors) < TOLERANCES[name]
    assert found.output_values == model.margins(EXPLAINED).tolist()
    assert found.contributions.column("unused").to_pylist() == [0.0] * len(EXPLAINED)
    assert found.background_sha256 is None
    for row, logged in enumerate(model.scores(EXPLAINED)):
        assert reproduction(float(f"{logged:.4f}"), 4, found.base_value, matrix(found)[row], "logit", format=name).equal


@pytest.mark.slow
@pytest.mark.parametrize("method", ["shap", "interventional"])
@pytest.mark.parametrize("parameters", [{"whole": True}, {"zero_as_missing": True}, {"boosting": "dart"}])
def test_contributions_equal_the_definition_for_other_boosters(
    parameters: dict[str, str | bool], method: str, tmp_path: Path
) -> None:
    """Zeros and missing values mean other things to them than to shap."""
    model = lightgbm_model(**parameters)
    found = explain(model, method, tmp_path, table(EXPLAINED), table(BACKGROUND[:50]))
    assert np.abs(matrix(found) - interventional(model, EXPLAINED, BACKGROUND[:50])).max() < 1e-6


def test_rows_are_split_among_children_and_come_back_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = lightgbm_model()
    whole = explain(model, "native", tmp_path, table(EXPLAINED), None)
    jobs: list[int] = []
    run_all = sandbox.run_all

    def counted(given: list[sandbox.Job], *, at_once: int) -> list[sandbox.Answer]:
        jobs.extend(job.tables["rows"].num_rows for job in given)
        return run_all(given, at_once=at_once)

    monkeypatch.setattr(sandbox, "run_all", counted)
    monkeypatch.setattr(type(explainer("native")), "pairs_at_once", 5)
    monkeypatch.setattr(type(explainer("native")), "uses_all_cores", False)
    assert explain(model, "native", tmp_path, table(EXPLAINED), None) == replace(whole)
    assert jobs == [4, 4, 4]


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(MODELS))
def test_categories_are_explained_by_native_and_refused_by_shap(name: str, tmp_path: Path) -> None:
    model = categorical_model(name)
    frame = categories()[:20]
    given = pa.table({column: frame[column].to_list() for column in reversed(frame.columns)})
    found = explain(model, "native", tmp_path, given, None)
    assert found.features == ("amount", "grade", "region")
    assert max(found.additivity_errors) < TOLERANCES[name]
    assert any(abs(value) > 0.1 for value in found.contributions.column("grade").to_pylist())
    with pytest.raises(SourceError, match="splits by category") as caught:
        explain(model, "shap", tmp_path, given, given)
    assert "native" in str(caught.value.hint)
    assert caught.value.where


@pytest.mark.slow
@pytest.mark.parametrize(
    ("parameters", "what"),
    [
        ({"booster": "dart", "rate_drop": 0.5}, "misreads this model"),
        ({"num_parallel_tree": 3, "subsample": 0.5}, "cannot read this model"),
        ({"booster": "gblinear"}, "no trees"),
    ],
)
def test_what_shap_would_get_wrong_is_refused(parameters: dict[str, str | float], what: str, tmp_path: Path) -> None:
    """Shap 0.51 leaves out the weights of a dart booster; only the model's own margin shows it."""
    with pytest.raises(SourceError, match=what):
        explain(xgboost_model(**parameters), "shap", tmp_path, table(EXPLAINED), table(BACKGROUND[:30]))


@pytest.mark.slow
def test_parallel_trees_simply_add_up(tmp_path: Path) -> None:
    model = xgboost_model(num_parallel_tree=3, subsample=0.5)
    found = explain(model, "interventional", tmp_path, table(EXPLAINED), table(BACKGROUND[:30]))
    assert np.abs(matrix(found) - interventional(model, EXPLAINED, BACKGROUND[:30])).max() < 1e-6


@pytest.mark.slow
@pytest.mark.parametrize("booster", ["dart", "gblinear"])
def test_boosters_that_are_no_sum_of_trees_are_not_counted_leaf_by_leaf(booster: str, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="plain sum of trees"):
        explain(xgboost_model(booster=booster), "interventional", tmp_path, table(EXPLAINED), table(BACKGROUND[:30]))


@pytest.mark.slow
def test_a_linear_effect_goes_to_the_feature_that_has_it(tmp_path: Path, shared_data: Callable[[str], Path]) -> None:
    """The oracle's linear model, as near as steps come to it; the background's first two features move together."""
    import json

    oracle = json.loads(shared_data("oracles/shap_identities.json").read_text(encoding="utf-8"))
    case = next(case for case in oracle["cases"] if case.get("masker") == "independent")
    generator = np.random.default_rng(1)
    training = generator.uniform(-4, 4, size=(4000, 3))
    settings = {"objective": "regression", "num_leaves": 63, "verbosity": -1, "learning_rate": 0.2}
    native = lightgbm.train(settings, lightgbm.Dataset(training, training[:, 0], feature_name=["a", "b", "c"]), 80)
    model = Booster("lightgbm-text", native.model_to_string().encode(), native)
    shared, apart = generator.normal(size=(2, 500))
    second = shared * case["cov_12"] + apart * math.sqrt(1 - case["cov_12"] ** 2)
    background = np.column_stack([shared, second, apart]) + case["mean"]
    background -= background.mean(axis=0)
    names = ("a", "b", "c")
    explained = table(np.array([case["x"]], dtype=float), names)
    found = explain(model, "shap", tmp_path, explained, table(background, names))
    assert matrix(found)[0] == pytest.approx(case["expected"], abs=case["tol"])


def test_mistakes_are_said_before_a_child_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "run_all", lambda *_: pytest.fail("a child was started"))
    model = lightgbm_model()
    with pytest.raises(SourceError, match="no rows"):
        explain(model, "native", tmp_path, table(EXPLAINED[:0]), None)
    with pytest.raises(SourceError, match="this model has none") as caught:
        explain(model, "shap", tmp_path, table(EXPLAINED), None)
    assert "native" in str(caught.value.hint)
    with pytest.raises(SourceError, match="this model has none"):
        explain(model, "shap", tmp_path, table(EXPLAINED), table(BACKGROUND[:0]))
    monkeypatch.setattr(explainers, "find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match="shap"):
        explain(model, "shap", tmp_path, table(EXPLAINED), table(BACKGROUND))


def test_a_changed_model_is_not_explained(tmp_path: Path) -> None:
    path, digest = lightgbm_model().save(tmp_path)
    path.write_bytes(path.read_bytes() + b"\n")
    with pytest.raises(SourceError, match="not the registered"):
        explainer("native").explain(path, table(EXPLAINED), sha256=digest)
    assert hashlib.sha256(path.read_bytes()).hexdigest() != digest


def test_methods_are_named_after_their_files() -> None:
    assert set(methods()) == {"interventional", "native", "shap"}
    assert all(found.method == name for name, found in methods().items())
    with pytest.raises(NotFoundError) as caught:
        explainer("shapp")
    assert caught.value.hint == "did you mean 'shap'?"
