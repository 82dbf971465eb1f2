"""One person's conversations, and the answers being written into them.

An answer is written in a thread of its own, so that neither a reload nor a click breaks it off. That thread calls nothing of
Streamlit; the windows read what it has come to.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from assistant.errors import FootnoteError
from assistant.history import History, Turn
from assistant.library import Library
from assistant.types import EVERYTHING, Answer, Mode, Scope

STOPPED = "You stopped this answer."
TOO_EARLY = "Not all documents had been read when this was answered. Ask again when the indexing is done."

SAVE_EVERY = 0.5
"""Seconds between two savings of a growing answer: what a crash can cost at most."""

_log = logging.getLogger(__name__)


class Writing:
    """An answer on its way. `answer` is what has come so far; `done` turns True once and for all."""

    def __init__(
        self,
        library: Library,
        history: History,
        turn: int,
        question: str,
        earlier: Sequence[Turn],
        scope: Scope,
        catch_up: Callable[[], bool],
    ) -> None:
        self._library = library
        self._history = history
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
                        self._history.save_answer(self._turn, replace(answer, complete=False))
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
                self._history.save_answer(self._turn, self.answer)
                self.saved = True
            except FootnoteError as error:
                self.answer = replace(self.answer, notice=str(error))
            self.done = True


class Notebook:
    """The history of one person and their answers on the way, which all their windows share.

    Turns are counted in each history from one on, so an answer is looked for among those of the same person only.
    """

    def __init__(self, library: Library, history: History, catch_up: Callable[[], bool]) -> None:
        """`catch_up` is called before an answer: see `Room.catch_up`."""
        self.history = history
        self._library = library
        self._catch_up = catch_up
        self._lock = threading.Lock()
        self._writings: dict[int, Writing] = {}

    def write(self, conversation: str, turn: int, question: str, scope: Scope = EVERYTHING) -> None:
        """Begin to answer a question that the history holds, from a part of the folder or all of it.

        One still being answered in its conversation is stopped.
        """
        earlier = [past for past in self.history.turns(conversation) if past.id < turn]
        for past in earlier:
            if (writing := self.writing(past.id)) and not writing.done:
                writing.stop()
        begun = Writing(self._library, self.history, turn, question, earlier, scope, self._catch_up)
        with self._lock:
            self._writings = {
                key: writing for key, writing in self._writings.items() if not (writing.done and writing.saved)
            }
            self._writings[turn] = begun

    def writing(self, turn: int) -> Writing | None:
        """The answer on its way for a turn; None when its history says all there is."""
        with self._lock:
            return self._writings.get(turn)
