"""Contracts by JSON Schema: the engine and the library say the same of every document, and of every schema."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance.checks import contract_schema
from governance.checks._schema_rules import BEYOND
from governance.checks._schema_sql import SchemaSql
from governance.checks.contract_schema import ContractSchema
from governance.documents.json_schemas import Documents, schema_mistakes
from governance.engines.duckdb import Engine
from governance.errors import PolicyError
from governance.findings import Verdict, Window, parse_window
from governance.measurement.scopes import Scope
from governance.policies.cases import lay_out
from governance.policies.policy import read_policies
from tests.checks.cases import NOW

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

WHEN: Window = parse_window("2026-07", now=NOW)
VALUES: list[Any] = [
    None, True, False, 0, 1, -1, 1.0, 1.5, -2.5, 3, 10, 2**53, "", "a", "ab", "1", "é😀", "a\nb", "x1",
    [], [1], [1, 1], [1, "a"], ["a", None], [[1], [2]], {}, {"a": 1}, {"a": None}, {"a": "b", "b": 2},
    {"a": {"b": [1, 2]}}, {"b": []}, {"a/b": 1, "~": 2}, {"": 1}, [{"a": 1}, {"a": "x"}],
]  # fmt: skip
SCHEMAS: list[Any] = [
    {"type": "integer"},
    {"type": ["string", "null"]},
    {"enum": [1, "a", None, True]},
    {"enum": [False, 0]},
    {"enum": [[1], {"a": 1}]},
    {"const": 1},
    {"const": "é😀"},
    {"minimum": 0, "maximum": 1},
    {"exclusiveMinimum": -1, "exclusiveMaximum": 1.5},
    {"minimum": 2**53},
    {"multipleOf": 0.5},
    {"minLength": 1, "maxLength": 2},
    {"pattern": "^a"},
    {"pattern": "^(?!a)."},
    {"minItems": 1, "maxItems": 1},
    {"uniqueItems": True},
    {"items": {"type": "integer"}},
    {"items": False},
    {"prefixItems": [{"type": "integer"}], "items": {"type": "string"}},
    {"contains": {"const": 1}},
    {"contains": {"const": 1}, "minContains": 2},
    {"items": {"items": {"minimum": 2}}},
    {"items": {"properties": {"a": {"type": "integer"}}}},
    {"required": ["a"]},
    {"required": ["a/b", "~"]},
    {"properties": {"a": {"type": "integer"}, "b": {"minimum": 3}}},
    {"properties": {"a": False}},
    {"properties": {"a": {"properties": {"b": {"items": {"maximum": 1}}}, "required": ["b"]}}},
    {"properties": {"0": {"type": "string"}}, "type": ["object", "array"]},
    {"properties": {"": {"type": "string"}}},
    {"additionalProperties": False},
    {"properties": {"a": True}, "additionalProperties": False},
    {"properties": {"a": {"type": "integer"}}, "additionalProperties": {"type": "integer"}},
    {"properties": {"a": True}, "patternProperties": {"^b": {"type": "integer"}}, "additionalProperties": False},
    {"propertyNames": {"maxLength": 1}},
    {"propertyNames": {"pattern": "^[ab]$"}},
    {"propertyNames": {"enum": ["a", "~"]}},
    {"propertyNames": False},
    {"patternProperties": {"a": {"type": "integer"}, "^b": {"minimum": 3}}},
    {"patternProperties": {"/|~|^$": {"const": 1}}},
    {"patternProperties": {"^(?!a)": {"type": "integer"}}},
    {"patternProperties": {"": {"patternProperties": {"b": {"items": {"maximum": 1}}}}}},
    {"items": {"propertyNames": {"const": "b"}, "patternProperties": {"a": {"type": "integer"}}}},
    {"patternProperties": {"^(?!a)": True}, "additionalProperties": False},
    {"patternProperties": {"a": {"uniqueItems": True}}},
    {"dependentRequired": {"a": ["b"]}},
    {"dependentRequired": {"a/b": ["~", "a/b"], "b": []}},
    {"$schema": "http://json-schema.org/draft-07/schema#", "dependentRequired": {"a": ["b"]}},
    {"$schema": "http://json-schema.org/draft-04/schema#", "propertyNames": {"maxLength": 1}},
    {"$schema": "http://json-schema.org/draft-06/schema#", "propertyNames": {"maxLength": 1}},
    {"minProperties": 1, "maxProperties": 1},
    {"allOf": [{"type": "object"}, {"properties": {"a": {"type": "integer"}}}]},
    {"anyOf": [{"type": "integer"}, {"minLength": 2}]},
    {"anyOf": [{"uniqueItems": True}, {"minLength": 2}]},
    {"oneOf": [{"type": "integer"}, {"minimum": 1}]},
    {"not": {"type": "string"}},
    {"not": {"required": ["a"]}},
    {"if": {"type": "object"}, "then": {"required": ["a"]}, "else": {"type": "array"}},
    {"if": {"uniqueItems": True}, "then": {"minItems": 1}},
    {"then": {"type": "array"}},
    {"$defs": {"n": {"type": "integer"}}, "properties": {"a": {"$ref": "#/$defs/n"}}},
    {"$defs": {"n": {"type": "integer"}}, "items": {"$ref": "#/$defs/n", "minimum": 1}},
    {"properties": {"a": {"$ref": "#"}}, "maxProperties": 1},
    {"$defs": {"t": {"type": ["object", "array"], "items": {"$ref": "#/$defs/t"}}}, "$ref": "#/$defs/t"},
    {"$defs": {"n": {"$anchor": "n", "type": "integer"}}, "items": {"$ref": "#n"}},
    {"$id": "https://example.com/s", "properties": {"a": {"$ref": "#/$defs/n"}}, "$defs": {"n": {"type": "integer"}}},
    {"allOf": [{"properties": {"a": True}}], "unevaluatedProperties": False},
    {"$schema": "http://json-schema.org/draft-07/schema#", "items": [{"type": "integer"}], "additionalItems": False},
    {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "definitions": {"n": {"type": "integer"}},
        "properties": {"a": {"$ref": "#/definitions/n", "minimum": 5}},
    },
    {"$schema": "http://json-schema.org/draft-04/schema#", "minimum": 1, "exclusiveMinimum": True, "type": "integer"},
    False,
    {"title": "says nothing", "format": "date", "x-own": 1, "type": "object"},
]


class Laid(NamedTuple):
    """Documents as the bodies of responses, one request each."""

    engine: Engine
    scope: Scope
    documents: Sequence[Any]

    def refused(self, schema: Any) -> list[bool]:
        """Whether each document breaks the schema, as the kind finds it."""
        fields = {"records": "response_bodies", "by": ["user_id"], "json_schema": schema}
        check = ContractSchema.model_validate({"id": "c", "kind": "contract-schema"} | fields)
        found = check.measure(self.engine, self.scope).observations
        broken = {dict(one.subject)["user_id"]: bool(one.value) for one in found}
        return [broken[str(place)] for place, _ in enumerate(self.documents)]


def laid(engine: Engine, documents: Sequence[Any]) -> Laid:
    requests = [{"request_uid": f"r{place}", "user_id": f"{place}"} for place, _ in enumerate(documents)]
    bodies = [
        {"request_uid": f"r{place}", "role": "response", "state": "complete", "body": json.dumps(document)}
        for place, document in enumerate(documents)
    ]
    columns = lay_out(engine, {"requests": requests, "payloads": bodies}, WHEN.start)
    return Laid(engine, Scope(WHEN, columns=columns), documents)


@pytest.fixture(scope="module")
def values() -> Iterator[Laid]:
    with Engine() as engine:
        yield laid(engine, VALUES)


def refused_by_library(schema: Any, documents: Sequence[Any]) -> list[bool]:
    texts = [json.dumps(document) for document in documents]
    bad = Documents(schema).broken(texts)
    return [text in bad for text in texts]


@pytest.mark.parametrize("schema", SCHEMAS, ids=json.dumps)
def test_engine_and_library_agree(values: Laid, schema: Any) -> None:
    assert schema_mistakes(schema) == []
    assert values.refused(schema) == refused_by_library(schema, VALUES)


def test_the_engine_judges_what_it_can() -> None:
    """A rule that falls to the library without need would cost a minute on a million documents."""
    plain = {
        "type": "object",
        "required": ["a"],
        "properties": {
            "a": {"enum": [1, "x"], "minimum": 0, "maxLength": 3, "pattern": "^x"},
            "b": {"type": "array", "items": {"anyOf": [{"type": "integer"}, {"$ref": "#/$defs/n"}]}, "minItems": 1},
            "e": {
                "propertyNames": {"maxLength": 2},
                "patternProperties": {"^x": {"type": "integer"}},
                "dependentRequired": {"x": ["y"]},
                "additionalProperties": False,
            },
            "c": {"if": {"type": "string"}, "then": {"const": ""}, "else": {"not": {"oneOf": [True, False]}}},
        },
        "additionalProperties": False,
        "$defs": {"n": {"properties": {"d": {"type": "number"}}, "required": ["d"], "maxProperties": 2}},
    }
    assert SchemaSql(plain, lambda _: True).parts == []
    for name in BEYOND:
        assert len(SchemaSql({"properties": {"a": {name: 1, "type": "object"}}}, lambda _: True).parts) == 1, name


_scalars = (
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from([0.5, 1.0, -2.25]) | st.text("ab1", max_size=3)
)
_documents = st.recursive(
    _scalars,
    lambda own: st.lists(own, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "c/d"]), own, max_size=3),
    max_leaves=6,
)
_plain = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["integer", "number", "string", "object", "array", "null", "boolean"]),
        "enum": st.lists(_scalars, min_size=1, max_size=3),
        "minimum": st.integers(-2, 2),
        "exclusiveMaximum": st.sampled_from([0.5, 1, 2]),
        "maxLength": st.integers(0, 2),
        "pattern": st.sampled_from(["^a", "b$", "[0-9]"]),
        "minItems": st.integers(0, 2),
        "uniqueItems": st.booleans(),
        "required": st.lists(st.sampled_from(["a", "b", "c/d"]), unique=True, max_size=2),
        "maxProperties": st.integers(0, 2),
    },
)


def _combined(own: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    several = st.lists(own, min_size=1, max_size=2)
    more = st.fixed_dictionaries(
        {},
        optional={
            "properties": st.dictionaries(st.sampled_from(["a", "b", "c/d"]), own, max_size=2),
            "additionalProperties": own,
            "patternProperties": st.dictionaries(st.sampled_from(["^a", "/", ""]), own, max_size=2),
            "propertyNames": own,
            "dependentRequired": st.dictionaries(
                st.sampled_from(["a", "c/d"]), st.lists(st.sampled_from(["a", "b"]), unique=True), max_size=2
            ),
            "items": own,
            "contains": own,
            "allOf": several,
            "anyOf": several,
            "oneOf": several,
            "not": own,
            "if": own,
            "then": own,
            "else": own,
        },
    )
    return st.tuples(_plain, more).map(lambda pair: pair[0] | pair[1])


_schemas = st.recursive(_plain | st.booleans(), _combined, max_leaves=5).filter(lambda one: one not in (True, {}))


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(schema=_schemas, documents=st.lists(_documents, min_size=1, max_size=8))
def test_engine_and_library_agree_on_any_schema(schema: Any, documents: list[Any]) -> None:
    with Engine() as engine:
        assert laid(engine, documents).refused(schema) == refused_by_library(schema, documents)


def test_a_part_of_the_documents_speaks_for_all_where_too_many_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contract_schema, "MOST_REFUSED", 50)
    monkeypatch.setattr(contract_schema, "_AT_ONCE", 64)
    check = ContractSchema.model_validate(
        {"id": "c", "kind": "contract-schema", "json_schema": {"properties": {"score": {"multipleOf": 2}}}}
    )
    with Engine() as engine:
        rows = {"decisions": [{"score": float(number)} for number in range(400)]}
        scope = Scope(WHEN, columns=lay_out(engine, rows, WHEN.start))
        (found,) = check.measure(engine, scope).observations
    assert found.counts["documents"] == 400
    assert found.counts["broken"] == 50
    assert 60 < found.n < 160
    assert found.interval is not None
    assert found.interval[0] < 0.5 < found.interval[1]
    judged = check.verdict(found)
    assert judged.verdict == Verdict.FAILED
    assert "chosen by a digest, speak for all" in (judged.reason or "")


POLICY = """
policy: answers
version: 1
owner: o
in_force: {{from: 2026-07-01}}
checks:
  - id: c
    kind: contract-schema
    {said}
