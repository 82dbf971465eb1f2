"""Workbooks (.xlsx, .xlsm): each row a line that stands by itself, "Header: value; Header: value"; rows are the places.

python-calamine (MIT) because it reads 100,000 rows in a second, where openpyxl takes twenty; values are as stored and
computed, without their number formats: a percentage of 5 reads 0.05.
"""

from __future__ import annotations

import io
import re
import zipfile
from datetime import date, datetime, time, timedelta

from index.errors import SourceUnreadable
from index.readers.archives import member, open_archive
from index.readers.assembly import Assembly
from index.readers.core_properties import core_properties
from index.types import Extract

_Cell = int | float | str | bool | time | date | datetime | timedelta
# A sheet is laid out whole, empty cells and all, at 24 bytes each: one cell in the last corner would take 400 GB.
_MOST_CELLS = 20_000_000
_REFERENCE = re.compile(rb'<c\s[^>]{0,80}?r="([A-Z]{1,3})(\d{1,7})"')
_HEADER_WITHIN = 10


def read_sheets(data: bytes) -> Extract:
    from python_calamine import CalamineWorkbook

    archive = open_archive(data, "an Excel workbook")
    member(archive, "xl/workbook.xml", "an Excel workbook")
    _refuse_vast(archive)
    assembly = Assembly()
    workbook = CalamineWorkbook.from_filelike(io.BytesIO(data))
    for name in workbook.sheet_names:
        assembly.paragraph()
        _add_sheet(name, workbook.get_sheet_by_name(name).to_python(skip_empty_area=False), assembly)
    return assembly.extract(core_properties(archive))


def _add_sheet(name: str, table: list[list[_Cell]], assembly: Assembly) -> None:
    written = [[_written(cell) for cell in cells] for cells in table]
    header = _header(table, written)
    for number, cells in enumerate(written, 1):
        if not any(cells):
            continue
        assembly.line()
        assembly.place("row", f"{name}, row {number}", number)
        if header and number > header:
            names = written[header - 1]
            pairs = zip(names, cells, strict=False)
            assembly.add("; ".join(f"{title}: {cell}" if title else cell for title, cell in pairs if cell))
        else:
            assembly.add(" | ".join(filter(None, cells)))


def _header(table: list[list[_Cell]], written: list[list[str]]) -> int:
    """The number of the row that names the columns: the first of two or more cells, if all are words and more follow.

    0 where there is none.
    """
    for number, cells in enumerate(table[:_HEADER_WITHIN], 1):
        filled = [cell for cell in cells if cell != ""]
        if len(filled) >= 2:
            words = all(isinstance(cell, str) for cell in filled) and len(set(map(str, filled))) == len(filled)
            return number if words and any(any(row) for row in written[number:]) else 0
    return 0


def _written(cell: _Cell) -> str:
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else repr(cell)
    if isinstance(cell, datetime):
        midnight = (cell.hour, cell.minute, cell.second) == (0, 0, 0)
        return cell.date().isoformat() if midnight else cell.isoformat(" ", "seconds")
    return " ".join(str(cell).split())


def _refuse_vast(archive: zipfile.ZipFile) -> None:
    for name in archive.namelist():
        if not re.fullmatch(r"xl/worksheets/[^/]+\.xml", name):
            continue
        rows = columns = 0
        for letters, digits in _REFERENCE.findall(archive.read(name)):
            rows = max(rows, int(digits))
            column = 0
            for letter in letters:
                column = column * 26 + letter - 64
            columns = max(columns, column)
        if rows * columns > _MOST_CELLS:
            raise SourceUnreadable(
                f"A sheet reaches over {rows} rows and {columns} columns, most of them empty perhaps. "
                "Delete the stray cells far out, or save the sheet as CSV."
            )
