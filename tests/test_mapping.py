"""Mapping files: every mistake at once, each with its line and the nearest known name."""

from __future__ import annotations

from pathlib import Path

import pytest

from governance.errors import NotFoundError, PolicyError
from governance.mapping import Mapping, allowed_columns, read_mapping

# the example of the documentation, with the columns of ACS employment data
WHOLE = """\
source: acs-employment
columns:
  request_id: id
  start_ts: {column: timestamp, format: epoch_s}
  model: {constant: employment}
  model_version: {constant: "2015"}
  latency_us: {column: seconds, unit: s}
  decision: prediction
  favourable: {column: prediction, map: {"1": true, "0": false}}
  score: predicted_probability
features: [AGEP, SCHL, MAR]
subjects: {sex: SEX, race: RAC1P, age_band: {column: AGEP, bands: [25, 40, 60]}}
outcomes: {name: employed, column: employed, positive: "1", known: {constant: 2016-01-01T00:00:00Z}}
"""


def read(folder: Path, text: str) -> Mapping:
    path = folder / "mapping.yaml"
    path.write_text(text)
    return read_mapping(path)[0]


def mistakes(folder: Path, text: str) -> list[tuple[int, str]]:
    """Line and text of every mistake."""
    with pytest.raises(PolicyError) as caught:
        read(folder, text)
    return [(int(mistake.where.split(":")[1]), mistake.what) for mistake in caught.value.mistakes]


def test_the_documented_example(tmp_path: Path) -> None:
    mapping = read(tmp_path, WHOLE)
    assert mapping.decides
    assert mapping.columns["request_id"].column == "id"
    assert mapping.outcomes[0].known.constant == "2016-01-01T00:00:00Z"
    assert not read(tmp_path, "source: a\ncolumns: {start_ts: t, input_tokens: n}\n").decides


def test_keys_of_a_map_are_canonical(tmp_path: Path) -> None:
    keys = 'map: {1.0: a, "02": b, True: c, "2.50": d, -3.00: e}'
    mapping = read(tmp_path, f"source: a\ncolumns: {{start_ts: t, decision: {{column: v, {keys}}}}}\n")
    assert list(mapping.columns["decision"].map or ()) == ["1", "02", "true", "2.50", "-3"]


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    text = """\
source: Not A Name
columns:
  start_ts: {column: t, format: epoch}
  latency: seconds
  score: {column: a, constant: 1}
  latency_us: {column: b, unit: hours}
  end_ts: {constant: soon}
subject: {sex: SEX}
"""
    found = mistakes(tmp_path, text)
    assert [line for line, _ in sorted(found)] == [1, 3, 4, 5, 6, 7, 8]
    said = "\n".join(what for _, what in found)
    for part in (
        "no canonical column is called 'latency'",
        "no format is called 'epoch'",
        "give either 'column' or 'constant'",
        "the unit must be one of s, ms, us, ns, min",
        "'soon' is no time",
        "no field is called 'subject'",
    ):
        assert part in said


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("source: a\ntable: answers\ncolumns: {x: y}\n", 2, "no table is called 'answers'"),
        ("source: a\ncolumns: {request_id: id}\n", 2, "'start_ts' must be mapped"),
        ("source: a\ntable: reviews\ncolumns: {request_id: id}\n", 3, "'requested_ts' must be mapped"),
        ("source: a\ncolumns: {start_ts: t, request_uid: u}\n", 2, "no canonical column is called 'request_uid'"),
        ("source: a\ncolumns: {start_ts: t}\nsubjects: {decision_id: x}\n", 3, "cannot be called 'decision_id'"),
        ("source: a\ncolumns: {start_ts: t}\nsubjects: {'a b': x}\n", 3, "cannot be called 'a b'"),
        ("source: a\ncolumns: {start_ts: t}\nfeatures: AGE\n", 3, "'*'"),
        ("source: a\ncolumns: {start_ts: {column: t, timezone: Mars/Base}}\n", 2, "no time zone is called 'Mars/Base'"),
        ("source: a\ncolumns: {start_ts: t, score: {column: s, bands: []}}\n", 2, "at least 1 item"),
        ("source: a\ncolumns: {start_ts: t, score: {column: s, bands: [2, 1]}}\n", 2, "bands must ascend"),
        ("source: a\ncolumns: {start_ts: t, score: {column: s, scale: .inf}}\n", 2, "finite"),
        ("source: a\ncolumns: {start_ts: t, decision: {column: s, map: {}}}\n", 2, "at least 1 item"),
        ("source: a\ncolumns: {}\n", 2, "at least 1 item"),
        ("- source\n", 0, "a mapping file is a YAML mapping"),
    ],
)
def test_one_mistake(tmp_path: Path, text: str, line: int, said: str) -> None:
    with pytest.raises(PolicyError) as caught:
        read(tmp_path, text)
    found = [mistake for mistake in caught.value.mistakes if said in mistake.what]
    assert found, [mistake.what for mistake in caught.value.mistakes]
    if line:
        assert found[0].where.split(":")[1] == str(line)


def test_broken_yaml_and_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(PolicyError):
        read(tmp_path, "source: [\n")
    with pytest.raises(NotFoundError, match="cannot be read"):
        read_mapping(tmp_path / "none.yaml")


def test_every_column_that_may_be_mapped_is_canonical() -> None:
    for table in ("requests", "outcomes", "reviews", "assessments", "notices"):
        names = allowed_columns(table)
        assert "request_id" in names
        assert not {"request_uid", "file_sha256", "row_no", "is_conflict", "decision_id", "state_id"} & set(names)
