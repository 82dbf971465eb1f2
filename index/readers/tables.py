"""Tables as text (.csv, .tsv): the text is the decoded bytes, so offsets are exact to the file; rows are the places.

The csv module of the standard library tells where a row ends that has line ends inside its quotes.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator

from index.readers.decoding import decode
from index.readers.lines import lines_of
from index.types import Extract, Place

_MOST_PLACES = 200_000
_DELIMITERS = ",;\t|"


def read_comma_separated(data: bytes) -> Extract:
    return _read(data, _DELIMITERS)


def read_tab_separated(data: bytes) -> Extract:
    return _read(data, "\t")


def _read(data: bytes, delimiters: str) -> Extract:
    decoded = decode(data)
    text = decoded.text
    first = text[: 64 * 1024].partition("\n")[0]
    delimiter = max(delimiters, key=first.count)
    begins = 0  # where the row begins that is being read
    next_line = 0

    def fed() -> Iterator[str]:
        nonlocal next_line
        for start, line in lines_of(text):
            next_line = start + len(line)
            yield line

    places: list[Place] = []
    notices = decoded.notices
    try:
        number = 0
        for cells in csv.reader(fed(), delimiter=delimiter):
            number += 1
            if any(cells):
                places.append(Place(begins, "row", f"row {number}", number))
            begins = next_line
    except csv.Error as error:
        notices = (
            *notices,
            f"After row {number} the rows cannot be told apart ({error}); the text is read all the same.",
        )
    if len(places) > _MOST_PLACES:  # 200 MB of short rows would take a gigabyte of places
        step = -(-len(places) // _MOST_PLACES)
        places = [
            Place(group[0].start, "row", f"rows {group[0].number}–{group[-1].number}", group[0].number)
            for group in (places[at : at + step] for at in range(0, len(places), step))
        ]
    return Extract(text, tuple(places), notices=notices)
