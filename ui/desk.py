"""What one window works with: the room that all share, and the notebook of the person whose window it is.

All that a window shows or does goes through here, so this is where it ends when the person signs out.
"""

from __future__ import annotations

import streamlit as st

from assistant.errors import NotAllowed
from assistant.history import History
from assistant.library import Library
from assistant.preferences import Preferences
from assistant.settings import Settings
from assistant.shelf import Shelf
from assistant.types import EVERYTHING, Scope
from ui.notebook import Notebook, Writing
from ui.room import Room
from ui.visit import Visit


class Desk:
    """A place in the room, for as long as a visit lasts; from then on everything draws the page anew, which says so."""

    def __init__(self, room: Room, notebook: Notebook, visit: Visit) -> None:
        self.visit = visit
        self._room = room
        self._notebook = notebook

    @property
    def room(self) -> Room:
        self._check()
        return self._room

    @property
    def library(self) -> Library:
        return self.room.library

    @property
    def history(self) -> History:
        """The conversations of this person and of nobody else."""
        self._check()
        return self._notebook.history

    @property
    def shelf(self) -> Shelf:
        """The folder, to change its documents. Raises NotAllowed."""
        self._check_may_edit()
        return self.library.shelf

    @property
    def preferences(self) -> Preferences:
        """The settings, to change them for everybody. Raises NotAllowed."""
        self._check_may_edit()
        return Preferences(Settings.read())

    def forget_gone(self) -> None:
        """Take the documents that went all at once as removed on purpose. Raises NotAllowed."""
        self._check_may_edit()
        self.room.forget_gone()

    def start_sync(self) -> None:
        """Bring the index up to the folder, unless that is being done already."""
        self.room.start_sync()

    def write(self, conversation: str, turn: int, question: str, scope: Scope = EVERYTHING) -> None:
        """Begin to answer a question that the history holds; see `Notebook.write`."""
        self._check()
        self._notebook.write(conversation, turn, question, scope)

    def writing(self, turn: int) -> Writing | None:
        """The answer on its way for a turn; see `Notebook.writing`."""
        self._check()
        return self._notebook.writing(turn)

    def stop(self, turn: int) -> None:
        """End the answer on its way for a turn with what has come."""
        if writing := self.writing(turn):
            writing.stop()

    def _check(self) -> None:
        if self.visit.ended:
            st.rerun()
            raise NotAllowed("You signed out. Sign in again.")  # where no page is drawn, as for a download

    def _check_may_edit(self) -> None:
        self._check()
        if not self.visit.may_edit:
            raise NotAllowed("You may read here and ask. Ask whoever runs Footnote to change documents and settings.")
