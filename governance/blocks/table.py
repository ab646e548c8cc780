"""A table with typed columns: the one place where figures of a report are laid out."""

from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

from governance import display
from governance.blocks.block import Block, has_long_word, text_html
from governance.blocks.cells import Between, Cell, Column, Shown, shown, typed
from governance.blocks.prose import pieces_html

PROSE = 60  # chosen here: characters of a cell that is a sentence; four columns with such are too wide for a telephone
FEW = 3


@dataclass(frozen=True)
class Table(Block):
    """Rows under typed columns; the first column names the row. `totals` stands under a rule, `note` below."""

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""
    totals: tuple[Cell, ...] | None = None
    anchor: str = ""

    type: ClassVar[str] = "table"

    def __post_init__(self) -> None:
        if not self.columns:
            raise ValueError(f"table {self.caption!r} has no columns")
        lines = [*self.rows, *([self.totals] if self.totals is not None else [])]
        if any(len(line) != len(self.columns) for line in lines):
            raise ValueError(f"a row of table {self.caption!r} has not one cell for each column")
        lines = [tuple(typed(cell, column) for cell, column in zip(line, self.columns, strict=True)) for line in lines]
        object.__setattr__(self, "rows", tuple(lines[: len(self.rows)]))
        object.__setattr__(self, "totals", lines[-1] if self.totals is not None else None)

    def shown(self) -> list[list[Shown]]:
        """Every row as it is written, the totals last."""
        digits = [self._digits(index) for index in range(len(self.columns))]
        lines = [
            [shown(cell, column, places) for cell, column, places in zip(line, self.columns, digits, strict=True)]
            for line in [*self.rows, *([self.totals] if self.totals is not None else [])]
        ]
        if self.totals is not None:  # where nothing is added up there is nothing missing either
            lines[-1] = [Shown("") if cell is None else one for cell, one in zip(self.totals, lines[-1], strict=True)]
        return lines

    def _digits(self, index: int) -> int:
        """Decimal places of a column, the same in every row."""
        column = self.columns[index]
        if column.digits is not None:
            return column.digits
        values = [line[index] for line in self.rows]
        numbers = [value for value in values if isinstance(value, int | float | Decimal)]
        if column.kind == "interval":
            numbers = [end for value in values if isinstance(value, Between) for end in (value.low, value.high)]
        if column.kind == "money":
            return display.money_digits(numbers)
        return 1 if column.kind == "share" else display.fitting_digits(numbers)

    def to_html(self) -> str:
        """A table with caption, scopes, and figures under figures."""
        heads = "".join(f'<th scope="col"{_side(column)}>{text_html(column.heading)}</th>' for column in self.columns)
        written = self.shown()
        is_prose = len(self.columns) > FEW and any(len(cell.text) > PROSE for line in written for cell in line)
        lines = [self._row_html(line, is_prose=is_prose) for line in written]
        kind = "table prose" if is_prose else "table"
        foot = f"<tfoot>{lines.pop()}</tfoot>" if self.totals is not None else ""
        empty = f'<tr><td colspan="{len(self.columns)}">no rows</td></tr>' if not lines else ""
        anchor = f' id="{text_html(self.anchor)}"' if self.anchor else ""
        note = f'<p class="note">{text_html(self.note)}</p>' if self.note else ""
        return (
            f'<div class="{kind}"{anchor}><table><caption>{text_html(self.caption)}</caption><thead><tr>{heads}</tr>'
            f"</thead><tbody>{''.join(lines) or empty}</tbody>{foot}</table>{note}</div>"
        )

    def _row_html(self, line: list[Shown], *, is_prose: bool) -> str:
        """One row; where a narrow window sets its cells below each other, each carries its heading."""
        cells = [f'<th scope="row"{_side(self.columns[0], line[0])}>{cell_html(line[0], self.columns[0])}</th>']
        for cell, column in zip(line[1:], self.columns[1:], strict=True):
            head = f' data-head="{text_html(column.heading)}"' if is_prose else ""
            cells.append(f"<td{_side(column, cell)}{head}>{cell_html(cell, column)}</td>")
        return f"<tr>{''.join(cells)}</tr>"

    def plain(self) -> str:
        """Caption, headings and rows, parted by tabs."""
        head = "\t".join(column.heading for column in self.columns)
        rows = ["\t".join(" ".join(filter(None, (cell.text, cell.note))) for cell in line) for line in self.shown()]
        return "\n".join([self.caption, head, *rows])


def cell_html(cell: Shown, column: Column) -> str:
    """One cell as HTML; its text is visible already."""
    if cell.verdict:
        return verdict_html(cell.verdict)
    if cell.spark is not None:
        return cell.spark.svg(column.name, cell.text)
    if cell.pieces:
        return pieces_html(cell.pieces)
    words = text_html(cell.text)
    if cell.to:
        words = f'<a href="#{text_html(cell.to)}">{words}</a>'
    elif column.kind == "code":
        words = f"<code>{words}</code>"
    return f'{words} <span class="why">{text_html(cell.note)}</span>' if cell.note else words


def verdict_html(verdict: str) -> str:
    """A verdict as mark, word and colour."""
    sign = display.SIGNS[verdict]
    return f'<span class="v {verdict}"><b aria-hidden="true">{sign.mark}</b> {sign.word}</span>'


def _side(column: Column, cell: Shown | None = None) -> str:
    classes = ["num"] if column.is_right_aligned else []
    classes += ["long"] if cell is not None and has_long_word(cell.text) else []
    classes += [column.kind] if column.kind in {"date", "verdict"} else []
    return f' class="{" ".join(classes)}"' if classes else ""
