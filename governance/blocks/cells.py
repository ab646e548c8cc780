"""What can stand in a table: typed columns, and cells as they are written."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import ClassVar, Literal, NamedTuple, TypeAlias

from governance import display
from governance.blocks.prose import Link, Piece, pieces_plain
from governance.drawings import Spark

Kind: TypeAlias = Literal["text", "number", "money", "share", "interval", "date", "verdict", "code", "spark"]
NUMERIC = frozenset({"number", "money", "share"})
RIGHT = NUMERIC | {"interval"}
LONGEST = 400  # chosen here: characters of one cell; a prompt of a megabyte must not become a page


@dataclass(frozen=True)
class Missing:
    """No value, and why there is none."""

    reason: str = ""
    type: ClassVar[str] = "missing"


@dataclass(frozen=True)
class Between:
    """An interval, both ends included."""

    low: float
    high: float
    type: ClassVar[str] = "between"


@dataclass(frozen=True)
class Words:
    """A sentence in a cell, of which some words may lead elsewhere; it is written whole."""

    pieces: tuple[Piece, ...]
    type: ClassVar[str] = "words"


Cell: TypeAlias = bool | int | float | str | Decimal | date | datetime | Missing | Between | Spark | Link | Words | None


@dataclass(frozen=True)
class Column:
    """A column: what it is called, what it holds, in which unit, and with how many decimal places (None: fitting)."""

    name: str
    kind: Kind = "text"
    unit: str = ""
    digits: int | None = None

    @property
    def is_right_aligned(self) -> bool:
        """Whether figures stand under figures."""
        return self.kind in RIGHT

    @property
    def heading(self) -> str:
        """Name and unit; the unit of a share is percent."""
        unit = self.unit or ("%" if self.kind == "share" else "")
        return f"{self.name} ({unit})" if unit else self.name


class Shown(NamedTuple):
    """A cell as it is written: visible text, what explains it, and what it is beside text."""

    text: str
    note: str = ""
    verdict: str = ""
    to: str = ""
    spark: Spark | None = None
    pieces: tuple[Piece, ...] = ()


def typed(cell: Cell, column: Column) -> Cell:
    """The cell in the type of its column: what came through JSON as text becomes a decimal or a time again.

    Raises:
        ValueError: The cell cannot stand in this column.
    """
    if cell is None or isinstance(cell, Missing):
        return cell
    try:
        converted = _converted(cell, column.kind)
    except (ValueError, InvalidOperation):
        converted = None
    if converted is None or not isinstance(converted, ALLOWED[column.kind]) or _is_strange(converted, column.kind):
        raise ValueError(f"{str(cell)[:80]!r} cannot stand in column {column.name!r} ({column.kind})")
    return converted


ALLOWED: dict[Kind, tuple[type, ...]] = {
    "text": (str, bool, int, float, Link, Words),
    "code": (str, int, Link),
    "number": (int, float, Decimal),
    "money": (int, float, Decimal),
    "share": (int, float, Decimal),
    "interval": (Between,),
    "date": (date,),
    "verdict": (str,),
    "spark": (Spark,),
}


def _converted(cell: Cell, kind: Kind) -> Cell:
    if kind in NUMERIC and isinstance(cell, str):
        return Decimal(cell)
    if kind == "date" and isinstance(cell, str):
        return datetime.fromisoformat(cell) if "T" in cell else date.fromisoformat(cell)
    return cell


def _is_strange(cell: Cell, kind: Kind) -> bool:
    """Whether a cell of the right type has no meaning in its column: a truth as a figure, an unknown verdict."""
    return (kind in NUMERIC and isinstance(cell, bool)) or (kind == "verdict" and cell not in display.SIGNS)


def shown(cell: Cell, column: Column, digits: int) -> Shown:
    """A cell as it is written; `digits` are the decimal places of the column."""
    match cell:
        case Missing():
            return Shown(display.ABSENT, display.shortened(cell.reason, LONGEST))
        case Spark():
            return Shown(cell.in_words(), spark=cell)
        case Link():
            return Shown(display.shortened(cell.text, LONGEST), to=cell.to)
        case Words():
            return Shown(pieces_plain(cell.pieces), pieces=cell.pieces)
        case str() if column.kind == "verdict":
            return Shown(display.SIGNS[cell].word, verdict=cell)
        case _:
            return Shown(_written(cell, column, digits))


def _written(cell: Cell, column: Column, digits: int) -> str:
    written = display.ABSENT
    match cell:
        case bool():
            written = "yes" if cell else "no"
        case int() | float() | Decimal() if column.kind == "share":
            written = display.percent(cell, digits)
        case int() | float() | Decimal():
            is_id = column.kind == "code"
            written = str(cell) if is_id else display.number(cell, digits if column.kind in NUMERIC else None)
        case Between():
            written = f"{display.number(cell.low, digits)} to {display.number(cell.high, digits)}"
        case date():
            written = display.moment(cell)
        case str():
            written = display.shortened(cell, LONGEST)
        case _:
            pass
    return written
