"""Headings of a document as nested labels: "Background > Talks"."""

from __future__ import annotations


class Outline:
    """The headings that are open at a point of a document."""

    def __init__(self) -> None:
        self._open: list[tuple[int, str]] = []

    def enter(self, level: int, title: str) -> str:
        """Enters a heading; returns its label, its parents before it. `level` 1 is the outermost."""
        while self._open and self._open[-1][0] >= level:
            self._open.pop()
        self._open.append((level, " ".join(title.split())))
        return " > ".join(title for _, title in self._open if title)
