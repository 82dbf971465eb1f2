"""A document of rows -> a table around the words cited, for people to see in columns what search reads in lines."""

from __future__ import annotations

import csv
import io
import re
from bisect import bisect_right
from dataclasses import dataclass
from pathlib import PurePosixPath

from assistant.types import Document

_REACH = 25  # rows shown before and after those cited
_DELIMITERS = {".csv": ",;\t|", ".tsv": "\t"}
_WORKBOOKS = {".xlsx", ".xlsm"}
_ROW_OF_SHEET = re.compile(r"(.*), row \d+\Z", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Row:
    """A row, named as the document names it; `cited` where words of it are."""

    name: str
    cells: tuple[str, ...]
    cited: bool


@dataclass(frozen=True, slots=True)
class Grid:
    """Rows in order under the names of their columns, which may be none. `earlier` and `later` count those left out."""

    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    earlier: int
    later: int


def grid(document: Document, start: int, end: int) -> Grid | None:
    """The rows around a stretch of a CSV file or a workbook, of one sheet; None for other documents."""
    ending = PurePosixPath(document.source).suffix.lower()
    if not document.places or (ending not in _DELIMITERS and ending not in _WORKBOOKS):
        return None
    starts = [place.start for place in document.places]
    at = max(0, bisect_right(starts, start) - 1)
    sheet = _sheet(document.places[at].label)
    first = last = at
    while first > 0 and _sheet(document.places[first - 1].label) == sheet:
        first -= 1
    while last + 1 < len(starts) and _sheet(document.places[last + 1].label) == sheet:
        last += 1
    bounds = [*starts, len(document.text)]
    ended = max(at, bisect_right(starts, max(start, end - 1)) - 1)
    shown = range(max(first, at - _REACH), min(last, ended + _REACH) + 1)

    def line(row: int) -> str:
        return document.text[bounds[row] : bounds[row + 1]].strip("\r\n")

    columns, rows = (
        _of_sheet(line(first), [line(row) for row in shown])
        if ending in _WORKBOOKS
        else _of_table(line(first), [line(row) for row in shown], _DELIMITERS[ending])
    )
    if columns and shown[0] == first:  # the row that names the columns stands at their head
        shown, rows = shown[1:], rows[1:]
    return Grid(
        columns,
        tuple(
            Row(document.places[row].label, cells, cited=start < bounds[row + 1] and bounds[row] < end)
            for row, cells in zip(shown, rows, strict=True)
        ),
        earlier=max(0, (shown[0] if shown else last + 1) - first - (1 if columns else 0)),
        later=last - shown[-1] if shown else 0,
    )


def _sheet(label: str) -> str:
    found = _ROW_OF_SHEET.match(label)
    return found[1] if found else ""


def _of_table(head: str, lines: list[str], delimiters: str) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    delimiter = max(delimiters, key=head.count)

    def cells(line: str) -> tuple[str, ...]:
        try:
            return tuple(next(iter(csv.reader(io.StringIO(line, newline=""), delimiter=delimiter)), ()))
        except csv.Error:  # a cell longer than the reader takes
            return (line,)

    return cells(head), [cells(line) for line in lines]


def _of_sheet(head: str, lines: list[str]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    columns = tuple(head.split(" | "))
    if not any(line.startswith(f"{name}: ") for line in lines for name in columns):
        return (), [tuple(line.split(" | ")) for line in lines]
    return columns, [_under(columns, line) for line in lines]


def _under(columns: tuple[str, ...], line: str) -> tuple[str, ...]:
    """The cells of a line such as "Date: 1931; Payee: Brandt" under their columns; one that names none stays whole."""
    places: list[tuple[int, int, int]] = []
    at = 0
    for column, name in enumerate(columns):
        found = 0 if not places and line.startswith(f"{name}: ") else line.find(f"; {name}: ", at)
        if found >= 0:
            value = found + len(name) + (2 if found == 0 and not places else 4)
            places.append((column, found, value))
            at = value
    if not places:
        return (line,)
    cells = [""] * len(columns)
    for (column, _, value), (_, following, _) in zip(places, [*places[1:], (0, len(line), 0)], strict=True):
        cells[column] = line[value:following]
    return tuple(cells)
