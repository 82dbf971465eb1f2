"""The list of conversations: turned to, searched, renamed, exported, deleted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import streamlit as st

from assistant.exporting import conversation_json, conversation_markdown
from assistant.history import Conversation, Turn
from ui import address, view
from ui.desk import Desk
from ui.markup import label

LISTED = 30
EXCERPT = 120
"""Conversations listed until all are asked for, and characters shown of what was found in one."""


def exported(desk: Desk, conversation: Conversation, written: Callable[[Conversation, Sequence[Turn]], str]) -> str:
    return written(conversation, desk.history.turns(conversation.id))


def draw_conversations(desk: Desk, current: str) -> None:
    st.button(
        "New conversation", key="new", icon=":material/add:", width="stretch", on_click=address.turn_to, args=("",)
    )
    conversations = desk.history.conversations()
    if not conversations:
        return
    words = st.text_input(
        "Search conversations", key="searched", placeholder="Search conversations", label_visibility="collapsed"
    )
    if words.strip():
        draw_found(desk, words)
        return
    listed = conversations if st.session_state.get("list_all") else conversations[:LISTED]
    with st.container(key="conversations", gap="xxsmall"):
        for conversation in listed:
            if conversation.id == current:
                draw_current(desk, conversation)
            else:
                draw_entry(conversation)
    if len(conversations) > len(listed):
        st.button(f"Show all {len(conversations)}", key="all", type="tertiary", on_click=list_all)


def draw_found(desk: Desk, words: str) -> None:
    found = desk.history.search(words)
    with st.container(key="conversations", gap="xxsmall"):
        for one in found[:LISTED]:
            draw_entry(one.conversation)
            if one.excerpt and one.excerpt != one.conversation.title:
                st.caption(label(view.clipped(one.excerpt, EXCERPT)))
    if len(found) > LISTED:
        st.caption(f"and {len(found) - LISTED} more. Add a word to narrow the search.")
    elif not found:
        st.caption("No conversation holds these words.")


def draw_entry(conversation: Conversation) -> None:
    st.button(
        label(conversation.title),
        key=f"conversation-{conversation.id}",
        type="tertiary",
        wrap=False,
        on_click=address.turn_to,
        args=(conversation.id,),
    )


def list_all() -> None:
    st.session_state.list_all = True


def draw_current(desk: Desk, conversation: Conversation) -> None:
    def rename() -> None:
        desk.history.rename(conversation.id, st.session_state[f"title-{conversation.id}"])

    def delete() -> None:
        desk.history.delete(conversation.id)
        address.turn_to("")

    with st.popover(label(conversation.title), key="current", width="stretch", help="Rename, export or delete"):
        st.text_input("Title", conversation.title, key=f"title-{conversation.id}", on_change=rename)
        name = view.file_name(conversation.title)
        for ending, mime, written in (
            ("md", "text/markdown", conversation_markdown),
            ("json", "application/json", conversation_json),
        ):
            st.download_button(
                f"Export as {'Markdown' if ending == 'md' else 'JSON'}",
                partial(exported, desk, conversation, written),
                f"{name}.{ending}",
                mime,
                key=f"export-{ending}",
                icon=":material/download:",
                on_click="ignore",
                width="stretch",
            )
        st.button("Delete this conversation", key="delete", icon=":material/delete:", on_click=delete, width="stretch")
