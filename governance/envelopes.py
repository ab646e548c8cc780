"""Envelopes: what container engines, agents and log stores put around the records that a program has written.

    log + stream | kubernetes            Docker's json-file driver, Fluent Bit: the line as text, or as `log_processed`
    logEvents | events, message          CloudWatch Logs: a subscription, `aws logs filter-log-events`
    jsonPayload + logName                Google Cloud Logging
    _source + _index                     Elasticsearch, OpenSearch: an export of documents
    message + @timestamp | source_type   Filebeat, Logstash, Vector
    labels + line                        Loki's logcli
    result._raw                          Splunk's export
    hits.hits                            the answer to a search of Elasticsearch
    data | items | records | traces      a page that an API has answered: a list, and beside it how to go on alone

An envelope is opened only where the format does not know the record as it is. It may hold another one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from governance.records.json_texts import json_record
from governance.sources import Source

PAGES = ("data", "items", "records", "traces")
_BESIDE_A_PAGE = "count first_id has_more last_id meta next next_page_token nextToken object page total"
BESIDE_A_PAGE = frozenset(_BESIDE_A_PAGE.split())  # what APIs say of a page
MOST = 3  # envelopes around a record; chosen here: Filebeat's, of Docker's lines, in Elasticsearch


class Unread(NamedTuple):
    """What an envelope holds that is no record.

    Attributes:
        reason: Why not, one word.
        detail: Why not, exactly.
    """

    reason: str
    detail: str


def contents(value: Any, source: Source) -> Iterator[Any]:
    """The records in one object of a file, out of their envelope if they lie in one.

    Args:
        value: The object.
        source: What splits and reads the records.

    Returns:
        What the source has split off, and an `Unread` for each text in an envelope that is no JSON object.
    """
    for inner in opened(value, source.recognises):
        if isinstance(inner, Unread):
            yield inner
        else:
            yield from source.split(inner)


def opened(value: Any, is_known: Callable[[Mapping[str, Any]], bool], most: int = MOST) -> Iterator[Any]:
    """The objects that an envelope holds, or the value itself where it is none.

    Args:
        value: The value.
        is_known: Whether an object is a record as it is.
        most: How many envelopes there may be around each other.
    """
    held = _held(value) if most and isinstance(value, Mapping) else None
    if held is None or is_known(value):
        yield value
        return
    for inner in held:
        found = _parsed(inner) if isinstance(inner, str) else inner
        if isinstance(found, Mapping):
            yield from opened(found, is_known, most - 1)
        else:
            yield found if isinstance(found, Unread) else Unread("not_an_object", "in its envelope: not an object")


def _held(value: Mapping[str, Any]) -> list[Any] | None:
    """What an envelope holds, or None for what is no envelope."""
    line = _line(value)
    return [line] if line is not None else _listed(value)


def _line(value: Mapping[str, Any]) -> Any:
    """The one record in an envelope: as text, or parsed."""
    if isinstance(value.get("log"), str) and ("stream" in value or "kubernetes" in value):
        return value.get("log_processed") or value["log"]
    if isinstance(payload := value.get("jsonPayload"), Mapping) and "logName" in value:
        return payload
    if isinstance(document := value.get("_source"), Mapping) and "_index" in value:
        return document
    if isinstance(message := value.get("message"), str) and ("@timestamp" in value or "source_type" in value):
        return message
    if isinstance(line := value.get("line"), str) and isinstance(value.get("labels"), Mapping):
        return line
    result = value.get("result")
    return result.get("_raw") if isinstance(result, Mapping) and isinstance(result.get("_raw"), str) else None


def _listed(value: Mapping[str, Any]) -> list[Any] | None:
    """The records in an envelope of many."""
    for name in ("logEvents", "events"):
        if isinstance(events := value.get(name), list) and all(map(_is_event, events)) and events:
            return [event["message"] for event in events]
    if isinstance(hits := value.get("hits"), Mapping) and isinstance(found := hits.get("hits"), list):
        return found
    for name in PAGES:
        if isinstance(page := value.get(name), list) and page and value.keys() - {name} <= BESIDE_A_PAGE:
            return page
    return None


def _is_event(event: Any) -> bool:
    return isinstance(event, Mapping) and isinstance(event.get("message"), str) and "timestamp" in event


def _parsed(text: str) -> Any:
    """The object that a text holds."""
    record = json_record(0, None, text.strip().encode("utf-8", "surrogatepass"))
    return record.value if record.value is not None else Unread(str(record.reason), f"in its envelope: {record.detail}")
