"""The library: the folder's files, searched, added to, removed from and put back."""

from __future__ import annotations

from typing import Any

import streamlit as st

from assistant.errors import FootnoteError, NameTaken
from assistant.evaluation import rated_cases
from assistant.shelf import MOST_BYTES, Removed
from ui import address, view
from ui.components import part
from ui.desk import Desk
from ui.markup import label, plain

HITS = 20


def draw_library(desk: Desk) -> None:
    files = desk.library.files()
    st.markdown(f"## Library of {label(desk.library.folder.name)}")
    if desk.visit.may_edit:
        draw_undo(desk)
    draw_search(desk)
    if desk.visit.may_edit:
        draw_upload(desk)
        draw_taken(desk)
    st.markdown("#### Files")
    draw_files(desk)
    draw_picture(desk)
    if desk.visit.may_edit:
        draw_trash(desk)
    draw_ratings(desk)
    if (
        desk.visit.may_edit
        and (removing := st.session_state.get("removing"))
        and any(file.source == removing for file in files)
    ):
        confirm(desk, removing)  # drawn again with the page, which would close it otherwise


def draw_search(desk: Desk) -> None:
    words = st.text_input(
        "Search inside the documents", key="search-documents", placeholder="Search inside the documents"
    )
    if not words.strip():
        return
    found = desk.library.find(words, HITS)

    def open_hit() -> None:
        at = int(st.session_state["hits"]["open"])
        if at < len(found):
            address.show(view.Excerpt(found[at].source, found[at].start, found[at].end))

    if found:
        part("hits")(key="hits", data=view.hits(found), on_open_change=open_hit)
    else:
        st.caption("No document was read yet.")


def draw_files(desk: Desk) -> None:
    name, order = st.columns([2, 1])
    wanted = name.text_input("Show files whose name holds", key="named")
    by = order.selectbox("Order", view.ORDERS, key="order")

    def act() -> None:
        done: dict[str, Any] = st.session_state["files"]["act"]
        if done["what"] == "open":
            address.show(view.Excerpt(str(done["source"])))
        else:
            st.session_state.removing = str(done["source"])

    part("files")(
        key="files",
        data=view.listing(desk.library.files(), wanted, by, editable=desk.visit.may_edit),
        on_act_change=act,
    )


def draw_upload(desk: Desk) -> None:
    """What is dropped is put into the folder at once, except where a file would be overwritten."""
    batch = st.session_state.setdefault("batch", 0)
    dropped = st.file_uploader(
        f"Add documents: files dropped here, of up to {MOST_BYTES // 2**20} MB each, are copied into the folder",
        accept_multiple_files=True,
        key=f"upload-{batch}",
        max_upload_size=MOST_BYTES // 2**20,
    )
    for message in st.session_state.pop("added", ()):
        st.caption(label(message))
    if dropped:
        messages = []
        taken = st.session_state.setdefault("taken", [])
        for file in dropped:
            try:
                messages.append(f"{desk.shelf.add(file.name, file.getvalue())} was added.")
            except NameTaken:
                taken.append((file.name, file.getvalue()))
            except FootnoteError as error:
                messages.append(str(error))
        st.session_state.added = messages
        st.session_state.batch = batch + 1  # an uploader of its own, so that what was taken is not offered again
        desk.start_sync()
        st.rerun()


def draw_taken(desk: Desk) -> None:
    """Dropped files whose name is in use: the person says what is to be done."""
    for at, (name, data) in enumerate(st.session_state.get("taken", ())):
        with st.container(key=f"taken-{at}", horizontal=True, vertical_alignment="center"):
            st.markdown(f"**{label(name)}** is in the folder already.")
            for act in ("Replace", "Keep both", "Leave out"):
                st.button(act, key=f"{act}-{at}", on_click=settle, args=(desk, at, name, data, act))


def settle(desk: Desk, at: int, name: str, data: bytes, act: str) -> None:
    del st.session_state.taken[at]
    try:
        shelf = desk.shelf
        if act == "Replace":
            st.session_state.added = [
                f"{shelf.add(name, data, replace=True)} was replaced. The old one is in the trash."
            ]
        elif act == "Keep both":
            st.session_state.added = [f"{shelf.add(shelf.free_name(name), data)} was added."]
    except FootnoteError as error:
        st.session_state.added = [str(error)]
    desk.start_sync()


def keep() -> None:
    st.session_state.removing = ""


@st.dialog("Remove this document?", on_dismiss=keep)
def confirm(desk: Desk, source: str) -> None:
    st.markdown(
        f"**{label(source)}** leaves the folder, and no answer rests on it any more. "
        "It stays in Footnote's trash, from where you can put it back."
    )
    with st.container(horizontal=True):
        if st.button("Remove", key="confirm-remove", type="primary"):
            try:
                st.session_state.undo = desk.shelf.remove(source)
            except FootnoteError as error:
                st.error(label(str(error)))
                return
            desk.start_sync()
            address.show(None)
            keep()
            st.rerun()
        if st.button("Cancel", key="cancel-remove"):
            keep()
            st.rerun()


def draw_undo(desk: Desk) -> None:
    if problem := st.session_state.pop("not-put-back", ""):
        st.error(label(problem))
    removed: Removed | None = st.session_state.get("undo")
    if removed is not None:
        with st.container(key="undo", horizontal=True, vertical_alignment="center"):
            st.markdown(f"{label(removed.source)} was removed.")
            st.button("Undo", key="undo-remove", on_click=put_back, args=(desk, removed))


def put_back(desk: Desk, removed: Removed) -> None:
    try:
        desk.shelf.put_back(removed)
    except FootnoteError as error:
        st.session_state["not-put-back"] = str(error)
    else:
        if st.session_state.get("undo") == removed:
            del st.session_state.undo
        desk.start_sync()


def draw_picture(desk: Desk) -> None:
    history = desk.history
    charts = view.collection(desk.library.files(), history.conversations(), history.cited())
    if charts:
        with st.expander("A picture of the collection"):
            part("collection")(key="collection", data=charts)


def draw_trash(desk: Desk) -> None:
    trash = desk.library.shelf.removed()
    if not trash:
        return
    with st.expander(f"Trash ({len(trash)})"):
        for removed in trash:
            with st.container(horizontal=True, vertical_alignment="center"):
                st.markdown(f"{label(removed.source)}, {view.size(removed.size)}, {view.day(removed.removed_at)}")
                st.button("Put back", key=f"back-{removed.id}", on_click=put_back, args=(desk, removed))
        st.button("Delete all of it for good", key="empty-trash", on_click=empty_trash, args=(desk,))


def empty_trash(desk: Desk) -> None:
    st.session_state.pop("undo", None)
    try:
        desk.shelf.empty_trash()
    except FootnoteError as error:
        st.session_state["not-put-back"] = str(error)


def draw_ratings(desk: Desk) -> None:
    rated = desk.history.rated()
    if not rated:
        return
    with st.expander(f"Your ratings ({len(rated)})"):
        st.markdown(
            "Answers you rated are a test of what Footnote makes of this folder: download them and run "
            "`footnote eval` on the file. Of a bad answer, write down what to expect."
        )
        st.download_button(
            "Download as questions for footnote eval",
            lambda: rated_cases(desk.history.rated()),
            f"{plain(desk.library.folder.name)}-questions.jsonl",
            "application/jsonl",
            key="ratings",
            on_click="ignore",
        )
