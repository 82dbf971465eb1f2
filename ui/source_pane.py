"""The source beside the answer: opened at the words of a footnote, and walked through from one to the next."""

from __future__ import annotations

import streamlit as st

from assistant.history import Turn
from ui import address, view
from ui.answers import age, current_answer
from ui.components import PARTS, part
from ui.desk import Desk
from ui.markup import plain

NOT_THERE = "The footnote that this address leads to is not there any more."


def draw_source(desk: Desk, turns: tuple[Turn, ...]) -> None:
    opened = address.opened()
    if opened is None:
        return
    answer = next((current_answer(desk, turn) for turn in turns if turn.id == opened.turn), None)
    citations = opened.among(answer) if answer else ()
    if opened.at >= len(citations):
        st.info(NOT_THERE)
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
            st.button("Close", key="close-source", on_click=address.show, args=(None,))
        with st.container(key="source-body"):
            part("source")(
                key="source",
                data=view.source(
                    citation,
                    desk.library.document(citation.source),
                    age(desk, citation),
                    closest=opened.closest,
                    context=st.session_state.get("context", view.CONTEXT),
                ),
                on_more_change=show_more,
                on_leave_change=lambda: address.show(None),
            )


def step(name: str, opened: view.Opened, by: int, count: int) -> None:
    to = opened.at + by
    st.button(
        name,
        key=name.lower(),
        disabled=not 0 <= to < count,
        on_click=address.show,
        args=(view.Opened(opened.turn, opened.closest, to),),
        help=f"{name} footnote",
    )


def show_more() -> None:
    st.session_state.context = 4 * st.session_state.get("context", view.CONTEXT)
