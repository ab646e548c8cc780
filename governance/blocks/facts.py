"""What is known in pairs of name and value, the cover of a report, and the counts of verdicts."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import ClassVar, Literal, TypeAlias

from governance import display
from governance.blocks.block import LONG_WORD, Block, text_html

Value: TypeAlias = bool | int | float | str | Decimal | date | datetime | None


@dataclass(frozen=True)
class Fact:
    """A name and its value; an id or digest is code and may be broken anywhere. No value comes with its reason.

    The kind of an exact number or a time is found by itself; it brings them back from JSON, where they are text.
    """

    name: str
    value: Value
    kind: Literal["text", "code", "exact", "date"] = "text"
    unit: str = ""
    reason: str = ""

    def __post_init__(self) -> None:
        kind = "exact" if isinstance(self.value, Decimal) else "date" if isinstance(self.value, date) else self.kind
        object.__setattr__(self, "kind", kind)
        if isinstance(self.value, str) and kind in {"exact", "date"}:
            object.__setattr__(self, "value", _typed(self.value, kind))

    def shown(self) -> str:
        """The value as it is written, visible."""
        written = _written(self.value)
        return (
            f"{written}{display.THIN}{display.visible(self.unit)}" if self.unit and self.value is not None else written
        )


def _typed(text: str, kind: str) -> Decimal | date:
    """An exact number or a time from its text in JSON.

    Raises:
        ValueError: It is none.
    """
    try:
        if kind == "exact":
            return Decimal(text)
        return datetime.fromisoformat(text) if "T" in text else date.fromisoformat(text)
    except (InvalidOperation, ValueError):
        raise ValueError(f"{text[:80]!r} is not {kind}") from None


def _written(value: Value) -> str:
    match value:
        case None:
            return display.ABSENT
        case bool():
            return "yes" if value else "no"
        case int() | float() | Decimal():
            return display.number(value)
        case date():
            return display.moment(value) + (" UTC" if isinstance(value, datetime) else "")
        case str():
            return display.shortened(value, 2000)


@dataclass(frozen=True)
class Facts(Block):
    """A list of facts under an optional title."""

    facts: tuple[Fact, ...]
    title: str = ""

    type: ClassVar[str] = "facts"

    def to_html(self) -> str:
        """A description list."""
        title = f'<p class="facts-title">{text_html(self.title)}</p>' if self.title else ""
        return f"{title}<dl>{''.join(_fact_html(fact) for fact in self.facts)}</dl>"

    def plain(self) -> str:
        """One line for each fact."""
        return "\n".join(f"{fact.name}: {fact.shown()} {fact.reason}".rstrip() for fact in self.facts)


def facts(pairs: Mapping[str, Value], *, title: str = "", code: tuple[str, ...] = ()) -> Facts:
    """Facts from a mapping; the names in `code` hold ids or digests."""
    return Facts(tuple(Fact(name, value, "code" if name in code else "text") for name, value in pairs.items()), title)


def _fact_html(fact: Fact) -> str:
    value = text_html(fact.shown())
    value = f"<code>{value}</code>" if fact.kind == "code" and fact.value is not None else value
    reason = f' <span class="why">{text_html(fact.reason)}</span>' if fact.reason else ""
    wide = ' class="wide"' if fact.kind == "code" and len(str(fact.value)) > LONG_WORD else ""
    return f"<div{wide}><dt>{text_html(fact.name)}</dt><dd>{value}{reason}</dd></div>"


@dataclass(frozen=True)
class Cover(Block):
    """The head of a report: its title is the title of the page, so that a report has one cover and it comes first."""

    title: str
    subtitle: str = ""
    facts: tuple[Fact, ...] = ()

    type: ClassVar[str] = "cover"

    def to_html(self) -> str:
        """The title as the only h1, the subtitle, the facts in columns."""
        subtitle = f'<p class="subtitle">{text_html(self.subtitle)}</p>' if self.subtitle else ""
        known = f"<dl>{''.join(_fact_html(fact) for fact in self.facts)}</dl>" if self.facts else ""
        return f'<header class="cover"><h1>{text_html(self.title)}</h1>{subtitle}{known}</header>'

    def plain(self) -> str:
        """Title, subtitle, facts."""
        known = [f"{fact.name}: {fact.shown()}" for fact in self.facts]
        return "\n".join(filter(None, (f"# {self.title}", self.subtitle, *known)))


@dataclass(frozen=True)
class Verdicts(Block):
    """How many findings there are of each verdict; a zero is shown too, for it is an answer."""

    failed: int = 0
    errored: int = 0
    warned: int = 0
    not_assessed: int = 0
    waived: int = 0
    passed: int = 0

    type: ClassVar[str] = "verdicts"

    def __post_init__(self) -> None:
        if min(self.counts().values()) < 0:
            raise ValueError("a count of verdicts is below zero")

    def counts(self) -> dict[str, int]:
        """Counts by verdict, in the order in which they are shown."""
        return {verdict: getattr(self, verdict) for verdict in display.SIGNS}

    def to_html(self) -> str:
        """A tile for each verdict: mark, count, word."""
        tiles = [
            f'<div class="tile {verdict if count else "none"}">'
            f'<dt><b aria-hidden="true">{sign.mark}</b> {sign.word}</dt>'
            f"<dd>{display.number(count, 0)}</dd></div>"
            for (verdict, count), sign in zip(self.counts().items(), display.SIGNS.values(), strict=True)
        ]
        return f'<dl class="tiles">{"".join(tiles)}</dl>'

    def plain(self) -> str:
        """All in one line."""
        return " · ".join(f"{sign.mark} {getattr(self, name)} {sign.word}" for name, sign in display.SIGNS.items())
