"""What the page's address says: the conversation and the footnote that is open. So a reload shows the same, and the
address can be kept as a link to it.

    ?c=<conversation>            a conversation
    &t=<turn>&f=<number>         the footnote of an answer in it
    &t=<turn>&p=<number>         one of the closest passages, where there is no answer
"""

from __future__ import annotations

import streamlit as st

from ui.view import CONTEXT, Opened

_OPENED = ("t", "f", "p")


def conversation() -> str:
    return str(st.query_params.get("c", ""))


def turn_to(conversation: str) -> None:
    """Show a conversation, or with an empty id the page where one begins."""
    st.query_params.from_dict({"c": conversation} if conversation else {})


def opened() -> Opened | None:
    """The footnote whose source is open."""
    turn = _number("t")
    for name in ("f", "p"):
        if turn and (number := _number(name)):
            return Opened(turn, name == "p", number - 1)
    return None


def show(opened: Opened | None) -> None:
    """Open the source of a footnote, or close the one that is open."""
    kept = {name: value for name, value in st.query_params.to_dict().items() if name not in _OPENED}
    if opened is not None:
        kept |= {"t": str(opened.turn), "p" if opened.closest else "f": str(opened.at + 1)}
    st.query_params.from_dict(kept)
    st.session_state.context = CONTEXT


def _number(name: str) -> int:
    text = st.query_params.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else 0
