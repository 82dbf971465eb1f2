"""An open folder: its index kept in step, questions answered from it, and the conversations about it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator, Iterator, Sequence, Set
from contextlib import closing
from functools import lru_cache
from itertools import pairwise
from pathlib import Path, PurePosixPath
from threading import Event

from assistant.answering import answer
from assistant.errors import FootnoteError, HistoryUnusable
from assistant.footnotes import cite
from assistant.history import History, Turn
from assistant.settings import Endpoint, Settings
from assistant.shelf import Shelf
from assistant.suggesting import suggestions
from assistant.types import EVERYTHING, Answer, Citation, Document, FileStatus, Progress, Scope, SyncReport
from index.errors import SourceUnreadable
from index.folder import FolderIndex
from index.pages import PagePicture, picture
from index.terms import terms
from index.types import Hit, SyncPlan

_PICTURES_KEPT = 8  # so that a click beside an open page does not draw it again
_PAGES = 3  # words that run on over more are shown at their beginning


class Library:
    """The assistant's one door. Safe to use from several threads.

    `endpoint` is whose model writes the answers, from the next question on; None for the documents' own words.
    """

    def __init__(self, index: FolderIndex, history: History, endpoint: Endpoint | None) -> None:
        self._index = index
        self.endpoint = endpoint
        self.history = history
        self.shelf = Shelf(index.folder, index.home / "trash")
        self.pages = lru_cache(_PICTURES_KEPT)(self._pages)

    @classmethod
    def open(cls, folder: Path, settings: Settings) -> Library:
        """Open a folder. Raises FolderMissing, HistoryUnusable."""
        index = FolderIndex.open(
            folder, settings.data_dir, chroma_url=settings.chroma_url or None, workers=settings.workers or None
        )
        return cls(index, History(index.home / "history.sqlite"), settings.endpoint)

    @property
    def folder(self) -> Path:
        return self._index.folder

    @property
    def home(self) -> Path:
        """Where what is kept of the folder lies."""
        return self._index.home

    @property
    def generation(self) -> int:
        """Grows with every change of the index."""
        return self._index.generation

    @property
    def notice(self) -> str:
        """While the index is built anew because a setting changed: a sentence saying so; else empty."""
        return self._index.notice

    @property
    def asked_to_sync(self) -> bool:
        """Whether another process, such as `footnote index`, waits for this one to sync."""
        return self._index.asked_to_sync

    def plan(self) -> SyncPlan:
        """What a sync would do. Raises FolderMissing."""
        return self._index.plan()

    def sync(self, on_progress: Callable[[Progress], None] | None = None) -> SyncReport:
        """Bring the index in step with the folder. Raises FolderMissing, IndexBusy, IndexDamaged."""
        return self._index.sync(on_progress or (lambda _: None))

    def in_step(self) -> SyncReport | None:
        """What a sync would report, where there is nothing for one to do; None where there is. Raises FolderMissing,
        IndexDamaged."""
        return self._index.in_step()

    def examine(self, on_progress: Callable[[Progress], None]) -> tuple[str, ...]:
        """Examine what is kept of the folder, conversations included, and mend it; sentences saying what was found and
        done. Raises IndexBusy, IndexDamaged, EmbeddingFailed."""
        found = [*self._index.examine(on_progress), self.history.take_notice()]
        for person in self.people():
            with closing(self.history_of(person)) as history:
                found.append(history.take_notice())
        return tuple(sentence for sentence in found if sentence)

    def history_of(self, person: str) -> History:
        """The conversations of one person of those who sign in (`Person.key`), in a file of their own, which is made at
        first. Raises HistoryUnusable."""
        place = self._people / person
        try:
            for made in (self._people, place):
                made.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise HistoryUnusable(
                f"The folder for conversations, {place}, cannot be made ({error.strerror}). Make {self.home} writable, "
                "or choose another data folder."
            ) from error
        return History(place / "history.sqlite")

    def people(self) -> tuple[str, ...]:
        """Those who signed in and have conversations here, by `Person.key`."""
        return tuple(sorted(place.parent.name for place in self._people.glob("*/history.sqlite")))

    def count_conversations(self) -> int:
        """The conversations of everybody. Raises HistoryUnusable."""
        count = len(self.history.conversations())
        for person in self.people():
            with closing(self.history_of(person)) as history:
                count += len(history.conversations())
        return count

    @property
    def _people(self) -> Path:
        return self.home / "people"

    def forget_gone(self) -> None:
        """Say that the documents a sync reported as `gone` were removed on purpose; the next sync drops what is kept."""
        self._index.forget_gone()

    def watch(
        self, on_report: Callable[[SyncReport], None], on_error: Callable[[FootnoteError], None], stop: Event
    ) -> None:
        """Keep the index in step with the folder until `stop` is set."""
        from index.watching import watch

        watch(self._index, on_report, on_error, stop)

    def occasions(self, stop: Event) -> Iterator[None]:
        """At once, and whenever the index may be behind its folder, until `stop` is set: when to sync."""
        from index.watching import occasions

        return occasions(self._index, stop)

    def files(self) -> tuple[FileStatus, ...]:
        """Every file of the folder, and what became of it."""
        return self._index.files()

    def document(self, source: str) -> Document | None:
        """A document as it is indexed now; None where there is none."""
        return self._index.document(source)

    def is_current(self, citation: Citation) -> bool:
        """Whether the version of the source that was cited is the one that is indexed now."""
        return self._index.content_hash(citation.source) == citation.content_hash

    def ask(
        self, question: str, turns: Sequence[Turn] = (), scope: Scope = EVERYTHING
    ) -> Generator[Answer, None, None]:
        """The answer as it grows, the last one whole; `turns` are the conversation so far, and `scope` the part of the
        folder that is asked. Raises ScopeUnusable, IndexDamaged.

        Closing it ends the work on it, the endpoint's as well.
        """
        model = None
        if (endpoint := self.endpoint) is not None:
            from assistant.llm import ChatModel

            model = ChatModel(endpoint)
        yield from answer(self._index, question, model, turns, scope)

    def suggestions(self) -> Iterator[str]:
        """Questions that the documents answer, for somebody who does not know them yet. Raises IndexDamaged."""
        return suggestions(self._index)

    def prepare(self) -> None:
        """Load what answering needs, which takes seconds, before a first question has to wait for it."""
        self._index.prepare()

    def search(self, question: str, limit: int, scope: Scope = EVERYTHING) -> tuple[Hit, ...]:
        """The passages of the scope that match best, best first. Raises ScopeUnusable, IndexDamaged."""
        return self._index.retrieve(question, limit, scope)

    def find(self, words: str, limit: int) -> tuple[Citation, ...]:
        """The sentences that hold the words, or else come near to them; one of a passage. Raises IndexDamaged."""
        hits = self.search(words, limit)
        wanted = set(terms(words))
        holding = [hit for hit in hits if wanted & set(terms(hit.passage.text))]
        return tuple(cite(hit.passage, *_best_sentence(wanted, hit)) for hit in holding or hits)

    def _pages(self, citation: Citation, document: Document) -> tuple[PagePicture, ...]:
        """The pages of a PDF that a citation touches, the first few, with its words marked; none for other documents.

        Raises SourceUnreadable when a page cannot be drawn, or the file is not the one that was read any more.
        """
        found = page_spans(document, citation.start, citation.end)
        if not found:
            return ()
        path = self.shelf.original(document.source)
        data = path.read_bytes() if path else b""
        if hashlib.sha256(data).hexdigest() != document.content_hash:
            raise SourceUnreadable("The file has changed since it was read. Its page is shown when it was read anew.")
        pictures = []
        for number, start, end in found:
            first, last = max(start, citation.start), min(end, citation.end)
            text = document.text
            pictures.append(picture(data, number, text[start:first], text[first:last], text[last:end]))
        return tuple(pictures)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """The number of tokens of each text, as the index's model counts them."""
        return self._index.count_tokens(texts)

    def close(self) -> None:
        self._index.close()


def page_spans(document: Document, start: int, end: int) -> tuple[tuple[int, int, int], ...]:
    """The pages that a stretch of a document touches, at most _PAGES: number, start and end of each. None where the
    document is no PDF."""
    if PurePosixPath(document.source).suffix.lower() != ".pdf":
        return ()
    bounds = [*(place.start for place in document.places), len(document.text)]
    touched = [
        (place.number, at, to)
        for place, (at, to) in zip(document.places, pairwise(bounds), strict=True)
        if place.number is not None and at < max(end, start + 1) and to > start
    ]
    return tuple(touched[:_PAGES])


def _best_sentence(wanted: Set[str], hit: Hit) -> tuple[int, int]:
    """The sentence of a passage that is nearest to the question and holds most of its terms; as offsets into the
    document."""
    passage = hit.passage

    def fit(at: int) -> float:
        start, end = passage.sentences[at]
        held = wanted & set(terms(passage.text[start - passage.start : end - passage.start]))
        return hit.similarities[at] + len(held) / (len(wanted) or 1)

    return passage.sentences[max(range(len(passage.sentences)), key=fit)]
