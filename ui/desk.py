"""What every window on one folder shares: the library, the sync that runs, and the answers being written.

Syncing and answering run in threads of their own, so that neither a reload nor a click breaks them off. Those threads
call nothing of Streamlit; the windows read what they have come to.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from assistant.errors import FootnoteError
from assistant.history import Turn
from assistant.library import Library
from assistant.types import EVERYTHING, Answer, FileStatus, Mode, Progress, Scope, SyncReport

STOPPED = "You stopped this answer."
TOO_EARLY = "Not all documents had been read when this was answered. Ask again when the indexing is done."

SAVE_EVERY = 0.5
"""Seconds between two savings of a growing answer: what a crash can cost at most."""

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


class Writing:
    """An answer on its way. `answer` is what has come so far; `done` turns True once and for all."""

    def __init__(
        self,
        library: Library,
        turn: int,
        question: str,
        earlier: Sequence[Turn],
        scope: Scope,
        catch_up: Callable[[], bool],
    ) -> None:
        self._library = library
        self._catch_up = catch_up
        self._all_read = True
        self._turn = turn
        self._question = question
        self._earlier = tuple(earlier)
        self._scope = scope
        self._lock = threading.Lock()
        self.answer = Answer(question, Mode.QUOTE, found=True, complete=False, scope=scope)
        self.done = False
        self.saved = False
        threading.Thread(target=self._write, name=f"answer-{turn}", daemon=True).start()

    def stop(self) -> None:
        """End the answer with what has come; the thread leaves at its next word."""
        self._finish(STOPPED)

    def _write(self) -> None:
        saved_at = time.monotonic()
        try:
            self._all_read = self._catch_up()
            for answer in self._library.ask(self._question, self._earlier, self._scope):
                with self._lock:
                    if self.done:
                        return
                    self.answer = answer
                    if time.monotonic() - saved_at >= SAVE_EVERY:
                        self._library.history.save_answer(self._turn, replace(answer, complete=False))
                        saved_at = time.monotonic()
        except FootnoteError as error:
            self._finish(str(error))
        except Exception as error:  # noqa: BLE001  the boundary of a thread: a fault nobody foresaw still ends in a sentence
            _log.exception("An answer broke off")
            self._finish(f"Footnote failed while answering ({type(error).__name__}). Ask again; the log says more.")
        else:
            self._finish()

    def _finish(self, notice: str = "") -> None:
        with self._lock:
            if self.done:
                return
            if not self._all_read and self.answer.complete and not self.answer.found:
                self.answer = replace(self.answer, notice=TOO_EARLY)
            if notice:
                self.answer = replace(self.answer, complete=False, notice=notice, pending="")
            try:
                self._library.history.save_answer(self._turn, self.answer)
                self.saved = True
            except FootnoteError as error:
                self.answer = replace(self.answer, notice=str(error))
            self.done = True


class _Closing(Exception):
    """Raised through a running sync to end it between two steps; the next start goes on from there."""


class Desk:
    """The library of one folder with the work that goes on in it. From its opening on the index follows the folder."""

    def __init__(self, library: Library) -> None:
        self.library = library
        self._lock = threading.Lock()
        self._sync = SyncStatus()
        self._syncing = threading.Thread()
        self._closed = threading.Event()
        self._writings: dict[int, Writing] = {}
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
            self._syncing = threading.Thread(target=self._synchronise, name="sync", daemon=True)
            self._syncing.start()

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

    def write(self, conversation: str, turn: int, question: str, scope: Scope = EVERYTHING) -> None:
        """Begin to answer a question that the history holds, from a part of the folder or all of it.

        One still being answered in its conversation is stopped.
        """
        earlier = [past for past in self.library.history.turns(conversation) if past.id < turn]
        for past in earlier:
            if (writing := self.writing(past.id)) and not writing.done:
                writing.stop()
        begun = Writing(self.library, turn, question, earlier, scope, self.catch_up)
        with self._lock:
            self._writings = {
                key: writing for key, writing in self._writings.items() if not (writing.done and writing.saved)
            }
            self._writings[turn] = begun

    def writing(self, turn: int) -> Writing | None:
        """The answer on its way for a turn; None when its history says all there is."""
        with self._lock:
            return self._writings.get(turn)

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
            self.library.prepare()
            self._synced.set()

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
