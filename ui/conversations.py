"""The list of conversations: turned to, renamed, deleted."""

from __future__ import annotations

import streamlit as st

from assistant.history import Conversation
from ui import address
from ui.desk import Desk
from ui.markup import label

LISTED = 30


def draw_conversations(desk: Desk, current: str) -> None:
    st.button(
        "New conversation", key="new", icon=":material/add:", width="stretch", on_click=address.turn_to, args=("",)
    )
    conversations = desk.library.history.conversations()
    listed = conversations if st.session_state.get("list_all") else conversations[:LISTED]
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
                    on_click=address.turn_to,
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
        address.turn_to("")

    with st.popover(label(conversation.title), key="current", width="stretch", help="Rename or delete"):
        st.text_input("Title", conversation.title, key=f"title-{conversation.id}", on_change=rename)
        st.button("Delete this conversation", key="delete", icon=":material/delete:", on_click=delete)
