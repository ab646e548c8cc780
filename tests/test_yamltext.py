"""YAML text: typed by YAML 1.2, with lines, and nothing that surprises."""

import json
import math
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from governance.documents.yamltext import MAX_BYTES, MAX_DEPTH, Value, parse, type_plain
from governance.errors import Mistake, PolicyError

POLICY = """\
# a comment
policy: credit-decisions
approved: {by: A. Officer, on: 2026-06-12}
checks:
  - id: four-fifths
    by: [sex, [sex, age_band]]
    min: 0.8
  - id: spend
    note: |
      two
      lines
"""


def mistakes(text: str | bytes) -> tuple[Mistake, ...]:
    with pytest.raises(PolicyError) as caught:
        parse(text, "p.yaml")
    return caught.value.mistakes


@pytest.fixture(params=["libyaml", "python"], autouse=True)
def _parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both parsers of PyYAML must give the same."""
    if request.param == "python":
        monkeypatch.delattr(yaml, "CSafeLoader")


def test_values_and_lines() -> None:
    document = parse(POLICY, "p.yaml")
    assert document.value == {
        "policy": "credit-decisions",
        "approved": {"by": "A. Officer", "on": "2026-06-12"},
        "checks": [
            {"id": "four-fifths", "by": ["sex", ["sex", "age_band"]], "min": 0.8},
            {"id": "spend", "note": "two\nlines\n"},
        ],
    }
    assert document.line() == 2
    assert document.line(("approved", "on")) == 3
    assert document.line(("checks", 0, "min")) == 7
    assert document.line(("checks", 0, "by", 1, 1)) == 6
    assert document.line(("checks", 1)) == 8
    assert document.line(("checks", 1, "note")) == 9
    assert document.line(("checks", 1, "missing", "deeper")) == 8
    assert document.at(("checks", 0, "min")) == "p.yaml:7: checks.0.min"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("on", "on"), ("off", "off"), ("yes", "yes"), ("No", "No"), ("y", "y"),
        ("true", True), ("FALSE", False), ("tRue", "tRue"),
        ("null", None), ("~", None), ("", None), ("Null", None), ("nULL", "nULL"),
        ("0123", "0123"), ("-07", "-07"), ("00", "00"), ("0", 0), ("-0", 0), ("+12", 12),
        ("0o17", 15), ("0x1F", 31), ("0b11", "0b11"),
        ("12:30:45", "12:30:45"), ("1:30", "1:30"), ("190:20:30", "190:20:30"), ("1_000", "1_000"),
        ("2026-07-01", "2026-07-01"), ("2026-07-01T00:00:00Z", "2026-07-01T00:00:00Z"),
        ("1.", 1.0), (".5", 0.5), ("-1.5e-3", -0.0015), ("1e3", 1000.0), ("01.5", "01.5"), ("1e999", "1e999"),
        ("+.inf", math.inf), ("-.INF", -math.inf), ("1.2.3", "1.2.3"), ("=", "="), ("<<", "<<"),
        ("9" * 5000, "9" * 5000),
    ],
)  # fmt: skip
def test_plain_scalars_follow_yaml_1_2(text: str, value: Value) -> None:
    read = parse(f"x: {text}\n", "p.yaml").value
    assert isinstance(read, dict)
    assert read["x"] == value
    assert type(read["x"]) is type(value)


def test_nan_and_quotes() -> None:
    document = parse("a: .nan\nb: '1'\nc: \"true\"\nd: |-\n  12\n", "p.yaml")
    assert isinstance(document.value, dict)
    assert math.isnan(document.value["a"])  # type: ignore[arg-type]
    assert document.value["b"] == "1"
    assert document.value["c"] == "true"
    assert document.value["d"] == "12"


def test_keys_stay_text() -> None:
    text = "{on: 1, 1: a, 1.0: b, true: c, 2026-07-01: d, ~: e, <<: f, 'q r': g}"
    assert parse(text, "p.yaml").value == {
        "on": 1, "1": "a", "1.0": "b", "true": "c", "2026-07-01": "d", "~": "e", "<<": "f", "q r": "g",
    }  # fmt: skip


@pytest.mark.parametrize("text", ["", "\n# only a comment\n", "---\n", "\ufeff"])
def test_an_empty_document_is_none(text: str) -> None:
    assert parse(text, "p.yaml").value is None
    assert parse(text, "p.yaml").line(("x",)) >= 1


def test_every_mistake_at_once_with_its_line() -> None:
    text = "a: 1\nb: &x 2\na: 3\nc: *x\nd: !!python/object/apply:os.system [ls]\ne: !!str 1\nf: {g: 1, 'g': 2}\n"
    found = mistakes(text)
    assert [mistake.where for mistake in found] == [
        "p.yaml:2: b", "p.yaml:3: a", "p.yaml:4: c", "p.yaml:5: d", "p.yaml:6: e", "p.yaml:7: f.g",
    ]  # fmt: skip
    assert "twice" in found[1].what
    assert "line 1" in str(found[1].hint)
    assert all(mistake.hint for mistake in found)


@pytest.mark.parametrize("text", ["&a x: 1", "!t x: 1", "? {a: 1}\n: 2", "[[1]]: 2", "! x", "!!binary aGk="])
def test_no_anchor_tag_or_composite_key(text: str) -> None:
    assert mistakes(text)


def test_an_alias_bomb_is_refused_at_its_first_anchor() -> None:
    rows = ["a0: &a0 [x, x]"] + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 20)]
    assert mistakes("\n".join(rows))[0].where == "p.yaml:1: a0"


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "a:\n"])
def test_depth_is_capped(opening: str) -> None:
    rows = "".join(" " * n + opening for n in range(3000)) if opening == "a:\n" else opening * 100_000
    assert any(word in mistakes(rows[: MAX_BYTES - 1])[-1].what for word in ("deep", "valid YAML"))


def test_depth_up_to_the_cap_is_fine() -> None:
    parse("[" * MAX_DEPTH + "1" + "]" * MAX_DEPTH, "p.yaml")
    assert "deep" in mistakes("[" * (MAX_DEPTH + 1) + "1" + "]" * (MAX_DEPTH + 1))[0].what


def test_size_is_capped() -> None:
    assert "bytes" in mistakes("#" * (MAX_BYTES + 1))[0].what
    assert "bytes" in mistakes(b"#" * (MAX_BYTES + 1))[0].what
    assert parse("#" * MAX_BYTES, "p.yaml").value is None


def test_syntax_errors_name_the_line() -> None:
    assert mistakes("a: 1\nb: [1,\nc: 2\n")[0].where == "p.yaml:3"
    assert "begun on line 2" in mistakes("a: 1\nb: [1,\nc: 2\n")[0].what
    assert mistakes("a: 1\n\tb: 2\n")[0].where.startswith("p.yaml:2")
    assert "second document" in mistakes("a: 1\n---\nb: 2\n")[0].what


def test_bytes_must_be_utf8() -> None:
    assert mistakes(b"a: 1\nb: \xff\n")[0].where == "p.yaml:2"
    assert parse("\ufeffa: ä".encode(), "p.yaml").value == {"a": "ä"}
    assert mistakes('a: "\\ud800"')[0].where.startswith("p.yaml:1")
    assert mistakes("a: \ud800")
    assert mistakes("a: \x00")
    assert mistakes("a: \x1b[31m")


def test_lines_count_from_the_file() -> None:
    assert parse("a: 1\nb: 2", "card.md", first_line=2).line(("b",)) == 3


@given(st.text(max_size=60) | st.binary(max_size=60))
def test_any_input_is_read_or_refused(text: str | bytes) -> None:
    found: tuple[Mistake, ...] = ()
    try:
        parse(text, "p.yaml")
    except PolicyError as error:
        found = error.mistakes
    assert all(mistake.where.startswith("p.yaml") for mistake in found)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(st.characters(codec="utf-8")),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=8), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(values)
def test_json_style_text_comes_back(value: Value) -> None:
    """JSON is the independent writer: its escapes, numbers and nesting are YAML flow style."""
    text = json.dumps(value, ensure_ascii=False).replace("Infinity", ".inf")
    if (
        "\\" in text
        or "\x7f" in text
        or any(letter > "\ud7ff" or "\x7f" < letter < "\xa0" for letter in text)
        or ".inf" in text
    ):
        return  # surrogate pairs and control characters: JSON only
    assert parse(text, "p.yaml").value == value


def test_the_files_of_the_repository_are_read(request: pytest.FixtureRequest) -> None:
    paths = sorted((Path(request.config.rootpath) / "policies").rglob("*.yaml"))
    assert paths
    for path in paths:
        assert parse(path.read_bytes(), path.name).value


def test_type_plain_is_total() -> None:
    assert type_plain("a b") == "a b"
