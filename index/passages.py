"""A document's passages, each made when it is asked for: those of a file of 200 MB would fill the memory all at once."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import overload

from index.packing import PackedText
from index.splitting import Stretch
from index.types import Document, Passage, line_ends


class Passages(Sequence[Passage]):
    """The passages of `document`, which `title` goes with for search. They tile its text, and so do their sentences, so
    that only where each begins is kept."""

    def __init__(self, document: Document, title: str) -> None:
        self._document, self._title = document, title
        self._text: str | PackedText = document.text
        self._borders = array("Q", [0])  # where each sentence begins, and where the last one ends
        self._firsts = array("Q", [0])  # each passage's first sentence, and how many sentences there are
        self._lines = array("Q", [1])  # each passage's first line, and the line that the last one ends in
        self._places = array("Q", [0])  # of the document's places, the one in force where each passage begins

    def append(self, stretch: Stretch) -> None:
        """One more passage, which begins where the last one ends."""
        places = self._document.places
        place = self._places[-1]
        while place + 1 < len(places) and places[place + 1].start <= stretch.start:
            place += 1
        self._places[-1] = place
        self._places.append(place)
        self._borders.extend(end for _, end in stretch.sentences)
        self._firsts.append(len(self._borders) - 1)
        self._lines.append(self._lines[-1] + line_ends(self._document.text, stretch.start, stretch.end))

    def pack(self) -> tuple[Document, PackedText]:
        """Let go of the document's text but for a compressed copy: the document without it, and the copy. No passage
        can be added after that."""
        packed = PackedText(self._document.text)
        self._document, self._text = replace(self._document, text=""), packed
        return self._document, packed

    def __len__(self) -> int:
        return len(self._firsts) - 1

    @overload
    def __getitem__(self, at: int) -> Passage: ...

    @overload
    def __getitem__(self, at: slice) -> Sequence[Passage]: ...

    def __getitem__(self, at: int | slice) -> Passage | Sequence[Passage]:
        if isinstance(at, slice):
            return [self._passage(one) for one in range(*at.indices(len(self)))]
        return self._passage(range(len(self))[at])

    def _passage(self, ordinal: int) -> Passage:
        document = self._document
        borders = self._borders[self._firsts[ordinal] : self._firsts[ordinal + 1] + 1]
        start, end = borders[0], borders[-1]
        places = document.places
        first = last = self._places[ordinal]
        while last < len(places) and places[last].start < end:
            last += 1
        return Passage(
            id=passage_id(document.source, document.content_hash, start, end),
            source=document.source,
            content_hash=document.content_hash,
            ordinal=ordinal,
            start=start,
            end=end,
            line=self._lines[ordinal],
            places=tuple(places[first:last]),
            sentences=tuple(pairwise(borders)),
            title=self._title,
            text=self._text[start:end],
            metadata=document.metadata,
        )


def passage_id(source: str, digest: str, start: int, end: int) -> str:
    """The same passage of the same version of the same document has the same id on every machine."""
    return hashlib.sha256(f"{source}\0{digest}\0{start}\0{end}".encode()).hexdigest()[:32]
