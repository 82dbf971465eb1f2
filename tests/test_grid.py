"""Documents of rows shown as tables: the cells under their columns, the rows cited, and how many are left out."""

from __future__ import annotations

import io
from collections.abc import Sequence

import pytest
import xlsxwriter

from assistant.grid import Grid, grid
from index.readers import extract
from index.types import Document


def document(name: str, data: bytes) -> Document:
    made = extract(data, name)
    return Document(name, "hash", made.text, made.places)


def workbook(**sheets: Sequence[Sequence[object]]) -> bytes:
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer) as book:
        for name, rows in sheets.items():
            sheet = book.add_worksheet(name)
            for at, cells in enumerate(rows):
                sheet.write_row(at, 0, cells)
    return buffer.getvalue()


def at(found: Document, words: str) -> Grid:
    start = found.text.index(words)
    shown = grid(found, start, start + len(words))
    assert shown is not None
    return shown


def test_a_cell_with_commas_and_line_ends_in_quotes_is_one_cell() -> None:
    shown = at(document("a.csv", b'Name,Said\nAnn,"No, never.\nNot me."\nBen,Yes\n'), "No, never.")
    assert shown.columns == ("Name", "Said")
    assert [(row.cells, row.cited) for row in shown.rows] == [
        (("Ann", "No, never.\nNot me."), True),
        (("Ben", "Yes"), False),
    ]


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_the_delimiter_is_the_one_of_the_first_row(delimiter: str) -> None:
    shown = at(document("a.csv", f"Name{delimiter}Said\nAnn{delimiter}No, never\n".encode()), "Ann")
    assert shown.rows[0].cells == ("Ann", "No, never")


def test_only_the_sheet_that_is_cited_is_shown_with_empty_cells_in_their_place() -> None:
    data = workbook(Talks=[["Who", "When", "Where"], ["Ann", "", "Ulm"]], Costs=[["What", "Pounds"], ["Tea", 3]])
    shown = at(document("a.xlsx", data), "Ulm")
    assert shown.columns == ("Who", "When", "Where")
    assert [row.cells for row in shown.rows] == [("Ann", "", "Ulm")]
    assert shown.rows[0].name == "Talks, row 2"


def test_a_sheet_without_names_of_columns_is_shown_without_them() -> None:
    shown = at(document("a.xlsx", workbook(Numbers=[[1, 2], [3, 4]])), "3")
    assert (shown.columns, [row.cells for row in shown.rows]) == ((), [("1", "2"), ("3", "4")])


def test_of_a_long_table_the_rows_around_the_words_are_shown_and_the_rest_counted() -> None:
    text = "Number,Square\n" + "".join(f"{n},{n * n}\n" for n in range(1, 1001))
    shown = at(document("a.csv", text.encode()), "500,250000")
    assert [row.cells[0] for row in shown.rows if row.cited] == ["500"]
    assert shown.earlier + len(shown.rows) + shown.later == 1000
    assert len(shown.rows) < 60


def test_a_document_of_no_rows_has_no_table() -> None:
    assert grid(document("a.txt", b"Words."), 0, 5) is None
    assert grid(document("a.csv", b""), 0, 0) is None
