"""The page. It draws what `assistant` and the desk hold, and hands on what is asked and clicked.

Run by `ui.launch`, which passes the folder as the one argument. The conversation is in the address (`?c=`), so that a
reload or a restart of the server shows the same one.
"""

from __future__ import annotations

import atexit
import sys
from pathlib import Path

import streamlit as st

from assistant.errors import FootnoteError
from assistant.history import Conversation, Turn
from assistant.library import Library
from assistant.settings import Settings
from assistant.types import Answer, Citation
from ui import view
from ui.desk import STOPPED, Desk
from ui.markup import label, plain

STREAM_EVERY = 0.2
SYNC_EVERY = 1.0
IDLE_EVERY = 5.0
"""Seconds between two looks at a growing answer, a running sync, and an index at rest."""

CONVERSATIONS_LISTED = 30

PARTS = Path(__file__).parent / "parts"


def part(name: str) -> str:
    return (PARTS / name).read_text(encoding="utf-8")


def component(name: str, root: str) -> st.components.v2.types.ComponentRenderer:
    return st.components.v2.component(
        f"footnote_{name}",
        html=f'<div class="{root}"></div>',
        css=part(f"{name}.css"),
        js=part("element.js") + part(f"{name}.js"),
    )


turn_part = component("turn", "turn")
source_part = component("source", "pane")
documents_part = component("documents", "documents")


@st.cache_resource(show_spinner="Opening the library…")
def desk_of(folder: str) -> Desk:
    desk = Desk(Library.open(Path(folder), Settings.read()))
    atexit.register(desk.close)
    return desk


def main() -> None:
    st.set_page_config("Footnote", PARTS / "icon.svg", layout="wide")
    st.html(PARTS / "page.css")
    try:
        desk = desk_of(sys.argv[1])
        draw(desk)
    except FootnoteError as error:
        st.error(label(str(error)))
        st.button("Try again", key="again")


def draw(desk: Desk) -> None:
    conversation = st.query_params.get("c", "")
    turns = desk.library.history.turns(conversation) if conversation else ()
    with st.sidebar:
        draw_conversations(desk, conversation)
        at_rest = not desk.sync.running
        st.fragment(draw_documents, run_every=IDLE_EVERY if at_rest else SYNC_EVERY)(desk, seen=stand(desk))
    draw_notice(desk)
    draw_unsent(desk, conversation)
    if not turns:
        draw_welcome(desk)
    for turn in turns:
        going_on = is_being_written(desk, turn)
        st.fragment(draw_turn, run_every=STREAM_EVERY if going_on else None)(
            desk, conversation, turn, was_going_on=going_on
        )
    draw_source(desk, turns)
    if question := st.chat_input("Ask the documents", key="question"):
        ask(desk, conversation, question)


def ask(desk: Desk, conversation: str, question: str) -> None:
    """Store the question, begin its answer, and show both. A question that cannot be stored stays on the page."""
    history = desk.library.history
    try:
        if not history.turns(conversation):
            conversation = history.start()
        turn = history.add_question(conversation, question)
    except FootnoteError as error:
        st.session_state.unsent = (question, str(error))
    else:
        st.session_state.pop("unsent", None)
        st.session_state.opened = None
        desk.write(conversation, turn, question)
        st.query_params["c"] = conversation
    st.rerun()


def draw_unsent(desk: Desk, conversation: str) -> None:
    if "unsent" in st.session_state:
        question, problem = st.session_state.unsent
        turn_part(key="unsent", data=view.turn(question, None, writing=False, aged=lambda _: "", opened=None))
        st.error(label(problem))
        if st.button("Ask again", key="ask-unsent"):
            ask(desk, conversation, question)


def draw_welcome(desk: Desk) -> None:
    files = desk.library.files()
    st.markdown(f"## Ask {label(desk.library.folder.name)}")
    if any(file.passages for file in files):
        st.markdown(
            f"You can ask {view.readable(files)}. Every sentence of an answer carries a footnote; "
            "a click on it opens the source at the words cited."
        )
        endpoint = Settings.read().endpoint
        st.markdown(
            f"Questions and the passages found for them go to the model at {label(endpoint.base_url)}."
            if endpoint
            else "No model is set up: answers are the documents' own words, and nothing leaves this machine."
        )
    elif desk.sync.running:
        st.markdown("The documents are being read for the first time. You can ask as soon as some are done.")
    else:
        st.markdown(
            f"The folder {label(str(desk.library.folder))} holds no document that can be read. "
            "Put documents there, then press Reindex."
        )


def draw_notice(desk: Desk) -> None:
    if notice := desk.library.history.take_notice():
        st.session_state.notice = notice
    if "notice" in st.session_state:
        st.warning(label(st.session_state.notice))


def draw_turn(desk: Desk, conversation: str, turn: Turn, *, was_going_on: bool) -> None:
    """A question with its answer: the one way an answer gets onto the page."""
    writing = desk.writing(turn.id)
    answer = writing.answer if writing else turn.answer
    going_on = writing is not None and not writing.done
    if was_going_on and not going_on:
        st.rerun()
    key = f"turn-{turn.id}"
    opened = st.session_state.get("opened")

    def open_source() -> None:
        clicked = st.session_state[key]["open"]
        show(view.Opened(turn.id, bool(clicked["closest"]), int(clicked["at"])))

    clicked = turn_part(
        key=key,
        data=view.turn(
            turn.question,
            answer,
            writing=going_on,
            aged=lambda citation: age(desk, citation),
            opened=opened if opened and opened.turn == turn.id else None,
        ),
        on_open_change=open_source,
    )
    if clicked.open:
        st.rerun()  # the source is outside of this fragment
    if writing and going_on:
        st.button("Stop", key=f"stop-{turn.id}", icon=":material/stop:", on_click=writing.stop)
        return
    if answer is not None and answer.complete and not answer.notice:
        return
    notice = answer.notice if answer else ""
    if notice == STOPPED:
        st.caption(STOPPED)
    elif answer is not None and answer.complete:
        st.warning(label(notice))
    else:
        st.error(label(notice or "This question was not answered to its end."))
    st.button(
        "Ask again",
        key=f"retry-{turn.id}",
        icon=":material/refresh:",
        on_click=desk.write,
        args=(conversation, turn.id, turn.question),
    )


