"""Tables as text (.csv, .tsv): the text is the decoded bytes, so offsets are exact to the file; rows are the places.

The csv module of the standard library tells where a row ends that has line ends inside its quotes.
"""

from __future__ import annotations

import csv
from array import array
from collections.abc import Iterator

from index.readers.decoding import decode
from index.readers.lines import lines_of, row_places
from index.types import Extract

_DELIMITERS = ",;\t|"


def read_comma_separated(data: bytes) -> Extract:
    return _read(data, _DELIMITERS)


def read_tab_separated(data: bytes) -> Extract:
    return _read(data, "\t")


def _read(data: bytes, delimiters: str) -> Extract:
    decoded = decode(data)
    text, notices = decoded.text, decoded.notices
    starts, numbers = array("q"), array("q")
    number = 0
    try:
        for number, (start, filled) in enumerate(_rows(text, delimiters), 1):
            if filled:
                starts.append(start)
                numbers.append(number)
    except csv.Error as error:
        notices = (
            *notices,
            f"After row {number} the rows cannot be told apart ({error}); the text is read all the same.",
        )
    return Extract(text, row_places(starts, numbers, "row"), notices=notices)


def _rows(text: str, delimiters: str) -> Iterator[tuple[int, bool]]:
    """Where each row begins, and whether a cell of it is filled."""
    if '"' not in text:  # then every line is a row
        empty = delimiters + "\r\n"
        yield from ((start, bool(line.strip(empty))) for start, line in lines_of(text))
        return
    first = text[: 64 * 1024].partition("\n")[0]
    begins = next_line = 0

    def fed() -> Iterator[str]:
        nonlocal next_line
        for start, line in lines_of(text):
            next_line = start + len(line)
            yield line

    for cells in csv.reader(fed(), delimiter=max(delimiters, key=first.count)):
        yield begins, any(cells)
        begins = next_line
