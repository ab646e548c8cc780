"""Whether documents that go in and come out are as a JSON Schema says."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

from pydantic import Field, ValidationInfo, model_validator

from governance.checks import Check, Measurement, Row
from governance.checks._beside import policy_folder, read_beside, refused
from governance.checks._groups import DECISION_ID, REQUEST_ID, columns, decided, keys, unattributed
from governance.checks._inputs import Inputs
from governance.checks._schema_sql import SchemaSql, digest
from governance.checks._shares import Measure, exceeds, observed, shares, told
from governance.documents.json_schemas import Documents, schema_mistakes
from governance.engines.duckdb import Engine, EngineError, identifier, literal
from governance.findings import Judgement, Observation, Verdict
from governance.measurement.scopes import Scope
from governance.tables import FEATURES

NOT_JSON, NOTHING_THERE = "not JSON", "nothing there"
MOST_REFUSED = 10_000  # digests that a finding's evidence holds; chosen here: 200 kB
_AT_ONCE = 100_000  # different values that are judged at once; chosen here: a few hundred MB at most
_NO_FAULT = "CAST(NULL AS VARCHAR)"
_BREACHES = 20  # rules that a finding names
_PATH = r"^\$(\.[A-Za-z_][A-Za-z0-9_-]*|\[\d{1,6}\])+$"
_OUTPUT = (
    "decision favourable score threshold confidence deciding_stage rule_id escalated final_decision entity_id".split()
)
_ROLES = {"request_bodies": "request", "response_bodies": "response"}


class _Records(NamedTuple):
    """Where documents come from.

    Attributes:
        document: SQL of the document; NULL where there is none, or none that can be read.
        found: SQL condition that there is a document to judge.
        fault: SQL of what is wrong with one that cannot be read, NULL where nothing is.
        identity: Select list of `id` and `ts`.
        source: FROM clause.
        members: Name of a member -> SQL of its JSON value, where documents are records of columns.
    """

    document: str
    found: str
    fault: str
    identity: str
    source: str
    members: Mapping[str, str] | None = None


class ContractSchema(Check):
    """Contract by JSON Schema: whether inputs, decisions or the bodies of requests and responses are as it says.

    What is measured: the share of the documents that are not as the schema says, with its Wilson interval, and which
    rule each breaks, the first that applies. A document is what a model was fed (an object with a member for each input
    that has a value), a decision (an object of `decision`, `favourable`, `score`, `threshold`, `confidence`,
    `deciding_stage`, `rule_id`, `escalated`, `final_decision`, `entity_id`, as far as they have values), or a body as
    it was logged. Bodies that were not kept, or not whole, are counted apart; they are kept where `governance.toml`
    says `payloads = "keep"`. A body that is no JSON is not as the schema says.

    Why it matters: what consumes an answer trusts its form, and an agent acts on it; input data must be relevant to
    what the system is for (Regulation (EU) 2024/1689, article 26(4)). A field that changed its type upstream gives
    confident answers to wrong questions.

    Example:
        - id: extraction-as-agreed
          kind: contract-schema
          records: response_bodies
          at: $.choices[0].message.content
          encoded: true
          json_schema:
            type: object
            required: [invoice, total]
            additionalProperties: false
            properties:
              invoice: {type: string, pattern: '^[A-Z]{2}-[0-9]+$'}
              total: {type: number, minimum: 0}
              currency: {enum: [EUR, USD]}
          max_share: 0.01
          severity: medium

    Fields:
        records: `decisions`, `features` (the inputs of the model named in `model`), `request_bodies` or
            `response_bodies`.
        model: Model whose inputs are meant, as the log names it; for `records: features`.
        json_schema: The schema, inline.
        file: A file with the schema (.json, .yaml), beside the policy; instead of `json_schema`. Its digest is part of
            the limit of each finding.
        at: Place of the document in a body, such as `$.choices[0].message.content`; the whole body unless given. A body
            that has nothing there is not as the schema says.
        encoded: Whether the document at that place is text that holds JSON, as structured outputs of chat models are.
        max_share: Share of documents that may break the schema; exactly on it passes.

    Drafts 3 to 2020-12, by `$schema`, else 2020-12. The engine itself judges most rules; `uniqueItems`, `multipleOf`,
    schemas that hold themselves and the like are judged by the library `jsonschema`, each different value once (extra
    `schema`). Patterns are RE2 where it can read them; `format` is an annotation, as the
    standard has it, and says nothing. References lead to places in the schema: nothing is fetched. Where more than
    10,000 different values are refused by the library, a part of the documents, chosen by a digest, speaks for all.

    One document is enough for a verdict, unless `minimum_n` says otherwise.

    A failure can mean: a prompt or a model changed and its answers with it; a step before the model that was released
    first; an answer that was cut off at the token limit; or a schema that was not kept up to date.
    """

    records: Literal["decisions", "features", "request_bodies", "response_bodies"] = "decisions"
    model: str | None = None
    json_schema: bool | dict[str, Any] | None = None
    file: str | None = None
    at: str | None = Field(default=None, pattern=_PATH)
    encoded: bool = False
    max_share: float = Field(default=0.0, ge=0, lt=1)
    minimum_n: int = Field(default=1, ge=1)

    @property
    def table(self) -> str:  # type: ignore[override]  # the field says which records are meant
        """The records that groups are made of."""
        return "requests" if self.records in _ROLES else "decisions"

    @model_validator(mode="before")
    @classmethod
    def _schema(cls, value: object, info: ValidationInfo) -> object:
        if not isinstance(value, dict) or not {"json_schema", "file"} & value.keys():
            return value
        if {"json_schema", "file"} <= value.keys():
            raise refused([(("file",), "either `json_schema` or `file` says what to expect, not both")])
        if "file" in value:
            document, unread = read_beside(policy_folder(info), str(value["file"]))
            if document is None:
                raise refused([(("file",), what) for what in unread])
            wrong = [f"{document.at(mistake.path)}: {mistake.what}" for mistake in schema_mistakes(document.value)]
            if wrong:
                raise refused([(("file",), what) for what in wrong])
            return {**value, "json_schema": document.value}
        found = schema_mistakes(value["json_schema"])
        if found:
            raise refused([(("json_schema", *mistake.path), mistake.what) for mistake in found])
        return value

    @model_validator(mode="after")
    def _consistent(self) -> ContractSchema:
        if self.json_schema is None:
            raise ValueError("either `json_schema` or `file` must say what to expect")
        if self.json_schema in (True, {}):
            raise ValueError("every document is as this schema says")
        if (self.records == "features") != (self.model is not None):
            raise ValueError("`records: features` and `model` belong together")
        if (self.at or self.encoded) and self.records not in _ROLES:
            raise ValueError("`at` and `encoded` are for bodies")
        return self

    def measure(self, engine: Engine, scope: Scope) -> Measurement:
        records = self._records(scope)
        schema = SchemaSql(self.json_schema, lambda pattern: _reads(engine, pattern), records.members)
        identity = f"{records.found} AS is_document, {records.fault} AS fault, {records.identity}"
        documents = schema.documents(records.document, f"{columns(self, scope)}{identity}", records.source)
        bound, known = scope.parameters | schema.bound, ["is_document"]
        for place, part in enumerate(schema.parts):
            judge = Documents(self.json_schema or False, part.schema)
            bound[f"refused_{place}"], last = _refused_values(engine, documents, part.value, bound, judge)
            if last is not None:
                bound[f"last_{place}"] = last
                known.append(f"coalesce({digest(part.value)} <= $last_{place}, true)")
        own = "".join(f"{name}, " for name in {name: None for axis in self.axes for name in keys(self, axis)})
        code = f"coalesce(fault, {schema.code}) AS code, is_document, {' AND '.join(known)} AS is_known"
        judged = f"SELECT {own}id, ts, {code} FROM ({documents})"
        codes = "map_entries(histogram(CASE WHEN is_known THEN code END)) AS codes"
        also = f"count(*) FILTER (is_document) AS documents, {codes}"
        figures = shares(self, [Measure("broken", "code IS NOT NULL", "is_known", also)], "judged")
        # The documents are no table of the WITH: that would be kept in memory
        sql = f"WITH judged AS ({judged}) {figures} ORDER BY axis, subject"
        return Measurement(self.observe(engine.records(sql, bound), scope), sql, bound)

    def statement(self, scope: Scope) -> str:
        raise NotImplementedError("what SQL says depends on the patterns that the engine reads")

    def _records(self, scope: Scope) -> _Records:
        if self.records in _ROLES:
            return self._bodies(scope)
        if self.records == "decisions":
            members = {name: f"to_json(d.{identifier(name)})" for name in _OUTPUT}
            identity = f"{DECISION_ID} AS id, d.decision_ts AS ts"
            return _Records(_object(members), "true", _NO_FAULT, identity, decided(self, scope), members)
        inputs = Inputs(self, scope, str(self.model))
        held = scope.columns.get(inputs.view, ())
        members = {name: f"to_json({inputs.alias}.{identifier(name)})" for name in held if name not in FEATURES.names}
        return _Records(_object(members), "true", _NO_FAULT, inputs.identity, inputs.source, members)

    def _bodies(self, scope: Scope) -> _Records:
        body, path = "y.body", literal(self.at or "")
        value = f"json_extract({body}, {path})" if self.at else f"CAST({body} AS JSON)"
        document = value
        fault = f"CASE WHEN y.body IS NULL THEN NULL WHEN NOT json_valid({body}) THEN '{NOT_JSON}'"
        if self.at:
            fault += f" WHEN {value} IS NULL THEN '{NOTHING_THERE}'"
        if self.encoded:
            text = f"json_extract_string({value}, '$')"
            document = f"CASE WHEN json_type({value}) = 'VARCHAR' AND json_valid({text}) THEN CAST({text} AS JSON) END"
            fault += f" WHEN ({document}) IS NULL THEN '{NOT_JSON}'"
        return _Records(
            f"CASE WHEN json_valid({body}) THEN {document} END",
            "y.body IS NOT NULL",
            f"{fault} END",
            f"{REQUEST_ID} AS id, r.start_ts AS ts",
            # A body may have come twice: with its span, and among the logs
            f"{scope.requests()} r LEFT JOIN (SELECT request_uid, max(body) AS body FROM payloads "
            f"WHERE state = 'complete' AND role = '{_ROLES[self.records]}' GROUP BY request_uid) y "
            "ON y.request_uid = r.request_uid",
        )

    def observe(self, rows: Sequence[Row], scope: Scope) -> list[Observation]:  # noqa: ARG002 - the form of a check
        return [self._observation(row) for row in rows]

    def _observation(self, row: Row) -> Observation:
        codes = sorted(row["codes"] or (), key=lambda found: (-found["value"], found["key"]))
        counts = {"records": row["records"], "broken": row["marked"], "documents": row["documents"]}
        counts["breaches"] = {found["key"]: found["value"] for found in codes[:_BREACHES]}
        reason = None
        if row["n"] == 0:
            reason = f"none of the {row['records']} requests has a body that was kept whole; it is kept where "
            reason += 'governance.toml says `payloads = "keep"`'
        return observed(row, "broken_share", counts, reason)

    def limit(self) -> Mapping[str, Any]:
        text = json.dumps(self.json_schema, sort_keys=True)
        named = {} if self.file is None else {"file": self.file}
        return {"max_share": self.max_share, **named, "schema_sha256": hashlib.sha256(text.encode()).hexdigest()}

    def judge(self, observation: Observation) -> Judgement:
        counts, n, who = observation.counts, observation.n, unattributed(observation.subject)
        said = []
        if counts["broken"]:
            said.append(
                f"{counts['broken']:,} of {n:,} documents are not as the schema says: {told(counts['breaches'])}"
            )
        if counts["documents"] > n:
            said.append(f"{n:,} of {counts['documents']:,} documents, chosen by a digest, speak for all")
        if counts["records"] > counts["documents"]:
            said.append(f"{counts['records'] - counts['documents']} more bodies were not kept, or not whole")
        verdict = Verdict.FAILED if exceeds(counts["broken"], n, self.max_share) else Verdict.PASSED
        return Judgement(verdict, f"{who}{'; '.join(said)}" or None, self.limit())


def _object(members: Mapping[str, str]) -> str:
    """SQL of the JSON object of the members that have a value."""
    listed = ", ".join(f"{literal(name)}: {value}" for name, value in members.items())
    return f"json_merge_patch(CAST('{{}}' AS JSON), to_json({{{listed}}}))" if members else "CAST('{}' AS JSON)"


def _reads(engine: Engine, pattern: str) -> bool:
    try:
        engine.value("SELECT regexp_matches('', $pattern)", {"pattern": pattern})
    except EngineError:
        return False
    return True


def _refused_values(
    engine: Engine, documents: str, place: str, bound: Mapping[str, Any], library: Documents
) -> tuple[list[str], str | None]:
    """Digests of the values at a place that the library refuses; of too many the first, and which of them is last."""
    distinct = f"SELECT DISTINCT CAST({place} AS VARCHAR) AS value FROM ({documents}) WHERE fault IS NULL"
    values = f"SELECT value, {digest('value')} AS digest FROM ({distinct}) WHERE value IS NOT NULL"
    portions = 1 + int(engine.value(f"SELECT count(*) FROM ({values})", bound)) // _AT_ONCE
    digests: list[str] = []
    for number in range(portions):
        portion = f"SELECT value, digest FROM ({values}) WHERE md5_number_lower(value) % {portions} = {number}"
        digest_of = dict(engine.rows(portion, bound))
        digests += [digest_of[text] for text in library.broken(digest_of)]
    digests.sort()
    return (digests, None) if len(digests) <= MOST_REFUSED else (digests[:MOST_REFUSED], digests[MOST_REFUSED - 1])
