"""The page. It draws what `assistant` and the desk hold, and hands on what is asked and clicked.

Run by `ui.launch`, which passes the folder as the one argument. What is shown is in the address (see `ui.address`).
"""

from __future__ import annotations

import atexit
import sys
from pathlib import Path

import streamlit as st

from assistant.errors import FootnoteError
from assistant.history import Turn
from assistant.library import Library
from assistant.preferences import Preferences
from assistant.settings import Settings
from ui import address, view
from ui.answers import ask, draw_turns, draw_unsent, is_being_written
from ui.components import PARTS, part
from ui.conversations import draw_conversations
from ui.desk import Desk
from ui.entry import draw_entry, draw_person, entered
from ui.library_view import draw_library
from ui.markup import label, plain
from ui.room import Room
from ui.scope_picker import draw_scope
from ui.settings_view import draw_settings
from ui.source_pane import draw_source
from ui.visit import Visit

SYNC_EVERY = 1.0
IDLE_EVERY = 5.0
"""Seconds between two looks at a running sync, and at an index at rest."""


@st.cache_resource(show_spinner="Opening the library…")
def room_of(folder: str) -> Room:
    settings = Settings.read()
    library = Library.open(Path(folder), settings)
    library.endpoint = Preferences(settings).endpoint()
    room = Room(library)
    atexit.register(room.close)
    return room


def main() -> None:
    st.set_page_config("Footnote", PARTS / "icon.svg", layout="wide")
    st.html(PARTS / "page.css")
    try:
        if visit := entered():
            draw_entry(visit)
            draw(desk_of(visit))
    except FootnoteError as error:
        st.error(label(str(error)))
        st.button("Try again", key="again")


def desk_of(visit: Visit) -> Desk:
    room = room_of(sys.argv[1])
    return Desk(room, room.notebook(visit.person.key if visit.person else ""), visit)


def draw(desk: Desk) -> None:
    address.keep()
    conversation = address.conversation()
    turns = desk.history.turns(conversation) if conversation else ()
    with st.sidebar:
        st.markdown("# Footnote")
        # Where the folder lies on that machine is no matter of those who sign in.
        st.caption(label(str(desk.library.folder) if desk.visit.person is None else desk.library.folder.name))
        draw_person(desk.visit)
        draw_conversations(desk, conversation)
        draw_ways()
        every = IDLE_EVERY if desk.room.at_rest else SYNC_EVERY
        st.fragment(draw_documents, run_every=every)(desk, turns, seen=stand(desk, turns))
    draw_notice(desk)
    if address.view() == address.LIBRARY:
        draw_library(desk)
        draw_source(desk, turns)
        return
    if address.view() == address.SETTINGS:
        draw_settings(desk)
        return
    draw_unsent(desk, conversation)
    if not turns:
        draw_welcome(desk)
    draw_turns(desk, conversation, turns)
    draw_source(desk, turns)
    scope = draw_scope(desk)
    if question := st.chat_input(f"Ask the documents {plain(str(scope))}".strip(), key="question"):
        ask(desk, conversation, question, scope)
        st.rerun()


def draw_ways() -> None:
    """The ways to the library, the settings and back. Not in the fragment below: all of the page changes with them."""
    for view_name, name, icon in (
        ("", "Back to asking", ":material/arrow_back:"),
        (address.LIBRARY, "Library", ":material/folder_open:"),
        (address.SETTINGS, "Settings", ":material/settings:"),
    ):
        if address.view() != view_name:
            key = f"to-{view_name or 'asking'}"
            st.button(name, key=key, icon=icon, width="stretch", on_click=address.go_to, args=(view_name,))


def draw_welcome(desk: Desk) -> None:
    files = desk.library.files()
    st.markdown(f"## Ask {label(desk.library.folder.name)}")
    if any(file.passages for file in files):
        st.markdown(
            f"You can ask {view.readable(files)}. Every sentence of an answer carries a footnote; "
            "a click on it opens the source at the words cited."
        )
        endpoint = desk.library.endpoint
        st.markdown(
            f"Questions and the passages found for them go to the model at {label(endpoint.base_url)}."
            if endpoint
            else "No model is set up: answers are the documents' own words, and nothing leaves this machine."
        )
        with st.container(key="suggestions", gap="xxsmall"):
            for at, question in enumerate(desk.room.suggestions):
                st.button(label(question), key=f"suggestion-{at}", on_click=ask, args=(desk, "", question))
    elif desk.room.sync.running:
        st.markdown("The documents are being read for the first time. You can ask as soon as some are done.")
    else:
        st.markdown(
            f"The folder {label(str(desk.library.folder))} holds no document that can be read. "
            "Put documents there, then press Reindex."
        )


def draw_notice(desk: Desk) -> None:
    if notice := desk.history.take_notice():
        st.session_state.notice = notice
    if "notice" in st.session_state:
        st.warning(label(st.session_state.notice))


def draw_documents(desk: Desk, turns: tuple[Turn, ...], *, seen: tuple[bool, bool, int, bool]) -> None:
    """The index and its documents. When either moved on since the page was drawn, all of the page is drawn again; so it
    is when an answer ended, should the look at that answer have been lost."""
    address.restore()
    if stand(desk, turns) != seen:
        st.rerun()
    sync = desk.room.sync
    st.markdown("#### Documents")
    if notice := desk.library.notice:
        st.caption(label(notice))
    if sync.running:
        share, words = view.progress(sync.progress)
        st.progress(share, label(words))
        if sync.progress:
            st.caption(label(sync.progress.source))
    elif sync.error:
        st.error(label(sync.error))
    elif sync.report and sync.report.gone:
        st.warning(view.gone(sync.report.gone))
        if desk.visit.may_edit:
            st.button("They were removed on purpose", key="forget-gone", on_click=desk.forget_gone)
    st.button("Reindex", key="reindex", icon=":material/sync:", disabled=sync.running, on_click=desk.start_sync)
    if address.view() != address.LIBRARY:  # where all of them are listed
        part("documents")(key="documents", data=view.documents(desk.library.files()))


def stand(desk: Desk, turns: tuple[Turn, ...]) -> tuple[bool, bool, int, bool]:
    writing = any(is_being_written(desk, turn) for turn in turns)
    return desk.room.sync.running, desk.room.at_rest, desk.library.generation, writing


if __name__ == "__main__":
    main()
