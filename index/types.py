"""What travels through the index: frozen records with no behaviour but their own arithmetic.

Offsets everywhere are counts of Unicode code points into `Document.text`, half-open: `text[start:end]`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Place:
    """A named spot of a document that a person can find again: a page, a slide, a time, a heading, a row.

    `start` is the offset where it begins; it lasts until the next place of the document begins.
    `kind` is one of page, slide, time, heading, row, chapter, message, section.
    `label` is what is shown, for example "page 3", "00:01:05", "Budget, row 12".
    `number` is the page, slide or row number where there is one (counted from 1), so that a viewer can go there.
    """

    start: int
    kind: str
    label: str
    number: int | None = None


@dataclass(frozen=True, slots=True)
class Metadata:
    """What the file itself says of the document; each is empty where it says nothing. `date` is ISO 8601."""

    title: str = ""
    author: str = ""
    date: str = ""

    @property
    def day(self) -> str:
        """The date without its time of day."""
        return self.date[:10]


@dataclass(frozen=True, slots=True)
class Extract:
    """What a reader makes of a file's bytes: the whole text, and the places in it in rising order of `start`.

    `notices` are sentences for the person about what could not be read although the rest could
    ("page 4 has no text layer").
    """

    text: str
    places: tuple[Place, ...] = ()
    metadata: Metadata = field(default_factory=Metadata)
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Document:
    """One file of the folder as it was indexed.

    `source` is the path inside the folder with forward slashes; `content_hash` the SHA-256 of the file's bytes, in hex.
    """

    source: str
    content_hash: str
    text: str
    places: tuple[Place, ...] = ()
    metadata: Metadata = field(default_factory=Metadata)
    notices: tuple[str, ...] = ()

    def place(self, offset: int) -> Place | None:
        """The place that `offset` lies in; None before the first one or where the format has none."""
        return place_at(self.places, offset)

    def line(self, offset: int) -> int:
        """The line of the text that `offset` lies in, counted from 1."""
        return 1 + line_ends(self.text, 0, offset)


@dataclass(frozen=True, slots=True)
class Passage:
    """A stretch of a document, the unit that is embedded and retrieved: `text == document.text[start:end]`.

    `ordinal` counts the passages of the document from 0; neighbours differ by one. `line` is the line of the document
    that `start` lies in. `places` are those that the stretch touches, with offsets into the document, so that any words
    of the passage can be cited without the document at hand. `sentences` are (start, end) in the document and tile the
    passage. `title` is the document's, for search: the one that its file gives, which `metadata` hold, or its first line.
    """

    id: str
    source: str
    content_hash: str
    ordinal: int
    start: int
    end: int
    line: int
    places: tuple[Place, ...]
    sentences: tuple[tuple[int, int], ...]
    title: str
    text: str
    metadata: Metadata = field(default_factory=Metadata)

    def place_label(self, offset: int) -> str:
        """The label of the place that `offset` of the document lies in; empty where there is none."""
        place = place_at(self.places, offset)
        return place.label if place else ""

    def line_at(self, offset: int) -> int:
        """The line of the document that `offset` lies in, counted from 1."""
        return self.line + line_ends(self.text, 0, offset - self.start)


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage found for a question.

    `score` grows with relevance and means the same for every question and folder; `similarities` are the cosines of the
    passage's sentences to the question.
    """

    passage: Passage
    score: float
    similarities: tuple[float, ...]


def place_at(places: Sequence[Place], offset: int) -> Place | None:
    """The last of `places`, which are in rising order, that begins at or before `offset`."""
    at = bisect_right(places, offset, key=lambda place: place.start)
    return places[at - 1] if at else None


def line_ends(text: str, start: int, end: int) -> int:
    """How many lines end in `text[start:end]`. CRLF, LF and lone CR each end one; half a CRLF ends none yet."""
    ended = text.count("\n", start, end) + text.count("\r", start, end) - text.count("\r\n", start, end)
    return ended - (1 if start < end and text[end - 1 : end + 1] == "\r\n" else 0)


class State(StrEnum):
    """What became of a file at the last sync."""

    INDEXED = "indexed"
    SKIPPED = "skipped"  # not a kind of file that is read
    UNREADABLE = "unreadable"  # a kind that is read, but this one could not be


@dataclass(frozen=True, slots=True)
class FileStatus:
    """A file of the folder and what the index holds of it. `size` in bytes, `indexed_at` in seconds since the epoch.

    `reason` says in a sentence why a file is skipped or unreadable, or why an older version still answers.
    """

    source: str
    state: State
    size: int
    passages: int = 0
    reason: str = ""
    content_hash: str = ""
    indexed_at: float = 0.0
    metadata: Metadata = field(default_factory=Metadata)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a sync is: files and passages done of those known by now. `seconds_left` is None until it can be told."""

    stage: str
    source: str
    files_done: int
    files_total: int
    passages_done: int = 0
    passages_total: int = 0
    seconds_left: float | None = None


@dataclass(frozen=True, slots=True)
class SyncPlan:
    """What a sync would do, by source. `renamed` holds (old, new)."""

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    renamed: tuple[tuple[str, str], ...] = ()
    removed: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()

    @property
    def empty(self) -> bool:
        return not (self.added or self.changed or self.renamed or self.removed)


@dataclass(frozen=True, slots=True)
class SyncReport:
    """What a sync did. `embedded` and `reused` count passages; `failed` holds (source, reason) of files not indexed.

    `gone` counts the documents that went together with more than half of all, by this sync or one before, and have
    neither come back nor been confirmed as removed.
    """

    plan: SyncPlan
    embedded: int = 0
    reused: int = 0
    failed: tuple[tuple[str, str], ...] = ()
    seconds: float = 0.0
    gone: int = 0
