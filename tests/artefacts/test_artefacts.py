"""Model files: recognised by content, read in the sandbox, refused with a reason."""

import gzip
import hashlib
import io
import math
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import xgboost

from governance import artefacts
from governance.artefacts import formats, inspect, margins, recognise, scores
from governance.errors import MissingExtraError, NotFoundError, SourceError
from tests.boosters import FEATURES, MODELS, Booster, categorical_model, categories, lightgbm_model, rows, table


@pytest.fixture(params=sorted(MODELS))
def booster(request: pytest.FixtureRequest) -> Booster:
    return MODELS[request.param]()


def refusal(path: Path, sha256: str | None = None) -> SourceError:
    digest = sha256 or hashlib.sha256(path.read_bytes()).hexdigest()
    with pytest.raises(SourceError) as caught:
        inspect(path, digest)
    assert caught.value.where == str(path)
    assert caught.value.hint
    return caught.value


def test_every_format_has_a_model_in_the_tests() -> None:
    assert set(formats()) == set(MODELS)
    assert all(artefact.format == name for name, artefact in formats().items())


def test_facts(booster: Booster, tmp_path: Path) -> None:
    path, digest = booster.save(tmp_path)
    facts = inspect(path, digest)
    assert (facts.format, facts.sha256, facts.bytes) == (booster.format, digest, len(booster.content))
    assert [name.replace("_", " ") for name in facts.feature_names] == list(FEATURES)
    assert (facts.trees, facts.link, facts.link_scale, facts.classes) == (20, "logit", 1.0, 2)
    assert facts.categorical_features == ()
    assert facts.library.startswith(booster.format.partition("-")[0])
    if booster.format == "lightgbm-text":
        assert (facts.objective, facts.base) == ("binary sigmoid:1", 0.0)
    else:
        # In its margin space a boosted sum starts from here: with no tree used, only this is left.
        empty = booster.native.predict(
            xgboost.DMatrix(rows()[:1], feature_names=list(FEATURES)), output_margin=True, iteration_range=(0, 1)
        )
        first_tree = booster.native[0:1].trees_to_dataframe().query("Feature == 'Leaf'")["Gain"]
        assert facts.objective == "binary:logistic"
        assert np.abs(first_tree.to_numpy() + facts.base - empty[0]).min() < 1e-6


def test_margins_and_scores_are_the_librarys_own_whatever_the_order_of_columns(
    booster: Booster, tmp_path: Path
) -> None:
    path, digest = booster.save(tmp_path)
    given = table(rows()[:40])
    turned = given.select(list(reversed(FEATURES))).append_column("else", pa.array(["x"] * 40))
    assert margins(path, turned, sha256=digest) == booster.margins(rows()[:40]).tolist()
    assert scores(path, turned, sha256=digest) == booster.scores(rows()[:40]).tolist()


def test_other_types_of_number_are_read(booster: Booster, tmp_path: Path) -> None:
    path, digest = booster.save(tmp_path)
    whole = np.nan_to_num(np.round(rows()[:30]))
    given = table(whole)
    decimal = given.column("debt").cast(pa.decimal128(12, 3))
    mixed = given.set_column(0, "income", given.column("income").cast(pa.int16())).set_column(1, "debt", decimal)
    mixed = mixed.set_column(3, "unused", pa.nulls(30)).set_column(2, "age", pa.array([True, False] * 15))
    whole[:, 2] = [1, 0] * 15
    assert margins(path, mixed, sha256=digest) == booster.margins(whole).tolist()


def test_a_missing_or_wrong_column_is_named(booster: Booster, tmp_path: Path) -> None:
    path, digest = booster.save(tmp_path)
    given = table(rows()[:3])
    with pytest.raises(SourceError) as caught:
        margins(path, given.drop_columns(["debt", "age"]), sha256=digest)
    assert "2 of the model's 5 features: 'debt', 'age'" in caught.value.what
    with pytest.raises(SourceError, match="the column 'age' holds string"):
        margins(path, given.set_column(2, "age", pa.array(["young", "old", None])), sha256=digest)
    with pytest.raises(SourceError, match="more than one column 'debt'"):
        margins(path, given.append_column("debt", given.column("age")), sha256=digest)


def test_no_rows_give_no_margins(tmp_path: Path) -> None:
    path, digest = lightgbm_model().save(tmp_path)
    assert margins(path, table(rows()[:0]), sha256=digest) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(MODELS))
