"""What the page's address says: the conversation and the footnote that is open. So a reload shows the same, and the
address can be kept as a link to it.

    ?c=<conversation>            a conversation
    &t=<turn>&f=<number>         the footnote of an answer in it
    &t=<turn>&p=<number>         one of the closest passages, where there is no answer
    &d=<source>&s=<start>&e=<end>  a document, at words that no answer cites; without s and e, from its beginning
    &v=library, &v=settings      the library or the settings in place of the conversation
"""

from __future__ import annotations

import streamlit as st

from ui.view import CONTEXT, Excerpt, Opened

LIBRARY, SETTINGS = "library", "settings"

_OPENED = ("t", "f", "p", "d", "s", "e")


def keep() -> None:
    """Take the address as what the person wants to see. Called where a page begins to be drawn."""
    st.session_state.address = st.query_params.to_dict()


def restore() -> None:
    """Go back to the address that the page was drawn for. Called where a part of the page is drawn alone.

    A timer in the browser asks for that with the address that the browser has at that moment, which a click that is still
    on its way has left behind. A page drawn anew from there would close what the person has just opened.
    """
    if st.query_params.to_dict() != st.session_state.address:
        st.query_params.from_dict(st.session_state.address)


def conversation() -> str:
    return str(st.query_params.get("c", ""))


def turn_to(conversation: str) -> None:
    """Show a conversation, or with an empty id the page where one begins."""
    _set({"c": conversation} if conversation else {})


def view() -> str:
    """What is shown in place of the conversation: LIBRARY, SETTINGS, or nothing."""
    named = st.query_params.get("v", "")
    return named if named in (LIBRARY, SETTINGS) else ""


def go_to(view: str) -> None:
    """Show a view, or with an empty name the conversation again."""
    kept = {name: value for name, value in _kept().items() if name != "v"}
    _set(kept | ({"v": view} if view else {}))
    st.session_state.pop("settings-said", None)


def opened() -> Opened | Excerpt | None:
    """The footnote, or the place in a document, whose source is open."""
    if source := st.query_params.get("d", ""):
        return Excerpt(source, _number("s"), _number("e"))
    turn = _number("t")
    for name in ("f", "p"):
        if turn and (number := _number(name)):
            return Opened(turn, name == "p", number - 1)
    return None


def show(opened: Opened | Excerpt | None) -> None:
    """Open the source of a footnote or a document, or close the one that is open."""
    match opened:
        case None:
            named = {}
        case Opened(turn, closest, at):
            named = {"t": str(turn), "p" if closest else "f": str(at + 1)}
        case Excerpt(source, start, end):
            named = {"d": source} | ({"s": str(start), "e": str(end)} if end else {})
    _set(_kept() | named)
    st.session_state.context = CONTEXT


def _set(named: dict[str, str]) -> None:
    st.query_params.from_dict(named)
    keep()


def _kept() -> dict[str, str]:
    """What the address says beside the source that is open."""
    return {name: value for name, value in st.query_params.to_dict().items() if name not in _OPENED}


def _number(name: str) -> int:
    text = st.query_params.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else 0