"""


def mistakes(folder: Path, said: str) -> str:
    path = folder / "answers.yaml"
    path.write_text(POLICY.format(said=said), encoding="utf-8")
    with pytest.raises(PolicyError) as caught:
        read_policies([path])
    return "; ".join(f"{found.where}: {found.what}" for found in caught.value.mistakes)


class TestPolicies:
    def test_a_file_lies_beside_the_policy_wherever_the_command_is_run(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "policies").mkdir()
        (tmp_path / "elsewhere").mkdir()
        (tmp_path / "policies" / "answer.json").write_text('{"required": ["score"]}', encoding="utf-8")
        path = tmp_path / "policies" / "answers.yaml"
        path.write_text(POLICY.format(said="file: answer.json"), encoding="utf-8")
        monkeypatch.chdir(tmp_path / "elsewhere")
        (check,) = read_policies([path])[0].checks
        assert check.limit()["file"] == "answer.json"
        assert len(check.limit()["schema_sha256"]) == 64

    @pytest.mark.parametrize(
        ("said", "what"),
        [
            ("file: no.json", "there is no file 'no.json' beside the policy"),
            ("file: ../x.json", "lies outside the policy's folder"),
            ("file: broken.json", "'broken.json' is not JSON"),
            ("file: wrong.json", "'numbr' is not valid"),
            ("json_schema: {properties: {a: {type: numbr}}}", ":9: checks.0.json_schema.properties.a.type: 'numbr'"),
            ("json_schema: {$ref: 'https://example.com/s.json'}", "nothing is fetched"),
            ("json_schema: {$ref: '#/$defs/x'}", "leads to nothing"),
            ("json_schema: {}", "every document is as this schema says"),
            ("max_share: 0.1", "either `json_schema` or `file`"),
            ("json_schema: {type: object}\n    file: x.json", "either `json_schema` or `file` says what to expect"),
            ("json_schema: {type: object}\n    at: $.a", "`at` and `encoded` are for bodies"),
            ("json_schema: {type: object}\n    records: features", "`records: features` and `model` belong together"),
        ],
    )
    def test_mistakes(self, tmp_path: Path, said: str, what: str) -> None:
        (tmp_path / "broken.json").write_text("{", encoding="utf-8")
        (tmp_path / "wrong.json").write_text('{"type": "numbr"}', encoding="utf-8")
        assert what in mistakes(tmp_path, said)
