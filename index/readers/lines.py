"""Where the lines and rows of a text begin. A line ends with CRLF, LF or a lone CR, as in files."""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterator

from index.types import Place

MOST_PLACES = 200_000
"""More places than this are not kept of one document: 200 MB of short rows would take a gigabyte of them."""

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+\Z")


def lines_of(text: str) -> Iterator[tuple[int, str]]:
    """The lines with the offset each begins at; each keeps its line end."""
    for found in _LINE.finditer(text):
        yield found.start(), found[0]


def row_places(starts: array[int], numbers: array[int], noun: str) -> tuple[Place, ...]:
    """Places of kind "row", from the offset and number of each row; of very many rows, one for a few of them each."""
    step = -(-len(starts) // MOST_PLACES)
    places: list[Place] = []
    for at in range(0, len(starts), step or 1):
        first, last = numbers[at], numbers[min(at + step, len(numbers)) - 1]
        label = f"{noun} {first}" if step == 1 else f"{noun}s {first}–{last}"
        places.append(Place(starts[at], "row", label, first))
    return tuple(places)
