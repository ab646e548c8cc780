"""SageMaker's data capture, and the ground truth that is merged into it later.

A capture is a request with one decision per line or element. It names neither model nor features. The endpoint is the
model, its variant the arm of an experiment; both are read from the path of the file as SageMaker writes it,
`ENDPOINT/VARIANT/2026/07/01/10/NAME.jsonl`: name the bucket, or a folder above. A version of the model is nowhere.
Inputs are called by their place, and a latency is not known. Where half of the capture is missing, the request is
incomplete. Ground truth joins by the same id; it does not say when it became
known, which is then when it is read.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from governance.formats.conversions import as_text, canonical_json, decode_json, look_up, number, sha256_of
from governance.formats.decision_rows import DECISION_COLUMNS, predicted
from governance.formats.fields import Aliases, Fields
from governance.formats.inference_bodies import csv_rows
from governance.formats.llm_requests import Bodies, body_text
from governance.formats.request_rows import ALWAYS, fills, finished, identity, needed_time, object_of
from governance.formats.rows import Row
from governance.sources import Ignored, Rows, Source, UnreadableError

NAMES: dict[str, tuple[str, ...]] = {
    "event_id": ("eventMetadata#eventId",),
    "inference_id": ("eventMetadata#inferenceId",),
    "inferenceTime": ("eventMetadata#inferenceTime",),
    "attributes": ("eventMetadata#customAttributes",),
}
_ALIASES = Aliases(NAMES)
_PATH = re.compile(r"(?:.*/)?([A-Za-z0-9-]{1,63})/([A-Za-z0-9-]{1,63})/\d{4}/\d{2}/\d{2}/\d{2}/[^/]+", re.DOTALL)


class SageMakerSource(Source):
    """Lines of capture files and of ground-truth files.

    Args:
        endpoint: That the captures are of, where it is known.
        variant: Of the endpoint.
    """

    name: ClassVar[str] = "sagemaker"
    title: ClassVar[str] = "SageMaker data capture and ground truth"
    fills: ClassVar[tuple[str, ...]] = fills(
        requests=(
            *(*ALWAYS, "request_id", "client_request_id", "tags", "service_name", "model_served", "experiment_arm"),
        ),
        decisions=(*DECISION_COLUMNS, "model"),
        features=("decision_id", "decision_ts"),
        payloads=Bodies.columns,
        outcomes=("outcome_id", "target_id", "name", "value", "value_num"),
    )
    verified: ClassVar[str] = (
        "two captures in JSON, 44 in CSV (their times are an unfilled template) and 44 ground truths of the SDK's own "
        "tests; base64, custom attributes, inference ids and paths on made records only"
    )

    def __init__(self, endpoint: str | None = None, variant: str | None = None) -> None:
        self._endpoint, self._variant = endpoint, variant

    def within(self, name: str) -> Source:
        found = _PATH.fullmatch(name.replace("\\", "/"))
        return SageMakerSource(found[1], found[2]) if found else self

    def recognises(self, value: Mapping[str, Any]) -> bool:
        is_half = isinstance(value.get("captureData"), Mapping) or isinstance(value.get("groundTruthData"), Mapping)
        return is_half and isinstance(value.get("eventMetadata"), Mapping)

    def rows(self, record: Any) -> Rows | Ignored:
        value = object_of(record)
        fields = Fields(value, _ALIASES)
        if "groundTruthData" in value:
            return Rows({"outcomes": list(_outcomes(value, fields))})
        start = needed_time(fields, "inferenceTime")
        asked, answer = (look_up(value, ("captureData", half)) for half in ("endpointInput", "endpointOutput"))
        row = identity(self.name, fields.text("event_id"), value) | {"operation": "predict", "start_ts": start}
        row |= {"client_request_id": fields.text("inference_id"), "tags": _attributes(fields)}
        row |= {"service_name": self._endpoint, "model_served": self._endpoint, "experiment_arm": self._variant}
        row["status"] = "ok" if asked and answer else "incomplete"
        found = predicted(row, (_decoded(asked), _decoded(answer)), start, (self._endpoint, None), fields.flags)
        halves = {"request": asked, "response": answer}
        bodies = {role: body_text(look_up(half, ("data",))) for role, half in halves.items()}
        made = finished(row, fields, bodies)
        return Rows({**made.tables, "decisions": found.decisions}, found.features) if found.decisions else made


SOURCE = SageMakerSource()


def _attributes(fields: Fields) -> dict[str, str] | None:
    """Custom attributes as tags: a list of `key=value`, each else under its place."""
    found = {}
    for place, written in enumerate(fields.texts("attributes") or ()):
        key, equals, value = written.partition("=")
        found[key if equals else f"custom_{place}"] = value if equals else written
    return found or None


def _decoded(half: Any) -> Any:
    """What one half holds: rows of CSV, or JSON; other kinds of data (images) are none."""
    data, encoding = look_up(half, ("data",)), as_text(look_up(half, ("encoding",)) or "").upper()
    if not isinstance(data, str):
        return None
    kind = as_text(look_up(half, ("observedContentType",)) or "").lower()
    if encoding == "BASE64":
        data = _from_base64(data)
        encoding = "CSV" if "csv" in kind else "JSON" if "json" in kind else ""
    if encoding == "CSV":
        return csv_rows(data)
    if encoding != "JSON":
        return None
    try:
        return decode_json(data)
    except ValueError as error:
        raise UnreadableError("bad_json", "captured data is no JSON") from error


def _from_base64(data: str) -> str:
    try:
        return base64.b64decode(data, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""  # not text: an image or another binary body


def _outcomes(value: Mapping[str, Any], fields: Fields) -> Iterator[Row]:
    """One outcome per line of the ground truth: of one line for the request, of more for its items."""
    event = fields.text("event_id") or fields.text("inference_id")
    if event is None:
        raise UnreadableError("missing_value", "eventId is not set")
    truth = _decoded(value["groundTruthData"])
    lines = truth if isinstance(truth, list) else [truth]
    for place, line in enumerate(lines):
        said = line[0] if isinstance(line, list) and len(line) == 1 else line
        if said is None or said == "":
            continue
        written = fields.cleaned(as_text(said), "groundTruthData")
        is_number = not isinstance(said, str | bool | list | Mapping)
        yield {
            "outcome_id": f"{SOURCE.name}:{sha256_of(canonical_json([event, place, written]))[:32]}",
            "target_id": event if len(lines) == 1 else f"{SOURCE.name}:{event}#{place}",
            "name": "ground_truth",
            "value": written,
            "value_num": float(number(said, "groundTruthData")) if is_number else None,
        }