def test_categories_are_coded_as_the_model_stores_them(name: str, tmp_path: Path) -> None:
    model = categorical_model(name)
    path, digest = model.save(tmp_path)
    facts = inspect(path, digest)
    assert facts.categorical_features == ("grade", "region")
    frame = categories()[:60]
    given = pa.table(
        {
            "region": pa.array([int(value) for value in frame["region"]]),  # as numbers, in the log's own order
            "grade": pa.array([str(value) for value in frame["grade"]]).dictionary_encode(),
            "amount": frame["amount"].to_numpy(),
        }
    )
    assert margins(path, given, sha256=digest) == pytest.approx(_margins(model, frame), abs=1e-6)
    unseen = given.set_column(1, "grade", pa.array(["never seen"] * 60))
    missing = frame.assign(grade=pd.Categorical([None] * 60, categories=frame["grade"].cat.categories))
    assert margins(path, unseen, sha256=digest) == pytest.approx(_margins(model, missing), abs=1e-6)
    with pytest.raises(SourceError, match="holds numbers, but the model knows the categories '"):
        margins(path, given.set_column(1, "grade", pa.array([0] * 60)), sha256=digest)


@pytest.mark.slow
def test_letters_beyond_ascii_in_categories(tmp_path: Path) -> None:
    """LightGBM stores them well; what XGBoost stores may be wrong, so it is not used."""
    frame = categories("größer")[:20]
    given = pa.table({"amount": frame["amount"], "grade": list(frame["grade"]), "region": list(frame["region"])})
    model = categorical_model("lightgbm-text", "größer")
    path, digest = model.save(tmp_path)
    assert margins(path, given, sha256=digest) == _margins(model, frame)
    path, digest = categorical_model("xgboost-json", "größer").save(tmp_path)
    with pytest.raises(SourceError, match="category codes, and the model file does not tell"):
        margins(path, given, sha256=digest)


def _margins(model: Booster, frame: pd.DataFrame) -> list[float]:
    if model.format == "lightgbm-text":
        found = model.native.predict(frame, raw_score=True)
    else:
        found = model.native.predict(xgboost.DMatrix(frame, enable_categorical=True), output_margin=True)
    return [float(value) for value in found]


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_is_refused_under_any_name(protocol: int, tmp_path: Path) -> None:
    for number, value in enumerate(({"a": 1}, [1], [], {}, Path("x"), range(3))):
        path = tmp_path / f"model{number}.txt"
        path.write_bytes(pickle.dumps(value, protocol))
        with pytest.raises(SourceError, match="pickle") as caught:
            recognise(path)
        assert "LightGBM text" in str(caught.value.hint)


