"""What every window on one folder shares: the library, the sync that runs, and the answers being written.

Syncing and answering run in threads of their own, so that neither a reload nor a click breaks them off. Those threads
call nothing of Streamlit; the windows read what they have come to.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from assistant.errors import FootnoteError
from assistant.history import Turn
from assistant.library import Library
from assistant.types import Answer, Mode, Progress, SyncReport

STOPPED = "You stopped this answer."
TOO_EARLY = "Not all documents had been read when this was answered. Ask again when the indexing is done."

SAVE_EVERY = 0.5
"""Seconds between two savings of a growing answer: what a crash can cost at most."""

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
        self, library: Library, turn: int, question: str, earlier: Sequence[Turn], *, indexing: bool = False
    ) -> None:
        self._library = library
        self._indexing = indexing
        self._turn = turn
        self._question = question
        self._earlier = tuple(earlier)
        self._lock = threading.Lock()
        self.answer = Answer(question, Mode.QUOTE, found=True, complete=False)
        self.done = False
        self.saved = False
        threading.Thread(target=self._write, name=f"answer-{turn}", daemon=True).start()

    def stop(self) -> None:
        """End the answer with what has come; the thread leaves at its next word."""
        self._finish(STOPPED)

    def _write(self) -> None:
        saved_at = time.monotonic()
        try:
            for answer in self._library.ask(self._question, self._earlier):
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
            if self._indexing and self.answer.complete and not self.answer.found:
                self.answer = replace(self.answer, notice=TOO_EARLY)
            if notice:
                self.answer = replace(self.answer, complete=False, notice=notice, pending="")
            try:
                self._library.history.save_answer(self._turn, self.answer)
                self.saved = True
            except FootnoteError as error:
                self.answer = replace(self.answer, notice=str(error))
            self.done = True


class Desk:
    """The library of one folder with the work that goes on in it. Opening it starts the first sync."""

    def __init__(self, library: Library) -> None:
        self.library = library
        self._lock = threading.Lock()
        self._sync = SyncStatus()
        self._writings: dict[int, Writing] = {}
        self.start_sync()

    @property
    def sync(self) -> SyncStatus:
        """How the index stands now."""
        with self._lock:
            return self._sync

    def start_sync(self) -> None:
        """Bring the index up to the folder, unless that is being done already."""
        with self._lock:
            if self._sync.running:
                return
            self._sync = SyncStatus(running=True)
        threading.Thread(target=self._synchronise, name="sync", daemon=True).start()

    def write(self, conversation: str, turn: int, question: str) -> None:
        """Begin to answer a question that the history holds; one still being answered in its conversation is stopped."""
        earlier = [past for past in self.library.history.turns(conversation) if past.id < turn]
        for past in earlier:
            if (writing := self.writing(past.id)) and not writing.done:
                writing.stop()
        begun = Writing(self.library, turn, question, earlier, indexing=self.sync.running)
        with self._lock:
            self._writings = {
                key: writing for key, writing in self._writings.items() if not (writing.done and writing.saved)
            }
            self._writings[turn] = begun

    def writing(self, turn: int) -> Writing | None:
        """The answer on its way for a turn; None when its history says all there is."""
        with self._lock:
            return self._writings.get(turn)

    def original(self, source: str) -> Path | None:
        """The file a source was read from; None when it is gone or no longer inside the folder."""
        folder = self.library.folder.resolve()
        path = (folder / source).resolve()
        return path if path.is_relative_to(folder) and path.is_file() else None

    def _synchronise(self) -> None:
        try:
            report = self.library.sync(self._advance)
            ended = SyncStatus(report=report)
        except FootnoteError as error:
            ended = SyncStatus(error=str(error))
        except Exception as error:  # noqa: BLE001  the boundary of a thread: a fault nobody foresaw still ends in a sentence
            _log.exception("A sync broke off")
            ended = SyncStatus(error=f"Footnote failed while indexing ({type(error).__name__}). Reindex to try again.")
        with self._lock:
            self._sync = ended

    def _advance(self, progress: Progress) -> None:
        with self._lock:
            self._sync = replace(self._sync, progress=progress)
