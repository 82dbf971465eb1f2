"""Putting a text together piece by piece while noting where its places begin."""

from __future__ import annotations

import re

from index.types import Extract, Metadata, Place

_BLANKS = re.compile(r"[ \t\r\n\f\v]+")  # no-break spaces stay: they are characters of the text
# What no text holds and stores choke on: NUL and the other controls.
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_CELL = " | "


class Assembly:
    """A text under construction.

    Breaks are asked for and come only between two pieces: of several asked for in a row the widest comes, and none
    at the head or the end of the text. A place begins with the next piece, after the break before it.
    """

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._places: list[Place] = []
        self._length = 0
        self._break = ""
        self._fixed = False  # the break stands, whatever is asked for before the next piece
        self._next_place: tuple[str, str, int | None] | None = None
        self.notices: list[str] = []

    def add(self, text: str) -> None:
        """Adds a piece as it stands."""
        if not text:
            return
        if self._length and self._break:
            self._parts.append(self._break)
            self._length += len(self._break)
        self._break = ""
        self._fixed = False
        if self._next_place is not None:
            kind, label, number = self._next_place
            self._places.append(Place(self._length, kind, label, number))
            self._next_place = None
        self._parts.append(text)
        self._length += len(text)

    def flow(self, text: str) -> None:
        """Adds running text whose line ends and runs of blanks mean no more than a blank, as in HTML."""
        words = _BLANKS.sub(" ", _CONTROLS.sub(" ", text))
        inner = words.strip(" ")
        if words.startswith(" "):
            self.blank()
        self.add(inner)
        if inner and words.endswith(" "):
            self.blank()

    def blank(self) -> None:
        self._break = self._break or " "

    def line(self) -> None:
        """Asks for a new line."""
        if not self._fixed and self._break != "\n\n":
            self._break = "\n"

    def paragraph(self) -> None:
        """Asks for an empty line."""
        if not self._fixed:
            self._break = "\n\n"

    def start_row(self) -> None:
        """Begins a row on a new line, whatever break its first cell asks for inside."""
        self.line()
        self._fixed = True

    def cell(self) -> None:
        """Asks for the bar between two cells of a row, whatever break the cells ask for inside."""
        self._break = _CELL
        self._fixed = True

    def end_row(self) -> None:
        """Ends a row, with no bar where its last cells are empty."""
        self._break = "\n"
        self._fixed = False

    def place(self, kind: str, label: str, number: int | None = None) -> None:
        """Notes a place that begins with the next piece. One noted before, with no piece since, gives way."""
        self._next_place = (kind, label, number)

    def extract(self, metadata: Metadata | None = None) -> Extract:
        """What was put together; a place with no piece after it is left out."""
        return Extract("".join(self._parts), tuple(self._places), metadata or Metadata(), tuple(self.notices))


def row(cells: list[str]) -> str:
    """A row of a table as one line: its cells in order, with bars between them."""
    return _CELL.join(" ".join(cell.split()) for cell in cells).strip(" |")
