"""A text compressed in pieces, as it is kept, any stretch of which can be had without the rest.

A text of 200 MB takes up to 800 MB in Python (Latin letters with one curly quote among them: 400), and 90 MB like this.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator

_PIECE = 1_000_000  # characters
_LENGTH = 4  # bytes that say how long the piece after them is


class PackedText:
    """`packed[start:end]` is what `text[start:end]` was. Stretches that lie near to each other are had fastest one after
    another. For one thread at a time."""

    def __init__(self, text: str) -> None:
        self._pieces = [
            zlib.compress(text[at : at + _PIECE].encode("utf-8", "surrogatepass"), 1)
            for at in range(0, len(text), _PIECE)
        ]
        self._open = (-1, "")  # the piece that was looked into last

    def __getitem__(self, stretch: slice) -> str:
        start, end = stretch.start, stretch.stop
        numbers = range(start // _PIECE, (end - 1) // _PIECE + 1)
        return "".join(
            self._piece(number)[max(0, start - number * _PIECE) : end - number * _PIECE] for number in numbers
        )

    @property
    def size(self) -> int:
        """Bytes of the whole as it is kept."""
        return sum(_LENGTH + len(piece) for piece in self._pieces)

    def kept(self) -> Iterator[bytes]:
        """The whole as it is kept, in parts."""
        for piece in self._pieces:
            yield len(piece).to_bytes(_LENGTH, "big")
            yield piece

    def _piece(self, number: int) -> str:
        if self._open[0] != number:
            self._open = (number, _text_of(self._pieces[number]))
        return self._open[1]


def unpacked(kept: bytes) -> str:
    """The text of what is kept of it. Raises zlib.error where that is damaged."""
    pieces, at = [], 0
    view = memoryview(kept)
    while at < len(kept):
        end = at + _LENGTH + int.from_bytes(view[at : at + _LENGTH], "big")
        pieces.append(_text_of(view[at + _LENGTH : end]))
        at = end
    return "".join(pieces)


def _text_of(piece: bytes | memoryview) -> str:
    return zlib.decompress(piece).decode("utf-8", "surrogatepass")
