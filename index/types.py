"""What travels through the index: frozen records with no behaviour but their own arithmetic.

Offsets everywhere are counts of Unicode code points into `Document.text`, half-open: `text[start:end]`.
"""

from __future__ import annotations

from bisect import bisect_right
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
        at = bisect_right(self.places, offset, key=lambda place: place.start)
        return self.places[at - 1] if at else None

    def line(self, offset: int) -> int:
        """The line of the text that `offset` lies in, counted from 1. CRLF, LF and lone CR each end a line."""
        head = self.text[:offset]
        if offset and self.text[offset - 1 : offset + 1] == "\r\n":
            head = head[:-1]  # inside a CRLF the line has not ended yet
        return 1 + head.count("\n") + head.count("\r") - head.count("\r\n")


@dataclass(frozen=True, slots=True)
class Passage:
    """A stretch of a document, the unit that is embedded and retrieved: `text == document.text[start:end]`.

    `ordinal` counts the passages of the document from 0; neighbours differ by one.
    """

    id: str
    source: str
    content_hash: str
    ordinal: int
    start: int
    end: int
    place: str
    text: str


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage found for a question. `score` grows with relevance; `similarity` is the cosine to the question."""

    passage: Passage
    score: float
    similarity: float


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
    """What a sync did. `embedded` and `reused` count passages; `failed` holds (source, reason) of files not indexed."""

    plan: SyncPlan
    embedded: int = 0
    reused: int = 0
    failed: tuple[tuple[str, str], ...] = ()
    seconds: float = 0.0
