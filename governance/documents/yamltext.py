"""YAML text -> plain values that know their lines: what people write, read without surprises.

The rules, in the order in which they are applied:

1. The text is UTF-8 (a byte order mark is dropped), at most 1 MiB, one document, nested at most 40 deep.
2. No anchors, aliases or tags: a policy needs none, and with them a small file can grow without limit.
3. A key is a plain or quoted scalar and stays text as written (`on`, `1`, `2026-07-01`); no key twice in one mapping.
4. Plain scalars are typed by the core schema of YAML 1.2: null, true/false, decimal, 0o and 0x integers, floats.
   Everything else is text: yes, no, on, off, dates, times. One step stricter than the schema: digits with a leading
   zero (`0123`, a postal code or an account) stay text, where YAML 1.1 reads the octal 83.
5. Every mistake is collected with its line; only a broken syntax ends the reading at once.
"""

import math
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NoReturn, TypeAlias

import yaml

from governance.errors import Mistake, PolicyError

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_BYTES = 1 << 20  # chosen here: the largest control catalogue is a tenth of it
MAX_DEPTH = 40  # chosen here: deeper than any schema we know, far from Python's recursion limit
MAX_MISTAKES = 50  # chosen here: more than a person mends in one go

Value: TypeAlias = "bool | int | float | str | list[Value] | dict[str, Value] | None"
Path: TypeAlias = tuple[str | int, ...]

# YAML 1.2.2, section 10.3.2; the width of integers is bounded so that no number is costly to read.
_INT = re.compile(r"[-+]?(0|[1-9][0-9]{0,99})")
_RADIX = re.compile(r"0o[0-7]{1,40}|0x[0-9a-fA-F]{1,40}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|(0|[1-9][0-9]*)(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_INF = re.compile(r"[-+]?\.(inf|Inf|INF)")
_SURROGATE = re.compile("[\ud800-\udfff]")
_UNREADABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # YAML 1.2.2, 5.1
_WORDS: dict[str, Value] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
}


@dataclass(slots=True)
class _Node:
    """A value, the line on which it (or its key) stands, and the nodes below it."""

    line: int
    value: Value = None
    below: dict[str | int, "_Node"] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Document:
    """A read YAML document: its value, and the line of each part of it."""

    value: Value
    where: str
    _root: _Node = field(repr=False, compare=False)

    def line(self, path: Path = ()) -> int:
        """Line (from 1) of the key or list item at `path`; of the nearest part around it where there is none."""
        node = self._root
        for step in path:
            below = node.below.get(step)
            if below is None:
                break
            node = below
        return node.line

    def at(self, path: Path = ()) -> str:
        """`file:line: field` of the part at `path`, as a `Mistake` wants it."""
        return _place(self.where, self.line(path), path)


def parse(text: str | bytes, where: str, *, first_line: int = 1) -> Document:
    """The document in a text, typed and with its lines.

    Args:
        text: YAML; bytes are decoded as UTF-8. An empty text has the value None.
        where: Name of the file, for the messages.
        first_line: Line of the file on which the text begins (front matter of a Markdown file).

    Raises:
        PolicyError: With every mistake found, each as `file:line: field`.
    """
    return _Reader(where, first_line).read(_decoded(text, where))


def type_plain(text: str) -> Value:
    """The value of a plain (unquoted) scalar by rule 4; text where it is nothing else."""
    if text in _WORDS:
        return _WORDS[text]
    if _INT.fullmatch(text):
        return int(text)
    if _RADIX.fullmatch(text):
        return int(text[2:], 8 if text[1] == "o" else 16)
    if _INF.fullmatch(text):
        return -math.inf if text[0] == "-" else math.inf
    if _FLOAT.fullmatch(text):
        number = float(text)
        return number if math.isfinite(number) else text  # 1e999 is no number that we could keep
    return text


def _decoded(text: str | bytes, where: str) -> str:
    size = len(text) if isinstance(text, bytes) else len(text.encode("utf-8", "surrogatepass"))
    if size > MAX_BYTES:
        what = f"the file has {size:,} bytes, more than the {MAX_BYTES:,} allowed"
        raise PolicyError([Mistake(where, what, "split it")])
    if isinstance(text, bytes):
        try:
            text = text.decode("utf-8")
        except UnicodeDecodeError as error:
            line = error.object.count(b"\n", 0, error.start) + 1
            mistake = Mistake(f"{where}:{line}", f"byte {error.start} is not UTF-8 text", "save the file as UTF-8")
            raise PolicyError([mistake]) from error
    return text.removeprefix("\ufeff")


def _unreadable_line(text: str) -> int:
    found = _UNREADABLE.search(text)
    return text.count("\n", 0, found.start()) if found else 0