def test_archives_and_other_files_are_refused(tmp_path: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("model.txt", lightgbm_model().content)
    contents = {
        "empty": b"",
        "zip archive": packed.getvalue(),
        "gzip": gzip.compress(lightgbm_model().content),
        "UBJ": bytes(MODELS["xgboost-json"]().native.save_raw("ubj")),
        "no model": b"name,score\na,1\n",
        "is no model in a format": b'{"learner": 1}',
        "dump": b'{"name": "tree", "tree_info": []}',
    }
    for what, content in contents.items():
        path = tmp_path / "model.json"
        path.write_bytes(content)
        with pytest.raises(SourceError, match=what):
            recognise(path)
    for absent in (tmp_path / "absent.txt", tmp_path):
        with pytest.raises(NotFoundError):
            recognise(absent)


def test_a_wrong_digest_is_refused_before_anything_is_parsed(tmp_path: Path) -> None:
    """The file would crash its parser, so an answer about the digest shows that nobody tried."""
    path = tmp_path / "m.txt"
    path.write_bytes(b"tree\nversion=v4\n" + b"\xff" * 100)
    assert "not the registered 0000" in refusal(path, "0" * 64).what


def test_a_missing_library_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, digest = lightgbm_model().save(tmp_path)
    monkeypatch.setattr(artefacts, "find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match="lightgbm"):
        inspect(path, digest)


def test_windows_line_ends_are_read(tmp_path: Path) -> None:
    model = lightgbm_model()
    path = tmp_path / "model.txt"
    path.write_bytes(model.content.replace(b"\n", b"\r\n"))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert margins(path, table(rows()[:9]), sha256=digest) == model.margins(rows()[:9]).tolist()


def damage(content: bytes, kind: str) -> bytes:
    middle = len(content) // 2
    return {
        "head only": content[:200],
        "half": content[:middle],
        "last line": content[: content.rstrip().rfind(b"\n" if b"\n" in content else b",")],
        "a hole": content[:middle] + content[middle + 97 :],
        "a flipped bit": content[:middle] + bytes([content[middle] ^ 0x40]) + content[middle + 1 :],
        "huge counts": content.replace(b"num_leaves=15", b"num_leaves=2000000000").replace(
            b'"num_trees":"20"', b'"num_trees":"2000000000"'
        ),
        "wild children": content.replace(b"left_child=1", b"left_child=99999999").replace(
            b'"left_children":[1,', b'"left_children":[99999999,'
        ),
        "wild feature": content.replace(b"split_feature=", b"split_feature=7777777 ").replace(
            b'"split_indices":[', b'"split_indices":[7777777,'
        ),
        "binary": content[:100] + bytes(range(256)) + content[356:],
    }[kind]


KINDS = ["head only", "half", "last line", "a hole", "a flipped bit", "huge counts", "wild children", "wild feature"]


@pytest.mark.slow
@pytest.mark.parametrize("kind", [*KINDS, "binary"])
def test_a_damaged_model_is_an_error_or_a_number(kind: str, booster: Booster, tmp_path: Path) -> None:
    """Whatever native code does with it, this process goes on."""
    path = tmp_path / "damaged"
    path.write_bytes(damage(booster.content, kind))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    hint: str | None = "not refused"
    found = [0.0] * 20
    try:
        found = margins(path, table(rows()[:20]), sha256=digest)
    except SourceError as error:
        hint = error.hint
    assert hint
    assert len(found) == 20


def test_a_cut_off_model_is_never_taken_for_a_smaller_one(booster: Booster, tmp_path: Path) -> None:
    content = booster.content
    cut = content.rindex(b"\nTree=") + 1 if booster.format == "lightgbm-text" else content.rindex(b",{")
    path = tmp_path / "cut"
    path.write_bytes(content[:cut])
    assert refusal(path).what


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        (b"objective=binary sigmoid:1", b"objective=regression sqrt", "link of the objective"),
        (b"num_tree_per_iteration=1", b"num_tree_per_iteration=2", "classes"),
        (b"max_feature_idx=4", b"max_feature_idx=4\naverage_output", "random forest"),
        (b"is_linear=0", b"is_linear=1", "linear leaves"),
    ],
)
def test_models_that_would_be_misread_are_refused(old: bytes, new: bytes, what: str, tmp_path: Path) -> None:
    assert lightgbm_model().content.count(old) >= 1
    path = tmp_path / "model.txt"
    path.write_bytes(lightgbm_model().content.replace(old, new))
    assert what in refusal(path).what


@pytest.mark.slow
@pytest.mark.parametrize("parameters", [{"objective": "multi:softprob", "num_class": 3}, {"objective": "binary:hinge"}])
def test_xgboost_models_without_a_known_link_are_refused(parameters: dict[str, str | int], tmp_path: Path) -> None:
    path, _ = MODELS["xgboost-json"](**parameters).save(tmp_path)
    assert "outputs" in refusal(path).what or "link" in refusal(path).what


def test_the_slope_of_the_link_is_read(tmp_path: Path) -> None:
    model = lightgbm_model(sigmoid=2.5)
    path, digest = model.save(tmp_path)
    facts = inspect(path, digest)
    assert (facts.link, facts.link_scale) == ("logit", 2.5)
    expected = model.scores(rows()[:5])
    found = [artefacts.score(value, facts.link, facts.link_scale) for value in model.margins(rows()[:5])]
    assert found == pytest.approx(expected, abs=1e-15)


@pytest.mark.parametrize("link", ["identity", "logit", "log"])
@pytest.mark.parametrize("scale", [1.0, 2.5])
def test_links_go_both_ways(link: artefacts.Link, scale: float) -> None:
    for value in (-30.0, -1.0, 0.0, 0.25, 10.0):
        there = artefacts.score(value, link, scale)
        assert artefacts.margin(there, link, scale) == pytest.approx(value, abs=1e-3)
    assert math.isfinite(artefacts.score(1e9, link, scale))
    assert math.isfinite(artefacts.score(-1e9, link, scale))


def test_scores_that_no_link_gives() -> None:
    assert artefacts.margin(1.0, "logit") == math.inf
    assert artefacts.margin(0.0, "logit") == -math.inf
    assert artefacts.margin(0.0, "log") == -math.inf
    with pytest.raises(ValueError, match="no probability"):
        artefacts.margin(1.2, "logit")
    with pytest.raises(ValueError, match="negative"):
        artefacts.margin(-1.0, "log")
