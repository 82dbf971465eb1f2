"""Passages -> citations: where the words of a footnote stand, taken from what was stored when they were indexed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from assistant.types import Citation
from index.sentences import trimmed
from index.types import Document, Passage


def cite(passage: Passage, start: int, end: int, number: int = 0) -> Citation:
    """The citation of `document.text[start:end]`, a stretch that lies in `passage`; white space at its ends is left out.

    Raises ValueError for a stretch that does not lie in the passage.
    """
    if not passage.start <= start < end <= passage.end:
        raise ValueError(f"{start}:{end} does not lie in the passage {passage.start}:{passage.end}")
    first, last = trimmed(passage.text, (start - passage.start, end - passage.start))
    start, end = first + passage.start, last + passage.start
    return Citation(
        number=number,
        source=passage.source,
        start=start,
        end=end,
        quote=passage.text[first:last],
        place=passage.place_label(start),
        line=passage.line_at(start),
        last_line=passage.line_at(max(start, end - 1)),
        passage_id=passage.id,
        content_hash=passage.content_hash,
        metadata=passage.metadata,
    )


def cite_whole(passage: Passage, number: int = 0) -> Citation:
    """The citation of all of a passage."""
    return cite(passage, passage.start, passage.end, number)


def cite_document(document: Document, start: int, end: int) -> Citation:
    """The citation of a stretch of a document at hand, which no answer made."""
    place = document.place(start)
    return Citation(
        number=0,
        source=document.source,
        start=start,
        end=end,
        quote=document.text[start:end],
        place=place.label if place else "",
        line=document.line(start),
        last_line=document.line(max(start, end - 1)),
        passage_id="",
        content_hash=document.content_hash,
        metadata=document.metadata,
    )


class Numbering:
    """The footnote numbers of one answer: 1, 2, 3 in the order the words are first cited, the same words one number.

    A number once given never changes, so what streams is numbered as it will be at the end.
    """

    def __init__(self) -> None:
        self._numbers: dict[tuple[str, str, int, int], int] = {}

    def numbered(self, citations: Iterable[Citation]) -> tuple[Citation, ...]:
        """The citations with their numbers, each once."""
        found: dict[int, Citation] = {}
        for citation in citations:
            words = (citation.source, citation.content_hash, citation.start, citation.end)
            number = self._numbers.setdefault(words, len(self._numbers) + 1)
            found.setdefault(number, replace(citation, number=number))
        return tuple(found.values())