def draw_source(desk: Desk, turns: tuple[Turn, ...]) -> None:
    opened: view.Opened | None = st.session_state.get("opened")
    if opened is None:
        return
    answer = next((current_answer(desk, turn) for turn in turns if turn.id == opened.turn), None)
    citations = opened.among(answer) if answer else ()
    if opened.at >= len(citations):
        return
    citation = citations[opened.at]
    st.html(PARTS / "beside.css")
    with st.container(key="source-pane"):
        with st.container(key="source-head", horizontal=True, vertical_alignment="center", gap="xsmall"):
            step("Previous", opened, -1, len(citations))
            step("Next", opened, 1, len(citations))
            original = desk.original(citation.source)
            if original:
                st.download_button(
                    "Original",
                    original.read_bytes,
                    plain(original.name),
                    "application/octet-stream",
                    key="original",
                    on_click="ignore",
                    help="Download the original file",
                )
            st.button("Close", key="close-source", on_click=show, args=(None,))
        with st.container(key="source-body"):
            source_part(
                key="source",
                data=view.source(
                    citation,
                    desk.library.document(citation.source),
                    age(desk, citation),
                    closest=opened.closest,
                    context=st.session_state.get("context", view.CONTEXT),
                ),
                on_more_change=show_more,
                on_leave_change=lambda: show(None),
            )


def step(name: str, opened: view.Opened, by: int, count: int) -> None:
    to = opened.at + by
    st.button(
        name,
        key=name.lower(),
        disabled=not 0 <= to < count,
        on_click=show,
        args=(view.Opened(opened.turn, opened.closest, to),),
        help=f"{name} footnote",
    )


def show(opened: view.Opened | None) -> None:
    st.session_state.opened = opened
    st.session_state.context = view.CONTEXT


def show_more() -> None:
    st.session_state.context = 4 * st.session_state.get("context", view.CONTEXT)


def draw_conversations(desk: Desk, current: str) -> None:
    st.markdown("# Footnote")
    st.caption(label(str(desk.library.folder)))
    st.button("New conversation", key="new", icon=":material/add:", width="stretch", on_click=turn_to, args=("",))
    conversations = desk.library.history.conversations()
    listed = conversations if st.session_state.get("list_all") else conversations[:CONVERSATIONS_LISTED]
    with st.container(key="conversations", gap="xxsmall"):
        for conversation in listed:
            if conversation.id == current:
                draw_current(desk, conversation)
            else:
                st.button(
                    label(conversation.title),
                    key=f"conversation-{conversation.id}",
                    type="tertiary",
                    wrap=False,
                    on_click=turn_to,
                    args=(conversation.id,),
                )
    if len(conversations) > len(listed):
        st.button(f"Show all {len(conversations)}", key="all", type="tertiary", on_click=list_all)


def list_all() -> None:
    st.session_state.list_all = True


def draw_current(desk: Desk, conversation: Conversation) -> None:
    history = desk.library.history

    def rename() -> None:
        history.rename(conversation.id, st.session_state[f"title-{conversation.id}"])

    def delete() -> None:
        history.delete(conversation.id)
        turn_to("")

    with st.popover(label(conversation.title), key="current", width="stretch", help="Rename or delete"):
        st.text_input("Title", conversation.title, key=f"title-{conversation.id}", on_change=rename)
        st.button("Delete this conversation", key="delete", icon=":material/delete:", on_click=delete)


def turn_to(conversation: str) -> None:
    show(None)
    if conversation:
        st.query_params["c"] = conversation
    else:
        st.query_params.pop("c", None)


def draw_documents(desk: Desk, *, seen: tuple[bool, int]) -> None:
    """The index and its documents. When either moved on since the page was drawn, all of the page is drawn again."""
    if stand(desk) != seen:
        st.rerun()
    sync = desk.sync
    st.markdown("#### Documents")
    if sync.running:
        share, words = view.progress(sync.progress)
        st.progress(share, label(words))
        if sync.progress:
            st.caption(label(sync.progress.source))
    elif sync.error:
        st.error(label(sync.error))
    st.button("Reindex", key="reindex", icon=":material/sync:", disabled=sync.running, on_click=desk.start_sync)
    documents_part(key="documents", data=view.documents(desk.library.files()))


def stand(desk: Desk) -> tuple[bool, int]:
    return desk.sync.running, desk.library.generation


def is_being_written(desk: Desk, turn: Turn) -> bool:
    writing = desk.writing(turn.id)
    return writing is not None and not writing.done


def current_answer(desk: Desk, turn: Turn) -> Answer | None:
    writing = desk.writing(turn.id)
    return writing.answer if writing else turn.answer


def age(desk: Desk, citation: Citation) -> str:
    if desk.library.is_current(citation):
        return ""
    return view.CHANGED if desk.library.document(citation.source) else view.GONE


if __name__ == "__main__":
    main()
