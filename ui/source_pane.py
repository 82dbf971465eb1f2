"""The source beside the answer: opened at the words of a footnote, and walked through from one to the next; or at words
that were searched for, or at its beginning."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import streamlit as st

from assistant.errors import FootnoteError
from assistant.footnotes import cite_document
from assistant.grid import grid
from assistant.history import Turn
from assistant.library import page_spans
from assistant.types import Citation, Document
from ui import address, view
from ui.answers import age, current_answer
from ui.components import PARTS, part
from ui.desk import Desk
from ui.markup import label, plain

PAGE, TABLE, TEXT = "Page", "Table", "Text"

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
            form = choose_form(shown)
            draw_original(desk, shown.citation.source)
            st.button("Close", key="close-source", on_click=address.show, args=(None,))
        with st.container(key="source-body"):
            if shown.document is None and not shown.citation.quote:
                st.markdown(f"**{label(shown.citation.source)}**")
                st.info(label(reason(desk, shown.citation.source)))
                return
            part("source")(
                key="source",
                data=data_of(desk, shown, form),
                on_more_change=show_more,
                on_leave_change=lambda: address.show(None),
                on_step_change=lambda: take_step(opened, len(steps)),
            )


def choose_form(shown: Shown) -> str:
    """How the document is shown: as the person chooses, where it has more forms than its text."""
    document, citation = shown.document, shown.citation
    if document is None or shown.age:
        return TEXT
    if page_spans(document, citation.start, citation.end):
        form = PAGE
    elif (found := grid(document, citation.start, citation.end)) and any(row.cited for row in found.rows):
        form = TABLE
    else:
        return TEXT
    chosen = st.segmented_control(
        "Shown as", [form, TEXT], default=form, required=True, key=f"form-{form}", label_visibility="collapsed"
    )
    return chosen or form


def data_of(desk: Desk, shown: Shown, form: str) -> dict[str, Any]:
    """What the pane draws."""
    citation, document, note = shown.citation, shown.document, ""
    if document is not None and form == PAGE:
        try:
            return view.pages(citation, document, desk.library.pages(citation, document), closest=shown.closest)
        except FootnoteError as error:
            note = str(error)
    if document is not None and form == TABLE and (found := grid(document, citation.start, citation.end)):
        return view.table(citation, document, found, closest=shown.closest)
    context = st.session_state.get("context", view.CONTEXT)
    drawn = view.source(citation, document, shown.age, closest=shown.closest, context=context)
    return drawn | {"note": drawn["note"] or note}


def take_step(opened: view.Opened | view.Excerpt, count: int) -> None:
    """Go to the next footnote or the one before, as a key asked."""
    if isinstance(opened, view.Opened):
        to = opened.at + (1 if st.session_state["source"]["step"] == "next" else -1)
        if 0 <= to < count:
            address.show(view.Opened(opened.turn, opened.closest, to))


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
    if original := desk.library.shelf.original(source):
        st.download_button(
            "Original",
            partial(original_bytes, desk, source),
            plain(original.name),
            "application/octet-stream",
            key="original",
            on_click="ignore",
            help="Download the original file",
        )


def original_bytes(desk: Desk, source: str) -> bytes:
    original = desk.library.shelf.original(source)
    return original.read_bytes() if original else b""


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
