"""Tables for spreadsheets: CSV that is streamed, and Excel that is written row by row, both of any length."""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import IO, Any, Literal

import xlsxwriter
from django.utils import timezone
from django.utils.translation import get_language_bidi

Cell = str | Decimal | datetime | None

CSV_TYPE = "text/csv; charset=utf-8"
EXCEL_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

# The wide ones are read as the others where Chinese and Japanese are written.
_FORMULA_STARTS = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20", "\t", "\r", "\n")
_SPACES = " \N{NO-BREAK SPACE}"
_ROWS_A_PIECE = 500
_MOST_CHARACTERS = 32_767  # of one cell, in Excel


@dataclass(frozen=True)
class Column:
    """A heading, what stands under it, and how wide Excel shows it, in characters."""

    heading: str
    kind: Literal["text", "amount", "time"] = "text"
    width: int = 16


class _Echo:
    """What `csv.writer` writes to: it hands each line back."""

    def write(self, line: str) -> str:
        return line


def plain_cell(text: str) -> str:
    """Text that a spreadsheet does not take for a formula, nor when it has left out the spaces before it."""
    return f"'{text}" if text.lstrip(_SPACES).startswith(_FORMULA_STARTS) else text


def csv_pieces(
    columns: Sequence[Column], rows: Iterable[Sequence[Cell]], *, continues: bool = False
) -> Iterator[bytes]:
    """UTF-8 with a byte order mark, by which Excel knows the Arabic in it; times as DD/MM/YYYY by the current time
    zone's clocks.

    `continues`: the rows go on from an earlier piece, without mark and headings.
    """
    writer = csv.writer(_Echo())
    head = "\N{BYTE ORDER MARK}" + writer.writerow([plain_cell(column.heading) for column in columns])
    lines = [] if continues else [head]
    for row in rows:
        lines.append(writer.writerow([_as_text(cell) for cell in row]))
        if len(lines) >= _ROWS_A_PIECE:
            yield "".join(lines).encode()
            lines = []
    yield "".join(lines).encode()


def excel_file(name: str, columns: Sequence[Column], rows: Iterable[Sequence[Cell]]) -> IO[bytes]:
    """A workbook of one sheet, written to a file that is gone when it is closed; text is never a formula or a link.

    Amounts and times are Excel's own, so that they add up and sort. In a language that is written from the right the
    sheet is, too. However many the rows, a handful are in memory.
    """
    file = tempfile.TemporaryFile()  # noqa: SIM115 - whoever sends it closes it
    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    book = xlsxwriter.Workbook(file, options)
    sheet = book.add_worksheet(name[:31])
    if get_language_bidi():
        sheet.right_to_left()
    heading = book.add_format({"bold": True, "bottom": 1, "text_wrap": True, "valign": "top"})
    for position, column in enumerate(columns):
        sheet.set_column(position, position, column.width)
        sheet.write_string(0, position, column.heading, heading)
    sheet.freeze_panes(1, 0)
    formats = _Formats(book)
    for number, row in enumerate(rows, start=1):
        for position, cell in enumerate(row):
            _write(sheet, number, position, cell, formats)
    book.close()
    file.seek(0)
    return file


class _Formats:
    """A workbook's formats: one for times, and one for amounts of each number of decimals."""

    def __init__(self, book: Any) -> None:
        self._book = book
        self._amounts: dict[int, Any] = {}
        self.time = book.add_format({"num_format": "dd/mm/yyyy hh:mm:ss"})

    def amount(self, value: Decimal) -> Any:
        exponent = value.as_tuple().exponent
        decimals = max(0, -exponent) if isinstance(exponent, int) else 0
        if decimals not in self._amounts:
            pattern = "#,##0" + ("." + "0" * decimals if decimals else "")
            self._amounts[decimals] = self._book.add_format({"num_format": pattern})
        return self._amounts[decimals]


def _write(sheet: Any, row: int, position: int, cell: Cell, formats: _Formats) -> None:
    if isinstance(cell, Decimal):
        sheet.write_number(row, position, float(cell), formats.amount(cell))
    elif isinstance(cell, datetime):
        sheet.write_datetime(row, position, timezone.localtime(cell).replace(tzinfo=None, microsecond=0), formats.time)
    elif cell:
        sheet.write_string(row, position, cell[:_MOST_CHARACTERS])


def _as_text(cell: Cell) -> str:
    if isinstance(cell, datetime):
        return f"{timezone.localtime(cell):%d/%m/%Y %H:%M:%S}"
    if isinstance(cell, Decimal):
        return f"{cell:f}"
    return plain_cell(cell or "")
