"""What all windows on one folder share: the library, the sync that runs, and the questions that are suggested.

A sync runs in a thread of its own, so that neither a reload nor a click breaks it off. It calls nothing of Streamlit; the
windows read what it has come to.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, replace

from assistant.errors import FootnoteError
from assistant.library import Library
from assistant.loading import unless_ending
from assistant.types import FileStatus, Progress, SyncReport
from ui.notebook import Notebook

CLOSE_WITHIN = 10.0
"""Seconds that closing waits for the step of a sync; the index is made to stand being cut off in it."""

SUGGESTED = 4
"""Questions suggested to whoever begins a conversation."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SyncStatus:
    """How the index stands: whether a sync runs and how far it is, or what the last one did or failed with."""

    running: bool = False
    progress: Progress | None = None
    report: SyncReport | None = None
    error: str = ""


class _Closing(Exception):
    """Raised through a running sync to end it between two steps; the next start goes on from there."""


class Room:
    """The library of one folder with the work that goes on in it. From its opening on the index follows the folder."""

    def __init__(self, library: Library) -> None:
        self.library = library
        self._lock = threading.Lock()
        self._sync = SyncStatus()
        self._syncing = threading.Thread()
        self._closed = threading.Event()
        self._notebooks: dict[str, Notebook] = {}
        self._documents: tuple[int, dict[str, FileStatus]] = (-1, {})
        self._suggested: tuple[int, tuple[str, ...]] = (-1, ())
        self._synced = threading.Event()
        self.start_sync()
        threading.Thread(target=self._tend, name="tend", daemon=True).start()
        self._suggesting = threading.Thread(target=self._suggest, name="suggest", daemon=True)
        self._suggesting.start()

    def close(self) -> None:
        """End a running sync at its next step and let go of the folder."""
        self._closed.set()
        self._synced.set()
        self._syncing.join(CLOSE_WITHIN)
        self._suggesting.join(CLOSE_WITHIN)
        self.library.close()

    @property
    def sync(self) -> SyncStatus:
        """How the index stands now."""
        with self._lock:
            return self._sync

    @property
    def suggestions(self) -> tuple[str, ...]:
        """Questions that the documents as they are now were found to answer; none while that is being found out."""
        generation, questions = self._suggested
        return questions if generation == self.library.generation else ()

    @property
    def at_rest(self) -> bool:
        """Whether nothing more is on its way: no sync runs, and suggestions have been made."""
        return not self.sync.running and self._suggested[0] == self.library.generation

    def start_sync(self) -> None:
        """Bring the index up to the folder, unless that is being done already."""
        with self._lock:
            if self._sync.running or self._closed.is_set():
                return
            self._sync = SyncStatus(running=True)
            syncing = threading.Thread(target=self._synchronise, name="sync", daemon=True)
            syncing.start()  # before another thread can wait for its end
            self._syncing = syncing

    def forget_gone(self) -> None:
        """Take the documents that went all at once as removed on purpose."""
        self.library.forget_gone()
        self.start_sync()

    def catch_up(self) -> bool:
        """Wait until nothing indexed is older than the folder, so that no answer rests on words no longer there.

        New files are not waited for. Whether there are none of those left to read either. Raises FolderMissing.
        """
        for _ in range(2):  # a sync that was running already may have passed by a file before it changed
            plan = self.library.plan()
            if not (plan.changed or plan.removed or plan.renamed):
                break
            self.start_sync()
            self._syncing.join()
        return not self.sync.running and self.library.plan().empty

    def notebook(self, person: str = "") -> Notebook:
        """The conversations of one of those who sign in (`Person.key`), in all their windows the same; without a name,
        those of the one person who needs not sign in. Raises HistoryUnusable."""
        with self._lock:
            if person not in self._notebooks:
                history = self.library.history_of(person) if person else self.library.history
                self._notebooks[person] = Notebook(self.library, history, self.catch_up)
            return self._notebooks[person]

    def documents(self) -> dict[str, FileStatus]:
        """The documents that answer now, by source. Looked up for every footnote on the page, so read once a change."""
        generation = self.library.generation
        known, documents = self._documents
        if known != generation:
            documents = {file.source: file for file in self.library.files() if file.content_hash}
            self._documents = generation, documents
        return documents

    def _tend(self) -> None:
        for _ in self.library.occasions(self._closed):
            self._syncing.join()  # one that runs may have passed by what has changed
            try:
                behind = self.library.asked_to_sync or not self.library.plan().empty
            except FootnoteError:
                behind = True  # the sync says what is wrong with the folder
            if behind:
                self.start_sync()

    def _synchronise(self) -> None:
        try:
            report = self.library.sync(self._advance)
            self._prepare()  # before it is told, so that the first question has not to wait for it
            ended = SyncStatus(report=report)
        except _Closing:
            ended = SyncStatus()
        except FootnoteError as error:
            ended = SyncStatus(error=str(error))
        except Exception as error:  # noqa: BLE001  the boundary of a thread: a fault nobody foresaw still ends in a sentence
            _log.exception("A sync broke off")
            ended = SyncStatus(error=f"Footnote failed while indexing ({type(error).__name__}). Reindex to try again.")
        with self._lock:
            self._sync = ended
        if not self._closed.is_set():
            if ended.error:  # told at once; what is indexed can be asked all the same
                self._prepare()
            self._synced.set()

    def _prepare(self) -> None:
        try:
            with unless_ending():
                self.library.prepare()
        except FootnoteError:
            _log.warning("What answers could not be loaded yet", exc_info=True)  # a question says why

    def _suggest(self) -> None:
        """Make suggestions anew after each sync that changed something, in the time when nobody waits for it."""
        while self._synced.wait() and not self._closed.is_set():
            self._synced.clear()
            try:
                generation = self.library.generation
                if generation == self._suggested[0]:
                    continue
                made: list[str] = []
                for question in self.library.suggestions():
                    made.append(question)
                    if len(made) == SUGGESTED or self._closed.is_set():
                        break
                self._suggested = generation, tuple(made)
            except FootnoteError:
                _log.warning("No questions could be suggested", exc_info=True)

    def _advance(self, progress: Progress) -> None:
        if self._closed.is_set():
            raise _Closing
        with self._lock:
            self._sync = replace(self._sync, progress=progress)
