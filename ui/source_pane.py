"""The source beside the answer: opened at the words of a footnote, and walked through from one to the next; or at words
that were searched for, or at its beginning."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from assistant.footnotes import cite_document
from assistant.history import Turn
from assistant.types import Citation, Document
from ui import address, view
from ui.answers import age, current_answer
from ui.components import PARTS, part
from ui.desk import Desk
from ui.markup import label, plain

NOT_THERE = "The place that this address leads to is not there any more."


@dataclass(frozen=True, slots=True)
class Shown:
    """What the pane shows: a citation in a document as it is indexed now, and how old the citation is."""

    citation: Citation
    document: Document | None
    age: str = ""
    closest: bool = False


def draw_source(desk: Desk, turns: tuple[Turn, ...]) -> None:
    opened = address.opened()
    if opened is None:
        return
    steps = steps_of(desk, turns, opened)
    shown = found(desk, opened, steps)
    if shown is None:
        st.info(NOT_THERE)
        return
    st.html(PARTS / "beside.css")
    with st.container(key="source-pane"):
        with st.container(key="source-head", horizontal=True, vertical_alignment="center", gap="xsmall"):
            if isinstance(opened, view.Opened):
                step("Previous", opened, -1, len(steps))
                step("Next", opened, 1, len(steps))
            draw_original(desk, shown.citation.source)
            st.button("Close", key="close-source", on_click=address.show, args=(None,))
        with st.container(key="source-body"):
            if shown.document is None and not shown.citation.quote:
                st.markdown(f"**{label(shown.citation.source)}**")
                st.info(label(reason(desk, shown.citation.source)))
                return
            part("source")(
                key="source",
                data=view.source(
                    shown.citation,
                    shown.document,
                    shown.age,
                    closest=shown.closest,
                    context=st.session_state.get("context", view.CONTEXT),
                ),
                on_more_change=show_more,
                on_leave_change=lambda: address.show(None),
            )


def steps_of(desk: Desk, turns: tuple[Turn, ...], opened: view.Opened | view.Excerpt) -> tuple[Citation, ...]:
    """The citations that previous and next walk through."""
    if isinstance(opened, view.Excerpt):
        return ()
    answer = next((current_answer(desk, turn) for turn in turns if turn.id == opened.turn), None)
    return opened.among(answer) if answer else ()


def found(desk: Desk, opened: view.Opened | view.Excerpt, steps: tuple[Citation, ...]) -> Shown | None:
    """What `opened` leads to; None when it is gone."""
    if isinstance(opened, view.Opened):
        if opened.at >= len(steps):
            return None
        citation = steps[opened.at]
        return Shown(citation, desk.library.document(citation.source), age(desk, citation), opened.closest)
    document = desk.library.document(opened.source)
    if document is None:
        known = any(file.source == opened.source for file in desk.library.files())
        return Shown(cite_document(Document(opened.source, "", ""), 0, 0), None) if known else None
    if not opened.start <= opened.end <= len(document.text):
        return None
    return Shown(cite_document(document, opened.start, opened.end), document)


def reason(desk: Desk, source: str) -> str:
    """Why a file has no text."""
    return next((file.reason for file in desk.library.files() if file.source == source), "") or "It was not read yet."


def draw_original(desk: Desk, source: str) -> None:
    if original := desk.original(source):
        st.download_button(
            "Original",
            original.read_bytes,
            plain(original.name),
            "application/octet-stream",
            key="original",
            on_click="ignore",
            help="Download the original file",
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