def _place(where: str, line: int, path: Path) -> str:
    return f"{where}:{line}: {'.'.join(map(str, path))}" if path else f"{where}:{line}"


class _Reader:
    """Builds one document from the events of the YAML parser, collecting mistakes on the way."""

    def __init__(self, where: str, first_line: int) -> None:
        self.where = where
        self.first_line = first_line
        self.mistakes: list[Mistake] = []
        self.events: Iterator[yaml.Event] = iter(())

    def read(self, text: str) -> Document:
        """The one document in `text`."""
        # libyaml where it is there (30 times faster), else the same parser in Python.
        self.events = iter(yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))
        try:
            root = self._document()
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            begun = f" (begun on line {error.context_mark.line + self.first_line})" if error.context_mark else ""
            what = ", ".join(part for part in ((error.context or "") + begun, error.problem) if part)
            line = min(mark.line if mark else 0, text.rstrip().count("\n")) + self.first_line
            self._give_up(line, f"this is not valid YAML: {what}", (), "check quotes, colons and indentation")
        except (yaml.YAMLError, UnicodeEncodeError) as error:
            line = _unreadable_line(text) + self.first_line
            what = f"this is not valid YAML: {error}".splitlines()[0]
            self._give_up(line, what, (), "remove the control characters")
        if self.mistakes:
            raise PolicyError(self.mistakes)
        return Document(root.value, self.where, root)

    def _document(self) -> _Node:
        root: _Node | None = None
        for event in self.events:
            if isinstance(event, yaml.DocumentStartEvent):
                if root is not None:
                    self._give_up(self._line(event), "a second document begins here", (), "keep one per file")
                root = self._node(next(self.events), ())
        return root or _Node(self.first_line)

    def _node(self, event: yaml.Event, path: Path) -> _Node:
        node = _Node(self._line(event))
        if len(path) > MAX_DEPTH:
            self._give_up(node.line, f"this is nested more than {MAX_DEPTH} deep", (), "flatten it")
        self._refuse_properties(event, path)
        if isinstance(event, yaml.AliasEvent):
            return node
        if isinstance(event, yaml.ScalarEvent):
            node.value = self._scalar(event, path)
        elif isinstance(event, yaml.SequenceStartEvent):
            self._sequence(node, path)
        else:
            self._mapping(node, path)
        return node

    def _refuse_properties(self, event: yaml.Event, path: Path) -> None:
        anchor = getattr(event, "anchor", None)
        if anchor is not None:
            kind = "alias *" if isinstance(event, yaml.AliasEvent) else "anchor &"
            self._note(event, path, f"the {kind}{anchor} is not allowed", "write the value out where it is used")
        tag = getattr(event, "tag", None)
        if tag is not None:
            self._note(event, path, f"the tag {tag!r} is not allowed", "quote the value to make it text")

    def _scalar(self, event: yaml.ScalarEvent, path: Path) -> Value:
        text = str(event.value)
        if _SURROGATE.search(text):  # as an escape in quotes; no file and no digest could hold it
            self._note(event, path, "this text has half of a surrogate pair", "write the character itself")
        return type_plain(text) if event.implicit[0] else text  # implicit[0]: neither quoted nor tagged

    def _sequence(self, node: _Node, path: Path) -> None:
        items: list[Value] = []
        while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
            below = self._node(event, (*path, len(items)))
            node.below[len(items)] = below
            items.append(below.value)
        node.value = items

    def _mapping(self, node: _Node, path: Path) -> None:
        entries: dict[str, Value] = {}
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            if not isinstance(event, yaml.ScalarEvent):
                self._give_up(self._line(event), "a key must be plain text", path, "quote it")
            key = str(event.value)
            self._refuse_properties(event, (*path, key))
            self._scalar(event, (*path, key))
            if key in entries:
                first = node.below[key].line
                self._note(event, (*path, key), f"the key '{key}' is here twice", f"it stands on line {first} already")
            below = self._node(next(self.events), (*path, key))
            below.line = self._line(event)
            entries[key], node.below[key] = below.value, below
        node.value = entries

    def _line(self, event: yaml.Event) -> int:
        return (event.start_mark.line if event.start_mark else 0) + self.first_line

    def _note(self, event: yaml.Event, path: Path, what: str, hint: str) -> None:
        self.mistakes.append(Mistake(_place(self.where, self._line(event), path), what, hint))
        if len(self.mistakes) >= MAX_MISTAKES:
            raise PolicyError(self.mistakes)

    def _give_up(self, line: int, what: str, path: Path, hint: str) -> NoReturn:
        self.mistakes.append(Mistake(_place(self.where, line, path), what, hint))
        raise PolicyError(self.mistakes)
