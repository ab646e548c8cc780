"""What is hostile in a log: ways to spell a record and values to put in it, and what has to become of each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

BOM = b"\xef\xbb\xbf"
TEXT = b'": "'  # where the first text of a JSON object begins

# What is hostile in the spelling of a JSON line: line -> line, and why it cannot be read
BAD_JSON: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "the end is missing": ("bad_json", lambda line: line[:-9]),
    "the start is missing": ("bad_json", lambda line: line[9:]),
    "a NUL byte in a text": ("bad_json", lambda line: line.replace(TEXT, TEXT + b"\0", 1)),
    "NUL bytes behind the record": ("bad_json", lambda line: line + b"\0" * 9),
    "nothing but NUL bytes": ("bad_json", lambda _: b"\0" * 40),
    "a terminal's escape": ("bad_json", lambda line: line.replace(TEXT, TEXT + b"\x1b[31m", 1)),
    "a tab in a text": ("bad_json", lambda line: line.replace(TEXT, TEXT + b"\t", 1)),
    "Latin-1": ("bad_utf8", lambda line: line.replace(TEXT, TEXT + b"caf\xe9 ", 1)),
    "an overlong slash": ("bad_utf8", lambda line: line.replace(TEXT, TEXT + b"\xc0\xaf", 1)),
    "half a character as UTF-8": ("bad_utf8", lambda line: line.replace(TEXT, TEXT + b"\xed\xa0\x80", 1)),
    "half a character, the first": ("bad_utf8", lambda line: line.replace(TEXT, TEXT + rb"\ud83d", 1)),
    "half a character, the second": ("bad_utf8", lambda line: line.replace(TEXT, TEXT + rb"\udc00x", 1)),
    "UTF-16": ("bad_json", lambda line: line.decode().encode("utf-16-le")),
    "an escape that is none": ("bad_json", lambda line: line.replace(TEXT, TEXT + rb"\x41", 1)),
    "5,000 digits": ("out_of_range", lambda line: _first(line, b'"n": ' + b"9" * 5_000)),
    "an exponent beyond all": ("out_of_range", lambda line: _first(line, b'"n": 1e' + b"9" * 30)),
    "a leading zero": ("bad_json", lambda line: _first(line, b'"n": 007')),
    "a number in hex": ("bad_json", lambda line: _first(line, b'"n": 0x10')),
    "a plus": ("bad_json", lambda line: _first(line, b'"n": +1')),
    "70 deep": ("too_deep", lambda line: _first(line, b'"n": ' + b"[" * 70 + b"]" * 70)),
    "70 objects deep": ("too_deep", lambda line: _first(line, b'"n": ' + b'{"a": ' * 70 + b"1" + b"}" * 70)),
    "2,000 deep and open": ("too_deep", lambda line: _first(line, b'"n": ' + b"[" * 2_000)),
    "a key twice": ("duplicate_key", lambda line: _first(line, _key(line) + b': "the first one"')),
    "a key twice, escaped": ("duplicate_key", lambda line: _first(line, _escaped(_key(line)) + b": null")),
    "a key twice inside": ("duplicate_key", lambda line: _first(line, b'"n": {"a": 1, "b": {}, "a": 2}')),
    "an array": ("not_an_object", lambda line: b"[" + line + b"]"),
    "null": ("not_an_object", lambda _: b"null"),
    "a number": ("not_an_object", lambda _: b"42"),
    "a text": ("not_an_object", lambda _: b'"text"'),
    "a byte order mark inside the file": ("bad_json", lambda line: BOM + line),
    "a row of CSV": ("bad_json", lambda _: b'"r1","2026-07-01T00:00:00Z",0.5,"said ""no"""'),
    "two records": ("bad_json", lambda line: line + b" " + line),
    "two records and a carriage return": ("bad_json", lambda line: line + b"\r" + line),
    "single quotes": ("bad_json", lambda line: line.replace(b'"', b"'")),
    "a comma too many": ("bad_json", lambda line: line[:-1] + b",}"),
    "a comment": ("bad_json", lambda line: line + b" // why"),
    "a word": ("bad_json", lambda line: _first(line, b'"n": undefined')),
}
# What is hostile in the spelling of a row of CSV
BAD_CSV: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "the end is missing": ("bad_csv", lambda line: line.rpartition(b",")[0]),
    "a cell too many": ("bad_csv", lambda line: line + b",more"),
    "another delimiter": ("bad_csv", lambda line: line.replace(b",", b";")),
    "a quote that never ends": ("bad_csv", lambda line: b'"' + line),
    "text behind a quote": ("bad_csv", lambda line: b'"' + line.replace(b",", b'"x,', 1)),
    "a quote escaped in another way": ("bad_csv", lambda line: rb'"a\"b",' + line.partition(b",")[2]),
    "two rows and a carriage return": ("bad_csv", lambda line: line + b"\r" + line),
    "a line of JSON": ("bad_csv", lambda line: b'{"id": "' + line.partition(b",")[0] + b'", "score": 1}'),
    "Latin-1": ("bad_utf8", lambda line: line + b"caf\xe9"),
    "an overlong slash": ("bad_utf8", lambda line: line + b"\xc0\xaf"),
    "half a character as UTF-8": ("bad_utf8", lambda line: line + b"\xed\xa0\x80"),
    "UTF-16": ("bad_csv", lambda line: line.replace(b",", b"\0").decode().encode("utf-16-le")),
    "one word": ("bad_csv", lambda _: b"null"),
}
# What is hostile in the values of a mapped record: value -> why it cannot be read
BAD_VALUES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("type_mismatch", {"score": "high"}),
    ("type_mismatch", {"score": "1_000"}),
    ("type_mismatch", {"score": "\u0661\u0662"}),
    ("type_mismatch", {"tokens": 12.5}),
    ("type_mismatch", {"tokens": True}),
    ("type_mismatch", {"tokens": "0x10"}),
    ("out_of_range", {"tokens": 2**63}),
    ("out_of_range", {"tokens": int("9" * 60)}),
    ("out_of_range", {"cost": 1_000_000}),
    ("type_mismatch", {"amount": "lots"}),
    ("bad_time", {"at": "soon"}),
    ("bad_time", {"at": "1970-01-01T00:00:00Z"}),
    ("bad_time", {"at": "2026-02-30T00:00:00Z"}),
    ("bad_time", {"at": 1782864000}),
    ("missing_value", {"at": ""}),
    ("missing_value", {"id": ""}),
)
BAD_NESTED: tuple[tuple[str, dict[str, Any]], ...] = (
    ("type_mismatch", {"tokens": [1]}),
    ("type_mismatch", {"score": {"value": 1}}),
    ("missing_value", {"at": None}),
)
# What looks hostile and is not: it is stored as it is, but for NUL characters and numbers that are not finite
ODD_TEXTS = [
    "'; DROP TABLE requests; --",
    "<script>alert(1)</script>",
    "=cmd|' /C calc'!A0",
    "../../etc/passwd",
    "line\u2028separator\u0085and\u000bmore\x1cstill",
    "\u202etxt.exe \U0001f4a9 e\u0301",
    "$x ? :y {z} %s \\ /",
    "1e5",
    "0012",
    "\x1b]0;title\x07",
    "a\0b",
]


