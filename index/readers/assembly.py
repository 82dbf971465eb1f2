"""Putting a text together piece by piece while noting where its places begin."""

from __future__ import annotations

from index.types import Extract, Metadata, Place


class Assembly:
    """A text under construction. Places are noted at the point reached, so they rise by themselves."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._places: list[Place] = []
        self.length = 0
        self.notices: list[str] = []

    def add(self, text: str) -> None:
        self._parts.append(text)
        self.length += len(text)

    def place(self, kind: str, label: str, number: int | None = None) -> None:
        """Notes a place that begins where the next piece will. One noted at the same spot before gives way."""
        if self._places and self._places[-1].start == self.length:
            self._places.pop()
        self._places.append(Place(self.length, kind, label, number))

    def extract(self, metadata: Metadata | None = None) -> Extract:
        """The text so far. A place after the last character, which holds nothing, is left out."""
        places = tuple(place for place in self._places if place.start < self.length)
        return Extract("".join(self._parts), places, metadata or Metadata(), tuple(self.notices))
