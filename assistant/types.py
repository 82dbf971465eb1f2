"""What travels from the assistant to the person: an answer made of sentences, each with its citations."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

# Offered to the window, which knows nothing of the index.
from index.pages import PagePicture as PagePicture
from index.scope import EVERYTHING as EVERYTHING
from index.scope import Scope as Scope
from index.types import Document as Document
from index.types import FileStatus as FileStatus
from index.types import Metadata as Metadata
from index.types import Progress as Progress
from index.types import State as State
from index.types import SyncReport as SyncReport


class Support(StrEnum):
    """How far the cited words carry a sentence.

    QUOTED is certain: the sentence is, character for character, the words cited. The other three are the outcome of a
    check whose measured precision is in the README, and are worded no more strongly than that.
    """

    QUOTED = "quoted"
    SUPPORTED = "supported"
    PARTLY = "partly"
    UNSUPPORTED = "unsupported"


@dataclass(frozen=True, slots=True)
class Citation:
    """The exact words a sentence rests on.

    `number` is the footnote's number in its answer, from 1. `quote == document.text[start:end]` of the version of
    `source` whose bytes have the SHA-256 `content_hash`. `place` is a page, time or heading where the format has one,
    else empty. `line` and `last_line` count from 1. `also_in` names other sources that hold the same words. `metadata` are
    what the file says of itself.
    """

    number: int
    source: str
    start: int
    end: int
    quote: str
    place: str
    line: int
    last_line: int
    passage_id: str
    content_hash: str
    also_in: tuple[str, ...] = ()
    metadata: Metadata = field(default_factory=Metadata)


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence of an answer, without its footnote marks, and what it rests on.

    `note` says what the check found wanting, such as "the number 40 is not in the cited words"; it may be empty.
    `starts_paragraph` is True where a new paragraph or list item begins.
    """

    text: str
    citations: tuple[Citation, ...]
    support: Support
    note: str = ""
    starts_paragraph: bool = False


class Mode(StrEnum):
    """Who wrote the sentences: the documents themselves, or a model."""

    QUOTE = "quote"
    GENERATED = "generated"


@dataclass(frozen=True, slots=True)
class Answer:
    """What is shown for a question.

    `found` is False when the documents do not hold the answer; `sentences` is empty then and `closest` holds the
    nearest passages, which are claimed to be near and nothing more. `complete` is False while the answer is still
    coming and for one that broke off; `notice` is a sentence for the person, such as why it broke off. `scope` is the part
    of the folder that was asked. `more` counts further sentences of the documents that come near; "more" asks for them.
    """

    question: str
    mode: Mode
    found: bool
    sentences: tuple[Sentence, ...] = ()
    closest: tuple[Citation, ...] = ()
    complete: bool = True
    notice: str = ""
    pending: str = ""
    more: int = 0
    scope: Scope = EVERYTHING

    @property
    def citations(self) -> tuple[Citation, ...]:
        """Every citation once, in the order of its number."""
        by_number = {c.number: c for s in self.sentences for c in s.citations}
        return tuple(by_number[n] for n in sorted(by_number))

    @property
    def text(self) -> str:
        """The sentences with their footnote marks, as plain text."""
        return " ".join(s.text + "".join(f"[{c.number}]" for c in s.citations) for s in self.sentences)