# What looks hostile in the spelling and is not
ODD_JSON: dict[str, Callable[[bytes], bytes]] = {
    "an escaped key": lambda line: b"{" + _escaped(_key(line)) + line[line.index(b":") :],
    "the same key in capitals": lambda line: _first(line, _key(line).upper() + b': "other"'),
    "an unknown key": lambda line: _first(line, b'"x": {"y": [1, 2, {"z": null}], "": 1e400}'),
    "60 deep": lambda line: _first(line, b'"x": ' + b"[" * 60 + b"]" * 60),
    "a number that is none": lambda line: _first(line, b'"x": [NaN, -Infinity]'),
    "70,000 characters": lambda line: _first(line, b'"x": "' + b"a" * 70_000 + b'"'),
    "white space": lambda line: b" \t" + line.replace(b", ", b" ,\t  ", 1) + b"   ",
}
ODD_CSV: dict[str, Callable[[bytes], bytes]] = {
    "every cell in quotes": lambda line: b'"' + line.replace(b",", b'","') + b'"',
    "a line end too many": lambda line: line + b"\r",
}


def _key(line: bytes) -> bytes:
    """The first key of an object, with its quotes."""
    return line[1 : line.index(b":")]


def _escaped(key: bytes) -> bytes:
    """The same key, its first letter written as an escape."""
    return b'"' + rb"\u%04x" % key[1] + key[2:]


def _first(line: bytes, member: bytes) -> bytes:
    """The object with one more member in front."""
    return b"{" + member + b", " + line[1:]


# What is hostile in the values of a recognised record
OWN_BAD_VALUES: dict[str, tuple[tuple[str, dict[str, Any]], ...]] = {
    "opa": (
        ("bad_time", {"timestamp": "soon"}),
        ("bad_time", {"timestamp": "2300-01-01T00:00:00Z"}),
        ("missing_value", {"timestamp": None}),
        ("missing_value", {"path": None}),
    ),
    "litellm-spend": (
        ("bad_time", {"startTime": "soon"}),
        ("missing_value", {"startTime": ""}),
        ("missing_value", {"call_type": ""}),
        ("type_mismatch", {"spend": "lots"}),
        ("out_of_range", {"spend": 1_000_000}),
        ("type_mismatch", {"prompt_tokens": "12.5"}),
        ("out_of_range", {"prompt_tokens": 2**63}),
    ),
}
